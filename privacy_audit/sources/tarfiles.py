"""The headers of a tar archive, walked by byte offsets: member after member, without reading what they hold.

A damaged header costs its member: the walk goes on at the next sound one. Python's own tarfile takes ten times as long
and keeps every member in memory.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from privacy_audit.errors import SourceError

BLOCK = 512
MAX_HEADER_BYTES = 1 << 20  # of a long name or a pax header
MAX_MEMBER_BYTES = 1 << 50
MAX_GAP = 1 << 30  # how far a sound header is looked for behind a damaged one
MAX_PADDING = 1 << 20  # zeros after which an archive has ended
MAX_RATIO = 200
RATIO_FROM = 64 * 1024 * 1024
"""A .tar.gz may unpack to so many bytes whatever its size; beyond, to MAX_RATIO times its size."""
CUT = "the archive is cut off"
DAMAGED = "a header in the archive is damaged, and the member it announced is lost"
BOMB = "the archive unpacks to more than its size can hold: perhaps a decompression bomb"
_ZEROS = bytes(BLOCK)
_CHUNK = 1 << 16
_REGULAR = frozenset(b"\00007")
_KINDS = {ord("1"): "link", ord("2"): "link", ord("5"): "folder", ord("S"): "sparse"}
_PREFIXES = frozenset(b"LKxgX")  # say something of the member that follows
_DEVICES = frozenset(b"346")


@dataclass(frozen=True, slots=True)
class Header:
    """A member. `header` is where its headers begin, `start` where its `size` bytes are, `head` the first of them.

    `kind` is "file", "folder", "link", "device", "sparse" or "unknown".
    """

    name: str
    kind: str
    header: int
    start: int
    size: int
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in the archive that cannot be read, at `header`."""

    header: int
    problem: str


class Unpacked:
    """A .tar.gz as a file that is read from front to back; raises SourceError when it unpacks to too much.

    What was read last can be read again; further back, it starts from the front.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        self._file = gzip.GzipFile(fileobj=self._raw)
        self._limit = max(RATIO_FROM, MAX_RATIO * path.stat().st_size)
        self._last = b""
        self._at = 0
        self._again = b""

    def seek(self, at: int) -> int:
        """Go to `at`, or to the end when that is nearer; returns where it is."""
        back = self._at - at
        if 0 <= back <= len(self._last):
            self._again = self._last[len(self._last) - back :] if back else b""
            return at
        self._again = b""
        if back > 0:
            self._file.seek(0)
            self._at = 0
        while self._at < at and self._fresh(min(at - self._at, 1 << 20)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        """The next bytes; raises SourceError when they are damaged."""
        known, self._again = self._again[:size], self._again[size:]
        return known + self._fresh(size - len(known)) if len(known) < size else known

    def _fresh(self, size: int) -> bytes:
        if self._at + size > self._limit:
            raise SourceError(BOMB)
        try:
            data = self._file.read(size)
        except EOFError:
            raise SourceError(CUT) from None
        except (zlib.error, OSError):
            raise SourceError("the archive's compression is damaged; what follows is lost") from None
        self._at += len(data)
        self._last = data[-2 * BLOCK :]
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tar(path: Path) -> BinaryIO | Unpacked:
    """The archive's bytes, unpacked. Seeking forward is cheap in both kinds."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return Unpacked(path) if packed else path.open("rb")


def is_tar(head: bytes) -> bool:
    """Whether the first BLOCK bytes are a tar header."""
    return len(head) == BLOCK and head != _ZEROS and _sound(head)


def walk(file: BinaryIO | Unpacked, at: int = 0) -> Iterator[Header | Damage]:
    """The members from the header at `at` on, up to the end of the archive."""
    first, long, sparse = at, _Long(), False
    while True:
        try:
            file.seek(at)
            block = file.read(2 * BLOCK)
        except SourceError as error:
            yield Damage(at, str(error))
            return
        if not block:
            if first < at or _ends_before(file, at):
                yield Damage(first, CUT)
            return
        if len(block) < BLOCK:
            yield Damage(first, CUT)
            return
        block, head = block[:BLOCK], block[BLOCK:]
        kind, length = block[156], _number(block[124:136])
        if kind not in _PREFIXES and long.size is not None:
            length = long.size
        if length is None or length > MAX_MEMBER_BYTES or not _sound(block):
            empty = block == _ZEROS
            if not empty:
                yield Damage(first, DAMAGED)
            following = _next(file, at + BLOCK, MAX_PADDING if empty else MAX_GAP)
            if following is None:
                return
            at = first = following
            long, sparse = _Long(), False
            continue
        start = at + BLOCK
        if kind in _PREFIXES:
            if length > MAX_HEADER_BYTES:
                yield Damage(first, "a header in the archive is too long, and the member it announced may be misread")
            else:
                try:
                    file.seek(start)
                    data = file.read(length)
                except SourceError as error:
                    yield Damage(first, str(error))
                    return
                if kind == ord("L"):
                    long.name = data.rstrip(b"\0")
                elif kind in b"xX":
                    sparse = _pax(data, long) or sparse
            at = _after(start, length)
            continue
        holds = kind in _REGULAR or kind == ord("S") or kind not in {*_KINDS, *_DEVICES}
        what = "sparse" if sparse else "file" if kind in _REGULAR else _KINDS.get(kind)
        what = what or ("device" if kind in _DEVICES else "unknown")
        shown = _text(long.name or _name(block))
        if what == "file" and shown.endswith("/"):
            what = "folder"
        length = length if holds else 0
        yield Header(shown, what, first, start, length, head[:length])
        at = first = _after(start, length)
        long, sparse = _Long(), False


