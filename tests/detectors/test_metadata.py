from __future__ import annotations

import struct
import subprocess
import sys

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from privacy_audit.detectors.base import Detector, as_sample
from privacy_audit.detectors.metadata import Metadata
from privacy_audit.detectors.metadata.hits import camera_default, free_text
from privacy_audit.pixels import Picture
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Failure, Finding, Needs, Sample, Skipped, Tag

DETECTOR = Metadata()
NAME, TOWN, MAIL = "Quentin Testperson", "Testville", "someone@example.com"


def outcome(data: bytes) -> list[Finding | Skipped | Failure]:
    found = DETECTOR.detect([as_sample(data, Needs.BYTES)])[0]
    assert not isinstance(found, Failure)
    return list(found)


def findings(data: bytes) -> list[Finding]:
    found = outcome(data)
    assert not [part for part in found if isinstance(part, Failure)]
    return [part for part in found if isinstance(part, Finding)]


def seen(data: bytes) -> set[tuple[str, str]]:
    return {(part.code, part.where.name) for part in findings(data) if isinstance(part.where, Tag)}


def exif(base: dict[int, object] | None = None, inner: dict[int, object] | None = None, **gps: object) -> bytes:
    return files.jpeg(files.exif_segment(files.exif(base, inner, gps.get("gps"))))  # type: ignore[arg-type]


def xmp(attributes: str = "", inside: str = "") -> bytes:
    return files.jpeg(files.xmp_segment(files.xmp(attributes, inside)))


