"""PNG, GIF and WebP: files of frames, of which only those are decoded that an area touches.

Everything else stays byte for byte: other frames, palettes, timing, loops, disposal, colour information. A touched
frame is shown to Pillow as a picture of its own, painted, coded, and its pixel stream put back in its place.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from PIL import Image

from privacy_audit.redaction import carry
from privacy_audit.redaction.coding import (
    DROPPED_BLOCKS,
    LOSSY_FRAMES,
    LOSSY_QUALITY,
    REDUCED,
    Job,
    RedactionRefused,
    saved,
)
from privacy_audit.redaction.paint import Area, inside

# PNG and APNG

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"PLTE", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST"}
    | {b"pHYs", b"sPLT", b"tIME", b"acTL"}
)
_PNG_DEPENDS_ON_DEPTH = frozenset({b"sBIT", b"bKGD", b"hIST"})
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_GREY, _TRUE_COLOR, _INDEXED = 0, 2, 3


@dataclass(slots=True)
class _PngFrame:
    """A coded picture in a PNG. `control` is its fcTL without the sequence number; a default image may have none."""

    control: bytes
    width: int
    height: int
    left: int = 0
    top: int = 0
    stream: list[bytes] = field(default_factory=list)


def png(job: Job) -> bytes | None:
    header, before, after, frames = _png_parts(job.data)
    canvas_areas = job.place(job.image.size, job.orientation)
    if not any(inside(canvas_areas, frame.left, frame.top, (frame.width, frame.height)) for frame in frames):
        return None
    depth, color, interlaced = header[8], header[9], header[12]
    ancillary = dict(before)
    reduced = depth == 16 and color != _GREY
    if reduced and b"tRNS" in ancillary:
        raise RedactionRefused("a PNG of 16 bits per colour with a transparent colour cannot be written back here")
    new_header = header[:12] + b"\0"
    for frame in frames:
        areas = inside(canvas_areas, frame.left, frame.top, (frame.width, frame.height))
        if areas or interlaced or reduced:
            job.spend(frame.width, frame.height)
            new_header, frame.stream = _png_frame(job, header, ancillary, frame, areas)
    if reduced:
        job.lossless = False
        job.say(REDUCED)
        before = [chunk for chunk in before if chunk[0] not in _PNG_DEPENDS_ON_DEPTH]
    carried = [_png_carried(job, *chunk) for chunk in before + after]
    split = len(before)
    if job.orientation != 1 and all(name != b"eXIf" for name, _ in carried):  # it stood in a text that stays behind
        carried.append((b"eXIf", carry.exif(b"", job.orientation)))
    return b"".join(_png_file(new_header, carried[:split], frames, carried[split:]))


def _png_parts(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], list[tuple[bytes, bytes]], list[_PngFrame]]:
    """Header, chunks before the pixels, chunks after them, and the frames (the default image first)."""
    chunks = _png_chunks(data)
    name, header = next(chunks, (b"", b""))
    if name != b"IHDR" or len(header) != 13:
        raise RedactionRefused("the PNG has no header")
    frames = [_PngFrame(b"", *struct.unpack(">II", header[:8]))]
    before: list[tuple[bytes, bytes]] = []
    after: list[tuple[bytes, bytes]] = []
    for name, payload in chunks:
        if name == b"fcTL" and len(payload) == 26:
            width, height, left, top = struct.unpack(">IIII", payload[4:20])
            if frames[0].stream:
                frames.append(_PngFrame(payload[4:], width, height, left, top))
            else:
                frames[0].control = payload[4:]
        elif name == b"IDAT":
            frames[0].stream.append(payload)
        elif name == b"fdAT":
            frames[-1].stream.append(payload[4:])
        else:
            (after if frames[0].stream else before).append((name, payload))
    return header, before, after, frames


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name == b"IEND" or at + 12 + size > len(data):
            return
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _png_chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _png_file(
    header: bytes, before: list[tuple[bytes, bytes]], frames: list[_PngFrame], after: list[tuple[bytes, bytes]]
) -> Iterator[bytes]:
    yield _PNG_SIGNATURE + _png_chunk(b"IHDR", header)
    yield from (_png_chunk(name, payload) for name, payload in before if name)
    sequence = 0
    for number, frame in enumerate(frames):
        if frame.control:
            yield _png_chunk(b"fcTL", struct.pack(">I", sequence) + frame.control)
            sequence += 1
        for part in frame.stream:
            if number == 0:
                yield _png_chunk(b"IDAT", part)
            else:
                yield _png_chunk(b"fdAT", struct.pack(">I", sequence) + part)
                sequence += 1
    yield from (_png_chunk(name, payload) for name, payload in after if name)
    yield _png_chunk(b"IEND", b"")


def _png_frame(
    job: Job, header: bytes, ancillary: dict[bytes, bytes], frame: _PngFrame, areas: list[Area]
) -> tuple[bytes, list[bytes]]:
    """The file's header and the frame's stream after painting `areas`.

    Grey of 1, 2 or 4 bits is read as indices into a grey palette, so that it comes back with the same bits.
    """
    depth, color = header[8], header[9]
    indexed = color == _INDEXED or (color == _GREY and depth < 8)
    size = struct.pack(">II", frame.width, frame.height)
    alone = [(b"IHDR", size + bytes([depth, _INDEXED if indexed else color]) + header[10:])]
    palette = _png_palette(depth, color, ancillary) if indexed else []
    if indexed:
        alone.append((b"PLTE", bytes(value for entry in palette for value in entry[:3])))
    alone.append((b"IDAT", b"".join(frame.stream)))
    file = _PNG_SIGNATURE + b"".join(_png_chunk(*chunk) for chunk in alone) + _png_chunk(b"IEND", b"")
    image = Image.open(io.BytesIO(file))
    image.load()
    job.paint(image, areas, palette)
    image.info = {}
    written = list(_png_chunks(saved(image, "PNG", **({"bits": depth} if indexed else {}))))
    new_depth, new_color = written[0][1][8:10]
    new_header = header[:8] + bytes([new_depth, color if indexed else new_color, 0, 0, 0])
    return new_header, [payload for name, payload in written if name == b"IDAT"]


def _png_palette(depth: int, color: int, ancillary: dict[bytes, bytes]) -> list[tuple[int, int, int, int]]:
    transparent = ancillary.get(b"tRNS", b"")
    if color == _GREY:
        key = int.from_bytes(transparent[:2], "big") if transparent else -1
        top = (1 << depth) - 1
        return [_color(bytes([value * 255 // top] * 3), 0 if value == key else 255) for value in range(top + 1)]
    colors = ancillary.get(b"PLTE", b"")
    count = min(len(colors) // 3, 256)
    alphas = transparent[:count].ljust(count, b"\xff")
    return [_color(colors[3 * at : 3 * at + 3], alphas[at]) for at in range(count)]


def _color(rgb: bytes, alpha: int) -> tuple[int, int, int, int]:
    return rgb[0], rgb[1], rgb[2], alpha


def _png_carried(job: Job, name: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """The chunk as it may go along; without a name when it may not."""
    if name in _PNG_KEPT:
        return name, payload
    if name == b"eXIf":
        exif = carry.exif(payload, job.orientation)
        return (name, exif) if exif else (b"", b"")
    if name in _PNG_TEXTS and not _png_text_holds_picture(name, payload):
        return name, payload
    job.say(DROPPED_BLOCKS)
    return b"", b""


def _png_text_holds_picture(name: bytes, payload: bytes) -> bool:
    """Raw EXIF profiles, base64 and what does not unpack to a reasonable size."""
    keyword, _, rest = payload.partition(b"\0")
    if keyword.startswith(b"Raw profile type") or carry.holds_picture(payload):
        return True
    if name == b"tEXt" or (name == b"iTXt" and rest[:1] != b"\1"):
        return False
    packed = rest[1:] if name == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, 1 << 20)
    except zlib.error:
        return True
    return bool(unpacker.unconsumed_tail) or carry.holds_picture(text)


# GIF

_GIF_COMMENT, _GIF_APPLICATION, _GIF_CONTROL = 0xFE, 0xFF, 0xF9
_GIF_INTERLACED = 0x40


def gif(job: Job) -> bytes | None:
    data = job.data
    head = 13 + _gif_palette_size(data[10])
    parts = list(_gif_parts(data, head))
    frames = {start: struct.unpack("<HHHHB", data[start + 1 : start + 10]) for start, _ in parts if data[start] == 0x2C}
    canvas_areas = job.place(_gif_canvas(job.image.size, frames.values()), job.orientation)
    out = [data[:head]]
    transparent = -1
    touched = False
    for start, end in parts:
        if start not in frames:
            blocks, _ = _gif_blocks(data, start + 2)
            label = data[start + 1]
            if label == _GIF_CONTROL and len(blocks) >= 4:
                transparent = blocks[3] if blocks[0] & 1 else -1
            if label in {_GIF_COMMENT, _GIF_APPLICATION} and carry.holds_picture(blocks):
                job.say(DROPPED_BLOCKS)
            else:
                out.append(data[start:end])
            continue
        left, top, width, height, flags = frames[start]
        areas = inside(canvas_areas, left, top, (width, height))
        if areas:
            touched = True
            job.spend(width, height)
            stream = start + 10 + _gif_palette_size(flags)
            colors = data[start + 10 : stream] or data[13:head]
            out.append(data[start : start + 9] + bytes([flags & ~_GIF_INTERLACED]) + data[start + 10 : stream])
            out.append(_gif_frame(job, data[start:end], colors, transparent, areas))
        else:
            out.append(data[start:end])
        transparent = -1
    return b"".join([*out, b";"]) if touched else None


def _gif_parts(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of every extension and frame that is whole."""
    while at + 10 < len(data) and data[at] in {0x21, 0x2C}:
        start = at
        at += 2 if data[at] == 0x21 else 11 + _gif_palette_size(data[at + 9])
        _, at = _gif_blocks(data, at)
        yield start, at


