"""Tables of records beside pictures: CSV, TSV, JSON Lines and Parquet, read row by row and edited cell by cell.

Rows can be read from a mark (a byte offset, or a row number in Parquet), so that a worker starts in the middle. Edits
keep the raw bytes of every row that they do not touch.
"""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from privacy_audit.errors import SourceError
from privacy_audit.sources.encoding import NOT_UTF8, decode
from privacy_audit.sources.jsontext import JsonError, flatten, leaves, replace

MAX_RECORD_BYTES = 4 * 1024 * 1024
MAX_RECORD_LINES = 200
_BATCH_ROWS = 1_000
NOT_JSON = "line"
"""The field of a line that is no JSON: the line itself, which may hold personal data all the same."""


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


class Table(Protocol):
    """A table on disk."""

    columns: Sequence[str]

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from `mark` on, the first of them being row `number`."""
        ...

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table to `target` with `edit` applied to every row."""
        ...


def open_table(path: Path) -> Table:
    """The table at `path`, by its suffix; raises SourceError when it cannot be read at all."""
    kinds: dict[str, Callable[[Path], Table]] = {
        ".csv": CsvTable,
        ".tsv": CsvTable,
        ".jsonl": JsonLinesTable,
        ".ndjson": JsonLinesTable,
        ".parquet": ParquetTable,
    }
    try:
        return kinds[path.suffix.lower()](path)
    except OSError as error:
        raise SourceError(f"the table cannot be read: {error.strerror or 'input/output error'}") from error


class CsvTable:
    """A CSV or TSV file with a header. Encodings other than supersets of ASCII are refused."""

    def __init__(self, path: Path) -> None:
        csv.field_size_limit(MAX_RECORD_BYTES)
        self._path = path
        with path.open("rb") as file:
            header = next(self._records(file, b""), b"")
            self._first = file.tell() if not header else len(header)
        decoded = decode(header)
        if decoded.codec.startswith(("utf-16", "utf-32")):
            raise SourceError(f"the table is {decoded.codec.upper()}; save it as UTF-8")
        self._header = header
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(decoded.text)
        self.columns: Sequence[str] = _unique(self._cells(header)[0])
        if not any(self.columns):
            raise SourceError("the table is empty: it has no header row")

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from the byte offset `mark` on."""
        with self._path.open("rb") as file:
            at = self._first if mark is None else mark
            file.seek(at)
            for record in self._records(file, self._delimiter.encode()):
                if record.strip():
                    cells, problem = self._cells(record)
                    if len(cells) != len(self.columns) and problem is None:
                        problem = f"the row has {len(cells)} cells, the header {len(self.columns)}"
                    values: dict[str, object] = dict(zip(self.columns, cells, strict=False))
                    values.update({f"column {n + 1}": cells[n] for n in range(len(self.columns), len(cells))})
                    yield Row(number, at, values, record, problem)
                    number += 1
                at += len(record)

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; untouched rows keep their bytes."""
        with target.open("wb") as out:
            out.write(self._header)
            for row in self.rows():
                edits = edit(row)
                if edits is not None:
                    out.write(self._edited(row, edits) if edits else row.raw)

    def _edited(self, row: Row, edits: Mapping[str, str]) -> bytes:
        decoded = decode(row.raw)
        ending = row.raw[len(row.raw.rstrip(b"\r\n")) :].decode("ascii")
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=self._delimiter, lineterminator=ending)
        writer.writerow([edits.get(name, value) for name, value in row.values.items()])
        return decoded.encode(buffer.getvalue())

    def _cells(self, record: bytes) -> tuple[list[str], str | None]:
        decoded = decode(record)
        problem = None if decoded.exact else NOT_UTF8
        text = decoded.text.rstrip("\r\n")
        try:
            parsed = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter))
        except (csv.Error, ValueError):
            return [text], "the row is not valid CSV; it was read as one cell"
        return [cell for part in parsed for cell in part], problem

    def _records(self, file: BinaryIO, delimiter: bytes) -> Iterator[bytes]:
        """Physical lines, joined while a quoted cell is open. A record that never closes is cut to its first line."""
        while line := file.readline(MAX_RECORD_BYTES):
            lines, resume = [line], file.tell()
            inside = _quote_open(line, delimiter, inside=False)
            while inside:
                more = file.readline(MAX_RECORD_BYTES) if len(lines) < MAX_RECORD_LINES else b""
                if not more:
                    lines = [line]
                    file.seek(resume)
                    break
                lines.append(more)
                inside = _quote_open(more, delimiter, inside=True)
            yield b"".join(lines)


