"""What another policy would change on samples that were looked at already. Pure: it is given the samples.

Counts are samples. The action and severity of a sample are its strongest; a sample on which no rule fires is kept, and
has no severity (`none`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from privacy_audit.policy.decide import effective
from privacy_audit.types import ACTIONS, Decision

NONE = "none"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one policy says of one kind of sample."""

    action: str
    severity: str
    rules: frozenset[str]
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, decisions: Sequence[Decision]) -> Outcome:
        """The strongest action and severity of the decisions, and the rules that asked."""
        action = effective(decisions)
        severity = max((decision.severity for decision in decisions), key=lambda s: s.rank, default=None)
        rules = frozenset(decision.rule_id for decision in decisions)
        return cls(action.kind, severity.value if severity else NONE, rules, tuple(sorted(action.parameters.items())))


@dataclass(slots=True)
class RuleImpact:
    """Samples on which a rule fires by the old policy, by the new one, and only by one of them."""

    old: int = 0
    new: int = 0
    lost: int = 0
    gained: int = 0


@dataclass(slots=True)
class Impact:
    """The difference between two policies on one audit."""

    samples: int = 0
    changed: int = 0
    """Samples whose action, its parameters or the severity are others."""
    stronger: int = 0
    """Of those, samples that get a stronger action; `weaker` a weaker one. The rest have the same kind of action."""
    weaker: int = 0
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    severities: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: dict[str, RuleImpact] = field(default_factory=dict)
    examples: list[tuple[str, Outcome, Outcome]] = field(default_factory=list)
    """The first samples that changed, with what the old and the new policy say."""


def impact(
    samples: Iterable[tuple[str, _T]],
    old: Callable[[_T], Outcome],
    new: Callable[[_T], Outcome],
    examples: int = 0,
) -> Impact:
    """Compare what two policies say of each of the `samples`: an id, and what `old` and `new` decide on.

    Ids of up to `examples` samples are kept.
    """
    found = Impact()
    fired = Counter[tuple[frozenset[str], frozenset[str]]]()
    for sample_id, facts in samples:
        before, after = old(facts), new(facts)
        found.samples += 1
        found.actions[before.action, after.action] += 1
        found.severities[before.severity, after.severity] += 1
        fired[before.rules, after.rules] += 1
        if (before.action, before.severity, before.parameters) != (after.action, after.severity, after.parameters):
            found.changed += 1
            step = ACTIONS.index(after.action) - ACTIONS.index(before.action)
            found.stronger += step > 0
            found.weaker += step < 0
            if len(found.examples) < examples:
                found.examples.append((sample_id, before, after))
    for (one, other), count in fired.items():
        for rule in one | other:
            row = found.rules.setdefault(rule, RuleImpact())
            row.old += count * (rule in one)
            row.new += count * (rule in other)
            row.lost += count * (rule not in other)
            row.gained += count * (rule not in one)
    return found
