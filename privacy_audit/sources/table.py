"""One table of texts, without pictures: a CSV, TSV, JSON Lines or Parquet file whose rows are the samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey, texts_of
from privacy_audit.sources.beside import described
from privacy_audit.sources.columns import check_captions, file_name_column
from privacy_audit.sources.names import safe_name
from privacy_audit.sources.tables import Row, Table, open_table
from privacy_audit.types import Failure, Sample, Skipped, Text

NO_PICTURE = "no picture in the source"
_STEP = 256  # rows between two marks that a shard can start from
_LARGEST_SHARD = 16 * _STEP
_AIM_SHARDS = 64


@dataclass(frozen=True, slots=True)
class _Rows:
    """Shard content: `count` rows from `mark` on, the first of them row `first`."""

    mark: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class _Broken:
    """Shard content: a part of the table that cannot be checked, and why."""

    problem: str


class TableSource:
    """A table alone. Each row is a sample, `file.csv#17`; pictures that it names are not opened.

    `caption_columns` are further columns that hold captions; `dataset` is a dataset.yaml, or its plain data. Raises
    SourceError when the file is no table.
    """

    kind = "table"

    def __init__(
        self,
        path: Path,
        *,
        caption_columns: Sequence[str] = (),
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path.resolve()
        self.root = self.path.parent
        self.name = safe_name(self.path.name)
        self.beside = described(dataset)
        columns = self.beside.description.get("columns", {})
        self._captions = frozenset(caption_columns) | frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))
        self._marks: list[int] = []
        self._rows = 0
        self._problem: str | None = None
        table = self._open()
        check_captions(self._captions, table.columns)

    def survey(self) -> Survey:
        """Count the rows; raises SourceError when there is none."""
        self._marks, self._rows = [], 0
        table = self._open()
        self._problem = table.problem
        try:
            for row in table.rows():
                if self._rows % _STEP == 0:
                    self._marks.append(row.mark)
                self._rows += 1
        except SourceError as error:
            self._problem = str(error)
        if self._rows == 0:
            raise SourceError(f"{self.path} holds no row{f': {self._problem}' if self._problem else ''}.")
        return Survey(self._rows + (self._problem is not None), self._stamp())

    def shards(self) -> Iterator[Shard]:
        """Stretches of rows, in the order of the file."""
        if not self._marks:
            self.survey()
        stamp = self._stamp()
        steps = max(1, min(_LARGEST_SHARD // _STEP, -(-len(self._marks) // _AIM_SHARDS)))
        number = 0
        for at in range(0, len(self._marks), steps):
            first = at * _STEP
            count = min(steps * _STEP, self._rows - first)
            fingerprint = hashlib.sha256(f"{stamp}\0{first}\0{count}".encode()).hexdigest()
            yield Shard(f"{number:06d}", count, fingerprint, _Rows(self._marks[at], first, count))
            number += 1
        if self._problem is not None:
            yield Shard(f"{number:06d}", 1, stamp, _Broken(self._problem))

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The rows of one shard."""
        content = shard.content
        if isinstance(content, _Broken):
            yield Item(Sample(self.name, shard.id), (Failure("source", "unreadable", content.problem),))
            return
        number, end = content.first, content.first + content.count
        problem = "the table ended before this row: it changed while it was read"
        try:
            table = self._open()
            name_column = file_name_column(table.columns)
            for row in table.rows(content.mark, content.first):
                yield self._item(shard.id, row, name_column)
                number = row.number + 1
                if number == end:
                    return
        except SourceError as error:
            problem = str(error)
        for missing in range(number, end):
            sample = Sample(f"{self.name}#{missing}", shard.id)
            origin = Origin(None, self.path.name, missing)
            yield Item(sample, (Failure("source", "unreadable", problem),), (), origin)

    def _item(self, shard: str, row: Row, name_column: str | None) -> Item:
        named = row.values.get(name_column) if name_column is not None else None
        is_name = isinstance(named, str) and "://" not in named
        values = {field: value for field, value in row.values.items() if not (is_name and field == name_column)}
        texts = texts_of(values, captions=self._captions, urls=self._urls)
        if is_name and name_column is not None and str(named).strip():
            texts.append(Text("filename", name_column, str(named)))
        sample = Sample(f"{self.name}#{row.number}", shard, None, tuple(texts), row.values)
        failures = (Failure("record", "error", row.problem),) if row.problem else ()
        return Item(sample, failures, (Skipped("picture", NO_PICTURE),), Origin(None, self.path.name, row.number))

    def _open(self) -> Table:
        try:
            return open_table(self.path)
        except SourceError as error:
            raise SourceError(f"{self.path}: {error}") from error

    def _stamp(self) -> str:
        try:
            facts = self.path.stat()
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error
        return hashlib.sha256(f"{self.name}\0{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()
