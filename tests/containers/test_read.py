from __future__ import annotations

import struct
import sys
import zlib

import brotli
import picture_files as files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy_audit.containers import read
from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, MAX_BLOCKS, MAX_TOTAL_BYTES

EXIF = files.exif({0x013B: "A. Person"})
XMP = files.xmp('xmp:CreateDate="2001-02-03T04:05:06"')
IPTC = files.iptc((2, 80, b"A. Person"))
PHOTOSHOP = files.resource(0x0404, IPTC) + files.resource(0x040C, bytes(40)) + files.resource(0x0424, XMP)
SECOND = files.encoded("JPEG")


def kinds(data: bytes) -> list[str]:
    container = read(data)
    assert container is not None
    return [block.kind for block in container.blocks]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (files.jpeg(), []),
        (files.jpeg(files.exif_segment(EXIF)), ["exif"]),
        (files.jpeg(files.exif_segment(files.directories([(0x02BC, 1, XMP)]))), ["exif", "xmp"]),
        (files.jpeg(files.xmp_segment(XMP)), ["xmp"]),
        (files.jpeg(files.photoshop_segment(PHOTOSHOP)), ["photoshop", "iptc", "thumbnail", "xmp"]),
        (files.jpeg(files.segment(0xFE, b"hello there")), ["text"]),
        (files.jpeg(files.segment(0xE5, b"Vendor\0data")), ["other"]),
        (files.jpeg(files.segment(0xE0, b"JFXX\0\x10" + SECOND)), ["thumbnail"]),
        (files.jpeg(files.segment(0xEB, b"JP\0\1\0\0\0\1" + files.box(b"jumb", b"x" * 9))), ["jumbf"]),
        (files.jpeg(icc_profile=b"p" * 200), ["icc"]),
        (files.jpeg(behind=b"PK\3\4 an archive"), ["trailer"]),
        (files.jpeg(behind=files.film()), ["video"]),
        (files.jpeg(behind=b"header" + files.film() + b"\xff" * 9), ["trailer", "video", "trailer"]),
        (files.two_pictures(), ["mpf", "picture"]),
        (files.two_pictures(b"more data"), ["mpf", "picture", "trailer"]),
        (files.jpeg(progressive=True, behind=b"after all scans"), ["trailer"]),
        (files.png(), []),
        (files.png(files.chunk(b"eXIf", EXIF)), ["exif"]),
        (files.png(files.chunk(b"tEXt", b"Comment\0hello")), ["text"]),
        (files.png(files.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"hello"))), ["text"]),
        (files.png(files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)), ["xmp"]),
        (files.png(files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))), ["xmp"]),
        (files.png(files.raw_profile("exif", b"Exif\0\0" + EXIF)), ["exif"]),
        (files.png(files.raw_profile("iptc", IPTC)), ["iptc"]),
        (files.png(files.raw_profile("8bim", PHOTOSHOP)), ["photoshop", "iptc", "thumbnail", "xmp"]),
        (files.png(files.raw_profile("xmp", XMP)), ["xmp"]),
        (files.png(files.chunk(b"tIME", b"\x07\xd1\2\3\4\5\6")), ["text"]),
        (files.png(files.chunk(b"caBX", b"x")), ["jumbf"]),
        (files.png(icc_profile=b"p" * 200), ["icc"]),
        (files.png(behind=b"after the end"), ["trailer"]),
        (files.encoded("WEBP", exif=b"Exif\0\0" + EXIF, xmp=XMP, icc_profile=b"p" * 200), ["icc", "exif", "xmp"]),
        (files.encoded("WEBP") + b"after the end", ["trailer"]),
        (files.gif(files.gif_comment(b"hello"), files.gif_xmp(XMP)), ["text", "xmp"]),
        (files.gif(behind=b"after the end"), ["trailer"]),
        (files.encoded("TIFF"), ["exif"]),
        (files.encoded("TIFF", tiffinfo={700: XMP, 33723: IPTC}), ["exif", "xmp", "iptc"]),
        (files.encoded("BMP"), []),
        (files.encoded("AVIF", exif=b"Exif\0\0" + EXIF, xmp=XMP), ["exif", "xmp"]),
        (
            files.heif(
                [
                    (1, b"hvc1", b"\0", b"pixels"),
                    (2, b"Exif", b"\0", files.exif_item(EXIF)),
                    (3, b"mime", b"\0application/rdf+xml\0", XMP),
                    (4, b"hvc1", b"\0", b"small"),
                ],
                ((b"thmb", 4, (1,)), (b"cdsc", 2, (1,))),
            ),
            ["exif", "xmp", "thumbnail"],
        ),
        (
            files.heif(
                [(1, b"hvc1", b"\0", b"pixels"), (2, b"grid", b"\0", b"grid"), (3, b"hvc1", b"\0", b"tile")],
                ((b"auxl", 2, (1,)), (b"dimg", 2, (3,))),
                (2, b"urn:com:apple:photo:2020:aux:hdrgainmap"),
            ),
            ["depth", "depth"],
        ),
        (
            files.heif(
                [(1, b"hvc1", b"\0", b"pixels"), (2, b"hvc1", b"\0", b"alpha")],
                ((b"auxl", 2, (1,)),),
                (2, b"urn:mpeg:hevc:2015:auxid:1"),
            ),
            [],
        ),
        (files.heif([(1, b"hvc1", b"\0", b"pixels")], behind=files.box(b"mpvd", b"film")), ["video"]),
        (files.jxl(files.box(b"Exif", bytes(4) + EXIF), files.box(b"xml ", XMP)), ["exif", "xmp"]),
        (b"\xff\x0a" + bytes(80), []),
    ],
)
def test_blocks_of_every_format(data: bytes, expected: list[str]) -> None:
    container = read(data)
    assert container is not None
    assert [block.kind for block in container.blocks] == expected
    assert container.problems == ()


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\x89PNG", b"\0\0\0\x18ftypmp42" + bytes(80)])
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize(
    ("data", "kind", "content"),
    [
        (files.jpeg(files.exif_segment(EXIF)), "exif", EXIF),
        (files.jpeg(files.xmp_segment(XMP)), "xmp", XMP),
        (files.png(files.raw_profile("exif", b"Exif\0\0" + EXIF)), "exif", EXIF),
        (files.png(files.chunk(b"tIME", b"\x07\xd1\2\3\4\5\6")), "text", b"2001:02:03:04:05:06"),
        (files.png(files.chunk(b"tEXt", "Comment\0caf\xe9".encode("latin-1"))), "text", "caf\xe9".encode()),
        (files.gif(files.gif_xmp(XMP)), "xmp", XMP),
        (files.jpeg(behind=b"tail"), "trailer", b"tail"),
        (files.jpeg(behind=files.film()), "video", files.film()),
        (files.heif([(2, b"Exif", b"\0", files.exif_item(EXIF))]), "exif", EXIF),
    ],
)
def test_blocks_hold_the_raw_bytes(data: bytes, kind: str, content: bytes) -> None:
    container = read(data)
    assert container is not None
    assert next(block.data for block in container.blocks if block.kind == kind).startswith(content)


