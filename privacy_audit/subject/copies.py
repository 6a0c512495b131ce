"""The same picture again: perceptual hashes (pHash of the `imagehash` library, 256 bits) of a picture and its crops.

A hash stands resizing, encoding and brightness, not cropping or mirroring. So what a person sends is hashed in mirrored
and cropped forms too, and each picture of the dataset in cropped forms; the closest two forms count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from privacy_audit.pixels import MAX_FRAMES
from privacy_audit.subject.matching import Rate

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.pixels import Picture

    Bits = npt.NDArray[np.bool_]

SIDE = 16
BITS = SIDE * SIDE
THRESHOLD = 48
"""Differing bits up to which a picture becomes a candidate."""
CROPS = (
    *((share, share, share, share) for share in (0.0, 0.025, 0.05)),
    *((0.05, 0.0, 0.0, 0.0), (0.0, 0.05, 0.0, 0.0), (0.0, 0.0, 0.05, 0.0), (0.0, 0.0, 0.0, 0.05)),
)
"""Cut off at the left, top, right and bottom, as a share of width or height."""
_LONG_SIDE = 256
_FLAT = 2.0  # standard deviation of the grey values below which all pictures look alike

_COPIES = "changed copies of 124 street photos"
MISSED: dict[str, Rate] = {
    **{
        change: Rate(0, 124, _COPIES)
        for change in (
            *("resized to half", "JPEG quality 40", "WebP quality 50", "brightness x 1.3", "brightness x 0.6", "grey"),
            *("5 % cropped from each side", "5 % cropped from one side", "mirrored"),
        )
    },
    "10 % cropped from one side": Rate(41, 124, _COPIES),
}
FALSE_MATCHES = Rate(0, 15246, "ordered pairs of different ones among 124 street photos; 3 nearly equal shots left out")


def error_rates(threshold: int) -> dict[str, Any]:
    """What was measured: missed copies per kind of change, and different pictures taken for copies."""
    if threshold != THRESHOLD:
        return {"missed": {}, "false_matches": []}
    return {
        "missed": {change: rate.facts() for change, rate in MISSED.items()},
        "false_matches": [FALSE_MATCHES.facts()],
    }


def hashes(picture: Picture, *, mirrored: bool = False) -> Bits:
    """The hashes of a picture's forms, (n, 256): every crop of every frame, `mirrored` ones too.

    Empty for a picture of one colour, which looks like all others of its kind. Raises PictureError.
    """
    forms: list[Image.Image] = []
    for frame in picture.frames(MAX_FRAMES):
        image = Image.fromarray(picture.upright(_LONG_SIDE, frame).rgb).convert("L")
        image.thumbnail((_LONG_SIDE, _LONG_SIDE))
        if np.asarray(image).std() < _FLAT:
            continue
        for crop in CROPS:
            part = _cropped(image, crop)
            forms += [part, ImageOps.mirror(part)] if mirrored else [part]
    return np.array([_hash(form) for form in forms], dtype=np.bool_).reshape(-1, BITS)


def distance(some: Bits, others: Bits) -> int:
    """Differing bits of the closest two forms; more than BITS when one side has none."""
    if not len(some) or not len(others):
        return BITS + 1
    return int((some[:, None, :] != others[None, :, :]).sum(-1).min())


def _hash(image: Image.Image) -> Bits:
    import imagehash

    bits: Bits = imagehash.phash(image, hash_size=SIDE).hash.ravel()
    return bits


def _cropped(image: Image.Image, crop: tuple[float, float, float, float]) -> Image.Image:
    width, height = image.size
    left, top = round(width * crop[0]), round(height * crop[1])
    right, bottom = width - round(width * crop[2]), height - round(height * crop[3])
    return image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
