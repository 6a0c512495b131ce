"""The packs that come with privacy-audit: their own tests, what they answer, and what they say of the law."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from privacy_audit import resources
from privacy_audit.errors import PolicyError
from privacy_audit.policy import (
    Pack,
    articles,
    builtin,
    check,
    coverage,
    decide,
    effective,
    json_schema,
    load,
    names,
    terms,
)
from privacy_audit.policy.load import _builtin
from privacy_audit.resources import folder
from privacy_audit.taxonomy import CODES
from privacy_audit.types import ACTIONS, Action, Channel, Decision, Failure, Finding

CHANNELS = get_args(Channel)
NAMES = [
    "baseline",
    "bipa-cubi",
    "ccpa",
    "coppa",
    "dpdp",
    "eu-ai-act",
    "gdpr",
    "hipaa-safe-harbor",
    "lgpd",
    "pipl",
    "research-release",
    "uk-gdpr",
    "uu-pdp",
]
COMPLETE = ["gdpr", "research-release", "uk-gdpr", "uu-pdp"]
"""Packs that answer all personal data, and can be used without baseline."""
LAWS = [name for name in NAMES if name not in {"baseline", "research-release"}]
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
    assert judge(load("research-release"), found(code, channel))


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("code", sorted(set(CODES) - NOT_PERSONAL))
def test_a_complete_pack_is_never_weaker_than_baseline(name: str, code: str) -> None:
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


@pytest.mark.parametrize("name", NAMES)
def test_references_are_known_articles_with_their_letters(name: str) -> None:
    pack = load(name)
    letters = set()
    for rule in pack.rules:
        for reference in rule.law:
            known = articles.known().letters[reference.name]
            for place in articles.places(reference.at):
                assert reference.confidence in known[place], (rule.id, place)
            letters.add(reference.confidence)
    assert pack.confidence == ("mixed" if len(letters) != 1 else letters.pop())
    assert articles.unknown(pack) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("Art. 4(1), 6; Rec. 51", ["Art. 4(1)", "Art. 6", "Rec. 51"]),
        ("740 ILCS 14/10, 14/15(b)", ["740 ILCS 14/10", "740 ILCS 14/15(b)"]),
        ("s. 9", ["s. 9"]),
        ("Civ. Code 3111", ["Civ. Code 3111"]),
    ],
)
def test_places_of_a_reference(at: str, expected: list[str]) -> None:
    assert articles.places(at) == expected


def test_the_reference_file_is_about_laws_that_packs_name() -> None:
    named = {reference.name for pack in builtin() for rule in pack.rules for reference in rule.law}
    assert named == set(articles.known().letters)
    assert {letter for places in articles.known().letters.values() for letter in places.values()} == {"S", "K", "SK"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("9(2)(a)", "9(2)(z)", "gdpr/same-person: GDPR Art. 9(2)(z) [K] is not in rules/articles.yaml"),
        ("confidence: K}]", "confidence: S}]", "gdpr/faces: GDPR Art. 4(1) [S] is not in rules/articles.yaml"),
        ("name: GDPR", "name: GPDR", "gdpr/faces: GPDR Art. 4(1) [K] is not in rules/articles.yaml"),
        ("pd#Biometric", "pd#FaceImage", "gdpr/same-person: unknown term https://w3id.org/dpv/pd#FaceImage"),
        ("gdpr#A6-1-f", "gdpr#A6-1-z", "gdpr: unknown term https://w3id.org/dpv/legal/eu/gdpr#A6-1-z"),
    ],
)
def test_a_built_in_pack_that_names_something_else_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, what: str
) -> None:
    text = folder("rules").joinpath("gdpr.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "gdpr.yaml").write_text(text.replace(old, new), "utf-8")
    assert articles.known()  # of the real folder
    monkeypatch.setattr(resources, "folder", lambda _: tmp_path)
    with pytest.raises(PolicyError) as caught:
        _builtin.__wrapped__("gdpr")
    assert what in caught.value.mistakes


@pytest.mark.parametrize("name", NAMES)
def test_tests_cover_a_pack_completely(name: str) -> None:
    found = coverage(load(name))
    assert (found.missing, found.percent) == ((), 100)


@pytest.mark.parametrize("name", NAMES)
def test_rules_name_terms_of_the_privacy_vocabulary(name: str) -> None:
    pack = load(name)
    known = articles.known().terms
    for rule in pack.rules:
        assert set(terms(rule)) <= known | {entry.dpv for entry in CODES.values()}, rule.id
    assert any(terms(rule) for rule in pack.rules)


def test_terms_are_of_the_codes_and_of_the_rule() -> None:
    rules = {rule.id: rule for rule in load("gdpr").rules}
    assert terms(rules["same-person"]) == (
        "https://w3id.org/dpv#SpecialCategoryPersonalData",
        "https://w3id.org/dpv/legal/eu/gdpr#A9-2-a",
        "https://w3id.org/dpv/pd#Biometric",
        "https://w3id.org/dpv/pd#FacialPrint",
    )
    assert terms(rules["unchecked"]) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_claims_no_breach_of_law(name: str) -> None:
    pack = load(name)
    assert pack.disclaimer == "Engineering defaults, not legal advice."
    text = folder("rules").joinpath(f"{name}.yaml").read_text("utf-8").lower()
    assert not re.search(r"violat|illegal|breach|complian(?!ce, and nothing)", text)
    for rule in pack.rules:
        assert not rule.law or re.search(r"\bmay\b", rule.why), rule.id


@pytest.mark.parametrize("name", LAWS)
def test_a_law_names_itself_and_how_to_use_it(name: str) -> None:
    pack = load(name)
    assert pack.law
    assert pack.effective_from
    assert "actions are ours" in pack.description
    stricter, beside = "tricter than baseline" in pack.description, "eside baseline" in pack.description
    assert stricter if name in COMPLETE else beside and not stricter
    if name in COMPLETE:
        assert all(rule.law for rule in pack.rules)


def test_uk_gdpr_has_the_rules_of_gdpr() -> None:
    def said(name: str) -> list[tuple[object, ...]]:
        return [(rule.id, rule.match, rule.severity, rule.action, rule.tests) for rule in load(name).rules]

    assert said("uk-gdpr") == said("gdpr")


@pytest.mark.parametrize("name", ["gdpr", "uk-gdpr", "uu-pdp"])
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


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_has_indonesian_titles(name: str) -> None:
    pack = load(name)
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


@pytest.mark.parametrize(
    ("name", "findings", "visibility", "rule", "action"),
    [
        ("eu-ai-act", ["person.match", "provenance.platform"], "unknown", "scraped-identities", "drop"),
        ("eu-ai-act", ["person.match"], "private", "matched-faces", "drop"),
        ("eu-ai-act", ["face", "provenance.platform"], "public", "platform", "keep"),
        ("bipa-cubi", ["face"], "public", "faces", "keep"),
        ("bipa-cubi", ["person.match"], "public", "public-is-not-consent", "drop"),
        ("coppa", ["person.minor", "face"], "unknown", "child-with-face", "redact"),
        ("coppa", ["person.minor", "id.passport"], "unknown", "child-with-official-number", "drop"),
        ("coppa", ["face", "id.passport"], "unknown", None, "keep"),
        ("hipaa-safe-harbor", ["time"], "unknown", "date-in-metadata", "redact"),
        ("hipaa-safe-harbor", ["gps.coarse"], "unknown", "place-in-metadata", "redact"),
        ("dpdp", ["face"], "public", "face-on-public-picture", "redact"),
        ("lgpd", [], "public", "public-source", "keep"),
        ("pipl", ["provenance.opt_out"], "unknown", "opt-out", "drop"),
        ("ccpa", ["gps.coarse"], "unknown", None, "keep"),
        ("ccpa", ["gps.precise"], "unknown", "location-in-metadata", "redact"),
        ("research-release", ["person.minor", "face"], "unknown", "child-with-face", "drop"),
        ("research-release", ["provenance.restricted"], "restricted", "restricted-source", "drop"),
    ],
)
def test_a_pack_is_about_its_law(
    name: str, findings: list[str], visibility: Any, rule: str | None, action: str
) -> None:
    decisions = decide([load(name)], [found(code) for code in findings], visibility=visibility)
    assert (f"{name}/{rule}" in {decision.rule_id for decision in decisions}) is (rule is not None)
    assert rule is not None or decisions == []
    assert effective(decisions).kind == action


def test_the_schema_in_the_repository_is_current() -> None:
    stored = folder("rules").joinpath("pack.schema.json").read_text("utf-8")
    assert stored == json_schema(), "run: privacy-audit policy schema > rules/pack.schema.json"