def test_extended_xmp_is_joined_in_order_of_its_offsets() -> None:
    packet = files.xmp(inside="<dc:source>" + "x" * 500 + "</dc:source>")
    parts = [
        files.segment(0xE1, files.XMP_MORE + b"G" * 32 + struct.pack(">II", len(packet), at) + packet[at : at + 300])
        for at in range(0, len(packet), 300)
    ]
    container = read(files.jpeg(*reversed(parts)))
    assert container is not None
    assert [block.data for block in container.of("xmp")] == [packet]


def test_a_multi_picture_index_without_its_picture_counts_no_bytes() -> None:
    whole = files.two_pictures()
    cut = whole[: whole.index(b"\xff\xd9") + 2]
    assert [block.size for block in read(whole).of("mpf")] != [0]  # type: ignore[union-attr]
    assert [block.size for block in read(cut).of("mpf")] == [0]  # type: ignore[union-attr]


def test_markers_and_end_marks_inside_a_trailing_picture_do_not_end_the_first() -> None:
    container = read(files.jpeg(behind=files.encoded("JPEG")))
    assert container is not None
    assert container.of("trailer")[0].data == files.encoded("JPEG")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (files.jpeg()[:-40], "no end of image"),
        (files.jpeg(b"stray"), "between segments"),
        (files.png()[:-20], "PNG"),
        (files.png(files.chunk(b"zTXt", b"Comment\0\0not compressed")), "compressed"),
        (files.png(files.chunk(b"tEXt", b"Raw profile type exif\0no digits")), "raw profile"),
        (files.encoded("WEBP")[:-9], "WebP"),
        (files.gif()[:-30], "GIF"),
        (files.jpeg(files.exif_segment(b"no structure")), "EXIF"),
        (files.jpeg(files.exif_segment(files.directories([(0x010F, 2, b"Maker\0")], loop=True))), "directory"),
        (files.jxl(files.box(b"brob", b"Exif\1\2\3")), "Brotli"),
        (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**31 - 1, b"tEXt") + b"Comment\0hello", "larger than the file"),
        (b"II*\0\xff\xff\xff\x7f", "outside"),
    ],
)
def test_damages_are_named_and_survived(data: bytes, problem: str) -> None:
    container = read(data)
    assert container is not None
    assert any(problem in text for text in container.problems)


def test_a_compression_bomb_is_cut_to_the_block_limit() -> None:
    bomb = zlib.compress(bytes(4 * MAX_BLOCK_BYTES), 9)
    container = read(files.png(*[files.chunk(b"zTXt", b"Comment\0\0" + bomb)] * 12))
    assert container is not None
    assert max(len(block.data) for block in container.blocks) <= MAX_BLOCK_BYTES
    assert any("larger than is read" in text for text in container.problems)


def test_the_number_of_blocks_is_limited() -> None:
    container = read(files.jpeg(*[files.segment(0xFE, b"hello")] * (MAX_BLOCKS + 50)))
    assert container is not None
    assert len(container.blocks) == MAX_BLOCKS
    assert "more metadata than is read" in container.problems


