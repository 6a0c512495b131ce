"""One entry for all formats: a file's bytes to its metadata blocks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from privacy_audit.containers import bmff, gif, jpeg, photoshop, png, tiff, webp
from privacy_audit.containers.blocks import MAX_BLOCKS, MAX_TOTAL_BYTES, Block, Container, Format
from privacy_audit.containers.sniff import HEAD_BYTES, sniff

MAX_NESTING = 3
_WALKERS: dict[Format, Callable[[bytes, list[str]], Iterator[Block]]] = {
    "JPEG": jpeg.walk,
    "PNG": png.walk,
    "WEBP": webp.walk,
    "GIF": gif.walk,
    "TIFF": tiff.walk,
    "HEIF": bmff.walk,
    "AVIF": bmff.walk,
    "JXL": bmff.walk,
}


def read(data: bytes, *, behind: bool = True) -> Container | None:
    """The metadata blocks of a picture file, or None when it is no picture that we know. Never raises.

    Blocks that are nested in others (XMP in EXIF, IPTC and a thumbnail in Photoshop records) follow their parent.
    Without `behind`, a JPEG is read up to its coded picture only: finding what stands behind it takes a search through
    the whole file.
    """
    found = sniff(data[:HEAD_BYTES])
    if found is None:
        return None
    problems: list[str] = []
    blocks: list[Block] = []
    walker = jpeg.head if found == "JPEG" and not behind else _WALKERS.get(found)
    bare = found == "JXL" and data[:2] == b"\xff\x0a"  # a JPEG XL codestream without a container holds no metadata
    if walker is not None and not bare:
        try:
            _gather(walker(data, problems), blocks, problems)
        except (IndexError, ValueError, OverflowError, struct.error):
            problems.append(f"{found}: a damage that stopped the reading")
    return Container(found, tuple(blocks), tuple(dict.fromkeys(problems)))


def _gather(source: Iterator[Block], blocks: list[Block], problems: list[str]) -> None:
    room = MAX_TOTAL_BYTES
    for top in source:
        for found in _unfold(top, problems, 0):
            room -= len(found.data) if found.name != "TIFF" else 0  # a TIFF file is not copied
            if len(blocks) == MAX_BLOCKS or room < 0:
                problems.append("more metadata than is read")
                return
            blocks.append(found)


def _unfold(found: Block, problems: list[str], depth: int) -> Iterator[Block]:
    directories: tuple[tiff.Ifd, ...] = ()
    if found.kind == "exif":
        directories = tuple(tiff.ifds(found.data, problems))
        found = Block("exif", found.data, found.name, found.size, directories)
    yield found
    if depth == MAX_NESTING:
        return
    inner: Iterator[Block] = iter(())
    if found.kind == "exif":
        inner = tiff.packets(found.data, directories)
    elif found.kind == "photoshop":
        inner = photoshop.packets(found.data)
    for nested in inner:
        yield from _unfold(nested, problems, depth + 1)
