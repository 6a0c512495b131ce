from __future__ import annotations

from pathlib import Path

import pytest
from report_audits import BROKEN, FACES, HIGH, MEDIUM, METADATA, Item, build, face, found, redaction

from privacy_audit.report.measure import KINDS, summarise
from privacy_audit.report.summary import Summary
from privacy_audit.store import redactions
from privacy_audit.store.manifest import PackEntry
from privacy_audit.types import Action, Decision, Failure, Severity


@pytest.mark.parametrize(
    ("items", "changes", "state"),
    [
        ([Item("a")], {}, "pass"),
        ([Item("a", [face()], decisions=[MEDIUM])], {}, "pass"),
        ([Item("a", decisions=[HIGH])], {}, "violated"),
        ([Item("a", decisions=[MEDIUM])], {"options": {"fail_on": "low"}}, "violated"),
        ([Item("a", decisions=[HIGH])], {"options": {"fail_on": "critical"}}, "pass"),
        ([Item("a", decisions=[HIGH])], {"options": {}}, "violated"),
        ([Item("a", decisions=[HIGH])], {"options": {"fail_on": ["odd"]}}, "violated"),
        ([Item("a", decisions=[HIGH])], {"options": {"fail_on": "none"}}, "unjudged"),
        ([Item("a", failures=[BROKEN])], {}, "incomplete"),
        ([Item("a", failed=["faces"])], {}, "incomplete"),
        ([Item("a")], {"status": "partial"}, "incomplete"),
        ([Item("a", decisions=[HIGH], failures=[BROKEN])], {"status": "partial"}, "violated"),
        ([Item("a", skipped={"faces": "no picture"})], {}, "pass"),
        ([Item("a")], {"counts": {"samples": 2}}, "incomplete"),
        ([Item("a")], {"parts": {"findings/gone.parquet": "0"}}, "incomplete"),
        ([Item("a")], {"packs": []}, "unjudged"),
        ([], {}, "unjudged"),
        ([], {"status": "partial"}, "incomplete"),
    ],
)
def test_verdict_follows_the_exit_code(
    tmp_path: Path, items: list[Item], changes: dict[str, object], state: str
) -> None:
    assert summarise(build(tmp_path, items, **changes)).verdict.state == state


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    items = [
        Item("both", [face(100), face(300), found("gps.precise"), found("time")], decisions=[HIGH, MEDIUM]),
        Item("face", [face(20)], visibility="private", training="denied", decisions=[MEDIUM]),
        Item("name", [found("name.owner"), found("contact.email"), found("rights")], width=None, height=None),
        Item("fact", [found("provenance.public", "provenance")], format="png", width=4000, height=3000),
        Item("none", visibility=None, training=None, format=None, bytes=None, checked=["metadata"]),
        Item("lost", checked=["metadata"], failed=["faces"], failures=[Failure("faces", "timeout", "took too long")]),
        Item("text", checked=[], skipped={"faces": "no picture", "metadata": "no picture"}, visibility="odd"),
    ]
    return summarise(build(tmp_path, items))


def test_verdict_counts_samples(summary: Summary) -> None:
    assert (summary.verdict.violating, summary.verdict.unchecked, summary.verdict.missing) == (1, 1, 0)


def test_coverage(summary: Summary) -> None:
    rows = {row.stage: (row.version, row.checked, row.failed, row.skipped) for row in summary.scope.coverage}
    assert rows == {"faces": ("1", 4, 1, 1), "metadata": ("2", 6, 0, 1)}
    assert [(row.stage, row.reason, row.samples) for row in summary.scope.skips.rows] == [
        ("faces", "no picture", 1),
        ("metadata", "no picture", 1),
    ]


def test_scope(summary: Summary) -> None:
    assert (summary.scope.samples, summary.scope.with_picture, summary.scope.size_bytes) == (7, 6, 12_000)
    assert [(row.name, row.samples) for row in summary.scope.formats.rows] == [("jpeg", 5), ("", 1), ("png", 1)]


