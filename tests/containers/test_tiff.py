from __future__ import annotations

import struct

import picture_files as files
import pytest
from PIL import Image

from privacy_audit.containers import iptc, photoshop, tiff
from privacy_audit.containers.tiff import Rational


def values(data: bytes) -> dict[str, object]:
    return {f"{entry.ifd}:{entry.name or hex(entry.tag)}": entry.value for entry in tiff.entries(data)}


@pytest.mark.parametrize("order", ["<", ">"])
def test_types_and_byte_orders(order: str) -> None:
    pack = struct.pack
    data = files.directories(
        [
            (0x010E, 2, b"two words\0"),
            (0x0112, 3, pack(order + "H", 6)),
            (0x011A, 5, pack(order + "II", 300, 1)),
            (0x9C9D, 1, "Ä B".encode("utf-16-le") + b"\0\0"),
            (0xC634, 7, b"\1\2"),
        ],
        order=order,
    )
    assert values(data) == {
        "IFD0:ImageDescription": "two words",
        "IFD0:Orientation": (6,),
        "IFD0:0x11a": (Rational(300, 1),),
        "IFD0:XPAuthor": "Ä B",
        "IFD0:DNGPrivateData": b"\1\2",
    }
    assert tiff.orientation(data) == 6


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"ASCII\0\0\0hello", "hello"),
        (b"UNICODE\0" + "hello".encode("utf-16-le"), "hello"),
        (b"UNICODE\0" + "hello".encode("utf-16-be"), "hello"),
        (b"UNICODE\0" + "\ufeffhello".encode("utf-16-be"), "hello"),
        (bytes(8) + "héllo".encode(), "héllo"),
        (b"hello without a charset", "hello without a charset"),
        (b"ASCII\0\0\0h\xe9llo", "héllo"),
    ],
)
def test_user_comments(raw: bytes, text: str) -> None:
    assert values(files.directories([(0x9286, 7, raw)]))["IFD0:UserComment"] == text


def test_sub_directories_are_followed() -> None:
    data = files.exif({0x010F: "Maker"}, {0x9003: "2001:02:03 04:05:06"}, files.place((7, 30, 0), (110, 20, 0)))
    found = values(data)
    assert found["Exif:DateTimeOriginal"] == "2001:02:03 04:05:06"
    assert found["GPS:GPSLatitude"] == (Rational(7, 1), Rational(30, 1), Rational(0, 1))


def test_big_tiff_is_read() -> None:
    row = struct.pack("<HHQQ", 0x013B, 2, 12, 16 + 8 + 20 + 8)
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + row + bytes(8) + b"A. Somebody\0"
    assert values(data) == {"IFD0:Artist": "A. Somebody"}


def test_values_outside_the_data_are_left_out() -> None:
    data = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x013B, 2, 2**31, 100) + bytes(4)
    assert values(data) == {}


def test_a_loop_of_directories_is_read_once_and_named() -> None:
    problems: list[str] = []
    data = files.directories([(0x013B, 2, b"Somebody\0")], [(0x0131, 2, b"Program 1\0")], loop=True)
    assert [entry.ifd for entry in tiff.entries(data, problems)] == ["IFD0", "IFD1"]
    assert len(problems) == 1


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_many_entries_that_share_one_large_value_end_soon() -> None:
    rows = b"".join(struct.pack("<HHII", 0x9286, 7, 4_000_000, 8) for _ in range(60_000))
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + rows + bytes(4_000_000)
    found = tiff.entries(data)
    assert sum(len(str(entry.value)) for entry in found) <= tiff.MAX_VALUE_BYTES


@pytest.mark.parametrize(
    ("orientation", "notice"), [(6, None), (None, "me"), (3, "© Somebody"), (None, "abc"), (None, None)]
)
def test_built_blocks_read_back(orientation: int | None, notice: str | None) -> None:
    built = tiff.build(tiff.Contents(orientation, notice=notice))
    read = Image.Exif()
    read.load(b"Exif\0\0" + built if built else b"")
    stored = read.get(0x8298)
    assert read.get(0x0112) == orientation == tiff.orientation(built)
    assert values(built).get("IFD0:Copyright") == notice
    assert (stored is None) == (notice is None)


def test_photoshop_resources_with_names_and_odd_sizes() -> None:
    named = b"8BIM\x04\x0b\x03abc" + struct.pack(">I", 3) + b"url\0"
    data = files.resource(0x040A, b"\1") + named + files.resource(0x0404, b"xyz")
    assert [(part.id, part.data) for part in photoshop.resources(data)] == [
        (0x040A, b"\1"),
        (0x040B, b"url"),
        (0x0404, b"xyz"),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (files.iptc((2, 80, b"A"), (2, 90, b"Town")), [("By-line", "A"), ("City", "Town")]),
        (files.iptc((1, 90, b"\x1b%G"), (2, 90, "Tōwn".encode())), [("CodedCharacterSet", "\x1b%G"), ("City", "Tōwn")]),
        (files.iptc((2, 90, b"T\xf6wn")), [("City", "Töwn")]),
        (b"junk" + files.iptc((2, 90, b"Town")), [("City", "Town")]),
        (b"\x1c\x02\x5a\x80\x02\0\x04Town", [("City", "Town")]),
        (b"\x1c\x02\x5a\x80\xff", []),
        (b"\x1c", []),
    ],
)
def test_iptc_datasets(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(dataset.name, dataset.value) for dataset in iptc.datasets(data)] == expected
