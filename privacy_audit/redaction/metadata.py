"""Metadata out of a picture file, pixels untouched: nothing is decoded and encoded again.

What goes: EXIF, XMP, IPTC, Photoshop records, comments, text chunks, JUMBF (C2PA), vendor segments, thumbnails, second
pictures, films, depth and gain maps, bytes behind the picture. What stays: the coded pixels, bit for bit, the ICC
profile, the orientation, and in the mode "private" statements of rights, licence and training permission, because
removing an opt-out would itself break a promise.

Every result is checked before it is handed out: the coded picture is the same, and a scan finds nothing that should be
gone. Where that cannot be had, StripRefused says why.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from privacy_audit.containers import Block, Container, Format, bmff, gif, iptc, jpeg, png, read, tiff, webp, xmp
from privacy_audit.containers.blocks import UnwritableError
from privacy_audit.containers.text import decode
from privacy_audit.detectors.metadata import scan
from privacy_audit.detectors.metadata.exif import text
from privacy_audit.detectors.metadata.hits import Hit, blank
from privacy_audit.errors import PictureError, PrivacyAuditError
from privacy_audit.pixels import Limits, Picture

Mode = Literal["all", "private"]

MAX_PACKET = 60_000  # bytes; a JPEG segment ends at 65,533
_KEPT = frozenset(
    {
        *("plus:DataMining", "plus:OtherConstraints", "cc:license", "dc:rights", "tdm:reservation", "tdm:policy"),
        *("xmpRights:Marked", "xmpRights:WebStatement", "xmpRights:UsageTerms", "xmpRights:Owner"),
        "xmpRights:Certificate",
        *("Iptc4xmpExt:DigitalSourceType", "Iptc4xmpExt:DigitalSourcefileType"),
    }
)
_COPYRIGHT = 0x8298
_SLACK = 128  # bytes that an EXIF block of two entries may have beside the notice itself
_LABELS = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "photoshop": "Photoshop", "jumbf": "JUMBF", "mpf": "JPEG:MPF"}


class StripRefused(PrivacyAuditError):  # noqa: N818 - named for what happened, like the rest of the tree
    """Metadata cannot be removed without touching the picture, or not all of it. The text says why."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """A picture file without its metadata. `removed` and `kept` are names of tags and blocks, never values."""

    data: bytes
    removed: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Writer:
    """How one format is written, and what of it must come out the same."""

    rewrite: Callable[[bytes, bytes, bytes], bytes]
    coded: Callable[[bytes], bytes] | None
    decode: bool = False
    orients: bool = True  # whether viewers turn the picture as EXIF says


_WRITERS: dict[Format, _Writer] = {
    "JPEG": _Writer(jpeg.rewrite, jpeg.coded),
    "PNG": _Writer(png.rewrite, png.coded),
    "WEBP": _Writer(webp.rewrite, webp.coded),
    "GIF": _Writer(gif.rewrite, gif.coded, orients=False),
    "TIFF": _Writer(tiff.rewrite, None, decode=True),
    "HEIF": _Writer(bmff.rewrite, bmff.pictures, decode=True, orients=False),
    "AVIF": _Writer(bmff.rewrite, bmff.pictures, decode=True, orients=False),
    "JXL": _Writer(bmff.rewrite_jxl, bmff.coded_jxl, orients=False),
}


def strip(data: bytes, mode: Mode = "private") -> Stripped:
    """`data` without metadata; the same bytes when there is nothing to remove.

    "private" keeps rights, licence and training flags (XMP plus:DataMining, xmpRights:*, cc:license, dc:rights,
    Iptc4xmpExt:DigitalSourceType, tdm:*, EXIF Copyright), rewritten as one fresh packet; "all" removes them too.
    Raises StripRefused.
    """
    container = read(data)
    if container is None:
        raise StripRefused("the content is no picture whose metadata can be removed here")
    found, _ = scan.hits(container)
    statements = _statements(container) if mode == "private" else _Statements()
    removed = _removed(data, container, found, statements)
    writer = _WRITERS.get(container.format)
    if not removed or writer is None:
        return Stripped(data, (), statements.names)
    orientation = _orientation(container) if writer.orients else None
    try:
        exif = tiff.build(orientation, statements.notice)
        clean = writer.rewrite(data, exif, statements.packet())
    except (UnwritableError, ValueError, IndexError, OverflowError, struct.error) as error:
        reason = str(error) if isinstance(error, UnwritableError) else "the file is damaged"
        raise StripRefused(f"the metadata cannot be removed: {reason}") from error
    _verify(data, clean, container.format, writer, mode)
    return Stripped(clean, removed, statements.names)


@dataclass(frozen=True, slots=True)
class _Statements:
    """What of rights and permissions is carried over. `notice` is the EXIF Copyright."""

    properties: tuple[xmp.Property, ...] = ()
    notice: str | None = None
    names: tuple[str, ...] = ()

    def packet(self) -> bytes:
        if not self.properties:
            return b""
        packet = xmp.build(list(self.properties))
        if len(packet) > MAX_PACKET or len(self.notice or "") > MAX_PACKET // 4:
            raise UnwritableError("the rights statement is too long to be carried over")
        return packet


def _statements(container: Container) -> _Statements:
    properties: dict[str, xmp.Property] = {}
    names: list[str] = []
    for block in container.of("xmp"):
        for found in xmp.flatten(block.data):
            key = f"{found.prefix}:{found.name}"
            if key in _KEPT and not blank(found.value):
                properties.setdefault(key, found)
                names.append(f"XMP-{key}")
    if "dc:rights" not in properties:
        for tag, value in _older_notices(container):
            properties.setdefault("dc:rights", xmp.Property("dc", "rights", value))
            names.append(tag)
    notice = None
    for block in container.of("exif"):
        for entry in tiff.entries(block.data):
            if entry.tag == _COPYRIGHT and entry.ifd == "IFD0" and not notice and not blank(text(entry.value)):
                notice = text(entry.value)
                names.append("EXIF:Copyright")
    return _Statements(tuple(properties.values()), notice, tuple(dict.fromkeys(names)))


def _older_notices(container: Container) -> Iterator[tuple[str, str]]:
    """Copyright notices that XMP's dc:rights replaces."""
    for block in container.of("iptc"):
        for dataset in iptc.datasets(block.data):
            if dataset.name == "CopyrightNotice" and not blank(dataset.value):
                yield "IPTC:CopyrightNotice", dataset.value
    for block in container.of("text"):
        if container.format == "PNG" and block.name == "Copyright" and not blank(decode(block.data)):
            yield "PNG:Copyright", decode(block.data)


