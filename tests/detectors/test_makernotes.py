from __future__ import annotations

import struct

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.containers import tiff
from privacy_audit.detectors.metadata import makernotes
from privacy_audit.detectors.metadata.makernotes.values import digest, number, text
from privacy_audit.detectors.metadata.makernotes.vendors import VENDORS, Sub
from privacy_audit.taxonomy import CODES

SERIAL, OWNER = b"SN-0042-TEST\0", b"Quentin Testperson\0"
PREVIEW = b"\xff\xd8\xff\xe0picture"


def directory(*entries: tuple[int, int, bytes], base: int = 0, order: str = "<") -> bytes:
    """A directory without a head; offsets count from `base` bytes in front of it."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    heap_at = base + 2 + 12 * len(entries) + 4
    rows, heap = b"", b""
    for tag, kind, value in entries:
        rows += struct.pack(order + "HHI", tag, kind, len(value) // sizes[kind])
        rows += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", heap_at + len(heap))
        heap += value if len(value) > 4 else b""
    return struct.pack(order + "H", len(entries)) + rows + bytes(4) + heap


def found(make: str, note: bytes) -> set[tuple[str, str, str]]:
    block = files.exif({0x010F: make}, {0x927C: note})
    return {(hit.code, hit.tag, hit.value) for hit in makernotes.hits(block, tiff.entries(block))}


def at(make: str) -> int:
    """Where the note stands in the block that `found` makes, for offsets that count from the block's start."""
    block = files.exif({0x010F: make}, {0x927C: bytes(64)})
    return next(entry.at for entry in tiff.entries(block) if entry.tag == tiff.MAKER_NOTE)


def outside(make: str, head: bytes, *entries: tuple[int, int, bytes], order: str = "<") -> bytes:
    """A note whose offsets count from the EXIF block."""
    return head + directory(*entries, base=at(make) + len(head), order=order)


def inside(head: bytes, *entries: tuple[int, int, bytes], order: str = "<", less: int = 0) -> bytes:
    """A note whose offsets count from its own start, or from `less` bytes behind it."""
    return head + directory(*entries, base=len(head) - less, order=order)


def fixed(size: int, **values: bytes) -> bytes:
    """A record with values at the places that their names end in."""
    out = bytearray(size)
    for name, value in values.items():
        place = int(name.rpartition("_")[2])
        out[place : place + len(value)] = value
    return bytes(out)


SONY_PLAIN = bytearray(0x100)
SONY_PLAIN[0x7C:0x80] = b"\x12\x34\x56\x78"
SONY = bytes(pow(byte, 3, 249) if byte < 249 else byte for byte in SONY_PLAIN)
SERIAL_HIT = ("device.serial", "MakerNote:SerialNumber", "SN-0042-TEST")
INTERNAL_HIT = ("device.serial", "MakerNote:InternalSerialNumber", "SN-0042-TEST")
PREVIEW_HIT = ("embedded.thumbnail", "MakerNote:PreviewImage", "")


