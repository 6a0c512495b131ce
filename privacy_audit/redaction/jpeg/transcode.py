"""The coefficients of a JPEG edited through TurboJPEG's lossless transform, and read back before anybody gets them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy_audit.redaction.jpeg.blocks import Edit, needs_levels, plan
from privacy_audit.redaction.jpeg.header import Frame, NotTranscodable, read
from privacy_audit.redaction.jpeg.library import NO_OUTPUT, OPTIMIZE, PROGRESSIVE, TurboJpeg, Visit
from privacy_audit.redaction.paint import Area

if TYPE_CHECKING:
    import numpy.typing as npt

    _Coefficients = npt.NDArray[np.int16]

MAX_COEFFICIENT_BYTES = 512 * 1024 * 1024  # about what decoding the largest allowed picture takes
_BLOCK_BYTES = 128

_Rows = dict[tuple[int, int], bytes]
"""Coefficients of rows of blocks, by component and row."""


def redact(
    library: TurboJpeg, data: bytes, frame: Frame, areas: Sequence[Area], most_bytes: int, *, read_back: bool
) -> bytes:
    """The JPEG `data`, without its metadata, redacted in `areas`; coded so that it has at most `most_bytes` if it can.

    With `read_back`, the coefficients of all rows with changed blocks are compared with what they should be. Raises
    NotTranscodable when the library cannot handle the file, or when what it wrote is not what was meant.
    """
    if frame.size_bytes > MAX_COEFFICIENT_BYTES:
        raise NotTranscodable("its coefficients take too much memory")
    levels = _levels(library, data, frame) if needs_levels(areas) else None
    edits = plan(areas, frame, levels)
    smallest: tuple[bytes, _Rows] | None = None
    for options in _codings(library, frame):
        coded = _write(library, data, frame, edits, options, keep=read_back)
        if smallest is None or len(coded[0]) < len(smallest[0]):
            smallest = coded
        if len(smallest[0]) <= most_bytes:
            break
    assert smallest is not None
    written, expected = smallest
    if read_back:
        _verify(library, written, frame, expected)
    return written


def _codings(library: TurboJpeg, frame: Frame) -> list[int]:
    """Options in the order to try: the coding that the file has, then what makes it smaller."""
    if frame.progressive:
        return [PROGRESSIVE]
    if not library.is_version_3:  # it cannot optimise; a progressive file always has tables of its own
        return [0, PROGRESSIVE]
    return [0, OPTIMIZE] if frame.has_standard_tables else [OPTIMIZE]


def _levels(library: TurboJpeg, data: bytes, frame: Frame) -> list[_Coefficients]:
    """The DC of every block, (rows, columns) per component."""
    found = [np.zeros((plane.rows, plane.columns), np.int16) for plane in frame.planes]

    def look(address: int, component: int, row: int) -> None:
        found[component][row] = _row(address, frame.planes[component].columns)[:, 0]

    library.transform(data, NO_OUTPUT, _visit(frame, [range(plane.rows) for plane in frame.planes], look))
    return found


def _write(
    library: TurboJpeg, data: bytes, frame: Frame, edits: Sequence[Edit], options: int, *, keep: bool
) -> tuple[bytes, _Rows]:
    """The new file, and with `keep` the rows of blocks that it must read back with where something was changed."""
    runs = [edit.runs for edit in edits]
    expected: _Rows = {}
    seen = 0

    def change(address: int, component: int, row: int) -> None:
        nonlocal seen
        seen += 1
        for start, end in runs[component][row]:
            ctypes.memset(address + start * _BLOCK_BYTES, 0, (end - start) * _BLOCK_BYTES)
        edit = edits[component]
        columns = frame.planes[component].columns
        if edit.levels is not None:
            blocks = _row(address, columns)
            for start, end in runs[component][row]:
                blocks[start:end, 0] = edit.levels[row, start:end]
        if keep:
            expected[component, row] = ctypes.string_at(address, columns * _BLOCK_BYTES)

    written = library.transform(data, options, _visit(frame, runs, change))
    if seen != sum(map(len, runs)):
        raise NotTranscodable("not every block was seen")
    return written, expected


def _verify(library: TurboJpeg, written: bytes, frame: Frame, expected: _Rows) -> None:
    again = read(written)
    if (again.width, again.height, again.planes) != (frame.width, frame.height, frame.planes):
        raise NotTranscodable("what was written has another layout")
    left = dict(expected)

    def compare(address: int, component: int, row: int) -> None:
        meant = left.pop((component, row))
        if ctypes.string_at(address, len(meant)) != meant:
            raise NotTranscodable("what was written does not read back as meant")

    rows = [{row for at, row in expected if at == component} for component in range(len(frame.planes))]
    library.transform(written, NO_OUTPUT, _visit(frame, rows, compare))
    if left:
        raise NotTranscodable("what was written has fewer blocks than it should")


def _visit(frame: Frame, rows: Sequence[Collection[int]], work: Callable[[int, int, int], None]) -> Visit:
    return Visit(rows, [(plane.columns, plane.rows) for plane in frame.planes], work)


def _row(address: int, columns: int) -> _Coefficients:
    """The library's own memory of one row of blocks, (columns, 64), zigzag undone; only good while `work` runs."""
    buffer: Any = (ctypes.c_int16 * (columns * 64)).from_address(address)
    return np.frombuffer(buffer, np.int16).reshape(columns, 64)
