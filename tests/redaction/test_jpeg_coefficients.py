"""What redaction does to the coefficients of a JPEG, read back by a reader that shares no code with it."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from jpeg_reader import Component, Jpeg, read
from PIL import Image, ImageDraw
from skimage import data as pictures

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.pixels import ORIENTATION_TAG, Picture, turned
from privacy_audit.redaction.jpeg import header, library, rewrite, transcode
from privacy_audit.redaction.jpeg.header import NotTranscodable
from privacy_audit.redaction.paint import PIXELATE_CELLS
from privacy_audit.redaction.regions import GROWTH, Redacted, Region, redact_regions
from privacy_audit.types import Box, Quad

Mask = np.ndarray[Any, np.dtype[np.bool_]]

FACE = Box(60, 40, 50, 62)
CARD = Quad(((20, 20), (120, 40), (110, 90), (15, 70)))
AT_EDGE = Box(150, 130, 60, 60)
REGIONS: dict[str, list[Box | Quad]] = {
    "face": [FACE],
    "card": [CARD],
    "edge": [AT_EDGE],
    "three": [Box(10, 10, 30, 30), Box(30, 20, 40, 40), Box(120, 100, 12, 9)],
    "all": [Box(-10, -10, 500, 500)],
}
VARIANTS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "grey": {"mode": "L"},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0},
    "progressive grey": {"progressive": True, "mode": "L"},
    "restart": {"restart_marker_blocks": 3},
    "restart rows 4:4:4": {"restart_marker_rows": 1, "subsampling": 0},
    "progressive restart": {"progressive": True, "restart_marker_blocks": 5},
    "optimised": {"optimize": True},
    "RGB": {"keep_rgb": True},
    "CMYK": {"mode": "CMYK"},
    "even": {"size": (176, 144)},
    "narrow": {"size": (9, 170)},
    "one unit": {"size": (16, 16)},
    "one pixel": {"size": (1, 1)},
    "coarse": {"quality": 25},
    "fine": {"quality": 98, "subsampling": 2},
}


def jpeg(size: tuple[int, int] = (167, 149), mode: str = "RGB", **options: Any) -> bytes:
    """Part of a photo with a face, so that coefficients are those of one."""
    image = Image.fromarray(pictures.astronaut()[20:, 140:]).crop((0, 0, *size)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 88, **options})
    return buffer.getvalue()


def redacted(data: bytes, *regions: Region, **options: Any) -> Redacted:
    return redact_regions(Picture(data), regions, **options)


def grown(
    box: Box | Quad, shape: str, size: tuple[int, int], factor: float, method: str, extra: int = 0
) -> Image.Image:
    """The pixels of a region on an upright picture of `size`, grown by `factor` and, of boxes, by `extra` pixels."""
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    if isinstance(box, Quad):
        xs, ys = (sum(corner[at] for corner in box.corners) / 4 for at in (0, 1))
        pen.polygon([(xs + (x - xs) * factor, ys + (y - ys) * factor) for x, y in box.corners], fill=255, outline=255)
        return mask
    x, y, rx, ry = box.x + box.w / 2, box.y + box.h / 2, box.w / 2 * factor + extra, box.h / 2 * factor + extra
    full = 1 + GROWTH
    at_edge = (
        x - box.w / 2 * full <= 0 or y - box.h / 2 * full <= 0
        or x + box.w / 2 * full >= size[0] or y + box.h / 2 * full >= size[1]
    )  # fmt: skip
    bounds = (x - rx, y - ry, x + rx - 1, y + ry - 1)
    if shape == "ellipse" and method == "fill" and not at_edge:
        pen.ellipse(bounds, fill=255)
    else:
        pen.rectangle(bounds, fill=255)
    return mask


def blocks_of(pixels: Image.Image, part: Component, whole: Jpeg) -> Mask:
    """The blocks of one component that hold any of `pixels` (stored orientation)."""
    across, down = max(p.h for p in whole.components) // part.h, max(p.v for p in whole.components) // part.v
    mask = np.zeros((part.rows * 8 * down, part.columns * 8 * across), bool)
    array = np.asarray(pixels) > 0
    mask[: array.shape[0], : array.shape[1]] = array[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask.reshape(part.rows, 8 * down, part.columns, 8 * across).any(axis=(1, 3)))


def check(before: bytes, after: bytes, regions: list[Region], shape: str = "ellipse", orientation: int = 1) -> None:
    """Nothing changed outside, no AC energy inside, and nothing of the source in the padding of the last units."""
    old, new = read(before), read(after)
    size = (old.width, old.height)
    upright = size if orientation < 5 else size[::-1]
    back = {6: 8, 8: 6}.get(orientation, orientation)
    inner, outer = Image.new("L", upright), Image.new("L", upright)
    for region in regions:
        for target, factor, extra in ((inner, 1.1, 0), (outer, 1 + GROWTH, 2)):  # corners are rounded to whole pixels
            mask = grown(region.box, shape, upright, factor, region.method, extra)
            target.paste(255, (0, 0), mask)
    halo = Image.fromarray(np.asarray(outer))
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1), (2, 0), (0, 2)):
        halo.paste(255, (x, y), outer)
    must, may = (turned(mask, back) for mask in (inner, halo))
    assert (new.width, new.height) == size
    assert new.quantization == {part.table: old.quantization[part.table] for part in old.components}
    assert (old.frame == 0xC2) == (new.frame == 0xC2)
    for source, target in zip(old.components, new.components, strict=True):
        assert (source.h, source.v, source.rows, source.columns) == (target.h, target.v, target.rows, target.columns)
        a, b = (part.blocks[: part.rows, : part.columns] for part in (source, target))
        changed = (a != b).any(axis=2)
        inside = blocks_of(must, source, old)
        assert not changed[~blocks_of(may, source, old)].any()
        assert inside.any()
        assert not b[inside][:, 1:].any()
        assert not b[changed][:, 1:].any()
        padding = np.ones(target.blocks.shape[:2], bool)
        padding[: target.rows, : target.columns] = False
        assert not target.blocks[padding][:, 1:].any()


@pytest.mark.parametrize("method", ["fill", "pixelate"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_only_blocks_under_the_region_change(variant: str, method: Any) -> None:
    data = jpeg(**VARIANTS[variant])
    size = Image.open(io.BytesIO(data)).size
    box = FACE if size[0] > 100 else Box(0, 0, max(1, size[0] * 0.8), max(1, size[1] * 0.5))
    result = redacted(data, Region(box, method))
    assert (result.route, result.lossless_outside) == ("libjpeg-turbo", True)
    assert "DCT blocks" in result.note
    check(data, result.data, [Region(box, method)])
    assert len(result.data) <= len(data)


@pytest.mark.parametrize("method", ["fill", "pixelate"])
@pytest.mark.parametrize("shape", ["ellipse", "box"])
@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("subsampling", [0, 2])
def test_every_shape_of_region(name: str, shape: Any, subsampling: int, method: Any) -> None:
    data = jpeg(subsampling=subsampling)
    regions = [Region(box, method) for box in REGIONS[name]]
    result = redacted(data, *regions, shape=shape)
    assert result.route == "libjpeg-turbo"
    check(data, result.data, regions, shape)
    assert len(result.data) <= len(data)


@pytest.mark.parametrize("method", ["fill", "pixelate"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_orientation(orientation: int, method: Any) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    data = jpeg(exif=exif)
    region = Region(Box(30, 20, 40, 50), method)
    result = redacted(data, region)
    assert Picture(result.data).orientation == orientation
    check(data, result.data, [region], orientation=orientation)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("box", [FACE, Box(20, 10, 100, 120), Box(40, 60, 20, 14)])
def test_pixelation_leaves_no_more_than_its_cells(box: Box, subsampling: int) -> None:
    data = jpeg(subsampling=subsampling)
    new = read(redacted(data, Region(box, "pixelate")).data)
    pixels = grown(box, "box", (new.width, new.height), 1.0, "pixelate")
    for part in new.components:
        rows, columns = (np.unique(at) for at in np.nonzero(blocks_of(pixels, part, new)))
        levels = part.blocks[..., 0][np.ix_(rows, columns)]
        steps_down = (np.diff(levels, axis=0) != 0).any(axis=1).sum()
        steps_across = (np.diff(levels, axis=1) != 0).any(axis=0).sum()
        assert max(steps_down, steps_across) < PIXELATE_CELLS
    first = new.components[0]
    luma = first.blocks[: first.rows, : first.columns, 0][blocks_of(pixels, first, new)]
    assert len(np.unique(luma)) > 1 or box.w < 40


def test_a_fill_is_grey_and_wins_over_pixelation() -> None:
    data = jpeg()
    new = read(redacted(data, Region(Box(20, 20, 100, 100), "pixelate"), Region(FACE, "fill")).data)
    filled = grown(FACE, "ellipse", (new.width, new.height), 1.1, "fill")
    for part in new.components:
        assert not part.blocks[: part.rows, : part.columns][blocks_of(filled, part, new)].any()
    pixels = np.asarray(Image.open(io.BytesIO(redacted(data, Region(FACE)).data)))[50:90, 65:105]
    assert np.abs(pixels.astype(int) - 128).max() <= 1


def test_a_pixelated_cell_knows_nothing_of_a_filled_neighbour() -> None:
    """The same picture with another face: what is left is the same."""
    image = Image.fromarray(pictures.astronaut()[20:, 140:]).crop((0, 0, 160, 144))
    other = image.copy()
    other.paste((255, 0, 0), (72, 56, 88, 88))  # whole blocks, well inside the filled ellipse
    left = []
    for picture in (image, other):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90, subsampling=2)
        left.append(redacted(buffer.getvalue(), Region(Box(20, 20, 110, 110), "pixelate"), Region(FACE)).data)
    assert all(
        np.array_equal(a.blocks, b.blocks) for a, b in zip(*(read(data).components for data in left), strict=True)
    )


def test_metadata_go_along_and_previews_do_not() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a street"
    data = jpeg(exif=exif, icc_profile=b"p" * 70_000, comment=b"hello", xmp=b"<x:xmpmeta/>", dpi=(300, 300))
    preview = jpeg(size=(32, 32))
    data += preview
    result = redacted(data, Region(FACE))
    after = Image.open(io.BytesIO(result.data))
    after.load()
    assert (after.info["icc_profile"], after.info["comment"]) == (b"p" * 70_000, b"hello")
    assert (after.info["xmp"], after.info["dpi"]) == (b"<x:xmpmeta/>", (300, 300))
    assert after.getexif()[0x010E] == "a street"
    assert result.data.count(b"\xff\xd8\xff") == 1
    check(data, result.data, [Region(FACE)])


def test_blur_is_coded_again_and_says_why() -> None:
    result = redacted(jpeg(), Region(FACE, "blur"))
    assert (result.route, result.lossless_outside) == ("re-encode", False)
    assert "blur needs decoded pixels" in result.note
    assert "weak" in result.note


def test_without_a_library_it_is_coded_again_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "turbojpeg", lambda: None)
    result = redacted(jpeg(), Region(FACE))
    assert result.route == "re-encode"
    assert "no TurboJPEG library" in result.note
    assert "quantisation tables" in result.note


# Files that are not what they seem


def frame_at(data: bytes) -> int:
    return data.index(b"\xff\xc0") + 1


def patched(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(("marker", "coding"), sorted(header.CODINGS.items()))
def test_other_codings_are_not_transcoded(marker: int, coding: str) -> None:
    data = jpeg()
    with pytest.raises(NotTranscodable, match=coding):
        header.read(patched(data, frame_at(data), marker))


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (3, 12, "12 bits"),
        (3, 16, "16 bits"),
        (8, 0, "frame header"),
        (8, 5, "frame header"),
        (8, 2, "frame header"),
        (10, 0x33, "sampling"),
        (10, 0x00, "sampling"),
        (10, 0x52, "sampling"),
    ],
)
def test_odd_frames_are_not_transcoded(offset: int, value: int, reason: str) -> None:
    data = jpeg()
    start = frame_at(data)
    data = patched(data, start + offset, value)
    if reason == "sampling" and value == 0x33:
        data = patched(data, start + 13, 0x22)  # 3 is no multiple of 2
    with pytest.raises(NotTranscodable, match=reason):
        header.read(data)


def test_twelve_bits_are_refused() -> None:
    data = jpeg()
    with pytest.raises(PrivacyAuditError):
        redacted(patched(data, frame_at(data) + 3, 12), Region(FACE))


def test_arithmetic_coding_is_coded_again_and_says_so() -> None:
    found = library.turbojpeg()
    assert found is not None
    everything = library.Visit([(), (), ()], [(1, 1)] * 3, lambda *_: None)
    data = found.transform(jpeg(), 128, everything)  # TJXOPT_ARITHMETIC
    assert data.find(b"\xff\xc9") > 0
    result = redacted(data, Region(FACE))
    assert result.route == "re-encode"
    assert "its coding is arithmetic" in result.note
    assert header.read(result.data).width == 167


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("progressive", [False, True])
def test_truncated_files_are_refused(keep: float, progressive: bool) -> None:
    data = jpeg(progressive=progressive)
    with pytest.raises(PrivacyAuditError):
        redacted(data[: int(len(data) * keep)], Region(FACE))


@pytest.mark.parametrize(("offset", "value"), [(4, 0xFF), (4, 0x01), (6, 0xFF), (10, 0x21)])
def test_wrong_sizes_and_samplings_never_pass_for_lossless(offset: int, value: int) -> None:
    data = jpeg()
    result = redacted(patched(data, frame_at(data) + offset, value), Region(FACE))
    assert result.route == "re-encode"
    assert "damaged" in result.note


def test_damage_that_the_library_warns_of_is_left_to_pillow() -> None:
    data = jpeg()
    at = data.index(b"\xff\xdb")
    result = redacted(data[:at] + b"\x01\x02\x03" + data[at:], Region(FACE))  # garbage between segments
    assert result.route == "re-encode"
    assert "damaged" in result.note


def test_too_many_coefficients_are_coded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcode, "MAX_COEFFICIENT_BYTES", 1000)
    result = redacted(jpeg(), Region(FACE))
    assert result.route == "re-encode"
    assert "memory" in result.note


# The library


def visit(work: Callable[[int, int, int], None], rows: int = 19) -> library.Visit:
    frame = header.read(jpeg())
    return library.Visit([range(rows)] * 3, [(plane.columns, plane.rows) for plane in frame.planes], work)


def test_a_library_is_found() -> None:
    assert library.turbojpeg() is not None, "install the packages of the group 'extras', which bring libturbojpeg"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError, NotTranscodable])
def test_errors_in_the_filter_come_out_as_they_are(error: type[BaseException]) -> None:
    found = library.turbojpeg()
    assert found is not None

    def work(_address: int, _component: int, _row: int) -> None:
        raise error

    for options in (0, library.NO_OUTPUT):
        with pytest.raises(error):
            found.transform(jpeg(), options, visit(work))


def test_another_layout_stops_the_transform() -> None:
    found = library.turbojpeg()
    assert found is not None
    seen: list[int] = []
    wrong = library.Visit([range(99)] * 3, [(21, 20)] * 3, lambda *at: seen.append(at[2]))
    with pytest.raises(NotTranscodable):
        found.transform(jpeg(), 0, wrong)
    assert not seen


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"no picture", b"\xff\xd8\xff\xd9"])
def test_what_is_no_jpeg_is_an_error(data: bytes) -> None:
    found = library.turbojpeg()
    assert found is not None
    with pytest.raises(NotTranscodable):
        found.transform(data, 0, visit(lambda *_: None))


class _Old:
    """A library without the functions of version 3, as Debian 12 has."""

    def __init__(self, path: str) -> None:
        self._library = REAL(path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("tj3"):
            raise AttributeError(name)
        return getattr(self._library, name)


REAL = library.ctypes.CDLL


@pytest.fixture
def old_library(monkeypatch: pytest.MonkeyPatch) -> library.TurboJpeg:
    monkeypatch.setattr(library.ctypes, "CDLL", _Old)
    found = [library.TurboJpeg(path) for path in library._candidates() if Path(path).exists()]
    monkeypatch.setattr(rewrite, "turbojpeg", lambda: found[0])
    assert not found[0].is_version_3
    return found[0]


@pytest.mark.parametrize("method", ["fill", "pixelate"])
@pytest.mark.parametrize("variant", ["4:4:4", "4:2:0", "grey", "progressive", "CMYK", "RGB"])
@pytest.mark.usefixtures("old_library")
def test_version_2_does_the_same(variant: str, method: Any) -> None:
    data = jpeg(**VARIANTS[variant])
    result = redacted(data, Region(FACE, method))
    assert result.route == "libjpeg-turbo"
    check(data, result.data, [Region(FACE, method)])
    assert len(result.data) <= len(data)


@pytest.mark.usefixtures("old_library")
def test_version_2_writes_progressively_what_would_grow() -> None:
    data = jpeg(optimize=True, quality=95)
    result = redacted(data, Region(Box(60, 40, 9, 9)))
    assert len(result.data) <= len(data)
    assert read(result.data).frame == 0xC2


def test_what_does_not_read_back_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = library.turbojpeg()
    assert found is not None
    data = jpeg()

    class Forgetful:
        is_version_3 = True

        def transform(self, source: bytes, options: int, wanted: library.Visit) -> bytes:
            written = found.transform(source, options, wanted)
            return written if options & library.NO_OUTPUT else found.transform(data, 0, visit(lambda *_: None, 0))

    monkeypatch.setattr(rewrite, "turbojpeg", Forgetful)
    result = redacted(data, Region(FACE))
    assert result.route == "re-encode"
    assert "does not read back" in result.note


def fake_distribution(folder: Path, name: str, digest: bytes | None) -> Any:
    path = folder / name
    path.write_bytes(b"library")
    value = base64.urlsafe_b64encode(digest or b"").rstrip(b"=").decode()
    found = SimpleNamespace(mode="sha256", value=value) if digest is not None else None
    file = SimpleNamespace(name=name, suffix=path.suffix, hash=found, locate=lambda: path)
    return SimpleNamespace(files=[file])


@pytest.mark.parametrize(
    ("name", "digest", "taken"),
    [
        ("libturbojpeg-1.so.0.3.0", hashlib.sha256(b"library").digest(), True),
        ("libturbojpeg-1.so.0.3.0", hashlib.sha256(b"altered").digest(), False),
        ("libturbojpeg-1.so.0.3.0", None, False),
        ("turbojpeg.cpython-311-x86_64-linux-gnu.so", hashlib.sha256(b"library").digest(), False),
    ],
)
def test_only_the_library_as_it_was_installed_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, digest: bytes | None, taken: bool
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(library.metadata, "distribution", lambda _: fake_distribution(tmp_path, name, digest))
    assert (str(tmp_path / name) in list(library._candidates())) == taken


def test_a_machine_without_any_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        raise library.metadata.PackageNotFoundError

    monkeypatch.setattr(library.metadata, "distribution", missing)
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: (_ for _ in ()).throw(OSError(path)))
    assert library.turbojpeg.__wrapped__() is None