def _gif_canvas(size: tuple[int, int], frames: Iterable[tuple[int, ...]]) -> tuple[int, int]:
    """The screen, made larger by frames that reach over it, as Pillow does when it comes to them."""
    width, height = size
    for left, top, across, down, _ in frames:
        width, height = max(width, left + across), max(height, top + down)
    return width, height


def _gif_palette_size(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The contents of the sub-blocks at `at`, and where they end."""
    parts = []
    while at < len(data) and data[at]:
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(parts), min(at + 1, len(data))


def _gif_frame(job: Job, coded: bytes, colors: bytes, transparent: int, areas: list[Area]) -> bytes:
    """The new pixel stream of one frame: Pillow sees it as a picture of its own, its indices stay what they are."""
    width, height, flags = struct.unpack("<HHB", coded[5:10])
    colors = colors or bytes(value for value in range(256) for _ in range(3))
    count = len(colors) // 3
    screen = struct.pack("<HHBBB", width, height, 0x80 | (count.bit_length() - 2), 0, 0)
    descriptor = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, flags & _GIF_INTERLACED)
    alone = b"GIF89a" + screen + colors + descriptor + coded[10 + _gif_palette_size(flags) :] + b";"
    decoded = Image.open(io.BytesIO(alone))
    indices = Image.frombytes("P", (width, height), decoded.tobytes())
    palette = [_color(colors[3 * at : 3 * at + 3], 0 if at == transparent else 255) for at in range(count)]
    job.paint(indices, areas, palette)
    grey = Image.frombytes("L", (width, height), indices.tobytes())  # Pillow never reorders the colours of "L"
    written = saved(grey, "GIF", optimize=False, interlace=0)
    at = 13 + _gif_palette_size(written[10])
    while written[at] == 0x21:
        _, at = _gif_blocks(written, at + 2)
    stream = at + 10 + _gif_palette_size(written[at + 9])
    _, end = _gif_blocks(written, stream + 1)
    return written[stream:end]


# WebP

_WEBP_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_WEBP_ALPHA, _WEBP_EXIF, _WEBP_XMP = 0x10, 0x08, 0x04


def webp(job: Job) -> bytes | None:
    canvas_areas = job.place(job.image.size, job.orientation)
    chunks: list[tuple[bytes, bytes]] = []
    pixels: list[tuple[bytes, bytes]] = []
    touched = False
    for name, payload in _riff_chunks(job.data, 12):
        if name in _WEBP_PIXELS:
            pixels.append((name, payload))
        elif name == b"ANMF" and len(payload) >= 16:
            left, top, width, height = (int.from_bytes(payload[at : at + 3], "little") for at in (0, 3, 6, 9))
            areas = inside(canvas_areas, 2 * left, 2 * top, (width + 1, height + 1))
            if areas:
                touched = True
                frame = [chunk for chunk in _riff_chunks(payload, 16) if chunk[0] in _WEBP_PIXELS]
                written = _riff(_webp_frame(job, frame, (width + 1, height + 1), areas))
                chunks.append((name, payload[:16] + written))
            else:
                chunks.append((name, payload))
        elif name in {b"VP8X", b"ICCP", b"ANIM"}:
            chunks.append((name, payload))
        elif name == b"EXIF":
            chunks.append((name, carry.exif(payload, job.orientation)))
        elif name == b"XMP ":
            chunks.append((name, job.xmp(payload)))
        else:
            job.say(DROPPED_BLOCKS)
    if pixels and canvas_areas:
        touched = True
        first = sum(name in {b"VP8X", b"ICCP"} for name, _ in chunks)
        chunks[first:first] = _webp_frame(job, pixels, job.image.size, canvas_areas)
    if not touched:
        return None
    names = {name for name, payload in chunks if payload}
    if job.orientation != 1 and b"VP8X" in names and b"EXIF" not in names:  # it stood in XMP
        chunks.append((b"EXIF", carry.exif(b"", job.orientation)))
    body = b"WEBP" + _riff(_webp_flagged([chunk for chunk in chunks if chunk[1]]))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_flagged(chunks: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The chunks with VP8X saying which of them there are; a picture without VP8X needs none."""
    names = {name for name, _ in chunks}
    flags = (_WEBP_EXIF if b"EXIF" in names else 0) | (_WEBP_XMP if b"XMP " in names else 0)
    alpha = _WEBP_ALPHA if b"ALPH" in names else 0
    return [
        (name, bytes([payload[0] & ~(_WEBP_EXIF | _WEBP_XMP) | flags | alpha]) + payload[1:])
        if name == b"VP8X"
        else (name, payload)
        for name, payload in chunks
    ]


def _riff_chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            return
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _riff(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2) for name, payload in chunks
    )


def _webp_frame(
    job: Job, pixels: list[tuple[bytes, bytes]], size: tuple[int, int], areas: list[Area]
) -> list[tuple[bytes, bytes]]:
    """The pixel chunks of one frame after painting; a lossless one stays lossless."""
    job.spend(*size)
    width, height = size
    names = {name for name, _ in pixels}
    if b"ALPH" in names:
        extent = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        pixels = [(b"VP8X", bytes([_WEBP_ALPHA, 0, 0, 0]) + extent), *pixels]
    body = b"WEBP" + _riff(pixels)
    image = Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body))
    image.load()
    if image.size != size:
        raise RedactionRefused("a frame of the WebP has another size than it says")
    job.paint(image, areas)
    image.info = {}
    if b"VP8L" in names:
        written = saved(image, "WEBP", lossless=True, exact=True)
    else:
        job.lossless = False
        job.say(LOSSY_FRAMES)
        written = saved(image, "WEBP", quality=LOSSY_QUALITY)
    return [chunk for chunk in _riff_chunks(written, 12) if chunk[0] in _WEBP_PIXELS]
