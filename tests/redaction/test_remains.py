from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data as pictures

from privacy_audit.errors import PictureError
from privacy_audit.pixels import Picture
from privacy_audit.redaction.regions import Region, redact_regions
from privacy_audit.redaction.remains import Remains, measure, signal
from privacy_audit.types import Box, Quad

FACE = Box(175, 60, 100, 125)
CARD = Quad(((175, 60), (275, 80), (270, 180), (170, 170)))
REGIONS = [FACE, Box(300, 100, 60, 40), CARD, Box(-20, 380, 120, 200), Box(250, 10, 16, 16)]


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray[Any, Any]:
    pixels: np.ndarray[Any, Any] = pictures.astronaut()
    return pixels


def stored(pixels: np.ndarray[Any, Any], kind: str = "BMP", **options: Any) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return Picture(buffer.getvalue())


def mosaic(pixels: np.ndarray[Any, Any], cells: int) -> np.ndarray[Any, Any]:
    """`pixels` with FACE pixelated to `cells` along its longer side."""
    left, top, width, height = int(FACE.x), int(FACE.y), int(FACE.w), int(FACE.h)
    crop = Image.fromarray(pixels[top : top + height, left : left + width])
    small = crop.resize((round(cells * width / height), cells), Image.Resampling.BOX)
    copy = pixels.copy()
    copy[top : top + height, left : left + width] = small.resize(crop.size, Image.Resampling.NEAREST)
    return copy


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize("box", REGIONS)
@pytest.mark.parametrize("options", [{"kind": "BMP"}, {"kind": "JPEG", "quality": 90}, {"kind": "JPEG", "quality": 40}])
def test_our_own_redaction_leaves_little(
    astronaut: np.ndarray[Any, Any], options: dict[str, Any], box: Box | Quad, method: Any
) -> None:
    source, region = stored(astronaut, **options), Region(box, method)
    remains = measure(source, Picture(redact_regions(source, [region]).data), region)
    assert remains.is_little
    assert remains.method == method
    assert remains.same < 0.25
    if method == "fill":
        assert (remains.cells, remains.spread < 8) == (0, True)


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize("box", [FACE, CARD])
def test_an_untouched_region_is_not_little(astronaut: np.ndarray[Any, Any], box: Box | Quad, method: Any) -> None:
    remains = measure(stored(astronaut), stored(astronaut), Region(box, method))
    assert not remains.is_little
    assert (remains.same, remains.correlation) == (1.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("sigma", "little"),
    [(2, False), (4, False), (8, False), (37.5, True)],  # the last is what `blur` does to a face of 125 px
)
def test_a_blur_that_is_too_weak_shows(astronaut: np.ndarray[Any, Any], sigma: float, little: bool) -> None:
    blurred = np.asarray(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(sigma)))
    assert signal(astronaut, blurred, Region(FACE, "blur")).is_little == little


@pytest.mark.parametrize(("cells", "little"), [(4, True), (6, True), (10, False), (12, False), (24, False)])
def test_too_many_cells_show(astronaut: np.ndarray[Any, Any], cells: int, little: bool) -> None:
    assert signal(astronaut, mosaic(astronaut, cells), Region(FACE, "pixelate")).is_little == little


def test_pixelation_is_not_little_for_a_region_that_was_to_be_filled(astronaut: np.ndarray[Any, Any]) -> None:
    assert not signal(astronaut, mosaic(astronaut, 6), Region(FACE, "fill")).is_little


def test_colour_that_is_left_shows(astronaut: np.ndarray[Any, Any]) -> None:
    ycc = np.asarray(Image.fromarray(astronaut).convert("YCbCr")).copy()
    ycc[40:220, 150:300, 0] = 128  # the brightness is gone, the colours are not
    left = np.asarray(Image.fromarray(ycc, "YCbCr").convert("RGB"))
    assert not signal(astronaut, left, Region(FACE, "fill")).is_little


def test_a_fill_of_another_level_than_expected_is_a_fill(astronaut: np.ndarray[Any, Any]) -> None:
    black = astronaut.copy()
    black[40:220, 150:300] = 0
    remains = signal(astronaut, black, Region(FACE, "fill"))
    assert (remains.spread, remains.correlation, remains.cells) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 40, 40), Box(600, 0, 40, 40), Box(10, 10, 0, 5), Box(10.4, 10.4, 0.2, 9)]
)
def test_a_region_without_a_whole_pixel_has_no_remains(astronaut: np.ndarray[Any, Any], box: Box) -> None:
    assert signal(astronaut, astronaut, Region(box)) == Remains("fill", 0.0, 0.0, 0, 0.0)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 5)])
def test_the_smallest_regions_can_be_measured(astronaut: np.ndarray[Any, Any], size: tuple[int, int]) -> None:
    assert signal(astronaut, astronaut, Region(Box(100, 100, *size), "pixelate")).same == 1.0


def test_pictures_of_two_sizes_cannot_be_compared(astronaut: np.ndarray[Any, Any]) -> None:
    with pytest.raises(PictureError, match="another size"):
        measure(stored(astronaut), stored(astronaut[:-1]), Region(FACE))
