"""Which found boxes lie on areas that were redacted already."""

from __future__ import annotations

from collections.abc import Iterable

from privacy_audit.redaction.regions import GROWTH
from privacy_audit.types import Box, Quad

MOSTLY = 0.5


def grown(box: Box) -> Box:
    """The area that is redacted for `box`: as regions grow it."""
    across, down = box.w * GROWTH / 2, box.h * GROWTH / 2
    return Box(box.x - across, box.y - down, box.w + 2 * across, box.h + 2 * down)


def around(quad: Quad) -> Box:
    """The upright box around `quad`."""
    xs, ys = [x for x, _ in quad.corners], [y for _, y in quad.corners]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def is_covered(box: Box, areas: Iterable[Box]) -> bool:
    """Whether `box` lies mostly in one of `areas`."""
    size = box.w * box.h
    return size > 0 and any(_overlap(box, area) >= MOSTLY * size for area in areas)


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return max(width, 0.0) * max(height, 0.0)