def rewritten(raw: bytes, size: int, name: str | None = None) -> bytes:
    """The headers `raw` of a member for other content of `size` bytes, and for another name. All else stays."""
    pieces, new = [], None if name is None else name.encode("utf-8", "surrogateescape")
    for block, data in _headers(raw[:-BLOCK]):
        kind = block[156]
        if kind in b"LK" and new is not None:
            continue  # with the long name of a link's target: what is renamed is a file
        if kind in b"xX":
            records = [
                (key, str(size).encode() if key == b"size" else value)
                for key, value in _records(data)
                if new is None or key != b"path"
            ]
            pieces.append(_block(block, b"".join(_record(*record) for record in records)) if records else b"")
        else:
            pieces.append(block + data)
    last = raw[-BLOCK:]
    if new is not None:
        if len(new) > 100:
            pieces.append(_block(_fresh_block(last, ord("L"), b"././@LongLink"), new + b"\0"))
        prefix = bytes(155) if last[257:263] == b"ustar\0" else last[345:500]
        last = new[:100].ljust(100, b"\0") + last[100:345] + prefix + last[500:]
    return b"".join([*pieces, _sized(last, size)])


def kept_of_dropped(raw: bytes) -> bytes:
    """What of the headers `raw` of a member speaks of all that follow, and so stays when the member goes."""
    return b"".join(block + data for block, data in _headers(raw[:-BLOCK]) if block[156] == ord("g"))


def _headers(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Headers before a member's own, with their content and its padding."""
    at = 0
    while at < len(raw):
        end = _after(at + BLOCK, _number(raw[at + 124 : at + 136]) or 0)
        yield raw[at : at + BLOCK], raw[at + BLOCK : end]
        at = end


def _block(block: bytes, data: bytes) -> bytes:
    """A header block with new content, padded."""
    return _sized(block, len(data)) + data + bytes(-len(data) % BLOCK)


def _fresh_block(like: bytes, kind: int, name: bytes) -> bytes:
    """A header block of another kind and name, as a writer of `like` would make it."""
    return name.ljust(100, b"\0") + like[100:156] + bytes([kind]) + bytes(100) + like[257:345] + bytes(167)


def _sized(block: bytes, size: int) -> bytes:
    """A header block with another size, and the checksum that fits."""
    number = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block = block[:124] + number + block[136:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _sound(block: bytes) -> bool:
    stored = _number(block[148:156])
    return stored == sum(block[:148]) + sum(block[156:]) + 256


def _next(file: BinaryIO | Unpacked, at: int, limit: int) -> int | None:
    """The next sound header from `at` on, within `limit` bytes."""
    end = at + limit
    try:
        file.seek(at)
        while at < end:
            chunk = file.read(_CHUNK)
            for offset in range(0, len(chunk) - BLOCK + 1, BLOCK):
                block = chunk[offset : offset + BLOCK]
                if block[257:262] == b"ustar" and _sound(block):
                    return at + offset
            if len(chunk) < _CHUNK:
                return None
            at += len(chunk)
    except SourceError:
        return None
    return None


def _ends_before(file: BinaryIO | Unpacked, at: int) -> bool:
    """Whether the archive has fewer bytes than the last header announced."""
    return file.seek(at) < at if isinstance(file, Unpacked) else file.seek(0, 2) < at


def _after(start: int, size: int) -> int:
    return start + -(-size // BLOCK) * BLOCK


def _number(field: bytes) -> int | None:
    """An octal field, or GNU's binary one; None when it is neither."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.split(b"\0", 1)[0].strip() or b"0", 8)
    except ValueError:
        return None


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@dataclass(slots=True)
class _Long:
    """What headers before a member's own say of it."""

    name: bytes | None = None
    size: int | None = None


def _pax(data: bytes, long: _Long) -> bool:
    """Take name and size from the records of a pax header; True when the member is a sparse file."""
    sparse = False
    for key, value in _records(data):
        if key == b"path":
            long.name = value
        elif key == b"size" and value.isdigit() and len(value) < 20:
            long.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            sparse = True
    return sparse


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a pax header, up to the first that is malformed."""
    at = 0
    while at < len(data):
        length, _, _ = data[at : at + 20].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(data) - at:
            return
        key, _, value = data[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        yield key, value
        at += int(length)


def _record(key: bytes, value: bytes) -> bytes:
    """A record of a pax header; its length counts itself."""
    size = len(key) + len(value) + 3
    length = size + len(str(size + len(str(size))))
    return b"%d %s=%s\n" % (length, key, value)
