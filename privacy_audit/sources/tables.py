"""Tables of records beside pictures: CSV, TSV, JSON Lines and Parquet, read row by row and edited cell by cell.

Rows can be read from a mark (a byte offset, or a row number in Parquet), so that a worker starts in the middle. Edits
keep the raw bytes of every row that they do not touch.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from privacy_audit.errors import SourceError
from privacy_audit.sources.encoding import NOT_UTF8, Decoded, decode_line
from privacy_audit.sources.jsontext import JsonError, Names, edited, flatten, leaves, plain, replace, telling

MAX_RECORD_BYTES = 4 * 1024 * 1024
MAX_RECORD_LINES = 200
MAX_COLUMNS = 10_000
NOT_PARSED = "line"
"""The field of a row that cannot be taken apart: the row itself, which may hold personal data all the same."""
_BATCH_ROWS = 1_000
_FIRST_LINES = 100  # of a JSON Lines file: what its columns are taken from
_WIDE = "the table is UTF-16, UTF-32 or binary; save it as UTF-8"
_PICTURE_NAME = re.compile(r"\.(?:jpe?g|png|webp|gif|tiff?|bmp|heic|avif)$", re.IGNORECASE)
_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `values` are flat: column or JSON path to scalar. `raw` is what stands in the file ('' in Parquet).

    `problem` says in plain words what is wrong with it; the values are then what could be read.
    """

    number: int
    mark: int
    values: Mapping[str, object]
    raw: bytes = b""
    problem: str | None = None


Edit = Mapping[str, str] | None
"""New strings for some fields of a row; None drops the row."""