def test_items_that_share_their_bytes_do_not_multiply_memory() -> None:
    numbers = range(1, 1000)
    entries = b"".join(files.box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + b"Exif\0") for number in numbers)
    rows = b"".join(struct.pack(">HHHHII", number, 0, 0, 1, 0, 2_000_000) for number in numbers)
    places = files.box(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, len(numbers)) + rows)
    meta = files.box(b"meta", bytes(4) + files.box(b"iinf", struct.pack(">IH", 0, len(numbers)) + entries) + places)
    data = files.box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta + files.box(b"mdat", b"\x11" * 2_000_000)
    container = read(data)
    assert container is not None
    assert "more metadata than is read" in container.problems
    assert sum(len(block.data) for block in container.blocks) <= MAX_TOTAL_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\xff\xd8" * 2_000_000,
        b"\xff\xd8\xff" + b"\xff" * 4_000_000,
        b"GIF89a" + bytes(7) + b"!\xfe\0" * 1_500_000,
        files.png(*[files.chunk(b"tEXt", b"a\0b")] * 200_000),
        b"RIFF\xff\xff\xff\x7fWEBP" + b"abcd\0\0\0\0" * 500_000,
        b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x014A, 4, 65535, 10) * 65_535,
    ],
)
@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_long_rows_of_nothing_end_soon(data: bytes) -> None:
    assert read(data) is not None


SAMPLES = [
    files.jpeg(files.exif_segment(files.with_thumbnail()), files.xmp_segment(XMP), files.photoshop_segment(PHOTOSHOP)),
    files.two_pictures(files.film()),
    files.png(files.chunk(b"eXIf", EXIF), files.raw_profile("8bim", PHOTOSHOP)),
    files.encoded("WEBP", exif=b"Exif\0\0" + EXIF, xmp=XMP),
    files.gif(files.gif_comment(b"hello"), files.gif_xmp(XMP)),
    files.encoded("TIFF", tiffinfo={700: XMP, 33723: IPTC}),
    files.heif(
        [(1, b"hvc1", b"\0", b"pixels"), (2, b"Exif", b"\0", files.exif_item(EXIF)), (4, b"hvc1", b"\0", b"small")],
        ((b"thmb", 4, (1,)),),
        (4, b"depth"),
    ),
    files.jxl(files.box(b"Exif", bytes(4) + EXIF)),
]
HEADS = [sample[:16] for sample in SAMPLES] + [b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", b"MM\0*\0\0\0\x08"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(HEADS), st.binary(max_size=600))
def test_never_raises_on_arbitrary_bytes(head: bytes, rest: bytes) -> None:
    read(head + rest)
    read(rest)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_never_raises_on_mutated_files(data: st.DataObject) -> None:
    sample = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(sample) - 1))
        sample[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        )
    cut = data.draw(st.integers(0, len(sample)))
    for mutant in (bytes(sample), bytes(sample[:cut])):
        container = read(mutant)
        assert container is None or all(isinstance(block.data, bytes) for block in container.blocks)


def test_boxes_that_brotli_compresses_are_read() -> None:
    block = files.exif({0x013B: "Somebody"})
    packet = files.xmp('photoshop:City="Testville"')
    data = files.jxl(
        files.box(b"brob", b"Exif" + brotli.compress(bytes(4) + block)),
        files.box(b"brob", b"xml " + brotli.compress(packet)),
    )
    found = read(data)
    assert found is not None
    assert [(part.kind, part.data) for part in found.blocks] == [("exif", block), ("xmp", packet)]
    assert not found.problems


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b"\xff\xff\xff", "metadata that is compressed with Brotli is damaged"),
        (brotli.compress(bytes(range(200)))[:-9], "metadata that is compressed with Brotli is damaged"),
    ],
)
def test_a_damaged_brotli_box_is_named(stream: bytes, problem: str) -> None:
    found = read(files.jxl(files.box(b"brob", b"xml " + stream)))
    assert found is not None
    assert found.problems == (problem,)


def test_a_brotli_bomb_is_cut_to_the_block_limit() -> None:
    found = read(files.jxl(files.box(b"brob", b"xml " + brotli.compress(bytes(200_000_000)))))
    assert found is not None
    assert [len(part.data) for part in found.blocks] == [MAX_BLOCK_BYTES]


def test_without_the_brotli_package_its_boxes_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    found = read(files.jxl(files.box(b"brob", b"xml " + brotli.compress(b"<x/>"))))
    assert found is not None
    assert found.problems == ("metadata is compressed with Brotli; reading it needs the extra 'jxl'",)


def test_the_head_of_a_jpeg_is_read_without_what_stands_behind_it() -> None:
    data = files.jpeg(files.exif_segment(files.exif({0x013B: "Somebody"})), behind=b"more than nothing")
    head, whole = read(data, behind=False), read(data)
    assert head is not None
    assert whole is not None
    assert [part.kind for part in head.blocks] == ["exif"]
    assert [part.kind for part in whole.blocks] == ["exif", "trailer"]
