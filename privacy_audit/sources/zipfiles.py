"""The members of a ZIP archive by name, with some 40 bytes of memory for each, and their content within limits.

Nothing is extracted. Python's own zipfile keeps an object of about a kilobyte for every member, which a million tiny
members turn into a gigabyte.
"""

from __future__ import annotations

import bz2
import os
import stat
import struct
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from privacy_audit.errors import PictureError, SourceError
from privacy_audit.sources.names import OUTSIDE, inside, mark
from privacy_audit.sources.zipwriter import Facts, extra_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_RATIO = 200
RATIO_FROM = 16 * 1024 * 1024
"""A member may unpack to so many bytes whatever its size; beyond, to MAX_RATIO times its size."""
CHANGED = "the archive changed while it was read"
_END, _END64, _LOCATOR64, _CENTRAL, _LOCAL = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02", b"PK\x03\x04"
_LONGEST_COMMENT = 65_535
_CHUNK = 1 << 20
_ENCRYPTED, _UTF8, _STREAMED = 0x1, 0x800, 0x8
_OVERLAPS, _OUTSIDE = 1, 2
_DIRECTORY_BIT = 0x10


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the central directory describes it. `kind` is "file", "folder", "link" or "device"."""

    name: str
    kind: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    local: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A member by its name below the root, and all that an archive says of it."""

    name: str
    kind: str
    entry: Entry
    facts: Facts


class Directory:
    """The central directory: where the record of each name is. `problem` says what of the archive is lost."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.path = path
        self.problem: str | None = None
        self._shift = 0
        self._recovered: dict[int, Entry] | None = None
        keys, places, starts, packed = (array("Q") for _ in range(4))
        crcs, bits = array("Q"), bytearray()
        with path.open("rb") as file:
            for at, entry in self._entries(file):
                name, sound = inside(entry.name)
                if entry.kind == "file" and name:
                    keys.append(_key(name))
                    places.append(at)
                    starts.append(entry.local)
                    packed.append(entry.packed)
                    crcs.append(entry.crc)
                    bits.append(0 if sound else _OUTSIDE)
        marks: npt.NDArray[np.uint64] = np.array(keys, dtype=np.uint64)
        found, counts = np.unique(marks, return_counts=True)
        self._doubles = frozenset(map(int, found[counts > 1]))
        self._places: npt.NDArray[np.uint64] = np.array(places, dtype=np.uint64)
        seen = Counter[int]()
        for number in np.flatnonzero(np.isin(marks, found[counts > 1])):
            first = int(marks[number])
            if seen[first]:
                name, _ = inside(self._record(int(self._places[number])).name)
                marks[number] = _key(_double(name, seen[first]))
            seen[first] += 1
        self._bits: npt.NDArray[np.uint8] = np.array(bits, dtype=np.uint8)
        self._packed: npt.NDArray[np.uint64] = np.array(packed, dtype=np.uint64)
        self._bits[_overlapping(np.array(starts, dtype=np.uint64), self._packed)] |= _OVERLAPS
        self._crcs: npt.NDArray[np.uint32] = np.array(crcs, dtype=np.uint32)
        self._order = np.argsort(marks, kind="stable")
        self._keys: npt.NDArray[np.uint64] = marks[self._order]

    def names(self, skipped: Counter[str]) -> Iterator[str]:
        """Every file, in the order of the archive; a name that was there before gets a number."""
        seen = Counter[int]()
        with self.path.open("rb") as file:
            for _, entry in self._entries(file):
                name, _ = inside(entry.name)
                if entry.kind == "link":
                    skipped["link (not followed)"] += 1
                elif entry.kind == "device":
                    skipped["device, pipe or socket"] += 1
                elif entry.kind == "file" and not name:
                    skipped["member without a name"] += 1
                elif entry.kind == "file":
                    key = _key(name) if self._doubles else 0
                    yield _double(name, seen[key]) if key in self._doubles and seen[key] else name
                    if key in self._doubles:
                        seen[key] += 1

    def stored(self) -> Iterator[Stored]:
        """Every file and folder, in the order of the archive."""
        seen = Counter[int]()
        with self.path.open("rb") as file, self.path.open("rb") as records:
            for at, entry in self._entries(file):
                name, _ = inside(entry.name)
                if not name or entry.kind not in {"file", "folder"}:
                    continue
                if entry.kind == "file":
                    key = _key(name) if self._doubles else 0
                    number = seen[key] if key in self._doubles else 0
                    seen[key] += key in self._doubles
                    name = _double(name, number) if number else name
                yield Stored(name, entry.kind, entry, _facts(records, at, entry, recovered=self._recovered is not None))

    def raw(self, entry: Entry) -> Iterator[bytes]:
        """The packed bytes of a member."""
        with self.path.open("rb") as file:
            file.seek(entry.local)
            header = file.read(30)
            file.seek(entry.local + 30 + sum(struct.unpack("<HH", header[26:30])))
            left = entry.packed
            while left and (piece := file.read(min(left, _CHUNK))):
                yield piece
                left -= len(piece)

    def place(self, name: str) -> int | None:
        """The position of a name in the index, or None."""
        import numpy as np

        key = _key(name)
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        return int(self._order[at]) if at < len(self._keys) and int(self._keys[at]) == key else None

    def complaint(self, place: int) -> str | None:
        """What is wrong with a member that can be read all the same."""
        return OUTSIDE if self._bits[place] & _OUTSIDE else None

    def stamp(self, place: int) -> str:
        """A text that changes with the content."""
        return f"{self._packed[place]}\0{self._crcs[place]}"

    def _record(self, at: int) -> Entry:
        if self._recovered is not None:
            return self._recovered[at]
        with self.path.open("rb") as file:
            file.seek(at)
            fixed = file.read(46).ljust(46, b"\0")
            entry, _ = _central(fixed + file.read(sum(struct.unpack("<HHH", fixed[28:34]))), 0, self._shift)
        if entry is None:
            raise PictureError(CHANGED)
        return entry

    def read(self, place: int, max_bytes: int, head: int | None = None) -> bytes:
        """A member's content, or its first `head` bytes. Raises PictureError when it cannot be had."""
        if self._bits[place] & _OVERLAPS:
            raise PictureError("the member shares its bytes with another: perhaps a decompression bomb", "too_large")
        try:
            entry = self._record(int(self._places[place]))
            if (entry.packed, entry.crc) != (self._packed[place], self._crcs[place]):
                raise PictureError(CHANGED)
            if entry.flags & _ENCRYPTED:
                raise PictureError("the member is encrypted")
            limit = min(max_bytes, max(RATIO_FROM, MAX_RATIO * entry.packed))
            if head is None and entry.size > limit:
                raise _too_large(limit)
            with self.path.open("rb") as file:
                file.seek(entry.local)
                header = file.read(30)
                if len(header) < 30 or not header.startswith(_LOCAL):
                    raise PictureError("the member's header is damaged, or cut off")
                name_size, extra_size = struct.unpack("<HH", header[26:30])
                file.seek(entry.local + 30 + name_size + extra_size)
                return _unpacked(file, entry, limit, head)
        except OSError as error:
            raise PictureError(f"the archive cannot be read: {error.strerror or 'input/output error'}") from error

    def _entries(self, file: BinaryIO) -> Iterator[tuple[int, Entry]]:
        """The records of the central directory with their offsets; without one, what the members' headers tell."""
        found = _find(file)
        if found is None:
            self.problem = "the archive has no directory of its members: it is cut off or damaged, and some are lost"
            if self._recovered is None:
                self._recovered = dict(_walk_local(file))
            yield from self._recovered.items()
            return
        at, end, self._shift = found
        while at < end:
            file.seek(at)
            chunk = file.read(_CHUNK + 46 + 3 * 65_535)
            offset = 0
            while offset < _CHUNK and at + offset < end:
                entry, size = _central(chunk, offset, self._shift)
                if entry is None:
                    self.problem = "the archive's directory is damaged: members that it names further on are lost"
                    return
                yield at + offset, entry
                offset += size
            at += offset


