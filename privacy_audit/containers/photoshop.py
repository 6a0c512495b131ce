"""Photoshop image resource blocks: a list of numbered records that other metadata hides in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from privacy_audit.containers.blocks import MAX_BLOCKS, Block, block

_SIGNATURES = frozenset({b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"})
IPTC, THUMBNAIL_OLD, THUMBNAIL, COPYRIGHT_FLAG, URL, EXIF, EXIF_3, XMP = (
    *(0x0404, 0x0409, 0x040C, 0x040A, 0x040B),
    *(0x0422, 0x0423, 0x0424),
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One record."""

    id: int
    data: bytes


def resources(data: bytes) -> Iterator[Resource]:
    """The records in order, up to the first that is none."""
    at = 0
    for _ in range(MAX_BLOCKS):
        if at + 12 > len(data) or data[at : at + 4] not in _SIGNATURES:
            return
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        at += 6 + (data[at + 6] // 2 + 1) * 2  # the name is padded to an even size, its length byte included
        size = int.from_bytes(data[at : at + 4], "big")
        yield Resource(number, data[at + 4 : at + 4 + size])
        at += 4 + size + size % 2


def packets(data: bytes) -> Iterator[Block]:
    """EXIF, XMP, IPTC and thumbnail blocks inside the records."""
    for resource in resources(data):
        if resource.id == IPTC:
            yield block("iptc", resource.data, "Photoshop")
        elif resource.id in {THUMBNAIL_OLD, THUMBNAIL} and len(resource.data) > 28:
            yield block("thumbnail", resource.data, "Photoshop")
        elif resource.id in {EXIF, EXIF_3}:
            yield block("exif", resource.data.removeprefix(b"Exif\0\0"), "Photoshop")
        elif resource.id == XMP:
            yield block("xmp", resource.data, "Photoshop")
