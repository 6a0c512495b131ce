"""Vendor segments, trailers and second pictures that hold metadata of their own."""

from __future__ import annotations

import struct

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.containers import read
from privacy_audit.detectors.metadata import gps, makernotes, scan, trailers
from privacy_audit.redaction.metadata import strip

SERIAL, TOWN = b"SN-0042-TEST", b"Testville"


def seen(data: bytes) -> set[tuple[str, str]]:
    container = read(data)
    assert container is not None
    return {(hit.code, hit.tag) for hit in scan.hits(container)[0]}


def flir(*records: tuple[int, bytes], order: str = ">") -> bytes:
    table = b""
    at = 64 + 32 * len(records)
    for kind, record in records:
        table += struct.pack(order + "HHIIII", kind, 0, 1, 0, at, len(record)) + bytes(12)
        at += len(record)
    head = b"FFF\0" + b"maker".ljust(16, b"\0") + struct.pack(order + "III", 101, 64, len(records))
    return head.ljust(64, b"\0") + table + b"".join(record for _, record in records)


CAMERA = bytes(0x104) + SERIAL.ljust(16, b"\0") + bytes(0x384 - 0x114) + b"\1\2\3\4" + bytes(8)
PLACE = struct.pack("<I4s2s2s4xdd", 1, b"2200", b"S", b"W", 12.25, 45.5) + bytes(16)


def flir_segments(content: bytes, size: int) -> list[bytes]:
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    return [
        files.segment(0xE1, b"FLIR\0\1" + bytes([number, len(parts) - 1]) + part) for number, part in enumerate(parts)
    ]


