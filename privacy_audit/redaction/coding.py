"""What the writers of all formats share: the job, what must be said of its result, and what refuses it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.pixels import MAX_PIXELS, ORIENTATION_TAG
from privacy_audit.redaction import carry
from privacy_audit.redaction.paint import MODES, Area, Palette, is_over_budget, paint

MAX_TOTAL_PIXELS = 4 * MAX_PIXELS  # over all frames or pages that have to be coded again
LOSSY_QUALITY = 95  # for formats that do not say with which quality they were coded

REDUCED = "The picture had more than 8 bits per colour, and has 8 now."
JPEG_BLOCKS = (
    "Only the DCT blocks that a region touches were changed: 8 by 8 pixels in brightness, up to 16 by 16 or more in "
    "colour. Every other coefficient is the source's."
)
JPEG_LOSS = (
    "The whole picture was decoded and coded again at the source's own quantisation tables and chroma subsampling, "
    "which costs a little quality everywhere."
)
LOSSY = f"The whole picture was decoded and coded again at quality {LOSSY_QUALITY}, which costs quality everywhere."
LOSSY_FRAMES = (
    f"The frames with regions were decoded and coded again at quality {LOSSY_QUALITY}, which costs quality everywhere "
    "in them."
)
DROPPED_PARTS = (
    "Second pictures, previews, depth maps, bytes after the picture and vendor segments were left out: they may show "
    "what was redacted."
)
DROPPED_BLOCKS = "Metadata blocks that may hold a picture were left out."
DROPPED_DIRECTORIES = "The Exif and GPS directories of the TIFF were left out."
FILLED_INSTEAD = "Too many overlapping regions to average: some were filled instead."


class RedactionRefused(PrivacyAuditError):  # noqa: N818 - says what happened, as the other errors do
    """This picture cannot be redacted safely; the message says why. Drop or quarantine the sample."""


Route = Literal["unchanged", "lossless", "re-encode", "libjpeg-turbo"]
"""How a file came about: as it was, its pixels coded again without or with a loss, or its coefficients edited."""

Place = Callable[[tuple[int, int], int], list[Area]]
"""The areas on a canvas, given its stored size and its orientation (EXIF 1 to 8)."""


@dataclass(slots=True)
class Job:
    """One picture on its way through `rewrite`: what is given, and what has to be said of the result."""

    data: bytes
    image: Image.Image  # opened, and loaded unless it is a JPEG; ours to paint on
    orientation: int
    place: Place
    read_back: bool = True  # whether coefficients are checked after they were written
    lossless: bool = True
    route: Route | None = None  # None: by `lossless`
    pixels: int = 0
    notes: list[str] = field(default_factory=list)

    def say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def spend(self, width: int, height: int) -> None:
        """Count the pixels of one more frame, before it is decoded."""
        self.pixels += width * height
        if width * height > MAX_PIXELS or self.pixels > MAX_TOTAL_PIXELS:
            raise RedactionRefused(f"the picture's frames have more than {MAX_TOTAL_PIXELS:,} pixels together")

    def paint(self, image: Image.Image, areas: list[Area], palette: Palette = ()) -> None:
        if image.mode not in MODES:
            raise RedactionRefused(f"pixels of the layout {image.mode} cannot be redacted here")
        if is_over_budget(areas, image.width * image.height):
            self.say(FILLED_INSTEAD)
        paint(image, areas, palette)

    def xmp(self, block: bytes | str | None) -> bytes:
        """An XMP packet if it may be carried, else nothing."""
        raw = block.encode("utf-8", "replace") if isinstance(block, str) else block or b""
        if not isinstance(raw, bytes) or not carry.holds_picture(raw):
            return raw if isinstance(raw, bytes) else b""
        self.say(DROPPED_BLOCKS)
        return b""


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **{name: value for name, value in options.items() if value is not None})
    return buffer.getvalue()


def orientation_of(image: Image.Image) -> int:
    """How the pixels that `image` has, or will have when it is loaded, have to be turned: EXIF 1 to 8."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - as in pixels: malformed EXIF must not cost a sound picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