class JsonLinesTable:
    """A file with one JSON object per line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        first = next(iter(self.rows()), None)
        if first is None:
            raise SourceError("the table is empty")
        self.columns: Sequence[str] = list(first.values)

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from the byte offset `mark` on."""
        with self._path.open("rb") as file:
            at = mark or 0
            file.seek(at)
            while line := file.readline(MAX_RECORD_BYTES):
                if line.strip():
                    yield self._row(line, at, number)
                    number += 1
                at += len(line)

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; only the edited strings change."""
        with target.open("wb") as out:
            for row in self.rows():
                edits = edit(row)
                if edits:
                    decoded = decode(row.raw)
                    body = decoded.text.rstrip("\r\n")
                    try:
                        out.write(decoded.encode(replace(body, edits) + decoded.text[len(body) :]))
                    except JsonError:
                        out.write(decoded.encode(edits[NOT_JSON] + decoded.text[len(body) :]))
                elif edits is not None:
                    out.write(row.raw)

    @staticmethod
    def _row(line: bytes, mark: int, number: int) -> Row:
        decoded = decode(line)
        problem = None if decoded.exact else NOT_UTF8
        body = decoded.text.rstrip("\r\n")
        try:
            values = {leaf.path: leaf.value for leaf in leaves(body)}
        except JsonError as error:
            # Not JSON, but what is written there is still text that may hold personal data
            return Row(number, mark, {NOT_JSON: body}, line, str(error).replace("at line 1: ", ": "))
        return Row(number, mark, values, line, problem)


class ParquetTable:
    """A Parquet file. Binary columns are left alone; marks are row numbers."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise SourceError(f"the table is not valid Parquet ({type(error).__name__})") from error
        with file:
            names = [field.name for field in file.schema_arrow if not _is_binary(field.type)]
        self.columns: Sequence[str] = names

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:
        """Rows from row `mark` on."""
        import pyarrow.parquet as pq

        start = mark or 0
        with pq.ParquetFile(self._path) as file:
            groups, before = [], 0
            for index in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(index).num_rows
                if before + size > start:
                    groups.append(index)
                elif not groups:
                    before += size
                    continue
            at = before
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=list(self.columns)):
                for record in batch.to_pylist():
                    if at >= start:
                        yield Row(number, at, dict(flatten(record)))
                        number += 1
                    at += 1

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the table with `edit` applied; schema, row groups and untouched columns stay as they are."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._path) as file:
            codec = file.metadata.row_group(0).column(0).compression if file.metadata.num_row_groups else "snappy"
            at = 0
            with pq.ParquetWriter(target, file.schema_arrow, compression=codec.lower()) as out:
                for index in range(file.metadata.num_row_groups):
                    group = file.read_row_group(index)
                    records = group.select(list(self.columns)).to_pylist()
                    edits = [edit(Row(at + n, at + n, dict(flatten(record)))) for n, record in enumerate(records)]
                    at += len(records)
                    out.write_table(_edit_group(group, records, edits, pa))


def _edit_group(group: Any, records: list[dict[str, Any]], edits: Sequence[Edit], pa: Any) -> Any:
    touched = {path.split(".", 1)[0].split("[", 1)[0] for edit in edits if edit for path in edit}
    for record, edit in zip(records, edits, strict=True):
        for path, value in (edit or {}).items():
            _assign(record, path, value)
    for name in group.column_names:
        if name in touched:
            field = group.schema.field(name)
            column = pa.array([_fitting(record[name], field.type, pa) for record in records], type=field.type)
            group = group.set_column(group.schema.get_field_index(name), field, column)
    return group.filter(pa.array([edit is not None for edit in edits]))


def _assign(record: Any, path: str, value: str) -> None:
    """Set the scalar at a flat path: the same walk as `flatten`, so that odd keys need no parsing."""

    def walk(node: Any, prefix: str) -> bool:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, inner in items:
            here = f"{prefix}[{key}]" if isinstance(node, list) else f"{prefix}.{key}" if prefix else str(key)
            if here == path and not isinstance(inner, (dict, list)):
                node[key] = value
                return True
            if path.startswith(here) and walk(inner, here):
                return True
        return False

    walk(record, "")


def _fitting(value: object, kind: Any, pa: Any) -> object:
    """A masked number has no place in a column of numbers: it becomes null."""
    if isinstance(value, str) and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None if pa.types.is_primitive(kind) else value
    return value


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(_is_binary(kind.field(index).type) for index in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


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


def _unique(names: Sequence[str]) -> list[str]:
    """Column names made distinct, so that no cell of a doubled column is lost."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
