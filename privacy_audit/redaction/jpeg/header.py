"""What the coefficients of a JPEG are laid out by: frame header and Huffman tables, read before any decoder runs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

from PIL import Image

from privacy_audit.containers.jpeg import segments

BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
CODINGS = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical",
    0xC9: "arithmetic",
    0xCA: "arithmetic",
    0xCB: "lossless",
    0xCD: "hierarchical",
    0xCE: "hierarchical",
    0xCF: "hierarchical",
}
"""Codings that only decoding can handle, by the marker of their frame."""
DHT = 0xC4
_BLOCK = 8
_COEFFICIENT_BYTES = 2 * _BLOCK * _BLOCK  # of one block


class NotTranscodable(Exception):  # noqa: N818 - says what it is, and never leaves this package
    """The coefficients of this JPEG cannot be edited here; the message says why, as a clause without a full stop."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The blocks of one component: how many, and how many pixels of the picture each spans."""

    rows: int
    columns: int
    block_width: int
    block_height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Size in pixels, coding and planes of a JPEG. `has_standard_tables`: its Huffman tables are the usual ones."""

    width: int
    height: int
    progressive: bool
    planes: tuple[Plane, ...]
    has_standard_tables: bool

    @property
    def size_bytes(self) -> int:
        """What the coefficients take in memory."""
        return sum(plane.rows * plane.columns for plane in self.planes) * _COEFFICIENT_BYTES


def read(data: bytes) -> Frame:
    """The frame of the JPEG `data`, up to its first scan. Raises NotTranscodable."""
    frames: list[tuple[int, bytes]] = []
    tables: set[bytes] = set()
    for segment in segments(data, [], head_only=True):
        body = data[segment.body : segment.end]
        if segment.marker in {BASELINE, EXTENDED, PROGRESSIVE, *CODINGS}:
            frames.append((segment.marker, body))
        elif segment.marker == DHT:
            tables.update(_tables(body))
    if len(frames) != 1:
        raise NotTranscodable("it has no frame header, or several")
    marker, body = frames[0]
    if marker in CODINGS:
        raise NotTranscodable(f"its coding is {CODINGS[marker]}")
    count = body[5] if len(body) > 5 else 0
    if not 1 <= count <= 4 or len(body) != 6 + 3 * count:
        raise NotTranscodable("its frame header is damaged")
    if body[0] != 8:
        raise NotTranscodable(f"it has {body[0]} bits per sample")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not width or not height:
        raise NotTranscodable("its frame header states no size")
    factors = [(body[at] >> 4, body[at] & 15) for at in range(7, 6 + 3 * count, 3)]
    return Frame(width, height, marker == PROGRESSIVE, _planes(width, height, factors), tables <= _standard_tables())


def _planes(width: int, height: int, factors: list[tuple[int, int]]) -> tuple[Plane, ...]:
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    if any(not 1 <= f <= 4 for pair in factors for f in pair) or any(across % h or down % v for h, v in factors):
        raise NotTranscodable("its chroma sampling is unusual")
    return tuple(
        Plane(
            rows=-(-height * v // (_BLOCK * down)),
            columns=-(-width * h // (_BLOCK * across)),
            block_width=_BLOCK * across // h,
            block_height=_BLOCK * down // v,
        )
        for h, v in factors
    )


def _tables(body: bytes) -> list[bytes]:
    """The Huffman tables of one segment, each without its class and number: a slot says nothing of the contents."""
    tables = []
    at = 0
    while at + 17 <= len(body):
        size = 16 + sum(body[at + 1 : at + 17])
        tables.append(body[at + 1 : at + 1 + size])
        at += 1 + size
    return tables


@cache
def _standard_tables() -> frozenset[bytes]:
    """Those of the standard's annex K, as every encoder writes them that does not optimise."""
    buffer = io.BytesIO()
    Image.new("RGB", (_BLOCK, _BLOCK)).save(buffer, "JPEG")
    data = buffer.getvalue()
    found = (_tables(data[part.body : part.end]) for part in segments(data, [], head_only=True) if part.marker == DHT)
    return frozenset(table for tables in found for table in tables)
