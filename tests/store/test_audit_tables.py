"""What goes into the tables of an audit comes out again; a shard exists whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.errors import AuditError
from privacy_audit.store import manifest as manifests
from privacy_audit.store import redactions, schema, shards
from privacy_audit.store.folder import AuditFolder, Table
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.types import Action, Box, Decision, Failure, Finding, Quad, Severity, Span, Tag

FLOATS = st.floats(-1e6, 1e6, width=32, allow_nan=False)
SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
WHERES = st.one_of(
    st.none(),
    st.builds(Box, FLOATS, FLOATS, FLOATS, FLOATS),
    st.builds(Quad, st.tuples(*[st.tuples(FLOATS, FLOATS)] * 4)),
    st.builds(Span, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
    st.builds(Tag, SHORT),
)
CHANNELS = st.sampled_from(["pixels", "metadata", "caption", "filename", "url", "image_text", "barcode", "record"])
FINDINGS = st.builds(
    Finding,
    code=SHORT,
    detector=SHORT,
    score=st.floats(0, 1).map(lambda score: round(score, schema.SCORE_DIGITS)),
    channel=CHANNELS,
    where=WHERES,
    preview=SHORT,
    token=SHORT,
    attributes=st.dictionaries(SHORT.filter(lambda name: name != "corners"), SHORT, max_size=3),
)
NAMES = schema.schema("findings").names
FACTS: dict[str, Any] = {"input": "i", "plan": "p", "counts": {"samples": 1}, "skipped_members": {}, "seconds": {}}


def stored(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows after a way through Arrow, as `orders` and the report read them."""
    return pa.Table.from_pylist(rows, schema=schema.schema(table)).to_pylist()


@settings(deadline=None)
@given(st.lists(FINDINGS, max_size=5))
def test_findings_come_back(findings: list[Finding]) -> None:
    rows = stored("findings", [schema.finding_row("sample", finding) for finding in findings])
    assert [schema.finding_of(row) for row in rows] == findings


@settings(deadline=None)
@given(FINDINGS)
def test_a_row_needs_no_arrow_to_come_back(finding: Finding) -> None:
    assert schema.finding_of({**dict.fromkeys(NAMES), **schema.finding_row("s", finding)}) == finding


def test_a_quad_has_a_bounding_box_for_sql() -> None:
    quad = Quad(((10.5, 2), (30, 4), (28, 25), (8, 123456.7)))
    row = schema.finding_row("s", Finding("face", "d", 1.0, "pixels", quad, attributes={"a": "b"}))
    assert (row["where"], row["x"], row["y"], row["w"], row["h"]) == ("quad", 8, 2, 22, 123454.7)
    assert dict(row["attributes"]) == {"a": "b", "corners": "10.5,2.0 30.0,4.0 28.0,25.0 8.0,123456.7"}


def test_decisions_and_failures_are_rows() -> None:
    decision = Decision("p/r", Severity.HIGH, Action("redact", {"strip": "all", "fill": "face"}), ("face", "gps.*"))
    assert stored("decisions", [schema.decision_row("s", decision)]) == [
        {
            "sample_id": "s",
            "rule_id": "p/r",
            "severity": "high",
            "action": {"kind": "redact", "parameters": [("fill", "face"), ("strip", "all")]},
            "codes": ["face", "gps.*"],
        }
    ]
    assert stored("failures", [schema.failure_row("s", Failure("picture", "crash", "m"))]) == [
        {"sample_id": "s", "stage": "picture", "kind": "crash", "message": "m"}
    ]


# --- shards -----------------------------------------------------------------------------------------------------------


def rows_of(name: str = "a.jpg") -> dict[str, list[dict[str, Any]]]:
    return {
        "samples": [{"sample_id": name, "shard": "000000", "checked": ["x"], "failed": [], "skipped": [("y", "z")]}],
        "findings": [schema.finding_row(name, Finding("face", "d", 0.5, "pixels", Box(1, 2, 3, 4)))],
        "failures": [],
        "decisions": [],
    }


def test_a_shard_is_written_with_a_marker_that_proves_it(tmp_path: Path) -> None:
    shards.write(tmp_path, "000000", rows_of(), FACTS)
    facts = shards.read_marker(tmp_path, "000000")
    assert facts is not None
    assert facts["input"] == "i"
    assert set(facts["parts"]) == {f"{table}/000000.parquet" for table in schema.TABLES}
    assert shards.intact(tmp_path, facts)
    for table in schema.TABLES:
        assert pq.read_schema(shards.part(tmp_path, table, "000000")).names == schema.schema(table).names
    assert shards.read_marker(tmp_path, "000001") is None


