"""Matching, deciding, and the strongest action."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.errors import PolicyError
from privacy_audit.policy import (
    LookedAt,
    Pack,
    builtin,
    decide,
    effective,
    fingerprint,
    load,
    looked_at,
    rated_rules,
    rates,
)
from privacy_audit.taxonomy import CODES, matches
from privacy_audit.types import ACTIONS, TRAININGS, VISIBILITIES, Action, Decision, Failure, Finding, Severity


def pack_of(*matches_: dict[str, Any], name: str = "mine", action: Any = "review", severity: str = "medium") -> Pack:
    rules = [
        {
            "id": f"rule-{number}",
            "title": "title",
            "why": "why",
            "match": match,
            "severity": severity,
            "action": action,
            "tests": [{"given": [], "expect": severity}, {"given": [], "expect": "none"}],
        }
        for number, match in enumerate(matches_)
    ]
    return Pack.model_validate(
        {
            "pack": name,
            "title": "title",
            "version": "1",
            "checked_on": "2026-01-31",
            "confidence": "K",
            "disclaimer": "x",
            "description": "x",
            "rules": rules,
        }
    )


def finding(code: str, channel: Any = "metadata", score: float = 1.0, **attributes: str) -> Finding:
    return Finding(code, "test", score, channel, attributes=attributes)


FACE = finding("face", "pixels", 0.8, band="report")
DOUBTFUL_FACE = finding("face", "pixels", 0.3, band="review")
PLACE = finding("gps.precise")
EMAIL = finding("contact.email", "caption")
PHONE = finding("contact.phone", "caption")
CRASH = Failure("faces", "crash", "crashed")


@pytest.mark.parametrize(
    ("match", "findings", "codes"),
    [
        ({"code": "face"}, [FACE, PLACE], ("face",)),
        ({"code": "face"}, [PLACE], None),
        ({"code": "gps.*"}, [PLACE, finding("gps.coarse")], ("gps.coarse", "gps.precise")),
        ({"code": "*"}, [FACE, EMAIL], ("contact.email", "face")),
        ({"code": "*"}, [], None),
        ({"code": ["face", "gps.*"]}, [PLACE, EMAIL], ("gps.precise",)),
        ({"code": "face", "min_score": 0.8}, [FACE], ("face",)),
        ({"code": "face", "min_score": 0.81}, [FACE], None),
        ({"code": "face", "min_score": 0}, [finding("face", score=float("nan"))], None),
        ({"code": "contact.*", "channel": "caption"}, [EMAIL], ("contact.email",)),
        ({"code": "contact.*", "channel": "metadata"}, [EMAIL], None),
        ({"code": "contact.*", "channel": ["url", "caption"]}, [EMAIL], ("contact.email",)),
        ({"code": "*", "tier": "direct"}, [EMAIL, FACE], ("contact.email",)),
        ({"code": "*", "tier": "contextual"}, [EMAIL, FACE], ("face",)),
        ({"code": "*", "known": False}, [FACE, finding("body.tattoo")], ("body.tattoo",)),
        ({"code": "*", "known": True}, [FACE, finding("body.tattoo")], ("face",)),
        ({"code": "face", "band": "report"}, [FACE], ("face",)),
        ({"code": "face", "band": "report"}, [DOUBTFUL_FACE], None),
        ({"code": "face", "band": "report"}, [finding("face")], ("face",)),
        ({"code": "face", "band": "review"}, [finding("face")], None),
        ({"code": "face", "attributes": {"band": "review"}}, [DOUBTFUL_FACE], ("face",)),
        ({"code": "face", "attributes": {"turned": "yes"}}, [finding("face", turned="yes")], ("face",)),
        ({"code": "face", "attributes": {"turned": "yes"}}, [FACE], None),
        ({"count": {"code": "face", "at_least": 2}}, [FACE, DOUBTFUL_FACE], ("face",)),
        ({"count": {"code": "face", "at_least": 2}}, [FACE, PLACE], None),
        ({"count": {"code": "contact.*", "at_least": 2}}, [EMAIL, PHONE], ("contact.email", "contact.phone")),
        ({"count": {"code": "face", "band": "report", "at_least": 2}}, [FACE, DOUBTFUL_FACE], None),
        ({"all": [{"code": "face"}, {"code": "gps.*"}]}, [FACE, PLACE, EMAIL], ("face", "gps.precise")),
        ({"all": [{"code": "face"}, {"code": "gps.*"}]}, [FACE], None),
        ({"all": [{"code": "face"}, {"code": "gps.*"}]}, [PLACE], None),
        ({"any": [{"code": "face"}, {"code": "gps.*"}]}, [FACE, PLACE], ("face", "gps.precise")),
        ({"any": [{"code": "face"}, {"code": "gps.*"}]}, [EMAIL], None),
        ({"any": [{"code": "face"}, {"visibility": "unknown"}]}, [], ()),
        ({"all": [{"visibility": "unknown"}, {"code": "face"}]}, [FACE], ("face",)),
        ({"all": [{"visibility": "private"}, {"code": "face"}]}, [FACE], None),
        ({"all": [{"any": [{"code": "face"}, {"all": [{"code": "place"}, {"code": "time"}]}]}]}, [FACE], ("face",)),
        ({"visibility": "unknown"}, [], ()),
        ({"visibility": "private"}, [], None),
        ({"training": "unspecified"}, [], ()),
        ({"training": "denied"}, [FACE], None),
    ],
)
def test_match(match: dict[str, Any], findings: list[Finding], codes: tuple[str, ...] | None) -> None:
    decisions = decide([pack_of(match)], findings)
    assert [decision.codes for decision in decisions] == ([] if codes is None else [codes])


@pytest.mark.parametrize(
    ("match", "failures", "fires"),
    [
        ({"failed": "faces"}, [CRASH], True),
        ({"failed": "*"}, [CRASH], True),
        ({"failed": "decode"}, [CRASH], False),
        ({"failed": "*"}, [], False),
        ({"any": [{"code": "face"}, {"failed": "*"}]}, [CRASH], True),
        ({"all": [{"failed": "*"}, {"code": "face"}]}, [CRASH], False),
    ],
)
def test_match_failures(match: dict[str, Any], failures: list[Failure], fires: bool) -> None:
    assert bool(decide([pack_of(match)], [], failures)) is fires


def test_a_decision_says_all_of_its_rule() -> None:
    pack = pack_of({"code": "face"}, action={"fill": ["face"], "strip": "private"}, severity="high")
    assert decide([pack], [FACE]) == [
        Decision("mine/rule-0", Severity.HIGH, Action("redact", {"fill": "face", "strip": "private"}), ("face",))
    ]


def test_decisions_are_sorted_by_rule_id_over_all_packs() -> None:
    first = pack_of({"code": "face"}, {"visibility": "private"}, {"failed": "*"}, name="b")
    second = pack_of({"code": "*"}, {"training": "denied"}, name="a")
    found = decide([first, second], [FACE], [CRASH], "private", "denied")
    assert [d.rule_id for d in found] == ["a/rule-0", "a/rule-1", "b/rule-0", "b/rule-1", "b/rule-2"]


def test_the_same_pack_twice_counts_once_and_two_of_one_name_clash() -> None:
    pack = pack_of({"code": "face"})
    assert len(decide([pack, pack_of({"code": "face"})], [FACE])) == 1
    with pytest.raises(PolicyError, match="two different rule packs are called 'mine'"):
        decide([pack, pack_of({"code": "place"})], [FACE])


def test_no_packs_decide_nothing() -> None:
    assert decide([], [FACE], [CRASH], "private", "denied") == []


def test_packs_survive_pickling_after_use() -> None:
    pack = load("baseline")
    before = decide([pack], [FACE, PLACE])
    assert decide([pickle.loads(pickle.dumps(pack))], [FACE, PLACE]) == before


# effective


def decision(kind: str, severity: Severity = Severity.LOW, **parameters: str) -> Decision:
    return Decision("p/r", severity, Action(kind, parameters))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], Action("keep")),
        ([decision("keep"), decision("review")], Action("review")),
        ([decision("review"), decision("redact", fill="face")], Action("redact", {"fill": "face"})),
        ([decision("redact", fill="face"), decision("drop")], Action("drop")),
        ([decision("drop"), decision("quarantine"), decision("redact", fill="face")], Action("quarantine")),
        (
            [decision("redact", fill="face", strip="private"), decision("redact", mask="contact.email,name.person")],
            Action("redact", {"fill": "face", "strip": "private", "mask": "contact.email,name.person"}),
        ),
        ([decision("redact", strip="private"), decision("redact", strip="all")], Action("redact", {"strip": "all"})),
        ([decision("redact", blur="face"), decision("redact", fill="face")], Action("redact", {"fill": "face"})),
        (
            [decision("redact", blur="face"), decision("redact", pixelate="face")],
            Action("redact", {"pixelate": "face"}),
        ),
        (
            [decision("redact", fill="id.*"), decision("redact", blur="id.plate,face")],
            Action("redact", {"fill": "id.*", "blur": "face"}),
        ),
        (
            [decision("redact", fill="id.plate"), decision("redact", pixelate="id.*")],
            Action("redact", {"fill": "id.plate", "pixelate": "id.*"}),
        ),
        (
            [decision("redact", mask="contact.email"), decision("redact", mask="contact.*")],
            Action("redact", {"mask": "contact.*"}),
        ),
    ],
)
def test_effective(decisions: list[Decision], expected: Action) -> None:
    assert effective(decisions) == expected
    assert effective(reversed(decisions)) == expected


REGIONS = ("fill", "pixelate", "blur")
PATTERNS = st.lists(st.sampled_from(["face", "id.*", "id.plate", "contact.*", "contact.email", "*"]), min_size=1)
REDACTIONS = st.dictionaries(st.sampled_from([*REGIONS, "mask"]), PATTERNS, min_size=1).map(
    lambda lists: {name: ",".join(codes) for name, codes in lists.items()}
)
STRIPS = st.sampled_from([{}, {"strip": "private"}, {"strip": "all"}])
DECISIONS = st.lists(
    st.one_of(
        st.sampled_from(["keep", "review", "drop", "quarantine"]).map(decision),
        st.builds(lambda codes, strip: decision("redact", **codes, **strip), REDACTIONS, STRIPS),
    ),
    max_size=6,
)


def strength(action: Action, code: str) -> tuple[int, int, bool]:
    """How much is done to a region of `code`, to the metadata, and whether its text is masked."""

    def named(name: str) -> bool:
        return any(matches(p, code) for p in action.parameters.get(name, "").split(",") if p)

    region = next((len(REGIONS) - rank for rank, name in enumerate(REGIONS) if named(name)), 0)
    return region, ["", "private", "all"].index(action.parameters.get("strip", "")), named("mask")


def never_weaker(before: Action, after: Action) -> bool:
    if before.kind != after.kind:
        return ACTIONS.index(after.kind) > ACTIONS.index(before.kind)
    return all(
        all(new >= old for old, new in zip(strength(before, code), strength(after, code), strict=True))
        for code in ("face", "id.plate", "id.card", "contact.email", "place")
    )


@given(DECISIONS, DECISIONS)
def test_more_decisions_never_weaken_the_action(some: list[Decision], more: list[Decision]) -> None:
    assert never_weaker(effective(some), effective([*some, *more]))


@given(DECISIONS, st.randoms(use_true_random=False))
def test_the_order_of_decisions_does_not_matter(decisions: list[Decision], random: Any) -> None:
    shuffled = list(decisions)
    random.shuffle(shuffled)
    assert effective(shuffled) == effective(decisions)


FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from([*CODES, "body.tattoo"]),
        st.just("test"),
        st.floats(0, 1),
        st.sampled_from(["pixels", "metadata", "caption", "filename", "url", "image_text", "barcode", "record"]),
        attributes=st.sampled_from([{}, {"band": "report"}, {"band": "review"}]),
    ),
    max_size=8,
)
FAILURES = st.lists(st.just(CRASH), max_size=1)


@settings(max_examples=60, deadline=None)
@given(
    FINDINGS,
    FAILURES,
    st.sampled_from(VISIBILITIES),
    st.sampled_from(TRAININGS),
    st.permutations(builtin()),
    st.integers(0, len(builtin())),
    st.floats(0, 1),
)
def test_adding_a_pack_never_weakens(
    findings: list[Finding],
    failures: list[Failure],
    visibility: Any,
    training: Any,
    packs: list[Pack],
    number: int,
    rate: float,
) -> None:
    shares = {key: rate for pack in packs for rule in pack.rules for key in keys(rule.match)}
    fewer = decide(packs[:number], findings, failures, visibility, training, rates=shares)
    more = decide(packs, findings, failures, visibility, training, rates=shares)
    assert never_weaker(effective(fewer), effective(more))
    assert max((d.severity.rank for d in more), default=-1) >= max((d.severity.rank for d in fewer), default=-1)
    assert [d for d in more if d.rule_id.split("/")[0] in {pack.pack for pack in packs[:number]}] == fewer


def keys(match: Any) -> list[str]:
    """What the rates in a match of a built-in pack count: there, a rate stands alone."""
    return [match.rate.key()] if hasattr(match, "rate") else []


def test_keys_are_all_that_built_in_packs_count() -> None:
    packs = builtin()
    found = {key for pack in packs for rule in pack.rules for key in keys(rule.match)}
    everything = [[Finding(code, "test", 1.0, "record")] for code in CODES]
    assert set(rates(packs, everything)) == found


@settings(max_examples=60, deadline=None)
@given(FINDINGS, FAILURES, st.randoms(use_true_random=False))
def test_the_order_of_packs_and_findings_does_not_matter(
    findings: list[Finding], failures: list[Failure], random: Any
) -> None:
    packs, shuffled = builtin(), list(findings)
    expected = decide(packs, findings, failures)
    random.shuffle(packs)
    random.shuffle(shuffled)
    assert decide(packs, shuffled, failures) == expected
    other_way_round = [pack.model_copy(update={"rules": pack.rules[::-1]}) for pack in packs]
    assert decide(other_way_round, shuffled, failures) == expected


@settings(max_examples=60, deadline=None)
@given(FINDINGS)
def test_every_rule_of_a_pack_is_tried_not_only_the_indexed_ones(findings: list[Finding]) -> None:
    pack = load("baseline")
    one_by_one = [
        found for rule in pack.rules for found in decide([pack.model_copy(update={"rules": (rule,)})], findings)
    ]
    assert decide([pack], findings) == sorted(one_by_one, key=lambda found: found.rule_id)


# Several packs on one sample: combinations and conflicts

NAME = finding("name.person", "caption")
STRICT = pack_of({"code": "face"}, name="strict", action="quarantine", severity="critical")
LENIENT = pack_of({"code": "face"}, {"code": "gps.*"}, name="lenient", action="keep", severity="info")
BLUR = pack_of({"code": "face"}, name="blur", action={"blur": ["face"], "strip": "coarsen", "keep": ["credit"]})
FILL = pack_of({"code": "face"}, name="fill", action={"fill": ["face"], "strip": "private"})
MASK = pack_of(
    {"all": [{"code": "face"}, {"code": "name.*"}, {"code": "gps.precise"}]},
    name="mask",
    action={"mask": ["name.*"]},
    severity="high",
)
LOOK = pack_of({"count": {"code": "face", "at_least": 2}}, name="look", action="review")


@pytest.mark.parametrize(
    ("packs", "findings", "action", "severity", "asked"),
    [
        ([LENIENT], [FACE, PLACE], Action("keep"), "info", ["lenient"]),
        ([LENIENT, STRICT], [FACE, PLACE], Action("quarantine"), "critical", ["lenient", "strict"]),
        ([LENIENT, STRICT], [PLACE], Action("keep"), "info", ["lenient"]),
        (
            [BLUR, FILL],
            [FACE],
            Action("redact", {"fill": "face", "strip": "private"}),  # no credit: one of both removes it
            "medium",
            ["blur", "fill"],
        ),
        ([BLUR], [FACE], Action("redact", {"blur": "face", "strip": "coarsen", "keep": "credit"}), "medium", ["blur"]),
        (
            [FILL, MASK],
            [FACE, NAME, PLACE],
            Action("redact", {"fill": "face", "strip": "private", "mask": "name.*"}),
            "high",
            ["fill", "mask"],
        ),
        ([FILL, MASK], [FACE, NAME], Action("redact", {"fill": "face", "strip": "private"}), "medium", ["fill"]),
        ([LOOK, LENIENT], [FACE, DOUBTFUL_FACE], Action("review"), "medium", ["lenient", "look"]),
        (
            [LOOK, FILL],
            [FACE, FACE],
            Action("redact", {"fill": "face", "strip": "private"}),
            "medium",
            ["fill", "look"],
        ),
        ([STRICT, FILL, MASK, LOOK, BLUR], [PLACE, NAME], Action("keep"), None, []),
    ],
)  # fmt: skip
def test_combinations_and_conflicts(
    packs: list[Pack], findings: list[Finding], action: Action, severity: str | None, asked: list[str]
) -> None:
    for order in (packs, packs[::-1]):
        decisions = decide(order, findings)
        assert effective(decisions) == action
        worst = max((d.severity for d in decisions), key=lambda s: s.rank, default=None)
        assert (worst.value if worst else None) == severity
        assert sorted({d.rule_id.split("/")[0] for d in decisions}) == asked


# Rates of the dataset

RATED = {"rate": {"code": "provenance.unknown", "at_least": 0.5}}
UNKNOWN = finding("provenance.unknown", "record")


@pytest.mark.parametrize(
    ("match", "dataset", "codes"),
    [
        (RATED, [[UNKNOWN], [FACE]], [("provenance.unknown",), None]),
        (RATED, [[UNKNOWN], [FACE], []], [None, None, None]),
        ({"rate": {"code": "face", "band": "report", "at_least": 0.5}}, [[FACE], [DOUBTFUL_FACE]], [("face",), None]),
        ({"rate": {"code": "face", "min_score": 0.5, "at_least": 0.6}}, [[FACE], [DOUBTFUL_FACE]], [None, None]),
        ({"rate": {"code": "face", "at_least": 1.0}}, [[FACE, FACE], [DOUBTFUL_FACE]], [("face",), ("face",)]),
        ({"all": [RATED, {"code": "face"}]}, [[UNKNOWN, FACE], [UNKNOWN]], [("face", "provenance.unknown"), None]),
        ({"any": [RATED, {"code": "face"}]}, [[UNKNOWN], [FACE], []], [None, ("face",), None]),
        ({"any": [RATED, {"code": "face"}]}, [[UNKNOWN], [FACE]], [("provenance.unknown",), ("face",)]),
    ],
)
def test_rates(match: dict[str, Any], dataset: list[list[Finding]], codes: list[tuple[str, ...] | None]) -> None:
    packs = [pack_of(match)]
    shares = rates(packs, dataset)
    decisions = [decide(packs, findings, rates=shares) for findings in dataset]
    assert [[d.codes for d in found] for found in decisions] == [[] if c is None else [c] for c in codes]
    assert rated_rules(packs) == {"mine/rule-0"}


def test_rated_rules_wait_for_the_whole_dataset() -> None:
    packs = [pack_of(RATED, {"any": [RATED, {"code": "face"}]}, {"code": "*"})]
    assert [d.rule_id for d in decide(packs, [UNKNOWN, FACE])] == ["mine/rule-2"]
    assert rated_rules(packs) == {"mine/rule-0", "mine/rule-1"}


def test_no_samples_have_no_rates() -> None:
    assert rates([pack_of(RATED)], []) == {}
    assert rates([pack_of({"code": "face"})], [[FACE]]) == {}


def test_two_rules_that_count_the_same_share_one_number() -> None:
    packs = [pack_of({"rate": {"code": "face", "at_least": 0.1}}, {"rate": {"code": "face", "at_least": 0.9}})]
    assert list(rates(packs, [[FACE], []]).values()) == [0.5]


def test_what_rules_look_at() -> None:
    pack = pack_of(
        {"code": "face", "band": "report", "min_score": 0.7},
        {"any": [{"all": [{"code": "*", "attributes": {"turned": "yes"}}]}, {"code": "face", "min_score": 0.2}]},
        {"rate": {"code": "face", "min_score": 0.5, "at_least": 0.1}},
    )
    assert looked_at([pack]) == LookedAt(("band", "turned"), (0.2, 0.5, 0.7))
    assert looked_at([pack_of({"visibility": "private"})]) == LookedAt((), ())


# fingerprint


def test_fingerprint_ignores_order_and_sees_every_change() -> None:
    packs = builtin()
    assert fingerprint(packs) == fingerprint(reversed(packs))
    assert len(fingerprint(packs)) == 64
    changed = packs[0].model_copy(update={"checked_on": dt.date(2001, 1, 1)})
    assert fingerprint([changed, *packs[1:]]) != fingerprint(packs)
    assert fingerprint(packs[:1]) != fingerprint(packs[:2])


@pytest.mark.parametrize(
    ("parameters", "merged"),
    [
        ([{"strip": "private", "keep": "credit"}], {"strip": "private", "keep": "credit"}),
        (
            [{"strip": "private", "keep": "credit"}, {"mask": "face"}],
            {"strip": "private", "keep": "credit", "mask": "face"},
        ),
        ([{"strip": "private", "keep": "credit"}, {"strip": "coarsen"}], {"strip": "private"}),
        ([{"strip": "private", "keep": "credit"}, {"strip": "all"}], {"strip": "all"}),
        ([{"strip": "coarsen"}, {"strip": "private"}], {"strip": "private"}),
    ],
)
def test_a_credit_is_kept_only_when_no_other_decision_removes_it(
    parameters: list[dict[str, str]], merged: dict[str, str]
) -> None:
    decisions = [Decision("p/r", Severity.HIGH, Action("redact", entry)) for entry in parameters]
    assert effective(decisions) == Action("redact", merged)
