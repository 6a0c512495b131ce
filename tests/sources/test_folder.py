"""Folders as people have them, and as an attacker makes them: every sample once, nothing outside, nothing lost."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from privacy_audit.errors import PictureError, SourceError
from privacy_audit.pixels import Limits
from privacy_audit.sources import FolderSource, Item, SkippedMember
from privacy_audit.sources.folder import Broken, sidecars

Tree = dict[str, bytes | str]


def picture(kind: str = "JPEG", color: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), color).save(buffer, kind)
    return buffer.getvalue()


JPEG = picture()


@pytest.fixture
def grow(tmp_path: Path) -> Callable[[Tree], FolderSource]:
    """Writes a folder and opens it."""

    def write(tree: Tree, **options: object) -> FolderSource:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for name, content in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return FolderSource(root, **options)  # type: ignore[arg-type]

    return write


Grow = Callable[..., FolderSource]


def members(source: FolderSource) -> list[Item | SkippedMember]:
    """All members, after checking what holds for every folder."""
    survey = source.survey()
    shards = list(source.shards())
    assert list(source.shards()) == shards
    assert FolderSource(source.root).survey().fingerprint == survey.fingerprint
    assert sum(shard.samples for shard in shards) == survey.samples
    found: list[Item | SkippedMember] = []
    for shard in shards:
        here = list(source.read(shard))
        assert len(here) == shard.samples
        found += here
    ids = [member.sample.id for member in found if isinstance(member, Item)]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    for member in found:
        if isinstance(member, Item):
            fields = [text.field for text in member.sample.texts]
            assert len(set(fields)) == len(fields)
    return found


def items(source: FolderSource) -> dict[str, Item]:
    return {member.sample.id: member for member in members(source) if isinstance(member, Item)}


def reasons(source: FolderSource) -> Counter[str]:
    return Counter(member.reason for member in members(source) if isinstance(member, SkippedMember))


def texts(item: Item) -> dict[str, str]:
    return {text.field: text.value for text in item.sample.texts}


def stages(item: Item) -> list[tuple[str, str]]:
    return [(failure.stage, failure.kind) for failure in item.failures]


# --- pictures and what is none ----------------------------------------------------------------------------------------


def test_a_nested_folder_is_read_in_path_order(grow: Grow) -> None:
    names = ["b.jpg", "a/z.jpg", "a/b/c/d.jpg", "a-b.jpg", ".hidden.jpg", "Å.jpg"]
    found = items(grow(dict.fromkeys(names, JPEG)))
    assert set(found) == set(names)
    for name, item in found.items():
        assert item.sample.picture is not None
        assert item.sample.picture.data == JPEG
        assert texts(item) == {"path:": name}
        assert (item.failures, item.skipped, item.origin.file, item.origin.table) == ((), (), name, None)


def test_the_format_is_known_by_content(grow: Grow) -> None:
    tree: Tree = {
        "picture.txt": JPEG,
        "picture.pdf": picture("PNG"),
        "picture": picture("GIF"),
        "page.jpg": "<html>zq</html>",
        "empty.png": b"",
        "notes.pdf": b"%PDF-1.4",
        "README.md": "# zq",
        "Zq.Personal": "x",
        "orphan.txt": "zq@example.com",
        "orphan.json": "{}",
    }
    source = grow(tree)
    found = items(source)
    assert set(found) == {"picture.txt", "picture.pdf", "picture", "page.jpg", "empty.png"}
    for name in ("page.jpg", "empty.png"):
        with pytest.raises(PictureError):
            _ = found[name].sample.picture.size  # type: ignore[union-attr]
    assert reasons(source) == {
        "not a picture (.pdf)": 1,
        "not a picture (.md)": 1,
        "not a picture": 1,
        "not a picture (.txt)": 1,
        "not a picture (.json)": 1,
    }


def test_the_limits_reach_the_pictures(grow: Grow) -> None:
    item = items(grow({"a.jpg": JPEG}, limits=Limits(max_bytes=10)))["a.jpg"]
    with pytest.raises(PictureError) as caught:
        _ = item.sample.picture.data  # type: ignore[union-attr]
    assert caught.value.kind == "too_large"


def test_links_and_devices_are_counted_and_never_followed(grow: Grow, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(JPEG)
    (outside / "secret.txt").write_text("zq@example.com")
    source = grow({"a.jpg": JPEG, "sub/b.jpg": JPEG})
    root = source.root
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "dangling.jpg").symlink_to(root / "nowhere")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    (root / "a.txt").symlink_to(outside / "secret.txt")
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # a socket's path is short
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
        assert set(items(source)) == {"a.jpg", "sub/b.jpg"}
        assert source.survey().skipped == {"link (not followed)": 6, "device, pipe or socket": 2}
    assert texts(items(source)["a.jpg"]) == {"path:": "a.jpg"}


def test_a_link_or_pipe_that_a_table_names_is_not_followed_out(grow: Grow, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    rows = ["out.jpg", "in.jpg", "pipe.jpg", "circle.jpg", "up/secret.jpg", "dangling.jpg"]
    source = grow({"a.jpg": JPEG, "metadata.csv": "\n".join(["file_name", *rows])})
    root = source.root
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "in.jpg").symlink_to(root / "a.jpg")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    (root / "dangling.jpg").symlink_to(root / "nowhere")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.jpg")
    found = items(source)
    assert "in.jpg" in found
    assert found["in.jpg"].sample.picture.data == JPEG  # type: ignore[union-attr]
    for name in ("metadata.csv#0", "metadata.csv#4"):
        assert found[name].sample.picture is None
        assert stages(found[name]) == [("picture", "error")]
    for name in {"pipe.jpg", "dangling.jpg"} & set(found):
        with pytest.raises(PictureError):
            _ = found[name].sample.picture.data  # type: ignore[union-attr]
    assert len(found) == 7


def test_names_that_are_no_utf_8(grow: Grow) -> None:
    source = grow({"a.jpg": JPEG})
    root = os.fsencode(source.root)
    for name in (b"caf\xe9.jpg", b"caf\xe9.txt", b"\\xe9.jpg", b"\xe9.jpg", b"\xff/b.jpg"):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"zq" if name.endswith(b".txt") else JPEG)
    found = items(source)
    assert set(found) == {"a.jpg", "./caf\\xe9.jpg", "\\xe9.jpg", "./\\xe9.jpg", "./\\xff/b.jpg"}
    assert texts(found["./caf\\xe9.jpg"]) == {"path:": "./caf\\xe9.jpg", "txt:": "zq"}
    for name in found:
        name.encode("utf-8")
    assert all(item.sample.picture.data == JPEG for item in found.values())  # type: ignore[union-attr]


def test_a_very_long_name(grow: Grow) -> None:
    """With `.txt` behind it, the name is longer than a file system takes."""
    name = "x" * 251 + ".jpg"
    assert set(items(grow({name: JPEG}))) == {name}


# --- sidecars ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a.txt": "zq"}, {"txt:": "zq"}),
        ({"a.jpg.txt": "zq"}, {"txt:": "zq"}),
        ({"a.TXT": "zq"}, {"txt:": "zq"}),
        ({"a.JSON": '{"x": "zq"}'}, {"json:x": "zq"}),
        ({"a.json": '{"caption": "zq", "n": 4155550100, "short": 12}'}, {"json:caption": "zq", "json:n": "4155550100"}),
        ({"a.jpg.json": '{"x": "zq"}'}, {"json:x": "zq"}),
        ({"a.txt": "one", "a.json": '{"x": "two"}'}, {"txt:": "one", "json:x": "two"}),
        ({"a.json": "broken zq"}, {"json:": "broken zq"}),
        ({"a.json": '"zq"'}, {"json:": "zq"}),
        ({"a.json": '{"x": "one", "x": "two"}'}, {"json:x": "one", "json:x[1]": "two"}),
        ({"a.json": '{"zq@example.com": 1}'}, {"json:{0} (key)": "zq@example.com"}),
        ({"a.json": ""}, {}),
        ({"a.json": "{}"}, {"json:": "{}"}),
        ({"a.txt": " \n"}, {}),
        ({"a.txt": b"\xff\xfez\0q\0"}, {"txt:": "zq"}),
        ({"a.txt": "zq".encode("utf-16-le")}, {"txt:": "zq"}),
        ({"a.txt": b"caf\xe9"}, {"txt:": "café"}),
        ({"a.txt/x.jpg": JPEG}, {}),
    ],
)
def test_sidecars(grow: Grow, tree: Tree, expected: dict[str, str]) -> None:
    source = grow({"a.jpg": JPEG, **tree})
    assert texts(items(source)["a.jpg"]) == {"path:": "a.jpg", **expected}
    assert reasons(source) == {}


@pytest.mark.parametrize(
    ("tree", "stage", "kind"),
    [
        ({"a.txt": b"caf\xe9"}, "sidecar.txt", "error"),
        ({"a.json": "{broken zq"}, "sidecar.json", "error"),
        ({"a.json": "[" * 100}, "sidecar.json", "error"),
        ({"a.json": json.dumps(list(range(10_001)))}, "sidecar.json", "error"),
        ({"a.txt": b"x" * (16 * 1024 * 1024 + 1)}, "sidecar.txt", "too_large"),
    ],
)
def test_sidecars_with_a_fault_are_failures_of_their_own(grow: Grow, tree: Tree, stage: str, kind: str) -> None:
    item = items(grow({"a.jpg": JPEG, **tree}))["a.jpg"]
    assert stages(item) == [(stage, kind)]
    assert "zq" not in item.failures[0].message
    assert item.sample.picture.data == JPEG  # type: ignore[union-attr]


def test_a_sidecar_that_vanishes_is_a_failure(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    source = grow({"a.jpg": JPEG, "a.txt": "zq"})
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.suffix == ".txt":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert stages(items(source)["a.jpg"]) == [("sidecar.txt", "unreadable")]


@pytest.mark.parametrize(
    ("tree", "samples", "skipped"),
    [
        # a second sidecar of a kind has no field to stand in, so it is counted
        ({"a.jpg": JPEG, "a.txt": "1", "a.jpg.txt": "2"}, {"a.jpg"}, {"not a picture (.txt)": 1}),
        # what stands beside something that is no picture belongs to nothing
        (
            {"x.jpg": JPEG, "a.pdf": "x", "a.txt": "1"},
            {"x.jpg"},
            {"not a picture (.pdf)": 1, "not a picture (.txt)": 1},
        ),
        # one caption for two pictures
        ({"a.jpg": JPEG, "a.png": picture("PNG"), "a.txt": "1"}, {"a.jpg", "a.png"}, {}),
        # a picture known by content alone has sidecars, too
        ({"a.dat": JPEG, "a.txt": "1"}, {"a.dat"}, {}),
        ({"a": JPEG, "a.txt": "1", "a.json": "{}"}, {"a"}, {}),
        # a picture behind a caption's name is a sample, once, and no caption
        ({"a.jpg": JPEG, "a.txt": JPEG}, {"a.jpg", "a.txt"}, {}),
        ({"a.jpg": JPEG, "a.png": JPEG, "a.txt": JPEG, "a.json": JPEG}, {"a.jpg", "a.png", "a.txt", "a.json"}, {}),
        ({"a.pdf": "x", "a.txt": JPEG}, {"a.txt"}, {"not a picture (.pdf)": 1}),
        ({"a.jpg": JPEG, "a.txt": JPEG, "a.jpg.txt": "1"}, {"a.jpg", "a.txt"}, {}),
        ({"a.jpg": b"", "a.txt": "1"}, {"a.jpg"}, {}),
    ],
)
def test_every_file_is_a_sample_or_a_sidecar_or_counted(
    grow: Grow, tree: Tree, samples: set[str], skipped: dict[str, int]
) -> None:
    source = grow(tree)
    found = items(source)
    assert set(found) == samples
    assert reasons(source) == skipped
    read = {path.name for name in found for path in sidecars(source.root / name)}
    left = {member.name for member in members(source) if isinstance(member, SkippedMember)}
    assert set(tree) == set(found) | read | left
    assert not read & (set(found) | left)
    for item in found.values():
        if "txt:" in texts(item):
            assert texts(item)["txt:"] == "1"


def test_the_table_and_the_sidecar_both_count(grow: Grow) -> None:
    source = grow(
        {
            "a.jpg": JPEG,
            "a.json": '{"visibility": "private", "caption": "json"}',
            "a.txt": "txt",
            "metadata.csv": "file_name,caption,visibility,json:caption,txt:\na.jpg,table,public,x,y\n",
        }
    )
    item = items(source)["a.jpg"]
    assert texts(item) == {
        "path:": "a.jpg",
        "caption": "table",
        "visibility": "public",
        "column 4": "x",
        "column 5": "y",
        "json:visibility": "private",
        "json:caption": "json",
        "txt:": "txt",
    }
    assert item.sample.record["visibility"] == "public"
    assert item.sample.record["visibility[1]"] == "private"


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.ndjson", "metadata.parquet"]
)
def test_rows_and_pictures_are_joined(grow: Grow, name: str) -> None:
    rows = [{"file_name": "sub/a.jpg", "text": "zq"}, {"file_name": "gone.jpg", "text": "missing"}]
    source = grow({"sub/a.jpg": JPEG, "b.jpg": JPEG})
    path = source.root / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(("ndjson", "jsonl")):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        between = "\t" if name.endswith(".tsv") else ","
        path.write_text("".join(between.join(row) + "\n" for row in [list(rows[0]), *(row.values() for row in rows)]))
    found = items(source)
    assert set(found) == {"sub/a.jpg", "gone.jpg", "b.jpg"}
    assert texts(found["sub/a.jpg"]) == {"path:": "sub/a.jpg", "text": "zq"}
    assert found["sub/a.jpg"].origin.table == name
    assert found["sub/a.jpg"].origin.row == 0
    assert texts(found["gone.jpg"]) == {"path:": "gone.jpg", "text": "missing"}
    with pytest.raises(PictureError, match="does not exist"):
        _ = found["gone.jpg"].sample.picture.data  # type: ignore[union-attr]
    assert source.tables() == [name]


@pytest.mark.parametrize(
    ("value", "sample"),
    [
        ("a.jpg", "sub/a.jpg"),
        ("./a.jpg", "sub/a.jpg"),
        ("../b.jpg", "b.jpg"),
        ("x/../../b.jpg", "b.jpg"),
        ("deep\\c.jpg", "sub/deep/c.jpg"),
        ("deep/c.jpg", "sub/deep/c.jpg"),
        ("..\\b.jpg", "b.jpg"),
        ("missing.jpg", "sub/missing.jpg"),
        ("../../b.jpg", None),
        ("../../../../../../etc/hostname", None),
        ("/etc/hostname", None),
        ("C:\\a.jpg", None),
        ("c:a.jpg", None),
        ("..", None),
        ("../../data/b.jpg", None),
        ("zq@example.com\nsecond line", None),
        ("zq " * 200, None),
        ("\u202egnp.jpg", None),
        ("metadata.csv", None),
    ],
)
def test_where_a_table_in_a_subfolder_may_point(grow: Grow, value: str, sample: str | None) -> None:
    quoted = value.replace('"', '""')
    tree = {
        "sub/a.jpg": JPEG,
        "b.jpg": JPEG,
        "sub/deep/c.jpg": JPEG,
        "sub/metadata.csv": f'file_name,t\n"{quoted}",zq\n',
    }
    source = grow(tree)
    found = items(source)
    mine = found[sample or "sub/metadata.csv#0"]
    assert mine.origin.table == "sub/metadata.csv"
    assert texts(mine)["t"] == "zq"
    pictures = {"sub/a.jpg", "b.jpg", "sub/deep/c.jpg"}
    assert set(found) == pictures | {sample or "sub/metadata.csv#0"}
    if sample is None:
        assert mine.sample.picture is None
        assert texts(mine)["file_name"] == value
        assert stages(mine) == [("picture", "error")]
        assert "zq" not in mine.failures[0].message


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"file_name": "", "t": "zq"}, "the row names no picture"),
        ({"file_name": " ", "t": "zq"}, "the row names no picture"),
        ({"file_name": None, "t": "zq"}, "the row names no picture"),
        ({"t": "zq"}, "the row names no picture"),
        ({"file_name": 4155550100, "t": "zq"}, "the row names no picture"),
        ({"file_name": ["a.jpg"], "t": "zq"}, "the row names no picture"),
        ({"file_name": "https://example.com/a.jpg", "t": "zq"}, "the row names a web address, which is not opened"),
        ({"file_name": "a.jpg", "t": "zq"}, "an earlier row of the table has the same picture"),
        ({"file_name": "sub/../a.jpg", "t": "zq"}, "an earlier row of the table has the same picture"),
    ],
)
def test_rows_without_a_picture_of_their_own_are_samples(grow: Grow, row: dict, reason: str) -> None:
    rows = [{"file_name": "a.jpg", "t": "first"}, row]
    found = items(grow({"a.jpg": JPEG, "metadata.jsonl": "\n".join(map(json.dumps, rows))}))
    assert set(found) == {"a.jpg", "metadata.jsonl#1"}
    item = found["metadata.jsonl#1"]
    assert [(skip.stage, skip.reason) for skip in item.skipped] == [("picture", reason)]
    assert item.failures == ()
    assert texts(item)["t"] == "zq"
    value = row.get("file_name")
    if isinstance(value, (str, int)) and str(value).strip():
        assert texts(item)["file_name"] == str(value)


@pytest.mark.parametrize("bad", ["\ud800.jpg", "a\0.jpg", "x" * 300 + ".jpg", "/".join(["y" * 200] * 40)])
def test_names_that_no_file_can_have(grow: Grow, bad: str) -> None:
    found = items(grow({"a.jpg": JPEG, "metadata.jsonl": json.dumps({"file_name": bad, "t": "zq"})}))
    assert len(found) == 2
    item = next(item for name, item in found.items() if name != "a.jpg")
    assert texts(item)["t"] == "zq"
    if item.sample.picture is not None:
        with pytest.raises(PictureError):
            _ = item.sample.picture.data


def test_a_row_that_went_wrong_does_not_name_a_sample(grow: Grow) -> None:
    """An unclosed quote shifts a caption into the first column; it must not become the id of a sample."""
    table = 'file_name,text\na.jpg,"caption\nwrite to zq@example.com\nb.jpg,x\nc.jpg\n'
    found = items(grow({"a.jpg": JPEG, "b.jpg": JPEG, "c.jpg": JPEG, "metadata.csv": table}))
    assert set(found) == {"a.jpg", "b.jpg", "c.jpg", "metadata.csv#1"}
    assert texts(found["metadata.csv#1"]) == {"file_name": "write to zq@example.com"}
    assert texts(found["c.jpg"]) == {"path:": "c.jpg"}
    assert stages(found["c.jpg"]) == [("record", "error")]


def test_two_tables_in_one_folder(grow: Grow) -> None:
    source = grow(
        {
            "a.jpg": JPEG,
            "metadata.jsonl": '{"file_name": "a.jpg", "text": "one"}\n',
            "metadata.csv": "file_name,text\na.jpg,two\n",
        }
    )
    found = items(source)
    assert set(found) == {"a.jpg", "metadata.jsonl#0"}
    assert {text.value for item in found.values() for text in item.sample.texts} >= {"one", "two"}


def test_a_table_without_file_names_is_checked_as_texts(grow: Grow) -> None:
    found = items(grow({"a.jpg": JPEG, "metadata.csv": "who,text\nx,zq\n"}))
    assert set(found) == {"a.jpg", "metadata.csv", "metadata.csv#0"}
    assert stages(found["metadata.csv"]) == [("source", "error")]
    assert texts(found["metadata.csv#0"]) == {"who": "x", "text": "zq"}


def test_the_columns_of_json_lines_are_those_of_many_rows(grow: Grow) -> None:
    table = '{"note": "no name"}\nbroken\n{"file_name": "a.jpg", "text": "zq"}\n'
    found = items(grow({"a.jpg": JPEG, "metadata.jsonl": table}))
    assert set(found) == {"a.jpg", "metadata.jsonl#0", "metadata.jsonl#1"}
    assert texts(found["a.jpg"]) == {"path:": "a.jpg", "text": "zq"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", b""),
        ("metadata.csv", "file_name\na.jpg\n".encode("utf-16")),
        ("metadata.csv", b"file_name,text\ra.jpg,zq\r"),
        ("metadata.jsonl", b""),
        ("metadata.parquet", b"PAR1 this is none PAR1"),
        ("metadata.parquet", b""),
    ],
)
def test_a_table_that_cannot_be_read_is_one_failure_and_costs_no_picture(grow: Grow, name: str, data: bytes) -> None:
    found = items(grow({"a.jpg": JPEG, "b.txt": JPEG, name: data}))
    assert set(found) == {"a.jpg", "b.txt", name}
    assert stages(found[name]) == [("source", "unreadable")]
    assert "zq" not in found[name].failures[0].message


@pytest.mark.parametrize("size", [3, 40, 700])
def test_a_table_that_breaks_off_loses_neither_rows_nor_pictures(grow: Grow, size: int) -> None:
    source = grow({f"{number}.jpg": JPEG for number in range(4)})
    names = [f"{number}.jpg" for number in range(size)]
    path = source.root / "metadata.parquet"
    pq.write_table(pa.table({"file_name": names}), path, row_group_size=max(1, size // 2), compression="gzip",
                   use_dictionary=False)  # fmt: skip
    with pq.ParquetFile(path) as file:
        start = file.metadata.row_group(1).column(0).data_page_offset
        length = file.metadata.row_group(1).column(0).total_compressed_size
    data = bytearray(path.read_bytes())
    data[start : start + length] = b"\xff" * length
    path.write_bytes(bytes(data))
    found = items(source)
    assert stages(found["metadata.parquet"]) == [("source", "unreadable")]
    assert set(found) >= {f"{number}.jpg" for number in range(4)}
    if size > 4:
        assert len(found) >= size // 2 + 1


def test_a_table_with_binary_columns_says_what_is_not_checked(grow: Grow) -> None:
    source = grow({"a.jpg": JPEG})
    pq.write_table(pa.table({"file_name": ["a.jpg"], "blob": [JPEG]}), source.root / "metadata.parquet")
    found = items(source)
    assert stages(found["metadata.parquet"]) == [("source", "error")]
    assert found["a.jpg"].origin.table == "metadata.parquet"


def test_a_table_that_changes_while_it_is_read_gives_a_failure_per_row(grow: Grow) -> None:
    source = grow({"a.jpg": JPEG, "metadata.csv": "file_name,t\na.jpg,1\nb.jpg,2\nc.jpg,3\n"})
    source.survey()
    shard = next(source.shards())
    (source.root / "metadata.csv").write_text("file_name,t\na.jpg,1\n")
    cut = [member for member in source.read(shard) if isinstance(member, Item)]
    assert [item.sample.id for item in cut] == ["a.jpg", "metadata.csv#1", "metadata.csv#2"]
    assert [stages(item) for item in cut] == [[], [("source", "unreadable")], [("source", "unreadable")]]
    (source.root / "metadata.csv").unlink()
    gone = [member for member in source.read(shard) if isinstance(member, Item)]
    assert [item.sample.id for item in gone] == ["metadata.csv#0", "metadata.csv#1", "metadata.csv#2"]


def test_a_file_cannot_take_the_id_of_a_row(grow: Grow) -> None:
    found = items(grow({"metadata.csv#0": JPEG, "metadata.csv##0": JPEG, "metadata.csv": "file_name,t\n,zq\n"}))
    assert set(found) == {"metadata.csv#0", "metadata.csv##0", "metadata.csv###0"}


def test_captions_of_pictures_that_are_gone_are_checked_with_their_rows(grow: Grow) -> None:
    """Read once, as a sidecar: a second copy, counted as skipped, would be passed on unmasked by a redaction."""
    source = grow({"x.jpg": JPEG, "gone.txt": "zq", "gone.jpg.json": "{}", "metadata.csv": "file_name\ngone.jpg\n"})
    found = items(source)
    assert set(found) == {"x.jpg", "gone.jpg"}
    assert texts(found["gone.jpg"]) == {"path:": "gone.jpg", "txt:": "zq", "json:": "{}"}
    assert reasons(source) == {}


def test_a_document_that_a_row_names_takes_its_sidecar_along(grow: Grow) -> None:
    source = grow({"x.jpg": JPEG, "a.pdf": "x", "a.txt": "zq", "metadata.csv": "file_name\na.pdf\n"})
    assert texts(items(source)["a.pdf"]) == {"path:": "a.pdf", "txt:": "zq"}
    assert reasons(source) == {}


# --- the folder itself ------------------------------------------------------------------------------------------------


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(JPEG)
    with pytest.raises(SourceError, match="is a file"):
        FolderSource(tmp_path / "file")
    with pytest.raises(SourceError, match="does not exist"):
        FolderSource(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path)
    assert FolderSource(tmp_path / "link").root == tmp_path.resolve()


def test_an_empty_folder_is_refused(grow: Grow) -> None:
    source = grow({})
    (source.root / "empty").mkdir()
    (source.root / "empty" / "link").symlink_to(source.root)
    with pytest.raises(SourceError, match="nothing to audit"):
        source.survey()


def test_a_folder_with_documents_only_has_members_and_no_sample(grow: Grow) -> None:
    source = grow({"README.md": "# zq"})
    assert items(source) == {}
    assert source.survey().samples == 1


def test_a_folder_that_cannot_be_opened_is_a_failure(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    source = grow({"a.jpg": JPEG, "sub/b.jpg": JPEG, "sub/deep/c.jpg": JPEG, "other/d.jpg": JPEG})
    real = os.scandir

    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[return-value]

    monkeypatch.setattr(os, "scandir", scandir)
    found = items(source)
    assert set(found) == {"a.jpg", "sub/", "other/d.jpg"}
    assert stages(found["sub/"]) == [("source", "unreadable")]
    monkeypatch.setattr(os, "scandir", lambda path: scandir(Path("sub")))
    assert set(items(source)) == {"/"}


def test_a_picture_that_cannot_be_opened_is_a_broken_picture(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    source = grow({"a.jpg": JPEG, "a.txt": "zq"})
    real = Path.open

    def deny(path: Path, mode: str = "r", *more: object, **options: object) -> object:
        if path.suffix == ".jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, mode, *more, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", deny)
    item = items(source)["a.jpg"]
    assert texts(item) == {"path:": "a.jpg", "txt:": "zq"}
    with pytest.raises(PictureError, match="cannot be opened"):
        _ = item.sample.picture.data  # type: ignore[union-attr]


def test_an_unknown_caption_column_is_refused_without_quoting_values(grow: Grow) -> None:
    tree = {"a.jpg": JPEG, "metadata.csv": "file_name,remark,User Name\na.jpg,zq,x\n"}
    with pytest.raises(SourceError) as caught:
        grow(tree, caption_columns=("remarks",)).survey()
    assert str(caught.value) == "no table has the caption column 'remarks'. Columns: file_name, remark."
    item = items(grow(tree, caption_columns=("remark",)))["a.jpg"]
    assert {text.field: text.channel for text in item.sample.texts}["remark"] == "caption"


def test_a_caption_column_may_hold_objects(grow: Grow) -> None:
    table = json.dumps({"file_name": "a.jpg", "said": {"en": "zq", "id": "zr"}})
    item = items(grow({"a.jpg": JPEG, "metadata.jsonl": table}, caption_columns=("said",)))["a.jpg"]
    assert {text.field: text.channel for text in item.sample.texts} == {
        "path:": "filename",
        "said.en": "caption",
        "said.id": "caption",
    }


def test_without_tables_a_caption_column_names_a_json_field(grow: Grow) -> None:
    item = items(grow({"a.jpg": JPEG, "a.json": '{"remark": "zq"}'}, caption_columns=("remark",)))["a.jpg"]
    assert {text.field: text.channel for text in item.sample.texts}["json:remark"] == "caption"


# --- shards -----------------------------------------------------------------------------------------------------------


def test_shards_are_pieces_of_a_sane_size(grow: Grow) -> None:
    rows = "".join(f"row{number}.jpg,x\n" for number in range(700))
    source = grow({**{f"{number:04d}.jpg": b"" for number in range(600)}, "metadata.csv": "file_name,text\n" + rows})
    found = items(source)
    assert len(found) == 1300
    sizes = [shard.samples for shard in source.shards()]
    assert max(sizes) == 21
    assert sum(sizes) == 1300
    assert len({shard.id for shard in source.shards()}) == len(sizes)


CHANGES: dict[str, Callable[[Path], object]] = {
    "picture": lambda root: (root / "b.jpg").write_bytes(JPEG + b"x"),
    "picture of a row": lambda root: (root / "a.jpg").write_bytes(JPEG + b"x"),
    "touched": lambda root: os.utime(root / "b.jpg", (1, 1)),
    "new picture": lambda root: (root / "c.jpg").write_bytes(JPEG),
    "gone": lambda root: (root / "b.jpg").unlink(),
    "gone from a row": lambda root: (root / "a.jpg").unlink(),
    "renamed": lambda root: (root / "b.jpg").rename(root / "c.jpg"),
    "sidecar": lambda root: (root / "b.txt").write_text("longer than before"),
    "sidecar of a row": lambda root: (root / "a.txt").write_text("longer than before"),
    "new sidecar": lambda root: (root / "b.json").write_text("{}"),
    "new sidecar of a row": lambda root: (root / "a.json").write_text("{}"),
    "table": lambda root: (root / "metadata.csv").write_text("file_name,text\na.jpg,longer\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_fingerprint_changes_with_any_file(grow: Grow, change: Callable[[Path], object]) -> None:
    source = grow(
        {"a.jpg": JPEG, "a.txt": "1", "b.jpg": JPEG, "b.txt": "2", "metadata.csv": "file_name,text\na.jpg,x\n"}
    )
    before = source.survey().fingerprint
    shards = {shard.fingerprint for shard in source.shards()}
    assert source.survey().fingerprint == before
    change(source.root)
    assert source.survey().fingerprint != before
    assert {shard.fingerprint for shard in source.shards()} != shards


def test_a_source_and_its_shards_can_be_sent_to_a_worker(grow: Grow) -> None:
    import pickle

    source = grow({"a.jpg": JPEG, "metadata.csv": "file_name,text\nb.jpg,zq\n", "metadata.jsonl": ""})
    source.survey()
    sent = pickle.loads(pickle.dumps(source))
    shards = list(source.shards())
    assert any(isinstance(shard.content, Broken) for shard in shards)
    assert list(sent.shards()) == pickle.loads(pickle.dumps(shards))
    assert [len(list(sent.read(shard))) for shard in shards] == [shard.samples for shard in shards]


def test_a_gigantic_header_in_a_picture_costs_nothing_here(grow: Grow) -> None:
    """Surveying and reading never decode."""
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 2**31 - 1, 2**31 - 1) + bytes(9)
    assert set(items(grow({"bomb.png": bomb}))) == {"bomb.png"}