def _removed(data: bytes, container: Container, found: list[Hit], statements: _Statements) -> tuple[str, ...]:
    """Names of what has to go; empty when the file holds nothing but its picture and what is kept."""
    names = [name for block in container.blocks if (name := _name(container, block, statements))]
    if container.format == "TIFF":
        keep = frozenset({tiff.XMP, _COPYRIGHT} if statements.notice else {tiff.XMP})  # the packet is judged by itself
        names += [f"EXIF:{name}" for name in tiff.foreign(data, keep)]
    if not names:
        return ()
    kept = set(statements.names)
    return tuple(dict.fromkeys(name for name in [*(hit.tag for hit in found), *names] if name not in kept))


def _name(container: Container, block: Block, statements: _Statements) -> str | None:
    """The name of a block that has to go, None for one that may stay."""
    if block.kind == "icc" or block.name == "TIFF":
        return None
    if block.kind == "exif":
        tags = {entry.tag for entry in tiff.entries(block.data)}
        small = len(block.data.rstrip(b"\0")) <= _SLACK + 4 * len(statements.notice or "")
        allowed = {tiff.ORIENTATION} | ({_COPYRIGHT} if statements.notice else set())
        ours = tags <= allowed and small and tiff.layout(block.data) is not None
        return None if ours else "EXIF"
    if block.kind == "xmp":
        found, problem = xmp.parse(block.data)
        ours = problem is None and b"<!--" not in block.data and set(found) <= set(statements.properties)
        return None if ours else "XMP"
    if block.kind == "trailer" and scan.is_padding(block):
        return None
    if block.kind == "other" and container.format == "JPEG":
        return f"JPEG:{block.name.partition(' ')[0]}"
    return _LABELS.get(block.kind, f"{container.format}:{block.kind}")


def _orientation(container: Container) -> int | None:
    """The orientation that Pillow would use: of the first EXIF block that has one, else of XMP; None for upright."""
    stored = [tiff.orientation(block.data) for block in container.of("exif")]
    stored += [
        int(found.value)
        for block in container.of("xmp")
        for found in xmp.flatten(block.data)
        if (found.prefix, found.name) == ("tiff", "Orientation") and found.value in set("12345678")
    ]
    value = next((number for number in stored if number is not None), 1)
    return value if value != 1 else None


def _verify(data: bytes, clean: bytes, kind: Format, writer: _Writer, mode: Mode) -> None:
    container = read(clean)
    if container is None or container.format != kind:
        raise StripRefused("the result is no longer the picture that it was")
    if writer.coded is not None and writer.coded(data) != writer.coded(clean):
        raise StripRefused("the coded picture would change")
    if writer.decode:
        _compare(data, clean, required=writer.coded is None)
    allowed = {"rights"} if mode == "private" else set()
    left = sorted({hit.code for hit in scan.hits(container)[0]} - allowed)
    if left:
        raise StripRefused(f"not everything can be removed: {', '.join(left)}")


def _compare(data: bytes, clean: bytes, required: bool) -> None:
    """Decode both and compare all frames but previews. What cannot be decoded is refused unless `required` is False."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            before = Picture(data).open()
            before.load()
        except Exception as error:  # decoders raise anything on damaged input
            if required:
                raise StripRefused("the picture cannot be decoded, so that the result cannot be checked") from error
            return
        try:
            after = Picture(clean).open()
            pages = [number for number in range(_frames(before)) if not _is_preview(before, number)]
            same = len(pages) == _frames(after) and all(
                _same(before, after, number, position) for position, number in enumerate(pages)
            )
        except Exception as error:
            raise StripRefused("the result cannot be decoded") from error
    if not same:
        raise StripRefused("the decoded picture would change")


def _frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _same(before: Image.Image, after: Image.Image, number: int, position: int) -> bool:
    before.seek(number)
    after.seek(position)
    if before.width * before.height > Limits().max_pixels:
        raise PictureError("a page has more pixels than the limit", "too_large")
    return before.mode == after.mode and before.size == after.size and before.tobytes() == after.tobytes()


def _is_preview(image: Image.Image, number: int) -> bool:
    image.seek(number)
    return bool(getattr(image, "tag_v2", {}).get(0x00FE, 0) & 1)
