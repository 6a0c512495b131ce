"""The packs that come with privacy-audit: their own tests, what they answer, and what they say of the law."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from privacy_audit.policy import Pack, builtin, check, decide, effective, json_schema, load, names
from privacy_audit.resources import folder
from privacy_audit.taxonomy import CODES
from privacy_audit.types import ACTIONS, Action, Channel, Decision, Failure, Finding

CHANNELS = get_args(Channel)
NAMES = ["baseline", "gdpr", "uu-pdp"]
NOT_PERSONAL = {
    "provenance.no_license",
    "provenance.platform",
    "provenance.public",
    "provenance.synthetic",
    "rights",
}


def judge(pack: Pack, *findings: Finding) -> list[Decision]:
    return decide([pack], findings)


def found(code: str, channel: Channel = "metadata", **attributes: str) -> Finding:
    return Finding(code, "test", 1.0, channel, attributes=attributes)


def test_the_built_in_packs() -> None:
    assert names() == NAMES
    assert [pack.pack for pack in builtin()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_passes_its_own_tests(name: str) -> None:
    assert check(load(name)) == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_baseline_answers_every_code_wherever_it_is_found(code: str, channel: Channel) -> None:
    assert judge(load("baseline"), found(code, channel))


@pytest.mark.parametrize("name", ["gdpr", "uu-pdp"])
@pytest.mark.parametrize("code", sorted(set(CODES) - NOT_PERSONAL))
def test_a_law_is_never_weaker_than_baseline(name: str, code: str) -> None:
    for channel in CHANNELS:
        for finding in (found(code, channel), found(code, channel, band="review")):
            expected, decisions = judge(load("baseline"), finding), judge(load(name), finding)
            assert max(d.severity.rank for d in decisions) >= max(d.severity.rank for d in expected), channel
            before, after = effective(expected), effective(decisions)
            assert ACTIONS.index(after.kind) >= ACTIONS.index(before.kind), channel
            assert before.kind != "redact" or set(before.parameters) <= set(after.parameters), channel


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "findings",
    [
        [found("provenance.unknown")],
        [Finding(code, "test", 1.0, "caption") for code in ("name.person", "place", "time")],
    ],
)
def test_no_pack_empties_a_dataset_of_unknown_origin(name: str, findings: list[Finding]) -> None:
    assert effective(judge(load(name), *findings)).kind not in {"drop", "quarantine"}


@pytest.mark.parametrize(
    ("findings", "action"),
    [
        (["face"], Action("redact", {"fill": "face"})),
        (["face", "gps.precise"], Action("redact", {"fill": "face", "mask": "gps.precise", "strip": "private"})),
        (["face", "provenance.private"], Action("drop")),
        (["provenance.opt_out"], Action("drop")),
        (["person.match"], Action("drop")),
        (["rights", "provenance.public"], Action("keep")),
        (["device.serial", "text.free", "embedded.thumbnail"], Action("redact", {"strip": "private"})),
        ([], Action("keep")),
    ],
)
def test_baseline_does(findings: list[str], action: Action) -> None:
    assert effective(judge(load("baseline"), *map(found, findings))) == action


def test_a_stage_that_failed_is_reviewed() -> None:
    for pack in builtin():
        decisions = decide([pack], [], [Failure("decode", "unreadable", "cannot be read")], "public", "allowed")
        assert effective(decisions).kind == "review", pack.pack


# References to laws. Letters: S, seen in a source when the pack was written; K, known and not checked again.

ARTICLES = {
    "GDPR": {
        # 30, 38 and 51 are recitals.
        "K": "4(1) 4(14) 4(15) 5(1)(a) 5(1)(b) 5(1)(c) 5(2) 6 6(1)(f) 8 9(1) 9(2)(a) 14 14(2)(f) 21 35(3)(b) 87 "
        "30 38 51",
    },
    "UU PDP 27/2022": {
        "K": "4(2)b 8 9 11 16",
        "S": "4(2)a 4(2)b 4(2)e 4(2)f 4(3) 20 20(2) 24 25(2) 31 34(2) 65(1) 65(3) 67",
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_references_are_known_articles_with_their_letters(name: str) -> None:
    pack = load(name)
    letters = set()
    for rule in pack.rules:
        for reference in rule.law:
            articles = re.sub(r"\b(Art|Rec)\. ", "", reference.at).replace(";", ",").split(", ")
            assert set(articles) <= set(ARTICLES[reference.name][reference.confidence].split()), rule.id
            letters.add(reference.confidence)
    assert pack.confidence == ("mixed" if len(letters) != 1 else letters.pop())


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_claims_no_breach_of_law(name: str) -> None:
    pack = load(name)
    assert pack.disclaimer == "Engineering defaults, not legal advice."
    text = folder("rules").joinpath(f"{name}.yaml").read_text("utf-8").lower()
    assert not re.search(r"violat|illegal|breach|complian(?!ce, and nothing)", text)
    for rule in pack.rules:
        assert not rule.law or re.search(r"\bmay\b", rule.why), rule.id


@pytest.mark.parametrize("name", ["gdpr", "uu-pdp"])
def test_a_law_names_itself_and_says_where_it_is_stricter(name: str) -> None:
    pack = load(name)
    assert pack.law
    assert "tricter than baseline" in pack.description
    assert all(rule.law for rule in pack.rules)


@pytest.mark.parametrize("name", ["gdpr", "uu-pdp"])
@pytest.mark.parametrize(
    ("findings", "severity", "action"),
    [
        ([found("name.person", "caption")], "medium", "redact"),
        ([found("name.person", "image_text")], "medium", "redact"),
        ([found("name.person", "caption"), found("face", "pixels")], "high", "redact"),
        ([found("person.minor", "caption"), found("face", "pixels", band="review")], "high", "redact"),
        ([found("time"), found("face", "pixels", band="review")], "medium", "redact"),
        ([found("text.unread", "pixels")], "medium", "review"),
        ([found("provenance.unknown")], "high", "review"),
    ],
)
def test_a_law_is_stricter_where_its_description_says_so(
    name: str, findings: list[Finding], severity: str, action: str
) -> None:
    decisions, baseline = judge(load(name), *findings), judge(load("baseline"), *findings)
    assert max(decisions, key=lambda decision: decision.severity.rank).severity.value == severity
    assert effective(decisions).kind == action
    assert {(d.severity, d.action.kind, *d.action.parameters) for d in decisions} - {
        (d.severity, d.action.kind, *d.action.parameters) for d in baseline
    }


def test_uu_pdp_has_indonesian_titles() -> None:
    pack = load("uu-pdp")
    assert pack.title_id
    assert all(rule.title_id and rule.title_id != rule.title for rule in pack.rules)


@pytest.mark.parametrize(
    ("code", "article"),
    [
        ("id.national", "Art. 4(3)"),
        ("person.minor", "Art. 4(2)e"),
        ("person.minor", "Art. 25(2)"),
        ("id.card", "Art. 4(2)f"),
        ("id.iban", "Art. 4(2)f"),
        ("person.health", "Art. 4(2)a"),
        ("person.match", "Art. 4(2)b"),
    ],
)
def test_uu_pdp_tells_specific_from_general_data(code: str, article: str) -> None:
    pack = load("uu-pdp")
    rules = {rule.id: rule for rule in pack.rules}
    decisions = judge(pack, found(code, "caption"))
    assert article in {reference.at for d in decisions for reference in rules[d.rule_id.split("/")[1]].law}


def test_the_schema_in_the_repository_is_current() -> None:
    stored = folder("rules").joinpath("pack.schema.json").read_text("utf-8")
    assert stored == json_schema(), "run: privacy-audit policy schema > rules/pack.schema.json"
