"""FLIR's thermal cameras: a file of records inside APP1 segments, of which the camera's and the place's are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from privacy_audit.detectors.metadata import gps
from privacy_audit.detectors.metadata.hits import Hit
from privacy_audit.detectors.metadata.makernotes.values import text

MAX_RECORDS = 128
_CAMERA, _PLACE = 0x20, 0x2B
_STRINGS = (
    ("CameraSerialNumber", 0x104, 0x114),
    ("LensSerialNumber", 0x1A0, 0x1B0),
    ("FilterSerialNumber", 0x204, 0x224),
)
_TIME_AT = 0x384
_STEP = 1e-7  # degrees; the file stores doubles, and their last digit says nothing


def hits(raw: bytes) -> Iterator[Hit]:
    """The hits of a FLIR file, from its first byte."""
    if raw[:4] not in {b"FFF\0", b"AFF\0"} or len(raw) < 64:
        return
    order = next((sign for sign in "><" if 100 <= struct.unpack_from(sign + "I", raw, 20)[0] < 200), None)
    if order is None:
        return
    start, count = struct.unpack_from(order + "II", raw, 24)
    for at in range(start, start + 32 * min(count, MAX_RECORDS), 32):
        if at + 32 > len(raw):
            return
        kind = struct.unpack_from(order + "H", raw, at)[0]
        offset, size = struct.unpack_from(order + "II", raw, at + 12)
        record = raw[offset : offset + min(size, 4096)]
        if kind == _CAMERA:
            yield from _camera(record)
        elif kind == _PLACE:
            yield from _place(record)


def _camera(record: bytes) -> Iterator[Hit]:
    for name, first, last in _STRINGS:
        value = text(record[first:last])
        if value:
            yield Hit("device.serial", f"FLIR:{name}", value)
    moment = record[_TIME_AT : _TIME_AT + 4]
    if moment.strip(b"\0"):
        yield Hit("time", "FLIR:DateTimeOriginal", moment.hex())


def _place(record: bytes) -> Iterator[Hit]:
    if len(record) < 32 or not record[:4].strip(b"\0"):
        return
    north, east = struct.unpack_from("<dd", record, 16)
    if not (abs(north) <= 90 and abs(east) <= 180):  # neither for what is no number
        return
    south, west = record[8:9].upper() == b"S", record[10:11].upper() == b"W"
    found = gps.hit(
        "FLIR:GPSLatitude",
        gps.Angle(-abs(north) if south else north, _STEP),
        gps.Angle(-abs(east) if west else east, _STEP),
        0.0,
        altitude=False,
    )
    if found is not None:
        yield found
