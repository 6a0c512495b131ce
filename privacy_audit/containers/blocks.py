"""What a container walk yields: the metadata blocks of one picture file, without decoding a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from privacy_audit.containers.tiff import Ifd

Format = Literal["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF", "JXL"]
BlockKind = Literal[
    "exif",  # a TIFF structure, starting at II or MM
    "xmp",  # an XMP packet (extended XMP already joined)
    "iptc",  # IPTC-IIM datasets
    "photoshop",  # image resource blocks
    "text",  # a comment or a text chunk as UTF-8; `name` is its keyword ("comment", "parameters", "tIME", ...)
    "icc",  # colour profile
    "mpf",  # multi-picture index; `data` is the index, `size` counts the second pictures' bytes that are in the file
    "picture",  # the head of a second picture; `size` is that of the whole
    "jumbf",  # C2PA and other JUMBF
    "thumbnail",  # a preview outside EXIF (JFIF, JFXX, Photoshop, a HEIF item)
    "trailer",  # bytes after the end of the picture
    "video",  # a motion photo's film
    "depth",  # a depth or gain map
    "other",  # vendor segments that hold none of the above; `name` says which
]

MAX_BLOCK_BYTES = 8 * 1024 * 1024
MAX_BLOCKS = 4096
MAX_TOTAL_BYTES = 64 * 1024 * 1024  # of all blocks of a file together


@dataclass(frozen=True, slots=True)
class Block:
    """One metadata block. `data` is raw and may be cut to the size limit; `size` is what the file says.

    A TIFF file is its own "exif" block: `data` is then the whole file, uncut, because its directories may
    stand anywhere. Of an "exif" block, `directories` are those that were found in it.
    """

    kind: BlockKind
    data: bytes
    name: str = ""
    size: int = 0
    directories: tuple[Ifd, ...] | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """All blocks of a file in file order. `problems` are damages that the walk stepped over, in plain words."""

    format: Format
    blocks: tuple[Block, ...]
    problems: tuple[str, ...] = ()

    def of(self, *kinds: BlockKind) -> tuple[Block, ...]:
        """The blocks of these kinds, in file order."""
        return tuple(block for block in self.blocks if block.kind in kinds)


def block(kind: BlockKind, data: bytes, name: str = "") -> Block:
    """A block of bytes that are at hand, cut to the size limit."""
    return Block(kind, data[:MAX_BLOCK_BYTES], name, len(data))


def block_at(kind: BlockKind, data: bytes, start: int, end: int, name: str = "") -> Block:
    """A block of `data[start:end]`, cut to the size limit without copying the rest."""
    end = min(end, len(data))
    return Block(kind, data[start : min(end, start + MAX_BLOCK_BYTES)], name, max(0, end - start))


class UnwritableError(Exception):
    """A file cannot be written anew without its metadata; the text says why, in plain words."""
