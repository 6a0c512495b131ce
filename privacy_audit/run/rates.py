"""Decides the rules that ask for a rate of the dataset, once every shard is there."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from privacy_audit.policy import Pack, decide, looked_at, rated_rules, rates
from privacy_audit.store import shards, stored
from privacy_audit.store.schema import decision_row


def decide_rates(audit: Path, names: Sequence[str], packs: Sequence[Pack]) -> None:
    """Count over the findings of these shards, and write what the rated rules decide in place of what they did before.

    Reads the audit twice, once to count and once to decide; nothing when no rule asks for a rate.
    """
    rated = rated_rules(packs)
    if not rated:
        return
    reader = stored.Reader(audit, looked_at(packs))
    shares = rates(packs, (facts.findings for name in names for _, facts in reader.shard(name)))
    decided = functools.lru_cache(maxsize=stored.MAX_KINDS)(
        lambda facts: [
            d
            for d in decide(packs, facts.findings, facts.failures, facts.visibility, facts.training, rates=shares)
            if d.rule_id in rated
        ]
    )
    for name in names:
        rows = [
            decision_row(sample_id, decision) for sample_id, facts in reader.shard(name) for decision in decided(facts)
        ]
        shards.add_decisions(audit, name, rows, instead_of=rated)
