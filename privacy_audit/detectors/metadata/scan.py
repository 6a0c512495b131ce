"""A container's blocks to hits, whatever their carrier."""

from __future__ import annotations

from collections.abc import Iterator

from privacy_audit.containers import Block, Container, bmff, read, tiff, xmp
from privacy_audit.detectors.metadata import exif as exif_hits
from privacy_audit.detectors.metadata import iptc as iptc_hits
from privacy_audit.detectors.metadata import makernotes, texts, trailers
from privacy_audit.detectors.metadata import xmp as xmp_hits
from privacy_audit.detectors.metadata.hits import Hit, distinct

PADDING = 64 * 1024  # zero bytes behind a picture that are taken for padding
SECOND = "second picture "  # in front of the tags of a picture inside the file
_SMALL = 4  # stray bytes behind a picture that hold nothing
# Segments and chunks of the picture's own software that hold no value of a person.
_KNOWN_VENDORS = ("APP12 Ducky", "APP13 Adobe_CM", "APP0 AVI1", "APP2 FPXR", "APP10 HDR_RI", "APP2 urn:iso:std")


def hits(container: Container) -> tuple[list[Hit], list[str]]:
    """All hits, and what could not be read, in plain words."""
    problems = list(container.problems)
    found = [hit for block in container.blocks for hit in _block(container, block, problems)]
    if container.of("picture"):  # a second picture mostly repeats what the first one says
        said = {(hit.code, hit.value) for hit in found if not hit.tag.startswith(SECOND)}
        found = [hit for hit in found if not hit.tag.startswith(SECOND) or (hit.code, hit.value) not in said]
    return distinct(found), list(dict.fromkeys(problems))


def sidecar_hits(packet: bytes) -> tuple[list[Hit], str | None]:
    """The hits of an XMP file beside a picture, and what is wrong with it."""
    properties, problem = xmp.parse(packet)
    found = [hit._replace(tag=f"sidecar {hit.tag}") for hit in xmp_hits.hits(properties)]
    return distinct(found), problem


def _block(container: Container, block: Block, problems: list[str]) -> Iterator[Hit]:
    if block.kind == "exif":
        entries = tiff.entries(block.data, problems, block.directories, named_only=True)
        yield from exif_hits.hits(entries, len(block.data), is_file=block.name == "TIFF")
        yield from makernotes.hits(block.data, entries)
    elif block.kind == "xmp":
        properties, problem = xmp.parse(block.data)
        if problem is not None:
            problems.append(problem)
        yield from xmp_hits.hits(properties)
    elif block.kind == "iptc":
        yield from iptc_hits.hits(block.data)
    elif block.kind == "photoshop":
        yield from iptc_hits.photoshop_hits(block.data)
    elif block.kind == "text":
        found = texts.hit(container.format, block.name, block.data)
        if found is not None:
            yield found
    else:
        yield from _embedded(container, block)


def _embedded(container: Container, block: Block) -> Iterator[Hit]:
    if block.kind == "thumbnail":
        source = {"JFIF": "JFIF", "JFXX": "JFIF", "Photoshop": "Photoshop"}.get(block.name, container.format)
        yield Hit("embedded.thumbnail", f"{source}:Thumbnail")
    elif block.kind == "mpf" and block.size:
        yield Hit("embedded.second_image", "JPEG:MPF")
    elif block.kind == "video":
        yield Hit("embedded.video", f"{container.format}:Video")
    elif block.kind == "depth":
        yield Hit("embedded.depth", f"{container.format}:Depth")
    elif block.kind == "trailer":
        if not is_padding(block):
            yield Hit("embedded.trailer", f"{container.format}:Trailer")
            if len(block.data) == block.size:
                yield from trailers.hits(block.data)
    elif block.kind == "picture":
        second = read(block.data, behind=False)
        if second is not None:
            yield from _second(second)
    elif block.name == bmff.MOVIE_TIME:
        yield Hit("time", f"{container.format}:CreateDate", block.data.hex())
    elif block.kind == "other" and container.format == "JPEG":
        if not block.name.startswith(_KNOWN_VENDORS):
            yield Hit("device.makernote", f"JPEG:{block.name.partition(' ')[0]}", score=0.5)
        yield from makernotes.segment_hits(block.data, block.name)


def _second(container: Container) -> Iterator[Hit]:
    """The hits of a picture inside the file; its own damages are none of the file's."""
    for block in container.blocks:
        for hit in _block(container, block, []):
            yield hit._replace(tag=SECOND + hit.tag)


def is_padding(trailer: Block) -> bool:
    """Whether bytes behind a picture are zeros that fill it up, or too few to hold anything."""
    return trailer.size < _SMALL or (trailer.size <= PADDING and not trailer.data.strip(b"\0"))
