"""Metadata that a redacted picture takes along from its source: everything but pictures.

An embedded preview shows what was redacted. It may stand in EXIF's second directory, in a vendor's block, in XMP as
base64 or in a comment. So EXIF is built anew from the entries that describe, and a block that holds a picture is left
out as a whole.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from privacy_audit.pixels import ORIENTATION_TAG

MAX_EXIF_BYTES = 65_527  # what fits a JPEG segment beside its length and "Exif\0\0"

_EXIF_HEADER = b"Exif\0\0"
_POINTERS = (frozenset({0x8769, 0x8825}), frozenset({0xA005}), frozenset[int]())  # Exif and GPS; Interoperability; none
_MAKER_NOTE = 0x927C
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}
_MAX_ENTRIES = 512
_MAX_PAGES = 100_000
_SMALL_BYTES = 1024  # a thumbnail does not fit; longer values have to be texts
# What describes the picture in the first directory. Not here: the layout of pixels, and tags that can hold pictures.
_DESCRIBING = frozenset(
    {0x000B, 0x010D, 0x010E, 0x010F, 0x0110, ORIENTATION_TAG, 0x011A, 0x011B, 0x011D, 0x0128, 0x0129, 0x0131, 0x0132}
    | {0x013B, 0x013C, 0x0213, 0x4746, 0x4749, 0x8298, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, *_POINTERS[0]}
)
_TEXTS = frozenset({0x010E, 0x013B, 0x8298, 0x9286, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F})

_SEPARATORS = re.compile(rb"\s|&#x?[0-9A-Fa-f]{1,4};|\\[nr]")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/]{400}")
_PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"WEBPVP8", b"GIF87a", b"GIF89a", b"ftypavif", b"ftyphei")
_MAX_BLOCK_BYTES = 4 * 1024 * 1024


class _Entry(NamedTuple):
    tag: int
    type: int
    items: int
    value: bytes


def holds_picture(block: bytes) -> bool:
    """Whether a text or metadata block may hold a picture: a file, any long run of base64, or an absurd size."""
    if len(block) > _MAX_BLOCK_BYTES or any(start in block for start in _PICTURE_STARTS):
        return True
    return _BASE64_RUN.search(_SEPARATORS.sub(b"", block)) is not None


def exif(block: bytes, orientation: int = 1, page: int = 0, directories: bool = True) -> bytes:
    """A new EXIF block (a TIFF structure, without the "Exif" header) of what describes the picture in `block`.

    `block` is an EXIF block with or without its header, or a whole TIFF file, whose `page` is read. Previews, vendor
    blocks, colour profiles and everything that cannot be read are left out. `orientation` (1 to 8) is what the block
    will say, whatever stood there. Without `directories`, the Exif and GPS directories stay behind. Empty when there is
    nothing to carry. Never raises.
    """
    raw = block.removeprefix(_EXIF_HEADER)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(raw[:4], "")
    entries = _directory(raw, order, _page_offset(raw, order, page)) if order else []
    order = order or "<"
    wanted = _DESCRIBING if directories else _DESCRIBING - _POINTERS[0]
    kept = [entry for entry in entries if entry.tag in wanted and entry.tag != ORIENTATION_TAG]
    if orientation != 1 or any(entry.tag == ORIENTATION_TAG for entry in entries):
        kept.append(_Entry(ORIENTATION_TAG, 3, 1, struct.pack(order + "H", orientation)))
    built = _build(raw, order, kept)
    if len(built) > MAX_EXIF_BYTES:
        built = _build(raw, order, [entry for entry in kept if entry.tag == ORIENTATION_TAG])
    return built


def _page_offset(raw: bytes, order: str, page: int) -> int:
    (offset,) = struct.unpack_from(order + "I", raw, 4) if len(raw) >= 8 else (0,)
    for _ in range(min(page, _MAX_PAGES)):
        if not 8 <= offset <= len(raw) - 2:
            return 0
        after = offset + 2 + 12 * int(struct.unpack_from(order + "H", raw, offset)[0])
        if after + 4 > len(raw):
            return 0
        (offset,) = struct.unpack_from(order + "I", raw, after)
    return int(offset)


def _directory(raw: bytes, order: str, offset: int) -> list[_Entry]:
    """The entries of one directory whose values are whole; at most one per tag, as the format demands."""
    if not 8 <= offset <= len(raw) - 2:
        return []
    (count,) = struct.unpack_from(order + "H", raw, offset)
    found: dict[int, _Entry] = {}
    for at in range(offset + 2, offset + 2 + 12 * min(count, _MAX_ENTRIES), 12):
        if at + 12 > len(raw):
            break
        tag, kind, items = struct.unpack_from(order + "HHI", raw, at)
        size = _TYPE_SIZES.get(kind, 0) * items
        (start,) = (at + 8,) if size <= 4 else struct.unpack_from(order + "I", raw, at + 8)
        value = raw[start : start + size]
        if size and len(value) == size and tag not in found and _may_stay(tag, value):
            found[tag] = _Entry(tag, kind, items, value)
    return list(found.values())


def _may_stay(tag: int, value: bytes) -> bool:
    if tag == _MAKER_NOTE:
        return False
    return (len(value) <= _SMALL_BYTES or tag in _TEXTS) and not holds_picture(value)


def _build(raw: bytes, order: str, entries: list[_Entry]) -> bytes:
    """A TIFF structure with `entries` in its only directory, and after it the directories that they point to."""
    if not entries:
        return b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return header + _serialise(raw, order, entries, 8, depth=0)


def _serialise(raw: bytes, order: str, entries: list[_Entry], at: int, depth: int) -> bytes:
    """One directory as it stands at offset `at`, its long values and sub-directories behind it."""
    pointers = _POINTERS[depth]
    misplaced = frozenset[int]().union(*_POINTERS) - pointers
    entries = sorted(entry for entry in entries if entry.tag not in misplaced)
    table = struct.pack(order + "H", len(entries))
    tail = b""
    tail_at = at + 2 + 12 * len(entries) + 4
    for entry in entries:
        kind, items, value = entry.type, entry.items, entry.value
        if entry.tag in pointers:
            target = struct.unpack(order + "I", value)[0] if len(value) == 4 else 0
            kind, items, value = 4, 1, struct.pack(order + "I", tail_at + len(tail))
            tail += _serialise(raw, order, _directory(raw, order, target), tail_at + len(tail), depth + 1)
        elif len(value) > 4:
            offset = struct.pack(order + "I", tail_at + len(tail))
            tail += value + b"\0" * (len(value) % 2)
            value = offset
        table += struct.pack(order + "HHI", entry.tag, kind, items) + value.ljust(4, b"\0")
    return table + b"\0\0\0\0" + tail
