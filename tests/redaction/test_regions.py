from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from privacy_audit.pixels import ORIENTATION_TAG, Picture
from privacy_audit.redaction import encode
from privacy_audit.redaction import regions as regions_module
from privacy_audit.redaction.jpeg import rewrite as jpeg
from privacy_audit.redaction.regions import Redacted, RedactionRefused, Region, redact_regions
from privacy_audit.redaction.remains import signal
from privacy_audit.types import Box, Quad

WIDTH, HEIGHT = 167, 121  # odd, no multiple of a JPEG block
BOX = Box(40, 30, 50, 60)
GROWN = (35, 24, 95, 96)  # BOX and a fifth
ORIENTATION = 0x0112


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray[Any, Any]:
    """Smooth colours with a fine pattern on top, (height, width, 3) uint8: a leak shows, and JPEG keeps it well."""
    y, x = np.mgrid[:height, :width]
    pattern = 24 * np.sin(x / 2.1) * np.sin(y / 2.7)
    channels = (40 + x * 0.9 + pattern, 60 + y * 1.1 + pattern, 200 - x * 0.5 - y * 0.4 + pattern)
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def redacted(data: bytes, *found: Region, **options: Any) -> Redacted:
    picture = Picture(data)
    result = redact_regions(picture, found, **options)
    assert picture.data == data
    return result


def within(box: tuple[int, int, int, int], shape: tuple[int, ...], margin: int = 0) -> np.ndarray[Any, Any]:
    mask = np.zeros(shape[:2], bool)
    left, top, right, bottom = box
    mask[max(0, top - margin) : max(0, bottom + margin), max(0, left - margin) : max(0, right + margin)] = True
    return mask


def unevenness(region: np.ndarray[Any, Any]) -> float:
    """The largest standard deviation within the middle of one of 5 x 6 cells of 12 pixels."""
    middles = [region[y + 4 : y + 8, x + 4 : x + 8] for y in range(0, 72, 12) for x in range(0, 60, 12)]
    return max(float(middle.std(axis=(0, 1)).max()) for middle in middles)


