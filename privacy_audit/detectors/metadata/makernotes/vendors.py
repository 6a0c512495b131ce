"""Where each vendor's entries stand, and what they mean. Tag numbers are those that ExifTool documents.

Only entries that can identify a person, a device or a place, or that hold a picture, are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from privacy_audit.detectors.metadata.hits import camera_default
from privacy_audit.detectors.metadata.makernotes.values import (
    Tag,
    at,
    digest,
    ends_with_id,
    number,
    picture,
    size,
    sony,
    text,
    wide,
)


@dataclass(frozen=True, slots=True)
class Sub:
    """An entry that points to a directory."""

    tags: Mapping[int, Tag | Sub]


Tags = Mapping[int, "Tag | Sub"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's block that is a directory, or (`records`) one record of fixed places.

    `start` is where the directory stands, from the note's first byte. `base` is what its offsets count from, also from
    there; None: from the EXIF block. `order` is the byte order, "" for that of the block. `order_at` and `start_at` say
    where the note itself stores them.
    """

    head: re.Pattern[bytes]
    tags: Tags = field(default_factory=dict)
    make: str = ""
    start: int = 0
    base: int | None = None
    order: str = ""
    order_at: int | None = None
    start_at: int | None = None
    records: tuple[Tag, ...] = ()


_SERIAL = Tag("device.serial", "SerialNumber", text)
_INTERNAL = Tag("device.serial", "InternalSerialNumber", text)
_LENS = Tag("device.serial", "LensSerialNumber", text)
_PREVIEW = Tag("embedded.thumbnail", "PreviewImage", size, bare=True)
_PICTURE = Tag("embedded.thumbnail", "PreviewImage", picture, bare=True)
_UID = "device.uid"


def _place(name: str) -> Tag:
    return Tag("place", name, text)


_APPLE = {
    0x000B: Tag(_UID, "BurstUUID", text),
    0x0011: Tag(_UID, "ContentIdentifier", text),
    0x0015: Tag(_UID, "ImageUniqueID", text),
    0x0020: Tag(_UID, "ImageCaptureRequestID", text),
    0x002B: Tag(_UID, "PhotoIdentifier", text),
}
_CANON = {
    0x0009: Tag("name.owner", "OwnerName", text),
    0x000C: Tag("device.serial", "SerialNumber", number),
    0x0028: Tag(_UID, "ImageUniqueID", digest),
    # Of the EOS 5D this is a record with the number at byte 9, of the others the number itself.
    0x0096: Tag("device.serial", "InternalSerialNumber", lambda raw, _: text(raw) or text(raw[9:])),
    0x00B6: Tag("embedded.thumbnail", "PreviewImage", at(8, 12, size), bare=True),
    0x4019: Tag("device.serial", "LensSerialNumber", lambda raw, _: digest(raw[:5]) if raw[:4].strip(b"\0") else ""),
}
_JPEG = {0x0201: _PREVIEW}
_NIKON: Tags = {
    0x0011: Sub(_JPEG),
    0x001D: _SERIAL,
    0x0039: Tag("place", "Location", lambda raw, _: text(raw[9:79]) or text(raw[5:8])),
    0x00A0: _SERIAL,
}
_PANASONIC: Tags = {
    0x0025: _INTERNAL,
    0x0052: _LENS,
    0x0054: Tag("device.serial", "AccessorySerialNumber", text),
    0x0061: Tag("name.person", "RecognizedFaceName", lambda raw, _: text(raw[4:24]) if raw[:2].strip(b"\0") else ""),
    0x0065: Tag("text.free", "Title", text),
    0x0066: Tag("name.person", "BabyName", text),
    0x0067: _place("Location"),
    0x0069: _place("Country"),
    0x006B: _place("State"),
    0x006D: _place("City"),
    0x006F: _place("Landmark"),
    0x0080: _place("City2"),
}
_EQUIPMENT = {
    0x0101: _SERIAL,
    0x0102: _INTERNAL,
    0x0202: _LENS,
    0x0302: Tag("device.serial", "ExtenderSerialNumber", text),
    0x1003: Tag("device.serial", "FlashSerialNumber", text),
}
_OLYMPUS: Tags = {
    0x0081: _PICTURE,
    0x0088: _PREVIEW,
    0x0100: _PICTURE,
    0x0209: Tag("device.serial", "CameraID", lambda raw, _: "" if camera_default(value := text(raw)) else value),
    0x0404: _SERIAL,
    0x101A: _SERIAL,
    0x1036: _PREVIEW,
    0x2010: Sub(_EQUIPMENT),
    0x2020: Sub({0x0101: _PREVIEW}),
}
_PENTAX: Tags = {
    0x0003: _PREVIEW,
    0x0215: Tag("device.serial", "InternalSerialNumber", lambda raw, order: number(raw[16:20], order)),
    0x0229: _SERIAL,
    0x022E: Tag("name.creator", "Artist", text),
    0x022F: Tag("rights", "Copyright", text),
}
_SONY_IDS = (sony(0x7C, 0x80), sony(0xF0, 0xF5), sony(0x88, 0x8E), sony(0x8A, 0x90))  # by body
_SONY: Tags = {
    0x2001: _PICTURE,
    0x2031: _SERIAL,
    0x9050: Tag(
        "device.serial",
        "InternalSerialNumber",
        lambda raw, order: next((value for read in _SONY_IDS if (value := read(raw, order))), ""),
    ),
}
_CASIO: Tags = {0x0003: _PREVIEW, 0x2000: _PICTURE}
_MINOLTA: Tags = {0x0081: _PICTURE, 0x0088: _PREVIEW}
_FUJI: Tags = {0x0010: _INTERNAL}
_SANYO: Tags = {0x0100: _PICTURE}
_SIGMA: Tags = {0x0002: _SERIAL, 0x001A: _PREVIEW}
_MOTOROLA: Tags = {0x5501: _SERIAL}
_RICOH: Tags = {
    0x0005: Tag("device.serial", "SerialNumber", ends_with_id),
    0x2001: Sub({0x002C: Tag("device.serial", "BodySerialNumber", at(16, 32, text))}),
}
_SAMSUNG: Tags = {
    0x0030: _place("LocalLocationName"),
    0x0031: _place("LocationName"),
    0x0123: Tag("name.person", "FaceName", text),
    0xA002: Tag("device.serial", "SerialNumber", lambda raw, _: text(raw) if raw[:5].isalnum() else ""),
    0xA005: _LENS,
}
_LEICA: Tags = {0x0303: Tag("device.serial", "SerialNumber", number)}
_LEICA_X: Tags = {0x0305: Tag("device.serial", "SerialNumber", number), 0x0500: _INTERNAL}
_LEICA_M9: Tags = {0x3000: Sub({0x3103: _SERIAL}), 0x3103: _SERIAL}
_KODAK: Tags = {0xFA00: _SERIAL, 0xFA04: _SERIAL, 0xFA19: _SERIAL}
_NINTENDO: Tags = {0x1101: Tag("device.serial", "InternalSerialNumber", at(0x18, 0x1C, digest))}
_PHASE = Tag("device.serial", "SerialNumber", lambda raw, _: text(raw.partition(b"SERIAL NUMBER:")[2][:26]))


