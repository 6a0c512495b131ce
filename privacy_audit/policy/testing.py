"""A pack's own tests: each rule says of which samples it fires and of which it does not."""

from __future__ import annotations

from privacy_audit.policy.decide import decide
from privacy_audit.policy.schema import Example, Given, Pack, Rule
from privacy_audit.types import Decision, Failure, Finding


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
        [_finding(given) for given in example.given],
        [Failure(stage, "error", "failed in a test") for stage in example.failed],
        example.visibility,
        example.training,
    )
    return next((decision for decision in decisions if decision.rule_id == f"{pack.pack}/{rule.id}"), None)


def _given(given: Given | str) -> Given:
    # A bare code was checked when the pack was loaded, and may be one that only the pack knows.
    return Given.model_construct(code=given) if isinstance(given, str) else given


def _finding(given: Given | str) -> Finding:
    given = _given(given)
    return Finding(given.code, "test", given.score, given.channel, attributes=given.all_attributes())


def _describe(example: Example) -> str:
    parts = [f"{given.code} in {given.channel}" for given in map(_given, example.given)]
    parts += [f"failed {stage}" for stage in example.failed]
    parts += [f"visibility {example.visibility}", f"training {example.training}"]
    return ", ".join(parts)
