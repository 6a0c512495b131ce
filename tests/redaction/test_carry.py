from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from privacy_audit.pixels import Picture
from privacy_audit.redaction import carry
from privacy_audit.redaction.regions import Redacted, Region, redact_regions
from privacy_audit.types import Box

PHOTO = Image.radial_gradient("L").convert("RGB").resize((90, 60))
BOX = Box(10, 10, 20, 20)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


THUMBNAIL = saved(PHOTO.resize((30, 20)), "JPEG")
PREVIEW = saved(PHOTO.resize((40, 20)), "JPEG")
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc:format="image/jpeg"/></rdf:RDF></x:xmpmeta>'
XMP_WITH_THUMBNAIL = b"<xmpGImg:image>" + base64.encodebytes(PREVIEW).replace(b"\n", b"&#xA;") + b"</xmpGImg:image>"


def exif_block(order: str = "<", orientation: int = 6) -> bytes:
    """First directory with a sub-directory, GPS and a vendor block; second directory with a thumbnail."""

    def pack(form: str, *values: Any) -> bytes:
        return struct.pack(order + form, *values)

    head = (b"II*\0" if order == "<" else b"MM\0*") + pack("I", 8)
    at = {"exif": 200, "gps": 300, "model": 400, "maker": 500, "second": 3000, "thumbnail": 3200, "exposure": 450}
    first = [
        pack("HHII", 0x010F, 2, 9, at["model"]),
        pack("HHIHH", 0x0112, 3, 1, orientation, 0),
        pack("HHII", 0x8769, 4, 1, at["exif"]),
        pack("HHII", 0x8825, 4, 1, at["gps"]),
    ]
    exif = [
        pack("HHII", 0x829A, 5, 1, at["exposure"]),
        pack("HHII", 0x8769, 4, 1, at["exif"]),  # points to itself
        pack("HHII", 0x927C, 7, len(PREVIEW), at["maker"]),
    ]
    gps = [pack("HHI", 0x0001, 2, 2) + b"N\0\0\0"]
    second = [
        pack("HHIHH", 0x0103, 3, 1, 6, 0),
        pack("HHII", 0x0201, 4, 1, at["thumbnail"]),
        pack("HHII", 0x0202, 4, 1, len(THUMBNAIL)),
    ]
    block = bytearray(3200 + len(THUMBNAIL))
    block[:8] = head
    for place, entries, following in ((8, first, at["second"]), (200, exif, 0), (300, gps, 0), (3000, second, 0)):
        table = pack("H", len(entries)) + b"".join(entries) + pack("I", following)
        block[place : place + len(table)] = table
    block[400:409] = b"CameraCo\0"
    block[450:458] = pack("II", 1, 250)
    block[500 : 500 + len(PREVIEW)] = PREVIEW
    block[3200:] = THUMBNAIL
    return bytes(block)


def redacted(data: bytes) -> Redacted:
    return redact_regions(Picture(data), [Region(BOX)])


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_keeps_what_describes_and_loses_pictures(order: str) -> None:
    source = exif_block(order)
    block = carry.exif(source, 6)
    assert b"\xff\xd8\xff" in source
    assert b"\xff\xd8\xff" not in block
    assert block[:4] == source[:4]
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    assert dict(exif) == {0x010F: "CameraCo", 0x0112: 6, 0x8769: exif[0x8769], 0x8825: exif[0x8825]}
    assert dict(exif.get_ifd(0x8769)) == {0x829A: 1 / 250}
    assert dict(exif.get_ifd(0x8825)) == {1: "N"}
    assert exif.get_ifd(0x14) == {}
    assert carry.exif(b"Exif\0\0" + source, 6) == block
    assert carry.exif(block, 6) == block