def _reconyx_time(first: int, last: int) -> Tag:
    return Tag("time", "DateTimeOriginal", at(first, last, lambda raw, _: raw.hex() if raw.strip(b"\0") else ""))


def _vendor(head: bytes, tags: Tags, **places: object) -> Vendor:
    return Vendor(re.compile(head, re.DOTALL), tags, **places)  # type: ignore[arg-type]


VENDORS = (
    _vendor(rb"Apple iOS\0", _APPLE, start=14, base=0, order_at=12),
    _vendor(rb"Nikon\0\x02", _NIKON, base=10, order_at=10, start_at=14),
    _vendor(rb"Nikon\0\x01", {}, start=8),
    _vendor(rb"", _CANON, make="canon"),
    _vendor(rb"(?:QVC|DCI)\0", _CASIO, start=6),
    _vendor(rb"FUJIFILM|GENERALE", _FUJI, base=0, order="<", start_at=8),
    _vendor(rb"GE\x0c\0\0\0\x16\0\0\0", _FUJI, start=12, base=6, order="<"),
    _vendor(rb"(?:KDK|.{8}Eastman Kodak)", {}),
    _vendor(
        rb"[CK][A-Z\d]{3} ?[A-Z\d]{1,2}\d{2}[A-Z\d]\d{4}[ \0]",
        {},
        make="(?:eastman )?kodak",
        records=(Tag("device.serial", "SerialNumber", at(0, 16, text)),),
    ),
    _vendor(
        rb"(?:MM\0\x2a\0\0\0\x08|II\x2a\0\x08\0\0\0)", _KODAK, make="(?:eastman )?kodak", start=8, base=0, order_at=0
    ),
    _vendor(rb"(?:MM|II)", _KODAK, make="(?:eastman )?kodak", start=2, order_at=0),
    _vendor(rb"", _KODAK, make="(?:eastman )?kodak"),
    _vendor(rb"(?:MINOL|CAMER)\0", _OLYMPUS, start=8),
    _vendor(rb"(?!KC|\+M\+M|MLY0|\xd7)", _MINOLTA, make="(?:konica )?minolta"),
    _vendor(rb"MOT\0", _MOTOROLA, start=8, base=0),
    _vendor(rb"", _NIKON, make="nikon"),
    _vendor(rb"", _NINTENDO, make="nintendo"),
    _vendor(rb"(?:OLYMP|EPSON|PREMI)\0", _OLYMPUS, start=8),
    _vendor(rb"OLYMPUS\0", _OLYMPUS, start=12, base=0, order_at=8),
    _vendor(rb"OM SYSTEM\0", _OLYMPUS, start=16, base=0, order_at=12),
    _vendor(rb"SONY PI\0", _OLYMPUS, start=12),
    _vendor(rb"LEICA CAMERA AG\0", _PANASONIC, start=18),
    _vendor(rb"LEICA\0[\x01\x04\x05\x06\x07\x10\x1a]\0", _LEICA_X, start=8, base=0),
    _vendor(rb"LEICA\0[\x08\x09]\0", _LEICA_X, start=8),
    _vendor(rb"LEICA0", _LEICA_M9, start=8, base=0),
    _vendor(rb"LEICA\0\0\0", _LEICA, make="leica camera ag", start=8, base=8),
    _vendor(rb"LEICA\0[\x02]", _LEICA, start=8),
    _vendor(rb"LEICA", _PANASONIC, make="leica", start=8),
    _vendor(rb"Panasonic", _PANASONIC, start=12),
    _vendor(rb"AOC\0", _PENTAX, start=6),
    _vendor(rb"PENTAX \0", _PENTAX, start=10, base=0, order_at=8),
    _vendor(rb"RICOH\0(?:II|MM)", _PENTAX, start=8, base=0, order_at=6),
    _vendor(rb"", {0x0003: _PREVIEW}, make="asahi"),
    _vendor(
        rb"\x01\xf1",
        {},
        order="<",
        records=(
            Tag("device.serial", "SerialNumber", at(42, 72, wide)),
            Tag("text.free", "UserLabel", at(86, 108, text)),
            _reconyx_time(22, 34),
        ),
    ),
    _vendor(
        rb"RECONYXUF\0",
        {},
        order="<",
        records=(
            Tag("device.serial", "SerialNumber", at(0x4B, 0x5A, text)),
            Tag("text.free", "UserLabel", at(0x5A, 0x6F, text)),
            _reconyx_time(0x3B, 0x42),
        ),
    ),
    _vendor(
        rb"RECONYXH2\0",
        {},
        order="<",
        records=(
            Tag("device.serial", "SerialNumber", at(0x7E, 0x9C, wide)),
            Tag("text.free", "UserLabel", at(0x68, 0x7E, text)),
            _reconyx_time(0x3E, 0x4A),
        ),
    ),
    _vendor(
        rb"(?:MM\0\x2a\0\0\0\x08\0|II\x2a\0\x08\0\0\0.\0\0\0)",
        {},
        make="(?:pentax )?ricoh",
        start=8,
        base=0,
    ),
    _vendor(rb"(?:Ricoh|RICOH|      |MM\0\x2a|II\x2a\0)", _RICOH, make="(?:pentax )?ricoh", start=8),
    _vendor(rb"STMN\d{3}", {}, records=(Tag("embedded.thumbnail", "PreviewImage", at(12, 16, size), bare=True),)),
    _vendor(rb"(?:\0.|.\0)", _SAMSUNG, make="samsung"),
    _vendor(rb"SANYO", _SANYO, start=8),
    _vendor(rb"(?:SIGMA|FOVEON)", _SIGMA, start=10),
    _vendor(rb"(?:SONY (?:DSC|CAM|MOBILE)|\0\0SONY PIC\0|VHAB     \0)", _SONY, start=12),
    _vendor(rb"SEMC MS\0", _JPEG, start=20, base=12),
    _vendor(rb"(?!\x01\0|SONY PIC)", _SONY, make="sony|hasselblad"),
    _vendor(rb"(?:Hewlett-Packard|Vivitar|610[\0-\4]|IIII[\x04\x06]\0)", {}, records=(_PHASE,)),
    _vendor(rb"(?!QVC|DCI)", _CASIO, make="casio"),
    _vendor(rb"\x01\0\0\0\x04\0", {}, make="dji"),
)
"""In the order in which they are tried."""
