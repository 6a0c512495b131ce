"""JPEG: segments up to the end of the picture, and what stands behind it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from privacy_audit.containers import bmff, tiff
from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, Block, UnwritableError, block, block_at
from privacy_audit.containers.text import decode

MAX_SEGMENTS = 65_536
MAX_EXTENDED = 4  # extended XMP packets; there is one in a sound file
MAX_PICTURES = 64
INNER_BYTES = 256 * 1024  # of a picture inside the file

SOI, EOI, SOS, COM, APP0, APP15 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xEF
APP1, APP2, APP11, APP13, APP14 = 0xE1, 0xE2, 0xEB, 0xED, 0xEE
EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
ICC = b"ICC_PROFILE\0"
_SHARED = {(APP1, b"FLIR\0"): ("APP1 FLIR", 8), (0xE6, b"GoPro"): ("APP6 GoPro", 6)}  # name, and size of the head
NO_END, BETWEEN = "JPEG: no end of image", "JPEG: bytes between segments"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what ends entropy-coded data: no stuffing, no restart, no fill


class Segment(NamedTuple):
    """A marker segment: `data[start:end]`, marker included. That of a scan (SOS) includes its coded data."""

    marker: int
    start: int
    end: int

    @property
    def body(self) -> int:
        """Where the content starts, behind marker and length."""
        return self.start + 4


def segments(data: bytes, problems: list[str], head_only: bool = False) -> Iterator[Segment]:
    """SOI to EOI, or to the first scan (`head_only`). Garbage and fill bytes between segments are stepped over."""
    yield Segment(SOI, 0, 2)
    at = 2
    for _ in range(MAX_SEGMENTS):
        if data[at : at + 1] != b"\xff" or not any(data[at + 1 : at + 2]):
            found = _MARKER.search(data, at)
            if found is None:
                problems.append(NO_END)
                return
            problems.append(BETWEEN)
            at = found.start()
        while data[at + 1 : at + 2] == b"\xff":
            at += 1
        marker = data[at + 1] if at + 1 < len(data) else 0
        if marker == EOI:
            yield Segment(EOI, at, at + 2)
            return
        if marker in {0x01, SOI} or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + size
        if size < 2 or end > len(data):
            problems.append("JPEG: a segment is larger than the file" if size >= 2 else "JPEG: a segment has no size")
        end = min(max(end, at + 4), len(data))
        if marker == SOS:
            if head_only:
                return
            found = _MARKER.search(data, end)
            end = found.start() if found else len(data)
        yield Segment(marker, at, end)
        at = end
    problems.append("JPEG: more segments than are read")


def head(data: bytes, problems: list[str]) -> Iterator[Block]:
    """Metadata blocks in front of the coded picture, without a look at the rest of the file."""
    return walk(data, problems, head_only=True)


def walk(data: bytes, problems: list[str], head_only: bool = False) -> Iterator[Block]:
    """Metadata blocks of a JPEG file."""
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    jumbf: dict[bytes, list[bytes]] = {}
    photoshop = b""
    shared: dict[str, bytes] = {}  # of vendors whose data go on in further segments
    seconds: list[tuple[int, int]] = []
    end = len(data)
    for segment in segments(data, problems, head_only):
        marker, start = segment.marker, segment.body
        if marker == EOI:
            end = segment.end
        elif marker == COM:
            yield _comment(data, segment)
        elif not APP0 <= marker <= APP15:
            continue
        elif marker == APP11 and data.startswith(b"JP", start):
            jumbf.setdefault(data[start + 2 : start + 4], []).append(data[start + 8 : segment.end])
        elif marker == APP13 and data.startswith(PHOTOSHOP, start):
            photoshop += data[start + len(PHOTOSHOP) : segment.end] if len(photoshop) < MAX_BLOCK_BYTES else b""
        elif marker == APP1 and data.startswith(EXTENDED_XMP, start):
            _collect(data[start + len(EXTENDED_XMP) : segment.end], extended, problems)
        elif (vendor := _SHARED.get((marker, data[start : start + 5]))) is not None:
            name, head = vendor
            if len(shared.get(name, b"")) < MAX_BLOCK_BYTES:
                shared[name] = shared.get(name, b"") + data[start + head : segment.end]
        elif marker == APP2 and data.startswith(b"MPF\0", start):
            index = data[start + 4 : segment.end]
            pictures = _second_pictures(index, start + 4, len(data))
            seconds += pictures
            yield Block("mpf", index, "MPF", sum(stop - first for first, stop in pictures))
        else:
            found = _application(data, segment, problems)
            if found is not None:
                yield found
    if photoshop:
        yield block("photoshop", photoshop)
    for name, content in shared.items():
        yield block("other", content, name)
    for pieces in extended.values():
        yield block("xmp", b"".join(piece for _, piece in sorted(pieces)), "extended")
    for parts in jumbf.values():  # each further part repeats the head of the box
        yield block("jumbf", parts[0] + b"".join(part[8:] for part in parts[1:]))
    if not head_only:
        yield from _behind(data, end, seconds)


def _comment(data: bytes, segment: Segment) -> Block:
    return block("text", decode(data[segment.body : segment.end]).encode(), "comment")


def _application(data: bytes, segment: Segment, problems: list[str]) -> Block | None:
    """The block of one APPn segment, or None when it is part of the picture's own format."""
    raw = data[segment.body : segment.end]
    if segment.marker == APP0 and raw.startswith(b"JFIF\0"):
        return block("thumbnail", raw, "JFIF") if len(raw) > 14 and raw[12] and raw[13] else None
    if segment.marker == APP0 and raw.startswith(b"JFXX\0"):
        return block("thumbnail", raw, "JFXX")
    if segment.marker == APP14 and raw.startswith(b"Adobe"):
        return None
    if segment.marker == APP1:
        if raw[:4].lower() == b"exif":
            body = raw[6:]
            if body and body[:2] not in {b"II", b"MM"}:
                problems.append("EXIF: no TIFF structure where one is announced")
            return block("exif", body)
        if raw.startswith(XMP):
            return block("xmp", raw[len(XMP) :])
        if b"<x:xmpmeta" in raw[:200] or b"<rdf:RDF" in raw[:400]:
            return block("xmp", raw)
    if segment.marker == APP2 and raw.startswith(ICC):
        return block("icc", raw[14:])
    identifier = "".join(chr(byte) for byte in raw[:12].split(b"\0", 1)[0] if 0x20 <= byte < 0x7F)
    return block("other", raw, f"APP{segment.marker - APP0} {identifier}".strip()) if raw.strip(b"\0") else None


