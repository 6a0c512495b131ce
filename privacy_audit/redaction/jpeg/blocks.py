"""Areas of pixels as blocks of coefficients: which blocks change, and the level (DC) that each gets.

A block changes when an area touches any of its pixels, in every component by itself: a block of subsampled colour spans
more pixels than one of brightness. A changed block keeps no AC coefficient. Filled blocks are mid-grey; pixelated ones
have the mean level of their cell's blocks, of which there are as many per area as in other formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from privacy_audit.redaction.jpeg.header import Frame, Plane
from privacy_audit.redaction.paint import MIN_CELL_PX, PIXELATE_CELLS, Area, draw, within_budget

if TYPE_CHECKING:
    import numpy.typing as npt

    _Bools = npt.NDArray[np.bool_]
    _Levels = npt.NDArray[np.int16]
    _Places = npt.NDArray[np.intp]

GREY = 0  # the DC of the middle level: samples are shifted by 128 before they are transformed

Run = tuple[int, int]
"""Blocks of one row side by side: the first, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens to one component: the blocks that change, by row, and the DC of every block; None for GREY."""

    runs: dict[int, list[Run]]
    levels: _Levels | None


def needs_levels(areas: Sequence[Area]) -> bool:
    """Whether `plan` has to know the levels that the picture has."""
    return any(area.method == "pixelate" for area in areas)


def plan(areas: Sequence[Area], frame: Frame, levels: Sequence[_Levels] | None) -> list[Edit]:
    """The edit of every component. `levels` are the DCs of all blocks per component, needed by `needs_levels` areas.

    As on pixels, what is filled is filled before anything is averaged, so that no cell sees it, and again after it.
    """
    filled, averaged = within_budget(areas, frame.width * frame.height)
    layouts = dict.fromkeys(frame.planes)  # both colours have the same
    shapes = {plane: _Shapes(filled, averaged, frame, plane) for plane in layouts}
    return [
        Edit(shapes[plane].runs, shapes[plane].levels(levels[index] if levels is not None else None))
        for index, plane in enumerate(frame.planes)
    ]


class _Shapes:
    """The areas on the blocks of one layout."""

    def __init__(self, filled: list[Area], averaged: list[Area], frame: Frame, plane: Plane) -> None:
        self._averaged = [(_touched([area], frame, plane), area, plane) for area in averaged]
        self._grey = np.zeros((plane.rows, plane.columns), bool)
        for where, mask in (_touched(group, frame, plane) for group in _groups(filled)):
            self._grey[where] |= mask
        changed = self._grey.copy()
        for (where, mask), _, _ in self._averaged:
            changed[where] |= mask
        self.runs = _runs(changed)

    def levels(self, old: _Levels | None) -> _Levels | None:
        """The new DC of every block; only those of changed ones matter. None when they are all grey."""
        if old is None or not self._averaged:
            return None
        new = np.where(self._grey, GREY, old).astype(np.int16)
        for (where, mask), area, plane in self._averaged:
            _average(new[where], mask, *_cells(area, plane, where))
        new[self._grey] = GREY
        return new


def _runs(changed: _Bools) -> dict[int, list[Run]]:
    found: dict[int, list[Run]] = {}
    touched = np.flatnonzero(changed.any(axis=1))
    padded = np.zeros((touched.size, changed.shape[1] + 2), np.int8)
    padded[:, 1:-1] = changed[touched]
    rows, ends = np.nonzero(np.diff(padded, axis=1))  # begins and ends take turns
    pairs = iter(zip(touched[rows].tolist(), ends.tolist(), strict=True))
    for (row, start), (_, end) in zip(pairs, pairs, strict=True):
        found.setdefault(row, []).append((start, end))
    return found


def _groups(areas: list[Area]) -> list[list[Area]]:
    """Areas one by one, or all in one when together they are larger than the box around them, which costs less."""
    if not areas:
        return []
    left, top, right, bottom = _around(areas)
    alone = sum((area.right - area.left) * (area.bottom - area.top) for area in areas)
    return [[area] for area in areas] if alone < (right - left) * (bottom - top) else [areas]


def _around(areas: Sequence[Area]) -> tuple[int, int, int, int]:
    return (
        min(area.left for area in areas),
        min(area.top for area in areas),
        max(area.right for area in areas),
        max(area.bottom for area in areas),
    )


def _touched(areas: Sequence[Area], frame: Frame, plane: Plane) -> tuple[tuple[slice, slice], _Bools]:
    """The blocks around the areas, and which of them an area touches."""
    left, top, right, bottom = _around(areas)
    first_row, first_column = max(0, top) // plane.block_height, max(0, left) // plane.block_width
    rows = -(-min(frame.height, bottom) // plane.block_height) - first_row
    columns = -(-min(frame.width, right) // plane.block_width) - first_column
    where = (slice(first_row, first_row + rows), slice(first_column, first_column + columns))
    if len(areas) == 1 and areas[0].outline == "box":
        return where, np.ones((rows, columns), bool)
    if len(areas) == 1 and areas[0].outline == "ellipse":
        return where, _ellipse(areas[0], plane, where)
    mask = Image.new("L", (columns * plane.block_width, rows * plane.block_height))
    for area in areas:
        draw(mask, area, first_column * plane.block_width, first_row * plane.block_height)
    pixels = np.asarray(mask).reshape(rows, plane.block_height, columns, plane.block_width)
    return where, np.asarray(pixels.any(axis=(1, 3)))


def _ellipse(area: Area, plane: Plane, where: tuple[slice, slice]) -> _Bools:
    """Which blocks the ellipse in the area touches: those whose nearest point to its middle lies in it."""
    down = _nearest(where[0], plane.block_height, area.top, area.bottom)
    across = _nearest(where[1], plane.block_width, area.left, area.right)
    return np.asarray(down[:, None] ** 2 + across[None, :] ** 2 <= 1)


def _nearest(blocks: slice, size: int, start: int, end: int) -> npt.NDArray[np.float64]:
    """Distance of every block from the middle between `start` and `end`, in halves of what lies between."""
    first = np.arange(blocks.start, blocks.stop, dtype=np.float64) * size
    middle = (start + end) / 2
    return np.asarray(np.maximum(np.maximum(first - middle, middle - first - size), 0) * 2 / (end - start))


def _cells(area: Area, plane: Plane, where: tuple[slice, slice]) -> tuple[_Places, _Places]:
    """The cell of every row and column of blocks in `where`: that in which the block's middle lies."""
    cell = max(MIN_CELL_PX, area.long_side / PIXELATE_CELLS)
    return (
        _cell_of(where[0], plane.block_height, area.top, area.bottom, cell),
        _cell_of(where[1], plane.block_width, area.left, area.right, cell),
    )


def _cell_of(blocks: slice, size: int, start: int, end: int, cell: float) -> _Places:
    count = max(1, int((end - start) // cell))
    middles = (np.arange(blocks.start, blocks.stop) + 0.5) * size
    return np.clip((middles - start) * count / (end - start), 0, count - 1).astype(np.intp)


def _average(levels: _Levels, mask: _Bools, rows: _Places, columns: _Places) -> None:
    """Give the masked blocks of `levels` the mean of the masked blocks in their cell."""
    across = int(columns.max(initial=0)) + 1
    cells = (rows[:, None] * across + columns[None, :])[mask]
    counts = np.bincount(cells)
    means = np.rint(np.bincount(cells, weights=levels[mask]) / np.maximum(counts, 1))
    levels[mask] = means[cells].astype(np.int16)
