"""What people settled, applied to one sample: which findings the rules still see, and which decisions a gate knows.

A false positive was never there, so no rule sees it. A suppressed finding, and one that a reviewer wants kept, is
accepted: it fails no gate and orders no action. A baseline is weaker: what it knows fails no gate, but is redacted all
the same. What leaves `decisions` in these ways is counted apart, never silently.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from privacy_audit.gate.baseline import Baseline, finding_key, rule_key
from privacy_audit.gate.suppressions import Suppression
from privacy_audit.run.redecide import Outcome, Rules
from privacy_audit.store.reviews import Chosen, Verdict
from privacy_audit.store.stored import Recorded
from privacy_audit.types import Action, Decision, Severity

REVIEW = "review"
"""The pack that the decisions of reviewers are named after."""
WHOLE = -1
"""In place of a finding's position: a rule is suppressed as a whole, whatever it rests on."""
_TEXTS = frozenset({"caption", "filename", "url", "record"})
_METADATA = "metadata"


@dataclass(slots=True)
class Judge:
    """Applies suppressions, verdicts and a baseline. Counts what they cover; one judge is for one audit."""

    rules: Rules
    suppressions: Sequence[Suppression] = ()
    today: date = date.min
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    baseline: Baseline | None = None
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of the current shard: the keys of each sample's findings that verdicts are about."""
    channels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    covered: list[int] = field(default_factory=list)
    suppressed: int = 0
    reviewed: int = 0
    known: int = 0
    new_findings: int = 0
    known_findings: int = 0
    _everywhere: list[int] = field(default_factory=list)
    _at: dict[str, list[int]] = field(default_factory=dict)
    _orders: dict[tuple[Chosen, tuple[str, ...], tuple[str, ...]], Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.covered = [0] * len(self.suppressions)
        for number, entry in enumerate(self.suppressions):
            if entry.sample is not None:
                self._at.setdefault(entry.sample, []).append(number)
            elif entry.sha256 is not None:
                self._at.setdefault(f"\0{entry.sha256}", []).append(number)
            else:
                self._everywhere.append(number)

    @property
    def has_work(self) -> bool:
        """Whether anything was settled; the rules alone decide otherwise."""
        return bool(self.suppressions or self.verdicts) or self.baseline is not None

    def __call__(self, sample: Recorded, outcome: Outcome) -> None:
        """Decide on a sample."""
        if not self.suppressions and self.baseline is None and sample.sample_id not in self.keys:
            outcome.decided += [(sample.sample_id, decision) for decision in self._decide(sample)]
            return
        accepted, orders = self._reviewed(sample)
        gone = dict.fromkeys(accepted, "reviewed")
        by_rule: dict[str, set[int]] = {}
        if self.suppressions:
            self._suppress(sample, gone, by_rule)
        decisions = self._decisions(sample, outcome, gone, by_rule)
        decisions += orders
        outcome.decided += [(sample.sample_id, decision) for decision in decisions]
        for at, how in gone.items():
            outcome.settled.append(
                {"sample_id": sample.sample_id, "how": how, "code": sample.codes[at], "finding": sample.rows[at]}
            )
        if self.baseline is not None:
            self._compare(sample, outcome, decisions, gone, self.baseline)

    def _decide(self, sample: Recorded, without: Container[int] = ()) -> list[Decision]:
        return self.rules.decide(sample.facts(without))

    def _reviewed(self, sample: Recorded) -> tuple[list[int], list[Decision]]:
        """The findings that a reviewer took away, and what the reviewers ordered."""
        keys = self.keys.get(sample.sample_id)
        if keys is None:
            return [], []
        accepted: list[int] = []
        orders: dict[Chosen, set[tuple[str, str]]] = {}
        for at, key in enumerate(keys):
            verdict = self.verdicts.get(key)
            if verdict is None:
                continue
            if verdict.verdict == "false_positive" or verdict.action == "keep":
                accepted.append(at)
            elif verdict.action:
                channel = self.channels[sample.sample_id][at]
                orders.setdefault(verdict.action, set()).add((sample.codes[at], channel))
        return accepted, [self._order(action, pairs) for action, pairs in sorted(orders.items())]

    def _order(self, action: Chosen, pairs: set[tuple[str, str]]) -> Decision:
        codes = tuple(sorted({code for code, _ in pairs}))
        channels = tuple(sorted({channel for _, channel in pairs}))
        key = (action, codes, channels)
        if key not in self._orders:
            done = Action("redact", _parameters(pairs)) if action == "redact" else Action(action or "keep")
            self._orders[key] = Decision(f"{REVIEW}/{action}", Severity.INFO, done, codes)
        return self._orders[key]

    def _about(self, sample: Recorded) -> list[int]:
        """The suppressions that may be about a sample. There may be thousands, most of them about one sample each."""
        found = [*self._everywhere, *self._at.get(sample.sample_id, ()), *self._at.get(f"\0{sample.sha256}", ())]
        return [n for n in sorted(found) if self.suppressions[n].covers_sample(sample.sample_id, sample.sha256)]

    def _suppress(self, sample: Recorded, gone: dict[int, str], by_rule: dict[str, set[int]]) -> None:
        about = self._about(sample)
        for number in about:
            suppression = self.suppressions[number]
            if suppression.rule is not None:
                continue
            for at, code in enumerate(sample.codes):
                if at not in gone and suppression.covers_code(code):
                    self.covered[number] += 1
                    if suppression.is_active(self.today):
                        gone[at] = "suppressed"
        fired = None
        for number in about:
            suppression = self.suppressions[number]
            if suppression.rule is None:
                continue
            fired = fired if fired is not None else {d.rule_id: d.codes for d in self._decide(sample, gone)}
            codes = [code for code in fired.get(suppression.rule, ()) if suppression.covers_code(code)]
            if suppression.rule not in fired or (suppression.code is not None and not codes):
                continue
            meant = {at for at, code in enumerate(sample.codes) if at not in gone and code in codes}
            self.covered[number] += len(meant) or 1
            if suppression.is_active(self.today):
                by_rule.setdefault(suppression.rule, set()).update(meant if suppression.code is not None else {WHOLE})

    def _decisions(
        self, sample: Recorded, outcome: Outcome, gone: Mapping[int, str], by_rule: Mapping[str, set[int]]
    ) -> list[Decision]:
        decisions = {decision.rule_id: decision for decision in self._decide(sample, gone)}
        if not gone and not by_rule:
            return list(decisions.values())
        settled = {}
        for before in self._decide(sample) if gone else ():
            if before.rule_id not in decisions:
                hows = {how for at, how in gone.items() if sample.codes[at] in before.codes}
                settled[before.rule_id] = (before, "suppressed" if "suppressed" in hows else "reviewed")
        for rule, without in by_rule.items():
            left = {} if WHOLE in without else {d.rule_id: d for d in self._decide(sample, {*gone, *without})}
            before = decisions.pop(rule)
            if rule in left:
                decisions[rule] = left[rule]
            else:
                settled[rule] = (before, "suppressed")
        for before, how in (settled[rule] for rule in sorted(settled)):
            if how == "suppressed":
                self.suppressed += 1
            else:
                self.reviewed += 1
            outcome.settled.append(_row(sample, how, before))
        return [decisions[rule] for rule in sorted(decisions)]

    def _compare(
        self,
        sample: Recorded,
        outcome: Outcome,
        decisions: Sequence[Decision],
        gone: Mapping[int, str],
        baseline: Baseline,
    ) -> None:
        new: set[str] = set()
        for at, code in enumerate(sample.codes):
            if at in gone:
                continue
            if baseline.take(finding_key(code, sample.sha256, sample.tokens[at])):
                self.known_findings += 1
            else:
                self.new_findings += 1
                new.add(code)
        for decision in decisions:
            known = (
                new.isdisjoint(decision.codes)
                if decision.codes
                else baseline.take(rule_key(decision.rule_id, sample.sha256))
            )
            if known:
                self.known += 1
                outcome.settled.append(_row(sample, "baseline", decision))


def _row(sample: Recorded, how: str, decision: Decision) -> dict[str, Any]:
    return {
        "sample_id": sample.sample_id,
        "how": how,
        "rule_id": decision.rule_id,
        "severity": decision.severity.value,
        "code": ",".join(decision.codes),
    }


def _parameters(pairs: set[tuple[str, str]]) -> dict[str, str]:
    """How findings are hidden that a reviewer wants redacted: by where they stand."""
    masked = sorted({code for code, channel in pairs if channel in _TEXTS})
    filled = sorted({code for code, channel in pairs if channel not in _TEXTS and channel != _METADATA})
    parameters = {"fill": ",".join(filled), "mask": ",".join(masked)}
    if any(channel == _METADATA for _, channel in pairs):
        parameters["strip"] = "private"
    return {name: value for name, value in parameters.items() if value}