def iptc(number: int, value: bytes) -> bytes:
    return files.jpeg(files.photoshop_segment(files.resource(0x0404, files.iptc((2, number, value)))))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (files.jpeg(), set()),
        (exif({0x010F: "Maker", 0x0110: "Model 1", 0x0131: "Program 2"}), set()),
        (exif({0x013B: NAME}), {("name.creator", "EXIF:Artist")}),
        (exif({0x9C9D: NAME.encode("utf-16-le")}), {("name.creator", "EXIF:XPAuthor")}),
        (exif(inner={0xA430: NAME}), {("name.owner", "EXIF:CameraOwnerName")}),
        (exif(inner={0xA431: files.SERIAL}), {("device.serial", "EXIF:BodySerialNumber")}),
        (exif(inner={0xA435: files.SERIAL}), {("device.serial", "EXIF:LensSerialNumber")}),
        (exif({0x013C: "host-12"}), {("device.serial", "EXIF:HostComputer")}),
        (exif(inner={0xA420: "ab" * 16}), {("device.uid", "EXIF:ImageUniqueID")}),
        (exif({0x8298: "(c) Somebody"}), {("rights", "EXIF:Copyright")}),
        (exif({0x010E: "our day at the lake"}), {("text.free", "EXIF:ImageDescription")}),
        (exif(inner={0x9286: b"ASCII\0\0\0our day at the lake"}), {("text.free", "EXIF:UserComment")}),
        (
            exif(inner={0x9286: b"UNICODE\0" + "a cat\nSteps: 20, Sampler: Euler a".encode("utf-16-le")}),
            {("text.prompt", "EXIF:UserComment")},
        ),
        (
            exif({0x0132: "2001:02:03 04:05:06"}, {0x9003: "2001:02:03 04:05:06", 0x9004: "2001:02:03 04:05:06"}),
            {("time", "EXIF:DateTimeOriginal")},
        ),
        (exif(gps={28: b"ASCII\0\0\0" + TOWN.encode()}), {("place", "EXIF:GPSAreaInformation")}),
        (files.jpeg(files.exif_segment(files.with_thumbnail())), {("embedded.thumbnail", "EXIF:ThumbnailImage")}),
        (xmp(inside=files.listed("dc:creator", NAME, "B")), {("name.creator", "XMP-dc:creator")}),
        (xmp(f'aux:OwnerName="{NAME}"'), {("name.owner", "XMP-aux:OwnerName")}),
        (xmp(f'aux:SerialNumber="{files.SERIAL}"'), {("device.serial", "XMP-aux:SerialNumber")}),
        (xmp(f'photoshop:City="{TOWN}"'), {("place", "XMP-photoshop:City")}),
        (xmp(inside=f"<Iptc4xmpExt:City>{TOWN}</Iptc4xmpExt:City>"), {("place", "XMP-Iptc4xmpExt:City")}),
        (
            xmp(inside=files.listed("Iptc4xmpExt:PersonInImage", NAME)),
            {("name.person", "XMP-Iptc4xmpExt:PersonInImage")},
        ),
        (xmp(f'mwg-rs:Name="{NAME}" mwg-rs:Type="Face"'), {("name.region", "XMP-mwg-rs:Name")}),
        (xmp(f'Iptc4xmpCore:CiEmailWork="{MAIL}"'), {("contact.email", "XMP-Iptc4xmpCore:CiEmailWork")}),
        (xmp('Iptc4xmpCore:CiTelWork="+1 415 555 0100"'), {("contact.phone", "XMP-Iptc4xmpCore:CiTelWork")}),
        (
            xmp(f'Iptc4xmpCore:CiAdrExtadr="1 Example Street" Iptc4xmpCore:CiAdrCity="{TOWN}"'),
            {("contact.address", "XMP-Iptc4xmpCore:CiAdrExtadr")},
        ),
        (xmp('Iptc4xmpCore:CiUrlWork="https://example.com"'), {("url.personal", "XMP-Iptc4xmpCore:CiUrlWork")}),
        (xmp('xmpMM:DocumentID="xmp.did:1234" xmpMM:InstanceID="x"'), {("history", "XMP-xmpMM:DocumentID")}),
        (xmp('xmpRights:Marked="True"'), {("rights", "XMP-xmpRights:Marked")}),
        (xmp(inside='<cc:license rdf:resource="https://example.org/by"/>'), {("rights", "XMP-cc:license")}),
        (xmp('xmp:CreateDate="2001-02-03" xmp:ModifyDate="2001-02-03"'), {("time", "XMP-xmp:CreateDate")}),
        (xmp('photoshop:AuthorsPosition="Staff" xmp:CreatorTool="Program 2"'), set()),
        (xmp(inside="<xmpGImg:image>/9j/4AAQ</xmpGImg:image>"), {("embedded.thumbnail", "XMP-xmpGImg:image")}),
        (xmp(inside="<dc:title>our day at the lake</dc:title>"), {("text.free", "XMP-dc:title")}),
        (iptc(80, NAME.encode()), {("name.creator", "IPTC:By-line")}),
        (iptc(90, TOWN.encode()), {("place", "IPTC:City")}),
        (iptc(116, b"(c) Somebody"), {("rights", "IPTC:CopyrightNotice")}),
        (iptc(120, b"our day at the lake"), {("text.free", "IPTC:Caption-Abstract")}),
        (iptc(55, b"20010203"), {("time", "IPTC:DateCreated")}),
        (
            files.jpeg(files.photoshop_segment(files.resource(0x040C, bytes(40)), files.resource(0x040A, b"\1"))),
            {("embedded.thumbnail", "Photoshop:Thumbnail"), ("rights", "Photoshop:CopyrightFlag")},
        ),
        (files.jpeg(files.segment(0xFE, b"our day at the lake")), {("text.free", "JPEG:COM")}),
        (files.jpeg(files.segment(0xE7, b"Vendor data")), {("device.makernote", "JPEG:APP7")}),
        (files.jpeg(behind=b"secret archive"), {("embedded.trailer", "JPEG:Trailer")}),
        (files.jpeg(behind=bytes(65_000)), set()),
        (files.jpeg(behind=bytes(70_000)), {("embedded.trailer", "JPEG:Trailer")}),
        (files.jpeg(behind=files.film()), {("embedded.video", "JPEG:Video")}),
        (files.two_pictures(), {("embedded.second_image", "JPEG:MPF")}),
        (files.gif(files.gif_comment(b"our day at the lake")), {("text.free", "GIF:Comment")}),
        (files.png(files.chunk(b"tEXt", b"Comment\0our day at the lake")), {("text.free", "PNG:Comment")}),
        (files.png(files.chunk(b"tEXt", b"Author\0" + NAME.encode())), {("name.creator", "PNG:Author")}),
        (files.png(files.chunk(b"tEXt", b"parameters\0a cat")), {("text.prompt", "PNG:parameters")}),
        (files.png(files.chunk(b"tEXt", b'workflow\0{"nodes": []}')), {("text.prompt", "PNG:workflow")}),
        (files.png(files.chunk(b"tEXt", b"Software\0Program 2")), set()),
        (files.png(files.chunk(b"tEXt", NAME.encode() + b"\0was here with us")), {("text.free", "PNG:Text")}),
        (files.png(files.chunk(b"tIME", b"\x07\xd1\2\3\4\5\6")), {("time", "PNG:tIME")}),
        (files.png(files.raw_profile("iptc", files.iptc((2, 90, TOWN.encode())))), {("place", "IPTC:City")}),
        (files.encoded("TIFF"), set()),
        (files.encoded("TIFF", tiffinfo={315: NAME}), {("name.creator", "EXIF:Artist")}),
        (files.encoded("BMP"), set()),
        (
            files.heif([(1, b"hvc1", b"\0", b"p"), (2, b"hvc1", b"\0", b"small")], ((b"thmb", 2, (1,)),)),
            {("embedded.thumbnail", "HEIF:Thumbnail")},
        ),
        (
            files.heif([(1, b"hvc1", b"\0", b"p"), (2, b"hvc1", b"\0", b"d")], ((b"auxl", 2, (1,)),), (2, b"x:depth")),
            {("embedded.depth", "HEIF:Depth")},
        ),
        (files.jxl(files.box(b"Exif", bytes(4) + files.exif({0x013B: NAME}))), {("name.creator", "EXIF:Artist")}),
    ],
)
def test_what_is_found(data: bytes, expected: set[tuple[str, str]]) -> None:
    assert seen(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        exif({0x013B: "   ", 0x8298: "\0\0", 0x010E: "", 0x0132: "0000:00:00 00:00:00"}),
        exif({0x0132: "    :  :     :  :  ", 0x013B: "unknown", 0x013C: "0000000"}, {0xA431: "00000000"}),
        exif({0x010E: "OLYMPUS DIGITAL CAMERA"}),
        exif({0x010E: "SONY DSC"}, {0x9286: b"ASCII\0\0\0Screenshot"}),
        exif({0x010E: "KONICA MINOLTA DIGITAL CAMERA"}, {0xA420: "0" * 32}),
        files.jpeg(files.segment(0xFE, b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n")),
        files.jpeg(files.segment(0xFE, b"\0\0\0"), files.segment(0xEC, b"Ducky\0\1")),
        xmp('photoshop:City=" " dc:source="-"'),
        iptc(90, b" "),
    ],
)
def test_blanks_placeholders_and_camera_defaults_are_no_findings(data: bytes) -> None:
    assert seen(data) == set()


@pytest.mark.parametrize("text", ["Olympus games 2010 in the park", "my camera and me", "Sony and Dan at home", "DSC"])
def test_what_people_write_is_no_camera_default(text: str) -> None:
    assert not camera_default(text)
    assert free_text(text)


R = IFDRational


@pytest.mark.parametrize(
    ("latitude", "longitude", "more", "code", "attributes"),
    [
        ((7, 30, 15), (110, 20, 5), {}, "gps.precise", {"cell": "-8,-111", "precision_m": "31"}),
        ((7, R(3012, 100), 0), (110, R(2005, 100), 0), {}, "gps.precise", {"cell": "-8,-111", "precision_m": "19"}),
        ((R(7123456, 10**6), 0, 0), (R(110123456, 10**6), 0, 0), {}, "gps.precise", {"precision_m": "0.11"}),
        ((7, 30, 0), (110, 20, 0), {}, "gps.coarse", {"cell": "-8,-111", "precision_m": "1855"}),
        ((R(751, 100), 0, 0), (R(11033, 100), 0, 0), {}, "gps.coarse", {"precision_m": "1113"}),
        ((R(7510000, 10**6), 0, 0), (R(110330000, 10**6), 0, 0), {}, "gps.coarse", {"precision_m": "1113"}),
        ((7, 0, 0), (110, 0, 0), {}, "gps.coarse", {"cell": "-7,-110", "precision_m": "111320"}),
        ((7, 30, 15), (110, 20, 5), {"t31": 5000.0}, "gps.coarse", {"precision_m": "5000"}),
        ((7, 30, 15), (110, 20, 5), {"t31": 4.0}, "gps.precise", {"precision_m": "31"}),
        ((7, 30, 15), (110, 20, 5), {"t31": 4e9}, "gps.precise", {"precision_m": "31"}),
        ((7, 30, 15), (110, 20, 5), {"t6": 12.5}, "gps.precise", {"altitude": "yes"}),
    ],
)
def test_coordinates_and_their_precision(
    latitude: tuple, longitude: tuple, more: dict[str, object], code: str, attributes: dict[str, str]
) -> None:
    found = findings(exif(gps=files.place(latitude, longitude, **more)))
    assert [(part.code, part.where) for part in found] == [(code, Tag("EXIF:GPSLatitude"))]
    assert dict(found[0].attributes) | attributes == dict(found[0].attributes)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((R(0, 0), R(0, 0), R(0, 0)), (R(0, 0), R(0, 0), R(0, 0))),
        ((91, 0, 0), (10, 0, 0)),
        ((10, 0, 0), (181, 0, 0)),
    ],
)
def test_no_place_on_earth_is_no_finding(latitude: tuple, longitude: tuple) -> None:
    assert findings(exif(gps=files.place(latitude, longitude))) == []


