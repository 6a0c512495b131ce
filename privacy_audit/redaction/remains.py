"""How much of a region is left in a redacted picture, measured on the pixels and not on what a method promises.

Brightness and colours of both pictures are averaged over finer and finer grids of square cells across the region. What
each grid adds over the one of half its cells is a band of detail; where the band of the redacted picture follows that
of the source, that much detail is left. A filled region follows nowhere, a pixelated one up to its own cells, a blur
that is too weak up to many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from privacy_audit.errors import PictureError
from privacy_audit.redaction.paint import PIXELATE_CELLS, Method
from privacy_audit.types import Box, Quad

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.pixels import Picture
    from privacy_audit.redaction.regions import Region

    _Floats = npt.NDArray[np.floating[Any]]
    _Bools = npt.NDArray[np.bool_]

GRIDS = (3, 6, 12, 24, 48, 96)
"""Cells across the region's longer side; each halves the cells of the one before."""
MOST_CELLS: dict[Method, int] = {"fill": 0, "pixelate": PIXELATE_CELLS, "blur": PIXELATE_CELLS}
"""The finest grid that each method may leave something on."""

_OPPONENT = np.array([[0.299, 0.5, -0.169], [0.587, -0.419, -0.331], [0.114, -0.081, 0.5]])  # RGB to Y, Cr, Cb
_MIN_CELL_PX = 2.0
_MIN_LEVELS = 1.0  # of 255: less cannot be told from rounding and from what coding adds
_MIN_CORRELATION = 0.75  # the steps between pixelated cells follow the edges of the source by up to .7
_MIN_EVIDENCE = 16.0  # squared correlation times cells: a handful of cells agrees by chance


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left inside one region.

    `spread`: standard deviation of the redacted pixels, in levels of 255 (the largest of the three colours).
    `correlation`: of the means of source and redacted brightness on the grid of 6 cells, -1 to 1; 0 where one is even.
    `cells`: the finest of `GRIDS` on which the redacted picture follows the source; 0 when it follows on none.
    `same`: share of pixels that are exactly the source's, 0 to 1.
    """

    method: Method
    spread: float
    correlation: float
    cells: int
    same: float

    @property
    def is_little(self) -> bool:
        """Whether no more is left than the method may leave. An untouched even area counts as little: nothing shows."""
        return self.cells <= MOST_CELLS[self.method]


def measure(source: Picture, redacted: Picture, region: Region, frame: int = 0) -> Remains:
    """What is left of `region` of `source` in `redacted`, on upright pixels of one frame.

    Only what every shape of a redacted region covers is looked at: the ellipse in a filled box, the whole of other
    boxes, the inside of a quadrilateral; never the margin by which regions are grown. Raises PictureError when a
    picture cannot be decoded, or when the two differ in size.
    """
    before, after = source.upright(frame=frame).rgb, redacted.upright(frame=frame).rgb
    if before.shape != after.shape:
        raise PictureError("the redacted picture has another size than its source")
    return signal(before, after, region)


def signal(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], region: Region) -> Remains:
    """What is left of `region`; both pictures upright, (height, width, 3) uint8, of the same size."""
    left, top, right, bottom = _bounds(region.box, before.shape[1], before.shape[0])
    inside = _inside(region, left, top, right, bottom)
    if not inside.any():
        return Remains(region.method, 0.0, 0.0, 0, 0.0)
    old = before[top:bottom, left:right].astype(np.float64)
    new = after[top:bottom, left:right].astype(np.float64)
    same = float((old == new).all(axis=2)[inside].mean())
    spread = float(new[inside].std(axis=0).max())
    finest = 0
    correlation = 0.0
    coarser: tuple[_Floats, _Floats] | None = None
    old, new = old @ _OPPONENT, new @ _OPPONENT
    for grid in GRIDS:
        cell = max(inside.shape) / grid
        if cell < _MIN_CELL_PX:
            break
        rows, columns = _edges(inside.shape[0], cell), _edges(inside.shape[1], cell)
        weights = _sums(inside[..., None].astype(np.float64), rows, columns)
        whole = weights[..., 0] >= 0.5 * weights.max()
        means = [_means(pixels, inside, weights, rows, columns) for pixels in (old, new)]
        bands = []
        for mean, below in zip(means, coarser or (None, None), strict=True):
            base = mean[whole].mean(axis=0) if below is None else _spread_over(below, mean.shape)
            bands.append((mean - base)[whole])
        if grid == PIXELATE_CELLS:
            correlation = _correlation(means[0][whole][:, 0], means[1][whole][:, 0])
        if any(_follows(*pair) for pair in _channels(*bands)):
            finest = grid
        coarser = (means[0], means[1])
    return Remains(region.method, spread, correlation, finest, same)


def _bounds(box: Box | Quad, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels inside `box`, clipped to the picture."""
    if isinstance(box, Box):
        left, top, right, bottom = box.x, box.y, box.x + box.w, box.y + box.h
    else:
        xs, ys = [x for x, _ in box.corners], [y for _, y in box.corners]
        left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    return (
        math.ceil(min(max(left, 0), width)),
        math.ceil(min(max(top, 0), height)),
        math.floor(min(max(right, 0), width)),
        math.floor(min(max(bottom, 0), height)),
    )


