"""What an audit knows of each sample, read back shard by shard for deciding: one batch of rows in memory at a time.

Samples that look the same to the rules share one `Facts`, so that a caller can decide once for all of them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.policy import LookedAt
from privacy_audit.store.schema import SETTLED
from privacy_audit.store.shards import part
from privacy_audit.types import Failure, Finding, Training, Visibility

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BATCH_ROWS = 20_000
MAX_KINDS = 50_000
"""Different findings, and different samples, that are kept to be shared."""
UNREACHED = -1.0
_OF_KIND = ("sample_id", "code", "channel", "score", "attributes")
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


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sample with what settling it needs. `rows` are its findings' positions in the shard's table, in their order.

    Codes and tokens are in that order, too.
    """

    reader: Reader
    sample_id: str
    sha256: str | None
    visibility: Visibility
    training: Training
    rows: range
    kinds: Sequence[int]
    tokens: Sequence[str]
    stages: Sequence[str]

    @property
    def codes(self) -> list[str]:
        """The code of each finding."""
        return [self.reader.code(kind) for kind in self.kinds]

    def facts(self, without: Container[int] = ()) -> Facts:
        """What rules see of it, or would see without the findings at these positions of `codes`."""
        kinds = [kind for at, kind in enumerate(self.kinds) if at not in without] if without else self.kinds
        return self.reader.facts(kinds, self.stages, self.visibility, self.training)


def shard_names(audit: Path, parts: Iterable[str] = ()) -> list[str]:
    """The shards that have samples, or should have by a manifest's `parts`."""
    said = {Path(name).stem for name in parts if name.startswith("samples/")}
    return sorted({path.stem for path in (audit / "samples").glob("*.parquet")} | said)


class Reader:
    """Reads the samples of an audit as rules see them that look at `looked_at`.

    With `settled`, findings that a person accepted (in the table `settled`) are left out.
    """

    def __init__(self, audit: Path, looked_at: LookedAt, *, settled: bool = False) -> None:
        self._audit, self._looked_at, self._settled = audit, looked_at, settled
        self._kinds: dict[tuple[Any, ...], int] = {}
        self._findings: list[Finding] = []
        self._facts: dict[object, Facts] = {}

    def all(self) -> Iterator[tuple[str, Facts]]:
        """Every sample of the audit: its id, and what is known of it."""
        for shard in shard_names(self._audit):
            yield from self.shard(shard)

    def shard(self, shard: str) -> Iterator[tuple[str, Facts]]:
        """The samples of one shard. Raises AuditError when a part is damaged."""
        found = self._joined(shard, ("visibility", "training"), self._kinds_of(shard))
        for (sample_id, visibility, training), _, kinds, stages in found:
            yield sample_id, self.facts(kinds, stages, visibility, training)

    def recorded(self, shard: str) -> Iterator[Recorded]:
        """The samples of one shard, with what settling them needs."""
        found = self._joined(shard, ("visibility", "training", "sha256"), self._kinds_and_tokens_of(shard))
        for (sample_id, visibility, training, sha256), row, pairs, stages in found:
            kinds, tokens = [kind for kind, _ in pairs], [token or "" for _, token in pairs]
            rows = range(row, row + len(kinds))
            yield Recorded(self, sample_id, sha256, visibility, training, rows, kinds, tokens, stages)

    def facts(self, kinds: Iterable[int], stages: Iterable[str], visibility: Any, training: Any) -> Facts:
        """The shared facts of all samples with findings of these kinds and failures of these stages."""
        key = (tuple(sorted(kinds)), tuple(sorted(stages)), visibility, training)
        facts = self._facts.get(key)
        if facts is None:
            found = tuple(self._findings[kind] for kind in key[0])
            failed = tuple(Failure(stage, "error", "") for stage in key[1])
            facts = self._facts[key] = Facts(found, failed, visibility, training)
        return facts

    def code(self, kind: int) -> str:
        """The code of the findings of a kind; kinds hold within a shard."""
        return self._findings[kind].code

    def rows(self, shard: str, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """These columns of a shard's table, row by row."""
        for batch in self._batches(shard, table, *columns):
            yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)

    def _joined(
        self, shard: str, columns: Sequence[str], grouped: Iterator[tuple[str, tuple[Any, ...]]]
    ) -> Iterator[tuple[tuple[Any, ...], int, tuple[Any, ...], tuple[Any, ...]]]:
        """Each row of `samples` with the number of findings before it, its own findings, and its failures."""
        if len(self._kinds) > MAX_KINDS or len(self._facts) > MAX_KINDS:
            for kept in (self._kinds, self._findings, self._facts):
                kept.clear()
        findings, failures = _Queue(grouped), _Queue(self._stages_of(shard))
        before = 0
        for row in self.rows(shard, "samples", "sample_id", *columns):
            found = findings.of(row[0])
            yield row, before, found, failures.of(row[0])
            before += len(found)
        if findings.more or failures.more:
            raise AuditError(
                f"a part of the audit {self._audit} is damaged: its tables name different samples. Scan again."
            )

    def _kinds_of(self, shard: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        accepted, first = self._accepted(shard) if self._settled else frozenset(), 0
        for batch in self._batches(shard, "findings", *_OF_KIND):
            kinds = self._numbered(batch).tolist()
            for sample_id, start, end in _runs(batch["sample_id"]):
                own = kinds[start:end]
                if accepted:
                    own = [kind for row, kind in enumerate(own, first + start) if row not in accepted]
                yield sample_id, tuple(own)
            first += len(kinds)

    def _kinds_and_tokens_of(self, shard: str) -> Iterator[tuple[str, tuple[tuple[int, str | None], ...]]]:
        for batch in self._batches(shard, "findings", *_OF_KIND, "token"):
            pairs = list(zip(self._numbered(batch).tolist(), batch["token"].to_pylist(), strict=True))
            for sample_id, start, end in _runs(batch["sample_id"]):
                yield sample_id, tuple(pairs[start:end])

    def _stages_of(self, shard: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        for batch in self._batches(shard, "failures", "sample_id", "stage"):
            stages = batch["stage"].to_pylist()
            for sample_id, start, end in _runs(batch["sample_id"]):
                yield sample_id, tuple(stages[start:end])

    def _accepted(self, shard: str) -> frozenset[int]:
        """Positions of findings that a person accepted."""
        if not part(self._audit, SETTLED, shard).exists():
            return frozenset()
        return frozenset(row for (row,) in self.rows(shard, SETTLED, "finding") if row is not None)

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
            found = (*found, *self._next[1]) if found else self._next[1]
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
