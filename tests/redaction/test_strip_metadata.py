from __future__ import annotations

import io
import struct

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageSequence

from privacy_audit.containers import read, tiff, xmp
from privacy_audit.detectors.metadata import Metadata
from privacy_audit.errors import PrivacyAuditError
from privacy_audit.redaction.metadata import Mode, StripRefused, strip, strip_sidecar

NAME = "Quentin Testperson"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = files.exif(
    {0x0112: 6, 0x013B: NAME, 0x8298: "(c) Somebody"}, {0xA431: files.SERIAL}, files.place((7, 30, 15), (110, 20, 5))
)
HEAD = b"Exif\0\0"
RIGHTS = (
    'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED" xmpRights:Marked="True" tdm:reservation="1" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"'
)
XMP = files.xmp(
    RIGHTS + f' photoshop:City="Testville" aux:OwnerName="{NAME}"',
    files.listed("dc:rights", "(c) A &amp; B", kind="Alt") + '<cc:license rdf:resource="https://example.org/by"/>',
)
KEPT = {
    *("XMP-plus:DataMining", "XMP-xmpRights:Marked", "XMP-tdm:reservation", "XMP-Iptc4xmpExt:DigitalSourceType"),
    *("XMP-dc:rights", "XMP-cc:license"),
}
PHOTOSHOP = files.photoshop_segment(
    files.resource(0x0404, files.iptc((2, 80, NAME.encode()))), files.resource(0x040C, bytes(40))
)


def small_jpeg() -> bytes:
    return files.jpeg(files.exif_segment(files.with_thumbnail()), icc_profile=PROFILE)


FILES = {
    "jpeg": files.jpeg(
        files.exif_segment(EXIF),
        files.xmp_segment(XMP),
        PHOTOSHOP,
        files.segment(0xFE, b"our day at the lake"),
        files.segment(0xE7, b"Vendor data"),
        icc_profile=PROFILE,
        behind=files.film() + b"more",
    ),
    "progressive": files.jpeg(files.exif_segment(EXIF), files.xmp_segment(XMP), progressive=True, icc_profile=PROFILE),
    "cmyk": files.jpeg(files.exif_segment(EXIF), files.xmp_segment(XMP), mode="CMYK", icc_profile=PROFILE),
    "png": files.png(
        files.chunk(b"eXIf", EXIF),
        files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        files.chunk(b"tEXt", b"parameters\0a cat"),
        files.chunk(b"tIME", b"\x07\xd1\2\3\4\5\6"),
        files.chunk(b"prVW", b"a preview"),
        icc_profile=PROFILE,
        behind=b"after the end",
    ),
    "raw profile": files.png(
        files.raw_profile("exif", HEAD + EXIF), files.raw_profile("xmp", XMP), icc_profile=PROFILE
    ),
    "webp": files.encoded("WEBP", exif=HEAD + EXIF, xmp=XMP, icc_profile=PROFILE) + b"after the end",
    "lossless webp": files.encoded("WEBP", lossless=True, exif=HEAD + EXIF, xmp=XMP, icc_profile=PROFILE),
    "gif": files.gif(files.gif_comment(b"our day at the lake"), files.gif_xmp(XMP), behind=b"after the end"),
    "tiff": files.encoded(
        "TIFF",
        icc_profile=PROFILE,
        tiffinfo={274: 6, 315: NAME, 700: XMP, 33432: "(c) Somebody", 306: "2001:02:03 04:05:06"},
    ),
    "packed tiff": files.encoded("TIFF", compression="tiff_lzw", tiffinfo={274: 6, 315: NAME, 700: XMP}),
    "avif": files.encoded("AVIF", exif=HEAD + EXIF, xmp=XMP, icc_profile=PROFILE),
}


def pixels(data: bytes) -> list[bytes]:
    return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


def codes(data: bytes) -> set[str]:
    return {finding.code for finding in Metadata()(data)}