@pytest.mark.parametrize(
    ("make", "note", "expected"),
    [
        (
            "Canon",
            outside(
                "Canon",
                b"",
                (0x0009, 2, OWNER),
                (0x000C, 4, struct.pack("<I", 4711)),
                (0x0028, 1, bytes(range(16))),
                (0x0096, 2, SERIAL),
                (0x4019, 7, b"\1\2\3\4\5" + bytes(25)),
            ),
            {
                ("name.owner", "MakerNote:OwnerName", "Quentin Testperson"),
                ("device.serial", "MakerNote:SerialNumber", "4711"),
                ("device.uid", "MakerNote:ImageUniqueID", bytes(range(16)).hex()),
                INTERNAL_HIT,
                ("device.serial", "MakerNote:LensSerialNumber", "0102030405"),
            },
        ),
        (
            "NIKON",
            b"Nikon\0\2\x10\0\0" + files.directories([(0x001D, 2, SERIAL), (0x00A0, 2, b"0000000\0")]),
            {SERIAL_HIT},
        ),
        (
            "NIKON",
            b"Nikon\0\2\x10\0\0"
            + files.directories([(0x0039, 7, fixed(79, country_5=b"ABC", name_9=b"Testville"))], order=">"),
            {("place", "MakerNote:Location", "Testville")},
        ),
        ("NIKON", outside("NIKON", b"", (0x00A0, 2, SERIAL)), {SERIAL_HIT}),
        (
            "Panasonic",
            outside(
                "Panasonic",
                b"Panasonic\0\0\0",
                (0x25, 7, b"\0\0" + SERIAL),
                (0x61, 7, b"\1\0\0\0" + OWNER),
                (0x66, 7, OWNER),
                (0x6D, 7, b"Testville\0"),
            ),
            {
                INTERNAL_HIT,
                ("name.person", "MakerNote:RecognizedFaceName", "Quentin Testperson"),
                ("name.person", "MakerNote:BabyName", "Quentin Testperson"),
                ("place", "MakerNote:City", "Testville"),
            },
        ),
        (
            "OLYMPUS",
            outside("OLYMPUS", b"OLYMP\0\1\0", (0x0404, 2, SERIAL), (0x0100, 7, PREVIEW)),
            {SERIAL_HIT, PREVIEW_HIT},
        ),
        ("OLYMPUS", outside("OLYMPUS", b"OLYMP\0\1\0", (0x0209, 7, b"OLYMPUS DIGITAL CAMERA\0")), set()),
        (
            "OM Digital",
            b"OM SYSTEM\0\0\0II\4\0"
            + directory((0x2010, 4, struct.pack("<I", 34)), base=16)
            + directory((0x0101, 2, SERIAL), base=34),
            {SERIAL_HIT},
        ),
        ("PENTAX", inside(b"PENTAX \0MM", (0x0229, 2, SERIAL), order=">"), {SERIAL_HIT}),
        ("PENTAX", outside("PENTAX", b"AOC\0MM", (0x0229, 2, SERIAL), order=">"), {SERIAL_HIT}),
        ("RICOH", inside(b"RICOH\0II", (0x0229, 2, SERIAL)), {SERIAL_HIT}),
        (
            "RICOH",
            outside("RICOH", b"Ricoh\0\0\0", (0x0005, 7, b"AB01234567890123")),
            {("device.serial", "MakerNote:SerialNumber", "AB01234567890123")},
        ),
        (
            "SONY",
            outside("SONY", b"SONY DSC \0\0\0", (0x2001, 7, b"\0\0\0\4" + PREVIEW), (0x9050, 7, SONY)),
            {PREVIEW_HIT, ("device.serial", "MakerNote:InternalSerialNumber", "12345678")},
        ),
        ("FUJIFILM", inside(b"FUJIFILM\x0c\0\0\0", (0x0010, 2, SERIAL)), {INTERNAL_HIT}),
        ("EASTMAN KODAK COMPANY", inside(b"MM\0\x2a\0\0\0\x08", (0xFA19, 2, SERIAL), order=">"), {SERIAL_HIT}),
        (
            "EASTMAN KODAK COMPANY",
            b"KCXXX12345678\0" + bytes(20),
            {("device.serial", "MakerNote:SerialNumber", "KCXXX12345678")},
        ),
        (
            "RECONYX",
            fixed(120, head_0=b"\x01\xf1", serial_42="H500AB01234567".encode("utf-16-le"), label_86=b"GATE 7\0"),
            {
                ("device.serial", "MakerNote:SerialNumber", "H500AB01234567"),
                ("text.free", "MakerNote:UserLabel", "GATE 7"),
            },
        ),
        (
            "RECONYX",
            fixed(120, head_0=b"RECONYXUF\0", serial_75=b"XR6TEST42\0"),
            {("device.serial", "MakerNote:SerialNumber", "XR6TEST42")},
        ),
        (
            "RECONYX",
            fixed(170, head_0=b"RECONYXH2\0", serial_126="HF2TEST42".encode("utf-16-le")),
            {("device.serial", "MakerNote:SerialNumber", "HF2TEST42")},
        ),
        (
            "SAMSUNG",
            outside("SAMSUNG", b"", (0x0001, 7, b"0100"), (0xA002, 2, b"SN0042TEST\0"), (0x0123, 2, OWNER)),
            {
                ("device.serial", "MakerNote:SerialNumber", "SN0042TEST"),
                ("name.person", "MakerNote:FaceName", "Quentin Testperson"),
            },
        ),
        ("SAMSUNG", fixed(40, head_0=b"STMN010\0", size_12=b"\0\4\0\0"), {PREVIEW_HIT}),
        (
            "Leica Camera AG",
            inside(b"LEICA\0\0\0", (0x0303, 4, struct.pack("<I", 4711)), less=8),
            {("device.serial", "MakerNote:SerialNumber", "4711")},
        ),
        ("Leica Camera AG", inside(b"LEICA\0\1\0", (0x0500, 7, SERIAL)), {INTERNAL_HIT}),
        (
            "Apple",
            inside(b"Apple iOS\0\0\1MM", (0x0011, 2, b"01234567-89AB\0"), order=">"),
            {("device.uid", "MakerNote:ContentIdentifier", "01234567-89AB")},
        ),
        ("Motorola", inside(b"MOT\0\1\0\0\0", (0x5501, 2, SERIAL)), {SERIAL_HIT}),
        ("SIGMA", outside("SIGMA", b"SIGMA\0\0\0\1\0", (0x0002, 2, SERIAL)), {SERIAL_HIT}),
        (
            "Hewlett-Packard",
            b"IIII\4\0" + bytes(80) + b"SERIAL NUMBER:SN0042TEST\0",
            {("device.serial", "MakerNote:SerialNumber", "SN0042TEST")},
        ),
        ("SANYO", outside("SANYO", b"SANYO\0\1\0", (0x0100, 7, PREVIEW)), {PREVIEW_HIT}),
        ("CASIO", outside("CASIO", b"QVC\0\0\0", (0x2000, 7, PREVIEW)), {PREVIEW_HIT}),
        ("Minolta", outside("Minolta", b"", (0x0081, 7, PREVIEW)), {PREVIEW_HIT}),
        (
            "Nintendo",
            outside("Nintendo", b"", (0x1101, 7, fixed(60, id_24=b"\1\2\3\4"))),
            {("device.serial", "MakerNote:InternalSerialNumber", "01020304")},
        ),
        ("Unheard-of", b"something that nobody knows", set()),
    ],
)
def test_vendors(make: str, note: bytes, expected: set[tuple[str, str, str]]) -> None:
    assert found(make, note) == expected


