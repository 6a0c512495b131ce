"""TIFF structures: EXIF blobs and TIFF files, classic and BigTIFF, read entry by entry.

Offsets are not trusted: every directory is read once, directories, entries, values and their total size are capped, and
what points outside the data is left out.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from privacy_audit.containers.blocks import MAX_BLOCK_BYTES, Block, UnwritableError, block
from privacy_audit.containers.text import decode

MAX_IFDS = 64
MAX_ENTRIES = 65_536
MAX_VALUES = 4096  # numbers of one entry
MAX_VALUE_BYTES = 4 * MAX_BLOCK_BYTES  # of all entries together

ORIENTATION = 0x0112
SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x014A, 0x8769, 0x8825, 0xA005
XMP, IPTC, PHOTOSHOP, ICC = 0x02BC, 0x83BB, 0x8649, 0x8773
MAKER_NOTE, USER_COMMENT = 0x927C, 0x9286
MP_ENTRIES = 0xB002
ARTIST, COPYRIGHT, _DATE_TIME_ORIGINAL = 0x013B, 0x8298, 0x9003

_POINTERS = {SUB_IFDS: "SubIFD", EXIF_IFD: "Exif", GPS_IFD: "GPS", INTEROP_IFD: "Interop"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
_CODES = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TEXT = frozenset({2, 129})  # ASCII and the UTF-8 type of EXIF 3
_XP = range(0x9C9B, 0x9CA0)
_CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}

NAMES = {
    0x00FE: "SubfileType",
    0x0100: "ImageWidth",
    0x0101: "ImageHeight",
    0x0103: "Compression",
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0111: "StripOffsets",
    ORIENTATION: "Orientation",
    0x0117: "StripByteCounts",
    0x011D: "PageName",
    0x0131: "Software",
    0x0132: "ModifyDate",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x0144: "TileOffsets",
    SUB_IFDS: "SubIFDs",
    0x0201: "JPEGInterchangeFormat",
    0x0202: "JPEGInterchangeFormatLength",
    XMP: "XMP",
    0x8298: "Copyright",
    IPTC: "IPTC",
    PHOTOSHOP: "Photoshop",
    EXIF_IFD: "ExifIFD",
    ICC: "ICCProfile",
    GPS_IFD: "GPSIFD",
    0x9003: "DateTimeOriginal",
    0x9004: "CreateDate",
    0x9010: "OffsetTime",
    0x9011: "OffsetTimeOriginal",
    0x9012: "OffsetTimeDigitized",
    0x882A: "TimeZoneOffset",
    0x9211: "ImageNumber",
    0x9213: "ImageHistory",
    MAKER_NOTE: "MakerNote",
    USER_COMMENT: "UserComment",
    0x9290: "SubSecTime",
    0x9291: "SubSecTimeOriginal",
    0x9292: "SubSecTimeDigitized",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
    INTEROP_IFD: "InteropIFD",
    0xA420: "ImageUniqueID",
    0xA430: "CameraOwnerName",
    0xA431: "BodySerialNumber",
    0xA435: "LensSerialNumber",
    0xA436: "ImageTitle",
    0xA437: "Photographer",
    0xA438: "ImageEditor",
    0xC4A5: "PrintImageMatching",
    0xC62F: "CameraSerialNumber",
    0xC634: "DNGPrivateData",
    0xC65D: "RawDataUniqueID",
    0xC68B: "OriginalRawFileName",
    0xC68C: "OriginalRawFileData",
    0xC71A: "PreviewSettingsName",
    0xC71B: "PreviewDateTime",
    0xC7A7: "NewRawImageDigest",
    0xFDE8: "OwnerName",
    0xFDE9: "SerialNumber",
    0xFDEA: "Lens",
}
GPS_NAMES = {
    0: "GPSVersionID",
    1: "GPSLatitudeRef",
    2: "GPSLatitude",
    3: "GPSLongitudeRef",
    4: "GPSLongitude",
    5: "GPSAltitudeRef",
    6: "GPSAltitude",
    7: "GPSTimeStamp",
    16: "GPSImgDirectionRef",
    17: "GPSImgDirection",
    18: "GPSMapDatum",
    19: "GPSDestLatitudeRef",
    20: "GPSDestLatitude",
    21: "GPSDestLongitudeRef",
    22: "GPSDestLongitude",
    27: "GPSProcessingMethod",
    28: "GPSAreaInformation",
    29: "GPSDateStamp",
    31: "GPSHPositioningError",
}


_STRUCTURE = _POINTERS.keys() | {0x0100, 0x0101, 0x0103, ORIENTATION, XMP, IPTC, PHOTOSHOP, ICC, 0xC4A5}
_GPS_TAGS = GPS_NAMES.keys() | _POINTERS.keys()
_OFFSETS = frozenset({4, 13, 16, 18})  # types of an entry that can point to a directory


class Rational(NamedTuple):
    """A fraction as stored; the denominator may be 0."""

    numerator: int
    denominator: int


Value = str | bytes | tuple[int | float | Rational, ...]


class Entry(NamedTuple):
    """One entry. `ifd` is IFD0, IFD1 ..., Exif, GPS, Interop or SubIFD; `name` is "" for a tag that has none here.

    `value` is text for text types (NULs inside become spaces) and for XP* and UserComment, bytes for BYTE and
    UNDEFINED, else a tuple of numbers. `at` is where it stands in the data.
    """

    ifd: str
    tag: int
    name: str
    value: Value
    at: int = 0


class Field(NamedTuple):
    """An entry's place: `start` is its first byte, `value_at` and `size` (bytes) where its value stands."""

    tag: int
    type: int
    items: int
    start: int
    value_at: int
    size: int