@pytest.mark.parametrize("mode", ["private", "all"])
@pytest.mark.parametrize("name", FILES)
def test_everything_private_goes_and_the_picture_stays(name: str, mode: Mode) -> None:
    data = FILES[name]
    assert len(codes(data)) >= 3
    done = strip(data, mode)
    assert pixels(done.data) == pixels(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(done.data))
    assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert after.getexif().get(0x0112, 1) == before.getexif().get(0x0112, 1)
    assert (after.mode, after.size) == (before.mode, before.size)
    assert codes(done.data) == ({"rights"} if mode == "private" else set())
    for secret in (NAME.encode(), files.SERIAL.encode(), b"Testville", b"lake", b"after the end", b"a cat"):
        assert secret not in done.data
    assert done.removed
    assert not set(done.removed) & set(done.kept)


@pytest.mark.parametrize("name", FILES)
def test_permissions_stay_in_private_mode_and_go_in_all(name: str) -> None:
    private, everything = strip(FILES[name]), strip(FILES[name], "all")
    container = read(private.data)
    assert container is not None
    (packet,) = container.of("xmp")
    stored = {f"XMP-{found.prefix}:{found.name}": found.value for found in xmp.flatten(packet.data)}
    assert set(stored) == KEPT
    assert set(private.kept) >= KEPT
    assert stored["XMP-plus:DataMining"].endswith("DMI-PROHIBITED")
    assert stored["XMP-dc:rights"] == "(c) A & B"
    assert everything.kept == ()
    assert b"DMI-PROHIBITED" not in everything.data


@pytest.mark.parametrize("mode", ["private", "all"])
@pytest.mark.parametrize("name", FILES)
def test_a_second_strip_changes_nothing(name: str, mode: Mode) -> None:
    once = strip(FILES[name], mode)
    twice = strip(once.data, mode)
    assert twice.data == once.data
    assert twice.removed == ()


@pytest.mark.parametrize(
    "data",
    [
        files.jpeg(),
        files.jpeg(icc_profile=PROFILE),
        files.jpeg(files.exif_segment(files.exif({0x0112: 6}))),
        files.jpeg(behind=bytes(4000)),
        files.png(),
        files.encoded("WEBP"),
        files.gif(),
        files.encoded("TIFF"),
        files.encoded("BMP"),
        files.encoded("AVIF"),
        files.heif([(1, b"hvc1", b"\0", b"pixels")]),
        files.jxl(),
        b"\xff\x0a" + bytes(80),
    ],
)
def test_a_file_with_nothing_to_remove_is_unchanged(data: bytes) -> None:
    for mode in ("private", "all"):
        done = strip(data, mode)  # type: ignore[arg-type]
        assert done.data == data
        assert done.removed == ()


@pytest.mark.parametrize(
    ("data", "tag"),
    [
        (small_jpeg(), "EXIF:ThumbnailImage"),
        (files.two_pictures(), "JPEG:MPF"),
        (files.two_pictures(b"more"), "JPEG:Trailer"),
        (files.jpeg(files.segment(0xE0, b"JFXX\0\x10" + files.encoded("JPEG"))), "JFIF:Thumbnail"),
        (files.jpeg(PHOTOSHOP), "Photoshop:Thumbnail"),
        (files.jpeg(behind=files.film()), "JPEG:Video"),
    ],
)
def test_hidden_pictures_are_cut_off(data: bytes, tag: str) -> None:
    done = strip(data)
    assert tag in done.removed
    assert codes(done.data) == set()
    assert done.data.count(b"\xff\xd8\xff") == 1
    assert done.data.endswith(b"\xff\xd9")
    assert pixels(done.data)[0] == pixels(data)[0]


def test_a_jfif_thumbnail_is_cut_off_and_the_density_stays() -> None:
    data = files.jpeg(dpi=(300, 300))
    thumbnail = data.replace(b"JFIF\0\1\1\1\1\x2c\1\x2c\0\0", b"JFIF\0\1\1\1\1\x2c\1\x2c\1\1abc").replace(
        b"\xff\xe0\0\x10", b"\xff\xe0\0\x13"
    )
    done = strip(thumbnail)
    assert done.data == data


def test_reduced_pages_of_a_tiff_go_and_real_pages_stay() -> None:
    buffer = io.BytesIO()
    pages = [files.image(), files.image(size=(8, 6)), files.image("L")]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], tiffinfo={315: NAME})
    data = buffer.getvalue()
    done = strip(data)
    assert pixels(done.data) == [part for number, part in enumerate(pixels(data)) if number != 1]
    assert NAME.encode() not in done.data
    assert "ThumbnailImage" in " ".join(done.removed)


