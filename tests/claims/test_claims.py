"""Claims against evidence: counts to grades, three seeded datasets, the file, the command and the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit import api, stats
from privacy_audit.claims import results, words
from privacy_audit.claims.grade import GRADES, Evidence, grade
from privacy_audit.claims.kinds import KINDS
from privacy_audit.claims.schema import STARTER, json_schema, load
from privacy_audit.cli import main
from privacy_audit.errors import AuditError, PolicyError
from privacy_audit.resources import folder as resources
from privacy_audit.run.shard import NO_PICTURE, NO_TEXT
from privacy_audit.store import manifest, schema, shards
from privacy_audit.store.manifest import DetectorEntry, Manifest
from privacy_audit.types import Failure, Finding

MANY = 2_000
ALL = ("faces", "metadata", "captions", "provenance", "image_text", "barcodes")
FACE = Finding("face", "faces", 0.9, "pixels", attributes={"band": "report"})
UNSURE = Finding("face", "faces", 0.3, "pixels", attributes={"band": "review"})
CC = Finding("rights", "provenance", 1.0, "record", attributes={"license": "CC-BY-4.0", "scope": "sample"})
RESERVED = Finding("rights", "provenance", 1.0, "record", attributes={"license": "all-rights-reserved"})
COLLECTION = Finding("rights", "provenance", 1.0, "record", attributes={"license": "CC-BY-4.0", "scope": "dataset"})
GPS = Finding("gps.precise", "metadata", 1.0, "metadata")
COARSE = Finding("gps.coarse", "metadata", 1.0, "metadata")
GPS_IN_TEXT = Finding("gps.precise", "barcodes", 1.0, "barcode")
EMAIL = Finding("contact.email", "captions", 1.0, "caption")
OPT_OUT = Finding("provenance.opt_out", "provenance", 1.0, "metadata")
MINOR = Finding("person.minor", "captions", 1.0, "caption")
TABLE = {"rows": [{"report": None}, {"report": [0.9, 0.8, 0.95]}, {"report": [0.99, 0.97, 1.0]}]}

Change = Callable[[int], dict[str, Any]]


def audit(
    path: Path,
    change: Change = lambda _: {},
    *,
    count: int = 20,
    ran: tuple[str, ...] = ALL,
    tables: bool = True,
    **facts: Any,
) -> Path:
    """An audit of public CC pictures without anything personal, but for what `change` says of a sample's number."""
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
    for number in range(count):
        odd = change(number)
        findings = odd.pop("findings", [CC])
        failed = odd.get("failed", [])
        plain = {"visibility": "public", "training": "unspecified", "failed": [], "skipped": []}
        checked = [name for name in ran if name not in failed]
        sample = {"sample_id": f"{number}.jpg", "shard": "000000", "format": "jpeg", "checked": checked}
        rows["samples"].append({**sample, **plain, **odd})
        rows["findings"] += [schema.finding_row(f"{number}.jpg", one) for one in findings]
        rows["failures"] += [schema.failure_row(f"{number}.jpg", Failure(s, "error", "m")) for s in failed]
    path.mkdir(parents=True)
    counts = {table: len(rows[table]) for table in schema.TABLES}
    shards.write(path, "000000", rows, {"counts": counts})
    marker = shards.read_marker(path, "000000")
    assert marker is not None
    detectors = [
        DetectorEntry(name, "1", "", [], "m", "l", tables=[TABLE] if name == "faces" and tables else [])  # type: ignore[list-item]
        for name in ran
    ]
    texts = dict.fromkeys(
        ("tool_version", "started", "finished", "source_kind", "source_name", "source_fingerprint", "plan_hash"), "x"
    )
    said = {"status": "complete", "policy_hash": "", "token_key_id": "", "options": {}, "packs": [], **facts}
    manifest.write(path, Manifest(**texts, **said, detectors=detectors, counts=counts, parts=marker["parts"]))
    return path


def file(tmp_path: Path, *kinds: str) -> Path:
    path = tmp_path / "claims.yaml"
    path.write_text("claims:\n" + "".join(f"  - {{kind: {kind}}}\n" for kind in kinds))
    return path


