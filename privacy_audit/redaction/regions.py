"""Redaction of regions in a stored picture: faces, lines of text, codes.

The output is a new file in the same format and stored orientation. It is obfuscation, not anonymity: bodies, clothes
and surroundings still identify, and `blur` is weak.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from privacy_audit.errors import PictureError
from privacy_audit.redaction.coding import RedactionRefused, Route, orientation_of
from privacy_audit.redaction.encode import rewrite
from privacy_audit.redaction.paint import Area, Method, Outline
from privacy_audit.types import Box, Quad

if TYPE_CHECKING:
    from privacy_audit.pixels import Picture

    _Point = tuple[float, float]

__all__ = ["GROWTH", "Method", "Redacted", "RedactionRefused", "Region", "Shape", "redact_regions"]

Shape = Literal["ellipse", "box"]

GROWTH = 0.2  # how much wider and higher a region gets, so that ears, hair and chin go with a face

_WEAK = "Blur is weak: blurred faces have been recognised by software, so use it for utility studies only."
_MOVING = "The regions were hidden on every frame; what moves may show on frames that nobody looked at."
_MAX_COORDINATE = 1e6  # beyond any picture; a polygon that reaches further is taken as its bounding box


@dataclass(frozen=True, slots=True)
class Region:
    """A box or quadrilateral in upright, full-size pixels, and what is to be done with it."""

    box: Box | Quad
    method: Method = "fill"


@dataclass(frozen=True, slots=True)
class Redacted:
    """A redacted file.

    `route` tells how it came about: `unchanged` (no region touches the picture, the bytes are the source's), `lossless`
    (pixels coded again without loss), `libjpeg-turbo` (the coefficients of a JPEG edited through that library) or
    `re-encode` (decoded and coded again with a loss that `note` states). `lossless_outside`: outside the grown regions
    every pixel has the value from before; of a JPEG, every DCT block that no region touches. `note` is for the report:
    plain sentences, nothing personal; empty when there is nothing to say.
    """

    data: bytes
    route: Route
    lossless_outside: bool
    note: str


def redact_regions(
    picture: Picture,
    regions: Sequence[Region],
    *,
    shape: Shape = "ellipse",
    growth: float = GROWTH,
    read_back: bool = True,
) -> Redacted:
    """Redact `regions` in `picture`, on every frame or page, and return the new file; `picture` stays as it is.

    Regions are grown by `growth` in width and height and clipped to the picture; those without an area or wholly
    outside do nothing. `shape` is that of filled boxes; where one reaches the picture's edge, the whole box is filled,
    because a face that is cut by the edge does not end there. Pixelated and blurred boxes are always whole.

    The colour profile, EXIF, XMP and texts go along, but nothing that holds a picture: no thumbnail, no second image,
    no vendor block. The coefficients of a JPEG are read back after they were written, unless `read_back` is off because
    the caller decodes the result and looks anyway. Raises RedactionRefused for what cannot be written back safely,
    PictureError for a damaged file.
    """
    if not all(math.isfinite(value) for region in regions for value in _values(region.box)):
        raise RedactionRefused("a region has no finite position")
    kind = picture.format
    image = picture.open()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of oddities; what matters fails
        try:
            if kind != "JPEG":  # whose coefficients may do
                image.load()
            orientation = orientation_of(image)  # as detectors saw it: EXIF may stand behind the pixels
            coded = rewrite(
                picture.data,
                kind,
                image,
                orientation,
                lambda size, turned: _areas(regions, size, turned, shape, growth),
                read_back=read_back,
            )
        except (RedactionRefused, PictureError):
            raise
        except Exception as error:  # decoders and encoders raise anything on damaged or odd input
            reason = f"this {kind} cannot be decoded and written back: it is damaged, or an odd variant"
            raise RedactionRefused(reason) from error
    if coded is None:
        return Redacted(picture.data, "unchanged", lossless_outside=True, note="")
    notes = list(coded.notes)
    if any(region.method == "blur" for region in regions):
        notes.append(_WEAK)
    if picture.frame_count > 1:
        notes.append(_MOVING)
    return Redacted(coded.data, coded.route, coded.lossless, " ".join(notes))


def _areas(
    regions: Sequence[Region], size: tuple[int, int], orientation: int, shape: Shape, growth: float
) -> list[Area]:
    """The regions that touch a picture of the stored `size`, on its stored pixels."""
    areas = (_area(region, size, orientation, shape, growth) for region in regions)
    return [area for area in areas if area is not None]


def _area(region: Region, size: tuple[int, int], orientation: int, shape: Shape, growth: float) -> Area | None:
    width, height = size
    points = [_stored(point, size, orientation) for point in _corners(region.box)]
    polygon = isinstance(region.box, Quad)
    hull = _hull(points)
    if len(hull) < 3 or not _touches(_bounds(hull), width, height):
        return None
    grown = _grown(hull, growth) if polygon else _grown_box(_bounds(hull), growth)
    left, top, right, bottom = _bounds(grown)
    far = max(abs(left), abs(top), abs(right), abs(bottom)) > _MAX_COORDINATE
    at_edge = left <= 0 or top <= 0 or right >= width or bottom >= height
    outline: Outline = "box"
    if polygon and not far:
        outline = "polygon"
    elif not polygon and shape == "ellipse" and region.method == "fill" and not at_edge:
        outline = "ellipse"
    return Area(
        region.method,
        max(0, math.floor(left)),
        max(0, math.floor(top)),
        min(width, math.ceil(right)),
        min(height, math.ceil(bottom)),
        max(right - left, bottom - top),
        outline,
        tuple(_outward(point, grown) for point in grown) if outline == "polygon" else (),
    )


def _values(box: Box | Quad) -> tuple[float, ...]:
    if isinstance(box, Box):
        return box.x, box.y, box.w, box.h, box.x + box.w, box.y + box.h
    return tuple(value for corner in box.corners for value in corner)


def _corners(box: Box | Quad) -> list[_Point]:
    if isinstance(box, Quad):
        return list(box.corners)
    if box.w <= 0 or box.h <= 0:
        return []
    right, bottom = box.x + box.w, box.y + box.h
    return [(box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom)]


def _stored(point: _Point, size: tuple[int, int], orientation: int) -> _Point:
    """An upright point on stored pixels; `size` is the stored one."""
    width, height = size
    x, y = point
    return (
        (x, y),
        (width - x, y),
        (width - x, height - y),
        (x, height - y),
        (y, x),
        (y, height - x),
        (width - y, height - x),
        (width - y, x),
    )[orientation - 1]


def _hull(points: Sequence[_Point]) -> list[_Point]:
    """The convex hull: a crossed or dented quadrilateral hides at least what it should. Empty without an area."""
    ordered = sorted(set(points))
    chains = []
    for way in (ordered, ordered[::-1]):
        chain: list[_Point] = []
        for point in way:
            while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    hull = chains[0] + chains[1]
    return hull if len(hull) >= 3 else []


def _turn(a: _Point, b: _Point, c: _Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _bounds(points: Sequence[_Point]) -> tuple[float, float, float, float]:
    if not points:
        return 0.0, 0.0, 0.0, 0.0
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return min(xs), min(ys), max(xs), max(ys)


def _touches(bounds: tuple[float, float, float, float], width: int, height: int) -> bool:
    left, top, right, bottom = bounds
    return left < width and top < height and right > 0 and bottom > 0


def _grown_box(bounds: tuple[float, float, float, float], growth: float) -> list[_Point]:
    left, top, right, bottom = bounds
    across, down = (right - left) * growth / 2, (bottom - top) * growth / 2
    return [(left - across, top - down), (right + across, bottom + down)]


def _grown(hull: Sequence[_Point], growth: float) -> list[_Point]:
    x, y = _middle(hull)
    return [(x + (px - x) * (1 + growth), y + (py - y) * (1 + growth)) for px, py in hull]


def _middle(points: Sequence[_Point]) -> _Point:
    return sum(point[0] for point in points) / len(points), sum(point[1] for point in points) / len(points)


def _outward(point: _Point, points: Sequence[_Point]) -> _Point:
    """`point` on whole pixels, rounded away from the middle."""
    x, y = _middle(points)
    px, py = point
    return (math.floor(px) if px < x else math.ceil(px)), (math.floor(py) if py < y else math.ceil(py))
