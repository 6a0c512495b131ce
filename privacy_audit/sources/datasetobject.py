"""A `datasets.Dataset` in memory or memory-mapped. Its stored bytes are read in Arrow form, and never decoded."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey
from privacy_audit.sources.beside import described
from privacy_audit.sources.columns import check_captions
from privacy_audit.sources.names import digest
from privacy_audit.sources.rows import BATCH_ROWS, LOOKED_AT, Reader, layout
from privacy_audit.types import Failure, Sample

MAX_PICKLED_BYTES = 64 * 1024 * 1024
"""Every worker gets the object. One that is mapped from disk is small; one in memory may not be."""
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64


def is_dataset(value: object) -> bool:
    """Whether this is a `datasets.Dataset` or `DatasetDict`, or behaves like one."""
    return _is_one(value) or (isinstance(value, Mapping) and bool(value) and all(map(_is_one, value.values())))


class DatasetSource:
    """A `datasets.Dataset`: rows are called `dataset#17`; in a `DatasetDict`, `train#17`.

    `caption_columns` are further columns that hold captions; `dataset` is a dataset.yaml, or its plain data. Raises
    SourceError when the object is too large to be sent to workers.
    """

    kind = "datasets"
    name = "dataset"

    def __init__(
        self,
        given: Any,
        *,
        caption_columns: Sequence[str] = (),
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        splits = dict(given) if isinstance(given, Mapping) else {"dataset": given}
        # In Arrow form nothing is decoded, whatever the features say
        self._splits = {str(name): split.with_format("arrow") for name, split in splits.items()}
        size = len(pickle.dumps(self._splits))
        if size > MAX_PICKLED_BYTES:
            raise SourceError(
                f"the dataset holds {size // 1024 // 1024:,} MB in memory. Save it with save_to_disk, and scan that."
            )
        self.beside = described(dataset)
        columns = self.beside.description.get("columns", {})
        self._captions = frozenset(caption_columns) | frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))

    def survey(self) -> Survey:
        """Count the rows; raises SourceError when there is none."""
        samples = sum(map(len, self._splits.values()))
        if samples == 0:
            raise SourceError("the dataset holds no row: nothing to audit.")
        columns = {name for split in self._splits.values() for name in self._reader(split, "").layout.columns}
        check_captions(self._captions, columns)
        problems = sum(self._reader(split, "").layout.problem is not None for split in self._splits.values())
        return Survey(samples + problems, digest(*(self._stamp(name) for name in self._splits)))

    def shards(self) -> Iterator[Shard]:
        """Stretches of rows, split by split."""
        total = sum(map(len, self._splits.values()))
        size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-total // _AIM_SHARDS)))
        number = 0
        for name, split in self._splits.items():
            for first in range(0, len(split), size):
                count = min(size, len(split) - first)
                fingerprint = digest(self._stamp(name), str(first), str(count))
                yield Shard(f"{number:06d}", count, fingerprint, (name, first, count))
                number += 1
            problem = self._reader(split, name).layout.problem
            if problem is not None:
                yield Shard(f"{number:06d}", 1, digest(self._stamp(name), problem), (name, problem))
                number += 1

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The samples of one shard."""
        if len(shard.content) == 2:
            name, problem = shard.content
            yield Item(Sample(name, shard.id), (Failure("source", "unreadable", problem),))
            return
        name, first, count = shard.content
        split = self._splits[name]
        reader = self._reader(split, name)
        for at in range(first, first + count, BATCH_ROWS):
            until = min(at + BATCH_ROWS, first + count)
            try:
                rows = split[at:until].to_pylist()
            except Exception as error:  # noqa: BLE001 - a library that is not ours, on data of whoever made it
                problem = f"the rows cannot be read: {type(error).__name__}"
                for number in range(at, until):
                    failure = Failure("source", "unreadable", problem)
                    yield Item(Sample(f"{name}#{number}", shard.id), (failure,), (), Origin(None, name, number))
                continue
            for number, row in enumerate(rows, at):
                yield from reader.items(shard.id, row, number)

    def _reader(self, split: Any, name: str) -> Reader:
        first = split[:LOOKED_AT]
        found = layout(first.schema, lambda column: first.column(column).to_pylist())
        return Reader(found, name, None, None, self._captions, self._urls)

    def _stamp(self, name: str) -> str:
        split = self._splits[name]
        return f"{name}\0{len(split)}\0{getattr(split, '_fingerprint', '')}"


def _is_one(value: object) -> bool:
    return all(hasattr(value, name) for name in ("features", "with_format", "num_rows", "__getitem__"))
