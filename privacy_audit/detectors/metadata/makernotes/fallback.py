"""MakerNotes of makers that our own tables do not know, decoded with exifread.

exifread knows more makers than we do and is slow: it reads numbers one by one from a file. It gets the EXIF block
alone, with a bound on the number of reads, because a crafted block could otherwise keep it busy for minutes.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from privacy_audit.detectors.metadata.hits import Hit, blank

MAX_READS = 60_000
_HEAD = 16  # bytes by which exifread tells the vendor's variant
_MAKER_NOTE = 0x927C

_CODES = {
    "SerialNumber": "device.serial",
    "InternalSerialNumber": "device.serial",
    "LensSerialNumber": "device.serial",
    "OwnerName": "name.owner",
    "ImageUniqueID": "device.uid",
    "Location": "place",
    "Title": "text.free",
}


class _Reads(io.BytesIO):
    """A file that may be read from a limited number of times."""

    left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many reads")
        return super().read(size)


def hits(exif: bytes, at: int, size: int, make: str, model: str) -> Iterator[Hit]:
    """The hits of the note that stands at `at` in an EXIF block; none when exifread cannot read it either.

    The note is reported as an opaque vendor block in any case, so a failure here hides nothing.
    """
    try:
        with _silent():
            tags = _decode(exif, at, size, make, model)
    except Exception:  # noqa: BLE001 - exifread raises anything on damaged notes, RecursionError included
        return
    for name, value in tags.items():
        code = _CODES.get(name.removeprefix("MakerNote ").strip())
        text = _text(getattr(value, "values", ""))
        if code and not blank(text) and any(character.isalnum() for character in text):
            yield Hit(code, f"MakerNote:{name.removeprefix('MakerNote ').strip()}", text)


@contextmanager
def _silent() -> Iterator[None]:
    """exifread logs values of tags."""
    logger = logging.getLogger("exifread")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _decode(exif: bytes, at: int, size: int, make: str, model: str) -> dict[str, Any]:
    from exifread.core.exif_header import ExifHeader
    from exifread.core.ifd_tag import IfdTag
    from exifread.tags.fields import FieldType

    header = ExifHeader(_Reads(exif), "I" if exif[:2] == b"II" else "M", 0, 0, strict=False)
    for name, number, kind, text, values in (
        ("Image Make", 0x010F, FieldType.ASCII, make, make),
        ("Image Model", 0x0110, FieldType.ASCII, model, model),
        ("EXIF MakerNote", _MAKER_NOTE, FieldType.UNDEFINED, "", list(exif[at : at + _HEAD])),
    ):
        header.tags[name] = IfdTag(text, number, kind, values, at, size, True)
    header.decode_maker_note()
    tags: dict[str, Any] = header.tags
    return tags


def _text(values: object) -> str:
    if isinstance(values, bytes):
        values = values.decode("latin-1")
    if isinstance(values, (list, tuple)):
        numbers = [value for value in values if isinstance(value, int)]
        if len(numbers) == 1:
            return str(numbers[0])
        values = "".join(chr(number) for number in numbers if 0x20 <= number < 0x7F)
    return str(values).replace("\0", " ").strip()