def test_vendor_blocks_and_long_values_stay_behind() -> None:
    """A vendor block may hold a preview in the vendor's own coding; a long value that is no text may be one."""
    block = exif_block().replace(PREVIEW, bytes(len(PREVIEW)))
    assert 0x927C not in _sub_directory(carry.exif(block, 6))
    unnamed = block.replace(struct.pack("<HHI", 0x927C, 7, len(PREVIEW)), struct.pack("<HHI", 0x9999, 7, 1025))
    assert 0x9999 not in _sub_directory(carry.exif(unnamed, 6))
    short = block.replace(struct.pack("<HHI", 0x927C, 7, len(PREVIEW)), struct.pack("<HHI", 0x9999, 7, 100))
    assert 0x9999 in _sub_directory(carry.exif(short, 6))


def _sub_directory(block: bytes) -> dict[int, Any]:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return dict(exif.get_ifd(0x8769))


def test_the_orientation_is_what_the_pixels_have() -> None:
    assert carry.exif(b"", 1) == b""
    assert carry.exif(b"rubbish", 1) == b""
    for source in (b"", b"rubbish", exif_block(orientation=77)):
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + carry.exif(source, 8))
        assert exif[0x0112] == 8


def test_a_block_too_long_for_a_jpeg_shrinks_to_the_orientation() -> None:
    text = b"long words " * 4000
    entries = [struct.pack("<HHII", tag, 2, len(text), 100) for tag in (0x010E, 0x013B)]
    block = b"II*\0" + struct.pack("<IH", 8, 2) + b"".join(entries) + b"\0\0\0\0"
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + carry.exif(block.ljust(100, b"\0") + text, 3))
    assert dict(exif) == {0x0112: 3}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=20), st.integers(0, 3200), st.integers(0, 9)
)
def test_no_block_makes_it_raise_or_lets_a_picture_through(
    changes: list[tuple[int, int]], length: int, page: int
) -> None:
    block = bytearray(exif_block())
    for at, value in changes:
        block[at] = value
    built = carry.exif(bytes(block[:length]), 6, page)
    assert len(built) <= carry.MAX_EXIF_BYTES
    assert THUMBNAIL[:40] not in built
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + built)
    assert exif[0x0112] == 6


@given(st.binary(max_size=300), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]), st.integers(0, 5))
def test_random_bytes_never_make_it_raise(rest: bytes, head: bytes, page: int) -> None:
    carry.exif(head + rest, 1, page)


@pytest.mark.parametrize(
    ("block", "holds"),
    [
        (b"A caption with words, and a number: 12345.", False),
        (b" " * 4096, False),  # the padding of XMP
        (b"a photo of a cat, " * 300, False),
        (XMP, False),
        (XMP_WITH_THUMBNAIL, True),
        (THUMBNAIL, True),
        (saved(PHOTO, "PNG"), True),
        (base64.b64encode(saved(PHOTO, "WEBP", quality=1) * 3), True),
        (base64.encodebytes(bytes(range(256)) * 2), True),
        (b"x" * (5 << 20), True),
    ],
)
def test_blocks_that_hold_pictures(block: bytes, holds: bool) -> None:
    assert carry.holds_picture(block) is holds


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("AVIF", {})]
)
def test_files_carry_profile_exif_and_xmp_without_pictures(kind: str, options: dict[str, Any]) -> None:
    xmp: dict[str, Any] = {"xmp": XMP}
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        xmp = {"pnginfo": info}
    data = saved(PHOTO, kind, exif=b"Exif\0\0" + exif_block(), icc_profile=ICC, **xmp, **options)
    assert PREVIEW in data
    assert (THUMBNAIL in data) is (kind != "AVIF")  # Pillow builds its EXIF anew
    result = redacted(data)
    assert THUMBNAIL[:40] not in result.data
    assert PREVIEW[:40] not in result.data
    image = Image.open(io.BytesIO(result.data))
    image.load()
    assert image.info["icc_profile"] == ICC
    stored = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
    assert stored == XMP
    exif = image.getexif()
    assert (exif[0x0112], exif[0x010F]) == (6, "CameraCo")
    assert exif.get_ifd(0x8769)[0x829A] == 1 / 250
    assert exif.get_ifd(0x8825)[1] == "N"
    assert Picture(result.data).size == (60, 90)


