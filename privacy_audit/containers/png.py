"""PNG chunks."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from privacy_audit.containers import jpeg
from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, Block, UnwritableError, block, block_at
from privacy_audit.containers.text import decode

MAX_CHUNKS = 1_048_576  # a large picture may have an IDAT per row
_TIFF = (b"II*\0", b"MM\0*")
_HEX = re.compile(rb"[0-9a-fA-F]*")
PICTURE = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: `data[start:end]` with length, type and checksum; its content is `data[start + 8 : end - 4]`."""

    type: bytes
    start: int
    end: int


def chunks(data: bytes, problems: list[str]) -> Iterator[Chunk]:
    """IHDR to IEND."""
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            problems.append("PNG: no end of image")
            return
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            problems.append("PNG: a chunk is larger than the file")
            end = len(data)
        chunk = Chunk(data[at + 4 : at + 8], at, end)
        yield chunk
        if chunk.type == b"IEND":
            return
        at = end
    problems.append("PNG: more chunks than are read")


def walk(data: bytes, problems: list[str]) -> Iterator[Block]:
    """Metadata blocks of a PNG file."""
    end = len(data)
    for chunk in chunks(data, problems):
        if chunk.type == b"IEND":
            end = chunk.end
        elif chunk.type == b"iCCP":
            raw = data[chunk.start + 8 : chunk.end - 4].partition(b"\0")[2]
            yield block("icc", _inflate(raw[1:], problems))
        elif chunk.type not in PICTURE:
            raw = data[chunk.start + 8 : min(chunk.end - 4, chunk.start + 8 + MAX_BLOCK_BYTES)]
            yield _metadata(chunk.type, raw, problems)
    if end < len(data):
        yield block_at("trailer", data, end, len(data))


def _metadata(kind: bytes, raw: bytes, problems: list[str]) -> Block:
    if kind in {b"tEXt", b"zTXt", b"iTXt"}:
        return _text(kind, raw, problems)
    if kind in {b"eXIf", b"exIf"}:
        return block("exif", raw.removeprefix(jpeg.EXIF), "eXIf")
    if kind == b"tIME":
        year, *rest = int.from_bytes(raw[:2], "big"), *raw[2:7]
        return block("text", ":".join(f"{number:02d}" for number in (year, *rest)).encode(), "tIME")
    if kind == b"caBX":
        return block("jumbf", raw)
    if kind == b"prVW":
        return block("thumbnail", raw, "prVW")
    name = "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in kind)
    return block("other", raw, name)


def _text(kind: bytes, raw: bytes, problems: list[str]) -> Block:
    keyword, _, value = raw.partition(b"\0")
    if kind == b"zTXt":
        value = _inflate(value[1:], problems)
    elif kind == b"iTXt":
        packed = value[:1] == b"\1"
        value = value[2:].partition(b"\0")[2].partition(b"\0")[2]
        value = _inflate(value, problems) if packed else value
    name = keyword.decode("latin-1")
    if name == "XML:com.adobe.xmp":
        return block("xmp", value)
    if name.lower().startswith("raw profile type "):
        profile = _raw_profile(name[17:].lower(), value)
        if profile is not None:
            return profile
        problems.append("PNG: a damaged raw profile")
    return block("text", decode(value).encode(), name)


def _raw_profile(kind: str, value: bytes) -> Block | None:
    """ImageMagick's way to keep foreign metadata: a name line, a size line, then hexadecimal digits."""
    lines = value.lstrip(b"\n").split(b"\n", 2)
    if len(lines) < 3:
        return None
    found = _HEX.match(lines[2].replace(b"\n", b"").replace(b"\r", b""))
    digits = found.group() if found else b""
    raw = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    if raw.startswith(jpeg.EXIF) or raw.startswith(_TIFF):
        return block("exif", raw.removeprefix(jpeg.EXIF), "raw profile")
    if raw.startswith(jpeg.XMP):
        return block("xmp", raw[len(jpeg.XMP) :], "raw profile")
    if raw.startswith(b"8BIM"):
        return block("photoshop", raw, "raw profile")
    if kind == "xmp" or b"<x:xmpmeta" in raw[:300]:
        return block("xmp", raw, "raw profile")
    if kind in {"icc", "icm"}:
        return block("icc", raw, "raw profile")
    if kind in {"iptc", "8bim"} and raw:
        return block("iptc", raw, "raw profile")
    return None


def _inflate(raw: bytes, problems: list[str]) -> bytes:
    """Decompress up to the size limit; of a damaged stream, what comes before the damage."""
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    room = MAX_BLOCK_BYTES
    try:
        for at in range(0, len(raw), 4096):
            parts.append(stream.decompress(raw[at : at + 4096], room))
            room -= len(parts[-1])
            if stream.eof:
                return b"".join(parts)
            if room <= 0:
                break
    except zlib.error:
        problems.append("PNG: damaged compressed text")
        return b"".join(parts)
    problems.append("PNG: compressed text is cut off or larger than is read")
    return b"".join(parts)


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The picture alone, with these metadata (b"" for none): the chunks of PICTURE as they are."""
    problems: list[str] = []
    found = list(chunks(data, problems))
    if problems:
        raise UnwritableError(problems[0])
    fresh = b"".join(
        _chunk(kind, body)
        for kind, body in ((b"eXIf", exif), (b"iTXt", xmp and b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
        if body
    )
    out = bytearray(data[:8])
    for chunk in found:
        if chunk.type in {b"IDAT", b"IEND"}:
            out += fresh
            fresh = b""
        if chunk.type in PICTURE:
            out += data[chunk.start : chunk.end]
    return bytes(out)


def coded(data: bytes) -> bytes:
    """What the pixels are decoded from."""
    return b"".join(data[chunk.start : chunk.end] for chunk in chunks(data, []) if chunk.type in PICTURE)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
