"""Box files: HEIF, AVIF and JPEG XL. Metadata of HEIF and AVIF are items of the `meta` box, placed by `iloc`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, Block, UnwritableError, block, block_at

MAX_BOXES = 4096
MAX_ITEMS = 65_536
MAX_EXTENTS = 65_536
MAX_DEPTH = 8

MOVIE_TIME = "movie time"  # the name of the block that holds when an image sequence was made
_BROTLI_STEP = 64 * 1024
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_ALPHA = (b"alpha", b"auxid:1")
_DEPTH = (b"depth", b"auxid:2", b"gainmap", b"disparity", b"matte", b"aux:")

Role = Literal["picture", "exif", "xmp", "thumbnail", "depth", "other"]


@dataclass(frozen=True, slots=True)
class Box:
    """A box: `start` is its first byte, `body` the first byte of its content, `end` one past its last."""

    type: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the `meta` box. `spans` are the (start, end) places of its content in the file.

    `entry` is its `infe` box; `link` the place of the reference box that makes it a thumbnail or an auxiliary picture.
    """

    id: int
    type: bytes
    entry: Box
    role: Role = "picture"
    label: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    link: int | None = None


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes from `start`, up to the first thing that is none."""
    end = min(end, len(data))
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, body = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1:
            if start + 16 > end:
                return
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < body - start:
            return
        yield Box(data[start + 4 : start + 8], start, body, min(start + size, end))
        start += size


def walk(data: bytes, problems: list[str]) -> Iterator[Block]:
    """Metadata blocks of a HEIF, AVIF or JPEG XL file."""
    end = 0
    for box in boxes(data, 0, len(data)):
        if not _is_type(box.type):
            break
        if int.from_bytes(data[box.start : box.start + 4], "big") > len(data) - box.start:
            problems.append("a box is larger than the file")
        end = box.end
        if box.type == b"meta":
            yield from _items(data, box, problems)
        elif box.type == b"moov":
            yield from _movie_meta(data, box, problems)
        elif box.type == b"uuid":
            yield _uuid(data, box)
        elif box.type == b"Exif":
            yield _exif(data[box.body : min(box.end, box.body + MAX_BLOCK_BYTES)], problems)
        elif box.type == b"xml ":
            yield block_at("xmp", data, box.body, box.end)
        elif box.type in {b"jumb", b"jumd"}:
            yield block_at("jumbf", data, box.body, box.end)
        elif box.type == b"mpvd":
            yield block_at("video", data, box.body, box.end, "mpvd")
        elif box.type == b"brob":
            yield from _compressed(data, box, problems)
    if end and end < len(data):
        yield block_at("trailer", data, end, len(data))


def _compressed(data: bytes, box: Box, problems: list[str]) -> Iterator[Block]:
    """A box of JPEG XL whose content is compressed with Brotli: four bytes of type, then the stream."""
    kind = data[box.body : box.body + 4]
    stream = data[box.body + 4 : min(box.end, box.body + 4 + MAX_BLOCK_BYTES)]
    if kind not in {b"Exif", b"xml ", b"jumb"}:
        yield block_at("other", data, box.body, box.end, f"brob {kind.decode('latin-1').strip()}")
        return
    try:
        content = _inflated(stream)
    except ImportError:
        problems.append("metadata is compressed with Brotli; reading it needs the extra 'jxl'")
        content = b""
    except ValueError:
        problems.append("metadata that is compressed with Brotli is damaged")
        content = b""
    if not content:
        yield block_at("other", data, box.body, box.end, f"brob {kind.decode('latin-1').strip()}")
    elif kind == b"Exif":
        yield _exif(content, problems)
    else:
        yield block("xmp" if kind == b"xml " else "jumbf", content)


def _inflated(stream: bytes) -> bytes:
    """What a Brotli stream holds, up to the size limit. Raises ImportError without the package, ValueError."""
    import brotli

    decoder = brotli.Decompressor()
    out = bytearray()
    try:
        for at in range(0, len(stream), _BROTLI_STEP):
            out += decoder.process(stream[at : at + _BROTLI_STEP], output_buffer_limit=_BROTLI_STEP)
            while len(out) < MAX_BLOCK_BYTES and not decoder.can_accept_more_data():
                more = decoder.process(b"", output_buffer_limit=_BROTLI_STEP)  # a few bytes may stand for megabytes
                if not more:
                    break
                out += more
            if len(out) >= MAX_BLOCK_BYTES:
                return bytes(out[:MAX_BLOCK_BYTES])
    except brotli.error as error:
        raise ValueError("no Brotli stream") from error
    if not decoder.is_finished():
        raise ValueError("the stream is cut off")
    return bytes(out)


def _is_type(name: bytes) -> bool:
    return all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in name)


def _movie_meta(data: bytes, moov: Box, problems: list[str]) -> Iterator[Block]:
    """An image sequence (avis, hevc) may hold its metadata below the movie box."""
    for box in boxes(data, moov.body, moov.end):
        if box.type == b"meta":
            yield from _items(data, box, problems)
        elif box.type == b"udta":
            yield block_at("other", data, box.body, box.end, "udta")
    clock = next((data[start:end] for start, end in _clocks(data, moov) if data[start:end].strip(b"\0")), b"")
    if clock:
        yield Block("other", clock, MOVIE_TIME, len(clock))


def _clocks(data: bytes, moov: Box) -> Iterator[tuple[int, int]]:
    """Places of the times at which a film, its tracks and their media were made and changed."""
    todo = [moov]
    for _ in range(MAX_BOXES):
        if not todo:
            return
        outer = todo.pop()
        for box in boxes(data, outer.body, outer.end):
            if box.type in {b"trak", b"mdia"} and len(todo) < MAX_DEPTH:
                todo.append(box)
            elif box.type in {b"mvhd", b"tkhd", b"mdhd"}:
                size = 16 if data[box.body : box.body + 1] == b"\1" else 8
                if box.body + 4 + size <= box.end:
                    yield box.body + 4, box.body + 4 + size


def _uuid(data: bytes, box: Box) -> Block:
    name = data[box.body : box.body + 16]
    if name == XMP_UUID:
        return block_at("xmp", data, box.body + 16, box.end)
    if name == C2PA_UUID:
        return block_at("jumbf", data, box.body + 16, box.end)
    return block_at("other", data, box.body + 16, box.end, "uuid")


def _exif(raw: bytes, problems: list[str]) -> Block:
    """An Exif item or box: four bytes say how far behind them the TIFF structure starts."""
    skip = int.from_bytes(raw[:4], "big")
    inner = raw[4 + skip :] if 4 + skip < len(raw) else raw[4:]
    inner = inner.removeprefix(b"Exif\0\0")
    if inner[:2] not in {b"II", b"MM"} and raw[:2] in {b"II", b"MM"}:
        inner = raw
    if inner and inner[:2] not in {b"II", b"MM"}:
        problems.append("EXIF: no TIFF structure where one is announced")
    return block("exif", inner)


def _items(data: bytes, meta: Box, problems: list[str]) -> Iterator[Block]:
    for item in items(data, meta):
        if item.role in {"exif", "xmp"}:
            content = _content(data, item)
            if not content.strip(b"\0 \n\r\t"):
                continue
            if item.role == "exif":
                yield _exif(content, problems)
            else:
                yield block("xmp", content)
        elif item.role in {"thumbnail", "depth"}:
            size = sum(end - start for start, end in item.spans)
            if _blank(data, item):
                continue
            yield Block("thumbnail" if item.role == "thumbnail" else "depth", b"", item.label, size)
        elif item.role == "other" and not _blank(data, item):
            yield block("other", _content(data, item), item.label)


def _content(data: bytes, item: Item) -> bytes:
    return b"".join(data[start : min(end, start + MAX_BLOCK_BYTES)] for start, end in item.spans[:64])[:MAX_BLOCK_BYTES]


def _blank(data: bytes, item: Item) -> bool:
    """Whether nothing but zeros is left of a stripped picture."""
    return not any(data[start : min(end, start + MAX_BLOCK_BYTES)].strip(b"\0") for start, end in item.spans[:64])


def meta_box(data: bytes) -> Box | None:
    """The file's `meta` box."""
    return next((box for box in boxes(data, 0, len(data)) if box.type == b"meta"), None)