def graded(tmp_path: Path, kind: str, change: Change = lambda _: {}, **facts: Any) -> results.Result:
    """One claim (flow YAML after `kind:`), against an audit as `audit` makes it."""
    (found,) = api.claims(file(tmp_path, kind), audit=audit(tmp_path / "a", change, **facts)).results
    return found


def first(**odd: Any) -> Change:
    return lambda number: dict(odd) if number == 0 else {}


# Three seeded datasets


def seeded(tmp_path: Path, change: Change, **facts: Any) -> dict[str, str]:
    kinds = [kind for kind in KINDS if kind not in {"no-children", "opt-outs-honoured"}]
    found = api.claims(file(tmp_path, *kinds), audit=audit(tmp_path / "a", change, count=MANY, **facts))
    return {result.kind: result.graded.grade for result in found.results}


def test_an_honest_dataset_is_supported(tmp_path: Path) -> None:
    assert set(seeded(tmp_path, lambda _: {}).values()) == {"supported"}


def test_one_counter_example_in_two_thousand_contradicts(tmp_path: Path) -> None:
    odd = {"visibility": "private", "findings": [RESERVED, FACE, GPS, EMAIL]}
    found = seeded(tmp_path, lambda number: dict(odd) if number == 1234 else {})
    assert found.pop("no-identifiers-in-pictures") == "supported"
    assert set(found.values()) == {"contradicted"}
    (row,) = api.claims(file(tmp_path, "only-public"), audit=tmp_path / "a").results
    assert row.evidence.counter == 1
    assert words.reason(row.graded.reasons[0]) == "1 of 2,000 samples say the opposite."
    assert row.graded.low < 1 / MANY < row.graded.high


def test_without_evidence_nothing_is_supported(tmp_path: Path) -> None:
    found = seeded(tmp_path, lambda _: {"visibility": "unknown", "findings": []}, ran=("provenance",))
    assert set(found.values()) == {"unsupported"}


# Single claims


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("only-public", first(visibility="restricted"), "contradicted"),
        ("only-public", first(visibility="unknown"), "partly"),
        ("only-public", lambda number: {"visibility": "unknown"} if number else {}, "unsupported"),
        ("only-public, coverage: 0.9", first(visibility="unknown"), "supported"),
        ("no-children", lambda _: {}, "partly"),
        ("no-children", first(findings=[MINOR]), "contradicted"),
        ("faces-blurred", lambda _: {}, "supported"),
        ("faces-blurred", first(findings=[UNSURE]), "partly"),
        ("faces-blurred", first(findings=[UNSURE, FACE]), "contradicted"),
        ("faces-blurred", first(failed=["faces"]), "partly"),
        ("faces-blurred", lambda number: {"failed": ["faces"]} if number % 3 else {}, "unsupported"),
        ("faces-blurred", first(checked=[], skipped=[("faces", NO_PICTURE)]), "supported"),
        ("faces-blurred", first(checked=[], skipped=[("faces", "not installed")]), "partly"),
        ("licences", first(findings=[]), "partly"),
        ("licences", first(findings=[COLLECTION]), "partly"),
        ("licences", first(findings=[CC, RESERVED]), "contradicted"),
        ("licences, allowed: [CC0-1.0]", lambda _: {}, "contradicted"),
        ("licences, allowed: [all-rights-reserved, CC-BY*]", first(findings=[RESERVED]), "supported"),
        ("gps-removed", first(findings=[COARSE]), "contradicted"),
        ("gps-removed, precision: precise", first(findings=[COARSE]), "supported"),
        ("gps-removed", first(findings=[GPS_IN_TEXT]), "supported"),
        ("metadata-removed", first(findings=[GPS]), "contradicted"),
        ("opt-outs-honoured", lambda _: {}, "partly"),
        ("opt-outs-honoured", first(training="denied"), "contradicted"),
        ("opt-outs-honoured", first(findings=[OPT_OUT]), "contradicted"),
        ("no-personal-data-in-captions", first(findings=[GPS]), "supported"),
        ("no-personal-data-in-captions", first(checked=[], skipped=[("captions", NO_TEXT)]), "supported"),
        ("no-identifiers-in-pictures", first(findings=[EMAIL]), "supported"),
    ],
)  # fmt: skip
def test_grades(tmp_path: Path, kind: str, change: Change, expected: str) -> None:
    assert graded(tmp_path, kind, change).graded.grade == expected