def psnr(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    error = float(np.mean((a.astype(float) - b.astype(float)) ** 2))
    return 99.0 if error == 0 else 10 * math.log10(255**2 / error)


def stored_size(data: bytes) -> tuple[int, int]:
    """Width and height as they stand in the file; Pillow turns TIFF pages when it loads them, and says so before."""
    image: Any = Image.open(io.BytesIO(data))
    return (image.tag_v2[256], image.tag_v2[257]) if image.format == "TIFF" else image.size


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


# Formats whose pixels survive: what Pillow decodes outside the region is the same, number for number.


def _grey16() -> Image.Image:
    values = scene().astype(np.uint16)[..., 0] * 200
    return Image.frombytes("I;16", (WIDTH, HEIGHT), values.astype("<u2").tobytes())


def _float() -> Image.Image:
    values = scene().astype(np.float32)[..., 0] / 7
    values[50, 50] = np.nan
    return Image.frombytes("F", (WIDTH, HEIGHT), values.tobytes())


def _int32() -> Image.Image:
    values = scene().astype(np.int32)[..., 0] * 1_000_000
    return Image.frombytes("I", (WIDTH, HEIGHT), values.tobytes())


def _with_alpha(mode: str) -> Image.Image:
    image = Image.fromarray(scene()).convert(mode)
    image.putalpha(Image.fromarray(np.clip(scene()[::-1, :, 1].astype(int) * 2 - 200, 0, 255).astype(np.uint8)))
    return image


def _palette(colors: int = 200) -> Image.Image:
    return Image.fromarray(scene()).quantize(colors)


MODES: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(scene()).convert("1"),
    "L": lambda: Image.fromarray(scene()).convert("L"),
    "LA": lambda: _with_alpha("L"),
    "P": _palette,
    "P4": lambda: _palette(11),
    "RGB": lambda: Image.fromarray(scene()),
    "RGBA": lambda: _with_alpha("RGB"),
    "CMYK": lambda: Image.fromarray(scene()).convert("CMYK"),
    "YCbCr": lambda: Image.fromarray(scene()).convert("YCbCr"),
    "LAB": lambda: Image.frombytes("LAB", (WIDTH, HEIGHT), scene().tobytes()),
    "RGBX": lambda: Image.frombytes("RGBX", (WIDTH, HEIGHT), _with_alpha("RGB").tobytes()),
    "I;16": _grey16,
    "I": _int32,
    "F": _float,
}
LOSSLESS: list[tuple[str, str, dict[str, Any]]] = [
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "P4", "RGB", "RGBA", "I;16")),
    ("PNG", "P4", {"transparency": 3}),
    ("PNG", "P", {"transparency": bytes(range(200))}),
    ("PNG", "L", {"transparency": 7}),
    ("PNG", "RGB", {"transparency": (40, 60, 200)}),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "P4", "RGB")),
    *(("GIF", mode, {}) for mode in ("1", "L", "P", "P4")),
    ("GIF", "P", {"interlace": 1, "transparency": 4}),
    *(("WEBP", mode, {"lossless": True, "exact": True}) for mode in ("RGB", "RGBA")),
    *(("TIFF", mode, {}) for mode in MODES),
    *(("TIFF", mode, {"compression": "tiff_lzw"}) for mode in ("L", "RGB", "RGBA", "I;16", "F", "P")),
    *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_adobe_deflate", "packbits", "lzma", "zstd")),
    *(("TIFF", "1", {"compression": name}) for name in ("group3", "group4")),
]


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize(("kind", "mode", "options"), LOSSLESS)
def test_lossless_formats_change_inside_only(kind: str, mode: str, options: dict[str, Any], method: Any) -> None:
    data = saved(MODES[mode](), kind, **options)
    result = redacted(data, Region(BOX, method), shape="box")
    before, after = opened(data), opened(result.data)
    assert (after.format, after.mode, after.size) == (kind, before.mode, before.size)
    assert (result.route, result.lossless_outside) == ("lossless", True)
    assert after.info.get("transparency") == before.info.get("transparency")
    assert after.getpalette() == before.getpalette()
    old, new = np.asarray(before), np.asarray(after)
    inside = within(GROWN, old.shape)
    assert np.array_equal(old[~inside], new[~inside], equal_nan=mode == "F")
    if mode == "P4" or (kind == "GIF" and mode != "1"):  # equal colours may differ as indices
        old, new = np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB"))
    region = new[24:96, 35:95].reshape(72, 60, -1)
    assert not np.array_equal(region, old[24:96, 35:95].reshape(region.shape))
    colors = np.unique(region.reshape(-1, region.shape[2]), axis=0)
    if method == "fill":
        assert len(colors) == 1
    elif method == "pixelate":
        assert all(len(np.unique(row, axis=0)) <= 6 for row in region)
        assert all(len(np.unique(region[:, at], axis=0)) <= 6 for at in range(60))
        assert len(colors) <= 36
    elif mode not in {"1", "P", "P4"}:
        fine = np.abs(np.diff(region.astype(float), axis=1)).max() / max(1.0, float(np.nanmax(np.abs(old))))
        assert fine < 0.02


def stored_orientation(data: bytes) -> int:
    """As it stands in the file; of a TIFF, Picture knows the orientation after Pillow turned it."""
    return int(Image.open(io.BytesIO(data)).getexif().get(ORIENTATION_TAG, 1))


