"""The copy of rows that hold pictures: Parquet and Arrow files with the same schema, metadata and groups of rows.

Each file is read and written one group of rows at a time. A group in which nothing changes is passed on as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks import pieces
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.redaction.sinks.pieces import Pieces
from privacy_audit.redaction.sinks.shape import Shape, carry_own_files
from privacy_audit.redaction.sinks.shared import agreed
from privacy_audit.sources import RowFilesSource, Shard, SkippedMember
from privacy_audit.sources.jsontext import JsonError, edited
from privacy_audit.sources.rowfiles import ARROW, STATE
from privacy_audit.sources.rows import LOOKED_AT, Cell, Layout, layout
from privacy_audit.sources.tables import compression, fitting
from privacy_audit.store.files import whole, write_whole

_PARQUET = (".parquet",)
_ROW = re.compile(r"#(\d+)(?=/|$)")
_PATH = ".path"
_FINGERPRINT = "_fingerprint"

Edit = Mapping[str, Any]
"""What becomes of a row: `drop`, or `texts` (by field) and `cells` (by place: a piece, or None for no picture).

`bare` says that no picture is left in the row.
"""
Edits = dict[str, dict[int, Edit]]


class RowFilesSink:
    """Writes Parquet and Arrow files. Raises SourceError when the copy is named like another kind of file."""

    def __init__(self, source: RowFilesSource, output: Path) -> None:
        self.source = source
        own = (ARROW,) if source.only is not None and not _is_parquet(source.root / source.only) else _PARQUET
        self._shape = Shape(source.only, output, own, (*_PARQUET, ARROW))
        self.manifest = self._shape.manifest

    def writer(self, copy: Path, shard: Shard) -> RowsWriter:
        """Keeps the changed pictures of a stretch of rows."""
        return RowsWriter(copy, shard.id)

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:  # noqa: ARG002
        """Write every file that can be read, and what says how a saved dataset is put together."""
        copy.mkdir(parents=True, exist_ok=True)
        files, edits = Files(copy), _merged(parts)
        if self.source.only is None:
            carry_own_files(self.source.root, files)
            for name in self.source.descriptions():
                _describe(self.source.root / name, copy / name, edits)
                files.note(name)
        for table in self.source.tables():
            name = self._shape.named(table)
            _write(self.source.root / table, copy / name, edits.get(table, {}), copy)
            files.note(name)
        return files.digests

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:  # noqa: ARG002 - the edits say it
        """Rows move up where earlier ones are dropped; one without a picture left is called by its row alone."""
        edits = _merged(parts)
        tables = self.source.tables()
        gone = {table: sorted(row for row, edit in edits.get(table, {}).items() if "drop" in edit) for table in tables}

        def new(sample: str) -> str:
            for found in reversed(list(_ROW.finditer(sample))):
                table, row, place = sample[: found.start()], int(found[1]), sample[found.end() :]
                if table in gone:
                    before = bisect(gone[table], row)
                    if before and gone[table][before - 1] == row:
                        return ""
                    bare = edits.get(table, {}).get(row, {}).get("bare", False)
                    return f"{self._shape.named(table)}#{row - before}{'' if bare else place}"
            return sample

        return new

    def scanned(self, copy: Path) -> Path:
        """The folder, or the file."""
        return self._shape.scanned(copy)

    def publish(self, copy: Path, output: Path) -> None:
        """Move it."""
        self._shape.publish(copy, output)


class RowsWriter:
    """The edits of a stretch of rows."""

    def __init__(self, copy: Path, shard: str) -> None:
        self.files: dict[str, str] = {}
        self._pieces = Pieces(copy, shard)
        self.pieces = self._pieces.files
        self._edits: dict[str, dict[int, Edit]] = {}
        self._row: list[Outgoing] = []

    def put(self, outgoing: Outgoing) -> None:
        """Note what becomes of a row, once all its samples are there."""
        here = outgoing.item.origin
        if here.table is None:
            return
        if self._row:
            origin = self._row[0].item.origin
            if (origin.table, origin.row) != (here.table, here.row):
                self._flush()
        self._row.append(outgoing)

    def carry(self, member: SkippedMember) -> bool:  # noqa: ARG002
        """These files have rows only."""
        return False

    def close(self) -> Any:
        """The edits."""
        self._flush()
        self._pieces.close()
        return {"edits": self._edits}

    def _flush(self) -> None:
        row, self._row = self._row, []
        if not row:
            return
        origin = row[0].item.origin
        edit = self._edit(row)
        if edit:
            self._edits.setdefault(origin.table or "", {})[origin.row] = edit

    def _edit(self, row: Sequence[Outgoing]) -> Edit:
        if all(one.absent for one in row):
            return {"drop": True}
        cells: dict[str, Any] = {}
        for one in row:
            place, before = one.item.origin.cell, one.item.sample.picture
            if place is None:
                continue
            if one.absent or (before is not None and one.picture is None):
                cells[place] = None
            elif before is not None and one.picture is not None and one.picture != before.data:
                cells[place] = self._pieces.add(one.picture)
        texts = agreed(one.texts for one in row if not one.absent)
        pictures = [one for one in row if one.item.origin.cell is not None]
        bare = bool(pictures) and all(cells.get(one.item.origin.cell or "", ()) is None for one in pictures)
        edit = {"cells": cells, "texts": texts, "bare": bare}
        return {name: value for name, value in edit.items() if value}


def _merged(parts: Sequence[Mapping[str, Any]]) -> Edits:
    """Edits by file and row; JSON has turned the numbers of rows into texts."""
    edits: Edits = {}
    for part in parts:
        for table, rows in part["edits"].items():
            edits.setdefault(table, {}).update({int(row): edit for row, edit in rows.items()})
    return edits


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(source: Path, target: Path, edits: Mapping[int, Edit], copy: Path) -> None:
    """Write a file with its edits."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as temporary:
        if not edits:
            shutil.copyfile(source, temporary)
        elif _is_parquet(source):
            _write_parquet(source, temporary, edits, copy)
        else:
            _write_arrow(source, temporary, edits, copy)