@pytest.mark.parametrize("dies_at", range(10))
def test_a_shard_that_is_interrupted_never_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """Killed before or behind any of the five renames; only behind the last one is the shard done."""
    import os

    real, steps = os.replace, 0

    def replace_file(old: Path, new: Path) -> None:
        nonlocal steps
        if steps == dies_at:
            raise KeyboardInterrupt
        steps += 1
        real(old, new)
        if steps == dies_at:
            raise KeyboardInterrupt
        steps += 1

    monkeypatch.setattr(os, "replace", replace_file)
    with pytest.raises(KeyboardInterrupt):
        shards.write(tmp_path, "000000", rows_of(), FACTS)
    assert (shards.read_marker(tmp_path, "000000") is not None) == (dies_at == 9)  # behind the last
    assert list(tmp_path.rglob("*.tmp")) == []
    monkeypatch.undo()
    shards.write(tmp_path, "000000", rows_of(), FACTS)
    assert shards.read_marker(tmp_path, "000000") is not None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b'{"input": "i"}', b"\xff", b"[" * 100_000, b'{"parts": []}']
)
def test_a_damaged_marker_counts_as_none(tmp_path: Path, content: bytes) -> None:
    path = shards.marker(tmp_path, "000000")
    path.parent.mkdir()
    path.write_bytes(content)
    assert shards.read_marker(tmp_path, "000000") is None


def test_a_part_that_was_deleted_or_cut_is_noticed(tmp_path: Path) -> None:
    shards.write(tmp_path, "000000", rows_of(), FACTS)
    facts = shards.read_marker(tmp_path, "000000")
    assert facts is not None
    part = shards.part(tmp_path, "findings", "000000")
    data = part.read_bytes()
    part.write_bytes(data[:-1])
    assert not shards.intact(tmp_path, facts)
    part.unlink()
    assert not shards.intact(tmp_path, facts)
    part.write_bytes(data)
    assert shards.intact(tmp_path, facts)


# --- the manifest -----------------------------------------------------------------------------------------------------


def manifest(**changes: Any) -> Manifest:
    found = Manifest(
        tool_version="1",
        status="complete",
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
        source_kind="folder",
        source_name="é",
        source_fingerprint="f",
        plan_hash="p",
        policy_hash="h",
        token_key_id="k",
        options={"fail_on": "high", "caption_columns": ["x"]},
        detectors=[DetectorEntry("faces", "1", "privacy-audit", ["face"], "m", "l", models={"a": "b"})],
        packs=[PackEntry("baseline", "Baseline", "1", rules={"r": {"title": "t"}})],
        counts={"samples": 1, "findings": 0, "failures": 0, "decisions": 0, "shards": 1, "skipped_members": 0},
        skipped_members={"link (not followed)": 1},
        seconds={"faces": 0.5},
        parts={"samples/000000.parquet": "ab"},
    )
    return replace(found, **changes)


def test_the_manifest_comes_back(tmp_path: Path) -> None:
    manifests.write(tmp_path, manifest())
    assert manifests.read(tmp_path) == manifest()


def raw(**changes: Any) -> bytes:
    return json.dumps({**asdict(manifest()), **changes}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in asdict(manifest()).items() if key != name}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not an audit: it has no audit.json. Make one with: privacy-audit scan"),
        (b"", "cannot be read as an audit's manifest"),
        (b"zq", "cannot be read as an audit's manifest"),
        (b"\xff\xfe\x00", "cannot be read as an audit's manifest"),
        (b"[" * 100_000, "cannot be read as an audit's manifest"),
        (b"[]", "another version"),
        (b"null", "another version"),
        (b"{}", "another version"),
        (raw(format_version=2), "another version"),
        (raw(format_version="1"), "another version"),
        (without("detectors"), "is damaged"),
        (without("packs"), "is damaged"),
        (without("counts"), "is damaged"),
        (without("tool_version"), "is damaged"),
        (raw(detectors=None), "is damaged"),
        (raw(detectors=[{"name": "x"}]), "is damaged"),
        (raw(detectors=["x"]), "is damaged"),
        (raw(packs=[{"zq": 1}]), "is damaged"),
        (raw(zq_unknown=1), "is damaged"),
        (raw(counts=[]), "is damaged"),
        (raw(options=None), "is damaged"),
        (raw(parts="x"), "is damaged"),
    ],
)
def test_every_damage_to_the_manifest_is_said_in_plain_words(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "audit.json").write_bytes(content)
    with pytest.raises(AuditError, match=message) as caught:
        AuditFolder(tmp_path)
    said = str(caught.value)
    assert "zq" not in said
    assert "can again" in said or "scan SOURCE" in said


def test_an_audit_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "audit.json").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(AuditError):
            AuditFolder(path)


# --- reading an audit -------------------------------------------------------------------------------------------------


def audit(folder: Path, parts: int = 2) -> AuditFolder:
    folder.mkdir(parents=True, exist_ok=True)
    manifests.write(folder, manifest())
    for number in range(parts):
        shards.write(folder, f"{number:06d}", rows_of(f"{number}.jpg"), FACTS)
    return AuditFolder(folder)


