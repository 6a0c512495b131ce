"""One picture, looked at only as closely as it has to be: is there text, is it writing, and then all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from privacy_audit.detectors.faces.windows import windows
from privacy_audit.detectors.image_text.geometry import Corners, sides
from privacy_audit.detectors.image_text.locate import Line, Locator
from privacy_audit.detectors.image_text.read import Reader, Words

GATE_SIDE = 480
DETAIL_SIDES = (960, 1280)
"""All text is looked for at these long sides, in pixels: small pictures are enlarged, large ones shrunk."""
_LARGE_ENOUGH = 800  # what is larger is looked at as it is: enlarging a photo costs more than it finds
READABLE = 0.6
"""Mean probability of a line's characters from which on it counts as read."""
_WRITING = 3  # letters and digits that tell a word from a window frame
_MARGIN = 2.0  # around what may be text, in heights of it
_MOSTLY = 0.6  # of the picture: then all of it is looked at


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of text, in pixels of the picture, and what it says."""

    line: Line
    words: Words

    @property
    def corners(self) -> Corners:
        """Where it stands."""
        return self.line.corners

    @property
    def readable(self) -> bool:
        """Whether it could be read."""
        return self.words.score >= READABLE and bool(self.words.text)


class Look:
    """Finds and reads text. Loads two networks: raises ModelError when one cannot be had."""

    def __init__(self, gate_side: int | None = GATE_SIDE) -> None:
        """`gate_side` is the long side of the first, cheap look; None goes without it."""
        self._gate_side = gate_side
        self._locator = Locator()
        self._reader = Reader()

    def __call__(self, picture: Image.Image, max_windows: int) -> list[Seen]:
        """The lines of text on `picture` (RGB); a very long picture is looked at in windows. Raises DetectorError."""
        places = windows(*picture.size, DETAIL_SIDES[1], max_windows)
        if not places:
            return self._view(picture)
        seen: list[Seen] = []
        for number, place in enumerate(places):
            left, top = place[:2]
            before = places[number - 1] if number else None
            after = places[number + 1] if number + 1 < len(places) else None
            for one in self._view(picture.crop(place)):
                moved = _moved(one, left, top)
                if _belongs(moved.corners, place, before, after) and not any(_same(moved, other) for other in seen):
                    seen.append(moved)
        return seen

    def _view(self, view: Image.Image) -> list[Seen]:
        if self._gate_side is not None:
            hints = self._locator.lines(view, min(self._gate_side, max(view.size)))
            if not hints:
                return []
            if not any(map(_is_writing, self._read(view, hints))):
                return self._closer(view, hints)
        return self._all(view)

    def _all(self, view: Image.Image) -> list[Seen]:
        least, most = DETAIL_SIDES
        long_side = max(view.size)
        side = min(long_side, most) if long_side >= _LARGE_ENOUGH else least
        return self._read(view, self._locator.lines(view, side))

    def _closer(self, view: Image.Image, hints: Sequence[Line]) -> list[Seen]:
        """What may be text, without shrinking it; when it turns out to be writing, all of the picture is read."""
        left, top, right, bottom = _surroundings(hints, view.size)
        if (right - left) * (bottom - top) >= _MOSTLY * view.width * view.height:
            return self._all(view)
        part = view.crop((left, top, right, bottom))
        seen = self._read(part, self._locator.lines(part, min(max(part.size), DETAIL_SIDES[1])))
        return self._all(view) if any(map(_is_writing, seen)) else [_moved(one, left, top) for one in seen]

    def _read(self, view: Image.Image, lines: Sequence[Line]) -> list[Seen]:
        words = self._reader.read(view, [line.corners for line in lines])
        return [Seen(line, said) for line, said in zip(lines, words, strict=True)]


def _is_writing(seen: Seen) -> bool:
    return seen.readable and sum(map(str.isalnum, seen.words.text)) >= _WRITING


def _surroundings(lines: Sequence[Line], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = size[0], size[1], 0, 0
    for line in lines:
        xs, ys = [x for x, _ in line.corners], [y for _, y in line.corners]
        margin = _MARGIN * min(max(xs) - min(xs), max(ys) - min(ys))
        left, top = min(left, int(min(xs) - margin)), min(top, int(min(ys) - margin))
        right, bottom = max(right, int(max(xs) + margin) + 1), max(bottom, int(max(ys) + margin) + 1)
    return max(0, left), max(0, top), min(size[0], right), min(size[1], bottom)


def _moved(seen: Seen, left: int, top: int) -> Seen:
    a, b, c, d = ((x + left, y + top) for x, y in seen.corners)
    return Seen(Line((a, b, c, d), seen.line.score), seen.words)


def _belongs(
    corners: Corners,
    place: tuple[int, int, int, int],
    before: tuple[int, int, int, int] | None,
    after: tuple[int, int, int, int] | None,
) -> bool:
    """Whether the middle of a line lies in the part of a window that is not nearer to the window before or after.

    At the border between the two, give or take its height, it belongs to both: windows see it a pixel apart.
    """
    slack = min(sides(corners))
    for axis, middle in enumerate(_middle(corners)):
        if before is not None and before[axis] < place[axis] and middle < (place[axis] + before[axis + 2]) / 2 - slack:
            return False
        if after is not None and after[axis] > place[axis] and middle > (after[axis] + place[axis + 2]) / 2 + slack:
            return False
    return True


def _same(seen: Seen, other: Seen) -> bool:
    """Whether two windows saw one line: the middles of both are nearer than its height allows for two."""
    return math.dist(_middle(seen.corners), _middle(other.corners)) < min(sides(other.corners)) / 2


def _middle(corners: Corners) -> tuple[float, float]:
    return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4