def items(data: bytes, meta: Box) -> list[Item]:
    """All items of a `meta` box with their places and roles."""
    found: dict[int, Item] = {}
    places: dict[int, tuple[tuple[int, int], ...]] = {}
    links: list[tuple[bytes, int, int, tuple[int, ...]]] = []
    labels: dict[int, bytes] = {}
    parts = list(boxes(data, meta.body + 4, meta.end))
    idat = next((box for box in parts if box.type == b"idat"), None)
    for box in parts:
        if box.type == b"iinf":
            found.update(_entries(data, box))
        elif box.type == b"iloc":
            places.update(_locations(data, box, idat))
        elif box.type == b"iref":
            links += _references(data, box)
        elif box.type == b"iprp":
            labels.update(_auxiliaries(data, box))
    for number, item in found.items():
        found[number] = replace(item, spans=places.get(number, ()))
    for kind, at, source, _ in links:
        role: Role | None = None
        if kind == b"thmb":
            role, label = "thumbnail", "thmb"
        elif kind == b"auxl" and _is_depth(labels.get(source, b"")):
            role, label = "depth", "gain map" if b"gainmap" in labels[source] else "depth"
        if role and source in found:
            found[source] = replace(found[source], role=role, label=label, link=at)
            for tile in _tiles(source, links):
                if tile in found and found[tile].role == "picture":
                    found[tile] = replace(found[tile], role=role, label=f"{label} tile")
    return list(found.values())