HEIF = files.heif(
    [
        (1, b"hvc1", b"\0", b"the pixels of the picture"),
        (2, b"Exif", b"\0", files.exif_item(EXIF)),
        (3, b"mime", b"\0application/rdf+xml\0", XMP),
        (4, b"hvc1", b"\0", b"the pixels of the thumbnail"),
        (5, b"mime", b"\0text/plain\0", b"our day at the lake"),
    ],
    ((b"thmb", 4, (1,)), (b"cdsc", 2, (1,))),
    behind=files.box(b"mpvd", files.film()) + b"tail",
)


def test_heif_is_overwritten_in_place() -> None:
    done = strip(HEIF)
    assert codes(done.data) == {"rights"}
    assert done.data.index(b"the pixels of the picture") == HEIF.index(b"the pixels of the picture")
    for secret in (NAME.encode(), b"thumbnail", b"lake", b"mp42", b"tail", b"thmb"):
        assert secret not in done.data
    assert strip(done.data).data == done.data
    assert b"DMI-PROHIBITED" not in strip(HEIF, "all").data


def test_heif_metadata_that_share_bytes_with_the_picture_are_refused() -> None:
    at = HEIF.index(b"iloc") + 12
    first = HEIF[at + 8 : at + 16]
    shared = HEIF[: at + 24] + first + HEIF[at + 32 :]
    with pytest.raises(StripRefused, match="share"):
        strip(shared.replace(b"the pixels of the picture", b"II*\0 pixels of the pictur"))


def test_jxl_boxes_go() -> None:
    data = files.jxl(files.box(b"Exif", bytes(4) + EXIF), files.box(b"xml ", XMP), files.box(b"jbrd", b"x"))
    done = strip(data, "all")
    assert done.data == files.jxl()
    assert codes(strip(data).data) == {"rights"}


def test_older_copyright_notices_are_carried_over() -> None:
    notice = files.resource(0x0404, files.iptc((2, 116, b"(c) Somebody"), (2, 80, NAME.encode())))
    for data, tag in (
        (files.jpeg(files.photoshop_segment(notice)), "IPTC:CopyrightNotice"),
        (files.png(files.chunk(b"tEXt", b"Copyright\0(c) Somebody")), "PNG:Copyright"),
    ):
        done = strip(data)
        assert done.kept == (tag,)
        assert b"(c) Somebody" in done.data
        assert NAME.encode() not in done.data


@pytest.mark.parametrize(("orientation", "stored"), [("6", 6), ("1", None), ("9", None)])
def test_an_orientation_that_stands_in_xmp_alone_is_kept(orientation: str, stored: int | None) -> None:
    data = files.jpeg(files.xmp_segment(files.xmp(f'tiff:Orientation="{orientation}" photoshop:City="Testville"')))
    done = strip(data)
    container = read(done.data)
    assert container is not None
    assert [tiff.orientation(block.data) for block in container.of("exif")] == ([stored] if stored else [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7", "no picture"),
        (files.png(files.chunk(b"tEXt", b"Comment\0our day at the lake"))[:-30], "PNG"),
        (files.encoded("WEBP", exif=HEAD + EXIF)[:-5], "WebP"),
        (files.encoded("TIFF", tiffinfo={315: NAME})[:400], "."),
        (files.encoded("TIFF", big_tiff=True, tiffinfo={315: NAME}), "BigTIFF"),
        (files.jpeg(files.xmp_segment(files.xmp(inside=f"<dc:rights>{'x' * 64_000}</dc:rights>")[:65_000])), "."),
    ],
)
def test_what_cannot_be_done_safely_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(StripRefused, match=reason) as caught:
        strip(data)
    assert isinstance(caught.value, PrivacyAuditError)
    assert NAME not in str(caught.value)


def test_a_raw_file_is_refused() -> None:
    with pytest.raises(StripRefused, match="raw"):
        strip(files.encoded("TIFF", tiffinfo={50706: b"\1\4\0\0", 315: NAME}))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_files_are_stripped_or_refused(data: st.DataObject) -> None:
    sample = bytearray(FILES[data.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(3, len(sample) - 1))
        sample[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1) | st.just(struct.pack(">I", 2**31 - 1)))
    try:
        done = strip(bytes(sample))
    except StripRefused:
        return
    container = read(done.data)
    assert container is not None
    assert not container.of("iptc", "photoshop", "text", "thumbnail", "video", "mpf") or done.removed == ()


