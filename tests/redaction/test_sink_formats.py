"""What each format promises of its copy beyond the contract: headers, schemas, packed bytes, members of one key."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from privacy_audit import api
from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks import Outgoing
from privacy_audit.redaction.sinks.shared import agreed
from privacy_audit.redaction.sinks.webdataset import WebDatasetSink
from privacy_audit.sources import Item, Shard, open_source
from privacy_audit.sources.tarfiles import rewritten
from privacy_audit.store import redactions
from privacy_audit.store.redactions import RedactionSummary
from privacy_audit.types import Failure, Sample

EMAIL, NAME = "jane@example.com", "call +1 415 555 0170"
Make = Callable[..., bytes]


def cleaned(source: Path, output: str, **options: Any) -> RedactionSummary:
    root = source.parent
    audit = api.scan(source, output=root / "audit", detectors=["metadata", "captions"], jobs=0, **options)
    return api.redact(source, audit=audit, output=root / output, jobs=0)


def located(make: Make, color: str = "red") -> bytes:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (16.0, 22.0, 12.25)}
    return make(color, exif=exif)


def tar(path: Path, members: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT, mode: str = "w") -> Path:
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for number, (name, data) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode, info.uid, info.uname = (
                len(data),
                1_000_000 + number,
                0o640,
                1042,
                "someone",
            )
            archive.addfile(info, io.BytesIO(data))
    return path


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_keeps_order_headers_and_what_is_no_picture(tmp_path: Path, jpeg: Make, form: int) -> None:
    long = "folder/" * 12 + "a-long-name-of-some-fifty-characters-for-all-three"
    given = [
        ("a.npy", b"\x93NUMPY" + bytes(700)),
        ("a.jpg", located(jpeg)),
        ("a.json", json.dumps({"caption": f"to {EMAIL}", "other": "ä"}).encode()),
        ("b.jpg", jpeg("green")),
        ("b.cls", b"7"),
        (f"{long}.jpg", jpeg("blue")),
        (f"{long}.txt", f"{EMAIL} wrote".encode()),
    ]
    summary = cleaned(tar(tmp_path / "a.tar", given, form), "b.tar")
    assert summary.passed
    assert summary.copied_unchecked == 1
    after = members(tmp_path / "b.tar")
    assert list(after) == [name for name, _ in given]
    same = {name for name, data in given if after[name] == data}
    assert same == {"a.npy", "b.jpg", "b.cls", f"{long}.jpg"}
    assert json.loads(after["a.json"]) == {"caption": "to <EMAIL>", "other": "ä"}
    assert after[f"{long}.txt"] == b"<EMAIL> wrote"
    with tarfile.open(tmp_path / "b.tar") as archive:
        facts = [(one.mtime, one.mode, one.uid, one.uname) for one in archive]
    assert facts == [(1_000_000 + number, 0o640, 1042, "someone") for number in range(len(given))]
    assert (tmp_path / "b.tar").stat().st_size % 10_240 == 0


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_an_archive_in_which_nothing_changes_is_the_same_file(tmp_path: Path, jpeg: Make, suffix: str) -> None:
    mode = "w:gz" if suffix == ".tar.gz" else "w"
    source = tar(tmp_path / f"a{suffix}", [("a.jpg", jpeg()), ("a.txt", b"a dog")], mode=mode)
    assert cleaned(source, f"b{suffix}").passed
    assert (tmp_path / f"b{suffix}").read_bytes() == source.read_bytes()


def test_bytes_behind_the_members_of_a_tar_are_not_carried(tmp_path: Path, jpeg: Make) -> None:
    source = tar(tmp_path / "a.tar", [("a.jpg", jpeg()), ("a.txt", b"a dog")])
    with source.open("ab") as file:
        file.write(bytes(3 << 20) + EMAIL.encode())
    assert cleaned(source, "b.tar").passed
    assert EMAIL.encode() not in (tmp_path / "b.tar").read_bytes()


def test_a_masked_name_takes_all_members_of_its_key_along(tmp_path: Path, jpeg: Make) -> None:
    given = [
        (f"{NAME}.left.jpg", jpeg("red")),
        (f"{NAME}.right.jpg", jpeg("green")),
        (f"{NAME}.txt", b"a dog"),
        (f"{NAME}.npy", b"x"),
        ("b.jpg", jpeg("blue")),
    ]
    summary = cleaned(tar(tmp_path / "a.tar", given), "b.tar")
    assert summary.passed
    after = members(tmp_path / "b.tar")
    assert list(after.values()) == [data for _, data in given]
    keys = [name.partition(".")[0] for name in after]
    assert len(set(keys)) == 2
    assert NAME.encode() not in (tmp_path / "b.tar").read_bytes()
    there = {row["copy_id"] for row in redactions.rows(tmp_path / "audit")}
    assert len(there) == 3
    assert "b.tar/b" in there


@pytest.mark.parametrize("size", [0, 513, 9 << 30])
def test_pax_headers_with_a_size_of_their_own(size: int) -> None:
    info = tarfile.TarInfo("ä" * 90)
    info.size = 9 << 30
    raw = rewritten(info.tobuf(tarfile.PAX_FORMAT), size)
    again = tarfile.TarInfo.frombuf(raw[-512:], "utf-8", "surrogateescape")
    assert again.size == (size if size < 8**11 else again.size)
    with tarfile.open(fileobj=io.BytesIO(raw + bytes(size if size < 1000 else 0) + bytes(2048))) as archive:
        member = archive.next()
    assert member is not None
    assert (member.name, member.size) == (info.name, size)


def test_parquet_keeps_schema_groups_and_features(tmp_path: Path, jpeg: Make) -> None:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {b"huggingface": json.dumps({"info": {"features": {"images": [{"_type": "Image"}]}}}).encode()}
    given = pa.table(
        {
            "images": pa.array(
                [
                    [{"bytes": located(jpeg), "path": "a.jpg"}, {"bytes": jpeg("green"), "path": f"{NAME}.jpg"}],
                    [],
                    None,
                    [{"bytes": jpeg("blue"), "path": None}],
                ],
                pa.list_(struct),
            ),
            "caption": pa.array([f"to {EMAIL}", "a dog", None, EMAIL], pa.large_string()),
            "vector": pa.array([[1.5], [2.5], None, []], pa.list_(pa.float32())),
        }
    ).replace_schema_metadata(features)
    pq.write_table(given, tmp_path / "a.parquet", row_group_size=2, compression="zstd")
    assert cleaned(tmp_path / "a.parquet", "b.parquet").passed
    before, after = pq.ParquetFile(tmp_path / "a.parquet"), pq.ParquetFile(tmp_path / "b.parquet")
    with before, after:
        assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
        groups = [after.metadata.row_group(number) for number in range(after.num_row_groups)]
        assert [group.num_rows for group in groups] == [2, 2]
        assert groups[0].column(0).compression == "ZSTD"
        table = after.read()
    assert table.column("caption").to_pylist() == ["to <EMAIL>", "a dog", None, "<EMAIL>"]
    assert table.column("vector").to_pylist() == given.column("vector").to_pylist()
    first, empty, none, last = table.column("images").to_pylist()
    assert (empty, none) == ([], None)
    assert [entry["path"] for entry in (*first, *last)] == ["a.jpg", "call <PHONE>.jpg", None]
    assert first[1]["bytes"] == jpeg("green")
    assert last[0]["bytes"] == jpeg("blue")
    assert not Image.open(io.BytesIO(first[0]["bytes"])).getexif().get_ifd(0x8825)


def test_a_saved_dataset_with_other_rows_has_another_fingerprint(tmp_path: Path, jpeg: Make) -> None:
    import datasets

    image = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    rows = {"image": [{"bytes": located(jpeg), "path": None}] * 3, "text": [EMAIL, "a dog", "a cat"]}
    datasets.Dataset.from_dict(rows, features=image).save_to_disk(tmp_path / "a")
    assert cleaned(tmp_path / "a", "b").passed
    old, new = datasets.load_from_disk(tmp_path / "a"), datasets.load_from_disk(tmp_path / "b")
    assert new.features == old.features
    assert new["text"][:] == ["<EMAIL>", "a dog", "a cat"]
    assert new._fingerprint != old._fingerprint


def test_a_zip_keeps_packed_bytes_times_and_modes(tmp_path: Path, jpeg: Make) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(
            [
                ("in/a.jpg", located(jpeg)),
                ("in/a.txt", EMAIL.encode()),
                ("in/b.jpg", jpeg()),
                ("in/notes.md", b"x" * 999),
            ]
        ):
            info = zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 2 * number))
            info.external_attr, info.compress_type, info.comment = 0o100640 << 16, zipfile.ZIP_DEFLATED, b"c"
            archive.writestr(info, data)
    assert cleaned(source, "b.zip").passed
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(tmp_path / "b.zip") as after:
        assert after.testzip() is None
        assert after.namelist() == before.namelist()
        for old, new in zip(before.infolist(), after.infolist(), strict=True):
            assert (old.date_time, old.external_attr) == (new.date_time, new.external_attr)
        assert after.read("in/a.txt") == b"<EMAIL>"
        for name in ("in/b.jpg", "in/notes.md"):
            assert after.read(name) == before.read(name)
            assert after.getinfo(name).compress_size == before.getinfo(name).compress_size


def test_two_coco_files_of_the_same_pictures(tmp_path: Path, jpeg: Make) -> None:
    """A name that is masked is the new one in both, and the folder that loaders join with stays out of it."""
    root = tmp_path / "source"
    (root / "annotations").mkdir(parents=True)
    (root / "val").mkdir()
    (root / "val" / f"{NAME}.jpg").write_bytes(jpeg())
    images = [{"id": 1, "file_name": f"{NAME}.jpg"}]
    for name, said in (("captions", {"caption": "a dog"}), ("instances", {"bbox": [1, 2, 3, 4]})):
        content = {"images": images, "annotations": [{"id": 5, "image_id": 1, **said}]}
        (root / "annotations" / f"{name}_val.json").write_text(json.dumps(content))
    assert cleaned(root, "clean").passed
    (picture,) = (tmp_path / "clean" / "val").iterdir()
    for name in ("captions", "instances"):
        content = json.loads((tmp_path / "clean" / "annotations" / f"{name}_val.json").read_text())
        assert [image["file_name"] for image in content["images"]] == [picture.name]
        assert len(content["annotations"]) == 1


@pytest.mark.parametrize(("source", "output"), [("a.tar", "b.tar.gz"), ("a.tar.gz", "b.tar")])
def test_a_copy_named_like_another_kind_is_refused(tmp_path: Path, jpeg: Make, source: str, output: str) -> None:
    path = tar(tmp_path / source, [("a.jpg", jpeg())], mode="w:gz" if source.endswith("gz") else "w")
    with pytest.raises(SourceError, match="is one too"):
        cleaned(path, output)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([{"txt:": "a <EMAIL>"}, {}], {"txt:": "a <EMAIL>"}),
        ([{"txt:": "a <EMAIL>"}, {"txt:": "a <EMAIL>"}], {"txt:": "a <EMAIL>"}),
        ([{"txt:": "<PERSON> b"}, {"txt:": "a <EMAIL>"}, {"x": "y"}], {"txt:": "", "x": "y"}),
    ],
)
def test_texts_that_samples_share(wanted: list[dict[str, str]], expected: dict[str, str]) -> None:
    assert agreed(wanted) == expected


def test_one_of_several_pictures_of_a_key_is_left_out(tmp_path: Path, jpeg: Make) -> None:
    given = [("a.left.jpg", b"no picture at all"), ("a.right.jpg", jpeg()), ("a.txt", b"a dog"), ("b.jpg", jpeg("red"))]
    summary = cleaned(tar(tmp_path / "a.tar", given), "b.tar")
    assert (summary.withheld, summary.failed) == (1, 0)
    assert list(members(tmp_path / "b.tar")) == ["a.right.jpg", "a.txt", "b.jpg"]
    new = {row["sample_id"]: row["copy_id"] for row in redactions.rows(tmp_path / "audit")}
    assert new == {"a.tar/a.left.jpg": "", "a.tar/a.right.jpg": "b.tar/a", "a.tar/b": "b.tar/b"}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "parquet"])
def test_of_a_damaged_file_only_what_was_read_is_in_the_copy(tmp_path: Path, jpeg: Make, kind: str) -> None:
    given = [pair for n in range(6) for pair in ((f"{n}.jpg", jpeg(size=(64 + n, 48))), (f"{n}.txt", b"a dog"))]
    source, secret = tmp_path / f"a.{kind}", EMAIL.encode()
    if kind == "zip":
        with zipfile.ZipFile(source, "w", zipfile.ZIP_STORED) as archive:
            for name, data in given:
                archive.writestr(name, data)
        raw = source.read_bytes()[:-30]
    elif kind == "parquet":
        rows = [{"jpg": data, "caption": "a dog"} for name, data in given if name.endswith("jpg")]
        pq.write_table(pa.Table.from_pylist(rows), source, row_group_size=2, compression="none", use_dictionary=False)
        raw = source.read_bytes()
        at = raw.index(given[4][1]) - 40
        raw = raw[:at] + bytes(60) + raw[at + 60 :]
    else:
        tar(source, given, mode="w:gz" if kind == "tar.gz" else "w")
        raw = source.read_bytes()
        raw = raw[: len(raw) // 2] if kind == "tar.gz" else raw[:2600] + secret + raw[2600 + len(secret) :]
    source.write_bytes(raw)
    summary = cleaned(source, f"b.{kind}")
    assert summary.withheld
    assert summary.failed == 0
    assert secret not in (tmp_path / f"b.{kind}").read_bytes()
    assert not api.verify(tmp_path / f"b.{kind}", audit=tmp_path / "audit", jobs=0).files


def test_an_archive_of_which_nothing_stays_is_an_empty_one(tmp_path: Path, jpeg: Make) -> None:
    (tmp_path / "a").mkdir()
    tar(tmp_path / "a" / "0.tar", [("a.jpg", b"no picture at all")])
    tar(tmp_path / "a" / "1.tar", [("b.jpg", jpeg()), ("b.txt", b"a dog")])
    summary = cleaned(tmp_path / "a", "b")
    assert (summary.withheld, summary.failed) == (1, 0)
    assert members(tmp_path / "b" / "0.tar") == {}
    assert list(members(tmp_path / "b" / "1.tar")) == ["b.jpg", "b.txt"]
    assert not api.verify(tmp_path / "b", audit=tmp_path / "audit", jobs=0).files


def test_an_archive_that_cannot_be_read_any_more_is_not_copied_unseen(tmp_path: Path, jpeg: Make) -> None:
    source = tar(tmp_path / "a.tar", [(f"{n}.jpg", jpeg()) for n in range(3)])
    writer = WebDatasetSink(open_source(source), tmp_path / "b.tar").writer(tmp_path / "b", _shard(source))
    (item,) = _lost(None, _shard(source))
    with pytest.raises(SourceError, match="no copy can be made"):
        writer.put(Outgoing(item, absent=True))


def _shard(source: Path) -> Shard:
    return next(iter(open_source(source).shards()))


def _lost(_: object, shard: Shard) -> Iterator[Item]:
    yield Item(Sample("a.tar@0+0", shard.id), (Failure("source", "unreadable", "the archive cannot be read"),))