def test_a_detector_that_did_not_run_supports_nothing_but_what_was_found_contradicts(tmp_path: Path) -> None:
    found = graded(tmp_path, "no-identifiers-in-pictures", ran=("image_text",))
    assert (found.graded.grade, found.evidence.not_run) == ("unsupported", ("barcodes",))
    plate = Finding("id.plate", "image_text", 1.0, "image_text")
    path = audit(tmp_path / "b", first(findings=[plate]), ran=("image_text",))
    assert api.claims(file(tmp_path, "no-identifiers-in-pictures"), audit=path).exit_code == 1


def test_the_miss_rate_widens_what_is_supported(tmp_path: Path) -> None:
    found = graded(tmp_path, "faces-blurred", count=300)
    assert found.evidence.recall == 0.8
    assert found.graded.high == pytest.approx(stats.upper_bound_of_none(300) / 0.8)
    assert "supported up to a rate of 1.24 %" in words.reason(found.graded.reasons[0])
    unmeasured = graded(tmp_path / "b", "faces-blurred", tables=False) if (tmp_path / "b").mkdir() is None else None
    assert unmeasured is not None
    assert [reason.name for reason in unmeasured.graded.reasons] == ["found_none", "unmeasured"]


def test_a_sample_says_so() -> None:
    evidence = Evidence(100, 100, 0, 0, population=5000, clustered=True)
    reasons = [reason.name for reason in grade(KINDS["gps-removed"], 0.99, evidence).reasons]
    assert reasons == ["found_none", "unmeasured", "sampled", "clustered"]


COUNTS = st.integers(0, 50)


@given(st.sampled_from(list(KINDS.values())), st.floats(0.01, 1), COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_worse_evidence_never_gives_a_better_grade(
    kind: Any, wanted: float, samples: int, looked: int, counter: int, waiting: int, stated: bool
) -> None:
    looked = min(looked, samples)
    evidence = Evidence(samples, looked, samples - looked, 0, looked if stated else None, waiting)
    found = grade(kind, wanted, evidence)
    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.coverage <= 1
    worse = [
        replace(evidence, not_run=("x",)),
        replace(evidence, waiting=waiting + 1),
        replace(evidence, looked=looked // 2),
        replace(evidence, counter=min(counter, samples)),
    ]
    for other in worse:
        assert GRADES.index(grade(kind, wanted, other).grade) >= GRADES.index(found.grade)
    if counter and samples:
        assert grade(kind, wanted, worse[-1]).grade == "contradicted"


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_kind_grade_and_reason_has_words(language: str) -> None:
    assert {words.kind(name, language) for name in KINDS}.isdisjoint(KINDS)
    assert set(words._KINDS) == set(KINDS)
    assert len({words.grade(name, language) for name in GRADES}) == 4
    assert {f"capped.{kind.name}" for kind in KINDS.values() if kind.capped} <= set(words._REASONS)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.99999999, ">99.99 %"), (0.012345, "1.23 %"), (0.995, "99.5 %")]
)
def test_shares(value: float, text: str) -> None:
    assert words.share(value) == text


# The file


