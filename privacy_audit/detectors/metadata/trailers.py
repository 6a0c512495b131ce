"""What programs append behind a picture: Samsung's entries, and IPTC that FotoStation and AFCP keep there."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from privacy_audit.detectors.metadata import iptc
from privacy_audit.detectors.metadata.hits import Hit
from privacy_audit.detectors.metadata.makernotes.values import text

MAX_ENTRIES = 64
_FOTOSTATION = b"\xa1\xb2\xc3\xd4"
_SAMSUNG = {0x0A01: ("time", "Image_UTC_Data"), 0x0AA1: ("place", "MCC_Data")}
_MAX_VALUE = 64


def hits(data: bytes) -> Iterator[Hit]:
    """The hits of the bytes behind a picture, which must be there to their end."""
    if data[-4:] == b"SEFT":
        yield from _samsung(data)
    if data[-4:] == _FOTOSTATION and len(data) >= 10:
        kind, size = struct.unpack_from(">HI", data, len(data) - 10)
        if kind == 1 and 10 <= size <= len(data):
            yield from iptc.hits(data[-size:-10])
    if data[-12:-9] == b"AXS":
        yield from _afcp(data)


def _samsung(data: bytes) -> Iterator[Hit]:
    """A table behind the entries: "SEFH", version, count, and per entry its type, its distance before, its size."""
    size = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - size
    if size < 12 or start < 0 or data[start : start + 4] != b"SEFH":
        return
    count = int.from_bytes(data[start + 8 : start + 12], "little")
    for at in range(start + 12, start + 12 + 12 * min(count, MAX_ENTRIES), 12):
        if at + 12 > len(data):
            return
        _, kind, before, length = struct.unpack_from("<HHII", data, at)
        first = start - before
        if kind not in _SAMSUNG or first < 0 or length < 8 or first + length > start:
            continue
        skipped = 8 + int.from_bytes(data[first + 4 : first + 8], "little")
        value = text(data[first + skipped : first + min(length, skipped + _MAX_VALUE)])
        code, name = _SAMSUNG[kind]
        if value:
            yield Hit(code, f"Samsung:{name}", value)


def _afcp(data: bytes) -> Iterator[Hit]:
    """A table at the start of the trailer; its offsets count from the start of the file, so from the table's own."""
    order = "<" if data[-9:-8] == b"*" else ">"
    start_in_file = struct.unpack_from(order + "I", data, len(data) - 8)[0]
    start = data.find(data[-12:-8])
    count = struct.unpack_from(order + "H", data, start + 6)[0] if start + 12 <= len(data) else 0
    for at in range(start + 12, start + 12 + 12 * min(count, MAX_ENTRIES), 12):
        if at + 12 > len(data):
            return
        kind, size, offset = struct.unpack_from(order + "4sII", data, at)
        first = start + offset - start_in_file
        if kind == b"IPTC" and first >= 0:
            yield from iptc.hits(data[first : first + size])