def test_severity_comes_from_the_rule_else_from_the_taxonomy(summary: Summary) -> None:
    rows = {row.severity.value: (row.samples, row.findings) for row in summary.findings.severities}
    assert rows == {"critical": (0, 0), "high": (2, 2), "medium": (1, 4), "low": (0, 1), "info": (1, 2)}
    assert (summary.findings.findings, summary.findings.samples) == (9, 3)


def test_a_rule_can_lower_and_split_the_severity_of_a_kind(tmp_path: Path) -> None:
    low = Decision("baseline/mail", Severity.LOW, Action("keep"), ("contact.email",))
    items = [Item("a", [found("contact.email")], decisions=[low]), Item("b", [found("contact.email")])]
    kind = summarise(build(tmp_path, items)).findings.kinds.rows[0]
    assert (kind.severity, kind.by_severity) == (Severity.HIGH, (0, 1, 0, 1, 0))


def test_kinds_are_shares_of_what_was_checked_for_them(summary: Summary) -> None:
    rows = {row.code: (row.samples, row.findings, row.checked) for row in summary.findings.kinds.rows}
    assert rows["face"] == (2, 3, 4)
    assert rows["gps.precise"] == (1, 1, 6)
    assert list(rows)[:2] == ["contact.email", "gps.precise"]


def test_kinds_that_were_sought_and_not_found(summary: Summary) -> None:
    rows = {row.code: (row.checked, row.upper_bound) for row in summary.findings.absent.rows}
    assert rows["id.iban"][0] == 6
    assert rows["id.iban"][1] == pytest.approx(1 - 0.05 ** (1 / 6))
    assert "face" not in rows
    assert summary.findings.not_sought == ("person.match",)


def test_linkage(summary: Summary) -> None:
    rows = {row.parts: row.samples for row in summary.linkage.named}
    assert rows["face", "place"] == rows["face", "place", "time"] == rows["name", "contact"] == 1
    assert rows["face", "name"] == 0
    assert {row.parts: row.samples for row in summary.linkage.exact.rows} == {
        ("face", "place", "time"): 1,
        ("name", "contact"): 1,
    }
    assert summary.linkage.not_public == 1


def test_linkage_says_what_was_not_sought(tmp_path: Path) -> None:
    rows = {row.parts: row.sought for row in summarise(build(tmp_path, detectors=[METADATA])).linkage.named}
    assert rows["name", "contact"]
    assert not rows["face", "name"]


def test_provenance_without_evidence_is_unknown(summary: Summary) -> None:
    rows = {row.visibility: (row.samples, row.trainings) for row in summary.provenance}
    assert rows == {
        "public": (4, (4, 0, 0, 0)),
        "restricted": (0, (0, 0, 0, 0)),
        "private": (1, (0, 0, 0, 1)),
        "unknown": (2, (2, 0, 0, 0)),
    }


def test_the_strongest_action_counts_and_the_rest_is_kept(summary: Summary) -> None:
    assert dict(summary.decisions.actions) == {"keep": 5, "review": 1, "redact": 1, "drop": 0, "quarantine": 0}
    asked = {"keep": (), "review": ("baseline",), "redact": ("baseline",), "drop": (), "quarantine": ()}
    assert dict(summary.decisions.asked) == asked


