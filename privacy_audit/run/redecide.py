"""Decides on what an audit recorded, shard by shard, without looking at the source again.

Columns are decoded as a whole, and samples on which the rules see the same are decided once: a row at a time would cost
more than deciding on it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.policy import Pack, decide
from privacy_audit.store import shards
from privacy_audit.store.schema import SETTLED, decision_row, schema
from privacy_audit.types import TRAININGS, VISIBILITIES, Decision, Failure, Finding, Training, Visibility

if TYPE_CHECKING:
    import pyarrow as pa

STANDING = "subject/"
"""Rules of decisions that no pack makes: what a person asked for stays, whatever the packs say."""
_SAMPLES = ("sample_id", "sha256", "visibility", "training")
_FINDINGS = ("sample_id", "code", "token", "detector", "channel", "attributes", "score")
_FAILURES = ("sample_id", "stage", "kind")
PLACES = ("code", "channel", "where", "x", "y", "w", "h", "start", "end", "tag", "token")
_REMEMBERED = 100_000
_DIGITS = 7  # what is left of a score that was stored as a 32-bit number: 0.35 is again what a rule calls so

_Kind = tuple[str, str, str, tuple[tuple[str, str], ...], int]


class Rules:
    """Packs, and what they said of samples before. Rules see code, detector, channel, attributes and score."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = tuple(packs)
        self._steps = sorted({number for pack in packs for rule in pack.rules for number in _numbers(rule.match)})
        self._kinds: dict[_Kind, int] = {}
        self._examples: list[Finding] = []
        self._decided: dict[object, list[Decision]] = {}

    def kind(
        self, code: str, detector: str, channel: Any, attributes: tuple[tuple[str, str], ...], score: float
    ) -> int:
        """A number that findings share which no rule can tell apart."""
        level = bisect_left(self._steps, score) + bisect_right(self._steps, score)
        key = (code, detector, channel, attributes, level)
        number = self._kinds.get(key)
        if number is None:
            number = self._kinds[key] = len(self._examples)
            self._examples.append(Finding(code, detector, score, channel, attributes=dict(attributes)))
        return number

    def decide(
        self, kinds: Iterable[int], stages: Sequence[str], visibility: Visibility, training: Training
    ) -> list[Decision]:
        """What the packs say of a sample with findings of these kinds and failures of these stages."""
        key = (tuple(sorted(kinds)), tuple(stages), visibility, training)
        found = self._decided.get(key)
        if found is None:
            findings = [self._examples[kind] for kind in key[0]]
            failures = [Failure(stage, "error", "") for stage in stages]
            found = self._decided[key] = decide(self.packs, findings, failures, visibility, training)
        return found

    def forget(self) -> None:
        """Between shards: keep memory flat where no two findings are alike."""
        if len(self._decided) > _REMEMBERED or len(self._kinds) > _REMEMBERED:
            self._decided.clear()
            self._kinds.clear()
            self._examples.clear()


