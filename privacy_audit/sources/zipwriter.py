"""Writes a ZIP archive member by member; packed bytes of another archive go in as they are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

_WIDE = 0xFFFFFFFF
_UTF8, _STREAMED = 0x800, 0x8
_DEFLATED = 8
_VERSION_64 = 45


@dataclass(frozen=True, slots=True)
class Facts:
    """What an archive says of a member beside its content. `name` and `comment` are as stored, `time` as DOS has it."""

    name: bytes
    flags: int
    made_by: int
    version: int
    time: bytes
    attributes: tuple[int, int]
    extra: bytes
    comment: bytes


class ZipWriter:
    """Writes to `out`, which is at its start."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._directory: list[bytes] = []

    def packed(  # noqa: PLR0917 - in the order of the format
        self, facts: Facts, method: int, crc: int, size: int, data: Iterable[bytes], packed: int
    ) -> None:
        """A member of `size` bytes, in `packed` bytes that are packed already."""
        at = self._out.tell()
        flags = facts.flags & ~_STREAMED  # sizes stand in front, so nothing follows the content
        wide = size >= _WIDE or packed >= _WIDE
        version = max(facts.version, _VERSION_64) if wide else facts.version
        sizes = struct.pack("<III", crc, _WIDE if wide else packed, _WIDE if wide else size)
        extra = (struct.pack("<HHQQ", 1, 16, size, packed) if wide else b"") + facts.extra
        head = struct.pack("<HHH4s", version, flags, method, facts.time) + sizes
        lengths = struct.pack("<HH", len(facts.name), len(extra))
        self._out.write(b"PK\x03\x04" + head + lengths + facts.name + extra)
        for piece in data:
            self._out.write(piece)
        far = at >= _WIDE
        numbers = (struct.pack("<QQ", size, packed) if wide else b"") + (struct.pack("<Q", at) if far else b"")
        extra = (struct.pack("<HH", 1, len(numbers)) + numbers if numbers else b"") + facts.extra
        lengths = struct.pack("<HHHHHII", len(facts.name), len(extra), len(facts.comment), 0, *facts.attributes, 0)
        lengths = lengths[:-4] + struct.pack("<I", _WIDE if far else at)
        self._directory.append(
            b"PK\x01\x02" + struct.pack("<H", facts.made_by) + head + lengths + facts.name + extra + facts.comment
        )

    def content(self, facts: Facts, method: int, data: bytes) -> None:
        """A member with new content: stored if it was, else deflated."""
        if method == 0:
            self.packed(facts, 0, zlib.crc32(data), len(data), [data], len(data))
            return
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = deflate.compress(data) + deflate.flush()
        self.packed(facts, _DEFLATED, zlib.crc32(data), len(data), [packed], len(packed))

    def close(self) -> None:
        """Write the directory."""
        at, count = self._out.tell(), len(self._directory)
        for record in self._directory:
            self._out.write(record)
        end = self._out.tell()
        size = end - at
        if count >= 0xFFFF or size >= _WIDE or at >= _WIDE:
            self._out.write(
                struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, at)
                + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
            )
        few = min(count, 0xFFFF)
        self._out.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, few, few, min(size, _WIDE), min(at, _WIDE), 0))


def named(facts: Facts, name: str) -> Facts:
    """The same member under another name, in UTF-8."""
    flags = facts.flags if name.isascii() else facts.flags | _UTF8
    raw = name.encode("utf-8", "surrogateescape")
    return Facts(raw, flags, facts.made_by, facts.version, facts.time, facts.attributes, extra_of(facts.extra), b"")


def extra_of(extra: bytes) -> bytes:
    """Extra fields but for ZIP64's, and those that repeat the name or the comment in Unicode."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack("<HH", extra[at : at + 4])
        if tag not in {0x0001, 0x7075, 0x6375}:
            kept += extra[at : at + 4 + length]
        at += 4 + length
    return kept
