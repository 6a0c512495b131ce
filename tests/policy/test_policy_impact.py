"""From stored findings: the reader, rates at the end of a scan, impact, and the reasons of a decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from privacy_audit.api import Audit
from privacy_audit.cli import main
from privacy_audit.errors import AuditError
from privacy_audit.policy import Pack, decide, load, looked_at, rates
from privacy_audit.policy.load import _parse
from privacy_audit.run import redecide
from privacy_audit.run.scan import pack_text
from privacy_audit.store import manifest, schema, shards, stored
from privacy_audit.store.manifest import Manifest
from privacy_audit.types import Failure, Finding

HEAD = """\
pack: {name}
title: x
version: "1"
checked_on: 2026-01-31
confidence: K
disclaimer: x
description: x
rules:
"""
RULE = """\
  - id: {id}
    title: {id}
    why: It identifies.
    match: {match}
    severity: {severity}
    action: {action}
    tests:
      - {{given: [face], expect: {severity}}}
      - {{given: [], expect: none}}
"""


def pack(name: str, **rules: tuple[str, str, str]) -> Pack:
    """A pack of rules by id: match, severity, action."""
    body = "".join(
        RULE.format(id=key.replace("_", "-"), match=match, severity=severity, action=action)
        for key, (match, severity, action) in rules.items()
    )
    return _parse(HEAD.format(name=name) + body, name)


def finding(code: str, channel: Any = "pixels", score: float = 1.0, **attributes: str) -> Finding:
    return Finding(code, "test", score, channel, preview="SECRET", token="SECRET", attributes=attributes)


Sample = tuple[str, list[Finding], list[Failure]]
FAILED = Failure("decode", "unreadable", "m")
SAMPLES: list[list[Sample]] = [
    [
        ("a.jpg", [finding("face", band="report"), finding("gps.precise", "metadata")], []),
        ("b.jpg", [], []),
        ("c.jpg", [finding("face", score=0.35, band="review")], [FAILED]),
    ],
    [("d.jpg", [finding("provenance.unknown", "record")], []), ("e.jpg", [finding("face")], [])],
]

EVERY = [sample for shard in SAMPLES for sample in shard]


def audit_of(folder: Path, samples: list[list[Sample]], *packs: Pack) -> Audit:
    """Write an audit of these shards, decided by these packs."""
    for number, shard in enumerate(samples):
        rows: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
        for sample_id, findings, failures in shard:
            rows["samples"].append({"sample_id": sample_id, "visibility": "unknown", "training": "unspecified"})
            rows["findings"] += [schema.finding_row(sample_id, one) for one in findings]
            rows["failures"] += [schema.failure_row(sample_id, one) for one in failures]
            rows["decisions"] += [schema.decision_row(sample_id, one) for one in decide(packs, findings, failures)]
        for table in (*schema.TABLES, shards.MARKERS):
            (folder / table).mkdir(parents=True, exist_ok=True)
        counts = {table: len(rows[table]) for table in schema.TABLES}
        shards.write(folder, f"{number:06d}", rows, {"counts": counts})
    (folder / "packs").mkdir(exist_ok=True)
    for one in packs:
        (folder / "packs" / f"{one.pack}.yaml").write_text(pack_text(one), "utf-8")
    facts: dict[str, Any] = dict.fromkeys(Manifest.__dataclass_fields__, "")
    facts |= {
        "status": "complete",
        "options": {},
        "detectors": [],
        "packs": [],
        "counts": {"samples": 5, "findings": 5},
    }
    facts |= {"skipped_members": {}, "seconds": {}, "parts": {}, "declared": {}, "integrity": {}, "sampling": {}}
    facts |= {"reused": 0, "format_version": 1}
    manifest.write(folder, Manifest(**facts))
    return Audit(folder)


def read(folder: Path, *packs: Pack) -> list[tuple[str, stored.Facts]]:
    return list(stored.Reader(folder, looked_at(packs)).all())


# The reader


def test_samples_come_back_with_what_rules_look_at(tmp_path: Path) -> None:
    one = pack("one", sure=("{code: face, band: review, min_score: 0.35}", "high", "drop"))
    audit_of(tmp_path, SAMPLES, one)
    found = dict(read(tmp_path, one))
    assert list(found) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert found["c.jpg"].findings == (Finding("face", "", 0.35, "pixels", attributes={"band": "review"}),)
    assert [failure.stage for failure in found["c.jpg"].failures] == ["decode"]
    assert sorted((f.code, f.channel) for f in found["a.jpg"].findings) == [
        ("face", "pixels"),
        ("gps.precise", "metadata"),
    ]
    assert (found["b.jpg"].findings, found["b.jpg"].failures) == ((), ())
    for (_, findings, failures), facts in zip(EVERY, found.values(), strict=True):
        assert decide([one], facts.findings, facts.failures) == decide([one], findings, failures)


def test_alike_samples_share_their_facts(tmp_path: Path) -> None:
    samples = [[(f"{n}.jpg", [finding("face", score=n / 100), finding("time")], []) for n in range(40)]]
    audit_of(tmp_path, samples)
    assert len({facts for _, facts in read(tmp_path, pack("one", all=("{code: face}", "low", "keep")))}) == 1
    half = pack("one", half=("{code: face, min_score: 0.2}", "low", "keep"))
    assert len({facts for _, facts in read(tmp_path, half)}) == 2
    assert sum(bool(decide([half], facts.findings)) for _, facts in read(tmp_path, half)) == 20


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_a_sample_may_go_on_in_the_next_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(stored, "BATCH_ROWS", rows)
    samples = [[(f"{n}.jpg", [finding("face")] * (n % 4), [FAILED] * (n % 3)) for n in range(12)]]
    audit_of(tmp_path, samples)
    one = pack("one", all=("{code: face}", "low", "keep"))
    assert [(name, len(f.findings), len(f.failures)) for name, f in read(tmp_path, one)] == [
        (f"{n}.jpg", n % 4, n % 3) for n in range(12)
    ]


def test_memory_of_kinds_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_KINDS", 2)
    audit_of(tmp_path, [[(f"{n}.jpg", [finding("face", band=str(n))], [])] for n in range(6)])
    one = pack("one", all=("{code: face, attributes: {band: report}}", "low", "keep"))
    reader = stored.Reader(tmp_path, looked_at([one]))
    assert [facts.findings[0].attributes["band"] for _, facts in reader.all()] == list("012345")
    assert len(reader._findings) <= 3


def test_a_score_that_is_no_number_reaches_no_limit(tmp_path: Path) -> None:
    audit_of(tmp_path, [[("a.jpg", [finding("face", score=float("nan"))], [])]])
    one = pack("one", all=("{code: face, min_score: 0}", "low", "keep"))
    ((_, facts),) = read(tmp_path, one)
    assert decide([one], facts.findings) == []


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    audit_of(tmp_path, SAMPLES)
    path = shards.part(tmp_path, "findings", "000001")
    other = pq.read_table(path).set_column(0, "sample_id", pa.array(["x.jpg", "e.jpg"]))
    pq.write_table(other, path)
    with pytest.raises(AuditError, match="name different samples"):
        read(tmp_path)
    path.write_bytes(b"PAR1")
    with pytest.raises(AuditError, match="damaged or missing"):
        read(tmp_path)
    path.unlink()
    with pytest.raises(AuditError, match="damaged or missing"):
        read(tmp_path)


# Rates at the end of a scan


def decided(folder: Path) -> list[tuple[str, str]]:
    tables = [pq.read_table(path) for path in sorted((folder / "decisions").glob("*.parquet"))]
    return sorted((row["sample_id"], row["rule_id"]) for table in tables for row in table.to_pylist())


def test_rated_rules_are_decided_over_all_shards_and_again(tmp_path: Path) -> None:
    many = pack(
        "p", many=("{rate: {code: face, at_least: 0.6}}", "high", "review"), one=("{code: face}", "low", "keep")
    )
    audit_of(tmp_path, SAMPLES, many)
    every = [(name, "p/one") for name in ("a.jpg", "c.jpg", "e.jpg")]
    assert decided(tmp_path) == every
    for _ in range(2):
        redecide.again(tmp_path, ["000000", "000001"], [many])
        assert decided(tmp_path) == sorted(every + [(name, "p/many") for name, _ in every])
    facts = shards.read_marker(tmp_path, "000000")
    assert facts is not None
    assert shards.intact(tmp_path, facts)
    assert facts["counts"]["decisions"] == 4
    more = pack(
        "p", many=("{rate: {code: face, at_least: 0.7}}", "high", "review"), one=("{code: face}", "low", "keep")
    )
    redecide.again(tmp_path, ["000000", "000001"], [more])
    assert decided(tmp_path) == every


# Impact


def test_impact_counts_what_changes(tmp_path: Path) -> None:
    old = pack(
        "p", faces=("{code: face}", "medium", "{fill: [face]}"), places=("{code: gps.precise}", "high", "review")
    )
    new = pack(
        "p",
        faces=("{code: face, band: report}", "high", "drop"),
        unknown=("{code: provenance.unknown}", "low", "review"),
    )
    files = []
    for number, one in enumerate((old, new)):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(pack_text(one), "utf-8")
    audit = audit_of(tmp_path / "audit", SAMPLES, old)
    before = decided(tmp_path / "audit")
    found = audit.impact(str(files[0]), str(files[1]), examples=2)
    assert (found.samples, found.changed, found.stronger, found.weaker) == (5, 4, 3, 1)
    assert dict(found.actions) == {
        ("redact", "drop"): 2,
        ("keep", "keep"): 1,
        ("redact", "keep"): 1,
        ("keep", "review"): 1,
    }
    assert dict(found.severities) == {
        ("high", "high"): 1,
        ("none", "none"): 1,
        ("medium", "none"): 1,
        ("none", "low"): 1,
        ("medium", "high"): 1,
    }
    counts = {rule: (row.old, row.new, row.lost, row.gained) for rule, row in found.rules.items()}
    assert counts == {"p/faces": (3, 2, 1, 0), "p/places": (1, 0, 1, 0), "p/unknown": (0, 1, 0, 1)}
    assert [(name, old.action, new.action) for name, old, new in found.examples] == [
        ("a.jpg", "redact", "drop"),
        ("c.jpg", "redact", "keep"),
    ]
    assert decided(tmp_path / "audit") == before


def test_impact_is_what_deciding_sample_by_sample_says(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, SAMPLES, load("baseline"))
    found = audit.impact("baseline", ["baseline", "research-release"])
    packs = [load("baseline"), load("research-release")]
    every = EVERY
    shares = rates(packs, [findings for _, findings, _ in every])
    fired = [d.rule_id for _, findings, failures in every for d in decide(packs, findings, failures, rates=shares)]
    assert {rule: row.new for rule, row in found.rules.items()} == {rule: fired.count(rule) for rule in set(fired)}
    assert found.weaker == 0
    assert any(rule.endswith("mostly-unknown") for rule in found.rules)


# The commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    audit_of(tmp_path / "audit", SAMPLES, load("baseline"), load("gdpr"))
    return tmp_path / "audit"


def test_impact_prints_tables_or_json(folder: Path) -> None:
    result = run("impact", "baseline", "gdpr", "--audit", folder, "--with", "coppa", "--samples", 9)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("1 of 5 samples change: 0 to a stronger action, 0 to a weaker one, 1 in what")
    assert "baseline/faces" in result.stdout
    assert "d.jpg: review, medium -> review, high" in result.stdout
    found = json.loads(run("impact", "baseline", "gdpr", "--audit", folder, "--format", "json").stdout)
    assert (found["samples"], found["changed"], found["examples"]) == (5, 1, [])
    assert found["rules"]["gdpr/faces"] == {"old": 0, "new": 2, "lost": 0, "gained": 2}


def test_explain_a_sample(folder: Path) -> None:
    result = run("explain", "a.jpg", "--audit", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "a.jpg: redact (fill face; mask gps.precise; strip private), asked for by baseline, gdpr"
    assert lines[1] == "  severity high, visibility unknown, training unspecified"
    assert "      1  gps.precise in metadata" in lines
    assert "* gdpr/face-with-place: redact (fill face; mask gps.precise; strip private), high" in lines
    assert "    GDPR Art. 4(1), 5(1)(c) [K]" in lines
    assert "SECRET" not in result.stdout
    sample = json.loads(run("explain", "a.jpg", "--audit", folder, "--format", "json").stdout)["sample"]
    assert sample["packs"] == ["baseline", "gdpr"]
    assert sample["findings"][0] == {"code": "face", "channel": "pixels", "count": 1}
    assert {d["rule"]["rule_id"] for d in sample["decisions"] if d["strongest"]} >= {"baseline/faces", "gdpr/faces"}


def test_explain_a_sample_that_nothing_was_found_on(folder: Path) -> None:
    lines = run("explain", "b.jpg", "--audit", folder).stdout.splitlines()
    assert lines[0] == "b.jpg: keep: no rule fired"
    assert lines[-1] == "  nothing: the sample is kept"
    assert "  nothing" in lines


def test_explain_says_what_failed_and_what_is_weaker(folder: Path) -> None:
    text = run("explain", "c.jpg", "--audit", folder).stdout
    assert "failed: decode (unreadable)" in text
    assert "  baseline/unchecked: review, medium\n    because of its state, not of a finding" in text


def test_explain_a_rule(folder: Path) -> None:
    result = run("explain", "baseline/faces", "--audit", folder)
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[0]) == (0, "baseline/faces")
    assert "    match {code: face, band: report}" in lines
    assert "    severity medium, action {fill: [face]}" in lines
    assert "  It fired on 2 samples; on 0 of them no other rule asked for as strong an action." in lines
    assert "        2  by face" in lines
    rules = json.loads(run("explain", "faces", "--audit", folder, "--format", "json").stdout)["rules"]
    assert [rule["rule"]["rule_id"] for rule in rules] == ["baseline/faces", "gdpr/faces"]
    assert "It did not fire." in run("explain", "gdpr/opt-out", "--audit", folder).stdout


def test_explain_knows_decisions_of_no_pack(folder: Path) -> None:
    from privacy_audit.types import Action, Decision, Severity

    erased = Decision("subject/erasure", Severity.CRITICAL, Action("drop"))
    shards.add_decisions(folder, "000000", [schema.decision_row("b.jpg", erased)])
    assert "* subject/erasure: drop, critical" in run("explain", "b.jpg", "--audit", folder).stdout
    text = run("explain", "subject/erasure", "--audit", folder).stdout
    assert "on 1 of them no other rule" in text
    assert "not of a rule pack" in text


def test_explain_what_is_not_there(folder: Path) -> None:
    result = run("explain", "baseline/facs", "--audit", folder)
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: 'baseline/facs' is neither a sample nor a rule of this audit (did you mean 'baseline/faces'?).\n"
    )
    assert run("explain", "a.jpg", "--audit", folder / "none").exit_code == 2
    assert run("impact", "baseline", "gdrp", "--audit", folder).exit_code == 2


# init and coverage


def test_init_writes_a_pack_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "our-rules.yaml"
    result = run("init", "-o", path)
    assert result.exit_code == 0
    assert load(str(path)).pack == "our-rules"
    assert "policy test --coverage" in result.stdout
    tested = run("test", "--coverage", path)
    assert (tested.exit_code, tested.stderr) == (0, "")
    assert tested.stdout == "our-rules: 5 rules, 12 tests, all passed, coverage 100 %\n"
    assert "privacy-audit policy validate our-rules.yaml" in path.read_text("utf-8")
    again = run("init", "-o", path)
    assert (again.exit_code, again.stderr) == (
        2,
        f"Error: {path} exists. Write over it with --force, or name another file with -o.\n",
    )
    assert run("init", "-o", path, "--force").exit_code == 0
    assert run("init", "-o", path / "x.yaml").exit_code == 2


@pytest.mark.parametrize("name", ["gdpr.yaml", "Ours (2).yaml", "-.yaml"])
def test_a_file_whose_name_is_none_for_a_pack_gets_another(tmp_path: Path, name: str) -> None:
    assert run("init", "-o", tmp_path / name).exit_code == 0
    assert load(tmp_path / name).pack == "my-pack"


def test_coverage_of_all_built_in_packs() -> None:
    result = run("test", "--coverage")
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(line.endswith(", all passed, coverage 100 %") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("match", "tests", "missing"),
    [
        (
            "{code: face}",
            ["{given: [face], expect: high}", "{given: [], expect: none}"],
            ["p/a: no test asserts its action"],
        ),
        (
            "{any: [{code: face}, {all: [{code: time}, {any: [{visibility: private}, {visibility: public}]}]}]}",
            [
                "{given: [face], expect: high, action: review}",
                "{given: [time], visibility: public, expect: high}",
                "{given: [], expect: none}",
            ],
            ["p/a: no test fires by match.any[2].all[2].any[1]"],
        ),
        (
            "{rate: {code: face, at_least: 0.5}}",
            [
                "{given: [face], expect: high, action: review}",
                "{given: [time], rate: 0.1, expect: none}",
            ],
            ["p/a: no test in which the rate of match is too low"],
        ),
        (
            "{rate: {code: face, at_least: 0.5}}",
            [
                "{given: [face], rate: 0.5, expect: high, action: review}",
                "{given: [face], rate: 0.4, expect: none}",
            ],
            [],
        ),
    ],
)
def test_what_no_test_asserts_is_named(tmp_path: Path, match: str, tests: list[str], missing: list[str]) -> None:
    text = (
        HEAD.format(name="p")
        + f"  - id: a\n    title: a\n    why: a\n    match: {match}\n    severity: high\n    action: review\n"
    )
    path = tmp_path / "p.yaml"
    path.write_text(text + "    tests:\n" + "".join(f"      - {test}\n" for test in tests), "utf-8")
    result = run("test", "--coverage", path)
    assert result.stderr.splitlines() == missing
    assert result.exit_code == (1 if missing else 0)
    assert run("test", path).exit_code == 0


def test_a_test_that_fails_covers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    rule = RULE.format(id="a", match="{code: time}", severity="high", action="drop")
    path.write_text(HEAD.format(name="p") + rule, "utf-8")
    result = run("test", "--coverage", path)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == ["p/a: no test in which it fires", "p/a: no test asserts its action"]
    assert result.stdout == "p: 1 rule, 2 tests, 1 failed, coverage 33 %\n"