def test_a_note_in_the_other_byte_order_is_read() -> None:
    assert found("Canon", outside("Canon", b"", (0x0009, 2, OWNER), order=">")) == {
        ("name.owner", "MakerNote:OwnerName", "Quentin Testperson")
    }


def test_an_entry_that_says_two_gigabytes_is_left_out() -> None:
    rows = struct.pack("<HHII", 0x0009, 2, 0x7FFFFFFF, 40) + struct.pack("<HHII", 0x000C, 4, 1, 4711)
    note = struct.pack("<H", 2) + rows + bytes(4)
    assert found("Canon", note) == {("device.serial", "MakerNote:SerialNumber", "4711")}


def test_a_directory_that_points_to_itself_ends() -> None:
    note = b"OLYMPUS\0II\3\0" + directory((0x2010, 4, struct.pack("<I", 12)), base=12)
    assert found("OLYMPUS", note) == set()


def ciff(*entries: tuple[int, bytes]) -> bytes:
    """A heap of CIFF with these values inside a directory of its own."""

    def heap(rows: list[tuple[int, bytes]]) -> bytes:
        data, table = b"", struct.pack("<H", len(rows))
        for tag, value in rows:
            table += struct.pack("<HII", tag, len(value), len(data))
            data += value
        return data + table + struct.pack("<I", len(data))

    return b"II\x1a\0\0\0HEAPJPGM" + bytes(12) + heap([(0x2807, heap(list(entries)))])


@pytest.mark.parametrize(
    ("marker", "raw", "expected"),
    [
        (0xE0, ciff((0x0810, OWNER)), {("name.owner", "CIFF:OwnerName")}),
        (
            0xE3,
            b"Meta\0\0"
            + files.directories([(0xC353, 7, b"ASCII\0\0\0" + OWNER), (0xC354, 7, b"ASCII\0\0\0" + SERIAL)]),
            {("name.owner", "Meta:CameraOwner"), ("device.serial", "Meta:SerialNumber")},
        ),
        (
            0xEC,
            b"OLYMPUS OPTICAL\0[picture info]\r\nTimeDate=909698819\r\n[camera info]\r\nSerial#=#SN0042\r\n",
            {("time", "PictureInfo:DateTimeOriginal"), ("device.serial", "PictureInfo:SerialNumber")},
        ),
        (0xEC, b"nothing of the kind", set()),
    ],
)
def test_vendor_segments(marker: int, raw: bytes, expected: set[tuple[str, str]]) -> None:
    name = f"APP{marker - 0xE0} x"
    assert {(hit.code, hit.tag) for hit in makernotes.segment_hits(raw, name)} == expected


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["", "Canon", "NIKON", "SONY", "Panasonic", "EASTMAN KODAK", "RICOH", "SAMSUNG"]),
    st.binary(max_size=300),
    st.data(),
)
def test_never_raises(make: str, noise: bytes, data: st.DataObject) -> None:
    heads = [
        b"",
        b"Nikon\0\2\x10\0\0II*\0",
        b"OLYMPUS\0II\3\0",
        b"FUJIFILM",
        b"Apple iOS\0\0\1MM",
        b"\x01\xf1",
        b"STMN010",
        b"SONY DSC ",
    ]
    note = data.draw(st.sampled_from(heads)) + noise
    found(make, note)
    for segment in (b"II\x1a\0\0\0HEAPJPGM" + noise, b"Meta\0\0II*\0\x08\0\0\0" + noise, b"[camera info]" + noise):
        for name in ("APP0 II", "APP3 Meta", "APP12 x"):
            list(makernotes.segment_hits(segment, name))


def test_the_table_names_known_codes() -> None:
    todo = [vendor.tags for vendor in VENDORS]
    named = {tag.code for vendor in VENDORS for tag in vendor.records}
    while todo:
        for entry in todo.pop().values():
            if isinstance(entry, Sub):
                todo.append(entry.tags)
            else:
                named.add(entry.code)
    assert named <= CODES.keys()


def test_values_that_say_nothing_are_empty() -> None:
    assert [text(raw) for raw in (b"", b"\xff\xff", b"    ", b"0000000\0", b"---\0")] == [""] * 5
    assert [number(raw, "<") for raw in (bytes(4), b"\xff" * 4, b"abc")] == ["", "", "abc"]
    assert [digest(raw) for raw in (bytes(16), b"\xff" * 16)] == ["", ""]
