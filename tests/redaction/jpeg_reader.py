"""Quantised DCT coefficients of a JPEG, read in plain Python: written from the standard (ITU-T T.81), no code shared.

Slow and small. Sequential and progressive Huffman coding, 8 bits, restart markers, any sampling, padding blocks too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

ZIGZAG = sorted(range(64), key=lambda at: (at // 8 + at % 8, (at // 8 if (at // 8 + at % 8) % 2 else at % 8)))


@dataclass
class Component:
    """`blocks`: (rows, columns, 64) in natural order, whole units; `rows` and `columns` are those that pixels need."""

    number: int
    h: int
    v: int
    table: int
    rows: int = 0
    columns: int = 0
    blocks: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0, 64), np.int32))


@dataclass
class Jpeg:
    width: int = 0
    height: int = 0
    frame: int = 0
    restart: int = 0
    scans: int = 0
    components: list[Component] = field(default_factory=list)
    quantization: dict[int, bytes] = field(default_factory=dict)


class _Bits:
    """Bits of one stretch of coded data; stuffing is taken out before."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.have, self.count = data.replace(b"\xff\x00", b"\xff"), 0, 0, 0

    def take(self, count: int) -> int:
        while self.count < count:
            byte = self.data[self.at] if self.at < len(self.data) else 0xFF
            self.at += 1
            self.have = (self.have << 8) | byte
            self.count += 8
        self.count -= count
        value = self.have >> self.count
        self.have &= (1 << self.count) - 1
        return value

    def symbol(self, codes: dict[tuple[int, int], int]) -> int:
        code = 0
        for length in range(1, 17):
            code = (code << 1) | self.take(1)
            if (length, code) in codes:
                return codes[length, code]
        raise ValueError("no such code")

    def signed(self, size: int) -> int:
        value = self.take(size)
        return value if size == 0 or value >> (size - 1) else value - (1 << size) + 1


def read(data: bytes) -> Jpeg:
    assert data[:2] == b"\xff\xd8"
    jpeg, codes, at = Jpeg(), {}, 2  # type: ignore[var-annotated]
    while True:
        assert data[at] == 0xFF
        marker = data[at + 1]
        if marker == 0xD9:
            return jpeg
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xDB:
            while body:
                length = 65 if body[0] < 16 else 129
                jpeg.quantization[body[0] & 15], body = body[1:length], body[length:]
        elif marker == 0xC4:
            while body:
                codes[body[0]], body = _huffman(body)
        elif marker in {0xC0, 0xC1, 0xC2}:
            _frame(jpeg, marker, body)
        elif marker == 0xDD:
            jpeg.restart = int.from_bytes(body, "big")
        elif marker == 0xDA:
            end = at
            while data[end] != 0xFF or data[end + 1] in {0, *range(0xD0, 0xD8)}:
                end += 1
            _scan(jpeg, codes, body, data[at:end])
            at = end


def _huffman(body: bytes) -> tuple[dict[tuple[int, int], int], bytes]:
    found, code, at = {}, 0, 17
    for length, count in enumerate(body[1:17], 1):
        for _ in range(count):
            found[length, code] = body[at]
            code, at = code + 1, at + 1
        code <<= 1
    return found, body[at:]


