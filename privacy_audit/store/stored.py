"""What an audit knows of each sample, read back shard by shard for deciding: one batch of rows in memory at a time.

Samples that look the same to the rules share one `Facts`, so that a caller can decide once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.policy import LookedAt
from privacy_audit.store.shards import part
from privacy_audit.types import Failure, Finding, Training, Visibility

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BATCH_ROWS = 20_000
MAX_KINDS = 50_000
"""Different findings, and different samples, that are kept to be shared."""
UNREACHED = -1.0
_DIGITS = 7  # a score is stored in 32 bits: 0.35 comes back as what a rule calls 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the rules see of a sample; equal only to itself, so that it is a cheap key.

    Findings have a code, a channel, the attributes that rules look at, and of their score the largest limit that it
    reaches, UNREACHED when there is none.
    """

    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    visibility: Visibility
    training: Training


def shard_names(audit: Path) -> list[str]:
    """The shards that have samples."""
    return sorted(path.stem for path in (audit / "samples").glob("*.parquet"))


class Reader:
    """Reads the samples of an audit as rules see them that look at `looked_at`."""

    def __init__(self, audit: Path, looked_at: LookedAt) -> None:
        self._audit, self._looked_at = audit, looked_at
        self._kinds: dict[tuple[Any, ...], int] = {}
        self._findings: list[Finding] = []
        self._facts: dict[object, Facts] = {}

    def all(self) -> Iterator[tuple[str, Facts]]:
        """Every sample of the audit: its id, and what is known of it."""
        for shard in shard_names(self._audit):
            yield from self.shard(shard)

    def shard(self, shard: str) -> Iterator[tuple[str, Facts]]:
        """The samples of one shard. Raises AuditError when a part is damaged."""
        if len(self._kinds) > MAX_KINDS or len(self._facts) > MAX_KINDS:
            for kept in (self._kinds, self._findings, self._facts):
                kept.clear()
        findings = _Queue(self._grouped_findings(shard))
        failures = _Queue(self._grouped_failures(shard))
        for sample_id, visibility, training in self._rows(shard, "samples", "sample_id", "visibility", "training"):
            key = (findings.of(sample_id), failures.of(sample_id), visibility, training)
            facts = self._facts.get(key)
            if facts is None:
                found = tuple(self._findings[kind] for kind in key[0])
                failed = tuple(Failure(stage, "error", "") for stage in key[1])
                facts = self._facts[key] = Facts(found, failed, visibility, training)
            yield sample_id, facts
        if findings.more or failures.more:
            raise AuditError(
                f"a part of the audit {self._audit} is damaged: its tables name different samples. Scan again."
            )

    def _grouped_findings(self, shard: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        for batch in self._batches(shard, "findings", "sample_id", "code", "channel", "score", "attributes"):
            kinds = self._numbered(batch).tolist()
            for sample_id, start, end in _runs(batch["sample_id"]):
                yield sample_id, tuple(sorted(kinds[start:end]))

    def _grouped_failures(self, shard: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        for batch in self._batches(shard, "failures", "sample_id", "stage"):
            stages = batch["stage"].to_pylist()
            for sample_id, start, end in _runs(batch["sample_id"]):
                yield sample_id, tuple(sorted(stages[start:end]))

    def _numbered(self, batch: pa.RecordBatch) -> np.ndarray:
        """One number per finding; findings that the rules cannot tell apart have the same."""
        import numpy as np
        import pyarrow.compute as pc

        limits = np.array(self._looked_at.score_limits)
        scores = batch["score"].fill_null(float("nan")).to_numpy().astype(np.float64).round(_DIGITS)
        reached = (scores[:, None] >= limits).sum(axis=1)  # a score that is no number reaches none
        given = [pc.map_lookup(batch["attributes"], name, "last") for name in self._looked_at.attributes]
        together, different = reached, len(limits) + 1
        columns = [_coded(column) for column in (batch["code"], batch["channel"], *given)]
        for codes, words in columns:
            if different * len(words) > np.iinfo(np.int64).max:
                together = np.unique(together, return_inverse=True)[1].ravel()
                different = len(together)
            together, different = together * len(words) + codes, different * len(words)
        _, first, which = np.unique(together, return_index=True, return_inverse=True)
        kinds = [
            (int(reached[row]), *(words[codes[row]] for codes, words in columns))  # of one row for all that are alike
            for row in first.tolist()
        ]
        return np.array([self._kind(kind) for kind in kinds], np.int64)[which.ravel()]

    def _kind(self, kind: tuple[Any, ...]) -> int:
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._findings)
            reached, code, channel, *given = kind
            attributes = {
                name: value for name, value in zip(self._looked_at.attributes, given, strict=True) if value is not None
            }
            score = (UNREACHED, *self._looked_at.score_limits)[reached]
            self._findings.append(Finding(code, "", score, channel, attributes=attributes))
        return number

    def _rows(self, shard: str, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        for batch in self._batches(shard, table, *columns):
            yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)

    def _batches(self, shard: str, table: str, *columns: str) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(part(self._audit, table, shard)) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise AuditError(f"a part of the audit {self._audit} is damaged or missing. Scan again.") from error


class _Queue:
    """Groups in the order of their samples, which is the order in which a shard was written."""

    def __init__(self, groups: Iterator[tuple[str, tuple[Any, ...]]]) -> None:
        self._groups = groups
        self._next = next(groups, None)

    @property
    def more(self) -> bool:
        """Whether something is left."""
        return self._next is not None

    def of(self, sample_id: str) -> tuple[Any, ...]:
        """The values of the next sample; a sample may go on in the next batch."""
        found: tuple[Any, ...] = ()
        while self._next is not None and self._next[0] == sample_id:
            found = tuple(sorted((*found, *self._next[1]))) if found else self._next[1]
            self._next = next(self._groups, None)
        return found


def _runs(ids: pa.Array) -> Iterator[tuple[str, int, int]]:
    """Each sample once for every run of equal ids: the id, and the first and the last row but one."""
    import numpy as np

    codes, words = _coded(ids)
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist()] if len(codes) else []
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=False):
        yield words[codes[start]], start, end


def _coded(column: pa.Array) -> tuple[np.ndarray, list[Any]]:
    """A column of texts as numbers, and the text of each number; None is the last."""
    coded = column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    return coded.indices.fill_null(len(words)).to_numpy(), [*words, None]
