"""MakerNotes: vendor blocks inside EXIF, decoded with exifread for serial numbers, owners and image ids.

exifread reads numbers one by one from a file, so it gets the EXIF block alone, with a bound on the number of reads: a
crafted block could otherwise keep it busy for minutes. Its own entry point would read the whole block as a list of
numbers first; the decoder is therefore handed the note's place directly.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from privacy_audit.containers import tiff
from privacy_audit.detectors.metadata.hits import Hit, blank

MAX_READS = 60_000
_HEAD = 16  # bytes by which exifread tells the vendor's variant

_CODES = {
    "SerialNumber": "device.serial",
    "InternalSerialNumber": "device.serial",
    "LensSerialNumber": "device.serial",
    "OwnerName": "name.owner",
    "ImageUniqueID": "device.uid",
    "ContentIdentifier": "device.uid",
    "PhotoIdentifier": "device.uid",
    "BurstUUID": "device.uid",
    "BabyName": "name.person",
    "Country": "place",
    "City": "place",
    "Location": "place",
    "Title": "text.free",
}
_APPLE = {
    "Tag 0x000B": "BurstUUID",
    "Tag 0x0011": "ContentIdentifier",
    "Tag 0x0015": "ImageUniqueID",
    "Tag 0x002B": "PhotoIdentifier",
}
# Vendors whose notes exifread does not decode (Panasonic, Olympus since 2007), by ExifTool's documentation.
_PANASONIC = {
    0x25: ("InternalSerialNumber", None),
    0x65: ("Title", None),
    0x66: ("BabyName", None),
    0x67: ("Location", None),
    0x69: ("Country", None),
    0x6D: ("City", None),
}
_OLYMPUS_EQUIPMENT = 0x2010
_OLYMPUS = {
    0x0101: ("SerialNumber", None),
    0x0102: ("InternalSerialNumber", None),
    0x0202: ("LensSerialNumber", None),
}


class _Reads(io.BytesIO):
    """A file that may be read from a limited number of times."""

    left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many reads")
        return super().read(size)


def hits(exif: bytes) -> tuple[list[Hit], str | None]:
    """The hits of the MakerNote in an EXIF block, and the kind of the error that ended the decoding."""
    place = _place(exif)
    if place is None:
        return [], None
    try:
        with _silent():
            tags = _decode(exif, *place)
    except Exception as error:  # noqa: BLE001 - exifread raises anything on damaged notes, RecursionError included
        return [], type(error).__name__
    return list(_read(tags)), None


@contextmanager
def _silent() -> Iterator[None]:
    """exifread logs values of tags."""
    logger = logging.getLogger("exifread")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _place(exif: bytes) -> tuple[str, str, tiff.Field] | None:
    """Make, model and the note's place; None when there is no note or nothing says whose it is."""
    note = None
    for ifd in tiff.ifds(exif):
        for field in ifd.fields:
            if field.tag == tiff.MAKER_NOTE and field.size > _HEAD:
                note = field
    if note is None:
        return None
    named = {entry.name: entry.value for entry in tiff.entries(exif) if entry.ifd == "IFD0"}
    make, model = named.get("Make"), named.get("Model")
    if not isinstance(make, str):
        return None
    return make, model if isinstance(model, str) else "", note


def _decode(exif: bytes, make: str, model: str, note: tiff.Field) -> dict[str, Any]:
    from exifread.core.exif_header import ExifHeader
    from exifread.core.ifd_tag import IfdTag
    from exifread.tags.fields import FieldType

    def tag(number: int, kind: FieldType, printable: str, values: object) -> IfdTag:
        return IfdTag(printable, number, kind, values, note.value_at, note.size, True)

    head = exif[note.value_at : note.value_at + _HEAD]
    own = head[10:12] if head.startswith(b"Nikon\0\2") else exif[:2]  # such a note has its own byte order
    header = ExifHeader(_Reads(exif), "I" if own == b"II" else "M", 0, 0, strict=False)
    if head.startswith(b"Panasonic\0"):
        header.dump_ifd(ifd=note.value_at + 12, ifd_name="MakerNote", tag_dict=_PANASONIC)
    elif head.startswith((b"OLYMPUS\0", b"OM SYSTEM\0")):
        _olympus(header, head, note)
    else:
        header.tags["Image Make"] = tag(0x010F, FieldType.ASCII, make, make)
        header.tags["Image Model"] = tag(0x0110, FieldType.ASCII, model, model)
        header.tags["EXIF MakerNote"] = tag(tiff.MAKER_NOTE, FieldType.UNDEFINED, "", list(head))
        header.decode_maker_note()
    names = _APPLE if make == "Apple" else {}
    decoded = {name.removeprefix("MakerNote ").strip(): value for name, value in header.tags.items()}
    return {names.get(name, name): value for name, value in decoded.items()}


def _olympus(header: Any, head: bytes, note: tiff.Field) -> None:
    """Offsets count from the start of the note, which has its own byte order."""
    first = 12 if head.startswith(b"OLYMPUS") else 16
    header.endian = "I" if head[first - 4 : first - 2] == b"II" else "M"
    header.offset = note.value_at
    header.dump_ifd(ifd=first, ifd_name="MakerNote", tag_dict={_OLYMPUS_EQUIPMENT: ("Equipment", None)})
    equipment = header.tags.get("MakerNote Equipment")
    if equipment is not None and len(equipment.values) == 1:
        header.dump_ifd(ifd=equipment.values[0], ifd_name="MakerNote", tag_dict=_OLYMPUS)


def _read(tags: dict[str, Any]) -> Iterator[Hit]:
    for name, code in _CODES.items():
        if name not in tags:
            continue
        value = _text(getattr(tags[name], "values", ""))
        if not blank(value) and any(character.isalnum() for character in value):
            yield Hit(code, f"MakerNote:{name}", value)


def _text(values: object) -> str:
    if isinstance(values, bytes):
        values = values.decode("latin-1")
    if isinstance(values, (list, tuple)):
        numbers = [value for value in values if isinstance(value, int)]
        if len(numbers) == 1:
            return str(numbers[0])
        values = "".join(chr(number) for number in numbers if 0x20 <= number < 0x7F)
    return str(values).replace("\0", " ").strip()
