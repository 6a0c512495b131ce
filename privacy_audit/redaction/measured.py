"""A redacted picture beside its source: what is left in each region, and whether the rest is still the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.redaction.coverage import around, grown
from privacy_audit.redaction.regions import Method, Region
from privacy_audit.redaction.remains import MOST_CELLS, signal
from privacy_audit.types import Box, Quad

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.pixels import Picture

MAX_FRAMES = 16
LEAST_DB = 30.0
"""Peak signal-to-noise ratio outside the regions below which a picture counts as damaged."""
_ROWS = 256
_MARGIN_PX = 18  # a JPEG changes in whole blocks of 16, and smoothing of colours reaches two pixels further


@dataclass(frozen=True, slots=True)
class Measured:
    """A region, and what is left in it on the worst frame: see `remains.Remains`."""

    box: Box | Quad
    method: Method
    cells: int
    same: float

    @property
    def is_little(self) -> bool:
        """Whether no more is left than the method may leave."""
        return self.cells <= MOST_CELLS[self.method]


def compare(source: Picture, redacted: Picture, regions: Sequence[Region]) -> tuple[list[Measured], str]:
    """What is left of each region, and how the pixels outside compare: "same", or the loss in dB.

    Looks at the first MAX_FRAMES frames. Raises PictureError for what cannot be decoded, PrivacyAuditError when the
    picture outside the regions is damaged.
    """
    cells, same = [0] * len(regions), [0.0] * len(regions)
    worst = math.inf
    for frame in range(min(source.frame_count, MAX_FRAMES)):
        before, after = source.upright(frame=frame).rgb, redacted.upright(frame=frame).rgb
        if before.shape != after.shape:
            raise PrivacyAuditError("the redacted picture has another size than its source")
        for number, region in enumerate(regions):
            left = signal(before, after, region)
            cells[number], same[number] = max(cells[number], left.cells), max(same[number], left.same)
        worst = min(worst, _decibels(before, after, regions))
    if worst < LEAST_DB:
        raise PrivacyAuditError("the picture outside the redacted regions would change too much")
    found = [Measured(one.box, one.method, n, round(s, 4)) for one, n, s in zip(regions, cells, same, strict=True)]
    return found, "same" if worst == math.inf else f"{worst:.1f} dB"


def _decibels(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], regions: Sequence[Region]) -> float:
    """Peak signal-to-noise ratio outside the regions; infinite when nothing differs there."""
    outside = np.ones(before.shape[:2], bool)
    for region in regions:
        box = grown(region.box if isinstance(region.box, Box) else around(region.box))
        left, top = max(0, math.floor(box.x) - _MARGIN_PX), max(0, math.floor(box.y) - _MARGIN_PX)
        right, bottom = math.ceil(box.x + box.w) + _MARGIN_PX, math.ceil(box.y + box.h) + _MARGIN_PX
        outside[top : max(bottom, 0), left : max(right, 0)] = False
    error = 0.0
    for at in range(0, len(before), _ROWS):
        rows = slice(at, at + _ROWS)
        difference = before[rows].astype(np.int32) - after[rows]
        error += float((difference[outside[rows]] ** 2).sum())
    return math.inf if error == 0 else 10 * math.log10(255**2 * 3 * int(outside.sum()) / error)
