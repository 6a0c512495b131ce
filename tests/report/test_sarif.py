"""The SARIF log: its shape, its order, and what GitHub asks of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_audits import BROKEN, HIGH, MEDIUM, Item, build, face, found

from privacy_audit.report.exports import sarif
from privacy_audit.types import Action, Decision, Severity

ITEMS = [
    Item("a b/ü#x.jpg", [face(), face(), found("gps.precise", preview="coordinates")], decisions=[HIGH, MEDIUM]),
    Item("t.csv#17", [found("contact.email", preview="m***@***.com, 22 chars", token="ab" * 12)]),
    Item("c.jpg", [found("rights")], failures=[BROKEN]),
    Item("clean.jpg"),
]


def test_results_are_ordered_by_severity_and_hold_masked_previews(tmp_path: Path) -> None:
    (run,) = sarif.render(build(tmp_path, ITEMS))["runs"]
    results = run["results"]
    assert [result["ruleId"] for result in results] == ["contact.email", "gps.precise", "face", "rights"]
    assert [result["level"] for result in results] == ["error", "error", "warning", "note"]
    assert results[0]["message"]["text"] == "E-mail address, in metadata: m***@***.com, 22 chars."
    assert results[2]["message"]["text"] == "Face, in pixels, 2 times."
    assert results[1]["properties"]["rules"] == ["baseline/place"]
    assert "abab" not in json.dumps(run), "no token"


def test_a_sample_is_named_by_its_path(tmp_path: Path) -> None:
    results = sarif.render(build(tmp_path, ITEMS))["runs"][0]["results"]
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results]
    assert uris == ["t.csv#17", "a%20b/%C3%BC%23x.jpg", "a%20b/%C3%BC%23x.jpg", "c.jpg"]


def test_rules_and_results_fit_together(tmp_path: Path) -> None:
    (run,) = sarif.render(build(tmp_path, ITEMS))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert all(len(rule["properties"]["tags"]) <= 10 for rule in rules)


def test_the_worst_are_listed_and_the_rest_is_counted(tmp_path: Path) -> None:
    items = [Item(f"{number}.jpg", [face()]) for number in range(30)]
    items.append(Item("z.jpg", [found("secret", preview="***, 40 chars")]))
    (run,) = sarif.render(build(tmp_path, items), limit=10)["runs"]
    assert len(run["results"]) == 10
    assert run["results"][0]["ruleId"] == "secret"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"].startswith("21 more results")
    assert run["properties"]["results"] == 31


@pytest.mark.parametrize("limit", [0, -1, 10**9])
def test_any_limit_is_survived(tmp_path: Path, limit: int) -> None:
    (run,) = sarif.render(build(tmp_path, ITEMS), limit=limit)["runs"]
    assert len(run["results"]) == (4 if limit > 0 else 0)
    assert run["properties"]["results"] == 4


def test_a_decision_changes_the_severity(tmp_path: Path) -> None:
    decision = Decision("mine/faces", Severity.CRITICAL, Action("drop"), ("face",))
    (run,) = sarif.render(build(tmp_path, [Item("a.jpg", [face()], decisions=[decision])]))["runs"]
    assert run["results"][0]["level"] == "error"
    assert run["results"][0]["properties"]["severity"] == "critical"


def test_what_could_not_be_checked_is_said(tmp_path: Path) -> None:
    notes = sarif.render(build(tmp_path, ITEMS))["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == ["picture: 1 sample could not be checked (unreadable)."]


def test_fingerprints_are_stable_and_differ(tmp_path: Path) -> None:
    one, other = (sarif.render(build(tmp_path / name, ITEMS))["runs"][0]["results"] for name in "ab")
    prints = [result["partialFingerprints"]["sampleCodeChannel/v1"] for result in one]
    assert prints == [result["partialFingerprints"]["sampleCodeChannel/v1"] for result in other]
    assert len(set(prints)) == len(prints)


def test_an_empty_audit_has_no_results(tmp_path: Path) -> None:
    assert sarif.render(build(tmp_path))["runs"][0]["results"] == []
