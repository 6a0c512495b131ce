"""Pictures too long for one look: panoramas, film strips, screenshots of whole pages.

Shrunk to the network's long side, a 4000 x 400 panorama would show a face of 40 pixels with 6. Such pictures are looked
at in overlapping windows about twice as long as wide, and once as a whole for faces larger than the overlap.
"""

from __future__ import annotations

import math

MAX_ASPECT = 4.0
"""Pictures up to this long for their width are looked at as a whole."""
MAX_WINDOWS = 8
_WINDOW_ASPECT = 2
_OVERLAP = 0.5  # of the short side


def window_length(width: int, height: int, long_side: int, limit: int) -> float:
    """How long a window is, in pixels of the picture; the picture's own long side when one look is enough.

    A window is never shorter than `long_side`, because the network would see no more in it, and `limit` windows always
    cover the picture, longer ones when they must.
    """
    long, short = max(width, height), min(width, height)
    length = max(_WINDOW_ASPECT * short, long_side)
    if long <= MAX_ASPECT * short or length >= long or limit < 2:
        return float(long)
    overlap = _OVERLAP * short
    return max(length, (long + (limit - 1) * overlap) / limit)


def windows(width: int, height: int, long_side: int, limit: int = MAX_WINDOWS) -> list[tuple[int, int, int, int]]:
    """Windows (left, top, right, bottom) over a picture of `width` x `height`, at most `limit`; [] if it needs none."""
    long, short = max(width, height), min(width, height)
    length = window_length(width, height, long_side, limit)
    if length >= long:
        return []
    overlap = _OVERLAP * short
    count = min(limit, math.ceil((long - overlap) / (length - overlap)))
    span = math.ceil(length)
    starts = [round(number * (long - span) / (count - 1)) for number in range(count)]
    if width >= height:
        return [(start, 0, start + span, short) for start in starts]
    return [(0, start, short, start + span) for start in starts]
