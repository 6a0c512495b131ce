"""Decisions are written anew as a scan would write them: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from gate_audits import EMAIL, FACE, GPS, KEY_ID, OTHER_FACE, PHONE, One, build, contents, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit import api
from privacy_audit.errors import AuditError, PolicyError
from privacy_audit.gate import baseline as baselines
from privacy_audit.gate import decide as deciding
from privacy_audit.gate.suppressions import Suppression
from privacy_audit.policy import Pack, decide, load
from privacy_audit.run import redecide
from privacy_audit.run.scan import Silent, locked
from privacy_audit.store import journal, schema, settled, shards
from privacy_audit.store.files import sha256
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.stored import shard_names
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Action, Decision, Failure, Finding, Severity

TODAY = date(2026, 11, 24)
SAMPLES = [
    One("a.jpg", [EMAIL, FACE, GPS]),
    One("b.jpg", [FACE, OTHER_FACE]),
    One("c.jpg", [], [Failure("picture", "unreadable", "m")]),
    One("t.csv#0", [EMAIL, PHONE], sha256=None, visibility="private"),
]
FINDINGS = st.builds(
    Finding,
    code=st.sampled_from([*CODES, "plugin.odd"]),
    detector=st.sampled_from(["faces", "captions"]),
    score=st.sampled_from([0.0, 0.2, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0]) | st.floats(0, 1, width=32),
    channel=st.sampled_from(["pixels", "caption", "metadata", "image_text"]),
    attributes=st.dictionaries(st.sampled_from(["band", "tier", "field"]), st.sampled_from(["report", "direct", "x"])),
)


def again(folder: Path, *packs: Pack, **settling: object) -> None:
    deciding.decide(
        folder, packs or (load("baseline"),), **{"options": {}, "today": TODAY, "progress": Silent(), **settling}
    )


def suppression(**values: object) -> Suppression:
    return Suppression.model_validate({"reason": "r", "by": "b", "expires": "2027-01-01", **values})


@settings(deadline=None, max_examples=60)
@given(
    st.lists(FINDINGS, max_size=6),
    st.lists(st.sampled_from(["picture", "faces"]), max_size=2, unique=True),
    st.sampled_from(["unknown", "private", "public"]),
    st.sampled_from(["unspecified", "denied"]),
)
def test_what_was_recorded_is_decided_as_it_was_scanned(
    tmp_path_factory: pytest.TempPathFactory,
    findings: list[Finding],
    stages: list[str],
    visibility: str,
    training: str,
) -> None:
    packs = [load("baseline"), load("gdpr")]
    failures = [Failure(stage, "error", "") for stage in stages]
    one = One("a.jpg", findings, failures, visibility=visibility, training=training)  # type: ignore[arg-type]
    folder = build(tmp_path_factory.mktemp("audit") / "a", [one, One("b.jpg", findings[:1])], packs=packs)
    (part,) = shard_names(folder.path)
    decisions, _ = redecide.decided(folder.path, part, redecide.Rules(folder.path, packs))
    expected = [
        schema.decision_row(name, decision)
        for name, found, failed in (("a.jpg", findings, failures), ("b.jpg", findings[:1], []))
        for decision in decide(
            packs,
            found,
            failed,
            *((visibility, training) if name == "a.jpg" else ()),  # type: ignore[arg-type]
        )
    ]
    assert decisions.to_pylist() == expected


def test_a_score_at_a_threshold_is_decided_as_before_it_was_stored(tmp_path: Path) -> None:
    pack = tmp_path / "p.yaml"
    pack.write_text(
        "pack: p\ntitle: P\nversion: '1'\nchecked_on: 2026-11-22\nconfidence: K\ndescription: D\n"
        "disclaimer: N\nrules:\n"
        "- {id: r, title: T, why: W, match: {code: face, min_score: 0.35}, severity: high, action: review,\n"
        "   tests: [{given: [{code: face, score: 0.35}], expect: high}, {given: [], expect: none}]}\n"
    )
    build(tmp_path / "audit", [One("a.jpg", [Finding("face", "faces", 0.35, "pixels")])], packs=[load(pack)])
    assert rules(tmp_path / "audit") == {"a.jpg": ["p/r"]}
    again(tmp_path / "audit", load(pack))
    assert rules(tmp_path / "audit") == {"a.jpg": ["p/r"]}


def test_other_rules_decide_without_a_rescan(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES[:2], SAMPLES[2:])
    before = AuditFolder(folder).manifest
    again(folder, load("gdpr"), options={"fail_on": "low"})
    audit = AuditFolder(folder)
    build(tmp_path / "fresh", SAMPLES[:2], SAMPLES[2:], packs=[load("gdpr")])
    fresh = AuditFolder(tmp_path / "fresh")
    assert rules(folder) == rules(tmp_path / "fresh")
    assert audit.manifest.policy_hash == fresh.manifest.policy_hash != before.policy_hash
    assert audit.manifest.counts == fresh.manifest.counts
    assert audit.manifest.options["fail_on"] == "low"
    assert [entry.pack for entry in audit.manifest.packs] == ["gdpr"]
    assert [path.name for path in audit.packs()] == ["gdpr.yaml"]
    assert not (folder / settled.NAME).exists()


def test_every_digest_fits_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES[:2], SAMPLES[2:])
    again(folder, suppressions=[suppression(code="face")])
    manifest = AuditFolder(folder).manifest
    assert {name: sha256(folder / name) for name in manifest.parts} == manifest.parts
    assert "settled.json" in manifest.parts
    for shard in shard_names(folder):
        facts = shards.read_marker(folder, shard)
        assert facts is not None
        assert shards.intact(folder, facts)


def test_deciding_twice_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    again(folder, suppressions=[suppression(code="contact.*")])
    before = contents(folder)
    again(folder, suppressions=[suppression(code="contact.*")])
    assert contents(folder) == before
    again(folder)
    assert AuditFolder(folder).sql("SELECT count(*) FROM settled") == [(0,)]


def test_what_a_person_asked_for_stays(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    drop = Decision("subject/r1", Severity.CRITICAL, Action("drop"))
    shards.add_decisions(folder, "000000", [schema.decision_row("b.jpg", drop)])
    again(folder, load("gdpr"))
    assert "subject/r1" in rules(folder)["b.jpg"]
    assert AuditFolder(folder).manifest.counts["decisions"] == sum(map(len, rules(folder).values()))


class CrashError(BaseException):
    """The process ends here."""


def test_a_crash_at_any_step_leaves_the_old_or_the_new_audit_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "old", SAMPLES[:2], SAMPLES[2:])
    build(tmp_path / "new", SAMPLES[:2], SAMPLES[2:])
    again(tmp_path / "new", load("gdpr"), suppressions=[suppression(code="face")])
    outcomes = {"old": rules(tmp_path / "old"), "new": rules(tmp_path / "new")}
    assert outcomes["old"] != outcomes["new"]
    seen = []
    real_replace, real_sync = os.replace, os.fsync
    for step in range(200):
        folder = tmp_path / f"audit{step}"
        build(folder, SAMPLES[:2], SAMPLES[2:])
        left = [step]

        def counted(real: Callable[..., None], left: list[int]) -> Callable[..., None]:
            def call(*arguments: object) -> None:
                if left[0] == 0:
                    raise CrashError
                left[0] -= 1
                real(*arguments)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted(real_replace, left))
            patch.setattr(os, "fsync", counted(real_sync, left))
            try:
                again(folder, load("gdpr"), suppressions=[suppression(code="face")])
                crashed = False
            except CrashError:
                crashed = True
        audit = AuditFolder(folder)
        (outcome,) = [name for name, wanted in outcomes.items() if rules(folder) == wanted]
        seen.append(outcome)
        assert {name: sha256(folder / name) for name in audit.manifest.parts} == audit.manifest.parts
        assert {entry.pack for entry in audit.manifest.packs} == {path.stem for path in audit.packs()}
        assert not (folder / journal.COMMITTED).exists()
        if not crashed:
            break
    assert seen[0] == "old"
    assert seen[-1] == "new"
    assert seen == sorted(seen, reverse=True), "once the new one counts, it stays"
    assert len(seen) < 200


def test_an_audit_that_is_written_to_is_not_decided(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    with locked(folder), pytest.raises(AuditError, match="another scan is writing"):
        again(folder)


@pytest.mark.parametrize("table", ["samples", "findings", "failures", "decisions"])
@pytest.mark.parametrize("damage", ["gone", "garbage"])
def test_a_damaged_part_is_said_and_changes_nothing(tmp_path: Path, table: str, damage: str) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    part = shards.part(folder, table, "000000")
    part.unlink() if damage == "gone" else part.write_bytes(b"PAR1 not")
    before = contents(folder)
    with pytest.raises(AuditError, match="damaged or missing"):
        again(folder)
    assert contents(folder) == before


def test_a_partial_audit_and_reserved_pack_names_are_refused(tmp_path: Path) -> None:
    build(tmp_path / "audit", SAMPLES, status="partial")
    with pytest.raises(AuditError, match="not finished"):
        again(tmp_path / "audit")
    pack = load("baseline").model_copy(update={"pack": "review"})
    with pytest.raises(PolicyError, match="may not be called 'review'"):
        again(tmp_path / "audit", pack)


@pytest.mark.parametrize(
    ("given", "gone", "kept"),
    [
        ({"code": "contact.email"}, [("a.jpg", "contact.email"), ("t.csv#0", "contact.email")], ("a.jpg", "face")),
        (
            {"code": "contact.*", "sample": "t.csv#0"},
            [("t.csv#0", "contact.email"), ("t.csv#0", "contact.phone")],
            None,
        ),
        ({"code": "face", "sample": "b.jpg", "sha256": "0" * 64}, [], ("b.jpg", "face")),
        ({"code": "face", "sha256": SAMPLES[1].digest}, [("b.jpg", "face"), ("b.jpg", "face")], ("a.jpg", "face")),
        ({"code": "gps.precise", "expires": "2026-11-24"}, [], ("a.jpg", "gps.precise")),
    ],
)
def test_a_suppression_takes_away_what_it_covers(
    tmp_path: Path, given: dict[str, str], gone: list[tuple[str, str]], kept: tuple[str, str] | None
) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    again(folder, suppressions=[suppression(**given)])
    audit = AuditFolder(folder)
    query = "SELECT sample_id, code FROM settled WHERE finding IS NOT NULL ORDER BY ALL"
    assert audit.sql(query) == sorted(gone)
    decided = {
        (sample, code) for sample, codes in audit.sql("SELECT sample_id, codes FROM decisions") for code in codes
    }
    assert not decided & set(gone)
    assert kept is None or kept in decided


def test_a_rule_can_be_suppressed_alone(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    before = rules(folder)
    (rule,) = [rule for rule in before["b.jpg"] if rule == "baseline/faces"]
    again(folder, suppressions=[suppression(rule=rule)])
    assert rules(folder).get("b.jpg", []) == [other for other in before["b.jpg"] if other != rule]
    assert AuditFolder(folder).sql("SELECT DISTINCT how, rule_id FROM settled") == [("suppressed", rule)]
    assert AuditFolder(folder).sql("SELECT count(*) FROM settled WHERE finding IS NOT NULL") == [(0,)]


def test_an_expired_suppression_counts_what_came_back(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, SAMPLES)
    old, new = suppression(code="face", expires="2026-11-01"), suppression(code="gps.precise")
    again(folder, suppressions=[old, new])
    found = settled.read(folder)
    assert found is not None
    assert [(entry.code, entry.active, entry.findings) for entry in found.suppressions] == [
        ("face", False, 3),
        ("gps.precise", True, 1),
    ]
    assert found.as_of == "2026-11-24"
    assert found.suppressed >= 1


def gate(folder: Path, file: Path) -> int:
    again(folder, baseline=baselines.load(file))
    return api.Audit(folder).exit_code


def known(folder: Path, file: Path) -> Path:
    baselines.create(AuditFolder(folder), file)
    return file


def test_a_gate_fails_on_new_findings_only(tmp_path: Path) -> None:
    build(tmp_path / "old", SAMPLES[:2], [SAMPLES[3]])
    file = known(tmp_path / "old", tmp_path / "b.jsonl")
    assert api.Audit(tmp_path / "old").exit_code == 1
    assert gate(tmp_path / "old", file) == 0
    assert api.Audit(tmp_path / "old").actions()["redact"] > 0, "known findings are redacted all the same"

    moved = [One("z/moved.jpg", SAMPLES[0].findings, sha256=SAMPLES[0].digest), SAMPLES[1]]
    shifted = [One("t.csv#9", SAMPLES[3].findings, sha256=None, visibility="private")]
    build(tmp_path / "moved", shifted, moved)
    assert gate(tmp_path / "moved", file) == 0

    cases = {
        "a new picture": [*SAMPLES[:2], SAMPLES[3], One("new.jpg", [GPS])],
        "a further copy": [*SAMPLES[:2], SAMPLES[3], One("copy.jpg", SAMPLES[0].findings, sha256=SAMPLES[0].digest)],
        "another value on a known picture": [
            One("a.jpg", [*SAMPLES[0].findings, Finding("id.iban", "captions", 1.0, "caption", token="t9")])
        ],
        "a known value in one more row": [SAMPLES[3], One("t.csv#1", [EMAIL], sha256=None)],
    }
    for number, (name, samples) in enumerate(cases.items()):
        build(tmp_path / str(number), samples)
        assert gate(tmp_path / str(number), file) == 1, name


def test_a_second_face_on_a_known_picture_is_new(tmp_path: Path) -> None:
    build(tmp_path / "old", [One("a.jpg", [FACE])])
    file = known(tmp_path / "old", tmp_path / "b.jsonl")
    build(tmp_path / "new", [One("a.jpg", [FACE, OTHER_FACE])])
    again(tmp_path / "new", baseline=baselines.load(file))
    found = settled.read(tmp_path / "new")
    assert found is not None
    assert found.baseline is not None
    assert (found.baseline.findings, found.baseline.new) == (1, 1)


def test_decisions_without_a_finding_are_known_by_their_rule(tmp_path: Path) -> None:
    build(tmp_path / "old", [SAMPLES[2]])
    file = known(tmp_path / "old", tmp_path / "b.jsonl")
    fired = sum(map(len, rules(tmp_path / "old").values()))
    again(tmp_path / "old", baseline=baselines.load(file))
    assert AuditFolder(tmp_path / "old").sql("SELECT count(*) FROM gating") == [(0,)]
    found = settled.read(tmp_path / "old")
    assert found is not None
    assert found.known == fired


def test_a_baseline_holds_no_name_and_no_value(tmp_path: Path) -> None:
    build(tmp_path / "old", [One("Maria Example.jpg", [EMAIL])])
    file = known(tmp_path / "old", tmp_path / "b.jsonl")
    text = file.read_text()
    assert "Maria" not in text
    assert EMAIL.token not in text
    assert EMAIL.preview not in text


def test_another_key_is_refused_before_anything_changes(tmp_path: Path) -> None:
    build(tmp_path / "old", SAMPLES)
    file = known(tmp_path / "old", tmp_path / "b.jsonl")
    build(tmp_path / "new", SAMPLES, token_key_id="x" * 16)
    before = contents(tmp_path / "new")
    with pytest.raises(AuditError, match="--token-key") as error:
        again(tmp_path / "new", baseline=baselines.load(file))
    assert KEY_ID in str(error.value)
    assert contents(tmp_path / "new") == before


RATED = (
    "pack: rated\ntitle: P\nversion: '1'\nchecked_on: 2026-11-22\nconfidence: K\ndescription: D\n"
    "disclaimer: N\nrules:\n"
    "- {id: many, title: T, why: W, match: {rate: {code: face, at_least: 0.4}}, severity: high, action: review,\n"
    "   tests: [{given: [face], expect: high}, {given: [], expect: none}]}\n"
)


@pytest.mark.parametrize("settling", [{}, {"suppressions": [suppression(code="time")]}])
def test_rules_that_ask_for_a_rate_decide_over_all_shards(tmp_path: Path, settling: dict[str, object]) -> None:
    pack = tmp_path / "p.yaml"
    pack.write_text(RATED)
    build(tmp_path / "audit", SAMPLES[:1], SAMPLES[1:])
    again(tmp_path / "audit", load(pack), **settling)
    assert rules(tmp_path / "audit") == {"a.jpg": ["rated/many"], "b.jpg": ["rated/many"]}
    pack.write_text(RATED.replace("0.4", "0.6"))
    again(tmp_path / "audit", load(pack), **settling)
    assert rules(tmp_path / "audit") == {}


def test_impact_does_not_see_what_was_accepted(tmp_path: Path) -> None:
    pack = tmp_path / "p.yaml"
    pack.write_text(RATED.replace("{rate: {code: face, at_least: 0.4}}", "{code: face}"))
    build(tmp_path / "audit", SAMPLES[:1], SAMPLES[1:])
    found = api.Audit(tmp_path / "audit").impact(str(pack), str(pack))
    assert found.rules["rated/many"].new == 2
    again(tmp_path / "audit", suppressions=[suppression(code="face", sample="a.jpg")])
    found = api.Audit(tmp_path / "audit").impact(str(pack), str(pack))
    assert found.rules["rated/many"].new == 1
