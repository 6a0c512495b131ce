"""Metadata out of a picture file, pixels untouched: nothing is decoded and encoded again.

What goes: EXIF, XMP, IPTC, Photoshop records, comments, text chunks, JUMBF (C2PA), vendor segments, thumbnails, second
pictures, films, depth and gain maps, bytes behind the picture. What stays: the coded pixels, bit for bit, the ICC
profile, the orientation, and in the mode "private" statements of rights, licence and training permission, because
removing an opt-out would itself break a promise.

Every result is checked before it is handed out: the coded picture is the same, and a scan finds nothing that should be
gone. Where that cannot be had, StripRefused says why.

The mode "coarsen" keeps what "private" keeps, the place to a tenth of a degree (about 11 km) and the month.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from privacy_audit.containers import Block, Container, Format, bmff, gif, jpeg, png, read, tiff, webp, xmp
from privacy_audit.containers.blocks import UnwritableError
from privacy_audit.detectors.metadata import scan
from privacy_audit.detectors.metadata.hits import Hit
from privacy_audit.errors import PictureError, PrivacyAuditError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.redaction.kept import Kept, Mode, collect

_SLACK = 128  # bytes that an EXIF block of two entries may have beside the notice itself
_LABELS = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "photoshop": "Photoshop", "jumbf": "JUMBF", "mpf": "JPEG:MPF"}


class StripRefused(PrivacyAuditError):  # noqa: N818 - named for what happened, like the rest of the tree
    """Metadata cannot be removed without touching the picture, or not all of it. The text says why."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """A picture file without its metadata. All but `data` are names of tags and blocks, never values.

    `named` are kept notices that seem to name someone.
    """

    data: bytes
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Writer:
    """How one format is written, and what of it must come out the same."""

    rewrite: Callable[[bytes, bytes, bytes], bytes]
    coded: Callable[[bytes], bytes] | None
    decode: bool = False
    orients: bool = True  # whether viewers turn the picture as EXIF says
    exif: bool = True  # whether it has a place for a fresh EXIF block


_WRITERS: dict[Format, _Writer] = {
    "JPEG": _Writer(jpeg.rewrite, jpeg.coded),
    "PNG": _Writer(png.rewrite, png.coded),
    "WEBP": _Writer(webp.rewrite, webp.coded),
    "GIF": _Writer(gif.rewrite, gif.coded, orients=False, exif=False),
    "TIFF": _Writer(tiff.rewrite, None, decode=True, exif=False),
    "HEIF": _Writer(bmff.rewrite, bmff.pictures, decode=True, orients=False),
    "AVIF": _Writer(bmff.rewrite, bmff.pictures, decode=True, orients=False),
    "JXL": _Writer(bmff.rewrite_jxl, bmff.coded_jxl, orients=False),
}


def strip(data: bytes, mode: Mode = "private", *, keep_credit: bool = False) -> Stripped:
    """`data` without metadata; the same bytes when there is nothing to remove.

    "private" keeps rights, licence and training flags (XMP plus:DataMining, xmpRights:*, cc:license, dc:rights,
    Iptc4xmpExt:DigitalSourceType, tdm:*, EXIF Copyright), rewritten as one fresh packet, and with `keep_credit` the
    creator's name; "coarsen" also a place to about 11 km and the month; "all" removes everything. Raises StripRefused.
    """
    container = read(data)
    if container is None:
        raise StripRefused("the content is no picture whose metadata can be removed here")
    writer = _WRITERS.get(container.format)
    if writer is None:
        return Stripped(data, (), ())
    found, _ = scan.hits(container)
    orientation = _orientation(container) if writer.orients else None
    kept = collect(container, found, mode, credit=keep_credit, orientation=orientation, in_exif=writer.exif)
    try:
        exif, packet = kept.exif(), kept.packet()
        removed = _removed(data, container, found, kept, exif)
        if not removed:
            return Stripped(data, (), kept.names, kept.named)
        clean = writer.rewrite(data, exif, packet)
    except (UnwritableError, ValueError, IndexError, OverflowError, struct.error) as error:
        reason = str(error) if isinstance(error, UnwritableError) else "the file is damaged"
        raise StripRefused(f"the metadata cannot be removed: {reason}") from error
    _verify(data, clean, container.format, writer, _allowed(mode, keep_credit))
    return Stripped(clean, removed, kept.names, kept.named)


def strip_sidecar(data: bytes, mode: Mode = "private", *, keep_credit: bool = False) -> bytes:
    """What an XMP sidecar keeps, as a fresh packet; b"" when nothing of it stays. Raises StripRefused."""
    alone = Container("GIF", (Block("xmp", data),))  # a format whose only place for metadata is an XMP packet
    found, _ = scan.hits(alone)
    try:
        packet = collect(alone, found, mode, credit=keep_credit, orientation=None, in_exif=False).packet()
    except (UnwritableError, ValueError) as error:
        raise StripRefused("the sidecar cannot be written anew") from error
    left = {hit.code for hit in scan.hits(Container("GIF", (Block("xmp", packet),)))[0]}
    if left - _allowed(mode, keep_credit):
        raise StripRefused("not everything can be removed from the sidecar")
    return packet


def _allowed(mode: Mode, keep_credit: bool) -> frozenset[str]:
    """Codes that a scan of the result may find."""
    if mode == "all":
        return frozenset()
    coarse = {"gps.coarse", "time"} if mode == "coarsen" else set()
    return frozenset({"rights", *coarse, *(("name.creator",) if keep_credit else ())})


def _removed(data: bytes, container: Container, found: list[Hit], kept: Kept, exif: bytes) -> tuple[str, ...]:
    """Names of what has to go; empty when the file holds nothing but its picture and what is kept."""
    names = [name for block in container.blocks if (name := _name(container, block, kept, exif))]
    if container.format == "TIFF":
        stay = {tiff.XMP}  # the packet is judged by itself
        stay |= {tiff.COPYRIGHT} if kept.contents.notice else set()
        stay |= {tiff.ARTIST} if kept.contents.artist else set()
        names += [f"EXIF:{name}" for name in tiff.foreign(data, frozenset(stay))]
    if not names:
        return ()
    left = set(kept.names)
    return tuple(dict.fromkeys(name for name in [*(hit.tag for hit in found), *names] if name not in left))


def _name(container: Container, block: Block, kept: Kept, exif: bytes) -> str | None:
    """The name of a block that has to go, None for one that may stay."""
    if block.kind == "icc" or block.name == "TIFF":
        return None
    if block.kind == "exif":
        return None if _is_ours(block, kept, exif) else "EXIF"
    if block.kind == "xmp":
        found, problem = xmp.parse(block.data)
        ours = problem is None and b"<!--" not in block.data and set(found) <= set(kept.properties)
        return None if ours else "XMP"
    if block.kind == "trailer" and scan.is_padding(block):
        return None
    if block.kind == "other" and container.format == "JPEG":
        return f"JPEG:{block.name.partition(' ')[0]}"
    return _LABELS.get(block.kind, f"{container.format}:{block.kind}")


def _is_ours(block: Block, kept: Kept, exif: bytes) -> bool:
    """Whether an EXIF block holds no more than what is kept: it is that, or at most an orientation and a notice."""
    if block.data.rstrip(b"\0") == exif.rstrip(b"\0"):
        return True
    notice = kept.contents.notice
    tags = {entry.tag for entry in tiff.entries(block.data)}
    small = len(block.data.rstrip(b"\0")) <= _SLACK + 4 * len(notice or "")
    allowed = {tiff.ORIENTATION} | ({tiff.COPYRIGHT} if notice else set())
    return tags <= allowed and small and tiff.layout(block.data) is not None


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


def _verify(data: bytes, clean: bytes, kind: Format, writer: _Writer, allowed: frozenset[str]) -> None:
    container = read(clean)
    if container is None or container.format != kind:
        raise StripRefused("the result is no longer the picture that it was")
    if writer.coded is not None and writer.coded(data) != writer.coded(clean):
        raise StripRefused("the coded picture would change")
    if writer.decode:
        _compare(data, clean, required=writer.coded is None)
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