def test_the_starter_is_valid_and_the_schema_current(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(STARTER)
    assert len(load(path)) == 8
    stored = resources("reports").joinpath("schemas", "claims.schema.json").read_text("utf-8")
    assert stored == json_schema(), "run: privacy-audit claims schema > reports/schemas/claims.schema.json"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("claims:\n  - kind: faces-blured\n", r"2:11: .*did you mean 'faces-blurred'"),
        ("claims:\n  - {kind: gps-removed, covrage: 1}\n", r"2:25: unknown key 'covrage'.*coverage"),
        ("claims:\n  - {kind: gps-removed, coverage: 2}\n", r"2:35: .*share above 0"),
        ("claims:\n  - {kind: gps-removed, precision: some}\n", r"2:36: .*any or precise"),
        ("claims:\n  - {kind: only-public, allowed: [CC*]}\n", r"2:5: .*belongs to the kind licences"),
        ("claims:\n  - kind: only-public\n  - kind: only-public\n", r"3:11: a second claim"),
        ("claims: []\n", r"1:9: "),
        ("claims:\n  - said: x\n", r"2:5: 'kind' is missing"),
        ("claims: !!python/object:os.system x\n", r"1:9: "),
        ("a: &a [x]\nclaims: [*a, *a]\n", r"c\.yaml:"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=says):
        load(path)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("claims:\n" + "".join(f"  - {{kind: k{n}}}\n" for n in range(50)))
    with pytest.raises(PolicyError) as error:
        load(path)
    assert len(error.value.args) == 50 or str(error.value).count("unknown kind") == 50


# The command and the report


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["claims", *map(str, args)])


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (("gps-removed",), 0),
        (("no-children",), 0),
        (("gps-removed", "only-public"), 3),
        (("licences", "only-public", "faces-blurred"), 1),
    ],
)
def test_exit_codes(tmp_path: Path, kinds: tuple[str, ...], code: int) -> None:
    path = audit(tmp_path / "a", lambda _: {"visibility": "unknown", "findings": [FACE]})
    result = run(file(tmp_path, *kinds), "--audit", path)
    assert result.exit_code == code, result.output
    assert run("--audit", path, tmp_path / "claims.yaml").exit_code == code


def test_formats_and_languages(tmp_path: Path) -> None:
    path = audit(tmp_path / "a")
    claims = file(tmp_path, "gps-removed")
    found = json.loads(run(claims, "--audit", path, "--format", "json").stdout)
    assert (found["exit_code"], found["claims"][0]["graded"]["grade"]) == (0, "supported")
    assert run(claims, "--audit", path).stdout.startswith("SUPPORTED  Places of capture removed\n  None was found")
    shown = run(claims, "--audit", path, "--format", "md", "--lang", "id").stdout
    assert "| Lokasi pemotretan dihapus | **didukung** |" in shown


def test_init_writes_a_file_once(tmp_path: Path) -> None:
    target = tmp_path / "c.yaml"
    assert run("init", "-o", target).exit_code == 0
    assert target.read_text() == STARTER
    assert run("init", "-o", target).exit_code == 2
    assert run("init", "-o", target, "--force").exit_code == 0
    assert json.loads(run("schema").stdout)["title"] == "Claims"


def test_an_unfinished_audit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="not finished"):
        graded(tmp_path, "only-public", status="partial")


def test_the_report_shows_the_grades_until_the_findings_change(tmp_path: Path) -> None:
    path = audit(tmp_path / "a", first(findings=[FACE]), tables=False)
    claims = tmp_path / "claims.yaml"
    claims.write_text("claims:\n  - {kind: faces-blurred, said: '<b>all faces</b>'}\n")
    api.claims(claims, audit=path, store=False)
    assert 'id="claims"' not in api.Audit(path).report().read_text("utf-8")
    found = api.claims(claims, audit=path)
    assert results.read(path, manifest.read(path)) == found
    page = api.Audit(path).report().read_text("utf-8")
    section = page[page.index('id="claims"') : page.index('id="findings"')]
    assert "contradicted" in section
    assert "&lt;10 of 10 or more samples say the opposite." in section
    assert "&lt;b&gt;all faces" in section
    changed = manifest.read(path)
    manifest.write(path, replace(changed, parts={**changed.parts, "findings/000000.parquet": "0" * 64}))
    assert results.read(path, manifest.read(path)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1, "of": "OF", "claims": [{"kind": "x"}]}'])
def test_a_damaged_file_of_grades_is_said(tmp_path: Path, text: str) -> None:
    path = audit(tmp_path / "a")
    stored = manifest.read(path)
    (path / results.NAME).write_text(text.replace("OF", results.state(stored)))
    with pytest.raises(AuditError, match="damaged"):
        results.read(path, stored)