class Stored(Protocol):
    """Where a table is: a path, or a member of an archive."""

    @property
    def suffix(self) -> str:
        """The end of its name, with the dot."""
        ...

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes, from the start."""
        ...


class Table(Protocol):
    """A table on disk. `problem` says what in it is not checked, and stays as it is; None when everything is."""

    columns: Sequence[str]
    problem: str | None

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from `mark` on, the first of them being row `number`."""
        ...

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table to `target` with `edit` applied to every row."""
        ...


def open_table(path: Stored) -> Table:
    """The table at `path`, by its suffix; raises SourceError when it cannot be read at all.

    So do `rows` and `rewrite` when the file turns out to be damaged further on.
    """
    from privacy_audit.sources.coco import CocoTable

    suffix = path.suffix.lower()
    try:
        return CocoTable(path) if suffix == ".json" else _KINDS[suffix](path)
    except OSError as error:
        raise SourceError(f"the table cannot be read: {error.strerror or 'input/output error'}") from error


class CsvTable:
    """A CSV or TSV file. Encodings other than supersets of ASCII are refused.

    A first record that looks like data (an address, a picture's name) is a row, not a header: the columns are then
    called `column 1` and so on.
    """

    problem: str | None = None

    def __init__(self, path: Stored) -> None:
        csv.field_size_limit(MAX_RECORD_BYTES)
        self._path = path
        head: list[bytes] = []
        with path.open("rb") as file:
            for record, _ in _records(file, b""):
                head.append(record)
                if record.strip():
                    break
        header = head[-1] if head else b""
        if b"\0" in header or header.startswith(_MARKS):
            raise SourceError(_WIDE)
        if b"\r" in header.rstrip(b"\r\n"):
            raise SourceError("the table's lines end in CR, as on old Macs; save it with LF or CR LF")
        decoded = decode_line(header)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(decoded.text)
        cells = self._cells(decoded)
        if cells is None:
            raise SourceError("the table's header cannot be read: it is no CSV, or has too many columns")
        if not any(cell.strip() for cell in cells):
            raise SourceError("the table is empty: it has no header row")
        names = Names()
        headed = not any(telling(cell) or _PICTURE_NAME.search(cell) for cell in cells)
        self._head = b"".join(head if headed else head[:-1])
        self.columns: Sequence[str] = [
            names(cell if headed and plain(cell) else f"column {number}") for number, cell in enumerate(cells, 1)
        ]

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from the byte offset `mark` on."""
        for entry in self._entries(len(self._head) if mark is None else mark, number):
            if isinstance(entry, Row):
                yield entry

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; untouched rows and blank lines keep their bytes."""
        _rewrite(target, self._head, self._entries(len(self._head), 0), edit, self._edited)

    def _entries(self, mark: int, number: int) -> Iterator[Row | bytes]:
        """Rows, and blank lines as they are."""
        with self._path.open("rb") as file:
            file.seek(mark)
            for record, closed in _records(file, self._delimiter.encode()):
                if record.strip():
                    yield self._row(record, mark, number, closed=closed)
                    number += 1
                else:
                    yield record
                mark += len(record)

    def _row(self, record: bytes, mark: int, number: int, *, closed: bool) -> Row:
        decoded = decode_line(record)
        cells = self._cells(decoded)
        if cells is None:
            values: dict[str, object] = {NOT_PARSED: _body(decoded)}
            return Row(number, mark, values, record, "the row is not valid CSV; it was read as one text")
        problem = None if decoded.exact else NOT_UTF8
        if not closed:
            problem = "a quoted cell is not closed"
        elif len(record) == MAX_RECORD_BYTES and not record.endswith(b"\n"):
            problem = f"the row has more than {MAX_RECORD_BYTES:,} bytes; it was read in pieces"
        elif len(cells) != len(self.columns):
            problem = problem or f"the row has {len(cells)} cells, the header {len(self.columns)}"
        names = [*self.columns[: len(cells)]]
        further = Names(names)
        names += [further(f"column {n + 1}") for n in range(len(names), len(cells))]
        return Row(number, mark, dict(zip(names, cells, strict=True)), record, problem)

    def _edited(self, row: Row, edits: Mapping[str, str]) -> bytes:
        decoded = decode_line(row.raw)
        body = _body(decoded)
        ending = decoded.text[len(body) :]
        if self._cells(decoded) is None:
            return decoded.encode(edits.get(NOT_PARSED, body) + ending)
        buffer = io.StringIO(newline="")
        # With this line terminator, every cell that holds a line end of any kind is quoted
        writer = csv.writer(buffer, delimiter=self._delimiter, lineterminator="\r\n")
        writer.writerow([edits.get(name, value) for name, value in row.values.items()])
        return decoded.encode(buffer.getvalue().removesuffix("\r\n") + ending)

    def _cells(self, decoded: Decoded) -> list[str] | None:
        """The cells of a record; None when it is no single CSV record, or one of absurd width."""
        try:
            parsed = list(csv.reader(io.StringIO(_body(decoded), newline=""), delimiter=self._delimiter))
        except (csv.Error, ValueError):
            return None
        if not parsed:
            return []
        return parsed[0] if len(parsed) == 1 and len(parsed[0]) <= MAX_COLUMNS else None


class JsonLinesTable:
    """A file with one JSON object per line."""

    problem: str | None = None

    def __init__(self, path: Stored) -> None:
        self._path = path
        first: dict[str, None] | None = None
        for row in islice(self.rows(), _FIRST_LINES):
            if row.number == 0 and (b"\0" in row.raw or row.raw.startswith(_MARKS)):
                raise SourceError(_WIDE)
            first = {**(first or {}), **dict.fromkeys(row.values)}
        if first is None:
            raise SourceError("the table is empty")
        self.columns: Sequence[str] = list(first)

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from the byte offset `mark` on."""
        for entry in self._entries(mark or 0, number):
            if isinstance(entry, Row):
                yield entry

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; only the edited strings change."""
        _rewrite(target, b"", self._entries(0, 0), edit, self._edited)

    def _entries(self, mark: int, number: int) -> Iterator[Row | bytes]:
        """Rows, and blank lines as they are."""
        with self._path.open("rb") as file:
            file.seek(mark)
            while line := file.readline(MAX_RECORD_BYTES):
                if line.strip():
                    yield self._row(line, mark, number)
                    number += 1
                else:
                    yield line
                mark += len(line)

    @staticmethod
    def _row(line: bytes, mark: int, number: int) -> Row:
        decoded = decode_line(line)
        body = _body(decoded)
        try:
            values = {leaf.path: leaf.value for leaf in leaves(body)}
        except JsonError as error:
            return Row(number, mark, {NOT_PARSED: body}, line, str(error).replace(" at line 1", ""))
        return Row(number, mark, values, line, None if decoded.exact else NOT_UTF8)

    @staticmethod
    def _edited(row: Row, edits: Mapping[str, str]) -> bytes:
        decoded = decode_line(row.raw)
        body = _body(decoded)
        try:
            body_edited = replace(body, edits)
        except JsonError:
            body_edited = edits.get(NOT_PARSED, body)
        return decoded.encode(body_edited + decoded.text[len(body) :])


class ParquetTable:
    """A Parquet file. Binary columns are left alone; marks are row numbers."""

    def __init__(self, path: Stored) -> None:
        import pyarrow.parquet as pq

        self._path = path
        with _readable(), pq.ParquetFile(_file(path)) as file:
            fields = list(file.schema_arrow)
        self._stored = [field.name for field in fields if not is_binary(field.type)]
        if len({field.name for field in fields}) < len(fields):
            raise SourceError("two columns of the table have the same name")
        if not self._stored:
            raise SourceError("the table has no column that could be checked")
        if any(telling(field.name) for field in fields):
            raise SourceError("the name of a column looks like a personal value, and names cannot be masked; rename it")
        if len(fields) > MAX_COLUMNS:
            raise SourceError(f"the table has more than {MAX_COLUMNS:,} columns")
        self.columns: Sequence[str] = [path for path, _ in flatten(dict.fromkeys(self._stored))]
        binary = len(self._stored) < len(fields)
        self.problem: str | None = "the table holds binary columns, which were not checked" if binary else None

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from row `mark` on."""
        import pyarrow.parquet as pq

        start = mark or 0
        with _readable(), pq.ParquetFile(_file(self._path)) as file:
            at = 0
            for index in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(index).num_rows
                if at + size <= start:
                    at += size
                    continue
                # One group at a time: a batch over two of them would be lost with the second
                for batch in file.iter_batches(_BATCH_ROWS, row_groups=[index], columns=self._stored):
                    early = min(max(start - at, 0), batch.num_rows)
                    at += early
                    for record in batch.slice(early).to_pylist():
                        yield _row(record, at, number)
                        number += 1
                        at += 1

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; schema, row groups and untouched columns stay as they are."""
        import pyarrow.parquet as pq

        with _readable():
            file = pq.ParquetFile(_file(self._path))
        with file, pq.ParquetWriter(target, file.schema_arrow, compression=compression(file.metadata)) as out:
            at = 0
            for index in range(file.metadata.num_row_groups):
                with _readable():
                    group = file.read_row_group(index)
                    records = group.select(self._stored).to_pylist()
                edits = [edit(_row(record, at + n, at + n)) for n, record in enumerate(records)]
                at += len(records)
                out.write_table(_edit_group(group, records, edits))


_KINDS: dict[str, Callable[[Stored], Table]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".jsonl": JsonLinesTable,
    ".ndjson": JsonLinesTable,
    ".parquet": ParquetTable,
}
SUFFIXES = frozenset(_KINDS)
"""File name endings that `open_table` knows."""


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Whatever a damaged Parquet file raises, as a SourceError that quotes nothing of it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, RecursionError) as error:
        # Arrow's own text names the file
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else type(error).__name__
        raise SourceError(f"the table is not valid Parquet, or damaged ({reason})") from error


def _file(path: Stored) -> Path | BinaryIO:
    """What pyarrow opens."""
    return path if isinstance(path, Path) else path.open("rb")


def _row(record: Mapping[str, object], mark: int, number: int) -> Row:
    try:
        return Row(number, mark, dict(flatten(record)))
    except JsonError as error:
        return Row(number, mark, {}, problem=f"the row is {error}; it was not checked")


def compression(metadata: Any) -> str:
    """How a Parquet file is packed, as a writer wants it named."""
    if not metadata.num_row_groups or not metadata.num_columns:
        return "snappy"
    name = str(metadata.row_group(0).column(0).compression)
    return "none" if name == "UNCOMPRESSED" else name.lower()


def _edit_group(group: Any, records: list[dict[str, Any]], edits: Sequence[Edit]) -> Any:
    import pyarrow as pa

    new: list[Any] = [edited(record, edit) if edit else record for record, edit in zip(records, edits, strict=True)]
    for name in records[0] if records else ():
        values = [record[name] for record in new]
        if values != [record[name] for record in records]:
            field = group.schema.field(name)
            fitted = [fitting(value, field.type, nullable=field.nullable) for value in values]
            column = pa.array(fitted, type=field.type)
            group = group.set_column(group.schema.get_field_index(name), field, column)
    return group.filter(pa.array([edit is not None for edit in edits], type=pa.bool_()))


def fitting(value: Any, kind: Any, *, nullable: bool = True) -> Any:
    """A value as its column takes it. A masked number has no place in a column of numbers: it becomes null, or 0."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return fitting(value, kind.storage_type, nullable=nullable)
    if isinstance(value, dict):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return {field.name: fitting(value.get(field.name), field.type, nullable=field.nullable) for field in fields}
    if isinstance(value, list):
        if pa.types.is_map(kind):
            return [(fitting(k, kind.key_type, nullable=False), fitting(v, kind.item_type)) for k, v in value]
        return [fitting(inner, kind.value_type, nullable=kind.value_field.nullable) for inner in value]
    if isinstance(value, str) and not _takes_text(kind):
        return None if nullable else pa.scalar(0, pa.int32()).cast(kind).as_py()
    return value


def _takes_text(kind: Any) -> bool:
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner))