def _collect(raw: bytes, extended: dict[bytes, list[tuple[int, bytes]]], problems: list[str]) -> None:
    """One part of an extended XMP packet: 32 bytes of id, total size, offset, then the part."""
    guid = raw[:32]
    if len(raw) < 40 or (guid not in extended and len(extended) == MAX_EXTENDED):
        problems.append("XMP: a damaged part of an extended packet")
        return
    _, offset = struct.unpack_from(">II", raw, 32)
    extended.setdefault(guid, []).append((offset, raw[40:]))


def _second_pictures(index: bytes, base: int, size: int) -> list[tuple[int, int]]:
    """Places in the file of the pictures that a multi-picture index names, the first picture left out."""
    form = tiff.layout(index)
    spans = []
    for entry in tiff.entries(index):
        if entry.tag != tiff.MP_ENTRIES or not isinstance(entry.value, bytes) or form is None:
            continue
        for at in range(0, min(len(entry.value), 16 * MAX_PICTURES) - 15, 16):
            length, offset = struct.unpack_from(form.order + "II", entry.value, at + 4)
            if offset and base + offset < size:
                spans.append((base + offset, min(base + offset + length, size)))
    return spans


def _behind(data: bytes, end: int, seconds: list[tuple[int, int]]) -> Iterator[Block]:
    """What stands behind the picture and is no second picture: films, and anything else."""
    at = end
    for start, stop in [*sorted(seconds), (len(data), len(data))]:
        if at < start:
            yield from _gap(data, at, start)
        if start < stop:
            yield from _inner(data, start, stop)
        at = max(at, stop)


def _inner(data: bytes, start: int, end: int) -> Iterator[Block]:
    """The head of a picture inside the file."""
    if data.startswith(b"\xff\xd8\xff", start):
        yield Block("picture", data[start : min(end, start + INNER_BYTES)], "JPEG", end - start)


def _gap(data: bytes, start: int, end: int) -> Iterator[Block]:
    yield from _inner(data, start, end)
    film = _film(data, start, end)
    if film is None:
        yield block_at("trailer", data, start, end)
        return
    first, last = film
    if first > start:
        yield block_at("trailer", data, start, first)
    yield block_at("video", data, first, last, "MP4")
    if last < end:
        yield block_at("trailer", data, last, end)


def _film(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Place of an MP4 file in `data[start:end]`."""
    at = start
    for _ in range(64):
        at = data.find(b"ftyp", at + 4, end)
        if at < 0:
            return None
        head = at - 4
        size = int.from_bytes(data[head:at], "big")
        if head >= start and 12 <= size <= 256:
            last = head
            for box in bmff.boxes(data, head, end):
                if not box.type.isalnum():
                    break
                last = box.end
            return head, last
    return None


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The picture alone, with these metadata (b"" for none): frame, tables and scans as they are, to the end of image.

    Of the application segments JFIF (its thumbnail cut off), ICC and Adobe stay, because they change how pixels look.
    """
    problems: list[str] = []
    found = list(segments(data, problems))
    _refuse(problems)
    fresh = b"".join(
        b"\xff\xe1" + struct.pack(">H", len(head + body) + 2) + head + body
        for head, body in ((EXIF, exif), (XMP, xmp))
        if body
    )
    out = bytearray(data[:2])
    jfif = False
    for segment in found[1:]:
        first = segment.marker == APP0 and data.startswith(b"JFIF\0", segment.body) and not jfif
        if fresh and not first:
            out += fresh
            fresh = b""
        if first:
            jfif = True
            out += b"\xff\xe0\0\x10" + data[segment.body : segment.body + 12].ljust(12, b"\0") + b"\0\0"
        elif _is_picture(segment.marker) or segment.marker == EOI or _is_profile(data, segment):
            out += data[segment.start : segment.end]
        elif segment.marker == APP14 and data.startswith(b"Adobe", segment.body):
            body = data[segment.body : min(segment.end, segment.body + 12)]
            out += b"\xff\xee" + struct.pack(">H", len(body) + 2) + body
    return bytes(out)


def coded(data: bytes) -> bytes:
    """What the pixels are decoded from."""
    return b"".join(data[part.start : part.end] for part in segments(data, []) if _is_picture(part.marker))


def _is_picture(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF or SOS <= marker <= 0xDF


def _is_profile(data: bytes, segment: Segment) -> bool:
    return segment.marker == APP2 and data.startswith(ICC, segment.body)


def _refuse(problems: list[str]) -> None:
    grave = [text for text in problems if text not in {BETWEEN, NO_END}]
    if grave:
        raise UnwritableError(grave[0])
