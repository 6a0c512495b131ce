"""What a container walk yields: the metadata blocks of one picture file, without decoding a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF", "JXL"]
BlockKind = Literal[
    "exif",  # a TIFF structure, starting at II or MM
    "xmp",  # an XMP packet (extended XMP already joined)
    "iptc",  # IPTC-IIM datasets
    "photoshop",  # image resource blocks
    "text",  # a comment or a text chunk; `name` is its keyword ("comment", "parameters", ...)
    "icc",  # colour profile
    "mpf",  # multi-picture index; `data` is the index, the second pictures are in the trailer
    "jumbf",  # C2PA and other JUMBF
    "thumbnail",  # a preview outside EXIF (JFIF, JFXX, Photoshop)
    "trailer",  # bytes after the end of the picture
    "video",  # a motion photo's film
    "depth",  # a depth or gain map
    "other",  # vendor segments that hold none of the above; `name` says which
]


@dataclass(frozen=True, slots=True)
class Block:
    """One metadata block. `data` is raw and may be cut to the size limit; `size` is what the file says."""

    kind: BlockKind
    data: bytes
    name: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """All blocks of a file in file order. `problems` are damages that the walk stepped over, in plain words."""

    format: Format
    blocks: tuple[Block, ...]
    problems: tuple[str, ...] = ()

    def of(self, *kinds: BlockKind) -> tuple[Block, ...]:
        """The blocks of these kinds, in file order."""
        return tuple(block for block in self.blocks if block.kind in kinds)
