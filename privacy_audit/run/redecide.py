"""Decides on what an audit recorded, shard by shard, without looking at the source again.

Samples on which the rules see the same are decided once: a row at a time would cost more than deciding on it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.policy import LookedAt, Pack, counted, decide, looked_at, rated_rules, shares
from privacy_audit.store import shards, stored
from privacy_audit.store.manifest import Manifest, PackEntry
from privacy_audit.store.schema import SETTLED, decision_row, schema
from privacy_audit.store.stored import Facts, Reader, Recorded
from privacy_audit.types import Decision

if TYPE_CHECKING:
    import pyarrow as pa

STANDING = "subject/"
"""Rules of decisions that no pack makes: what a person asked for stays, whatever the packs say."""


class Rules:
    """Packs, with the rates of the dataset that they ask for, and what they said of samples before.

    Rates are of all findings in the shards `names` (default: every shard of the audit), and cost one more pass. `also`
    is looked at beside what the packs look at, so that the reader of one `Rules` serves another.
    """

    def __init__(
        self,
        audit: Path,
        packs: Sequence[Pack],
        names: Sequence[str] | None = None,
        *,
        also: LookedAt | None = None,
        settled: bool = False,
    ) -> None:
        wanted = looked_at(packs) if also is None else looked_at(packs).with_that_of(also)
        self.reader = Reader(audit, wanted, settled=settled)
        self._packs = tuple(packs)
        names = stored.shard_names(audit) if names is None else names
        self._shares = self._counted(names) if rated_rules(packs) else None
        self.decide: Callable[[Facts], list[Decision]] = functools.lru_cache(maxsize=stored.MAX_KINDS)(self._decide)

    def _decide(self, facts: Facts) -> list[Decision]:
        seen = (facts.findings, facts.failures, facts.visibility, facts.training)
        return decide(self._packs, *seen, rates=self._shares)

    def _counted(self, names: Iterable[str]) -> Mapping[str, float]:
        once = functools.lru_cache(maxsize=stored.MAX_KINDS)(lambda facts: counted(self._packs, facts.findings))
        return shares(once(facts) for name in names for _, facts in self.reader.shard(name))


@dataclass(slots=True)
class Outcome:
    """The rows of one shard's `decisions` and `settled`, before they are a table."""

    decided: list[tuple[str, Decision]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)


Judge = Callable[[Recorded, Outcome], None]
"""Adds what it decides about one sample to the outcome of its shard."""


def decided(audit: Path, shard: str, rules: Rules, judge: Judge | None = None) -> tuple[pa.Table, pa.Table]:
    """The new `decisions` and `settled` of one shard. Decisions that a person's request made stay.

    Without a `judge` the rules alone decide, which reads less.
    """
    import pyarrow as pa

    outcome = Outcome()
    if judge is None:
        decide, add = rules.decide, outcome.decided.append
        for sample_id, facts in rules.reader.shard(shard):
            for decision in decide(facts):
                add((sample_id, decision))
    else:
        for sample in rules.reader.recorded(shard):
            judge(sample, outcome)
    decisions, standing = _decisions(outcome.decided), _standing(audit, shard)
    if standing:
        decisions = pa.concat_tables([decisions, standing])
    return decisions, pa.Table.from_pylist(outcome.settled, schema=schema(SETTLED))


def again(audit: Path, names: Sequence[str], packs: Sequence[Pack], outdated: Container[str] = ()) -> None:
    """Decide the shards that are `outdated`, or all of `names` when a rule asks for a rate of the dataset.

    The shards' markers are brought up to date, the manifest is not.
    """
    rated = bool(rated_rules(packs))
    if concerned := [name for name in names if rated or name in outdated]:
        rules = Rules(audit, packs, names)
        for name in concerned:
            shards.replace_decisions(audit, name, decided(audit, name, rules)[0])


def standing_packs(manifest: Manifest) -> list[PackEntry]:
    """What the manifest says of decisions that no pack made."""
    return [entry for entry in manifest.packs if f"{entry.pack}/" == STANDING]


def policy_hash(state: str, standing: Iterable[PackEntry]) -> str:
    """The hash of a policy whose fingerprint is `state`, and of the standing decisions beside it."""
    for rule in sorted(rule for entry in standing for rule in entry.rules):
        state = hashlib.sha256(f"{state}\n{rule}".encode()).hexdigest()
    return state


def standing_rules(audit: Path, names: Iterable[str]) -> frozenset[str]:
    """Rules of the decisions in these shards that a person's request made."""
    found: set[str] = set()
    for name in names:
        standing = _standing(audit, name)
        if standing is not None:
            found.update(standing["rule_id"].to_pylist())
    return frozenset(found)


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