def test_an_audit_without_parts_has_four_empty_tables(tmp_path: Path) -> None:
    opened = audit(tmp_path, 0)
    for name in schema.TABLES:
        table = opened.table(name)
        assert len(table) == 0
        assert list(table) == []
        assert list(table.to_pandas().columns) == schema.schema(name).names
        assert table.to_arrow().schema == schema.schema(name)
        assert opened.sql(f"SELECT count(*) FROM {name}") == [(0,)]
    assert opened.packs() == []


def test_tables_can_be_counted_filtered_and_taken_out(tmp_path: Path) -> None:
    opened = audit(tmp_path)
    samples = opened.table("samples")
    assert len(samples) == 2
    assert [row["sample_id"] for row in samples] == ["0.jpg", "1.jpg"]
    assert repr(samples) == "<samples: 2 rows>"
    one = samples.where("sample_id = '1.jpg'").where("list_contains(checked, 'x') OR TRUE")
    assert len(one) == 1
    assert one.to_pandas()["skipped"].tolist() == [{"y": "z"}]
    assert len(samples.where("FALSE").where("TRUE OR TRUE")) == 0
    assert opened.sql("SELECT sample_id FROM findings WHERE code = ? ORDER BY 1", ["face"]) == [("0.jpg",), ("1.jpg",)]
    assert opened.table("findings").to_arrow().schema == schema.schema("findings")


def test_one_table_can_be_asked_while_another_is_read(tmp_path: Path) -> None:
    opened = audit(tmp_path)
    seen = [
        (row["sample_id"], finding["code"], len(opened.table("failures")))
        for row in opened.table("samples")
        for finding in opened.table("findings").where(f"sample_id = '{row['sample_id']}'")
    ]
    assert seen == [("0.jpg", "face", 0), ("1.jpg", "face", 0)]
    unfinished = iter(opened.table("samples"))
    next(unfinished)
    assert opened.sql("SELECT count(*) FROM samples") == [(2,)]


@pytest.mark.parametrize("name", ["audit[1]", "a*b", "what?", "it's", "a b", "é"])
def test_an_audit_may_stand_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    audit(tmp_path / "audit1")
    audit(tmp_path / "axb")
    assert len(audit(tmp_path / name, 1).table("samples")) == 1


def test_a_damaged_part_is_said_in_plain_words(tmp_path: Path) -> None:
    for number, ask in enumerate((len, list, Table.to_arrow, Table.to_pandas)):
        folder = tmp_path / str(number)
        findings = audit(folder).table("findings")
        shards.part(folder, "findings", f"{number % 2:06d}").write_bytes(b"PAR1 zq")
        with pytest.raises(AuditError, match=r"is damaged or missing. Scan again"):
            ask(findings)


def test_a_mistake_in_a_query_is_told_as_it_is(tmp_path: Path) -> None:
    import duckdb

    with pytest.raises(duckdb.Error, match="no_such_column"):
        len(audit(tmp_path).table("findings").where("no_such_column = 1"))


def test_the_audit_is_read_offline(tmp_path: Path) -> None:
    settings = dict(audit(tmp_path).sql("SELECT name, value FROM duckdb_settings()"))
    assert settings["autoinstall_known_extensions"] == "false"


# --- redaction notes --------------------------------------------------------------------------------------------------


def notes(**changes: Any) -> redactions.RedactionSummary:
    found = redactions.RedactionSummary(
        started="a", finished="b", tool_version="1", policy_hash="h", source_fingerprint="f", samples=2, changed=1,
        unchanged=0, dropped=1, quarantined=0, withheld=0, copied_unchecked=0, actions={"fill": 1}, routes={},
        withheld_reasons={}, verified=True, passed=True, residuals=[redactions.Residual("face", 3, 0)],
    )  # fmt: skip
    return replace(found, **changes)


def test_redaction_notes_come_back(tmp_path: Path) -> None:
    assert redactions.read(tmp_path) is None
    row: Mapping[str, Any] = {"sample_id": "a", "output_id": "", "outcome": "dropped", "actions": [], "left": ["face"]}
    redactions.write(tmp_path, notes(), [{**row, "route": "", "note": ""}])
    assert redactions.read(tmp_path) == notes()
    assert pq.read_table(redactions.folder(tmp_path) / redactions.ROWS).to_pylist()[0]["left"] == ["face"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"residuals": [1]}', b'{"residuals": []}'])
def test_damaged_redaction_notes_are_said_in_plain_words(tmp_path: Path, content: bytes) -> None:
    path = redactions.folder(tmp_path) / redactions.SUMMARY
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(AuditError, match="is damaged"):
        redactions.read(tmp_path)
