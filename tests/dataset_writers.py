"""The same pictures and captions in every layout that a source reads."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Given:
    """One sample: a file name, the picture's bytes, its caption."""

    name: str
    data: bytes
    caption: str

    @property
    def stem(self) -> str:
        return self.name.partition(".")[0]


Writer = Callable[[Path, list[Given]], Any]


def members(samples: list[Given]) -> list[tuple[str, bytes]]:
    """The files of a WebDataset shard, or of a folder with sidecars."""
    return [pair for one in samples for pair in ((one.name, one.data), (f"{one.stem}.txt", one.caption.encode()))]


def rows(samples: list[Given], column: str = "file_name", folder: str = "") -> list[dict[str, str]]:
    return [{column: folder + one.name, "caption": one.caption} for one in samples]


def tar(path: Path, files: Iterable[tuple[str, bytes]], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, files: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def table(path: Path, records: list[dict[str, str]]) -> bytes:
    if path.suffix == ".jsonl":
        return "".join(json.dumps(record) + "\n" for record in records).encode()
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


def fill(folder: Path, samples: list[Given]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for one in samples:
        (folder / one.name).write_bytes(one.data)
    return folder


def arrow_table(samples: list[Given], layout: str) -> pa.Table:
    """A table with the pictures in one of the layouts "struct", "binary", "list"."""
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells: list[Any] = [{"bytes": one.data, "path": one.name} for one in samples]
    columns: Mapping[str, pa.Array] = {
        "struct": {"image": pa.array(cells, struct)},
        "list": {"images": pa.array([[cell] for cell in cells], pa.list_(struct))},
        "binary": {
            "jpg": pa.array([one.data for one in samples], pa.binary()),
            "file_name": pa.array([one.name for one in samples]),
        },
    }[layout]
    return pa.table({**columns, "caption": pa.array([one.caption for one in samples])})


def coco(path: Path, samples: list[Given], **image: object) -> Path:
    content = {
        "info": {"description": "a test"},
        "images": [{"id": n, "file_name": one.name, "license": 4, **image} for n, one in enumerate(samples)],
        "annotations": [
            {"id": n, "image_id": n, "caption": one.caption, "segmentation": [[0.5, 1.5]]}
            for n, one in reversed(list(enumerate(samples)))
        ],
        "licenses": [{"id": 4, "name": "Attribution", "url": "https://creativecommons.org/licenses/by/2.0/"}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def saved(folder: Path, samples: list[Given]) -> Path:
    """What `datasets.save_to_disk` writes, written by pyarrow."""
    folder.mkdir(parents=True)
    half = len(samples) // 2
    names = []
    for number, part in enumerate((samples[:half], samples[half:])):
        name = f"data-{number:05d}-of-00002.arrow"
        content = arrow_table(part, "struct")
        with pa.ipc.new_stream(str(folder / name), content.schema) as writer:
            writer.write_table(content, max_chunksize=2)
        names.append({"filename": name})
    (folder / "state.json").write_text(json.dumps({"_data_files": names}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def dataset(samples: list[Given]) -> Any:
    """A `datasets.Dataset` whose column of pictures has the feature Image."""
    import datasets

    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    return datasets.Dataset(arrow_table(samples, "struct").cast(features.arrow_schema)).cast(features)


def _folder(root: Path, samples: list[Given]) -> Path:
    for name, data in members(samples):
        (root / name).write_bytes(data)
    return root


def _folder_table(root: Path, samples: list[Given]) -> Path:
    fill(root, samples)
    (root / "metadata.csv").write_bytes(table(Path("metadata.csv"), rows(samples)))
    return root


def _shards(root: Path, samples: list[Given]) -> Path:
    for number, part in enumerate((samples[:2], samples[2:])):
        tar(root / f"{number:03d}.tar", members(part), form=tarfile.GNU_FORMAT)
    return root


def _paths(suffix: str) -> Writer:
    def write(root: Path, samples: list[Given]) -> Path:
        fill(root / "pictures", samples)
        path = root / f"data{suffix}"
        records = rows(samples, "image_path", "pictures/")
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(records), path)
        else:
            path.write_bytes(table(path, records))
        return path

    return write


def _coco(root: Path, samples: list[Given]) -> Path:
    fill(root / "val2017", samples)
    return coco(root / "annotations" / "captions_val2017.json", samples)


def _coco_folder(root: Path, samples: list[Given]) -> Path:
    _coco(root, samples)
    return root


def _parquet(layout: str) -> Writer:
    def write(root: Path, samples: list[Given]) -> Path:
        pq.write_table(arrow_table(samples, layout), root / "train.parquet", row_group_size=3)
        return root / "train.parquet"

    return write


def _parquet_folder(root: Path, samples: list[Given]) -> Path:
    (root / "data").mkdir()
    for number, part in enumerate((samples[:2], samples[2:])):
        pq.write_table(arrow_table(part, "struct"), root / "data" / f"train-{number}.parquet")
    return root


def _splits(root: Path, samples: list[Given]) -> Path:
    saved(root / "train", samples)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    return root


def takeout(samples: list[Given]) -> list[tuple[str, bytes]]:
    """The files of a Google Takeout. Time and place are those of pictures that have none."""
    folder = "Takeout/Google Photos/Photos from 2020"
    found = []
    for one in samples:
        about = {
            "title": one.name,
            "description": one.caption,
            "imageViews": "4155550133",
            "photoTakenTime": {"timestamp": "1600000000", "formatted": "Sep 13, 2020"},
            "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
        }
        name = f"{one.name}.supplemental-metadata"[:46]
        found += [(f"{folder}/{one.name}", one.data), (f"{folder}/{name}.json", json.dumps(about).encode())]
    return found


def broken(text: str) -> str:
    """Text as Meta writes it: each byte of its UTF-8 as a character."""
    return text.encode().decode("latin-1")


def instagram(samples: list[Given]) -> list[tuple[str, bytes]]:
    """The files of an Instagram download."""
    posts = [
        {"media": [{"uri": f"media/posts/202001/{one.name}", "creation_timestamp": 1600000000, "title": ""}]}
        | {"title": broken(one.caption), "creation_timestamp": 1600000000}
        for one in samples
    ]
    return [
        *((f"media/posts/202001/{one.name}", one.data) for one in samples),
        ("your_instagram_activity/media/posts_1.json", json.dumps(posts).encode()),
    ]


def facebook(samples: list[Given]) -> list[tuple[str, bytes]]:
    """The files of a Facebook download. Every picture is in a post and in an album."""
    top = "your_facebook_activity/posts"
    photos = [{"uri": f"{top}/media/m/{one.name}", "creation_timestamp": 1600000000} for one in samples]
    posts = [
        {
            "timestamp": 1600000000,
            "data": [{"post": broken(one.caption)}, {"update_timestamp": 1600000001}],
            "attachments": [{"data": [{"media": photo | {"description": broken(one.caption)}}]}],
        }
        for one, photo in zip(samples, photos, strict=True)
    ]
    del posts[0]["attachments"][0]["data"][0]["media"]["description"]  # type: ignore[index]
    for post in posts[1:]:
        del post["data"]
    return [
        *((f"{top}/media/m/{one.name}", one.data) for one in samples),
        (f"{top}/your_posts_1.json", json.dumps(posts).encode()),
        (f"{top}/album/0.json", json.dumps({"name": "m", "photos": photos, "cover_photo": photos[0]}).encode()),
    ]


def flickr(samples: list[Given]) -> list[tuple[str, bytes]]:
    """The files of Flickr's account data."""
    found = []
    for number, one in enumerate(samples):
        about = {"id": f"50{number}", "name": "", "description": one.caption, "count_views": "4155550133", "geo": []}
        about |= {"date_taken": "2020-01-01 12:00:00", "privacy": "public", "license": "All Rights Reserved"}
        found += [(f"50{number}_{one.stem}.jpg", one.data)]
        found += [(f"photo_50{number}.json", json.dumps(about).encode())]
    return found


Export = Callable[[list[Given]], list[tuple[str, bytes]]]


def _unpacked(export: Export) -> Writer:
    def write(root: Path, samples: list[Given]) -> Path:
        for name, data in export(samples):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return root

    return write


def _exported(export: Export) -> Writer:
    return lambda root, samples: zipped(root / "export.zip", export(samples))


def _in_parts(export: Export) -> Writer:
    """Every second file in the second archive, so that a picture and what is said of it are apart."""

    def write(root: Path, samples: list[Given]) -> Path:
        files = export(samples)
        zipped(root / "part-001.zip", files[::2])
        zipped(root / "part-002.zip", files[1::2])
        return root

    return write


EXPORTS: dict[str, Export] = {"takeout": takeout, "instagram": instagram, "facebook": facebook, "flickr": flickr}

WRITERS: dict[str, Writer] = {
    "folder": _folder,
    "folder with a table": _folder_table,
    "tar": lambda root, samples: tar(root / "a.tar", members(samples)),
    "tar.gz": lambda root, samples: tar(root / "a.tar.gz", members(samples), "w:gz"),
    "tgz without its name": lambda root, samples: tar(root / "archive", members(samples), "w:gz"),
    "folder of tars": _shards,
    "pattern of tars": lambda root, samples: _shards(root, samples) / "{000..001}.tar",
    "zip": lambda root, samples: zipped(root / "a.zip", members(samples)),
    "stored zip": lambda root, samples: zipped(root / "a.zip", reversed(members(samples)), zipfile.ZIP_STORED),
    "bzip2 zip": lambda root, samples: zipped(root / "a.zip", members(samples), zipfile.ZIP_BZIP2),
    "zip with a table": lambda root, samples: zipped(
        root / "a.zip",
        [
            ("in/metadata.csv", table(Path("metadata.csv"), rows(samples))),
            *((f"in/{one.name}", one.data) for one in samples),
        ],
    ),
    "parquet, struct": _parquet("struct"),
    "parquet, binary": _parquet("binary"),
    "parquet, list": _parquet("list"),
    "folder of parquet": _parquet_folder,
    "csv of paths": _paths(".csv"),
    "tsv of paths": _paths(".tsv"),
    "jsonl of paths": _paths(".jsonl"),
    "parquet of paths": _paths(".parquet"),
    "coco": _coco,
    "coco folder": _coco_folder,
    "saved dataset": lambda root, samples: saved(root / "saved", samples),
    "saved dataset of splits": _splits,
    **{f"{name}, unpacked": _unpacked(export) for name, export in EXPORTS.items()},
    **{f"{name}, zip": _exported(export) for name, export in EXPORTS.items()},
    **{f"{name}, zips": _in_parts(export) for name, export in EXPORTS.items()},
    "Dataset": lambda _, samples: dataset(samples),
    "DatasetDict": lambda _, samples: {"train": dataset(samples[:3]), "test": dataset(samples[3:])},
}
