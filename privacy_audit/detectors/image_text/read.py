"""What a line of text says: PP-OCR's recognition network, and the decoding of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_audit.detectors.image_text.geometry import Corners, sides
from privacy_audit.detectors.image_text.networks import READER, Network, characters

_HEIGHT = 48  # of the network's input
_GRID = 8
_MAX_WIDTH = 2400  # a line 50 times as long as it is high; longer ones are squeezed
_MIN_WIDTH = 16
_BATCH_WIDTH = 4800  # pixels of all lines in one run, padding included
_VERTICAL = 1.5  # a line so much higher than wide is written from bottom to top or from top to bottom
_DOUBTFUL = 0.75  # below this mean score a line may be upside down


@dataclass(frozen=True, slots=True)
class Words:
    """What one line says, and the mean probability of its characters, 0 to 1. Nothing read is "" at 0.

    `turned` is by how many quarters, clockwise, the line is turned against the top side of its rectangle.
    """

    text: str
    score: float
    turned: int = 0


class Reader:
    """Reads lines of text."""

    def __init__(self) -> None:
        self._network = Network(READER)
        self._characters = np.array(characters(), dtype=object)

    def read(self, picture: Image.Image, lines: Sequence[Corners]) -> list[Words]:
        """What each of `lines` on `picture` (RGB) says, also when it stands upright or upside down."""
        strips = [cut(picture, corners) for corners in lines]
        words = [
            replace(one, turned=int(on_end(*sides(line)))) for one, line in zip(self._read(strips), lines, strict=True)
        ]
        doubtful = [index for index, one in enumerate(words) if one.score < _DOUBTFUL]
        again = self._read([strips[index].transpose(Image.Transpose.ROTATE_180) for index in doubtful])
        for index, other in zip(doubtful, again, strict=True):
            if other.score > words[index].score and len(other.text) >= len(words[index].text):
                words[index] = replace(other, turned=words[index].turned + 2)
        return words

    def _read(self, strips: Sequence[Image.Image]) -> list[Words]:
        words = [Words("", 0.0)] * len(strips)
        order = sorted(range(len(strips)), key=lambda index: strips[index].width)
        while order:
            batch: list[int] = []
            while order and (not batch or (len(batch) + 1) * strips[order[0]].width <= _BATCH_WIDTH):
                batch.append(order.pop(0))
            answer = self._network(_planes([strips[index] for index in batch]))
            for index, steps in zip(batch, answer, strict=True):
                words[index] = self._decode(steps)
        return words

    def _decode(self, steps: npt.NDArray[np.float32]) -> Words:
        """Connectionist temporal classification, greedily: repeats are one character, and 0 is none."""
        best = steps.argmax(axis=1)
        kept = best != 0
        kept[1:] &= best[1:] != best[:-1]
        if not kept.any():
            return Words("", 0.0)
        text = "".join(self._characters[best[kept]])
        return Words(text.strip(), float(steps.max(axis=1)[kept].mean()))


def cut(picture: Image.Image, corners: Corners) -> Image.Image:
    """The rectangle `corners` as an upright strip of the network's height; what stands on end is laid down."""
    across, down = sides(corners)
    width, height = max(1, round(across)), max(1, round(down))
    first, second, third, fourth = corners
    quad = (*first, *fourth, *third, *second)  # Pillow goes round the other way
    strip = picture.transform((width, height), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    if on_end(across, down):
        strip = strip.transpose(Image.Transpose.ROTATE_90)
    fitted = min(max(round(strip.width * _HEIGHT / strip.height), _MIN_WIDTH), _MAX_WIDTH)
    return strip.resize((fitted, _HEIGHT), Image.Resampling.BILINEAR)


def on_end(across: float, down: float) -> bool:
    """Whether a rectangle with these sides holds a line that stands on its end or its head."""
    return down >= _VERTICAL * across


def _planes(strips: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
    """(n, 3, 48, width of the widest) in the order B, G, R, from -1 to 1; what is beyond a strip is 0."""
    width = -(-max(strip.width for strip in strips) // _GRID) * _GRID
    planes = np.zeros((len(strips), 3, _HEIGHT, width), dtype=np.float32)
    for plane, strip in zip(planes, strips, strict=True):
        pixels = np.asarray(strip, dtype=np.float32)[..., ::-1]
        plane[:, :, : strip.width] = pixels.transpose(2, 0, 1) / np.float32(127.5) - 1
    return planes