@pytest.mark.parametrize("directories", [False, True])
def test_tiff_pages_carry_profile_tags_and_xmp(directories: bool) -> None:
    """Pillow cannot write Exif and GPS directories into every TIFF, so they stay behind, and the note says so."""
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + carry.exif(exif_block(), 6, directories=directories))
    exif[700] = XMP
    compression = "raw" if directories else "tiff_lzw"
    data = saved(PHOTO, "TIFF", exif=exif, icc_profile=ICC, compression=compression, dpi=(300, 300))
    result = redacted(data)
    image: Any = Image.open(io.BytesIO(result.data))
    assert image.tag_v2[0x010F] == "CameraCo"
    assert image.tag_v2[700] == XMP
    assert image.getexif()[0x0112] == 6
    assert 0x8769 not in image.tag_v2
    assert 0x8825 not in image.tag_v2
    assert ("directories" in result.note) is directories
    assert image.info["icc_profile"] == ICC
    assert image.info["dpi"] == (300, 300)
    assert image.info["compression"] == compression


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_xmp_with_a_thumbnail_stays_behind(kind: str) -> None:
    data = saved(PHOTO, kind, xmp=XMP_WITH_THUMBNAIL)
    assert b"xmpGImg" in data
    result = redacted(data)
    assert b"xmpGImg" not in result.data
    assert "may hold a picture" in result.note


def test_a_jpeg_loses_second_pictures_trailers_and_comments_with_pictures() -> None:
    first = saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(90)])
    assert first.count(b"\xff\xd8\xff") == 2
    result = redacted(first + b"trailer")
    assert result.data.count(b"\xff\xd8\xff") == 1
    assert b"trailer" not in result.data
    assert "Second pictures" in result.note
    assert Image.open(io.BytesIO(redacted(saved(PHOTO, "JPEG", comment="hello")).data)).info["comment"] == b"hello"
    with_picture = saved(PHOTO, "JPEG", comment=base64.b64encode(PREVIEW).decode())
    assert "comment" not in Image.open(io.BytesIO(redacted(with_picture).data)).info


def test_png_chunks_stay_unless_they_may_hold_a_picture() -> None:
    info = PngInfo()
    info.add_text("parameters", "a prompt, with words")
    info.add_text("packed", "packed words, " * 50, zip=True)
    info.add_itxt("note", "more words", zip=True)
    info.add_text("packed picture", base64.b64encode(PREVIEW).decode(), zip=True)
    info.add_itxt("plain picture", base64.b64encode(PREVIEW).decode())
    info.add_text("Raw profile type exif", "\nexif\n 14\n49492a00080000000000" + "0" * 8)
    info.add(b"prVW", b"preview")
    info.add(b"gAMA", struct.pack(">I", 45455))
    data = saved(PHOTO, "PNG", pnginfo=info, dpi=(72, 72))
    result = redacted(data + b"trailer")
    image: Any = Image.open(io.BytesIO(result.data))
    image.load()
    assert image.text == {"parameters": "a prompt, with words", "packed": "packed words, " * 50, "note": "more words"}
    assert image.info["gamma"] == 0.45455
    assert round(image.info["dpi"][0]) == 72
    assert b"prVW" not in result.data
    assert result.data.endswith(b"IEND\xaeB`\x82")
    assert "may hold a picture" in result.note


def test_the_orientation_of_a_text_that_stays_behind_is_kept() -> None:
    block = carry.exif(b"", 6)
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n {len(block) + 6}\n{(b'Exif' + bytes(2) + block).hex()}")
    xmp = b'<rdf:Description tiff:Orientation="6"/>' + XMP_WITH_THUMBNAIL
    for data in (saved(PHOTO, "PNG", pnginfo=info), saved(PHOTO, "WEBP", xmp=xmp)):
        source, result = Picture(data), redacted(data)
        assert source.upright().rgb.shape == (90, 60, 3)
        assert Picture(result.data).upright().rgb.shape == (90, 60, 3)
        assert result.data.count(b"Raw profile") == result.data.count(b"xmpGImg") == 0


