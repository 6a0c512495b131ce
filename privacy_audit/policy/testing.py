"""A pack's own tests: each rule says of which samples it fires and of which it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from privacy_audit.policy.decide import decide, holds, rate_keys
from privacy_audit.policy.schema import AllMatch, AnyMatch, Example, Given, Match, Pack, RateMatch, Rule
from privacy_audit.types import Decision, Failure, Finding


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a pack its tests assert: `points` in all, and one line for each that is `missing`."""

    points: int
    missing: tuple[str, ...]

    @property
    def percent(self) -> float:
        """100.0 only when nothing is missing."""
        return 100 * (self.points - len(self.missing)) / self.points


def check(pack: Pack) -> list[str]:
    """Run every rule's tests; one line per test that fails, none when all pass.

    A test looks at its own rule alone, whatever the pack's other rules say of the same sample.
    """
    return [
        f"{pack.pack}/{rule.id}, test {number}: {wrong}"
        for rule in pack.rules
        for number, example in enumerate(rule.tests, start=1)
        if (wrong := _difference(pack, rule, example))
    ]


def coverage(pack: Pack) -> Coverage:
    """What the tests assert of every rule: that it fires, that it does not, its action, and each of its alternatives.

    A rule with a `rate` also needs a test in which the rate alone is too low. Only tests that pass count.
    """
    points = [
        (covered, f"{pack.pack}/{rule.id}: {what}") for rule in pack.rules for covered, what in _points(pack, rule)
    ]
    return Coverage(len(points), tuple(what for covered, what in points if not covered))


def _points(pack: Pack, rule: Rule) -> Iterator[tuple[bool, str]]:
    passing = [example for example in rule.tests if _difference(pack, rule, example) is None]
    firing = [example for example in passing if example.expect != "none"]
    silent = [example for example in passing if example.expect == "none"]
    yield bool(firing), "no test in which it fires"
    yield bool(silent), "no test in which it does not"
    yield any(example.action for example in firing), "no test asserts its action"
    for where, part in _parts(rule.match):
        if isinstance(part, RateMatch):
            yield (
                any(_too_rare(part, example) for example in silent),
                f"no test in which the rate of {where} is too low",
            )
        else:
            yield any(_holds(part, example) for example in firing), f"no test fires by {where}"


def _parts(match: Match, where: str = "match") -> Iterator[tuple[str, Match]]:
    """Alternatives (the parts of every `any`) and rates, each with the path to it."""
    if isinstance(match, RateMatch):
        yield where, match
    elif isinstance(match, (AnyMatch, AllMatch)):
        name, parts = ("any", match.any) if isinstance(match, AnyMatch) else ("all", match.all)
        for number, part in enumerate(parts, start=1):
            below = f"{where}.{name}[{number}]"
            if name == "any" and not isinstance(part, RateMatch):
                yield below, part
            yield from _parts(part, below)


def _holds(match: Match, example: Example, rate: float | None = None) -> bool:
    share = example.rate if rate is None else rate
    return holds(match, _findings(example), _failures(example), example.visibility, example.training, rate=share)


def _too_rare(match: RateMatch, example: Example) -> bool:
    return example.rate < match.rate.at_least and _holds(match, example, 1.0)


def _difference(pack: Pack, rule: Rule, example: Example) -> str | None:
    decision = _decision(pack, rule, example)
    found = decision.severity.value if decision else "none"
    if found != example.expect:
        return f"expected {example.expect}, found {found} for {_describe(example)}"
    if example.action and decision and decision.action.kind != example.action:
        return f"expected the action {example.action}, found {decision.action.kind}"
    return None


def _decision(pack: Pack, rule: Rule, example: Example) -> Decision | None:
    decisions = decide(
        [pack],
        _findings(example),
        _failures(example),
        example.visibility,
        example.training,
        rates=dict.fromkeys(rate_keys([pack]), example.rate),
    )
    return next((decision for decision in decisions if decision.rule_id == f"{pack.pack}/{rule.id}"), None)


def _given(given: Given | str) -> Given:
    # A bare code was checked when the pack was loaded, and may be one that only the pack knows.
    return Given.model_construct(code=given) if isinstance(given, str) else given


def _findings(example: Example) -> list[Finding]:
    return [
        Finding(given.code, "test", given.score, given.channel, attributes=given.all_attributes())
        for given in map(_given, example.given)
    ]


def _failures(example: Example) -> list[Failure]:
    return [Failure(stage, "error", "failed in a test") for stage in example.failed]


def _describe(example: Example) -> str:
    parts = [f"{given.code} in {given.channel}" for given in map(_given, example.given)]
    parts += [f"failed {stage}" for stage in example.failed]
    parts += [f"visibility {example.visibility}", f"training {example.training}"]
    return ", ".join(parts)