@pytest.mark.parametrize("method", ["fill", "pixelate"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 92, "subsampling": 0}),
        ("JPEG", {"quality": 92, "subsampling": 2}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("AVIF", {"quality": 90}),
    ],
)
def test_regions_follow_the_orientation(kind: str, options: dict[str, Any], orientation: int, method: Any) -> None:
    data = saved(Image.fromarray(scene()), kind, exif=exif_with(orientation), **options)
    result = redacted(data, Region(BOX, method), shape="box")
    before, after = Picture(data), Picture(result.data)
    old, new = before.upright().rgb, after.upright().rgb
    assert stored_orientation(result.data) == stored_orientation(data) == orientation
    assert after.format == kind
    assert stored_size(result.data) == (WIDTH, HEIGHT)
    assert old.shape == new.shape
    far = ~within(GROWN, old.shape, margin=17)
    assert psnr(old[far], new[far]) > 38
    left, top, right, bottom = GROWN
    cells = new[top:bottom, left:right].astype(int)
    if method == "fill":
        core = cells[9:-9, 9:-9]
        assert core.std() < 2
        assert abs(core.mean() - 128) < 2
    elif kind == "JPEG":  # whose cells are made of whole blocks
        assert signal(old, new, Region(BOX, method)).is_little
    else:  # 5 x 6 cells of 12 pixels: flat in their middles, whatever the coder did
        assert unevenness(cells) < 4 < 8 < unevenness(old[top:bottom, left:right])