@lru_cache(maxsize=4)
def directory(path: Path, size: int, changed_ns: int) -> Directory:  # noqa: ARG001 - a changed file is another one
    """The directory of the archive at `path`, read once per process. Raises SourceError when that cannot be."""
    try:
        return Directory(path)
    except OSError as error:
        raise SourceError(f"the archive cannot be read: {error.strerror or 'input/output error'}") from error


def _facts(file: BinaryIO, at: int, entry: Entry, *, recovered: bool) -> Facts:
    """What the record at `at` says of a member beside its content; of a lost directory, its own header."""
    file.seek(entry.local if recovered else at)
    if recovered:
        fixed = struct.unpack("<4sHHH4sIIIHH", file.read(30))
        name = file.read(fixed[8])
        return Facts(name, fixed[2], fixed[1], fixed[1], fixed[4], (0, 0), b"", b"")
    fixed = struct.unpack("<4sHHHH4sIIIHHHHHII", file.read(46))
    name, extra, comment = file.read(fixed[9]), file.read(fixed[10]), file.read(fixed[11])
    return Facts(name, fixed[3], fixed[1], fixed[2], fixed[5], (fixed[13], fixed[14]), extra_of(extra), comment)


def _key(name: str) -> int:
    return int.from_bytes(mark(name), "big")


def _double(name: str, number: int) -> str:
    """The name of a member whose name an earlier one has."""
    return f"{name}#{number}"