def _frame(jpeg: Jpeg, marker: int, body: bytes) -> None:
    assert body[0] == 8
    jpeg.frame, jpeg.height, jpeg.width = marker, int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    for at in range(6, 6 + 3 * body[5], 3):
        jpeg.components.append(Component(body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2]))
    across, down = max(part.h for part in jpeg.components), max(part.v for part in jpeg.components)
    for part in jpeg.components:
        part.columns = -(-jpeg.width * part.h // (8 * across))
        part.rows = -(-jpeg.height * part.v // (8 * down))
        units = -(-jpeg.width // (8 * across)), -(-jpeg.height // (8 * down))
        part.blocks = np.zeros((units[1] * part.v, units[0] * part.h, 64), np.int32)


def _scan(jpeg: Jpeg, codes: dict[int, dict[tuple[int, int], int]], body: bytes, coded: bytes) -> None:
    jpeg.scans += 1
    count = body[0]
    parts = []
    for at in range(1, 1 + 2 * count, 2):
        part = next(part for part in jpeg.components if part.number == body[at])
        parts.append((part, codes.get(body[at + 1] >> 4, {}), codes.get(16 + (body[at + 1] & 15), {})))
    first, last, high, low = (
        body[1 + 2 * count],
        body[2 + 2 * count],
        body[3 + 2 * count] >> 4,
        body[3 + 2 * count] & 15,
    )
    places = _places(jpeg, [part for part, _, _ in parts])
    stretches = _stretches(coded)
    step = jpeg.restart or len(places)
    for number, start in enumerate(range(0, len(places), step)):
        bits, before, run = _Bits(stretches[number]), [0] * len(parts), [0]
        for unit in places[start : start + step]:
            for which, row, column in unit:
                part, dc, ac = parts[which]
                block = part.blocks[row, column]
                if jpeg.frame != 0xC2:
                    before[which] += bits.signed(bits.symbol(dc))
                    block[0] = before[which]
                    _sequential(bits, ac, block)
                elif first == 0 and high == 0:
                    before[which] += bits.signed(bits.symbol(dc))
                    block[0] = before[which] << low
                elif first == 0:
                    block[0] |= bits.take(1) << low
                elif high == 0:
                    _progressive(bits, ac, block, first, last, low, run)
                else:
                    _refined(bits, ac, block, first, last, low, run)


def _stretches(coded: bytes) -> list[bytes]:
    found, start = [], 0
    for at in range(len(coded) - 1):
        if coded[at] == 0xFF and 0xD0 <= coded[at + 1] <= 0xD7:
            found.append(coded[start:at])
            start = at + 2
    return [*found, coded[start:]]


def _places(jpeg: Jpeg, parts: list[Component]) -> list[list[tuple[int, int, int]]]:
    """Units of (component of the scan, row, column), in coded order."""
    if len(parts) == 1:
        return [[(0, row, column)] for row in range(parts[0].rows) for column in range(parts[0].columns)]
    rows, columns = parts[0].blocks.shape[0] // parts[0].v, parts[0].blocks.shape[1] // parts[0].h
    return [
        [
            (which, down * part.v + y, across * part.h + x)
            for which, part in enumerate(parts)
            for y in range(part.v)
            for x in range(part.h)
        ]
        for down in range(rows)
        for across in range(columns)
    ]


def _sequential(bits: _Bits, ac: dict[tuple[int, int], int], block: npt.NDArray[np.int32]) -> None:
    at = 1
    while at < 64:
        symbol = bits.symbol(ac)
        skip, size = symbol >> 4, symbol & 15
        if size == 0 and skip < 15:
            return
        at += skip
        block[ZIGZAG[at]] = bits.signed(size)
        at += 1


def _progressive(
    bits: _Bits,
    ac: dict[tuple[int, int], int],
    block: npt.NDArray[np.int32],
    at: int,
    last: int,
    low: int,
    run: list[int],
) -> None:
    if run[0]:
        run[0] -= 1
        return
    while at <= last:
        symbol = bits.symbol(ac)
        skip, size = symbol >> 4, symbol & 15
        if size == 0 and skip < 15:
            run[0] = (1 << skip) + bits.take(skip) - 1
            return
        at += skip
        if size:
            block[ZIGZAG[at]] = bits.signed(size) * (1 << low)
        at += 1


def _refined(
    bits: _Bits,
    ac: dict[tuple[int, int], int],
    block: npt.NDArray[np.int32],
    at: int,
    last: int,
    low: int,
    run: list[int],
) -> None:
    def correct(place: int) -> None:
        if bits.take(1) and not abs(int(block[place])) & (1 << low):
            block[place] += (1 << low) if block[place] > 0 else -(1 << low)

    while at <= last and not run[0]:
        symbol = bits.symbol(ac)
        skip, size = symbol >> 4, symbol & 15
        if size == 0 and skip < 15:
            run[0] = (1 << skip) + bits.take(skip)
            break
        value = 0
        if size:
            value = (1 << low) if bits.take(1) else -(1 << low)
        while at <= last:
            place = ZIGZAG[at]
            at += 1
            if block[place]:
                correct(place)
            elif skip:
                skip -= 1
            else:
                block[place] = value
                break
    if run[0]:
        for rest in range(at, last + 1):
            if block[ZIGZAG[rest]]:
                correct(ZIGZAG[rest])
        run[0] -= 1
