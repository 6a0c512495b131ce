"""Where text stands on a picture: PP-OCR's differentiable binarisation, without OpenCV.

The network gives every pixel the probability that it belongs to a shrunken line of text. Connected pixels are a line;
the smallest rectangle around them, grown back, is where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_audit.detectors.image_text.geometry import Corners, grown, scaled, sides, smallest_rectangle
from privacy_audit.detectors.image_text.networks import FINDER, Network

_GRID = 32  # both input sides are multiples of this
_PIXEL = 0.3  # a pixel that probably is text
LINE = 0.5  # a group of pixels that is text, by their mean
_GROWTH = 1.6  # the network marks lines shrunken by area * this / perimeter
_MIN_SHORT_SIDE = 3  # marked pixels
MAX_LINES = 300
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_SCALE = (1 / (255 * _DEVIATION)).astype(np.float32)
_SHIFT = (-_MEAN / _DEVIATION).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text at `corners`, in pixels of the picture that was looked at. `score` is 0 to 1."""

    corners: Corners
    score: float


class Locator:
    """Finds lines of text."""

    def __init__(self) -> None:
        from scipy import ndimage

        self._network = Network(FINDER)
        self._ndimage = ndimage

    def sees_text(self, picture: Image.Image, long_side: int) -> bool:
        """Whether there is any text, looked at with at most `long_side` pixels."""
        return bool(self.lines(picture, long_side))

    def lines(self, picture: Image.Image, long_side: int) -> list[Line]:
        """Lines of text on `picture` (RGB), most probable first, at most MAX_LINES; raises DetectorError."""
        width, height = input_size(*picture.size, long_side)
        marked = self._network(_planes(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)))
        found = self._grouped(marked[0, 0])
        scale_x, scale_y = picture.width / width, picture.height / height
        strongest = sorted(found, key=lambda line: -line.score)[:MAX_LINES]
        return [Line(scaled(line.corners, scale_x, scale_y), line.score) for line in strongest]

    def _grouped(self, probability: npt.NDArray[np.float32]) -> list[Line]:
        labels, count = self._ndimage.label(probability > _PIXEL, np.ones((3, 3)))
        if not count:
            return []
        scores = self._ndimage.mean(probability, labels, range(1, count + 1))
        lines = []
        for number, part in enumerate(self._ndimage.find_objects(labels), start=1):
            if scores[number - 1] < LINE:
                continue
            corners = smallest_rectangle(_outline(labels[part] == number, part[1].start, part[0].start))
            across, down = sides(corners)
            if min(across, down) < _MIN_SHORT_SIDE:
                continue
            margin = across * down * _GROWTH / (2 * (across + down))
            lines.append(Line(grown(corners, margin), float(scores[number - 1])))
        return lines


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height to feed for a long side of `long_side`: multiples of 32, at least 32."""
    scale = long_side / max(width, height)
    fitted_width, fitted_height = (max(_GRID, round(side * scale / _GRID) * _GRID) for side in (width, height))
    return fitted_width, fitted_height


def _outline(mask: npt.NDArray[np.bool_], left: int, top: int) -> npt.NDArray[np.float64]:
    """The corners of the outermost pixels of each row or column of `mask`, whichever are fewer, as x, y."""
    turned = mask.shape[0] > mask.shape[1]
    rows = mask.T if turned else mask
    across = np.flatnonzero(rows.any(axis=0))
    first, last = rows[:, across].argmax(axis=0), rows.shape[0] - rows[::-1, across].argmax(axis=0)
    ends = np.concatenate([np.stack([across + step, end], axis=1) for step in (0, 1) for end in (first, last)])
    return (ends[:, ::-1] if turned else ends) + np.array([left, top], dtype=np.float64)


def _planes(picture: Image.Image) -> npt.NDArray[np.float32]:
    """(1, 3, height, width) in the order B, G, R, as the network was trained."""
    pixels = np.asarray(picture)
    planes = np.empty((1, 3, *pixels.shape[:2]), dtype=np.float32)
    for channel in range(3):
        np.multiply(pixels[..., 2 - channel], _SCALE[channel], out=planes[0, channel])
        planes[0, channel] += _SHIFT[channel]
    return planes