@pytest.mark.parametrize(
    ("latitude", "longitude", "code", "cell"),
    [
        ("7,30.1234S", "110,20.4321E", "gps.precise", "-8,110"),
        ("7,30,15S", "110,20,5E", "gps.precise", "-8,110"),
        ("47.60123", "-122.30123", "gps.precise", "47,-123"),
        ("47,36N", "122,18W", "gps.coarse", "47,-123"),
        ("0,0.0N", "0,0.0E", None, None),
        ("north", "west", None, None),
        ("95,0.5N", "10,0.5E", None, None),
    ],
)
def test_coordinates_in_xmp(latitude: str, longitude: str, code: str | None, cell: str | None) -> None:
    found = findings(xmp(f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'))
    assert [(part.code, part.attributes["cell"]) for part in found] == ([(code, cell)] if code else [])


def test_one_place_has_one_token_in_every_carrier() -> None:
    data = files.jpeg(
        files.exif_segment(files.exif(gps=files.place((7, 30, 15), (110, 20, 5)))),
        files.xmp_segment(files.xmp('exif:GPSLatitude="7,30,15S" exif:GPSLongitude="110,20,5W"')),
    )
    found = findings(data)
    assert len({part.token for part in found}) == 1
    assert [part.where for part in found] == [Tag("EXIF:GPSLatitude"), Tag("XMP-exif:GPSLatitude")]


def test_no_raw_value_leaves_the_detector() -> None:
    data = files.jpeg(
        files.exif_segment(files.exif({0x013B: NAME}, {0xA431: files.SERIAL}, files.place((7, 30, 15), (110, 20, 5)))),
        files.xmp_segment(files.xmp(f'photoshop:City="{TOWN}" Iptc4xmpCore:CiEmailWork="{MAIL}"')),
        files.segment(0xFE, f"{NAME} in {TOWN}".encode()),
    )
    shown = repr(outcome(data))
    assert len(findings(data)) >= 6
    for value in (NAME, "Quentin", TOWN, MAIL, "someone", files.SERIAL, "0042", "7.5", "110.3", "30, 15"):
        assert value not in shown


def nikon(serial: bytes) -> bytes:
    inner = files.directories([(0x001D, 2, serial)])
    return b"Nikon\0\2\x10\0\0" + inner


def makernote(make: str, note: bytes) -> bytes:
    return exif({0x010F: make}, {0x927C: note})


@pytest.mark.parametrize(
    ("make", "note", "expected"),
    [
        ("NIKON CORPORATION", nikon(b"SN-0042-TEST\0"), {("device.serial", "MakerNote:SerialNumber")}),
        ("NIKON CORPORATION", nikon(b"0000000000\0"), set()),
        (
            "OLYMPUS CORPORATION",
            b"OLYMPUS\0"
            + files.directories([(0x2010, 4, struct.pack("<I", 34))]).replace(b"II*\0\x08\0\0\0", b"II\3\0")
            + bytes(4)
            + struct.pack("<H", 1)
            + struct.pack("<HHII", 0x0101, 2, 13, 56)
            + bytes(8)
            + b"SN-0042-TEST\0",
            {("device.serial", "MakerNote:SerialNumber")},
        ),
        ("Unheard-of", b"anything that is longer than a head", set()),
    ],
)
def test_makernotes(make: str, note: bytes, expected: set[tuple[str, str]]) -> None:
    assert seen(makernote(make, note)) == {("device.makernote", "EXIF:MakerNote")} | expected


def test_an_apple_makernote_holds_a_content_identifier() -> None:
    entry = struct.pack(">HHII", 0x0011, 2, 37, 14 + 2 + 12 + 4)
    note = b"Apple iOS\0\0\1MM" + struct.pack(">H", 1) + entry + bytes(4) + b"01234567-89AB-CDEF-0123-456789ABCDEF\0"
    assert ("device.uid", "MakerNote:ContentIdentifier") in seen(makernote("Apple", note))


def test_a_makernote_of_nonsense_is_opaque_and_ends_soon() -> None:
    entries = b"".join(struct.pack("<HHII", 0x0001 + number, 3, 900, 40) for number in range(500))
    note = b"Nikon\0\2\x10\0\0II*\0\x08\0\0\0" + struct.pack("<H", 500) + entries
    assert seen(makernote("NIKON", note)) == {("device.makernote", "EXIF:MakerNote")}


@pytest.mark.parametrize(
    "data",
    [
        files.jpeg(
            files.xmp_segment(b'<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>')
        ),
        files.jpeg(files.exif_segment(b"no structure")),
        files.png()[:-30],
        files.jxl(files.box(b"brob", b"Exif\1\2")),
    ],
)
def test_what_could_not_be_read_is_a_failure(data: bytes) -> None:
    assert [part.stage for part in outcome(data) if isinstance(part, Failure)] == ["metadata.container"]


def test_samples_without_a_readable_picture() -> None:
    broken = Sample("a", "", Picture.broken("not there", "too_large"))
    results = DETECTOR.detect([broken, as_sample(b"%PDF-1.7", Needs.BYTES), Sample("c", "")])
    assert results[0] == Failure("metadata", "too_large", "not there")
    assert isinstance(results[1], Failure)
    assert results[1].kind == "unreadable"
    assert results[2] == [Skipped("metadata", "no picture in the source")]


def test_names_that_a_file_makes_up_are_no_tags() -> None:
    data = xmp(f'xmpMM:{NAME.replace(" ", "")}="x1234"')
    assert seen(data) == {("history", "XMP-xmpMM")}


def test_importing_the_detector_is_cheap() -> None:
    code = "import sys, privacy_audit.detectors.metadata; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_detector_declares_what_it_finds() -> None:
    assert isinstance(DETECTOR, Detector)
    assert DETECTOR.codes <= CODES.keys()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_never_raises_on_mutated_files(data: st.DataObject) -> None:
    sample = bytearray(
        data.draw(
            st.sampled_from(
                [
                    makernote("NIKON CORPORATION", nikon(b"SN-0042-TEST\0")),
                    exif({0x013B: NAME}, {0x9003: "2001:02:03 04:05:06"}, gps=files.place((7, 30, 15), (110, 20, 5))),
                    xmp('exif:GPSLatitude="7,30,15S" exif:GPSLongitude="110,20,5W"'),
                    iptc(90, TOWN.encode()),
                    files.png(files.chunk(b"tEXt", b"Comment\0our day at the lake")),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 5))):
        sample[data.draw(st.integers(3, len(sample) - 1))] = data.draw(st.integers(0, 255))
    result = DETECTOR.detect([as_sample(bytes(sample), Needs.BYTES)])[0]
    assert isinstance(result, Failure) or all(isinstance(part, (Finding, Failure)) for part in result)
