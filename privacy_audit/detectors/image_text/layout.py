"""Lines of text in the order in which a person reads them, as one text that still knows where each word stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from privacy_audit.detectors.image_text.geometry import Corners, around, sides
from privacy_audit.detectors.image_text.look import Seen

Row = list[Seen]

_SAME_ROW = 0.5  # of the lower line's height: how far middles may be apart


@dataclass(frozen=True, slots=True)
class Page:
    """`text`, and which code points of it stand where: rows are separated by newlines, lines in a row by spaces."""

    text: str
    _places: tuple[tuple[int, int, Corners], ...]

    def where(self, start: int, end: int) -> Corners:
        """The lines that `text[start:end]` touches, as one rectangle."""
        return around([corners for first, last, corners in self._places if first < end and start < last])


def page(rows: Iterable[Row]) -> Page:
    """Rows as one text."""
    text, places = "", []
    for row in rows:
        for index, seen in enumerate(row):
            text += " " if index else ""
            places.append((len(text), len(text) + len(seen.words.text), seen.corners))
            text += seen.words.text
        text += "\n"
    return Page(text, tuple(places))


def rows(lines: Sequence[Seen]) -> list[Row]:
    """`lines` sorted into rows from top to bottom, each from left to right, as the text itself stands.

    Lines that stand at right angles to each other, or on their heads, are rows of their own.
    """
    ways: dict[int, list[Seen]] = {}
    for seen in lines:
        ways.setdefault(round(_angle(seen) / (math.pi / 2)) % 4, []).append(seen)
    return [row for way in sorted(ways) for row in _rows_one_way(ways[way])]


def _rows_one_way(lines: list[Seen]) -> list[Row]:
    base = _angle(lines[0])
    tilt = base + median(_difference(_angle(seen), base) for seen in lines)
    cosine, sine = math.cos(-tilt), math.sin(-tilt)

    def middle(seen: Seen) -> tuple[float, float]:
        x, y = sum(x for x, _ in seen.corners) / 4, sum(y for _, y in seen.corners) / 4
        return x * cosine - y * sine, x * sine + y * cosine

    placed = sorted(((middle(seen), min(sides(seen.corners)), seen) for seen in lines), key=lambda one: one[0][1])
    found: list[list[tuple[tuple[float, float], float, Seen]]] = []
    for one in placed:
        (_, y), height, _ = one
        last = found[-1][-1] if found else None
        if last is not None and abs(y - last[0][1]) <= _SAME_ROW * min(height, last[1]):
            found[-1].append(one)
        else:
            found.append([one])
    return [[seen for _, _, seen in sorted(row, key=lambda one: one[0][0])] for row in found]


def _angle(seen: Seen) -> float:
    """The way in which a line is read, in radians clockwise from left to right."""
    (ax, ay), (bx, by), _, _ = seen.corners
    return math.atan2(by - ay, bx - ax) + seen.words.turned * math.pi / 2


def _difference(angle: float, base: float) -> float:
    return (angle - base + math.pi) % (2 * math.pi) - math.pi
