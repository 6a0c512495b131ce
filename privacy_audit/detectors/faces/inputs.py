"""What a network is given: a picture at the right size, and its colour planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.detectors.faces.boxes import Floats

_GRID = 32  # both input sides are multiples of this
ENLARGED = 0.9
"""A picture decoded at this share of the network's long side is enlarged without loss that shows in the boxes, and
often a JPEG can then be decoded at half its size."""
_AVERAGED = 1.5  # from this reduction on, averaging whole areas is as good as a triangle filter and takes half the time


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height to feed: `long_side` by the nearest multiple of 32, both at least 32.

    The short side is stretched a little instead of padded: same recall, fewer pixels.
    """
    scale = long_side / max(width, height)
    fitted_width, fitted_height = (max(_GRID, round(side * scale / _GRID) * _GRID) for side in (width, height))
    return fitted_width, fitted_height


def fit(picture: Image.Image, long_side: int) -> Image.Image:
    """`picture` resized to its `input_size`; small ones are enlarged. A much larger one is first averaged down."""
    size = input_size(*picture.size, long_side)
    if picture.size == size:
        return picture
    reduced = max(picture.size) >= _AVERAGED * max(size)
    method = Image.Resampling.BOX if reduced else Image.Resampling.BILINEAR
    return picture.resize(size, method, reducing_gap=1.0)


def planes(picture: Image.Image, order: str = "RGB") -> Floats:
    """(1, 3, height, width) float32 of 0 to 255, the planes in `order`."""
    pixels: npt.NDArray[np.uint8] = np.asarray(picture)
    tensor = np.empty((1, 3, picture.height, picture.width), np.float32)
    for plane, colour in enumerate(order):
        tensor[0, plane] = pixels[:, :, "RGB".index(colour)]
    return tensor
