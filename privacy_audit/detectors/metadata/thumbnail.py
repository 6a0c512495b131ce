"""Whether a thumbnail shows the picture that it is embedded in: editors crop or retouch, and leave the old one."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_audit.containers import Container, tiff
from privacy_audit.pixels import turned

SIDE = 24  # pixels of the small grey pictures that are compared
SAME = 0.8  # correlation from which on they show the same
MAX_BYTES, MAX_PIXELS = 2 * 1024 * 1024, 4_000_000
_FLAT = 4.0  # standard deviation of grey levels below which a picture has nothing to compare
_PHOTOSHOP_HEAD, _JFXX_HEAD = 28, 6

_Grey = npt.NDArray[np.float64]


def differs(container: Container, rgb: npt.NDArray[np.uint8], orientation: int) -> dict[str, bool]:
    """By tag, whether the thumbnail shows something else than `rgb`, the upright picture (height, width, 3).

    `orientation` is EXIF's, 1 to 8. Thumbnails that cannot be decoded are left out.
    """
    picture = Image.fromarray(rgb)
    found: dict[str, bool] = {}
    for tag, data in _thumbnails(container):
        thumbnail = _decoded(data)
        if thumbnail is not None and tag not in found:
            found[tag] = not any(
                _correlation(_grey(candidate), _grey(picture)) >= SAME
                for candidate in _candidates(thumbnail, picture, orientation)
            )
    return found


def _thumbnails(container: Container) -> Iterator[tuple[str, bytes]]:
    """The stored JPEGs with the tag that their finding has."""
    for block in container.of("exif", "thumbnail"):
        if block.kind == "thumbnail" and block.name == "Photoshop":
            yield "Photoshop:Thumbnail", block.data[_PHOTOSHOP_HEAD:]
        elif block.kind == "thumbnail" and block.name == "JFXX":
            yield "JFIF:Thumbnail", block.data[_JFXX_HEAD:]
        elif block.kind == "exif":
            for entry in tiff.entries(block.data, directories=block.directories, named_only=True):
                if entry.name == "JPEGInterchangeFormat" and isinstance(entry.value, tuple) and entry.value:
                    at = entry.value[0]
                    if isinstance(at, int):
                        yield "EXIF:ThumbnailImage", block.data[at : at + MAX_BYTES]


def _decoded(data: bytes) -> Image.Image | None:
    if not data.startswith(b"\xff\xd8"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=("JPEG",))
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("L", (4 * SIDE, 4 * SIDE))
            return image.convert("RGB")
        except Exception:  # noqa: BLE001 - decoders raise anything on damaged input
            return None


def _candidates(thumbnail: Image.Image, picture: Image.Image, orientation: int) -> Iterator[Image.Image]:
    """The thumbnail as it is stored and turned like the picture, each also without the bars that fill it up."""
    for upright in (thumbnail, *((turned(thumbnail, orientation),) if orientation != 1 else ())):
        yield upright
        width = round(upright.height * picture.width / picture.height)
        height = round(upright.width * picture.height / picture.width)
        if 8 <= width < upright.width - 1:
            left = (upright.width - width) // 2
            yield upright.crop((left, 0, left + width, upright.height))
        elif 8 <= height < upright.height - 1:
            top = (upright.height - height) // 2
            yield upright.crop((0, top, upright.width, top + height))


def _grey(image: Image.Image) -> _Grey:
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small.convert("L"), dtype=np.float64)


def _correlation(one: _Grey, other: _Grey) -> float:
    """Pearson's, -1 to 1; 1 when both are flat and of about the same grey."""
    flat = one.std() < _FLAT, other.std() < _FLAT
    if all(flat):
        return 1.0 if abs(one.mean() - other.mean()) < 16 else 0.0
    if any(flat):
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))
