from __future__ import annotations

import io
import struct

import numpy as np
import picture_files as files
import pytest
from PIL import Image

from privacy_audit.detectors.base import as_sample
from privacy_audit.detectors.metadata import Metadata
from privacy_audit.types import Finding, Needs, Sample, Skipped

SIZE = (160, 120)


def scene(seed: int) -> Image.Image:
    """Large random patches: nothing like another seed's."""
    patches = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(SIZE, Image.Resampling.BILINEAR)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def with_thumbnail(picture: Image.Image, thumbnail: bytes, orientation: int = 1) -> bytes:
    base = [(0x0112, 3, struct.pack("<H", orientation))]
    length = struct.pack("<I", len(thumbnail))
    blank = files.directories(base, [(0x0201, 4, bytes(4)), (0x0202, 4, length)])
    start = struct.pack("<HHI", 0x0201, 4, 1)
    block = blank.replace(start + bytes(4), start + struct.pack("<I", len(blank))) + thumbnail
    plain = jpeg(picture)
    return plain[:2] + files.exif_segment(block) + plain[2:]


def examined(data: bytes, decode: bool = True) -> tuple[str | None, list[str]]:
    """What the thumbnail's finding says it shows, and which stages were skipped."""
    sample: Sample = as_sample(data, Needs.BYTES)
    if decode:
        assert sample.picture is not None
        sample.picture.upright(64)
    found = Metadata().detect([sample])[0]
    assert isinstance(found, list)
    thumbnail = next(part for part in found if isinstance(part, Finding) and part.code == "embedded.thumbnail")
    return thumbnail.attributes.get("shows"), [part.stage for part in found if isinstance(part, Skipped)]


def letterboxed(image: Image.Image) -> Image.Image:
    """The picture between black bars, as cameras put a wide picture into a 4:3 thumbnail."""
    out = Image.new("RGB", (160, 120))
    out.paste(image.resize((160, 90)), (0, 15))
    return out


@pytest.mark.parametrize(
    ("picture", "thumbnail", "orientation", "shows"),
    [
        (scene(1), scene(1).resize((80, 60)), 1, None),
        (scene(1), scene(2).resize((80, 60)), 1, "something else"),
        (scene(1), scene(1).resize((80, 60)), 6, None),
        (scene(1), scene(1).resize((80, 60)).transpose(Image.Transpose.ROTATE_270), 6, None),
        (scene(1).resize((160, 90)), letterboxed(scene(1)), 1, None),
        (scene(1).crop((0, 0, 60, 120)), scene(1).resize((80, 60)), 1, "something else"),
        (Image.new("RGB", SIZE, "grey"), scene(1).resize((80, 60)), 1, "something else"),
        (Image.new("RGB", SIZE, "grey"), Image.new("RGB", (80, 60), "grey"), 1, None),
    ],
)
def test_what_a_thumbnail_shows(
    picture: Image.Image, thumbnail: Image.Image, orientation: int, shows: str | None
) -> None:
    assert examined(with_thumbnail(picture, jpeg(thumbnail), orientation)) == (shows, [])


def test_nothing_is_decoded_for_it() -> None:
    data = with_thumbnail(scene(1), jpeg(scene(2)))
    assert examined(data, decode=False) == (None, ["metadata.thumbnail"])


def test_a_damaged_thumbnail_is_skipped() -> None:
    data = with_thumbnail(scene(1), b"\xff\xd8 no picture at all, but long enough to be one")
    assert examined(data) == (None, ["metadata.thumbnail"])