class Ifd(NamedTuple):
    """A directory's place. `next_at` is where the offset of the next one is stored, `stored` how many fields it has.

    `named` are the fields whose tags have a name here: they are what most readers want, and making an object of each
    of the others is most of the time that reading takes.
    """

    name: str
    start: int
    stored: int
    named: tuple[Field, ...]
    next_at: int
    data: bytes
    form: Layout

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields."""
        return tuple(_fields(self.data, self.form, self.start, self.stored, None))


class Layout(NamedTuple):
    """How a TIFF structure stores its numbers: byte order ("<" or ">") and whether offsets have 8 bytes."""

    order: str
    big: bool

    def number(self, data: bytes, at: int, code: str) -> int:
        """The number at `at`; `code` as for struct."""
        value: int = struct.unpack_from(self.order + code, data, at)[0]
        return value


def layout(data: bytes) -> Layout | None:
    """Byte order and offset size by the first bytes, or None when it is no TIFF structure."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    magic = struct.unpack_from(order + "H", data, 2)[0]
    if magic == 43:
        return Layout(order, big=True) if len(data) >= 16 else None
    return Layout(order, big=False)


def ifds(data: bytes, problems: list[str] | None = None) -> Iterator[Ifd]:
    """All directories that can be reached, each once, breadth first."""
    problems = problems if problems is not None else []
    form = layout(data)
    if form is None:
        return
    code, first = ("Q", 8) if form.big else ("I", 4)
    todo = deque([("IFD0", form.number(data, first, code))])
    seen: set[int] = set()
    entries = 0
    while todo:
        name, start = todo.popleft()
        if start in seen or not 8 <= start <= len(data) - 2:
            if start in seen or start:
                problems.append("EXIF: a directory points to itself or outside the data")
            continue
        if len(seen) == MAX_IFDS or entries > MAX_ENTRIES:
            problems.append("EXIF: more directories or entries than are read")
            return
        seen.add(start)
        ifd = _ifd(data, form, name, start)
        entries += ifd.stored
        yield ifd
        for field in ifd.named:
            if field.tag in _POINTERS and field.type in _OFFSETS:
                code = "Q" if field.type in {16, 18} else "I"
                step = struct.calcsize(code)
                if len(todo) > MAX_IFDS:
                    break
                todo += [
                    (_POINTERS[field.tag], form.number(data, field.value_at + step * index, code))
                    for index in range(min(field.size // step, MAX_IFDS))
                ]
        following = _next(data, form, ifd)
        if following and name.startswith("IFD"):
            todo.append((f"IFD{int(name[3:]) + 1}", following))


def _ifd(data: bytes, form: Layout, name: str, start: int) -> Ifd:
    head, size = (8, 20) if form.big else (2, 12)
    first = start + head
    if first > len(data):
        return Ifd(name, start, 0, (), len(data), data, form)
    count = form.number(data, start, "Q" if form.big else "H")
    stored = min(count, MAX_ENTRIES, (len(data) - first) // size)
    wanted = _GPS_TAGS if name == "GPS" else _POINTERS.keys() if name == "Interop" else NAMES.keys()
    named = tuple(_fields(data, form, start, stored, wanted))
    return Ifd(name, start, stored, named, first + size * count, data, form)


def _fields(data: bytes, form: Layout, start: int, count: int, wanted: AbstractSet[int] | None) -> Iterator[Field]:
    """The first `count` fields of the directory at `start`, of `wanted` tags only (None: all)."""
    head, size, inline = (8, 20, 8) if form.big else (2, 12, 4)
    total, first = len(data), start + head
    table = struct.iter_unpack(form.order + ("HHQQ" if form.big else "HHII"), data[first : first + size * count])
    rows = [(index, row) for index, row in enumerate(table) if wanted is None or row[0] in wanted]
    for index, (tag, kind, number, offset) in rows:
        at = first + size * index
        length = SIZES.get(kind, 0) * number
        value_at = offset if length > inline else at + size - inline
        if not length or value_at + length > total:
            value_at, length = min(value_at, total), 0
        yield Field(tag, kind, number, at, value_at, length)


def _next(data: bytes, form: Layout, ifd: Ifd) -> int:
    code = "Q" if form.big else "I"
    if ifd.next_at + struct.calcsize(code) > len(data):
        return 0
    return form.number(data, ifd.next_at, code)


def entries(
    data: bytes,
    problems: list[str] | None = None,
    directories: Iterable[Ifd] | None = None,
    named_only: bool = False,
) -> list[Entry]:
    """All entries of an EXIF blob or a TIFF file whose value lies inside the data.

    `directories` spares the reading of those that are at hand. With `named_only`, entries without a name are left out,
    and those that only say where something stands or how the picture is drawn.
    """
    form = layout(data)
    if form is None:
        return []
    budget = MAX_VALUE_BYTES
    found = []
    for ifd in ifds(data, problems) if directories is None else directories:
        place = ifd.name
        names: Mapping[int, str] = GPS_NAMES if place == "GPS" else {} if place == "Interop" else NAMES
        for field in ifd.named if named_only else ifd.fields:
            if named_only and field.tag in _STRUCTURE:
                continue
            name = names.get(field.tag, "")
            size = field.size
            if not size or (named_only and not name):
                continue
            size = min(size, MAX_BLOCK_BYTES)
            if size > budget:
                continue
            budget -= size
            value = _value(data[field.value_at : field.value_at + size], field, form)
            found.append(Entry(place, field.tag, name, value, field.value_at))
    return found


def _value(raw: bytes, field: Field, form: Layout) -> Value:
    if field.type in _TEXT:
        return decode(raw).replace("\0", " ").strip()
    if field.tag in _XP:
        return raw[: len(raw) & ~1].decode("utf-16-le", "replace").rstrip("\0").strip()
    if field.tag == USER_COMMENT:
        return user_comment(raw, form)
    if field.type in {1, 7}:
        return raw
    if field.type in {5, 10}:
        code = "I" if field.type == 5 else "i"
        count = min(len(raw) // 8, MAX_VALUES)
        flat = struct.unpack_from(f"{form.order}{2 * count}{code}", raw)
        return tuple(Rational(*pair) for pair in zip(flat[::2], flat[1::2], strict=True))
    count = min(len(raw) // SIZES[field.type], MAX_VALUES)
    return struct.unpack_from(f"{form.order}{count}{_CODES[field.type]}", raw)


def user_comment(raw: bytes, form: Layout) -> str:
    """Text behind eight bytes that name its character set, or text without them."""
    charset = _CHARSETS.get(raw[:8])
    body = raw[8:] if charset else raw
    if charset == "utf-16":
        body = body[: len(body) & ~1]
        if body[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
            # The byte order should be the file's, but many writers use the other one: text has its zeros on one side.
            low, high = body[::2].count(0), body[1::2].count(0)
            little = form.order == "<" if low == high else high > low
            charset = "utf-16-le" if little else "utf-16-be"
    if charset and charset != "utf-8":
        try:
            return body.decode(charset).replace("\0", " ").strip()
        except UnicodeDecodeError:
            pass
    return decode(body).replace("\0", " ").strip()


def orientation(data: bytes) -> int | None:
    """The orientation, 1 to 8, that IFD0 asks for; None when it asks for none."""
    form = layout(data)
    first = next(ifds(data), None)
    if form is None or first is None:
        return None
    value = _number(data, form, first, ORIENTATION)
    return value if 1 <= value <= 8 else None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a fresh EXIF block is to hold, each None for nothing.

    `month` is (year, month). `tenths` is latitude and longitude in tenths of a degree, north and east positive.
    """

    orientation: int | None = None
    artist: str | None = None
    notice: str | None = None
    month: tuple[int, int] | None = None
    tenths: tuple[int, int] | None = None


def build(contents: Contents) -> bytes:
    """A fresh EXIF block with these entries; b"" for none."""
    base: list[_Row] = []
    if contents.orientation is not None:
        base.append((ORIENTATION, 3, struct.pack("<H", contents.orientation)))
    base += [
        (tag, 2, value.encode("utf-8", "replace") + b"\0")
        for tag, value in ((ARTIST, contents.artist), (COPYRIGHT, contents.notice))
        if value
    ]
    inner: list[_Row] = []
    if contents.month is not None:  # blanks are how EXIF says that a part is not known
        inner.append((_DATE_TIME_ORIGINAL, 2, b"%04d:%02d:     :  :  \0" % contents.month))
    place: list[_Row] = []
    if contents.tenths is not None:
        place.append((0, 1, b"\2\3\0\0"))
        for tag, tenths, letters in zip((1, 3), contents.tenths, (b"NS", b"EW"), strict=True):
            place.append((tag, 2, letters[tenths < 0 : (tenths < 0) + 1] + b"\0"))
            place.append((tag + 1, 5, struct.pack("<6I", abs(tenths), 10, 0, 1, 0, 1)))
    pointers = [(tag, rows) for tag, rows in ((EXIF_IFD, inner), (GPS_IFD, place)) if rows]
    if not base and not pointers:
        return b""
    at = 8 + _size([*base, *((tag, 4, bytes(4)) for tag, _ in pointers)])
    behind = b""
    for tag, rows in pointers:
        base.append((tag, 4, struct.pack("<I", at + len(behind))))
        behind += _written(rows, at + len(behind))
    return struct.pack("<2sHI", b"II", 42, 8) + _written(base, 8) + behind


_Row = tuple[int, int, bytes]
"""Tag, type and value of an entry."""


def _size(rows: Iterable[_Row]) -> int:
    return 6 + sum(12 + (len(value) + len(value) % 2 if len(value) > 4 else 0) for _, _, value in rows)


def _written(rows: list[_Row], start: int) -> bytes:
    """One directory at offset `start`, little-endian, its long values behind it."""
    table, heap = struct.pack("<H", len(rows)), b""
    first = start + 6 + 12 * len(rows)
    for tag, kind, value in rows:
        table += struct.pack("<HHI", tag, kind, len(value) // SIZES[kind])
        if len(value) > 4:
            table += struct.pack("<I", first + len(heap))
            heap += value + bytes(len(value) % 2)
        else:
            table += value.ljust(4, b"\0")
    return table + bytes(4) + heap


def walk(data: bytes, problems: list[str]) -> Iterator[Block]:
    """A TIFF file: itself as an "exif" block; `packets` finds what is nested in it."""
    if layout(data) is None:
        problems.append("TIFF: the header is cut off")
        return
    yield Block("exif", data, "TIFF", len(data))


_PACKETS = frozenset({XMP, IPTC, PHOTOSHOP, ICC})


def packets(data: bytes, directories: Iterable[Ifd]) -> Iterator[Block]:
    """XMP, IPTC, Photoshop and ICC blocks that stand as entries in a TIFF structure."""
    for ifd in directories:
        for field in ifd.named:
            if field.tag not in _PACKETS or not field.size or ifd.name in {"GPS", "Interop"}:
                continue
            raw = data[field.value_at : field.value_at + field.size]
            if field.tag == XMP:
                yield block("xmp", raw, "EXIF")
            elif field.tag == IPTC:
                form = layout(data)
                # Some writers declare the datasets as LONGs and store them with the bytes of each LONG turned round.
                if form and field.type == 4 and raw[:1] != b"\x1c" and raw[3:4] == b"\x1c":
                    raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
                yield block("iptc", raw, "EXIF")
            elif field.tag == PHOTOSHOP:
                yield block("photoshop", raw, "EXIF")
            else:
                yield block("icc", raw, "EXIF")


# What is needed to draw a page: geometry, colour, compression, layout of the pixels; nothing that says who or where.
_DRAWING = frozenset(
    {
        *(0x00FE, 0x00FF, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0107, 0x010A, 0x0111, ORIENTATION, 0x0115, 0x0116),
        *(
            0x0117,
            0x0118,
            0x0119,
            0x011A,
            0x011B,
            0x011C,
            0x0122,
            0x0123,
            0x0124,
            0x0125,
            0x0128,
            0x0129,
            0x012D,
            0x013D,
        ),
        *(
            0x013E,
            0x013F,
            0x0140,
            0x0141,
            0x0142,
            0x0143,
            0x0144,
            0x0145,
            0x014C,
            0x0150,
            0x0152,
            0x0153,
            0x0154,
            0x0155,
        ),
        *(0x014E, 0x015B, 0xC5F2, 0x0211, 0x0212, 0x0213, 0x0214, ICC),
    }
)
_DATA = ((0x0111, 0x0117), (0x0144, 0x0145))  # offsets and sizes of strips, of tiles
_SUBFILE, _COMPRESSION, _DNG_VERSION = 0x00FE, 0x0103, 0xC612
_OLD_JPEG = 6


def foreign(data: bytes, keep: frozenset[int] = frozenset()) -> tuple[str, ...]:
    """What drawing a TIFF file does not need, by name: entries (not `keep`), sub-directories, reduced pictures."""
    form = layout(data)
    names: list[str] = []
    for ifd in ifds(data) if form else ():
        if form and ifd.name.startswith("IFD") and _number(data, form, ifd, _SUBFILE) & 1:
            names.append("ThumbnailImage")
        for field in ifd.fields:
            if not ifd.name.startswith("IFD"):
                names.append(ifd.name)
            elif field.tag not in _DRAWING | keep:
                names.append(NAMES.get(field.tag, f"0x{field.tag:04x}"))
    return tuple(dict.fromkeys(names))


def rewrite(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """A classic TIFF file in which all that drawing its pages does not need is zero, with a new XMP packet.

    Offsets stay. Reduced pictures and sub-directories go. Artist and Copyright stay when `exif` holds them.
    """
    form = layout(data)
    problems: list[str] = []
    pages = [ifd for ifd in ifds(data, problems) if ifd.name.startswith("IFD")]
    if form is None or form.big or not pages or problems:
        raise UnwritableError(problems[0] if problems else "a TIFF variant that is not written here (BigTIFF)")
    if any(field.tag == _DNG_VERSION for field in pages[0].fields):
        raise UnwritableError("a camera's raw file is not written here")
    if any(_number(data, form, ifd, _COMPRESSION) == _OLD_JPEG for ifd in pages):
        raise UnwritableError("old-style JPEG compression in TIFF is not written here")
    kept = [ifd for ifd in pages if not _number(data, form, ifd, _SUBFILE) & 1]
    if not kept or kept[0] is not pages[0]:
        raise UnwritableError("the first page is a preview of another picture")
    allowed = _DRAWING | ({ARTIST, COPYRIGHT} & {entry.tag for entry in entries(exif)})
    spans = [(0, 8)]
    directories: dict[int, bytes] = {}
    end = 0
    for ifd in kept:
        fields = [field for field in ifd.fields if field.tag in allowed and field.size]
        spans += [(field.value_at, field.value_at + field.size) for field in fields]
        spans += _data_spans(data, form, ifd)
        directories[ifd.start] = b"".join(data[field.start : field.start + 12] for field in fields)
        end = max(end, ifd.start + 6 + 12 * ifd.stored)
    out = bytearray(max(end, *(stop for _, stop in spans)))
    for start, stop in spans:
        out[start:stop] = data[start:stop]
    if xmp:
        out += bytes(len(out) % 2)
        entry = struct.pack(form.order + "HHII", XMP, 1, len(xmp), len(out))
        rows = directories[kept[0].start]
        split = 12 * sum(form.number(rows, at, "H") < XMP for at in range(0, len(rows), 12))
        directories[kept[0].start] = rows[:split] + entry + rows[split:]
        if len(directories[kept[0].start]) > 12 * kept[0].stored:
            raise UnwritableError("there is no room for what is to be kept")
        out += xmp
    for ifd, following in zip(kept, [*kept[1:], None], strict=True):
        rows = directories[ifd.start]
        count = struct.pack(form.order + "H", len(rows) // 12)
        after = struct.pack(form.order + "I", following.start if following else 0)
        out[ifd.start : ifd.start + 6 + len(rows)] = count + rows + after
    return bytes(out)


def _number(data: bytes, form: Layout, ifd: Ifd, tag: int) -> int:
    """The first number of an entry, 0 when there is none."""
    return next(iter(_numbers(data, form, ifd, tag)), 0)


def _numbers(data: bytes, form: Layout, ifd: Ifd, tag: int) -> list[int]:
    for field in ifd.fields:
        if field.tag == tag and field.type in {3, 4, 13}:
            code, size = ("H", 2) if field.type == 3 else ("I", 4)
            return list(struct.unpack_from(f"{form.order}{field.size // size}{code}", data, field.value_at))
    return []


def _data_spans(data: bytes, form: Layout, ifd: Ifd) -> list[tuple[int, int]]:
    """Places of the strips and tiles of a page."""
    spans = []
    for offsets, sizes in _DATA:
        starts, lengths = _numbers(data, form, ifd, offsets), _numbers(data, form, ifd, sizes)
        if len(starts) != len(lengths):
            raise UnwritableError("TIFF: strips without sizes")
        spans += [
            (at, min(at + length, len(data))) for at, length in zip(starts, lengths, strict=True) if at < len(data)
        ]
    return spans
