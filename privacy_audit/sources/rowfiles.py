"""Parquet files with pictures in their rows, and datasets that the Hugging Face library saved to disk (Arrow files).

A shard is a stretch of row groups, or of record batches; they are read a few rows at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey
from privacy_audit.sources.beside import Beside, described, look
from privacy_audit.sources.columns import check_captions
from privacy_audit.sources.folder import TABLE_NAMES
from privacy_audit.sources.names import PICTURE_SUFFIXES, digest, inside, safe_name, skip_reason
from privacy_audit.sources.rows import BATCH_ROWS, LOOKED_AT, Layout, Reader, layout
from privacy_audit.sources.tree import DiskTree
from privacy_audit.types import Failure, Sample

STATE, SPLITS = "state.json", "dataset_dict.json"
DATASET_FILES = frozenset({STATE, SPLITS, "dataset_info.json"})
ARROW = ".arrow"
MAX_STATE_BYTES = 16 * 1024 * 1024
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64


@dataclass(frozen=True, slots=True)
class Groups:
    """Shard content: `count` rows of a file, from its group `group` on, which begins with row `first`."""

    table: str
    group: int
    groups: int
    first: int
    count: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Shard content: a file, or a part of it, that is not read, and why."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class _Facts:
    stamp: str
    sizes: array[int]
    columns: tuple[str, ...]
    problem: str | None


class RowFilesSource:
    """A Parquet or Arrow file, a folder of Parquet files (kind "parquet"), or a saved dataset (kind "datasets").

    `caption_columns` are further columns that hold captions; `dataset` is a dataset.yaml, or its plain data.
    """

    def __init__(
        self,
        path: Path,
        kind: Literal["parquet", "datasets"],
        *,
        caption_columns: Sequence[str] = (),
        limits: Limits | None = None,
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        if not path.exists():
            raise SourceError(f"{path} does not exist.")
        self.kind: str = kind
        alone = path.is_file()
        self.root = path.resolve().parent if alone else path.resolve()
        self.name = safe_name(path.resolve().name or "root")
        self._tree = DiskTree(self.root)
        self._only = path.resolve().name if alone else None
        self._limits = limits or Limits()
        self.beside: Beside = described(dataset) if alone else look(self._tree, dataset)
        columns = self.beside.description.get("columns", {})
        self._captions = frozenset(caption_columns) | frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))
        self._shard_size = _SMALLEST_SHARD
        self._facts: dict[str, _Facts] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what only planning needs."""
        return {**self.__dict__, "_facts": {}}

    def survey(self) -> Survey:
        """Count the rows by the files' own metadata; raises SourceError when there is none."""
        whole, samples, skipped, seen = hashlib.sha256(), 0, Counter[str](), set[str]()
        for found in self._parts(skipped):
            if isinstance(found, Broken):
                samples += 1
                whole.update(digest(found.name, found.problem).encode())
            else:
                samples += sum(found[1].sizes) + (found[1].problem is not None)
                seen.update(found[1].columns)
                whole.update(digest(found[1].stamp).encode())
        if samples == 0:
            raise SourceError(f"{self.root} holds no row: nothing to audit.")
        check_captions(self._captions, seen)
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, whole.hexdigest(), skipped)

    def shards(self) -> Iterator[Shard]:
        """Stretches of row groups, file by file in path order."""
        for number, (count, fingerprint, content) in enumerate(self._contents()):
            yield Shard(f"{number:06d}", count, fingerprint, content)

    @property
    def only(self) -> str | None:
        """The file, when it was named by itself."""
        return self._only

    def tables(self) -> list[str]:
        """The files that can be read, relative to the root."""
        return [found[0] for found in self._parts(Counter()) if not isinstance(found, Broken)]

    def descriptions(self) -> list[str]:
        """The files that say how a saved dataset is put together, relative to the root."""
        if self.kind != "datasets":
            return []
        folders = self._tree.walk(Counter())
        paths = (f"{folder}/{name}" if folder else name for folder, names in folders for name in names or ())
        return [path for path in paths if path.rpartition("/")[2] in DATASET_FILES]

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The samples of one shard. What is damaged costs the rest of its row group."""
        content = shard.content
        if isinstance(content, Broken):
            yield Item(Sample(content.name, shard.id), (Failure("source", "unreadable", content.problem),))
            return
        number, end = content.first, content.first + content.count
        problem = "the file changed while it was read"
        if self._tree.stamp(content.table) == content.stamp:
            try:
                with _open(self.root / content.table) as file:
                    reader = Reader(_layout(file), content.table, self._tree, self._limits, self._captions, self._urls)
                    for group in range(content.group, content.group + content.groups):
                        until = number + file.sizes[group]
                        try:
                            for row in file.rows(group):
                                yield from reader.items(shard.id, row, number)
                                number += 1
                        except SourceError as error:
                            yield from self._missing(shard.id, content.table, range(number, until), str(error))
                            number = until
            except SourceError as error:
                problem = str(error)
        yield from self._missing(shard.id, content.table, range(number, end), problem)

    def _missing(self, shard: str, table: str, rows: range, problem: str) -> Iterator[Item]:
        for row in rows:
            sample = Sample(safe_name(f"{table}#{row}"), shard)
            yield Item(sample, (Failure("source", "unreadable", problem),), (), Origin(None, table, row))

    def _contents(self) -> Iterator[tuple[int, str, Groups | Broken]]:
        for found in self._parts(Counter()):
            if isinstance(found, Broken):
                yield 1, digest(found.name, found.problem), found
                continue
            name, facts = found
            first = group = count = 0
            for at, size in enumerate(facts.sizes):
                count += size
                if count >= self._shard_size or at + 1 == len(facts.sizes):
                    if count:
                        content = Groups(name, group, at + 1 - group, first, count, facts.stamp)
                        yield count, digest(facts.stamp, str(group), str(count)), content
                    first, group, count = first + count, at + 1, 0
            if facts.problem is not None:
                yield 1, digest(facts.stamp, facts.problem), Broken(safe_name(name), facts.problem)

    def _parts(self, skipped: Counter[str]) -> Iterator[Broken | tuple[str, _Facts]]:
        for name in self._files(skipped):
            if isinstance(name, Broken):
                yield name
                continue
            stamp = self._tree.stamp(name)
            facts = self._facts.get(name)
            try:
                if facts is None or facts.stamp != stamp:
                    facts = self._facts[name] = _facts(self.root / name, stamp)
                yield name, facts
            except SourceError as error:
                yield Broken(safe_name(name), str(error))

    def _files(self, skipped: Counter[str]) -> Iterator[str | Broken]:
        """Files relative to the root. Pictures and tables beside them are told of, never passed over."""
        if self._only is not None:
            yield self._only
            return
        listed: set[str] = set()
        if self.kind == "datasets":
            for name in _saved(self._tree):
                listed.add(name)
                yield (
                    name
                    if self._tree.head(name) is not None
                    else Broken(safe_name(name), "a file that the saved dataset names does not exist")
                )
        for folder, names in self._tree.walk(skipped):
            if names is None:
                yield Broken(safe_name(f"{folder}/"), "the folder cannot be opened")
                continue
            for name in names:
                path = f"{folder}/{name}" if folder else name
                suffix = PurePosixPath(name).suffix.lower()
                if path in listed:
                    continue
                if (self._tree.head(path) or b"").startswith(b"PAR1") or suffix == ".parquet":
                    if self.kind == "parquet":
                        yield path
                        continue
                elif suffix == ARROW and self.kind == "datasets" and not listed:
                    yield path
                    continue
                if suffix in PICTURE_SUFFIXES or name.lower() in TABLE_NAMES:
                    yield Broken(safe_name(path), "a file beside the tables is not read: scan it as a folder")
                else:
                    skipped[skip_reason(suffix).replace("picture", "table")] += 1


class _ParquetRows:
    """The row groups of a Parquet file."""

    problem: str | None = None

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        with _readable():
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
            metadata = self._file.metadata
            self.sizes = array("Q", (metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)))
            self.schema = self._file.schema_arrow

    def first(self, column: str) -> Sequence[object]:
        """The first values of a column."""
        with _readable():
            for batch in self._file.iter_batches(LOOKED_AT, columns=[column]):
                return list(batch.column(0).to_pylist())
        return []

    def rows(self, group: int) -> Iterator[Mapping[str, Any]]:
        """The rows of a group."""
        batches = self._file.iter_batches(BATCH_ROWS, row_groups=[group])
        while True:
            with _readable():
                batch = next(batches, None)
                records = batch.to_pylist() if batch is not None else None
            if records is None:
                return
            yield from records

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _ArrowRows:
    """The record batches of an Arrow stream or file, mapped into memory: skipping them costs nothing."""

    problem: str | None = None

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        with _readable():
            self._map = pa.memory_map(str(path))
            try:
                self._batches: list[Any] = []
                try:
                    stream = pa.ipc.open_stream(self._map)
                except pa.ArrowInvalid:
                    self._map.seek(0)
                    stream = pa.ipc.open_file(self._map)
                self.schema = stream.schema
                self._gather(stream)
            except BaseException:
                self._map.close()
                raise
        self.sizes = array("Q", (batch.num_rows for batch in self._batches))

    def _gather(self, stream: Any) -> None:
        """All batches up to the first that is damaged."""
        import pyarrow as pa

        try:
            if hasattr(stream, "get_batch"):
                self._batches += (stream.get_batch(at) for at in range(stream.num_record_batches))
            else:
                self._batches += stream
        except (pa.ArrowException, OSError):
            self.problem = "the file is cut off or damaged: rows that stand further on are lost"

    def first(self, column: str) -> Sequence[object]:
        """The first values of a column."""
        with _readable():
            return list(self._batches[0].slice(0, LOOKED_AT).column(column).to_pylist()) if self._batches else []

    def rows(self, group: int) -> Iterator[Mapping[str, Any]]:
        """The rows of a batch."""
        batch = self._batches[group]
        for at in range(0, batch.num_rows, BATCH_ROWS):
            with _readable():
                records = batch.slice(at, BATCH_ROWS).to_pylist()
            yield from records

    def close(self) -> None:
        """Let the memory map go."""
        self._batches = []
        self._map.close()


def has_pictures(path: Path) -> bool:
    """Whether a Parquet file has a column of pictures; raises SourceError when it cannot be read."""
    with _open(path) as file:
        return bool(_layout(file).cells)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_ParquetRows | _ArrowRows]:
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        rows = _ParquetRows(path) if parquet or path.suffix.lower() == ".parquet" else _ArrowRows(path)
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror or 'input/output error'}") from error
    try:
        yield rows
    finally:
        rows.close()


def _layout(file: _ParquetRows | _ArrowRows) -> Layout:
    return layout(file.schema, file.first)


def _facts(path: Path, stamp: str) -> _Facts:
    with _open(path) as file:
        found = _layout(file)
        problems = "; ".join(problem for problem in (found.problem, file.problem) if problem)
        return _Facts(stamp, file.sizes, tuple(found.columns), problems or None)


def _saved(tree: DiskTree) -> Iterator[str]:
    """The files that a saved dataset names, split by split."""
    splits = _json(tree, SPLITS).get("splits")
    folders = [str(name) for name in splits] if isinstance(splits, list) else [""]
    for folder in folders:
        state = f"{folder}/{STATE}" if folder else STATE
        listed = _json(tree, state).get("_data_files")
        for entry in listed if isinstance(listed, list) else ():
            name, _ = inside(str(entry.get("filename", "")) if isinstance(entry, dict) else "")
            base, _ = inside(folder)
            if name:
                yield f"{base}/{name}" if base else name


def _json(tree: DiskTree, name: str) -> Mapping[str, Any]:
    content = tree.content(name, "source")
    if isinstance(content, Failure):
        return {}
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Whatever a damaged file raises, as a SourceError that quotes nothing of it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        # Arrow's own text names the file
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else type(error).__name__
        raise SourceError(f"the table is not valid Parquet or Arrow, or damaged ({reason})") from error
