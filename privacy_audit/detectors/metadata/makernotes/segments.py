"""Vendor segments of JPEG files that are no EXIF.

Canon's CIFF, Kodak's Meta, the picture info of Olympus and Agfa, Ricoh's RMETA, Casio's QVCI, Photoshop's Ducky, and
the thermal cameras of FLIR and InfiRay; GoPro's GPMF.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from privacy_audit.containers import tiff
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text
from privacy_audit.detectors.metadata.makernotes import flir, gopro
from privacy_audit.detectors.metadata.makernotes.values import Tag, number, text
from privacy_audit.detectors.metadata.makernotes.values import at as bytes_at

MAX_ENTRIES = 512
MAX_DEPTH = 4
_CIFF_HEAD = 14
_IN_DIRECTORY, _DIRECTORIES = 0x4000, frozenset({0x28, 0x30})
_CIFF = {
    0x0805: Tag("text.free", "UserComment", text),
    0x0810: Tag("name.owner", "OwnerName", text),
    0x180B: Tag("device.serial", "SerialNumber", lambda raw, order: number(raw[:4], order)),
    0x180E: Tag("time", "DateTimeOriginal", lambda raw, order: number(raw[:4], order)),
}
_META = {
    0xC353: ("name.owner", "CameraOwner"),
    0xC354: ("device.serial", "SerialNumber"),
    0xC36E: ("text.free", "UserComment"),
}
_PLACES = frozenset({b"location", b"place", b"address", b"city"})
_THERMAL = b"infisense"
_INFIRAY = (
    Tag("device.serial", "IRSensorSerialNumber", bytes_at(0x0C0, 0x0E0, text)),
    Tag("device.serial", "VisibleSensorSerialNumber", bytes_at(0x240, 0x260, text)),
)
_INFO = re.compile(rb"\[(?:picture|camera) info\]")
_LINE = re.compile(rb"[\r\n](TimeDate|Serial#?)=([^\r\n]{1,64})")


def hits(raw: bytes, name: str) -> Iterator[Hit]:
    """The hits of one segment; `name` is that of its block, "APP0 II" say."""
    segment = name.partition(" ")[0]
    if raw[6:14] == b"HEAPJPGM" and raw[:2] in {b"II", b"MM"}:
        yield from _ciff(raw, "<" if raw[:2] == b"II" else ">")
    elif segment == "APP3" and raw[:6] in {b"Meta\0\0", b"META\0\0", b"Exif\0\0"}:
        yield from _meta(raw[6:])
    elif segment == "APP12" and _INFO.search(raw[:512]):
        yield from _info(raw)
    elif name == "APP1 FLIR":
        yield from flir.hits(raw)
    elif name == "APP6 GoPro":
        yield from gopro.hits(raw)
    elif segment == "APP5" and raw[:6] == b"RMETA\0":
        yield from _rmeta(raw[6:])
    elif segment == "APP1" and raw[:5] == b"QVCI\0":
        value = text(raw[0x4D:0x61])
        if value:
            yield Hit("time", "QVCI:DateTimeOriginal", value)
    elif segment == "APP12" and raw[:5] == b"Ducky":
        yield from _ducky(raw)
    elif segment == "APP9" and raw[: len(_THERMAL)] == _THERMAL:
        for tag in _INFIRAY:
            value = tag.read(raw, "<")
            if value:
                yield Hit(tag.code, f"InfiRay:{tag.name}", value)


def _ducky(raw: bytes) -> Iterator[Hit]:
    """Photoshop's "save for web": a comment and a copyright notice in UTF-16."""
    at = 5
    for _ in range(MAX_ENTRIES):
        tag, size = int.from_bytes(raw[at : at + 2], "big"), int.from_bytes(raw[at + 2 : at + 4], "big")
        value = raw[at + 8 : at + 4 + size].decode("utf-16-be", "replace").replace("\0", " ").strip()
        if tag == 2 and free_text(value):
            yield Hit("text.free", "Ducky:Comment", value)
        elif tag == 3 and not blank(value):
            yield Hit("rights", "Ducky:Copyright", value)
        at += 4 + size
        if not tag or at >= len(raw):
            return


def _rmeta(raw: bytes) -> Iterator[Hit]:
    """Ricoh's record of what the user noted in the camera: a section of names and one of values."""
    order = ">" if raw[:2] == b"MM" else "<"
    if len(raw) < 20 or struct.unpack_from(order + "H", raw, 4)[0]:
        return
    at = struct.unpack_from(order + "H", raw, 8)[0] + 10
    parts: dict[int, list[bytes]] = {}
    for _ in range(8):
        if at + 4 > len(raw):
            break
        kind, size = struct.unpack_from(order + "HH", raw, at)
        if size < 2:
            break
        parts.setdefault(kind, raw[at + 4 : at + 2 + size].split(b"\0")[:MAX_ENTRIES])
        at += 2 + size
    for key, value in zip(parts.get(1, ()), parts.get(2, ()), strict=False):
        known = text(value)
        if known and key.strip().lower() in _PLACES:
            yield Hit("place", "RMETA:Location", known)
        elif free_text(known):
            yield Hit("text.free", "RMETA:Note", known)


def _ciff(raw: bytes, order: str) -> Iterator[Hit]:
    start = struct.unpack_from(order + "I", raw, 2)[0]
    todo = [(start, len(raw), 0)]
    seen = set()
    while todo:
        start, end, depth = todo.pop()
        if end - start < 6 or end > len(raw) or depth > MAX_DEPTH or (start, end) in seen:
            continue
        seen.add((start, end))
        table = start + struct.unpack_from(order + "I", raw, end - 4)[0]
        if table + 2 > end:
            continue
        count = min(struct.unpack_from(order + "H", raw, table)[0], MAX_ENTRIES, (end - table - 2) // 10)
        for at in range(table + 2, table + 2 + 10 * count, 10):
            tag, size, offset = struct.unpack_from(order + "HII", raw, at)
            inside = bool(tag & _IN_DIRECTORY)
            first = at + 2 if inside else start + offset
            last = at + 10 if inside else first + size
            if not inside and tag >> 8 & 0x38 in _DIRECTORIES:
                if len(seen) + len(todo) < MAX_ENTRIES:
                    todo.append((first, last, depth + 1))
            elif (known := _CIFF.get(tag & 0x3FFF)) is not None and last <= end:
                value = known.read(raw[first:last], order)
                if value:
                    yield Hit(known.code, f"CIFF:{known.name}", value)


def _meta(block: bytes) -> Iterator[Hit]:
    form = tiff.layout(block)
    for entry in tiff.entries(block):
        code, name = _META.get(entry.tag, ("", ""))
        if code and form is not None and isinstance(entry.value, bytes):
            value = tiff.user_comment(entry.value, form)
            if not blank(value) and (code == "device.serial" or free_text(value)):
                yield Hit(code, f"Meta:{name}", value)


def _info(raw: bytes) -> Iterator[Hit]:
    for key, value in _LINE.findall(raw):
        found = text(value.strip(b" #"))
        if found:
            code, name = ("time", "DateTimeOriginal") if key == b"TimeDate" else ("device.serial", "SerialNumber")
            yield Hit(code, f"PictureInfo:{name}", found)
