"""Writes EXIF blocks as cameras do, thumbnail included: Pillow writes all of it but the thumbnail."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from PIL import Image

ARTIST, ORIENTATION, EXIF_IFD, GPS_IFD = 0x013B, 0x0112, 0x8769, 0x8825
DATE_TAKEN, OWNER_NAME, BODY_SERIAL = 0x9003, 0xA430, 0xA431
_COMPRESSION, _THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0103, 0x0201, 0x0202
_SHORT, _LONG, _JPEG = 3, 4, 6


def build(
    *,
    orientation: int = 1,
    camera: Mapping[int, str] | None = None,
    place: tuple[float, float] | None = None,
    thumbnail: bytes | None = None,
) -> bytes:
    """An EXIF block ("Exif\\0\\0" and a TIFF structure). `place` is latitude and longitude in degrees."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if camera:
        exif.get_ifd(EXIF_IFD).update(camera)
    if place is not None:
        exif.get_ifd(GPS_IFD).update(_gps(*place))
    block = exif.tobytes()
    return block if thumbnail is None else _with_thumbnail(block, thumbnail)


def _gps(latitude: float, longitude: float) -> dict[int, object]:
    return {
        1: "N" if latitude >= 0 else "S",
        2: _sexagesimal(abs(latitude)),
        3: "E" if longitude >= 0 else "W",
        4: _sexagesimal(abs(longitude)),
    }


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    whole, minutes = int(degrees), (degrees % 1) * 60
    return float(whole), float(int(minutes)), round((minutes % 1) * 60, 2)


def _with_thumbnail(block: bytes, thumbnail: bytes) -> bytes:
    """Append IFD1, which holds the thumbnail, and point IFD0's link at it."""
    tiff = bytearray(block[6:])
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, first)
    second = len(tiff)
    struct.pack_into(order + "I", tiff, first + 2 + 12 * count, second)
    data = second + 2 + 3 * 12 + 4
    tiff += struct.pack(order + "H", 3)
    tiff += struct.pack(order + "HHIHH", _COMPRESSION, _SHORT, 1, _JPEG, 0)
    tiff += struct.pack(order + "HHII", _THUMBNAIL_OFFSET, _LONG, 1, data)
    tiff += struct.pack(order + "HHII", _THUMBNAIL_LENGTH, _LONG, 1, len(thumbnail))
    tiff += struct.pack(order + "I", 0) + thumbnail
    return block[:6] + bytes(tiff)