@pytest.mark.parametrize("size", [(167, 121), (1, 1), (8, 8), (17, 300), (16, 16)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("route", ["libjpeg-turbo", "re-encode"])
def test_jpegs_keep_their_tables(
    size: tuple[int, int],
    mode: str,
    progressive: bool,
    subsampling: int,
    route: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if route == "re-encode":
        monkeypatch.setattr(jpeg, "turbojpeg", lambda: None)
    image = Image.fromarray(scene(*size)).convert(mode)
    data = saved(image, "JPEG", quality=83, progressive=progressive, subsampling=subsampling)
    result = redacted(data, Region(Box(0, 0, size[0] * 0.6, size[1] * 0.6)))
    before: Any = opened(data)
    after: Any = opened(result.data)
    assert after.mode == before.mode
    assert list(after.quantization.values()) == list(before.quantization.values())
    if mode == "RGB":
        assert [layer[1:3] for layer in after.layer] == [layer[1:3] for layer in before.layer]
    assert after.info.get("progressive") == before.info.get("progressive")
    assert (result.route, result.lossless_outside) == (route, route != "re-encode")
    assert ("quantisation tables" in result.note) == (route == "re-encode")
    shape = (size[1], size[0])
    far = ~within((0, 0, math.ceil(size[0] * 0.66), math.ceil(size[1] * 0.66)), shape, margin=17)
    if far.any():
        assert psnr(np.asarray(before)[far], np.asarray(after)[far]) > 38


def test_a_jpeg_that_hardly_compresses_is_written_too() -> None:
    """Pillow's buffer for progressive JPEGs is too small for this one, so it comes back sequential."""
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageFile, "MAXBLOCK", 1 << 22)
        data = saved(Image.fromarray(noise), "JPEG", qtables=[[1] * 64] * 2, subsampling=0, progressive=True)
    after: Any = opened(redacted(data, Region(BOX)).data)
    assert after.quantization[0] == [1] * 64


def test_a_jpeg_stored_as_rgb_stays_rgb() -> None:
    data = saved(Image.fromarray(scene()), "JPEG", quality=95, keep_rgb=True)
    result = redacted(data, Region(BOX))
    assert bytes(layer[0] for layer in opened(result.data).layer) == b"RGB"  # type: ignore[attr-defined]
    far = ~within(GROWN, (HEIGHT, WIDTH), margin=17)
    assert psnr(np.asarray(opened(data))[far], np.asarray(opened(result.data))[far]) > 38


def test_an_ellipse_is_inscribed_in_the_grown_box() -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    new = np.asarray(opened(redacted(data, Region(BOX)).data))
    changed = (new != scene()).any(axis=2)
    assert not changed[~within(GROWN, changed.shape)].any()
    left, top, right, bottom = GROWN
    y, x = np.mgrid[top:bottom, left:right]
    distance = ((x + 0.5 - 65) / 30) ** 2 + ((y + 0.5 - 60) / 36) ** 2
    grey = (new[top:bottom, left:right] == 128).all(axis=2)
    assert grey[distance < 0.95].all()
    assert not grey[distance > 1.1].any()


@pytest.mark.parametrize(
    ("box", "hidden"),
    [
        (Box(-20, 30, 50, 40), (0, 26, 35, 74)),  # over the left edge
        (Box(0, 0, 50, 40), (0, 0, 55, 44)),  # touching two edges
        (Box(3, 50, 40, 30), (0, 47, 47, 83)),  # reaching it by growing
        (Box(150, 100, 17, 21), (148, 97, WIDTH, HEIGHT)),  # the last column and row
        (Box(140, 90, 500, 500), (90, 40, WIDTH, HEIGHT)),
        (Box(-1e9, -1e9, 3e9, 3e9), (0, 0, WIDTH, HEIGHT)),
        (Box(166.2, 120.2, 5, 5), (165, 119, WIDTH, HEIGHT)),
        (Box(40.4, 30.6, 0.2, 0.2), (40, 30, 41, 31)),  # smaller than a pixel
    ],
)
@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
def test_boxes_at_the_edge_are_whole(box: Box, hidden: tuple[int, int, int, int], method: Any) -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    new = np.asarray(opened(redacted(data, Region(box, method)).data))
    mask = within(hidden, new.shape)
    assert np.array_equal(new[~mask], scene()[~mask])
    if method == "fill":
        assert (new[mask] == 128).all()


@pytest.mark.parametrize(
    "box",
    [
        Box(10, 10, 0, 20),
        Box(10, 10, 20, 0),
        Box(30, 30, -10, -10),
        Box(WIDTH, 0, 10, 10),
        Box(0, HEIGHT, 10, 10),
        Box(-10, 5, 10, 10),
        Box(5, -1e300, 10, 5),
        Quad(((1, 1), (5, 5), (9, 9), (20, 20))),
        Quad(((7, 7), (7, 7), (7, 7), (7, 7))),
        Quad(((-9, -9), (-5, -9), (-5, -5), (-9, -5))),
    ],
)
def test_what_has_no_area_in_the_picture_changes_nothing(box: Box | Quad) -> None:
    data = saved(Image.fromarray(scene()), "JPEG")
    result = redacted(data, Region(box))
    assert result == Redacted(data, "unchanged", True, "")
    assert redacted(data).data == data


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_region_without_a_position_is_refused(value: float) -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    with pytest.raises(RedactionRefused, match="finite"):
        redacted(data, Region(Box(1, value, 5, 5)))
    with pytest.raises(RedactionRefused, match="finite"):
        redacted(data, Region(Quad(((1, 1), (5, 1), (5, value), (1, 5)))))
    with pytest.raises(RedactionRefused, match="finite"):
        redacted(data, Region(Box(1.7e308, 1, 1.7e308, 5)))


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize(
    "corners",
    [
        ((50, 20), (110, 40), (100, 80), (40, 60)),
        ((100, 80), (40, 60), (50, 20), (110, 40)),  # turned by 180 degrees
        ((50, 20), (100, 80), (110, 40), (40, 60)),  # crossed
    ],
)
def test_quads_are_polygons(corners: Any, method: Any) -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    new = np.asarray(opened(redacted(data, Region(Quad(corners), method)).data))
    changed = (new != scene()).any(axis=2)
    assert changed[50, 75]
    assert not changed[22, 100]  # in the bounding box, outside the quadrilateral
    assert not changed[75, 45]
    if method == "fill":
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        edges = [((50, 20), (110, 40)), ((110, 40), (100, 80)), ((100, 80), (40, 60)), ((40, 60), (50, 20))]
        inside = np.all([(bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0 for (ax, ay), (bx, by) in edges], axis=0)
        assert (new[inside] == 128).all()


def test_a_quad_that_reaches_far_hides_its_part_of_the_picture() -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    quad = Quad(((-1e12, 20), (1e12, 20), (1e12, 60), (-1e12, 60)))
    new = np.asarray(opened(redacted(data, Region(quad)).data))
    assert (new[20:60] == 128).all()
    assert np.array_equal(new[70:], scene()[70:])


def test_overlapping_regions_leave_the_stronger_method() -> None:
    found = [
        Region(Box(60, 60, 100, 100), "blur"),
        Region(Box(75, 75, 50, 50), "fill"),
        Region(Box(50, 50, 80, 80), "pixelate"),
    ]
    results = []
    for secret in (20, 250):  # what the fill covers must not show through the weaker methods around it either
        values = scene(200, 200)
        values[70:130, 70:130] = secret
        data = saved(Image.fromarray(values), "PNG")
        for order in (found, found[::-1]):
            new = np.asarray(opened(redacted(data, *order, shape="box").data))
            assert (new[70:130, 70:130] == 128).all()
            results.append(new)
    assert all(np.array_equal(results[0], other) for other in results)


def test_the_fill_of_a_palette_is_a_colour_that_shows() -> None:
    image = Image.frombytes("P", (60, 60), bytes(at % 3 for at in range(3600)))
    image.putpalette([128, 128, 128, 250, 20, 20, 20, 20, 20])
    data = saved(image, "PNG", transparency=0)
    new = opened(redacted(data, Region(Box(10, 10, 30, 30))).data)
    assert new.convert("RGBA").getpixel((25, 25)) == (20, 20, 20, 255)


@pytest.mark.parametrize("method", ["pixelate", "blur"])
def test_hidden_colours_are_not_averaged(method: Any) -> None:
    values = np.zeros((60, 60, 4), np.uint8)
    values[::2] = (0, 0, 200, 255)
    values[1::2] = (250, 0, 0, 0)  # red, but wholly transparent
    data = saved(Image.fromarray(values), "PNG")
    new = np.asarray(opened(redacted(data, Region(Box(10, 10, 30, 30), method)).data))[10:40, 10:40]
    assert new[..., 0].max() == 0
    assert (new[..., 2] == 200).all()
    assert 100 < new[..., 3].mean() < 155


def test_a_tiff_that_does_not_read_back_is_refused() -> None:
    page = MODES["RGB"]()
    data = saved(page, "TIFF")
    encode._verify_pages(data, [("RGB", page.tobytes())])
    for expected in ([("RGB", page.tobytes()[::-1])], [("L", page.tobytes())], [None, None]):
        with pytest.raises(RedactionRefused, match="variant of TIFF"):
            encode._verify_pages(data, expected)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_thousands_of_regions_take_bounded_time() -> None:
    data = saved(Image.fromarray(scene(1000, 800)), "JPEG")
    whole = Box(0, 0, 1000, 800)
    found = [Region(Box(at % 950, at % 750, 30 + at % 7, 40), "fill") for at in range(3000)]
    found += [Region(Box(at % 250, at % 130, 700, 600), "pixelate") for at in range(2000)]
    found += [Region(whole, "blur")] * 2000
    found += [Region(Quad(((at % 900, 5), (1e5, 9), (1e5, 700), (-1e5, 799)))) for at in range(1000)]
    result = redacted(data, *found)
    assert "filled instead" in result.note
    assert psnr(np.asarray(opened(data)), np.asarray(opened(result.data))) < 25


# Animations and pages


def _moving(count: int = 4) -> list[Image.Image]:
    stills = []
    for at in range(count):
        values = scene()
        values[5 * at : 5 * at + 90, 9 * at : 9 * at + 60] = values[:90, 100:160][::-1]
        stills.append(Image.fromarray(values))
    return stills


def _frames(data: bytes) -> list[tuple[np.ndarray[Any, Any], Any]]:
    image: Any = Image.open(io.BytesIO(data))
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        found.append((np.asarray(image.convert("RGBA")), image.info.get("duration")))
    return found


def _gif(**options: Any) -> bytes:
    first, *rest = _moving()
    return saved(first, "GIF", save_all=True, append_images=rest, duration=[70, 80, 90, 500], loop=3, **options)


def _transparent_gif() -> bytes:
    stills = []
    for still in _moving():
        values = np.dstack((np.asarray(still), np.full((HEIGHT, WIDTH), 255, np.uint8)))
        values[(values[..., 0] // 16) % 2 == 0, 3] = 0
        stills.append(Image.fromarray(values))
    first, *rest = stills
    return saved(first, "GIF", save_all=True, append_images=rest, duration=[70, 80, 90, 500], loop=3, disposal=2)


def _webp(**options: Any) -> bytes:
    first, *rest = _moving()
    return saved(first, "WEBP", save_all=True, append_images=rest, duration=[70, 80, 90, 500], loop=3, **options)


def _apng(mode: str = "RGB", **options: Any) -> bytes:
    first, *rest = (still.quantize(64) if mode == "P" else still.convert(mode) for still in _moving())
    return saved(first, "PNG", save_all=True, append_images=rest, duration=[70, 80, 90, 500], loop=3, **options)


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize(
    "build",
    [
        _gif,
        lambda: _gif(disposal=1),
        lambda: _gif(disposal=2),
        _transparent_gif,
        lambda: _webp(lossless=True),
        _apng,
        lambda: _apng("RGBA", disposal=1, blend=1),
        lambda: _apng("L"),
        lambda: _apng(default_image=True),
    ],
)
def test_animations_keep_everything_but_the_region(build: Callable[[], bytes], method: Any) -> None:
    data = build()
    result = redacted(data, Region(BOX, method), shape="box")
    before, after = opened(data), opened(result.data)
    assert (result.route, result.lossless_outside) == ("lossless", True)
    assert after.info.get("loop") == before.info.get("loop")
    old, new = _frames(data), _frames(result.data)
    assert len(new) == len(old) > 1
    assert [duration for _, duration in new] == [duration for _, duration in old]
    left, top, right, bottom = GROWN
    for (was, _), (now, _) in zip(old, new, strict=True):
        outside = ~within(GROWN, was.shape)
        assert np.array_equal(was[outside], now[outside])
        region = now[top:bottom, left:right]
        assert not np.array_equal(region, was[top:bottom, left:right])
        if method == "fill":
            assert (region[..., 3] == 255).all()
            assert region[..., :3].std(axis=(0, 1)).max() < 12  # frames with palettes of their own: nearly one grey


def test_a_lossy_webp_animation_says_so_and_keeps_untouched_frames() -> None:
    data = _webp(quality=80)
    result = redacted(data, Region(BOX))
    assert (result.route, result.lossless_outside) == ("re-encode", False)
    assert "quality" in result.note
    for (was, duration), (now, same) in zip(_frames(data), _frames(result.data), strict=True):
        far = ~within(GROWN, was.shape, margin=17)
        assert psnr(was[far], now[far]) > 35
        assert duration == same
        assert np.abs(now[50:70, 55:75, :3].astype(int) - 128).max() < 8


def test_animated_avif_keeps_frames_and_times() -> None:
    first, *rest = _moving()
    data = saved(first, "AVIF", save_all=True, append_images=rest, duration=[70, 80, 90, 500])
    result = redacted(data, Region(BOX))
    old, new = _frames(data), _frames(result.data)
    assert [duration for _, duration in new] == [duration for _, duration in old]
    for (was, _), (now, _) in zip(old, new, strict=True):
        far = ~within(GROWN, was.shape, margin=17)
        assert psnr(was[far], now[far]) > 35
        assert np.abs(now[50:70, 55:75, :3].astype(int) - 128).max() < 8


def test_every_page_of_a_tiff_is_redacted_in_its_own_mode_and_orientation() -> None:
    buffer = io.BytesIO()
    pages = [MODES[mode]() for mode in ("RGB", "1", "I;16")]
    from PIL.TiffImagePlugin import AppendingTiffWriter

    with AppendingTiffWriter(buffer, new=True) as writer:
        for page, orientation in zip(pages, (1, 3, 6), strict=True):
            page.save(writer, "TIFF", exif=exif_with(orientation), compression="tiff_lzw")
            writer.newFrame()
    result = redacted(buffer.getvalue(), Region(BOX), shape="box")
    image: Any = Image.open(io.BytesIO(result.data))
    turns = (None, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    assert image.n_frames == 3
    for number, (page, turn) in enumerate(zip(pages, turns, strict=True)):
        image.seek(number)
        assert image.mode == page.mode
        assert image.getexif()[ORIENTATION] == (1, 3, 6)[number]
        assert image.tag_v2[256] == WIDTH
        new = np.asarray(image)
        old = np.asarray(page if turn is None else page.transpose(turn))
        mask = within(GROWN, new.shape)
        assert np.array_equal(new[~mask], old[~mask])
        assert len(np.unique(new[mask].reshape(mask.sum(), -1), axis=0)) == 1


def test_a_reduced_page_of_a_tiff_is_left_out() -> None:
    from PIL.TiffImagePlugin import AppendingTiffWriter

    buffer = io.BytesIO()
    with AppendingTiffWriter(buffer, new=True) as writer:
        Image.fromarray(scene()).save(writer, "TIFF")
        writer.newFrame()
        Image.fromarray(scene()[::2, ::2].copy()).save(writer, "TIFF", tiffinfo={254: 1})
        writer.newFrame()
    result = redacted(buffer.getvalue(), Region(BOX))
    assert opened(result.data).n_frames == 1  # type: ignore[attr-defined]
    assert "left out" in result.note


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("WEBP", "RGB", {"quality": 80}),
        ("WEBP", "RGBA", {"quality": 80}),
        ("AVIF", "RGB", {}),
        ("AVIF", "RGBA", {}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("TIFF", "L", {"compression": "jpeg"}),
    ],
)
def test_lossy_formats_state_the_loss(kind: str, mode: str, options: dict[str, Any]) -> None:
    data = saved(MODES[mode](), kind, **options)
    result = redacted(data, Region(BOX))
    assert (result.route, result.lossless_outside) == ("re-encode", False)
    assert "costs quality" in result.note
    old, new = np.asarray(opened(data)), np.asarray(opened(result.data))
    far = ~within(GROWN, old.shape, margin=17)
    assert psnr(old[far], new[far]) > 35
    grey = new[50:70, 55:75].reshape(20, 20, -1)
    assert np.abs(grey[..., : len(mode.rstrip("A"))].astype(int) - 128).max() < 8
    if mode == "RGBA":
        assert grey[..., 3].min() > 250


def test_a_bmp_with_alpha_keeps_it() -> None:
    pixels = np.asarray(_with_alpha("RGB"))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, WIDTH, -HEIGHT, 1, 32, 3, pixels.size, 0, 0, 0, 0) + masks + bytes(52)
    bgra = pixels[..., [2, 1, 0, 3]].tobytes()
    data = b"BM" + struct.pack("<IHHI", 122 + len(bgra), 0, 0, 122) + header + bgra
    result = redacted(data, Region(BOX), shape="box")
    after = opened(result.data)
    assert (after.format, after.mode, result.lossless_outside) == ("BMP", "RGBA", True)
    new = np.asarray(after)
    mask = within(GROWN, new.shape)
    assert np.array_equal(new[~mask], pixels[~mask])
    assert (new[mask] == (128, 128, 128, 255)).all()


def test_frames_that_reach_over_the_screen_of_a_gif_are_redacted_there() -> None:
    large = MODES["L"]()
    first, second = (saved(image, "GIF", optimize=False) for image in (large.crop((0, 0, 20, 20)), large))
    data = first[:-1] + second[13 + 768 :]  # both have the 256 greys as their palette
    assert opened(data).size == (20, 20)
    new = _frames(redacted(data, Region(BOX)).data)[1][0]
    assert new.shape == (HEIGHT, WIDTH, 4)
    assert (new[50:70, 55:75, :3] == 128).all()


def test_moving_pictures_come_with_a_warning() -> None:
    assert "moves" in redacted(_gif(), Region(BOX)).note
    assert "moves" not in redacted(saved(_palette(), "GIF"), Region(BOX)).note


def test_blur_is_labelled_weak() -> None:
    data = saved(Image.fromarray(scene()), "PNG")
    assert "weak" in redacted(data, Region(BOX, "blur")).note
    assert "weak" not in redacted(data, Region(BOX, "pixelate")).note


def test_the_input_is_never_edited(tmp_path: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(Image.fromarray(scene()), "PNG"))
    picture = Picture(path)
    first = picture.upright().rgb.copy()
    redact_regions(picture, [Region(BOX)])
    assert np.array_equal(picture.upright().rgb, first)
    assert path.read_bytes() == picture.data


def _jxl() -> bytes:
    return b"\xff\x0a" + b"\0" * 64


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + b"\0" * 60,
        saved(Image.fromarray(scene()), "PNG")[:-900],
        saved(Image.fromarray(scene()), "JPEG")[:1500],
        saved(Image.fromarray(scene()), "WEBP")[:-900],
        saved(Image.fromarray(scene()), "GIF")[:-900],
        saved(Image.fromarray(scene()), "TIFF")[:-900],
        saved(Image.fromarray(scene()), "AVIF")[:-900],
        _gif()[:-300],
        _apng()[:-900],
        b"",
        b"not a picture",
        _jxl(),
    ],
)
def test_damaged_files_are_errors_of_ours(data: bytes) -> None:
    from privacy_audit.errors import PrivacyAuditError

    with pytest.raises(PrivacyAuditError):
        redacted(data, Region(BOX))


def test_heic_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(saved(Image.fromarray(scene()), "PNG"))
    monkeypatch.setattr(Picture, "format", property(lambda _self: "HEIF"))
    with pytest.raises(RedactionRefused, match="HEIF"):
        redact_regions(picture, [Region(BOX)])


SEEDS = [
    saved(Image.fromarray(scene(24, 18)), "PNG"),
    saved(Image.fromarray(scene(24, 18)), "JPEG"),
    saved(Image.fromarray(scene(24, 18)), "WEBP"),
    saved(Image.fromarray(scene(24, 18)).quantize(8), "GIF"),
    saved(Image.fromarray(scene(24, 18)), "TIFF", compression="tiff_lzw"),
    saved(Image.fromarray(scene(24, 18)).quantize(8), "BMP"),
    *(
        saved(Image.fromarray(scene(24, 18)), kind, save_all=True, append_images=[Image.fromarray(scene(24, 18)[::-1])])
        for kind in ("PNG", "GIF", "WEBP", "TIFF")
    ),
]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6), st.data())
def test_changed_bytes_never_crash_it(seed: bytes, changes: list[tuple[int, int]], draw: st.DataObject) -> None:
    from privacy_audit.errors import PrivacyAuditError

    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    del data[draw.draw(st.integers(len(data) // 2, len(data))) :]
    try:
        result = redacted(bytes(data), Region(Box(3, 3, 10, 10), "pixelate"), Region(Box(9, 3, 10, 10)))
    except PrivacyAuditError:
        return
    opened(result.data)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-50, 250),
    st.floats(-50, 250),
    st.floats(0.01, 300),
    st.floats(0.01, 300),
    st.sampled_from(["box", "ellipse"]),
)
def test_no_pixel_of_the_box_survives_a_fill(x: float, y: float, w: float, h: float, shape: Any) -> None:
    data = saved(Image.fromarray(scene(64, 48)), "BMP")
    new = np.asarray(opened(redacted(data, Region(Box(x, y, w, h)), shape=shape).data))
    rows, columns = np.mgrid[:48, :64]
    in_box = (columns + 1 > x) & (columns < x + w) & (rows + 1 > y) & (rows < y + h)
    if shape == "ellipse":  # the ellipse that touches the box's own sides
        rx, ry = (columns + 0.5 - x - w / 2) / (w / 2), (rows + 0.5 - y - h / 2) / (h / 2)
        in_box &= rx**2 + ry**2 <= 1
    assert (new[in_box] == 128).all()


def test_exported_names() -> None:
    assert set(regions_module.__all__) == {
        "GROWTH", "Method", "Redacted", "RedactionRefused", "Region", "Shape", "redact_regions",
    }  # fmt: skip