def _write_parquet(source: Path, target: Path, edits: Mapping[int, Edit], copy: Path) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:

        def first(column: str) -> Sequence[object]:
            batch = next(file.iter_batches(LOOKED_AT, columns=[column]), None)
            return batch.column(0).to_pylist() if batch is not None else []

        found = layout(file.schema_arrow, first)
        at = 0
        options = {"compression": compression(file.metadata), "version": _version(file.metadata)}
        with pq.ParquetWriter(target, file.schema_arrow, **options) as out:
            for number in range(file.metadata.num_row_groups):
                rows = range(at, at + file.metadata.row_group(number).num_rows)
                at = rows.stop
                if all("drop" in edits.get(row, {}) for row in rows):
                    continue  # also what is damaged: no row of it is kept
                with _whole_rows():
                    group = _changed(file.read_row_group(number), rows, edits, found, copy)
                    out.write_table(group, row_group_size=max(1, group.num_rows))


def _write_arrow(source: Path, target: Path, edits: Mapping[int, Edit], copy: Path) -> None:
    import pyarrow as pa

    with pa.memory_map(str(source)) as mapped:
        try:
            stream, new = pa.ipc.open_stream(mapped), pa.ipc.new_stream
        except pa.ArrowInvalid:
            mapped.seek(0)
            stream, new = pa.ipc.open_file(mapped), pa.ipc.new_file
        found: Layout | None = None
        at = 0
        with new(str(target), stream.schema) as out:
            for batch in _batches(stream):
                if found is None:
                    head = batch.slice(0, LOOKED_AT)
                    found = layout(stream.schema, partial(_values, head))
                rows = range(at, at + batch.num_rows)
                at = rows.stop
                if all("drop" in edits.get(row, {}) for row in rows):
                    continue
                if any(row in edits for row in rows):
                    with _whole_rows():
                        table = _changed(pa.Table.from_batches([batch]), rows, edits, found, copy)
                        out.write_table(table.combine_chunks())
                else:
                    out.write_batch(batch)


def _values(batch: Any, column: str) -> list[object]:
    return list(batch.column(column).to_pylist())


def _batches(stream: Any) -> Iterator[Any]:
    """All batches up to the first that is damaged: no row of what follows was read."""
    import pyarrow as pa

    try:
        if hasattr(stream, "get_batch"):
            yield from (stream.get_batch(at) for at in range(stream.num_record_batches))
        else:
            yield from stream
    except (pa.ArrowException, OSError):
        return