def stored(data: bytes) -> dict[str, object]:
    container = read(data)
    assert container is not None
    return {entry.name: entry.value for block in container.of("exif") for entry in tiff.entries(block.data)}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_coarsen_keeps_a_tenth_of_a_degree_and_the_month(kind: str) -> None:
    block = files.exif(
        {0x0112: 6, 0x013B: NAME},
        {0x9003: "2019:03:14 15:09:26", 0xA431: files.SERIAL},
        files.place((7, 30, 15), (110, 20, 5)),
    )
    data = files.encoded(kind, exif=HEAD + block)
    result = strip(data, "coarsen")
    kept = stored(result.data)
    assert kept["DateTimeOriginal"] == "2019:03:     :  :"
    assert [part[0] / part[1] for part in kept["GPSLatitude"]] == [7.5, 0, 0]  # type: ignore[union-attr]
    assert [part[0] / part[1] for part in kept["GPSLongitude"]] == [110.3, 0, 0]  # type: ignore[union-attr]
    assert (kept["GPSLatitudeRef"], kept["GPSLongitudeRef"]) == ("S", "W")
    assert codes(result.data) == {"gps.coarse", "time"}
    assert pixels(result.data) == pixels(data)
    assert strip(result.data, "coarsen").data == result.data
    assert codes(strip(result.data, "private").data) == set()


def test_coarsen_of_a_tiff_uses_xmp() -> None:
    data = files.encoded("TIFF", tiffinfo={0x013B: NAME, 0x0132: "2019:03:14 15:09:26", 0x010E: "our day at the lake"})
    result = strip(data, "coarsen")
    assert codes(result.data) == {"time"}
    assert pixels(result.data) == pixels(data)
    assert strip(result.data, "coarsen").data == result.data


def test_coarsen_drops_a_time_that_is_no_date() -> None:
    data = files.jpeg(files.exif_segment(files.exif(inner={0x9003: "sometime in 2019"})))
    assert codes(strip(data, "coarsen").data) == set()


def test_the_credit_stays_only_on_request() -> None:
    packet = files.xmp(
        f'photoshop:Credit="Agency" aux:OwnerName="{NAME}"', files.listed("dc:creator", NAME, "B. Other")
    )
    data = files.jpeg(files.exif_segment(files.exif({0x013B: NAME, 0xA430: NAME})), files.xmp_segment(packet))
    assert codes(strip(data).data) == set()
    kept = strip(data, keep_credit=True)
    assert codes(kept.data) == {"name.creator", "rights"}
    assert {"EXIF:Artist", "XMP-dc:creator", "XMP-photoshop:Credit"} == set(kept.kept)
    found = {(p.prefix, p.name): p.value for b in read(kept.data).of("xmp") for p in xmp.flatten(b.data)}  # type: ignore[union-attr]
    assert found["dc", "creator"] == f"{NAME}; B. Other"
    assert stored(kept.data)["Artist"] == NAME
    assert strip(kept.data, keep_credit=True).data == kept.data


@pytest.mark.parametrize(
    ("notice", "named"),
    [
        ("(c) 2019 Quentin Testperson", ("EXIF:Copyright",)),
        ("Copyright 2019. All rights reserved.", ()),
        ("CC BY 4.0 https://example.org/by", ()),
    ],
)
def test_a_name_inside_a_kept_notice_is_reported(notice: str, named: tuple[str, ...]) -> None:
    data = files.jpeg(files.exif_segment(files.exif({0x8298: notice, 0x013B: NAME})))
    assert strip(data).named == named


def test_a_sidecar_keeps_rights_alone() -> None:
    packet = files.xmp('plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED" photoshop:City="Testville"')
    kept = strip_sidecar(packet)
    assert [(p.prefix, p.name) for p in xmp.flatten(kept)] == [("plus", "DataMining")]
    assert strip_sidecar(packet, "all") == b""
    assert strip_sidecar(files.xmp('photoshop:City="Testville"')) == b""
    coarse = files.xmp('exif:GPSLatitude="7,30.25S" exif:GPSLongitude="110,20.5E"')
    assert {p.value for p in xmp.flatten(strip_sidecar(coarse, "coarsen"))} == {"7,30.0S", "110,18.0E"}