def klv(key: bytes, kind: bytes, size: int, content: bytes) -> bytes:
    row = key + kind + struct.pack(">BH", size, len(content) // size) + content
    return row + bytes(-len(row) % 4)


def gopro(*rows: bytes) -> bytes:
    inner = b"".join(rows)
    return b"GoPro\0" + klv(b"DEVC", b"\0", 1, klv(b"STRM", b"\0", 1, inner))


def rmeta(names: bytes, values: bytes) -> bytes:
    sections = b"".join(struct.pack("<HH", kind, len(part) + 2) + part for kind, part in ((1, names), (2, values)))
    return b"RMETA\0II\0\0" + struct.pack("<HHH", 0, 0, 10) + struct.pack("<H", 1) + bytes(8) + sections


def ducky(tag: int, words: str) -> bytes:
    value = struct.pack(">I", len(words)) + words.encode("utf-16-be")
    return b"Ducky" + struct.pack(">HHI", 1, 4, 60) + struct.pack(">HH", tag, len(value)) + value + bytes(2)


INFIRAY = (b"infisense".ljust(0xC0, b"\0") + SERIAL).ljust(0x300, b"\0")
QVCI = b"QVCI\0".ljust(0x4D, b"\0") + b"1998:10:24 12:08:57\0"


@pytest.mark.parametrize(
    ("marker", "raw", "expected"),
    [
        (0xE6, gopro(klv(b"CASN", b"c", 1, SERIAL)), {("device.serial", "GoPro:CameraSerialNumber")}),
        (0xE6, gopro(klv(b"MUID", b"L", 4, bytes(range(32)))), {("device.uid", "GoPro:MediaUniqueID")}),
        (
            0xE6,
            gopro(klv(b"GPS5", b"l", 20, bytes(20) + struct.pack(">5i", 122500000, 455000000, 0, 0, 0))),
            {("gps.precise", "GoPro:GPSLatitude")},
        ),
        (0xE6, gopro(klv(b"GPS5", b"l", 20, bytes(40))), set()),
        (0xE5, rmeta(b"Sign type\0Location\0", b"No\0" + TOWN + b"\0"), {("place", "RMETA:Location")}),
        (0xE5, rmeta(b"Remark\0", b"seen by somebody\0"), {("text.free", "RMETA:Note")}),
        (0xE5, b"RMETA\0II", set()),
        (0xE1, QVCI, {("time", "QVCI:DateTimeOriginal")}),
        (0xE9, INFIRAY, {("device.serial", "InfiRay:IRSensorSerialNumber")}),
    ],
)
def test_segments(marker: int, raw: bytes, expected: set[tuple[str, str]]) -> None:
    data = files.jpeg(files.segment(marker, raw))
    assert seen(data) - {("device.makernote", f"JPEG:APP{marker - 0xE0}")} >= expected
    assert {code for code, _ in seen(data)} - {"device.makernote", "text.free"} == {
        code for code, _ in expected if code != "text.free"
    }
    assert seen(strip(data, "all").data) == set()


@pytest.mark.parametrize(("tag", "expected"), [(2, ("text.free", "Ducky:Comment")), (3, ("rights", "Ducky:Copyright"))])
def test_photoshop_s_save_for_web(tag: int, expected: tuple[str, str]) -> None:
    data = files.jpeg(files.segment(0xEC, ducky(tag, "A note of Quentin")))
    assert seen(data) == {expected}
    assert seen(strip(data, "all").data) == set()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("size", [60_000, 700])
def test_thermal_pictures_are_read_over_several_segments(order: str, size: int) -> None:
    content = flir((0x20, CAMERA), (0x2B, PLACE), order=order)
    data = files.jpeg(*flir_segments(content, size))
    assert seen(data) == {
        ("device.makernote", "JPEG:APP1"),
        ("device.serial", "FLIR:CameraSerialNumber"),
        ("time", "FLIR:DateTimeOriginal"),
        ("gps.precise", "FLIR:GPSLatitude"),
    }
    place = next(hit for hit in makernotes.segment_hits(content, "APP1 FLIR") if hit.code == "gps.precise")
    assert place.value == "-12.25000,-45.50000"
    assert seen(strip(data, "all").data) == set()


@pytest.mark.parametrize("place", [PLACE[:20], bytes(48), struct.pack("<I4s2s2s4xdd", 1, b"", b"N", b"E", 1e300, 2)])
def test_no_place_in_a_thermal_picture(place: bytes) -> None:
    assert list(makernotes.segment_hits(flir((0x2B, place)), "APP1 FLIR")) == []


def samsung(*entries: tuple[int, bytes]) -> bytes:
    body = b""
    rows = []
    for kind, value in entries:
        entry = struct.pack("<HHI", 0, kind, 4) + b"name" + value
        rows.append((kind, len(body), len(entry)))
        body += entry
    table = b"SEFH" + struct.pack("<II", 106, len(rows))
    table += b"".join(struct.pack("<HHII", 0, kind, len(body) - at, size) for kind, at, size in rows)
    return body + table + struct.pack("<I", len(table)) + b"SEFT"


def fotostation(datasets: bytes) -> bytes:
    return datasets + struct.pack(">HI", 1, len(datasets) + 10) + b"\xa1\xb2\xc3\xd4"


def afcp(datasets: bytes, start: int) -> bytes:
    head = b"AXS!" + struct.pack(">HHI", 1, 1, 0) + struct.pack(">4sII", b"IPTC", len(datasets), start + 24)
    return head + datasets + b"AXS!" + struct.pack(">II", start, 0)


CITY = files.iptc((2, 90, TOWN))


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [
        (samsung((0x0A01, b"1700000000000")), {("time", "Samsung:Image_UTC_Data")}),
        (samsung((0x0AA1, b"262"), (0x0001, b"x" * 20)), {("place", "Samsung:MCC_Data")}),
        (fotostation(CITY), {("place", "IPTC:City")}),
        (afcp(CITY, len(files.jpeg())), {("place", "IPTC:City")}),
        (b"nothing that is known", set()),
    ],
)
def test_trailers(trailer: bytes, expected: set[tuple[str, str]]) -> None:
    data = files.jpeg(behind=trailer)
    assert seen(data) == {("embedded.trailer", "JPEG:Trailer"), *expected}
    assert seen(strip(data, "all").data) == set()