def _changed(group: Any, rows: range, edits: Mapping[int, Edit], found: Layout, copy: Path) -> Any:
    """The rows of a group as they are to be."""
    import pyarrow as pa

    mine = {row - rows.start: edits[row] for row in rows if row in edits}
    if not mine:
        return group
    texts = {at: edit["texts"] for at, edit in mine.items() if edit.get("texts")}
    if texts and found.stored:
        group = _with_texts(group, found.stored, texts)
    for cell in found.cells:
        group = _with_pictures(group, cell, mine, copy)
    if any("drop" in edit for edit in mine.values()):
        group = group.filter(pa.array(["drop" not in mine.get(at, {}) for at in range(len(rows))], type=pa.bool_()))
    return group


def _with_texts(group: Any, stored: Sequence[str], texts: Mapping[int, Mapping[str, str]]) -> Any:
    records = group.select(list(stored)).to_pylist()
    new = [_edited(record, texts[at]) if at in texts else record for at, record in enumerate(records)]
    for name in stored:
        values = [record[name] for record in new]
        if values != [record[name] for record in records]:
            group = _replaced(group, name, values)
    return group


def _edited(record: Mapping[str, Any], texts: Mapping[str, str]) -> Any:
    """A record with new texts; one that is nested too deeply has none that were read."""
    try:
        return edited(record, texts)
    except JsonError:
        return record


def _with_pictures(group: Any, cell: Cell, mine: Mapping[int, Edit], copy: Path) -> Any:
    """New pictures and names of one column."""
    touched = [at for at, edit in mine.items() if _touches(edit, cell.column)]
    if not touched:
        return group
    values = group.column(cell.column).to_pylist()
    for at in touched:
        edit = mine[at]
        if cell.many:
            entries = enumerate(values[at] or ())
            values[at] = [_entry(entry, f"{cell.column}[{index}]", edit, cell, copy) for index, entry in entries]
        else:
            values[at] = _entry(values[at], cell.column, edit, cell, copy)
    return _replaced(group, cell.column, values)


def _touches(edit: Edit, column: str) -> bool:
    places = [*edit.get("cells", ()), *(name.removesuffix(_PATH) for name in edit.get("texts", ()))]
    return any(place == column or place.startswith(f"{column}[") for place in places)


def _entry(entry: Any, place: str, edit: Edit, cell: Cell, copy: Path) -> Any:
    """One picture: its new bytes, and its new name where that is masked. A picture that goes takes its name along."""
    cells, texts = edit.get("cells", {}), edit.get("texts", {})
    if place in cells and cells[place] is None:
        return None
    data = pieces.read(copy, cells[place]) if place in cells else None
    if not cell.struct:
        return entry if data is None else data
    if entry is None:
        return None
    new = dict(entry)
    if data is not None:
        new["bytes"] = data
    if place + _PATH in texts and "path" in new:
        new["path"] = texts[place + _PATH]
    return new


def _replaced(group: Any, name: str, values: Sequence[Any]) -> Any:
    import pyarrow as pa

    field = group.schema.field(name)
    kind = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
    fitted = [fitting(value, kind, nullable=field.nullable) for value in values]
    column = pa.array(fitted, type=kind)
    if kind is not field.type:
        column = pa.ExtensionArray.from_storage(field.type, column)
    return group.set_column(group.schema.get_field_index(name), field, column)


def _describe(source: Path, target: Path, edits: Edits) -> None:
    """Copy a file that says how a dataset is put together. With other rows, it has another fingerprint.

    The library keeps what it computes from a dataset by its fingerprint: what it kept of the source is not of the copy.
    """
    raw = source.read_bytes()
    if source.name == STATE and edits:
        with contextlib.suppress(ValueError, RecursionError):
            state = json.loads(raw)
            if isinstance(state, dict) and isinstance(state.get(_FINGERPRINT), str):
                facts = state[_FINGERPRINT] + json.dumps(edits, sort_keys=True)
                state[_FINGERPRINT] = hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
                raw = json.dumps(state, indent=2, sort_keys=True).encode()
    write_whole(target, raw)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _version(metadata: Any) -> str:
    return "1.0" if str(metadata.format_version) == "1.0" else "2.6"


@contextlib.contextmanager
def _whole_rows() -> Iterator[None]:
    """Rows that were read once and cannot be read again."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise SourceError(f"rows of the source can no longer be read ({type(error).__name__}).") from error
