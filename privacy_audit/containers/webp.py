"""WebP: RIFF chunks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from privacy_audit.containers import jpeg
from privacy_audit.containers.blocks import Block, UnwritableError, block, block_at

MAX_CHUNKS = 65_536
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04  # of VP8X
PICTURE = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk whose content is `data[start:end]`, its eight bytes of head in front."""

    type: bytes
    start: int
    end: int


def chunks(data: bytes, problems: list[str]) -> Iterator[Chunk]:
    """The chunks inside the RIFF form."""
    stop = riff_end(data)
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        problems.append("WebP: the file is cut off")
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > stop:
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > stop:
            problems.append("WebP: a chunk is larger than the file")
        yield Chunk(data[at : at + 4], at + 8, min(at + 8 + size, stop))
        at += 8 + size + size % 2
    problems.append("WebP: more chunks than are read")


def riff_end(data: bytes) -> int:
    """One past the last byte of the RIFF form."""
    size = int.from_bytes(data[4:8], "little")
    return min(len(data), 8 + size + size % 2)


def walk(data: bytes, problems: list[str]) -> Iterator[Block]:
    """Metadata blocks of a WebP file."""
    for chunk in chunks(data, problems):
        if chunk.type == b"EXIF":
            yield block("exif", data[chunk.start : chunk.end].removeprefix(jpeg.EXIF))
        elif chunk.type[:3] == b"XMP":
            yield block_at("xmp", data, chunk.start, chunk.end)
        elif chunk.type == b"ICCP":
            yield block_at("icc", data, chunk.start, chunk.end)
        elif chunk.type == b"C2PA":
            yield block_at("jumbf", data, chunk.start, chunk.end)
        elif chunk.type not in PICTURE:
            name = "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in chunk.type)
            yield block_at("other", data, chunk.start, chunk.end, name)
    end = riff_end(data)
    if end < len(data):
        yield block_at("trailer", data, end, len(data))


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The picture alone, with these metadata (b"" for none): the chunks of PICTURE as they are."""
    problems: list[str] = []
    found = list(chunks(data, problems))
    if problems:
        raise UnwritableError(problems[0])
    kept = [(chunk.type, data[chunk.start : chunk.end]) for chunk in found if chunk.type in PICTURE]
    kept += [(kind, body) for kind, body in ((b"EXIF", exif), (b"XMP ", xmp)) if body]
    flags = (_EXIF_FLAG if exif else 0) | (_XMP_FLAG if xmp else 0)
    out = bytearray(b"WEBP")
    for kind, body in kept:
        if kind == b"VP8X" and body:
            body = bytes([body[0] & ~(_EXIF_FLAG | _XMP_FLAG) | flags]) + body[1:]  # noqa: PLW2901
        out += kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(out)) + bytes(out)


def coded(data: bytes) -> bytes:
    """What the pixels are decoded from."""
    kept = PICTURE - {b"VP8X"}
    return b"".join(chunk.type + data[chunk.start : chunk.end] for chunk in chunks(data, []) if chunk.type in kept)