@pytest.mark.parametrize("key", ["place", "baseline/place"])
def test_rules_are_explained_by_their_pack(tmp_path: Path, key: str) -> None:
    told = {"title": "A place", "why": "It shows a home.", "severity": "high", "law": "GDPR Art. 4(1)"}
    pack = PackEntry("baseline", "Baseline", "1", rules={key: told, "other": {"title": "Other"}})
    items = [Item("a", decisions=[HIGH, HIGH]), Item("b", decisions=[HIGH]), Item("c", decisions=[MEDIUM])]
    summary = summarise(build(tmp_path, items, packs=[pack]))
    first, second = summary.decisions.rules.rows
    assert (first.pack, first.rule, first.title, first.why, first.law) == (
        "baseline",
        "place",
        "A place",
        "It shows a home.",
        "GDPR Art. 4(1)",
    )
    assert (first.samples, first.severity, first.actions) == (2, Severity.HIGH, ("redact",))
    assert (second.title, second.law) == ("face", "")
    assert summary.decisions.silent == (("baseline", 1),)
    laws = summary.packs.rows[0].laws.rows
    assert [(row.law, row.rules, row.samples) for row in laws] == [("GDPR Art. 4(1)", ("A place",), 2)]


def test_histograms(summary: Summary) -> None:
    histograms = {histogram.name: histogram for histogram in summary.histograms}
    bins = {name: {key: n for key, n in histogram.bins if n} for name, histogram in histograms.items()}
    assert bins["face_size"] == {"2": 1, "4": 1, "5": 1}  # 2 %, 10 % and 30 % of the long side
    assert histograms["face_size"].median == pytest.approx(10)
    assert bins["faces_per_picture"] == {"none": 2, "0": 1, "1": 1}
    assert bins["location"] == {"precise": 1, "none": 5}
    assert bins["picture_size"] == {"2": 5, "5": 1}
    assert bins["channel"] == {"pixels": 2, "metadata": 3}


def test_failures_are_grouped(tmp_path: Path) -> None:
    items = [Item(str(number), failures=[BROKEN]) for number in range(3)]
    items += [Item(f"m{number}", failures=[Failure("faces", "error", f"reason {number}")]) for number in range(60)]
    failures = summarise(build(tmp_path, items)).failures
    assert (failures.rows[0].message, failures.rows[0].samples) == ("the file is cut off", 3)
    assert (len(failures.rows), failures.more) == (50, 11)


def test_rankings_are_cut(tmp_path: Path) -> None:
    items = [Item("a", [found(f"plugin.kind{number}") for number in range(KINDS + 7)])]
    kinds = summarise(build(tmp_path, items)).findings.kinds
    assert (len(kinds.rows), kinds.more) == (KINDS, 7)


def test_what_the_manifest_names_and_the_folder_lacks(tmp_path: Path) -> None:
    audit = build(tmp_path, [Item("a", [face()])], counts={"samples": 3, "findings": 1})
    (tmp_path / "decisions" / "00000.parquet").unlink()
    summary = summarise(audit)
    assert summary.integrity.mismatches == (("samples", 3, 1),)
    assert summary.integrity.missing_parts == 1
    assert summary.verdict.missing == 3


def test_skipped_members_are_counted_beyond_the_ranking(tmp_path: Path) -> None:
    scope = summarise(build(tmp_path, skipped_members={f"reason {number}": 2 for number in range(30)})).scope
    assert (scope.skipped_member_count, scope.skipped_members.more) == (60, 10)


def test_an_empty_audit(tmp_path: Path) -> None:
    summary = summarise(build(tmp_path))
    assert summary.scope.samples == 0
    assert summary.findings.kinds.rows == ()
    assert all(histogram.total == 0 for histogram in summary.histograms)


def test_measuring_leaves_no_trace_and_repeats(tmp_path: Path) -> None:
    audit = build(tmp_path, [Item("a", [face()])])
    assert summarise(audit) == summarise(audit)
    assert audit.sql("SELECT count(*) FROM duckdb_tables()") == [(0,)]


@pytest.mark.parametrize(("policy_hash", "current"), [("2" * 64, True), ("9" * 64, False)])
def test_redaction_is_read_and_compared(tmp_path: Path, policy_hash: str, current: bool) -> None:
    audit = build(tmp_path, [Item("a", [face()])], detectors=[FACES])
    redactions.write(tmp_path, redaction(policy_hash=policy_hash), [])
    measured = summarise(audit).redaction
    assert measured is not None
    assert measured.current is current