@pytest.mark.timeout(120)
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2**32 - 1))
def test_damaged_blocks_never_raise(noise: bytes, number: int) -> None:
    where = struct.pack("<I", number)
    for data in (noise + where + b"SEFT", noise + where + b"\xa1\xb2\xc3\xd4", noise + b"AXS!" + where + bytes(4)):
        list(trailers.hits(data))
        list(trailers.hits(b"SEFH" + data))
    list(trailers.hits(b"AXS!" + noise.ljust(8, b"\1") + b"AXS!" + where + bytes(4)))
    for head, name in (
        (b"FFF\0" + bytes(16) + struct.pack(">I", 101), "APP1 FLIR"),
        (b"GoPro\0", "APP6 GoPro"),
        (b"RMETA\0II", "APP5 RMETA"),
        (b"QVCI\0", "APP1 QVCI"),
        (b"Ducky", "APP12 Ducky"),
        (b"infisense", "APP9 infisense"),
        (b"", "APP6 GoPro"),
    ):
        list(makernotes.segment_hits(head + noise, name))


def test_a_second_picture_says_what_the_first_does_not() -> None:
    serial = files.exif_segment(files.exif(inner={0xA431: "SN-0042-TEST"}))
    first = files.jpeg(serial)
    second = files.jpeg(
        serial,
        files.exif_segment(files.exif({0x013B: "Quentin Testperson"}, gps=files.place((12, 15, 3.5), (45, 30, 7.5)))),
    )
    found = seen(first + second)
    assert {("name.creator", "second picture EXIF:Artist"), ("gps.precise", "second picture EXIF:GPSLatitude")} <= found
    assert ("device.serial", "second picture EXIF:BodySerialNumber") not in found, "the first picture says it too"
    assert seen(strip(first + second, "coarsen").data) == set(), "nothing is kept of a picture that goes"


def test_pictures_inside_a_second_picture_are_not_followed() -> None:
    nested = files.jpeg() + files.jpeg() + files.jpeg(files.exif_segment(files.exif({0x013B: "Quentin Testperson"})))
    assert [block.kind for block in read(nested).blocks] == ["picture", "trailer"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ({1: "S", 2: (12, 15, 3.5)}, ("gps.coarse", "EXIF:GPSLatitude", {"only": "latitude"})),
        ({3: "W", 4: (45, 30, 7.5)}, ("gps.coarse", "EXIF:GPSLongitude", {"only": "longitude"})),
    ],
)
def test_one_coordinate_alone_is_coarse(
    directory: dict[int, object], expected: tuple[str, str, dict[str, str]]
) -> None:
    data = files.jpeg(files.exif_segment(files.exif(gps=directory)))
    container = read(data)
    assert container is not None
    assert [(hit.code, hit.tag, dict(hit.attributes)) for hit in scan.hits(container)[0]] == [expected]
    assert b"GPS" not in strip(data, "coarsen").data


@pytest.mark.parametrize(
    ("value", "reference", "degrees"),
    [
        ("52,00000,50,00000,34,01180", "N", 52.842781),
        ("52.5", "S", -52.5),
        ("11,5;30.0;0.0", "", 12.0),
        ("north", "N", None),
        ("", "", None),
    ],
)
def test_degrees_as_text(value: str, reference: str, degrees: float | None) -> None:
    angle = gps.from_digits(value, reference)
    assert (angle and round(angle.degrees, 6)) == degrees


def test_a_film_of_pictures_says_when_it_was_made() -> None:
    clock = struct.pack(">III", 0, 0xD0000000, 0xD0000001)
    moov = files.box(
        b"moov",
        files.box(b"mvhd", clock + bytes(8))
        + files.box(b"trak", files.box(b"tkhd", clock) + files.box(b"mdia", files.box(b"mdhd", clock))),
    )
    data = files.heif([(1, b"hvc1", b"\0", b"picture")], behind=moov)
    assert ("time", "HEIF:CreateDate") in seen(data)
    clean = strip(data, "all").data
    assert seen(clean) == set()
    assert len(clean) == len(data)
    assert b"\xd0\0\0" not in clean
