"""What the rules say of one sample. Pure: no clock, no files; the order of packs, rules and findings does not count.

Rules are compiled once per list of packs. A rule is looked at only when the sample has a code, a visibility, a training
signal or a failure that it asks for, so that a hundred rules cost little more than the few that apply.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from privacy_audit.errors import PolicyError
from privacy_audit.policy.schema import (
    DEFAULTS,
    AllMatch,
    AnyMatch,
    CountMatch,
    FailedMatch,
    Match,
    Pack,
    Rated,
    RateMatch,
    Redact,
    Rule,
    Selector,
    TrainingMatch,
    VisibilityMatch,
)
from privacy_audit.taxonomy import CODES, describe, matches
from privacy_audit.types import ACTIONS, Action, Decision, Failure, Finding, Training, Visibility

Rates = Mapping[str, float]
"""For each `Rated.key()`, the share of all samples of the dataset that have such a finding."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What of a finding the rules look at beside its code and channel: the same in all of it, the same to the rules."""

    attributes: tuple[str, ...]
    score_limits: tuple[float, ...]
    """In ascending order; a score matters only in which of them it reaches."""

    def with_that_of(self, other: LookedAt) -> LookedAt:
        """What either looks at."""
        return LookedAt(
            tuple(sorted({*self.attributes, *other.attributes})),
            tuple(sorted({*self.score_limits, *other.score_limits})),
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a sample, arranged for matching."""

    by_code: dict[str, list[Finding]]
    failed: frozenset[str] = frozenset()
    visibility: Visibility = "unknown"
    training: Training = "unspecified"
    rates: Rates = field(default_factory=dict)


_Codes = frozenset[str]
_Predicate = Callable[[_Facts], "_Codes | None"]
"""The codes that made a match true, or None when it is false."""
_NO_CODES: _Codes = frozenset()


@dataclass(frozen=True, slots=True)
class _Triggers:
    """What a sample needs at least one of, for a match to be worth looking at."""

    patterns: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()
    failures: bool = False


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    rule_id: str
    predicate: _Predicate
    decision: Callable[[_Codes], Decision]
    triggers: _Triggers
    rated: tuple[Rated, ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Rules in the order of their ids, and which of them a code or a state can trigger."""

    rules: tuple[_CompiledRule, ...]
    by_code: Callable[[str], frozenset[int]]
    by_state: dict[str, set[int]]
    by_failure: frozenset[int]
    looked_at: LookedAt
    rated: dict[str, _Predicate]
    """What the dataset-wide rules count, by `Rated.key()`."""


def decide(
    packs: Sequence[Pack],
    findings: Sequence[Finding],
    failures: Sequence[Failure] = (),
    visibility: Visibility = "unknown",
    training: Training = "unspecified",
    *,
    rates: Rates | None = None,
) -> list[Decision]:
    """One decision per rule that fires on the sample, in the order of rule ids ("pack/rule").

    `codes` of a decision are the codes of the findings that its rule matched. Rules that ask for a rate of the dataset
    (`rated_rules`) decide only when `rates` are given, that is, after the whole dataset was looked at. Raises
    PolicyError when two different packs have the same name.
    """
    compiled = _compile(tuple(packs))
    failed = frozenset(failure.stage for failure in failures)
    facts = _Facts(_by_code(findings), failed, visibility, training, rates or {})
    candidates: set[int] = set()
    for code in facts.by_code:
        candidates |= compiled.by_code(code)
    for state in (_visibility_state(visibility), _training_state(training)):
        candidates |= compiled.by_state.get(state, set())
    if failed:
        candidates |= compiled.by_failure
    decisions = []
    for index in sorted(candidates):
        rule = compiled.rules[index]
        if rule.rated and rates is None:
            continue
        codes = rule.predicate(facts)
        if codes is not None:
            decisions.append(rule.decision(codes))
    return decisions


def counted(packs: Sequence[Pack], findings: Sequence[Finding]) -> frozenset[str]:
    """Those `Rated.key()` of the packs' rules for which this sample counts; see `policy.rates`."""
    rated = _compile(tuple(packs)).rated
    facts = _Facts(_by_code(findings))
    return frozenset(key for key, predicate in rated.items() if predicate(facts) is not None)


def holds(
    match: Match,
    findings: Sequence[Finding],
    failures: Sequence[Failure],
    visibility: Visibility,
    training: Training,
    *,
    rate: float,
) -> bool:
    """Whether one match, or a part of one, is true of a sample, where everything that is rated has this `rate`."""
    rates = {part.key(): rate for part in _selectors(match) if isinstance(part, Rated)}
    failed = frozenset(failure.stage for failure in failures)
    return _predicate(match)(_Facts(_by_code(findings), failed, visibility, training, rates)) is not None


def terms(rule: Rule) -> tuple[str, ...]:
    """IRIs of the W3C Data Privacy Vocabulary: those of the codes that the rule names, and its own."""
    patterns = {pattern for part in _selectors(rule.match) for pattern in _several(part.code) if pattern != "*"}
    of_codes = {
        entry.dpv for code, entry in CODES.items() if entry.dpv and any(matches(pattern, code) for pattern in patterns)
    }
    return tuple(sorted({*of_codes, *rule.dpv}))


def rate_keys(packs: Sequence[Pack]) -> frozenset[str]:
    """Every `Rated.key()` that the packs' rules ask for."""
    return frozenset(_compile(tuple(packs)).rated)


def rated_rules(packs: Sequence[Pack]) -> frozenset[str]:
    """Ids ("pack/rule") of the rules that ask for a rate of the dataset."""
    return frozenset(rule.rule_id for rule in _compile(tuple(packs)).rules if rule.rated)


def looked_at(packs: Sequence[Pack]) -> LookedAt:
    """What of a finding any of the packs' rules looks at: nothing else is needed to decide."""
    return _compile(tuple(packs)).looked_at


def _by_code(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    return by_code


# The strongest action.

_REGIONS = ("fill", "pixelate", "blur")
"""Strongest first: what one hides need not be hidden again by the next."""
_STRIPS = ("coarsen", "private", "all")
"""Weakest to strongest."""


def effective(decisions: Iterable[Decision]) -> Action:
    """The one action that satisfies all decisions: the strongest kind, and for `redact` all that any of them hides.

    Where a code is to be filled and pixelated or blurred, it is filled. A family (`id.*`) that is pixelated keeps its
    entry beside a member (`id.plate`) that is filled. Only `redact` has parameters.
    """
    actions = [decision.action for decision in decisions]
    strongest = max(actions, key=lambda action: ACTIONS.index(action.kind), default=Action("keep"))
    if strongest.kind != "redact":
        return Action(strongest.kind)
    redactions = [action.parameters for action in actions if action.kind == "redact"]
    merged: dict[str, str] = {}
    hidden: set[str] = set()
    for name in _REGIONS:
        wanted = _union(redactions, name)
        kept = {code for code in wanted if not any(matches(stronger, code) for stronger in hidden)}
        hidden |= kept
        if kept:
            merged[name] = ",".join(sorted(kept))
    if masked := _union(redactions, "mask"):
        merged["mask"] = ",".join(sorted(masked))
    strips = [parameters["strip"] for parameters in redactions if "strip" in parameters]
    if strips:
        merged["strip"] = max(strips, key=_STRIPS.index)
        stripping = [parameters for parameters in redactions if "strip" in parameters]
        if merged["strip"] != "all" and all("keep" in parameters for parameters in stripping):
            merged["keep"] = stripping[0]["keep"]  # what one decision removes, no other keeps
    return Action("redact", merged)


def _union(redactions: Iterable[Mapping[str, str]], name: str) -> set[str]:
    """All code patterns under `name`, without those that another one covers."""
    patterns = {pattern for parameters in redactions if name in parameters for pattern in parameters[name].split(",")}
    return {p for p in patterns if not any(other != p and matches(other, p) for other in patterns)}


def fingerprint(packs: Iterable[Pack]) -> str:
    """Hex SHA-256 of what the packs say: the same for any order, layout and comments of their files."""
    contents = sorted(
        json.dumps(pack.model_dump(mode="json", exclude_defaults=True), sort_keys=True, ensure_ascii=False)
        for pack in packs
    )
    return hashlib.sha256("\n".join(contents).encode("utf-8", "surrogatepass")).hexdigest()


# Rules to predicates.


@functools.lru_cache(maxsize=64)
def _compile(packs: tuple[Pack, ...]) -> _Compiled:
    by_name: dict[str, Pack] = {}
    for pack in packs:
        if by_name.setdefault(pack.pack, pack) != pack:
            raise PolicyError(f"two different rule packs are called '{pack.pack}'; rename one of them.")
    rules = sorted(
        (_compile_rule(f"{pack.pack}/{rule.id}", rule) for pack in by_name.values() for rule in pack.rules),
        key=lambda rule: rule.rule_id,
    )
    by_state: dict[str, set[int]] = {}
    for index, rule in enumerate(rules):
        for state in rule.triggers.states:
            by_state.setdefault(state, set()).add(index)

    @functools.lru_cache(maxsize=4096)
    def by_code(code: str) -> frozenset[int]:
        return frozenset(
            index for index, rule in enumerate(rules) if any(matches(p, code) for p in rule.triggers.patterns)
        )

    by_failure = frozenset(index for index, rule in enumerate(rules) if rule.triggers.failures)
    rated = {part.key(): _selected(part, 1) for rule in rules for part in rule.rated}
    selectors = [part for pack in by_name.values() for rule in pack.rules for part in _selectors(rule.match)]
    attributes = {name for part in selectors for name in part.all_attributes()}
    limits = {part.min_score for part in selectors if part.min_score is not None}
    looked_at = LookedAt(tuple(sorted(attributes)), tuple(sorted(limits)))
    return _Compiled(tuple(rules), by_code, by_state, by_failure, looked_at, rated)


def _selectors(match: Match) -> Iterator[Selector]:
    if isinstance(match, (AllMatch, AnyMatch)):
        for part in match.all if isinstance(match, AllMatch) else match.any:
            yield from _selectors(part)
    elif isinstance(match, CountMatch):
        yield match.count
    elif isinstance(match, RateMatch):
        yield match.rate
    elif isinstance(match, Selector):
        yield match


def _compile_rule(rule_id: str, rule: Rule) -> _CompiledRule:
    action = Action("redact", rule.action.parameters()) if isinstance(rule.action, Redact) else Action(rule.action)

    @functools.lru_cache(maxsize=1024)  # a rule matches the same few codes on sample after sample
    def decision(codes: _Codes) -> Decision:
        return Decision(rule_id, rule.severity, action, tuple(sorted(codes)))

    rated = tuple(part for part in _selectors(rule.match) if isinstance(part, Rated))
    return _CompiledRule(rule_id, _predicate(rule.match), decision, _triggers(rule.match), rated)


def _visibility_state(visibility: str) -> str:
    return f"visibility:{visibility}"


def _training_state(training: str) -> str:
    return f"training:{training}"


def _triggers(match: Match) -> _Triggers:
    if isinstance(match, AllMatch):
        return _triggers(match.all[0])  # all have to be true, so the first has to be
    if isinstance(match, AnyMatch):
        parts = [_triggers(part) for part in match.any]
        return _Triggers(
            tuple(pattern for part in parts for pattern in part.patterns),
            frozenset(state for part in parts for state in part.states),
            any(part.failures for part in parts),
        )
    if isinstance(match, FailedMatch):
        return _Triggers(failures=True)
    if isinstance(match, VisibilityMatch):
        return _Triggers(states=frozenset({_visibility_state(match.visibility)}))
    if isinstance(match, TrainingMatch):
        return _Triggers(states=frozenset({_training_state(match.training)}))
    if isinstance(match, CountMatch):
        return _Triggers(patterns=_several(match.count.code))
    selector = match.rate if isinstance(match, RateMatch) else match
    return _Triggers(patterns=_several(selector.code))


def _several(one_or_many: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one_or_many,) if isinstance(one_or_many, str) else one_or_many


def _predicate(match: Match) -> _Predicate:
    if isinstance(match, AllMatch):
        return _all(tuple(_predicate(part) for part in match.all))
    if isinstance(match, AnyMatch):
        return _any(tuple(_predicate(part) for part in match.any))
    if isinstance(match, CountMatch):
        return _selected(match.count, match.count.at_least)
    if isinstance(match, RateMatch):
        return _rate(match.rate)
    if isinstance(match, Selector):
        return _selected(match, 1)
    return _state(match)


def _rate(rated: Rated) -> _Predicate:
    key, at_least, here = rated.key(), rated.at_least, _selected(rated, 1)
    return lambda facts: here(facts) if facts.rates.get(key, 0.0) >= at_least else None


def _state(match: VisibilityMatch | TrainingMatch | FailedMatch) -> _Predicate:
    if isinstance(match, VisibilityMatch):
        visibility = match.visibility
        return lambda facts: _NO_CODES if facts.visibility == visibility else None
    if isinstance(match, TrainingMatch):
        training = match.training
        return lambda facts: _NO_CODES if facts.training == training else None
    stage = match.failed
    return lambda facts: _NO_CODES if (stage in facts.failed or (stage == "*" and facts.failed)) else None


def _all(parts: tuple[_Predicate, ...]) -> _Predicate:
    def predicate(facts: _Facts) -> _Codes | None:
        codes = _NO_CODES
        for part in parts:
            found = part(facts)
            if found is None:
                return None
            codes |= found
        return codes

    return predicate


def _any(parts: tuple[_Predicate, ...]) -> _Predicate:
    def predicate(facts: _Facts) -> _Codes | None:
        found = [codes for part in parts if (codes := part(facts)) is not None]
        return _NO_CODES.union(*found) if found else None

    return predicate


def _selected(selector: Selector, at_least: int) -> _Predicate:
    patterns = _several(selector.code)
    wanted_code = functools.lru_cache(maxsize=4096)(lambda code: _wants(selector, patterns, code))
    wanted_finding = _finding_filter(selector)

    def present(facts: _Facts) -> _Codes | None:
        codes = [
            code
            for code, findings in facts.by_code.items()
            if wanted_code(code) and (wanted_finding is None or any(map(wanted_finding, findings)))
        ]
        return frozenset(codes) if codes else None

    def counted(facts: _Facts) -> _Codes | None:
        found = [
            finding.code
            for code, findings in facts.by_code.items()
            if wanted_code(code)
            for finding in findings
            if wanted_finding is None or wanted_finding(finding)
        ]
        return frozenset(found) if len(found) >= at_least else None

    return present if at_least == 1 else counted


def _wants(selector: Selector, patterns: tuple[str, ...], code: str) -> bool:
    return (
        any(matches(pattern, code) for pattern in patterns)
        and (selector.tier is None or describe(code).tier == selector.tier)
        and (selector.known is None or (code in CODES) is selector.known)
    )


def _finding_filter(selector: Selector) -> Callable[[Finding], bool] | None:
    """What a finding has to be beside its code; None when the code is all."""
    channels = _several(selector.channel) if selector.channel is not None else None
    least = selector.min_score
    attributes = [(name, value, DEFAULTS.get(name)) for name, value in selector.all_attributes().items()]
    if channels is None and not attributes and least is None:
        return None

    def wanted(finding: Finding) -> bool:
        if channels is not None and finding.channel not in channels:
            return False
        if least is not None and not finding.score >= least:
            return False
        return not attributes or all(finding.attributes.get(name, unset) == value for name, value, unset in attributes)

    return wanted