def is_binary(kind: Any) -> bool:
    """Whether a column holds binary data, at whatever depth."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return is_binary(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return is_binary(kind.value_type)
    if pa.types.is_nested(kind):
        return any(is_binary(kind.field(index).type) for index in range(kind.num_fields))
    types = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in types)


def _rewrite(
    target: Path,
    head: bytes,
    entries: Iterable[Row | bytes],
    edit: Callable[[Row], Edit],
    apply: Callable[[Row, Mapping[str, str]], bytes],
) -> None:
    """Write a table of lines to `target`: `head`, then the entries, each row as `edit` wants it."""
    with target.open("wb") as out:
        out.write(head)
        for entry in entries:
            if isinstance(entry, bytes):
                out.write(entry)
                continue
            edits = edit(entry)
            if edits is not None:
                out.write(apply(entry, edits) if edits else entry.raw)


def _records(file: BinaryIO, delimiter: bytes) -> Iterator[tuple[bytes, bool]]:
    """Physical lines, joined while a quoted cell is open, and whether it was closed in the end.

    A record that does not close within MAX_RECORD_LINES or MAX_RECORD_BYTES is cut to its first line.
    """
    while line := file.readline(MAX_RECORD_BYTES):
        lines, size, resume = [line], len(line), file.tell()
        inside = _quote_open(line, delimiter, inside=False)
        while inside:
            more = file.readline(MAX_RECORD_BYTES) if len(lines) < MAX_RECORD_LINES and size < MAX_RECORD_BYTES else b""
            if not more:
                lines = [line]
                file.seek(resume)
                break
            lines.append(more)
            size += len(more)
            inside = _quote_open(more, delimiter, inside=True)
        yield b"".join(lines), not inside


def _body(decoded: Decoded) -> str:
    """A record without its line end."""
    return decoded.text.rstrip("\r\n")


def _delimiter(header: str) -> str:
    counts = {delimiter: header.count(delimiter) for delimiter in ",;\t|"}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else ","


def _quote_open(line: bytes, delimiter: bytes, *, inside: bool) -> bool:
    """Whether a quoted cell is open at the end of `line`, as csv.reader sees it: a quote opens only a cell's start."""
    starts = delimiter or b",;\t|"
    at = 0
    while (at := line.find(b'"', at)) >= 0:
        if not inside:
            inside = at == 0 or line[at - 1] in starts or (at == len(BOM_UTF8) and line.startswith(BOM_UTF8))
        elif line[at + 1 : at + 2] == b'"':
            at += 1
        else:
            inside = False
        at += 1
    return inside
