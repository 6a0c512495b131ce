"""GoPro's metadata format (GPMF) in APP6 segments: nested entries of a key, a type, a size and a count."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from privacy_audit.detectors.metadata import gps
from privacy_audit.detectors.metadata.hits import Hit
from privacy_audit.detectors.metadata.makernotes.values import digest, text

MAX_ENTRIES = 4096
MAX_DEPTH = 6
_PLACES = {b"GPS5": (0, 1, 10**7), b"GLPI": (1, 2, 10**7), b"GPRI": (1, 2, 10**7)}  # which numbers, and their scale
_TEXTS = {b"CASN": ("device.serial", "CameraSerialNumber"), b"GPSU": ("time", "GPSDateTime")}


def hits(raw: bytes) -> Iterator[Hit]:
    """The hits of one stream of entries."""
    todo = [(0, len(raw), 0)]
    left = MAX_ENTRIES
    while todo:
        at, end, depth = todo.pop()
        while at + 8 <= end and left:
            left -= 1
            key, kind, size, count = struct.unpack_from(">4sBBH", raw, at)
            start, stop = at + 8, min(at + 8 + size * count, end)
            at = start + (size * count + 3) // 4 * 4
            if kind == 0 and depth < MAX_DEPTH:
                todo.append((start, stop, depth + 1))
            elif key in _TEXTS:
                code, name = _TEXTS[key]
                value = text(raw[start : min(stop, start + 64)])
                if value:
                    yield Hit(code, f"GoPro:{name}", value)
            elif key == b"MUID":
                value = digest(raw[start:stop])
                if value:
                    yield Hit("device.uid", "GoPro:MediaUniqueID", value)
            elif key in _PLACES:
                yield from _place(key, raw[start:stop])


def _place(key: bytes, raw: bytes) -> Iterator[Hit]:
    """The first row that is a place. Rows without a fix are zeros."""
    north_at, east_at, scale = _PLACES[key]
    for at in range(0, min(len(raw), 20 * 64), 20):
        if at + 12 > len(raw):
            return
        numbers = struct.unpack_from(">3i", raw, at)
        north, east = (gps.Angle(numbers[index] / scale, 1 / scale) for index in (north_at, east_at))
        found = gps.hit("GoPro:GPSLatitude", north, east, 0.0, altitude=False)
        if found is not None:
            yield found
            return
