"""What another policy would change in an audit, from its stored findings: no detector runs, and nothing is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from privacy_audit.policy import Pack, looked_at
from privacy_audit.policy.impact import Impact, Outcome, impact
from privacy_audit.run.redecide import Rules
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.stored import MAX_KINDS, Facts


def compare(audit: AuditFolder, old: Sequence[Pack], new: Sequence[Pack], examples: int = 0) -> Impact:
    """Decide every sample by both lists of packs, and count what is different.

    The findings are streamed; what was decided is kept per kind of sample. Findings that a person accepted (suppressed,
    or kept in a review) are left out, as `decide` leaves them out; suppressed rules and requests are not looked at.
    """
    before = Rules(audit.path, old, also=looked_at(new), settled=True)
    after = Rules(audit.path, new, also=looked_at(old), settled=True)
    return impact(before.reader.all(), _outcomes(before), _outcomes(after), examples)


def _outcomes(rules: Rules) -> Callable[[Facts], Outcome]:
    return functools.lru_cache(maxsize=MAX_KINDS)(lambda facts: Outcome.of(rules.decide(facts)))
