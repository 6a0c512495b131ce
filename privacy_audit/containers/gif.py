"""GIF: frames and extensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, Block, UnwritableError, block, block_at
from privacy_audit.containers.text import decode

MAX_PARTS = 1_048_576
IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
PLAIN_TEXT, CONTROL, COMMENT, APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
PLAYBACK = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
ICC = b"ICCRGBG1012"
NO_END = "GIF: no end of image"
_XMP = b"XMP DataXMP"


@dataclass(frozen=True, slots=True)
class Part:
    """`data[start:end]`: an image (IMAGE), the end (TRAILER), or an extension (its label, an application's `name`)."""

    kind: int
    start: int
    end: int
    name: bytes = b""


def header_end(data: bytes) -> int:
    """One past the global colour table."""
    if len(data) < 13:
        return len(data)
    return 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)


def parts(data: bytes, problems: list[str]) -> Iterator[Part]:
    """What follows the header, up to the end of the picture."""
    at = header_end(data)
    for _ in range(MAX_PARTS):
        if at >= len(data):
            problems.append(NO_END)
            return
        if data[at] == TRAILER:
            yield Part(TRAILER, at, at + 1)
            return
        if data[at] == IMAGE and at + 10 <= len(data):
            packed = data[at + 9]
            table = 3 << ((packed & 7) + 1) if packed & 0x80 else 0
            end = _skip(data, at + 11 + table)
            yield Part(IMAGE, at, end)
        elif data[at] == EXTENSION and at + 2 < len(data):
            label = data[at + 1]
            name = data[at + 3 : at + 3 + data[at + 2]] if label == APPLICATION else b""
            end = _skip(data, at + 2)
            yield Part(label, at, end, name)
        else:
            problems.append("GIF: damaged between two parts")
            return
        at = end
    problems.append("GIF: more parts than are read")


def _skip(data: bytes, at: int) -> int:
    """One past the empty sub-block that ends a row of sub-blocks."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))


def walk(data: bytes, problems: list[str]) -> Iterator[Block]:
    """Metadata blocks of a GIF file."""
    for part in parts(data, problems):
        if part.kind == TRAILER:
            if part.end < len(data):
                yield block_at("trailer", data, part.end, len(data))
        elif part.kind == COMMENT:
            yield block("text", decode(_joined(data, part.start + 2, part.end)).encode(), "comment")
        elif part.kind == PLAIN_TEXT:
            start = part.start + 3 + data[part.start + 2]
            yield block("text", decode(_joined(data, start, part.end)).encode(), "plain text")
        elif part.kind == APPLICATION and part.name not in PLAYBACK:
            yield _application(data, part)


def _application(data: bytes, part: Part) -> Block:
    start = part.start + 3 + len(part.name)
    if part.name == _XMP:  # not in sub-blocks: the packet stands as it is, and a "magic trailer" ends it
        raw = data[start : min(part.end, start + MAX_BLOCK_BYTES)]
        return block("xmp", raw[: raw.rfind(b">") + 1])
    content = _joined(data, start, part.end)
    if part.name == ICC:
        return block("icc", content)
    if part.name.startswith(b"MGK8BIM"):
        return block("photoshop", content)
    if part.name.startswith(b"MGKIPTC"):
        return block("iptc", content)
    name = "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in part.name[:8])
    return block("other", content, name.strip())


def _joined(data: bytes, at: int, end: int) -> bytes:
    """The content of a row of sub-blocks."""
    pieces: list[bytes] = []
    room = MAX_BLOCK_BYTES
    while at < end and data[at] and room > 0:
        pieces.append(data[at + 1 : min(at + 1 + data[at], end)])
        room -= data[at]
        at += 1 + data[at]
    return b"".join(pieces)


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The picture alone: frames, their controls, the loop count and the colour profile. GIF has no place for EXIF."""
    del exif
    problems: list[str] = []
    found = list(parts(data, problems))
    if problems and problems != [NO_END]:  # many encoders forget the end mark
        raise UnwritableError(problems[0])
    out = bytearray(data[: header_end(data)])
    if xmp:
        magic = b"\1" + bytes(range(255, -1, -1)) + b"\0"  # leads a reader of sub-blocks to the end, wherever it is
        out += bytes([EXTENSION, APPLICATION, len(_XMP)]) + _XMP + xmp + magic
    for part in found:
        if part.kind in {IMAGE, CONTROL, TRAILER} or part.name in PLAYBACK or part.name == ICC:
            out += data[part.start : part.end]
    return bytes(out)


def coded(data: bytes) -> bytes:
    """What the pixels are decoded from."""
    frames = b"".join(data[part.start : part.end] for part in parts(data, []) if part.kind in {IMAGE, CONTROL})
    return data[: header_end(data)] + frames
