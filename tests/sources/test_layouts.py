"""What is particular to a layout: keys of tar members, cells of rows, joins of COCO, and how a path is recognised."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_writers import WRITERS, Given, arrow_table, coco, dataset, fill, rows, saved, table, tar, zipped

from privacy_audit import api
from privacy_audit.errors import SourceError
from privacy_audit.redaction.run import AFTER
from privacy_audit.sources import DatasetSource, Item, Member, Origin, Source, is_dataset, open_source
from privacy_audit.sources.recognise import recognise
from privacy_audit.sources.tables import open_table
from privacy_audit.sources.zipfiles import Directory
from privacy_audit.store import redactions
from privacy_audit.types import Failure, Skipped, SourceKind, Text

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def data(jpeg: Callable[..., bytes]) -> bytes:
    return jpeg()


def items(source: Source) -> dict[str, Item]:
    source.survey()
    found = [item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)]
    assert len({item.sample.id for item in found}) == len(found)
    return {item.sample.id: item for item in found}


def texts(item: Item) -> dict[str, str]:
    return {text.field: text.value for text in item.sample.texts}


# --- tar ----------------------------------------------------------------------------------------------------------


def test_all_members_of_a_key_are_one_sample(tmp_path: Path, data: bytes) -> None:
    xmp = b"<x:xmpmeta/>"
    members = [
        ("d/7.json", b'{"user": {"name": "Jane"}, "note": "n"}'),
        ("d/7.jpg", data),
        ("d/7.txt", b"words"),
        ("d/7.caption", b"more words"),
        ("d/7.xmp", xmp),
        ("d/7.cls", b"12"),
    ]
    found = items(open_source(tar(tmp_path / "a.tar", members), caption_columns=["note"]))
    assert list(found) == ["a.tar/d/7"]
    item = found["a.tar/d/7"]
    assert item.sample.sidecar == xmp
    assert item.sample.record == {"user.name": "Jane", "note": "n"}
    assert set(item.sample.texts) == {
        Text("filename", "path:", "d/7.jpg"),
        Text("record", "json:user.name", "Jane"),
        Text("caption", "json:note", "n"),
        Text("caption", "txt:", "words"),
        Text("caption", "txt:1:", "more words"),
        Text("caption", "txt:2:", "12"),
    }
    origin = item.origin
    assert (origin.file, origin.archive) == ("d/7.jpg", "a.tar")
    assert [member.role for member in origin.members] == ["json:", "picture", "txt:", "txt:1:", "xmp", "txt:2:"]
    content = (tmp_path / "a.tar").read_bytes()
    for member, (name, stored) in zip(origin.members, members, strict=True):
        assert isinstance(member, Member)
        assert member.name == name
        assert content[member.start : member.start + member.size] == stored
        assert content[member.header : member.header + len(name)] == name.encode()


def test_several_pictures_of_a_key(tmp_path: Path, data: bytes) -> None:
    members = [("1.left.jpg", data), ("1.right.jpg", data), ("1.left.txt", b"left"), ("1.txt", b"both")]
    found = items(open_source(tar(tmp_path / "a.tar", members)))
    assert list(found) == ["a.tar/1.left.jpg", "a.tar/1.right.jpg"]
    assert list(texts(found["a.tar/1.left.jpg"]).values()) == ["1.left.jpg", "left", "both"]
    assert list(texts(found["a.tar/1.right.jpg"]).values()) == ["1.right.jpg", "both"]


def test_a_picture_is_known_by_its_content(tmp_path: Path, data: bytes) -> None:
    found = items(open_source(tar(tmp_path / "a.tar", [("1.img", data), ("2.txt", data)])))
    assert list(found) == ["a.tar/1", "a.tar/2"]
    assert all(item.sample.picture for item in found.values())


def test_members_that_are_too_large(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy_audit.sources.webdataset.MAX_SIDECAR_BYTES", 10)
    members = [("1.jpg", data), ("1.txt", b"x" * 11), ("1.json", b"{}")]
    (item,) = items(open_source(tar(tmp_path / "a.tar", members))).values()
    assert item.failures == (Failure("sidecar.txt", "too_large", "the file has more than 10 bytes"),)


def test_what_stands_beside_archives(tmp_path: Path, data: bytes) -> None:
    tar(tmp_path / "0.tar", [("1.jpg", data)])
    (tmp_path / "0_stats.json").write_text("{}")
    (tmp_path / "dataset.yaml").write_text("dataset: {name: a test}")
    source = open_source(tmp_path)
    assert source.survey().skipped == {"not an archive (.json)": 1, "not an archive (.yaml)": 1}
    (tmp_path / "beside.jpg").write_bytes(data)
    found = items(open_source(tmp_path, kind="webdataset"))
    assert found["beside.jpg"].failures[0].message.startswith("a picture beside the archives is not read")
    assert found["0.tar/1"].failures == ()
    assert open_source(tmp_path).kind == "folder"


def test_an_archive_of_a_pattern_that_is_missing(tmp_path: Path, data: bytes) -> None:
    tar(tmp_path / "0.tar", [("1.jpg", data)])
    found = items(open_source(tmp_path / "{0..1}.tar"))
    assert found["0.tar/1"].failures == ()
    assert found["1.tar"].failures == (Failure("source", "unreadable", "the archive does not exist"),)


# --- rows ---------------------------------------------------------------------------------------------------------


def parquet(path: Path, content: pa.Table, **options: Any) -> Path:
    pq.write_table(content, path, **options)
    return path


def test_cells_of_a_row(tmp_path: Path, data: bytes) -> None:
    content = pa.table(
        {
            "left": pa.array([data, None, None], pa.binary()),
            "images": pa.array([[data, data], [data], None], pa.list_(pa.binary())),
            "caption": ["a", "b", "c"],
        }
    )
    found = items(open_source(parquet(tmp_path / "a.parquet", content)))
    names = ["#0/left", "#0/images[0]", "#0/images[1]", "#1/images[0]", "#2"]
    assert list(found) == [f"a.parquet{name}" for name in names]
    assert found["a.parquet#0/images[1]"].origin == Origin(None, "a.parquet", 0, cell="images[1]")
    assert found["a.parquet#2"].skipped == (Skipped("picture", "the row holds no picture"),)
    assert [texts(item)["caption"] for item in found.values()] == ["a", "a", "a", "b", "c"]


def test_a_path_in_place_of_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in.jpg").write_bytes(data)
    paths = ["in.jpg", "gone.jpg", "../out.jpg", "/etc/passwd", "https://example.com/a.jpg", None]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    content = pa.table({"image": pa.array([{"bytes": None, "path": path} for path in paths], struct)})
    found = list(items(open_source(parquet(tmp_path / "a.parquet", content), kind="parquet")).values())
    assert found[0].sample.picture is not None
    assert found[0].sample.picture.data == data
    for item in found[1:4]:
        assert item.sample.picture is not None
        with pytest.raises(Exception, match=r"does not exist|outside the dataset"):
            _ = item.sample.picture.data
    assert found[4].skipped == (Skipped("picture", "the row names a web address, which is not opened"),)
    assert found[5].skipped == (Skipped("picture", "the row holds no picture"),)


def test_columns_that_are_no_pictures(tmp_path: Path, data: bytes) -> None:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    content = pa.table(
        {
            "image": pa.array([data], pa.binary()),
            "vector": pa.array([b"\0\1"], pa.binary()),
            "audio": pa.array([{"bytes": b"RIFF", "path": "a.wav"}], struct),
        }
    )
    said = json.dumps({"info": {"features": {"audio": {"_type": "Audio"}}}})
    content = content.replace_schema_metadata({"huggingface": said})
    found = items(open_source(parquet(tmp_path / "a.parquet", content)))
    assert list(found) == ["a.parquet#0", "a.parquet"]
    assert "binary columns that are no pictures" in found["a.parquet"].failures[0].message


def test_a_damaged_row_group_costs_itself(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    samples = [Given(f"{n}.jpg", jpeg("red", (64 + n, 64), quality=95), "words") for n in range(40)]
    path = parquet(
        tmp_path / "a.parquet",
        arrow_table(samples, "binary"),
        row_group_size=10,
        compression="zstd",
        use_dictionary=False,
    )
    content = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    content[place : place + 400] = bytes(400)
    path.write_bytes(content)
    found = items(open_source(path))
    failed = [name for name, item in found.items() if item.failures]
    assert len(found) == 40
    assert set(failed) <= {f"a.parquet#{n}" for n in range(10, 20)}
    assert failed


def test_one_broken_file_of_a_folder(tmp_path: Path, data: bytes) -> None:
    parquet(tmp_path / "a.parquet", arrow_table([Given("a.jpg", data, "a")], "struct"))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    found = items(open_source(tmp_path))
    assert list(found) == ["a.parquet#0", "b.parquet"]
    assert "not valid Parquet" in found["b.parquet"].failures[0].message


def test_urls_and_texts_without_pictures(tmp_path: Path) -> None:
    for number in range(2):
        content = pa.table({"URL": ["https://example.com/a.jpg"], "TEXT": ["mail jane@example.com"]})
        parquet(tmp_path / f"part-{number}.parquet", content)
    found = items(open_source(tmp_path))
    assert list(found) == ["part-0.parquet#0", "part-1.parquet#0"]
    for item in found.values():
        assert item.skipped == (Skipped("picture", "no picture in the source"),)
        assert {(text.channel, text.field) for text in item.sample.texts} == {("url", "URL"), ("caption", "TEXT")}
    assert open_source(tmp_path / "part-0.parquet").kind == "table"


def test_an_arrow_file_that_is_cut_off(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    root = saved(tmp_path / "saved", [Given(f"{n}.jpg", jpeg(), "words") for n in range(20)])
    path = root / "data-00001-of-00002.arrow"
    path.write_bytes(path.read_bytes()[:-1500])
    found = items(open_source(root))
    assert 10 < sum(not item.failures for item in found.values()) < 20
    assert "cut off or damaged" in found[path.name].failures[0].message
    (root / path.name).unlink()
    assert items(open_source(root))[path.name].failures[0].message.endswith("does not exist")


def test_a_saved_dataset_of_the_library(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    exif = jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    given = dataset([Given("a.jpg", exif, "words")])
    given.save_to_disk(str(tmp_path / "saved"))
    (item,) = items(open_source(tmp_path / "saved")).values()
    assert item.sample.picture is not None
    assert item.sample.picture.data == exif


def test_a_dataset_object(jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    given = dataset([Given("a.jpg", jpeg(), "words"), Given("b.jpg", jpeg(), "more")])
    assert is_dataset(given)
    assert not is_dataset("dataset")
    assert not is_dataset({})
    assert list(items(DatasetSource({"test": given.select([1])}))) == ["test#0"]
    with pytest.raises(SourceError, match="holds no row"):
        DatasetSource(given.select([])).survey()
    monkeypatch.setattr("privacy_audit.sources.datasetobject.MAX_PICKLED_BYTES", 100)
    with pytest.raises(SourceError, match="save_to_disk"):
        DatasetSource(given)


# --- COCO ---------------------------------------------------------------------------------------------------------


def test_coco_joins_texts_and_licences(tmp_path: Path, data: bytes) -> None:
    samples = [Given(f"{number:012d}.jpg", data, f"caption {number}") for number in range(20)]
    fill(tmp_path / "train2017", samples[:-1])
    path = coco(tmp_path / "annotations" / "captions_train2017.json", samples, flickr_url="http://example.com/f.jpg")
    found = items(open_source(path))
    assert list(found) == [f"train2017/{one.name}" for one in samples]
    item = found["train2017/000000000003.jpg"]
    assert texts(item)["annotations[0].caption"] == "caption 3"
    assert texts(item)["license"] == "https://creativecommons.org/licenses/by/2.0/"
    assert {text.channel for text in item.sample.texts if text.field == "flickr_url"} == {"url"}
    assert item.origin == Origin("train2017/000000000003.jpg", "annotations/captions_train2017.json", 3)


def test_a_coco_folder_has_pictures_that_no_file_names(tmp_path: Path, data: bytes) -> None:
    fill(tmp_path / "val2017", [Given("a.jpg", data, ""), Given("b.jpg", data, "")])
    coco(tmp_path / "annotations" / "captions_val2017.json", [Given("a.jpg", data, "words")])
    coco(tmp_path / "annotations" / "more_val2017.json", [Given("a.jpg", data, "other words")])
    found = items(open_source(tmp_path))
    assert list(found) == ["val2017/a.jpg", "annotations/more_val2017.json#0", "val2017/b.jpg"]
    assert "annotations[0].caption" in texts(found["annotations/more_val2017.json#0"])


def test_the_folder_of_the_pictures_can_be_named(tmp_path: Path, data: bytes) -> None:
    fill(tmp_path / "elsewhere", [Given("a.jpg", data, "")])
    path = coco(tmp_path / "annotations" / "x.json", [Given("a.jpg", data, "words")])
    found = items(open_source(path, dataset={"images": "elsewhere"}))
    assert list(found) == ["elsewhere/a.jpg"]


def test_coco_that_is_cut_off(tmp_path: Path, data: bytes) -> None:
    samples = [Given(f"{number}.jpg", data, "words") for number in range(50)]
    fill(tmp_path, samples)
    path = coco(tmp_path / "x.json", samples)
    path.write_bytes(path.read_bytes()[:1500])
    found = items(open_source(path))
    assert len(found) > 10
    assert "cut off" in found["x.json"].failures[0].message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not valid JSON"),
        ("[]", "not valid JSON"),
        ('{"info": {}', "not valid JSON"),
        ('{"images": []}', "holds no image"),
        ('{"images": 3}', "holds no image"),
        ('{"images": [' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_coco(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    (item,) = items(open_source(path, kind="coco")).values()
    assert problem in item.failures[0].message


@pytest.mark.parametrize("drop", [[0], [1], [2], [0, 1, 2], [1, 2]])
def test_coco_is_rewritten(tmp_path: Path, data: bytes, drop: list[int]) -> None:
    samples = [Given(f"{number}.jpg", data, f"word {number} ä") for number in range(3)]
    path = coco(tmp_path / "x.json", samples)
    before = path.read_bytes()
    copy = tmp_path / "y.json"
    opened = open_table(path)
    opened.rewrite(copy, lambda _: {})
    assert copy.read_bytes() == before

    def edit(row: Any) -> dict[str, str] | None:
        return None if row.number in drop else {"annotations[0].caption": "masked", "file_name": f"new{row.number}"}

    opened.rewrite(copy, edit)
    after = json.loads(copy.read_text())
    left = [number for number in range(3) if number not in drop]
    assert [image["file_name"] for image in after["images"]] == [f"new{number}" for number in left]
    assert sorted(entry["image_id"] for entry in after["annotations"]) == left
    assert {entry["caption"] for entry in after["annotations"]} <= {"masked"}


# --- what a path is -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> Path:
    root = tmp_path_factory.mktemp("tree")
    one = [Given("a.jpg", data, "words")]
    for name in ("pictures", "tars", "parquets", "coco", "mixed", "empty"):
        (root / name).mkdir()
    fill(root / "pictures", one)
    tar(root / "tars" / "0.tar", [("1.jpg", data)])
    tar(root / "tars" / "name", [("1.jpg", data)], "w:gz")
    parquet(root / "parquets" / "0.parquet", arrow_table(one, "struct"))
    (root / "img2dataset").mkdir()
    tar(root / "img2dataset" / "00000.tar", [("1.jpg", data)])
    parquet(root / "img2dataset" / "00000.parquet", pa.table({"url": ["https://example.com/a.jpg"]}))
    (root / "img2dataset" / "00000_stats.json").write_text("{}")
    fill(root / "mixed", one)
    tar(root / "mixed" / "0.tar", [("1.jpg", data)])
    fill(root / "coco" / "val", one)
    coco(root / "coco" / "annotations" / "captions_val.json", one)
    saved(root / "saved", one * 2)
    zipped(root / "z.zip", [("1.jpg", data)])
    zipped(root / "z.name", [("1.jpg", data)])
    (root / "urls.csv").write_bytes(table(Path("urls.csv"), [{"url": "https://example.com", "text": "words"}]))
    (root / "gone.csv").write_bytes(table(Path("gone.csv"), rows(one, "file_name", "gone/")))
    (root / "paths.csv").write_bytes(table(Path("paths.csv"), rows(one, "path", "pictures/")))
    (root / "out.csv").write_bytes(table(Path("out.csv"), [{"path": "../../x.jpg", "text": "words"}]))
    return root


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pictures", "folder"),
        ("empty", "folder"),
        ("mixed", "folder"),
        ("tars", "webdataset"),
        ("img2dataset", "webdataset"),
        ("tars/0.tar", "webdataset"),
        ("tars/name", "webdataset"),
        ("tars/{0..9}.tar", "webdataset"),
        ("parquets", "parquet"),
        ("parquets/0.parquet", "parquet"),
        ("coco", "coco"),
        ("coco/annotations/captions_val.json", "coco"),
        ("saved", "datasets"),
        ("saved/data-00000-of-00002.arrow", "datasets"),
        ("z.zip", "zip"),
        ("z.name", "zip"),
        ("urls.csv", "table"),
        ("gone.csv", "table"),
        ("out.csv", "table"),
        ("paths.csv", "paths"),
    ],
)
def test_recognise(tree: Path, name: str, kind: SourceKind) -> None:
    assert recognise(tree / name) == kind
    assert open_source(tree / name).kind == kind


def test_the_kind_can_be_given(tree: Path) -> None:
    assert open_source(tree / "paths.csv", kind="table").kind == "table"
    assert open_source(tree / "parquets" / "0.parquet", kind="table").kind == "table"
    with pytest.raises(SourceError, match="'tarball' is no kind of source"):
        open_source(tree, kind="tarball")
    with pytest.raises(SourceError, match="no COCO file"):
        open_source(tree / "pictures", kind="coco")
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tree / "none", kind="zip")


@pytest.mark.parametrize("layout", ["csv of paths", "parquet of paths", "coco", "coco folder"])
def test_redacted_copies_are_audited_as_what_they_are(tmp_path: Path, data: bytes, layout: str) -> None:
    (tmp_path / "source").mkdir()
    samples = [Given("0.jpg", data, "write to jane@example.com"), Given("1.jpg", data, "call +1 415 555 0132")]
    given = WRITERS[layout](tmp_path / "source", samples)
    audit = api.scan(given, output=tmp_path / "audit", detectors=["captions"], jobs=0)
    summary = audit.redact(given, tmp_path / "copy", jobs=0)
    assert (summary.passed, summary.changed) == (True, 2)
    again = api.Audit(redactions.folder(audit.path) / AFTER)
    assert again.folder.manifest.source_kind == audit.folder.manifest.source_kind
    assert len(again.samples) == 2
    assert {path.name for path in (tmp_path / "copy").rglob("*.jpg")} == {"0.jpg", "1.jpg"}


def test_a_directory_of_many_members_stays_small(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ((f"{number:06d}.txt", b"") for number in range(5_000)), 0)
    found = Directory(path)
    arrays = [value for value in vars(found).values() if hasattr(value, "nbytes")]
    assert sum(value.nbytes for value in arrays) <= 48 * 5_000
    assert found.place("004999.txt") is not None
    assert found.place("005000.txt") is None
