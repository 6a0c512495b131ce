"""What another policy would change in an audit, from its stored findings: no detector runs, and nothing is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from privacy_audit.policy import Pack, decide, looked_at, rated_rules, rates
from privacy_audit.policy.impact import Impact, Outcome, impact
from privacy_audit.store import stored
from privacy_audit.store.folder import AuditFolder


def compare(audit: AuditFolder, old: Sequence[Pack], new: Sequence[Pack], examples: int = 0) -> Impact:
    """Decide every sample by both lists of packs, and count what is different.

    The findings are streamed; what was decided is kept per kind of sample. What was suppressed, reviewed or erased on
    request is not looked at: this compares rules.
    """
    reader = stored.Reader(audit.path, looked_at(old).with_that_of(looked_at(new)))
    before, after = _judge(reader, old), _judge(reader, new)
    return impact(reader.all(), before, after, examples)


def _judge(reader: stored.Reader, packs: Sequence[Pack]) -> Callable[[stored.Facts], Outcome]:
    shares = rates(packs, (facts.findings for _, facts in reader.all())) if rated_rules(packs) else None

    @functools.lru_cache(maxsize=stored.MAX_KINDS)
    def judge(facts: stored.Facts) -> Outcome:
        return Outcome.of(decide(packs, facts.findings, facts.failures, facts.visibility, facts.training, rates=shares))

    return judge