def _inside(region: Region, left: int, top: int, right: int, bottom: int) -> _Bools:
    """Mask over the bounds: the pixels that the redaction covers whatever its shape."""
    if right <= left or bottom <= top:
        return np.zeros((0, 0), bool)
    size = (right - left, bottom - top)
    box = region.box
    if isinstance(box, Box) and region.method != "fill":
        return np.ones((size[1], size[0]), bool)
    mask = Image.new("1", size)
    draw = ImageDraw.Draw(mask)
    if isinstance(box, Quad):
        draw.polygon([(x - left, y - top) for x, y in box.corners], fill=1)
    else:
        draw.ellipse((box.x - left, box.y - top, box.x + box.w - left - 1, box.y + box.h - top - 1), fill=1)
    return np.asarray(mask)


def _edges(length: int, cell: float) -> npt.NDArray[np.intp]:
    count = max(1, round(length / cell))
    return np.rint(np.linspace(0, length, count + 1)).astype(np.intp)[:-1]


def _sums(values: _Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> _Floats:
    sums: _Floats = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return sums


def _means(
    pixels: _Floats, inside: _Bools, weights: _Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> _Floats:
    """Mean colour per cell over the pixels inside; a cell without any has the mean of them all."""
    sums = _sums(pixels * inside[..., None], rows, columns)
    means: _Floats = np.where(weights > 0, sums / np.maximum(weights, 1.0), pixels[inside].mean(axis=0))
    return means


def _spread_over(coarse: _Floats, shape: tuple[int, ...]) -> _Floats:
    """A coarse grid on the cells of a finer one, in between by the mean of its neighbours."""
    rows = np.interp(*_places(shape[0], coarse.shape[0]), np.arange(coarse.shape[0]))
    columns = np.interp(*_places(shape[1], coarse.shape[1]), np.arange(coarse.shape[1]))
    return _between(_between(coarse, rows, 0), columns, 1)


def _places(fine: int, coarse: int) -> tuple[_Floats, _Floats]:
    return (np.arange(fine) + 0.5) / fine, (np.arange(coarse) + 0.5) / coarse


def _between(values: _Floats, places: _Floats, axis: int) -> _Floats:
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    part = (places - low).reshape([-1 if at == axis else 1 for at in range(3)])
    mixed: _Floats = np.take(values, low, axis) * (1 - part) + np.take(values, high, axis) * part
    return mixed


def _channels(old: _Floats, new: _Floats) -> list[tuple[_Floats, _Floats]]:
    return [(old[:, channel], new[:, channel]) for channel in range(old.shape[1])]


def _correlation(old: _Floats, new: _Floats) -> float:
    both = float(old.std() * new.std())
    return float(np.mean((old - old.mean()) * (new - new.mean()))) / both if both > 1e-9 else 0.0


def _follows(old: _Floats, new: _Floats) -> bool:
    found = _correlation(old, new)
    return (
        found >= _MIN_CORRELATION
        and found * found * old.size >= _MIN_EVIDENCE
        and found * float(new.std()) >= _MIN_LEVELS
    )