def _is_depth(label: bytes) -> bool:
    return any(mark in label for mark in _DEPTH) and not any(mark in label for mark in _ALPHA)


def _tiles(number: int, links: list[tuple[bytes, int, int, tuple[int, ...]]]) -> set[int]:
    """The tiles of a grid that no other picture is made of."""
    own = {target for kind, _, source, targets in links if kind == b"dimg" and source == number for target in targets}
    shared = {
        target for kind, _, source, targets in links if kind == b"dimg" and source != number for target in targets
    }
    return own - shared


def _entries(data: bytes, iinf: Box) -> Iterator[tuple[int, Item]]:
    first = iinf.body + (6 if data[iinf.body : iinf.body + 1] == b"\0" else 8)
    for box in boxes(data, first, iinf.end):
        head = data[box.body : min(box.end, box.body + 512)]
        if box.type != b"infe" or len(head) < 12 or head[0] < 2:
            continue
        width = 2 if head[0] == 2 else 4
        number = int.from_bytes(head[4 : 4 + width], "big")
        kind, rest = head[6 + width : 10 + width], head[10 + width :]
        role: Role = "picture"
        label = ""
        if kind == b"Exif":
            role = "exif"
        elif kind == b"mime":
            role = "xmp" if b"rdf+xml" in rest else "other"
            label = "mime item"
        elif kind == b"uri ":
            role, label = "other", "uri item"
        yield number, Item(number, kind, box, role, label)


class _Reader:
    """Numbers of any width, one after the other; past the end they are 0."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self._at, self._end = data, at, min(end, len(data))

    def number(self, width: int) -> int:
        raw = self._data[self._at : min(self._at + width, self._end)]
        self._at += width
        return int.from_bytes(raw, "big")

    @property
    def more(self) -> bool:
        return self._at < self._end


def _locations(data: bytes, iloc: Box, idat: Box | None) -> dict[int, tuple[tuple[int, int], ...]]:
    reader = _Reader(data, iloc.body, iloc.end)
    version = reader.number(4) >> 24
    widths = reader.number(2)
    offset_width, length_width, base_width, index_width = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version >= 2 else 2
    places: dict[int, tuple[tuple[int, int], ...]] = {}
    budget = MAX_EXTENTS
    for _ in range(min(reader.number(wide), MAX_ITEMS)):
        if not reader.more:
            break
        number = reader.number(wide)
        method = reader.number(2) & 15 if version in {1, 2} else 0
        reader.number(2)
        base = reader.number(base_width)
        spans = []
        for _ in range(reader.number(2)):
            if not reader.more or not budget:
                break
            budget -= 1
            if version in {1, 2}:
                reader.number(index_width)
            start = base + reader.number(offset_width)
            length = reader.number(length_width)
            limit = len(data)
            if method == 1 and idat is not None:
                start, limit = start + idat.body, idat.end
            elif method != 0:
                continue
            end = min(start + length, limit) if length else limit
            if start < end:
                spans.append((start, end))
        places[number] = tuple(spans)
    return places


def _references(data: bytes, iref: Box) -> Iterator[tuple[bytes, int, int, tuple[int, ...]]]:
    width = 4 if data[iref.body : iref.body + 1] != b"\0" else 2
    for box in boxes(data, iref.body + 4, iref.end):
        reader = _Reader(data, box.body, box.end)
        source = reader.number(width)
        count = min(reader.number(2), (box.end - box.body) // width)
        yield box.type, box.start + 4, source, tuple(reader.number(width) for _ in range(count))


def _auxiliaries(data: bytes, iprp: Box) -> Iterator[tuple[int, bytes]]:
    """(item id, auxiliary type) for each item that has an `auxC` property."""
    properties: list[bytes] = []
    associations: list[Box] = []
    for box in boxes(data, iprp.body, iprp.end):
        if box.type == b"ipco":
            properties += [
                data[part.body + 4 : min(part.end, part.body + 128)] if part.type == b"auxC" else b""
                for part in boxes(data, box.body, box.end)
            ]
        elif box.type == b"ipma":
            associations.append(box)
    for box in associations:
        reader = _Reader(data, box.body, box.end)
        head = reader.number(4)
        id_width, index_width = (4 if head >> 24 else 2), (2 if head & 1 else 1)
        for _ in range(min(reader.number(4), MAX_ITEMS)):
            if not reader.more:
                break
            number = reader.number(id_width)
            for _ in range(reader.number(1)):
                index = reader.number(index_width) & (0x7FFF if index_width == 2 else 0x7F)
                if 0 < index <= len(properties) and properties[index - 1]:
                    yield number, properties[index - 1]


_JXL_PICTURE = frozenset({b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp", b"jxli"})
_FREED = frozenset({b"uuid", b"Exif", b"xml ", b"jumb", b"jumd", b"brob", b"mpvd", b"udta"})
NO_ROOM = "there is no room for what is to be kept"
_EMPTY_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
_EMPTY_EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"


def rewrite_jxl(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The codestream alone, with these metadata (b"" for none).

    What rebuilds an original JPEG from it (jbrd) goes, because it holds that file's metadata.
    """
    found = list(boxes(data, 0, len(data)))
    if not found or any(box.end - box.start < 8 for box in found):
        raise UnwritableError("JXL: the boxes are damaged")
    fresh = b"".join(
        (len(body) + 8).to_bytes(4, "big") + kind + body
        for kind, body in ((b"Exif", exif and bytes(4) + exif), (b"xml ", xmp))
        if body
    )
    out = bytearray()
    for box in found:
        if box.type not in _JXL_PICTURE:
            continue
        if box.type in {b"jxlc", b"jxlp"}:
            out += fresh
            fresh = b""
        out += data[box.start : box.end]
    return bytes(out)