def test_gif_comments_stay_unless_they_hold_a_picture() -> None:
    still = PHOTO.quantize(16)
    assert b"hello" in redacted(saved(still, "GIF", comment="hello")).data
    with_picture = saved(still, "GIF", comment=base64.b64encode(PREVIEW))
    result = redacted(with_picture + b"trailer")
    assert base64.b64encode(PREVIEW)[:100] not in result.data
    assert result.data.endswith(b";")


def png(header: bytes, stream: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for name, payload in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(stream)), (b"IEND", b"")):
        out += struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))
    return out


def test_sixteen_bits_per_colour_become_eight_and_the_note_says_so() -> None:
    row = b"\0" + b"".join(struct.pack(">HHH", 257 * at, 30_000, 65_535 - 257 * at) for at in range(64))
    data = png(struct.pack(">IIBBBBB", 64, 40, 16, 2, 0, 0, 0), row * 40, (b"sBIT", bytes([16, 16, 16])))
    result = redacted(data)
    assert (result.route, result.lossless_outside) == ("re-encode", False)
    assert "8 now" in result.note
    before, after = Image.open(io.BytesIO(data)).convert("RGB"), Image.open(io.BytesIO(result.data))
    assert after.mode == "RGB"
    assert b"sBIT" not in result.data
    assert after.crop((40, 0, 64, 40)).tobytes() == before.crop((40, 0, 64, 40)).tobytes()


def test_sixteen_bit_tiff_colours_become_eight_and_the_note_says_so() -> None:
    pixels = b"".join(struct.pack("<HHH", 600 * at, 30_000, 65_535 - 600 * at) for at in range(64)) * 40
    entries = [
        (256, 3, 1, 64), (257, 3, 1, 40), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 14), (277, 3, 1, 3), (278, 3, 1, 40), (279, 4, 1, len(pixels)),
    ]  # fmt: skip
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    data = b"II*\0" + struct.pack("<I", 14 + len(pixels)) + struct.pack("<HHH", 16, 16, 16) + pixels + table
    result = redacted(data)
    assert (result.route, result.lossless_outside) == ("re-encode", False)
    assert "8 now" in result.note


def test_an_interlaced_png_stays_the_same_outside() -> None:
    size = 48
    values = [[(5 * x + 3 * y) % 256 for x in range(size)] for y in range(size)]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    stream = b"".join(
        b"\0" + bytes(values[y][left::across]) for left, top, across, down in passes for y in range(top, size, down)
    )
    data = png(struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 1), stream)
    new = Image.open(io.BytesIO(redacted(data).data))
    kept = [(x, y) for x in range(size) for y in range(size) if not (8 <= x < 32 and 8 <= y < 32)]
    assert [new.getpixel(at) for at in kept] == [values[y][x] for x, y in kept]
    assert new.getpixel((20, 20)) == 128


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_bits_keeps_them(depth: int) -> None:
    row = b"\0" + bytes((at * 37) % 256 for at in range(64 * depth // 8))
    data = png(struct.pack(">IIBBBBB", 64, 40, depth, 0, 0, 0, 0), row * 40, (b"tRNS", b"\0\1"), (b"bKGD", b"\0\1"))
    result = redacted(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(result.data))
    assert result.data[24:26] == data[24:26]  # bit depth and colour type
    assert (after.mode, after.info["transparency"]) == (before.mode, before.info["transparency"])
    assert after.crop((40, 0, 64, 40)).tobytes() == before.crop((40, 0, 64, 40)).tobytes()
    assert after.convert("L").getpixel((20, 20)) in {0, 85, 119, 136, 170, 255}