def _overlapping(starts: npt.NDArray[np.uint64], packed: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Positions of members whose bytes begin before an earlier member's end."""
    import numpy as np

    order = np.argsort(starts, kind="stable")
    ends = np.maximum.accumulate(starts[order] + packed[order])
    return order[1:][starts[order][1:] < ends[:-1]] if len(order) else order


def _find(file: BinaryIO) -> tuple[int, int, int] | None:
    """Start and end of the central directory, and what to add to its offsets (a program may stand before a ZIP)."""
    length = file.seek(0, os.SEEK_END)
    tail_at = max(0, length - _LONGEST_COMMENT - 22)
    file.seek(tail_at)
    tail = file.read(_LONGEST_COMMENT + 22)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        return None
    size, offset = struct.unpack("<II", tail[at + 12 : at + 20])
    end = tail_at + at
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR64:
        (record,) = struct.unpack("<Q", tail[at - 12 : at - 4])
        for place in (record, end - 20 - 56):  # the second when something stands before the archive
            file.seek(min(place, length))
            end64 = file.read(56)
            if end64.startswith(_END64) and len(end64) == 56:
                size, offset = struct.unpack("<QQ", end64[40:56])
                end = place
                break
    start = end - size
    if size > end or start - offset < 0:
        return None
    return start, end, start - offset


def _central(data: bytes, at: int, shift: int) -> tuple[Entry | None, int]:
    """The record at `at`, and its length."""
    fixed = data[at : at + 46]
    if len(fixed) < 46 or not fixed.startswith(_CENTRAL):
        return None, 0
    (made, _, flags, method, _, _, crc, packed, size, names, extras, comments, _, _, attributes, local) = struct.unpack(
        "<HHHHHHIIIHHHHHII", fixed[4:]
    )
    extra = data[at + 46 + names : at + 46 + names + extras]
    size, packed, local = _wide(extra, size, packed, local)
    name = _name(data[at + 46 : at + 46 + names], flags)
    return Entry(name, _kind(name, made >> 8, attributes), flags, method, crc, packed, size, local + shift), (
        46 + names + extras + comments
    )


def _wide(extra: bytes, size: int, packed: int, local: int) -> tuple[int, int, int]:
    """Sizes and offset with what ZIP64 puts in place of 0xffffffff."""
    values, at = [size, packed, local], 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack("<HH", extra[at : at + 4])
        if tag == 1:
            body = extra[at + 4 : at + 4 + length]
            for number, value in enumerate(values):
                if value == 0xFFFFFFFF and len(body) >= 8:
                    values[number] = int.from_bytes(body[:8], "little")
                    body = body[8:]
        at += 4 + length
    return values[0], values[1], values[2]


def _name(raw: bytes, flags: int) -> str:
    if flags & _UTF8 or raw.isascii():
        return os.fsdecode(raw)
    try:
        return raw.decode("utf-8")  # many writers forget to say so
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _kind(name: str, system: int, attributes: int) -> str:
    mode = attributes >> 16
    if name.endswith("/") or (not system and attributes & _DIRECTORY_BIT):
        return "folder"
    if system != 3 or not stat.S_IFMT(mode) or stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "device"


def _walk_local(file: BinaryIO) -> Iterator[tuple[int, Entry]]:
    """Members by their own headers, from the start of the file as far as they give their size."""
    at = 0
    while True:
        file.seek(at)
        header = file.read(30)
        if len(header) < 30 or not header.startswith(_LOCAL):
            return
        flags, method, _, _, crc, packed, size, names, extras = struct.unpack("<HHHHIIIHH", header[6:30])
        name = _name(file.read(names), flags)
        size, packed, _ = _wide(file.read(extras), size, packed, 0)
        if flags & _STREAMED:
            return
        yield at, Entry(name, _kind(name, 0, 0), flags, method, crc, packed, size, at)
        at += 30 + names + extras + packed


def _unpacked(file: BinaryIO, entry: Entry, limit: int, head: int | None) -> bytes:
    """The content that begins where `file` stands."""
    wanted = entry.size if head is None else min(head, entry.size)
    if entry.method == 0:
        data = file.read(min(wanted, entry.packed))
    elif entry.method in {8, 12}:
        data = _inflated(file, entry, min(limit, wanted))
    else:
        raise PictureError(f"the member is packed by method {entry.method}, which is not read here")
    if head is not None:
        return data[:wanted]
    if len(data) < entry.size:
        raise PictureError("the member is cut off")
    if len(data) > entry.size or zlib.crc32(data) != entry.crc:
        raise PictureError("the member is damaged: its checksum is wrong")
    return data


def _inflated(file: BinaryIO, entry: Entry, limit: int) -> bytes:
    """At most `limit` bytes, and one more when there are more."""
    inflate = zlib.decompressobj(-15) if entry.method == 8 else bz2.BZ2Decompressor()
    pieces, got, left = [], 0, entry.packed
    pending = b""
    try:
        while got <= limit and not inflate.eof:
            if not pending and left:
                pending = file.read(min(left, 65_536))
                left = left - len(pending) if pending else 0
            piece = inflate.decompress(pending, limit + 1 - got)
            pending = b"" if isinstance(inflate, bz2.BZ2Decompressor) else inflate.unconsumed_tail
            if not piece and not pending and not left:
                break
            pieces.append(piece)
            got += len(piece)
    except (zlib.error, OSError, EOFError, ValueError):
        raise PictureError("the member is damaged: it cannot be unpacked") from None
    return b"".join(pieces)


def _too_large(limit: int) -> PictureError:
    return PictureError(
        f"the member unpacks to more than {limit:,} bytes, the limit for its size: perhaps a decompression bomb",
        "too_large",
    )
