"""Regions painted on the stored pixels of one frame, in every mode that Pillow decodes to.

`fill` leaves nothing. `pixelate` leaves the mean of at most 6 x 6 cells, `blur` a Gaussian over 32 cells whose sigma is
0.3 of the region's long side. Where regions overlap, the stronger method wins, and a weaker one never sees what a
stronger one removes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import numpy.typing as npt

    _Floats = npt.NDArray[np.floating[Any]]
    _Edges = npt.NDArray[np.intp]

Method = Literal["fill", "pixelate", "blur"]
Outline = Literal["box", "ellipse", "polygon"]

PIXELATE_CELLS = 6  # across the longer side
MIN_CELL_PX = 8  # a small region gets fewer cells, so that it changes at all
MIN_ELLIPSE_PX = 8  # Pillow draws smaller ones with holes; they are drawn as boxes
BLUR_CELLS = 32
BLUR_SIGMA = 0.3  # of the longer side
MAX_AVERAGED_PICTURES = 16  # pixelated and blurred area, in pictures; beyond it regions are filled, which costs less

_BAND_PIXELS = 1 << 18  # bounds the memory of a blur
_ORDER: tuple[Method, ...] = ("fill", "pixelate", "blur", "pixelate", "fill")
_COLORS_WITH_ALPHA = {"LA": 1, "RGBA": 3}
_FILL: dict[str, int | tuple[int, ...]] = {
    "1": 0,
    "L": 128,
    "LA": (128, 255),
    "RGB": (128, 128, 128),
    "RGBX": (128, 128, 128, 255),
    "RGBA": (128, 128, 128, 255),
    "CMYK": (0, 0, 0, 127),
    "YCbCr": (128, 128, 128),
    "LAB": (128, 0, 0),
}
_RANGED = frozenset({"I;16", "I", "F"})  # no fixed grey: the middle of what the frame uses
MODES = frozenset({*_FILL, *_RANGED, "P"})


@dataclass(frozen=True, slots=True)
class Area:
    """A region on the stored pixels: a pixel box, clipped to the canvas, last column and row exclusive.

    `long_side` is the region's before clipping, in pixels. `corners` belong to a polygon.
    """

    method: Method
    left: int
    top: int
    right: int
    bottom: int
    long_side: float
    outline: Outline = "box"
    corners: tuple[tuple[float, float], ...] = ()


Palette = Sequence[tuple[int, int, int, int]]
"""The colours of a "P" frame as (red, green, blue, alpha)."""


def inside(areas: Iterable[Area], left: int, top: int, size: tuple[int, int]) -> list[Area]:
    """The areas that touch a frame of `size` at (`left`, `top`) of the canvas, in the frame's coordinates.

    Boxes and ellipses keep their shape and reach over the frame's edge where they do.
    """
    width, height = size
    return [
        replace(
            area,
            left=area.left - left,
            top=area.top - top,
            right=area.right - left,
            bottom=area.bottom - top,
            corners=tuple((x - left, y - top) for x, y in area.corners),
        )
        for area in areas
        if area.left < left + width and area.right > left and area.top < top + height and area.bottom > top
    ]


def paint(image: Image.Image, areas: Sequence[Area], palette: Palette = ()) -> None:
    """Paint `areas` on `image`, whose mode is one of `MODES`. A "P" image needs its `palette`."""
    filled, averaged = within_budget(areas, image.width * image.height)
    by_method: dict[Method, list[Area]] = {"fill": filled, "pixelate": [], "blur": []}
    for area in averaged:
        by_method[area.method].append(area)
    steps = [method for method in _ORDER if by_method[method]]
    if len(set(steps)) == 1:
        steps = steps[:1]
    color = _fill_color(image, palette) if filled else 0
    for method in steps:
        if method == "fill":
            _fill(image, filled, color)
        else:
            for area in by_method[method]:
                _average(image, area, palette)


def is_over_budget(areas: Sequence[Area], pixels: int) -> bool:
    """Whether so many overlapping areas are to be averaged on a frame of `pixels` that some will be filled instead."""
    return len(within_budget(areas, pixels)[1]) < sum(area.method != "fill" for area in dict.fromkeys(areas))


def within_budget(areas: Sequence[Area], pixels: int) -> tuple[list[Area], list[Area]]:
    """Areas to fill and areas to average on a frame of `pixels`, each once; past the budget all are filled."""
    filled: list[Area] = []
    averaged: list[Area] = []
    left = MAX_AVERAGED_PICTURES * pixels
    for area in dict.fromkeys(areas):
        left -= 0 if area.method == "fill" else (area.right - area.left) * (area.bottom - area.top)
        (filled if area.method == "fill" or left < 0 else averaged).append(area)
    return filled, averaged


def _fill_color(image: Image.Image, palette: Palette) -> float | tuple[int, ...]:
    if image.mode == "P":
        return int(_nearest(np.full((1, 3), 128.0), palette)[0])
    if image.mode not in _RANGED:
        return _FILL[image.mode]
    values = np.asarray(image)
    if image.mode == "F":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return 0
    middle = (float(values.min()) + float(values.max())) / 2
    return middle if image.mode == "F" else round(middle)


def _fill(image: Image.Image, areas: Sequence[Area], color: float | tuple[int, ...]) -> None:
    """One by one, or through one mask for all when together they are larger than the box around them."""
    left = max(0, min(area.left for area in areas))
    top = max(0, min(area.top for area in areas))
    right = min(image.width, max(area.right for area in areas))
    bottom = min(image.height, max(area.bottom for area in areas))
    together = (right - left) * (bottom - top)
    alone = sum((area.right - area.left) * (area.bottom - area.top) for area in areas)
    if len(areas) > 1 and alone < together:
        for area in areas:
            _fill(image, [area], color)
        return
    mask = Image.new("L", (right - left, bottom - top))
    for area in areas:
        draw(mask, area, left, top)
    image.paste(color, (left, top, right, bottom), mask)


def draw(mask: Image.Image, area: Area, left: int, top: int) -> None:
    """Draw `area` on `mask`, whose top left pixel is (`left`, `top`) of the frame."""
    pen = ImageDraw.Draw(mask)
    if area.outline == "polygon":
        pen.polygon([(x - left, y - top) for x, y in area.corners], fill=255, outline=255)
        return
    box = (area.left - left, area.top - top, area.right - left - 1, area.bottom - top - 1)
    if area.outline == "ellipse" and min(area.right - area.left, area.bottom - area.top) >= MIN_ELLIPSE_PX:
        pen.ellipse(box, fill=255)
    else:
        pen.rectangle(box, fill=255)


def _average(image: Image.Image, area: Area, palette: Palette) -> None:
    """Pixelate or blur the box of `area`; a polygon's through its outline."""
    left, top = max(0, area.left), max(0, area.top)
    right, bottom = min(image.width, area.right), min(image.height, area.bottom)
    blurred = area.method == "blur"
    cell = max(1.0, area.long_side / BLUR_CELLS) if blurred else max(MIN_CELL_PX, area.long_side / PIXELATE_CELLS)
    columns = _edges(area.left, area.right, left, right, cell)
    rows = _edges(area.top, area.bottom, top, bottom, cell)
    patch = image.crop((left, top, right, bottom))
    new = _averaged(patch, rows, columns, palette, BLUR_SIGMA * area.long_side if blurred else None)
    if area.outline == "polygon":
        mask = Image.new("L", patch.size)
        draw(mask, area, left, top)
        image.paste(new, (left, top), mask)
    else:
        image.paste(new, (left, top))