def coded_jxl(data: bytes) -> bytes:
    """What the pixels are decoded from."""
    return b"".join(data[box.start : box.end] for box in boxes(data, 0, len(data)) if box.type in _JXL_PICTURE)


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """A HEIF or AVIF file whose metadata are overwritten where they stand, so that no offset changes.

    EXIF and XMP items hold the new metadata or nothing; thumbnails, depth and gain maps become hidden, unlinked and
    zero; boxes of metadata become free space. Bytes behind the last box, and freed boxes at the end, are cut off.
    """
    top = [box for box in boxes(data, 0, len(data)) if _is_type(box.type)]
    out = bytearray(data)
    for meta in _meta_boxes(data, top):
        found = items(data, meta)
        kept = [span for item in found if item.role == "picture" for span in item.spans]
        for item in found:
            if item.role != "picture":
                _overwrite(out, item, kept, exif, xmp)
                exif, xmp = (b"" if item.role == "exif" else exif), (b"" if item.role == "xmp" else xmp)
    if xmp or exif:
        raise UnwritableError(NO_ROOM)
    for box in [*top, *_movie_parts(data, top)]:
        if box.type in _FREED:
            out[box.start + 4 : box.start + 8] = b"free"
            out[box.body : box.end] = bytes(box.end - box.body)
        elif box.type == b"moov":
            for start, end in _clocks(data, box):
                out[start:end] = bytes(end - start)
    while top and top[-1].type in _FREED:
        top.pop()
    return bytes(out[: top[-1].end]) if top else bytes(out)


def pictures(data: bytes) -> bytes:
    """What the pixels of the kept pictures are decoded from."""
    top = [box for box in boxes(data, 0, len(data)) if _is_type(box.type)]
    spans = [
        span
        for meta in _meta_boxes(data, top)
        for item in items(data, meta)
        if _is_kept(data, item)
        for span in item.spans
    ]
    return b"".join(data[start:end] for start, end in spans)


def _is_kept(data: bytes, item: Item) -> bool:
    hidden = data[item.entry.body + 3] & 1 and _blank(data, item)
    return item.role == "picture" and not hidden


def _meta_boxes(data: bytes, top: list[Box]) -> list[Box]:
    return [box for box in [*top, *_movie_parts(data, top)] if box.type == b"meta"]


def _movie_parts(data: bytes, top: list[Box]) -> list[Box]:
    return [part for box in top if box.type == b"moov" for part in boxes(data, box.body, box.end)]


def _overwrite(out: bytearray, item: Item, kept: list[tuple[int, int]], exif: bytes, xmp: bytes) -> None:
    room = sum(end - start for start, end in item.spans)
    if any(start < stop and first < end for start, end in item.spans for first, stop in kept):
        raise UnwritableError("metadata and picture share their bytes")
    content = b""
    if item.role == "exif":
        content = bytes(4) + (exif or _EMPTY_EXIF)
        content = content if exif or len(content) <= room else b""
    elif item.role == "xmp":
        content = xmp or (_EMPTY_XMP if len(_EMPTY_XMP) <= room else b"")
    if len(content) > room:
        raise UnwritableError(NO_ROOM)
    content = content.ljust(room, b" " if item.role == "xmp" else b"\0")
    for start, end in item.spans:
        out[start:end], content = content[: end - start], content[end - start :]
    if item.role in {"thumbnail", "depth"}:
        out[item.entry.body + 3] |= 1  # hidden
        if item.type == b"jpeg":  # readers that look for a preview by its type must not find an empty one
            at = item.entry.body + (8 if out[item.entry.body] == 2 else 10)
            out[at : at + 4] = b"free"
    if item.link is not None:
        out[item.link : item.link + 4] = b"free"