def _numbers(part: Any) -> Iterator[float]:
    """Every number in a match: what a score may be compared with."""
    if isinstance(part, (int, float)):
        yield float(part)
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _numbers(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _numbers(value)
    elif hasattr(part, "model_dump"):
        yield from _numbers(part.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sample as an audit has it. `rows` are its findings' positions in the shard's table, in their order."""

    rules: Rules
    sample_id: str
    sha256: str | None
    visibility: Visibility
    training: Training
    rows: Sequence[int]
    codes: Sequence[str]
    tokens: Sequence[str]
    kinds: Sequence[int]
    stages: Sequence[str]

    def decide(self, without: Container[int] = ()) -> list[Decision]:
        """What the rules say of it, or would say without the findings at these positions of `codes`."""
        kinds = [kind for at, kind in enumerate(self.kinds) if at not in without] if without else self.kinds
        return self.rules.decide(kinds, self.stages, self.visibility, self.training)


@dataclass(slots=True)
class Outcome:
    """The rows of one shard's `decisions` and `settled`, before they are a table."""

    decided: list[tuple[str, Decision]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)


Judge = Callable[[Recorded, Outcome], None]
"""Adds what it decides about one sample to the outcome of its shard."""


def by_rules(sample: Recorded, outcome: Outcome) -> None:
    """The rules alone."""
    outcome.decided += [(sample.sample_id, decision) for decision in sample.decide()]


def shard_names(parts: Iterable[str]) -> list[str]:
    """The shards that a manifest's parts belong to."""
    return sorted(name[8:-8] for name in parts if name.startswith("samples/") and name.endswith(".parquet"))


def read(audit: Path, shard: str, rules: Rules) -> Iterator[Recorded]:
    """The samples of one shard; raises AuditError when a part is damaged or missing."""
    samples = _columns(audit, "samples", shard, _SAMPLES)
    owners, codes, tokens, *facts = _columns(audit, "findings", shard, _FINDINGS).values()
    rules.forget()
    kind = rules.kind
    kinds = [
        kind(code, detector, channel, attributes, score)
        for code, detector, channel, attributes, score in zip(codes, *facts, strict=True)
    ]
    rows: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(owners):
        rows[sample].append(row)
    stages: dict[str, list[str]] = defaultdict(list)
    for sample, stage, _ in zip(*_columns(audit, "failures", shard, _FAILURES).values(), strict=True):
        stages[sample].append(stage)
    for sample, sha256, visibility, training in zip(*samples.values(), strict=True):
        own = rows.get(sample, ())
        yield Recorded(
            rules,
            sample,
            sha256,
            visibility if visibility in VISIBILITIES else "unknown",
            training if training in TRAININGS else "unspecified",
            own,
            [codes[row] for row in own],
            [tokens[row] for row in own],
            [kinds[row] for row in own],
            sorted(stages.get(sample, ())),
        )


def identities(audit: Path, shard: str) -> Iterator[tuple[str, str | None]]:
    """The samples of one shard, each with the digest of its picture."""
    return zip(*_columns(audit, "samples", shard, _SAMPLES[:2]).values(), strict=True)


def places(audit: Path, shard: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The findings of one shard: their samples, and rows of what says which they are and where."""
    columns = _columns(audit, "findings", shard, ("sample_id", *PLACES))
    for sample, *values in zip(*columns.values(), strict=True):
        yield sample, dict(zip(PLACES, values, strict=True))


def decided(audit: Path, shard: str, rules: Rules, judge: Judge = by_rules) -> tuple[pa.Table, pa.Table]:
    """The new `decisions` and `settled` of one shard. Decisions that a person's request made stay."""
    import pyarrow as pa

    outcome = Outcome()
    for sample in read(audit, shard, rules):
        judge(sample, outcome)
    standing = _standing(audit, shard)
    decisions = pa.concat_tables([_decisions(outcome.decided), standing]) if standing else _decisions(outcome.decided)
    return decisions, pa.Table.from_pylist(outcome.settled, schema=schema(SETTLED))


def _decisions(decided: Sequence[tuple[str, Decision]]) -> pa.Table:
    """Few decisions differ in more than the sample, so each is made into a row once and then repeated."""
    import pyarrow as pa

    known: dict[int, int] = {}
    distinct: list[Decision] = []
    positions = []
    for _, decision in decided:
        position = known.get(id(decision))
        if position is None:
            position = known[id(decision)] = len(distinct)
            distinct.append(decision)
        positions.append(position)
    columns = schema("decisions")
    table = pa.Table.from_pylist([decision_row("", decision) for decision in distinct], schema=columns)
    names = pa.array([sample for sample, _ in decided], pa.string())
    return table.take(pa.array(positions, pa.int32())).set_column(0, columns.field(0), names)


def _standing(audit: Path, shard: str) -> pa.Table | None:
    import pyarrow.compute as pc

    with _opened(audit, "decisions", shard) as file:
        if not _may_stand(file.metadata):
            return None
        table = file.read()
        return table.filter(pc.starts_with(table["rule_id"], STANDING))


def _may_stand(metadata: Any) -> bool:
    """Whether a file's statistics leave room for a standing decision; reading all rules would take longer."""
    column = schema("decisions").names.index("rule_id")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        found = group.column(column).statistics
        if group.num_rows and (found is None or not found.has_min_max):
            return True
        if group.num_rows and found.min <= f"{STANDING}\U0010ffff" and found.max >= STANDING:
            return True
    return False


def _opened(audit: Path, table: str, shard: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(shards.part(audit, table, shard))
        if not schema(table).names == file.schema_arrow.names:
            raise AuditError(f"a part of the audit {audit} was written by another version. Scan again.")
    except (OSError, pa.ArrowException) as error:
        raise AuditError(f"a part of the audit {audit} is damaged or missing. Scan again.") from error
    return file


def _columns(audit: Path, table: str, shard: str, names: Sequence[str]) -> dict[str, list[Any]]:
    import pyarrow as pa

    with _opened(audit, table, shard) as file:
        try:
            read = file.read(list(names), use_threads=False)
            return {name: _values(read[name]) for name in names}
        except (OSError, pa.ArrowException) as error:
            raise AuditError(f"a part of the audit {audit} is damaged or missing. Scan again.") from error


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return _texts(column)
    if pa.types.is_map(column.type):
        return _maps(column)
    if pa.types.is_floating(column.type) and not column.null_count:
        return list(column.to_numpy().astype("float64").round(_DIGITS).tolist())
    return list(column.to_pylist())


def _texts(column: Any) -> list[Any]:
    """Strings of a column; equal ones are one object."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # without a chunk
            return []
    coded = column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    if coded.null_count:
        return [None if index is None else words[index] for index in coded.indices.to_pylist()]
    return [words[index] for index in coded.indices.to_numpy().tolist()]


def _maps(column: Any) -> list[tuple[tuple[str, str], ...]]:
    import pyarrow as pa

    maps: list[tuple[tuple[str, str], ...]] = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        ends = chunk.offsets.to_numpy().tolist()
        pairs = list(zip(_texts(chunk.keys), _texts(chunk.items), strict=True))
        maps += [tuple(pairs[start:end]) for start, end in pairwise(ends)]
    return maps
