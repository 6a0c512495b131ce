"""One MakerNote to hits. Bounded, and never raises: entries that point outside the block are left out."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from privacy_audit.containers.tiff import MAKER_NOTE, SIZES, Entry
from privacy_audit.detectors.metadata.hits import Hit
from privacy_audit.detectors.metadata.makernotes import fallback
from privacy_audit.detectors.metadata.makernotes.values import Tag
from privacy_audit.detectors.metadata.makernotes.vendors import VENDORS, Sub, Tags, Vendor

MAX_ENTRIES = 255  # more would be the same number in the other byte order
MAX_VALUE_BYTES = 1024 * 1024
MAX_DEPTH = 2
_SHORTEST = 16
_ORDERS = {b"II": "<", b"MM": ">"}


class _Block(NamedTuple):
    """An EXIF block, and what the offsets inside its note count from."""

    data: bytes
    base: int


def hits(exif: bytes, entries: Sequence[Entry]) -> Iterator[Hit]:
    """The hits inside the MakerNote of an EXIF block, whose entries were read before."""
    note = next((entry for entry in entries if entry.tag == MAKER_NOTE and isinstance(entry.value, bytes)), None)
    if note is None or len(note.value) < _SHORTEST:
        return
    assert isinstance(note.value, bytes)
    named = {entry.name: str(entry.value) for entry in entries if entry.ifd == "IFD0"}
    make = named.get("Make", "").strip()
    vendor = _vendor(note.value, make.lower())
    if vendor is None:
        if make:
            yield from fallback.hits(exif, note.at, len(note.value), make, named.get("Model", ""))
        return
    order = vendor.order or _ORDERS.get(exif[:2], "<")
    for tag in vendor.records:
        yield from _hit(tag, note.value, order)
    if vendor.tags:
        yield from _directory(exif, note, vendor, order)


def _vendor(note: bytes, make: str) -> Vendor | None:
    return next((vendor for vendor in _vendors_of(make[:64]) if vendor.head.match(note)), None)


@functools.lru_cache(maxsize=256)
def _vendors_of(make: str) -> tuple[Vendor, ...]:
    """The vendors that may have written the note of a camera of this make."""
    return tuple(vendor for vendor in VENDORS if not vendor.make or re.match(vendor.make, make))


def _directory(exif: bytes, note: Entry, vendor: Vendor, order: str) -> Iterator[Hit]:
    raw = note.value
    assert isinstance(raw, bytes)
    if vendor.order_at is not None:
        order = _ORDERS.get(raw[vendor.order_at : vendor.order_at + 2], order)
    start = vendor.start
    if vendor.start_at is not None:
        (start,) = struct.unpack_from(order + "I", raw, vendor.start_at) if len(raw) >= vendor.start_at + 4 else (0,)
        start += vendor.base or 0
    base = 0 if vendor.base is None else note.at + vendor.base
    yield from _entries(_Block(exif, base), note.at + start, order, vendor.tags)


def _entries(block: _Block, start: int, order: str, tags: Tags, depth: int = 0) -> Iterator[Hit]:
    exif, base = block
    if start + 2 > len(exif) or depth > MAX_DEPTH:
        return
    (count,) = struct.unpack_from(order + "H", exif, start)
    if not 0 < count <= MAX_ENTRIES:  # some cameras write the note in the other byte order than the rest
        order = ">" if order == "<" else "<"
        (count,) = struct.unpack_from(order + "H", exif, start)
        if not 0 < count <= MAX_ENTRIES:
            return
    rows = exif[start + 2 : start + 2 + 12 * count]
    for at, (number, kind, items, offset) in enumerate(
        struct.iter_unpack(order + "HHII", rows[: len(rows) // 12 * 12])
    ):
        tag = tags.get(number)
        if tag is None:
            continue
        length = SIZES.get(kind, 0) * items
        value_at = base + offset if length > 4 else start + 2 + 12 * at + 8
        if not length or length > MAX_VALUE_BYTES or value_at + min(length, 64) > len(exif):
            continue
        if isinstance(tag, Sub):
            # The directory itself (of an UNDEFINED entry), or a pointer to it
            inner = value_at if length > 4 else base + offset
            yield from _entries(block, inner, order, tag.tags, depth + 1)
        else:
            yield from _hit(tag, exif[value_at : value_at + length], order)


def _hit(tag: Tag, raw: bytes, order: str) -> Iterator[Hit]:
    value = tag.read(raw, order)
    if value:
        yield Hit(tag.code, f"MakerNote:{tag.name}", "" if tag.bare else value)
