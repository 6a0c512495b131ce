"""Hostile and damaged archives: each case is counted, what is sound is still read, and nothing is written to disk."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy_audit.errors import PictureError, SourceError
from privacy_audit.pixels import Limits
from privacy_audit.sources import Item, SkippedMember, WebDatasetSource, open_source, webdataset, zipfiles
from privacy_audit.sources.names import inside
from privacy_audit.sources.webdataset import expand, key_of, units
from privacy_audit.sources.zipfiles import RATIO_FROM

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def picture(jpeg: Callable[..., bytes]) -> bytes:
    return jpeg()


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One tar member as bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def everything(path: Path) -> tuple[dict[str, str], list[str]]:
    """What became of each sample: "sound", or what is wrong with it; and why members were skipped."""
    source = open_source(path)
    survey = source.survey()
    samples: dict[str, str] = {}
    skipped = [reason for reason, count in survey.skipped.items() for _ in range(count)]
    for shard in source.shards():
        for found in source.read(shard):
            if isinstance(found, SkippedMember):
                skipped.append(found.reason)
            else:
                assert isinstance(found, Item)
                assert found.sample.id not in samples
                samples[found.sample.id] = wrong(found)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name]
    return samples, sorted(skipped)


def wrong(item: Item) -> str:
    problems = [failure.message for failure in item.failures]
    if item.sample.picture is not None:
        try:
            _ = item.sample.picture.data
        except PictureError as error:
            problems.append(str(error))
    return "; ".join(problems) or "sound"


def sound(samples: dict[str, str], *names: str) -> None:
    for name in names:
        assert samples[name] == "sound", samples


TAR_CASES: dict[str, tuple[Callable[[bytes], bytes], dict[str, str], list[str]]] = {
    "a name that leads up": (
        lambda data: member("../../up.jpg", data),
        {"a.tar/up": "the member's name leads outside the archive"},
        [],
    ),
    "an absolute name": (
        lambda data: member("/etc/up.jpg", data),
        {"a.tar/etc/up": "the member's name leads outside the archive"},
        [],
    ),
    "a name of nothing": (
        lambda data: member("../..", data),
        {"a.tar/#1": "the member's name leads outside the archive"},
        [],
    ),
    "links": (
        lambda _: (
            member("l.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd")
            + member("h.jpg", kind=tarfile.LNKTYPE, link="x.jpg")
        ),
        {},
        ["link (not followed)"] * 2,
    ),
    "devices and pipes": (
        lambda _: (
            member("c", kind=tarfile.CHRTYPE) + member("b", kind=tarfile.BLKTYPE) + member("f", kind=tarfile.FIFOTYPE)
        ),
        {},
        ["device, pipe or socket"] * 3,
    ),
    "a repeated key": (
        lambda data: member("y.jpg", data) + member("x.jpg", data) + member("x.jpg", data),
        {"a.tar/y": "sound", "a.tar/x#2.jpg": "sound", "a.tar/x#2.jpg#1": "sound"},
        [],
    ),
    "an archive inside": (
        lambda _: member("inner.zip", b"PK\x03\x04 and more") + member("inner", gzip.compress(b"x" * 100)),
        {"a.tar/inner": "an archive inside the archive is not opened", "a.tar/inner/1": "an archive inside"},
        [],
    ),
    "a sparse file": (
        lambda _: member("s.jpg", kind=tarfile.GNUTYPE_SPARSE),
        {"a.tar/s": "a sparse file in a tar is not read"},
        [],
    ),
    "a damaged header": (
        lambda data: member("bad.jpg", data).replace(b"0000644", b"0000645", 1),
        {"a.tar@%d": "a header in the archive is damaged"},
        [],
    ),
    "a size that is no number": (
        lambda data: resummed(member("bad.jpg", data), 124, b"abcdefghijk\0"),
        {"a.tar@%d": "a header in the archive is damaged"},
        [],
    ),
    "an absurd size": (
        lambda data: resummed(member("bad.jpg", data), 124, b"\x80" + b"\x7f" * 11),
        {"a.tar@%d": "a header in the archive is damaged"},
        [],
    ),
    "zeros in the middle": (lambda _: bytes(2048), {}, []),
    "a table": (
        lambda _: member("metadata.csv", b"file_name,text\n"),
        {"a.tar/metadata": "a table inside a tar is not read"},
        [],
    ),
    "what macOS adds": (
        lambda _: member("._w.jpg", b"\0\x05\x16\x07" + bytes(60)),
        {},
        ["not a picture (macOS resource fork)"],
    ),
    "a caption alone": (lambda _: member("t.txt", b"words"), {"a.tar/t": "sound"}, []),
    "something else": (lambda _: member("t.npy", b"\x93NUMPY"), {}, ["not a picture (.npy)"]),
    "a long name": (lambda data: member("d/" * 200 + "long.jpg", data), {"a.tar/" + "d/" * 200 + "long": "sound"}, []),
    "a name that is no UTF-8": (
        lambda data: resummed(member("bad.jpg", data), 0, b"b\xffd.jpg\0"),
        {"./a.tar/b\\xffd": "sound"},
        [],
    ),
}


def resummed(data: bytes, at: int, field: bytes) -> bytes:
    """A member with a field of its header replaced and the checksum made right."""
    header = bytearray(data[:512])
    header[at : at + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@pytest.mark.parametrize("packed", [False, True], ids=["tar", "tar.gz"])
@pytest.mark.parametrize("case", TAR_CASES)
def test_tar(tmp_path: Path, picture: bytes, case: str, packed: bool) -> None:
    build, expected, skips = TAR_CASES[case]
    first = member("x.jpg", picture)
    content = first + build(picture) + member("z.jpg", picture) + bytes(1024)
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(content) if packed else content)
    samples, skipped = everything(path)
    sound(samples, "a.tar/z")
    known = {"a.tar/x", "a.tar/z"}
    found = {name: problem for name, problem in samples.items() if name not in known}
    wanted = {name.replace("%d", str(len(first))): problem for name, problem in expected.items()}
    assert found.keys() == wanted.keys()
    for name, problem in wanted.items():
        assert found[name].startswith(problem)
    assert skipped == skips


@pytest.mark.parametrize("cut", [700, 513, 512, 100])
def test_a_tar_that_is_cut_off(tmp_path: Path, picture: bytes, cut: int) -> None:
    whole = member("x.jpg", picture) + member("y.jpg", picture)
    (tmp_path / "a.tar").write_bytes(whole[: len(member("x.jpg", picture)) + cut])
    samples, _ = everything(tmp_path / "a.tar")
    sound(samples, "a.tar/x")
    assert "the archive is cut off" in samples.values()


def test_a_tar_gz_that_is_cut_off_or_damaged(tmp_path: Path, picture: bytes) -> None:
    files = b"".join(member(f"{number}.jpg", picture) for number in range(40))
    packed = gzip.compress(files, 0)
    for damaged in (packed[:-2000], packed[:-8] + bytes(8)):
        (tmp_path / "a.tar.gz").write_bytes(damaged)
        samples, _ = everything(tmp_path / "a.tar.gz")
        assert sum(problem == "sound" for problem in samples.values()) >= 35
        assert [problem for problem in samples.values() if problem.startswith("the archive")]


def test_a_tar_bomb(tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy_audit.sources.tarfiles.RATIO_FROM", 1 << 20)
    content = member("x.jpg", picture) + member("bomb.jpg", bytes(64 << 20)) + member("z.jpg", picture)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content))
    samples, _ = everything(tmp_path / "a.tar.gz")
    sound(samples, "a.tar.gz/x")
    assert any("decompression bomb" in problem for problem in samples.values())


def test_a_million_members_of_one_key_are_cut_into_groups(picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "MAX_GROUP", 10)
    content = b"".join(member(f"k.{number}.jpg", picture) for number in range(95))
    groups = list(units(io.BytesIO(content), 0, Limits()))
    assert [len(group.files) for group in groups if isinstance(group, webdataset.Group)] == [10] * 9 + [5]


def test_the_keys_of_cut_groups_stay_apart(tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "MAX_GROUP", 10)
    (tmp_path / "a.tar").write_bytes(b"".join(member("k.jpg", picture) for _ in range(35)))
    samples, _ = everything(tmp_path / "a.tar")
    assert len(samples) == 35
    assert set(samples.values()) == {"sound"}


def test_many_tiny_members_are_read_in_shards(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"".join(member(f"{number:05d}.txt", b"x") for number in range(3_000)))
    source = WebDatasetSource(tmp_path / "a.tar")
    assert source.survey().samples == 3_000
    shards = list(source.shards())
    assert len(shards) > 4
    ids = [item.sample.id for shard in shards for item in source.read(shard) if isinstance(item, Item)]
    assert ids == [f"a.tar/{number:05d}" for number in range(3_000)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_of_a_tar_is_survived(picture: bytes, data: st.DataObject) -> None:
    content = bytearray(b"".join(member(f"{number}.jpg", picture) for number in range(4)) + bytes(1024))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = list(units(io.BytesIO(bytes(content[: data.draw(st.integers(0, len(content)))])), 0, Limits()))
    assert len(found) <= 12


# --- ZIP ----------------------------------------------------------------------------------------------------------


def packed(files: list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return bytearray(buffer.getvalue())


def link(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    ("extra", "expected", "skips"),
    [
        ([("../../up.jpg", None)], {"a.zip/up.jpg": "the member's name leads outside"}, []),
        ([("/etc/up.jpg", None)], {"a.zip/etc/up.jpg": "the member's name leads outside"}, []),
        ([("C:\\up.jpg", None)], {"a.zip/up.jpg": "the member's name leads outside"}, []),
        ([(link("l.jpg", 0o120777), b"/etc/passwd")], {}, ["link (not followed)"]),
        ([(link("p.jpg", 0o010644), b"")], {}, ["device, pipe or socket"]),
        ([("inner.zip", b"PK\x03\x04 and more")], {"a.zip/inner.zip": "an archive inside the archive"}, []),
        ([("inner", gzip.compress(b"x" * 99))], {"a.zip/inner": "an archive inside the archive"}, []),
        ([("bomb.jpg", bytes(RATIO_FROM + 1))], {"a.zip/bomb.jpg": "the member unpacks to more than"}, []),
        ([("__MACOSX/._x.jpg", b"\0\x05\x16\x07" + bytes(60))], {}, ["not a picture (macOS resource fork)"]),
        ([("t.npy", b"\x93NUMPY")], {}, ["not a picture (.npy)"]),
    ],
)
def test_zip(
    tmp_path: Path,
    picture: bytes,
    extra: list[tuple[str | zipfile.ZipInfo, bytes | None]],
    expected: dict[str, str],
    skips: list[str],
) -> None:
    files = [
        ("x.jpg", picture),
        *((name, picture if data is None else data) for name, data in extra),
        ("z.jpg", picture),
    ]
    (tmp_path / "a.zip").write_bytes(packed(files))
    samples, skipped = everything(tmp_path / "a.zip")
    sound(samples, "a.zip/x.jpg", "a.zip/z.jpg")
    found = {name: problem for name, problem in samples.items() if name not in {"a.zip/x.jpg", "a.zip/z.jpg"}}
    assert found.keys() == expected.keys()
    assert all(found[name].startswith(problem) for name, problem in expected.items())
    assert skipped == skips


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_doubled_names(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    data = [jpeg("red"), jpeg("green"), jpeg("blue")]
    (tmp_path / "a.zip").write_bytes(packed([("x.jpg", one) for one in data]))
    source = open_source(tmp_path / "a.zip")
    assert source.survey().samples == 3
    items = [item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)]
    assert [item.sample.id for item in items] == ["a.zip/x.jpg", "a.zip/x.jpg#1", "a.zip/x.jpg#2"]
    assert [item.sample.picture.data for item in items if item.sample.picture] == data


def directory_entry(content: bytearray, name: bytes) -> int:
    """Where the record of a member begins in the central directory."""
    return content.rindex(name) - 46


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (8, struct.pack("<H", 1), "the member is encrypted"),
        (10, struct.pack("<H", 99), "the member is packed by method 99"),
        (16, b"\1\2\3\4", "the member is damaged: its checksum is wrong"),
        (24, struct.pack("<I", 1 << 31), "the member unpacks to more than"),
        (24, struct.pack("<I", 5), "the member is damaged"),
        (42, struct.pack("<I", 7), "the member"),
        (42, struct.pack("<I", 1 << 30), "the member's header is damaged, or cut off"),
        (20, struct.pack("<I", 9), "the member is cut off"),
    ],
)
@pytest.mark.parametrize("name", [b"y.jpg", b"y.bin"])
def test_a_zip_with_one_bad_member(
    tmp_path: Path, picture: bytes, field: int, value: bytes, problem: str, name: bytes
) -> None:
    content = packed([("x.jpg", picture), (name.decode(), picture), ("z.jpg", picture)])
    at = directory_entry(content, name) + field
    content[at : at + len(value)] = value
    (tmp_path / "a.zip").write_bytes(content)
    samples, _ = everything(tmp_path / "a.zip")
    sound(samples, "a.zip/x.jpg", "a.zip/z.jpg")
    assert samples[f"a.zip/{name.decode()}"].startswith(problem)


def test_members_that_share_their_bytes(tmp_path: Path, picture: bytes) -> None:
    content = packed([("x.jpg", picture), ("y.jpg", picture), ("z.jpg", picture)])
    first = content[directory_entry(content, b"x.jpg") + 42 :][:4]
    at = directory_entry(content, b"y.jpg") + 42
    content[at : at + 4] = first
    (tmp_path / "a.zip").write_bytes(content)
    samples, _ = everything(tmp_path / "a.zip")
    sound(samples, "a.zip/z.jpg")
    assert [name for name, problem in samples.items() if "shares its bytes" in problem] == ["a.zip/y.jpg"]


def test_a_zip_that_is_cut_off(tmp_path: Path, picture: bytes) -> None:
    whole = packed([("x.jpg", picture), ("y.jpg", picture), ("z.jpg", picture)])
    (tmp_path / "a.zip").write_bytes(whole[: whole.index(b"PK\1\2") - 20])
    samples, _ = everything(tmp_path / "a.zip")
    sound(samples, "a.zip/x.jpg", "a.zip/y.jpg")
    assert samples["a.zip/z.jpg"] != "sound"
    assert samples["a.zip/"].startswith("the archive has no directory of its members")


def test_zip64_and_a_program_before_the_archive(
    tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    content = packed([(f"{number}.jpg", picture) for number in range(5)])
    assert b"PK\6\6" in content
    (tmp_path / "a.zip").write_bytes(content)
    samples, _ = everything(tmp_path / "a.zip")
    sound(samples, *(f"a.zip/{number}.jpg" for number in range(5)))
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n" * 9 + content)
    assert {*everything(tmp_path / "a.zip")[0].values()} == {"sound"}


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed([]))
    with pytest.raises(SourceError, match="nothing to audit"):
        open_source(tmp_path / "a.zip").survey()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_of_a_zip_is_survived(tmp_path: Path, picture: bytes, data: st.DataObject) -> None:
    content = packed([("x.jpg", picture), ("x.txt", b"words"), ("y.jpg", picture)])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.zip"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    zipfiles.directory.cache_clear()
    try:
        source = open_source(path, kind="zip")
        source.survey()
    except SourceError:
        return
    for shard in source.shards():
        for found in source.read(shard):
            assert isinstance(found, SkippedMember) or wrong(found)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.jpg", ("a/b.jpg", True)),
        ("./a/b.jpg", ("a/b.jpg", True)),
        ("../a.jpg", ("a.jpg", False)),
        ("/a.jpg", ("a.jpg", False)),
        ("a\\b.jpg", ("a/b.jpg", True)),
        ("C:a.jpg", ("a.jpg", False)),
        ("..", ("", False)),
    ],
)
def test_inside(name: str, expected: tuple[str, bool]) -> None:
    assert inside(name) == expected


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("000.jpg", "000"),
        ("a.b/000.left.png", "a.b/000"),
        ("000", "000"),
        (".hidden.jpg", ".hidden"),
        ("a/", "a/"),
    ],
)
def test_key(name: str, key: str) -> None:
    assert key_of(name) == key


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{00..02}.tar", ["00.tar", "01.tar", "02.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{2..1}-{a,b}", ["2-a", "2-b", "1-a", "1-b"]),
    ],
)
def test_expand(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


@pytest.mark.parametrize("pattern", ["{0..99999999999}", "{0..9999}{0..9999}"])
def test_a_pattern_for_too_many_archives(pattern: str) -> None:
    with pytest.raises(SourceError, match="at most"):
        expand(pattern)