def _edges(start: int, end: int, first: int, last: int, cell: float) -> _Edges:
    """Where cells begin and end, from 0 to last - first: at least `cell` wide, their grid fixed by start and end."""
    count = max(1, int((end - start) // cell))
    edges = np.rint(np.linspace(start, end, count + 1)).astype(np.intp)
    return np.unique(np.clip(edges, first, last)) - first


def _averaged(patch: Image.Image, rows: _Edges, columns: _Edges, palette: Palette, sigma: float | None) -> Image.Image:
    """`patch` as the mean colours of its cells; smoothed over the cells when there is a `sigma` (in pixels)."""
    mode = patch.mode
    if mode == "1":
        return _averaged(patch.convert("L"), rows, columns, (), sigma).convert("1", dither=Image.Dither.NONE)
    values = np.asarray(patch)
    colors = _lookup(palette) if mode == "P" else None
    alpha_at = 3 if mode == "P" else _COLORS_WITH_ALPHA.get(mode)
    cells = _means(values, rows, columns, colors, alpha_at)
    if mode == "P":
        if sigma is not None:
            cells = _blurred(cells, _weights(_centers(rows), rows, sigma), _weights(_centers(columns), columns, sigma))
        new = _repeated(_indices(cells, palette), rows, columns)
        unseen = _repeated(cells[..., 3] <= 0, rows, columns)
        return _image("P", np.where(unseen, values, new).astype(np.uint8))
    if sigma is None:
        return _image(mode, _repeated(_stored(cells, values.dtype, alpha_at), rows, columns).reshape(values.shape))
    result = np.empty_like(values)
    across = _weights(np.arange(values.shape[1]) + 0.5, columns, sigma)
    step = max(1, _BAND_PIXELS // values.shape[1])
    for top in range(0, values.shape[0], step):
        bottom = min(top + step, values.shape[0])
        down = _weights(np.arange(top, bottom) + 0.5, rows, sigma)
        band = _stored(_blurred(cells, down, across), values.dtype, alpha_at)
        result[top:bottom] = band.reshape(result[top:bottom].shape)
    return _image(mode, result)


def _means(
    values: npt.NDArray[Any], rows: _Edges, columns: _Edges, colors: _Floats | None, alpha_at: int | None
) -> _Floats:
    """Mean per cell, (rows, columns, channels). With alpha, colours are weighted by it: hidden ones do not count."""
    widths = np.diff(columns)[:, None]
    means = []
    for top, bottom in pairwise(rows):
        band = values[top:bottom] if colors is None else colors[values[top:bottom]]
        band = band.reshape(*band.shape[:2], -1)
        if alpha_at is not None:
            band = band.astype(np.float64)
            band[..., :alpha_at] *= band[..., alpha_at:] / 255
        elif band.dtype.kind == "f":
            band = np.nan_to_num(band, nan=0.0, posinf=0.0, neginf=0.0)
        sums = np.add.reduceat(band.sum(axis=0, dtype=np.float64), columns[:-1], axis=0)
        means.append(sums / ((bottom - top) * widths))
    return np.stack(means)


def _stored(cells: _Floats, dtype: np.dtype[Any], alpha_at: int | None) -> npt.NDArray[Any]:
    """Means as stored values: unweighted by alpha, rounded, within the range of `dtype`."""
    if alpha_at is not None:
        alpha = cells[..., alpha_at:]
        cells = np.concatenate((cells[..., :alpha_at] * 255 / np.maximum(alpha, 1e-9), alpha), axis=-1)
    if dtype.kind == "f":
        return cells.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(cells), limits.min, limits.max).astype(dtype)


def _weights(points: _Floats, edges: _Edges, sigma: float) -> _Floats:
    """How much each cell counts at each point, (points, cells): a Gaussian over the distance, rows sum to 1."""
    distances = (points[:, None] - _centers(edges)[None, :]) / sigma
    nearest = np.min(distances**2, axis=1, keepdims=True)
    weights = np.exp((nearest - distances**2) / 2)
    normalised: _Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _centers(edges: _Edges) -> _Floats:
    return (edges[:-1] + edges[1:]) / 2


def _blurred(cells: _Floats, down: _Floats, across: _Floats) -> _Floats:
    narrow = np.tensordot(down, cells, axes=1)
    wide: _Floats = np.matmul(across, narrow)
    return wide


def _repeated(cells: npt.NDArray[Any], rows: _Edges, columns: _Edges) -> npt.NDArray[Any]:
    return np.repeat(np.repeat(cells, np.diff(rows), axis=0), np.diff(columns), axis=1)


def _lookup(palette: Palette) -> _Floats:
    """256 colours, so that an index past the palette's end finds one too."""
    table = np.zeros((256, 4))
    table[:, 3] = 255
    table[: len(palette)] = np.asarray(palette, dtype=np.float64).reshape(-1, 4)
    return table


def _indices(cells: _Floats, palette: Palette) -> npt.NDArray[np.intp]:
    straight = cells[..., :3] * 255 / np.maximum(cells[..., 3:], 1e-9)
    return _nearest(straight.reshape(-1, 3), palette).reshape(cells.shape[:2])


def _nearest(colors: _Floats, palette: Palette) -> npt.NDArray[np.intp]:
    """Index of the nearest opaque palette colour to each of `colors`, (n, 3); of any colour when none is opaque."""
    table = np.asarray(palette, dtype=np.float64).reshape(-1, 4)
    distances = ((colors[:, None, :] - table[None, :, :3]) ** 2).sum(axis=2)
    opaque = table[:, 3] == 255
    if opaque.any():
        distances[:, ~opaque] = np.inf
    best: npt.NDArray[np.intp] = np.argmin(distances, axis=1)
    return best


def _image(mode: str, values: npt.NDArray[Any]) -> Image.Image:
    return Image.frombytes(mode, (values.shape[1], values.shape[0]), np.ascontiguousarray(values).tobytes())
