"""Every export: what it says, for whom, and that others can read it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import mlcroissant
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from report_audits import BROKEN, FACES, HIGH, MEDIUM, Item, build, face, found, redaction
from ruamel.yaml import YAML

from privacy_audit.cli import main
from privacy_audit.errors import AuditError, PrivacyAuditError
from privacy_audit.report.exports.evidence import json_schema
from privacy_audit.report.exports.gather import gather
from privacy_audit.report.exports.registry import EXPORTS, export
from privacy_audit.resources import folder as resources
from privacy_audit.sources.description import Declared
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.redactions import Residual
from privacy_audit.store.schema import schema

PUBLIC = [name for name, entry in EXPORTS.items() if not entry.internal_only]
INTERNAL = [name for name, entry in EXPORTS.items() if entry.internal_only]
MARKDOWN = [name for name in PUBLIC if EXPORTS[name].file_name.endswith(".md")]
HOSTILE = "<script>alert(1)</script> **x** | [a](javascript:b) ![i](https://example.com/i.png)\n# h\u202e `c` --- $x$"
DECLARED = {
    "name": "Streets",
    "description": "Pictures of streets.",
    "license": "CC BY 4.0",
    "url": "https://example.com/streets",
    "publisher": "Example Institute",
    "contact": "privacy@example.com",
    "version": "1.0.0",
    "published": "2026-05-17",
    "citation": "Example Institute (2026). Streets.",
    "collected_from": "2025-01",
    "collected_to": "2026-02-03",
    "languages": "en",
}
ITEMS = [
    *(
        Item(f"private/{n}.jpg", [face()] if n % 3 else [], visibility="private" if n < 3 else "public")
        for n in range(60)
    ),
    *(
        Item(f"g{n}.jpg", [face(), found("gps.precise"), found("name.owner")], decisions=[HIGH, MEDIUM])
        for n in range(4)
    ),
    Item("cut.jpg", failures=[BROKEN], failed=["picture"], format="", visibility="unknown"),
]


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> AuditFolder:
    folder = tmp_path_factory.mktemp("exports") / "audit"
    build(folder, ITEMS, declared=DECLARED)
    redactions.write(folder, redaction(residuals=[Residual("face", 44, 0), Residual("gps.precise", 4, 1)]), [])
    return AuditFolder(folder)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> AuditFolder:
    return build(tmp_path_factory.mktemp("exports") / "empty")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> AuditFolder:
    """Everything that a person wrote is an attack: declared facts, names of samples, packs."""
    items = [Item(f"{HOSTILE}.jpg", [face()] * 3, decisions=[HIGH]) for _ in range(12)]
    declared = dict.fromkeys(Declared.model_fields, HOSTILE)
    declared.update(published="2026", collected_from="2025-01", collected_to="2026-02-03")  # others are refused
    return build(tmp_path_factory.mktemp("exports") / "hostile", items, declared=declared)


def text(folder: AuditFolder, kind: str, audience: str = "public") -> str:
    return export(folder, kind, folder.path.parent / f"{kind}-{audience}", audience).read_text("utf-8")


def facts(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every fact in a piece of evidence."""
    if isinstance(node, dict) and set(node) == {"status", "value"}:
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from facts(value, f"{path}.{key}")


def test_the_published_schema_is_that_of_the_code() -> None:
    stored = resources("reports").joinpath("schemas", "evidence.schema.json").read_text("utf-8")
    assert stored == json_schema(), "run: privacy-audit export --schema > reports/schemas/evidence.schema.json"


@pytest.mark.parametrize("audience", ["public", "internal"])
@pytest.mark.parametrize("which", ["audit", "empty", "hostile"])
def test_the_evidence_fits_its_schema(which: str, audience: str, request: pytest.FixtureRequest) -> None:
    evidence = json.loads(text(request.getfixturevalue(which), "evidence", audience))
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    assert list(validator.iter_errors(evidence)) == []
    del evidence["scope"]["samples"]
    assert list(validator.iter_errors(evidence))


def test_every_field_is_measured_declared_or_missing(audit: AuditFolder) -> None:
    evidence = json.loads(text(audit, "evidence"))
    marked = dict(facts(evidence))
    leaves = {key: value for key, value in evidence.items() if key not in {"format", "audience"}}
    assert len(marked) == sum(len(section) for section in leaves.values())
    for path, fact in marked.items():
        assert (fact["value"] is None) == (fact["status"] == "missing"), path
        assert (fact["status"] == "declared") <= path.startswith(".dataset."), path
    assert evidence["dataset"]["name"] == {"status": "declared", "value": "Streets"}
    assert evidence["dataset"]["dpo"] == {"status": "missing", "value": None}
    assert evidence["provenance"]["domains"]["status"] == "missing"


def test_small_counts_are_hidden_and_nothing_gives_them_away(audit: AuditFolder) -> None:
    evidence = gather(audit)
    kinds = {row.code: row for row in evidence.findings.kinds.value or []}
    assert kinds["gps.precise"].samples.text == "<10"
    assert kinds["gps.precise"].share is None
    assert kinds["face"].samples.text == "44"
    assert kinds["face"].share == pytest.approx(44 / 65)
    assert {row.visibility: row.samples.text for row in evidence.provenance.visibility.value or []} == {
        "public": "60-69",
        "restricted": "0",
        "private": "<10",
        "unknown": "<10",
    }
    internal = gather(audit, "internal")
    assert {row.code: row.samples.exact for row in internal.findings.kinds.value or []}["gps.precise"] == 4


@pytest.mark.parametrize("kind", PUBLIC)
def test_no_count_from_1_to_9_is_published(audit: AuditFolder, kind: str) -> None:
    """Every small count of this audit is 1, 3 or 4: none may stand where a count stands."""
    document = text(audit, kind)
    if kind == "evidence":
        counts = [value for _, value in walk(json.loads(document)) if isinstance(value, dict) and "low" in value]
        assert counts
        assert all(not 0 < count["low"] == count["high"] < 10 for count in counts)
    else:
        for cell in (f"| {n} |" for n in range(1, 10)):
            assert cell not in document
        for n in range(1, 10):
            assert f"{n} samples" not in document.replace("<10 samples", "").replace("65 samples", "")


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield from walk(value, f"{path}/{key}")


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # mlcroissant's use of rdflib
@pytest.mark.parametrize("which", ["audit", "empty", "hostile"])
def test_mlcroissant_takes_the_metadata(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = request.getfixturevalue(which)
    path = export(folder, "croissant", tmp_path / "croissant.json")
    found = mlcroissant.Dataset(jsonld=path).metadata
    assert found.ctx.issues.errors == set()
    if which == "audit":
        assert found.ctx.issues.warnings == set(), "every recommended property is declared here"
    assert found.name == {"audit": "Streets", "empty": "(to be provided)", "hostile": HOSTILE}[which]
    assert (found.personal_sensitive_information is None) == (which == "empty")


def test_the_metadata_says_what_was_measured(audit: AuditFolder) -> None:
    document = json.loads(text(audit, "croissant"))
    assert document["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    rows = document["rai:personalSensitiveInformation"]
    assert rows[0].startswith("Precise location: <10 of 65 samples checked; https://w3id.org/dpv/pd#GPSCoordinate; <10")
    assert any(row.startswith("Face: 44 of 65 samples checked (67.69%, 95 % interval 55.61%") for row in rows)
    assert any(row.startswith("Birth date: none found in 65") for row in rows)
    assert document["rai:dataCollectionTimeframe"] == ["2025-01", "2026-02-03"]
    assert "rai:dataSocialImpact" not in document, "nobody stated it"


@pytest.mark.parametrize("kind", MARKDOWN)
@pytest.mark.parametrize("which", ["audit", "empty", "hostile"])
def test_the_documents_are_markdown_and_what_people_wrote_is_text(
    which: str, kind: str, request: pytest.FixtureRequest
) -> None:
    document = text(request.getfixturevalue(which), kind)
    body = document.split("---\n", 2)[2] if kind == "hf-card" else document
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *inline]}
    assert kinds.isdisjoint({"html_block", "html_inline", "image", "link_open", "hr", "code_block", "fence"})
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len(headings) >= 4
    if which == "hostile":
        plain = " ".join(child.content for child in inline)
        assert "<script>alert(1)</script> **x** | [a](javascript:b)" in plain, "shown as it was written"
        assert "strong_open" not in {child.type for child in inline} or kind == "datasheet"


@pytest.mark.parametrize("which", ["audit", "empty", "hostile"])
def test_the_front_matter_is_yaml_that_the_hub_knows(which: str, request: pytest.FixtureRequest) -> None:
    front = text(request.getfixturevalue(which), "hf-card").split("---\n", 2)[1]
    found = YAML(typ="safe").load(front)
    expected = {
        "audit": {"pretty_name": "Streets", "license": "cc-by-4.0", "size_categories": ["n<1K"]},
        "empty": {"size_categories": ["n<1K"]},
        "hostile": {
            "pretty_name": HOSTILE,
            "license": "other",
            "license_name": HOSTILE,
            "size_categories": ["n<1K"],
        },
    }
    assert found == {**expected[which], "tags": ["privacy-audit"]}


def test_attestations_stay_to_be_provided(audit: AuditFolder) -> None:
    lines = text(audit, "ai-act").splitlines()
    asked = [line for line in lines if "yes or no" in line]
    assert len(asked) >= 8
    assert all(line.endswith("*to be provided*") for line in asked)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("ai-act", ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.1", "3.2", "3.3"]),
        ("ab2013", [f"{number}. " for number in range(1, 13)]),
        (
            "datasheet",
            ["Motivation", "Composition", "Collection", "Preprocessing", "Uses", "Distribution", "Maintenance"],
        ),
        ("dpia", ["(a)", "(b)", "(c)", "(d)"]),
        ("ropa", ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)", "(g)"]),
    ],
)
def test_no_section_of_a_form_is_missing(audit: AuditFolder, kind: str, parts: list[str]) -> None:
    headings = [line.removeprefix("## ") for line in text(audit, kind).splitlines() if line.startswith("## ")]
    for part in parts:
        assert any(heading.startswith(part) for heading in headings), part


def test_a_declared_fact_stands_in_the_form_that_asks_for_it(tmp_path: Path) -> None:
    """Every key of dataset.yaml is used by at least one document."""
    words = {key: f"zq{key.replace('_', '')}" for key in Declared.model_fields}
    folder = build(tmp_path / "audit", [Item("a.jpg")], declared=words)
    written = " ".join(text(folder, kind) for kind in [*MARKDOWN, "croissant"])
    assert [key for key, word in words.items() if word not in written] == []


def test_the_document_lists_every_key_that_can_be_declared() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text("utf-8")
    table = page.split("<!-- declared -->")[1].split("<!-- /declared -->")[0]
    rows = [f"| `{key}` | {info.description} |" for key, info in Declared.model_fields.items()]
    assert table.strip().splitlines()[2:] == rows


def test_the_document_names_every_export() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text("utf-8")
    assert [name for name in EXPORTS if f"`{name}`" not in page] == []


def test_what_was_not_looked_for_is_not_reported_as_absent(tmp_path: Path) -> None:
    folder = build(tmp_path / "audit", [Item("a.jpg", checked=["faces"])], detectors=[FACES])
    assert "mark as synthetic: *not looked for*" in text(folder, "ai-act")
    assert "mention a child: *not looked for*" in text(folder, "hf-card")


@pytest.mark.parametrize("kind", INTERNAL)
def test_what_names_samples_is_for_internal_use_only(audit: AuditFolder, kind: str, tmp_path: Path) -> None:
    with pytest.raises(PrivacyAuditError, match="--audience internal"):
        export(audit, kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert export(audit, kind, tmp_path / "out", "internal").stat().st_size > 0


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_empty_audit_can_be_exported(empty: AuditFolder, kind: str) -> None:
    assert export(empty, kind, empty.path.parent / kind, "internal").exists()


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_is_the_same_each_time(audit: AuditFolder, kind: str) -> None:
    one, other = (export(audit, kind, audit.path.parent / f"{kind}{n}", "internal").read_bytes() for n in range(2))
    assert one == other


def test_a_spreadsheet_takes_no_cell_for_a_formula(tmp_path: Path) -> None:
    items = [Item("=1+1.jpg", [found("place", preview='@x, "1" chars', attributes={"a": "b"})])]
    path = export(build(tmp_path / "audit", items), "csv", tmp_path / "out.csv", "internal")
    (row,) = csv.DictReader(path.read_text("utf-8").splitlines())
    assert row["sample_id"] == "'=1+1.jpg"
    assert row["preview"] == '\'@x, "1" chars'
    assert json.loads(row["attributes"]) == {"a": "b"}


def test_the_parquet_file_is_the_table_of_findings(audit: AuditFolder, tmp_path: Path) -> None:
    table = pq.read_table(export(audit, "parquet", tmp_path / "out.parquet", "internal"))
    assert table.schema.equals(schema("findings"))
    assert len(table) == len(audit.table("findings"))


def test_labels_are_as_fiftyone_reads_them(tmp_path: Path) -> None:
    items = [
        Item("a/b.jpg", [face(500), found("gps.precise", preview="coordinates")], width=1000, height=500),
        Item("c.png", [face(100)], width=1000, height=500),
        Item("texts.csv#1", [found("contact.email")], format=None, width=None, height=None),
    ]
    path = export(build(tmp_path / "audit", items), "fiftyone", tmp_path / "labels.json", "internal")
    labels = json.loads(path.read_text())
    assert labels["classes"] == ["contact.email", "face", "gps.precise"]
    assert sorted(labels["labels"]) == ["a/b", "c"]
    box, whole = labels["labels"]["a/b"]
    assert box["bounding_box"] == [0.0, 0.0, 0.25, 1.0]
    assert box["label"] == "face"
    assert whole["bounding_box"] == [0.0, 0.0, 1.0, 1.0]
    assert whole["attributes"]["preview"] == "coordinates"


def test_pictures_that_fiftyone_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    folder = build(tmp_path / "audit", [Item("a.jpg", [face()]), Item("a.png", [face()])])
    with pytest.raises(AuditError, match="but for the extension"):
        export(folder, "fiftyone", tmp_path / "labels.json", "internal")
    assert not (tmp_path / "labels.json").exists()


@pytest.mark.parametrize(("kind", "audience"), [("croisant", "public"), ("csv", "everybody")])
def test_a_wrong_word_is_said_in_plain_words(audit: AuditFolder, kind: str, audience: str) -> None:
    with pytest.raises(PrivacyAuditError, match=r"use one of|use public or internal"):
        export(audit, kind, None, audience)


def test_the_command_writes_into_the_audit_and_says_where(audit: AuditFolder) -> None:
    result = CliRunner().invoke(main, ["export", str(audit.path), "--to", "datasheet"])
    assert result.exit_code == 0
    assert Path(result.stdout.strip()) == audit.path / "exports" / "datasheet.md"
    refused = CliRunner().invoke(main, ["export", str(audit.path), "--to", "csv"])
    assert refused.exit_code == 2
    assert "--audience internal" in refused.output


def test_help_lists_every_export() -> None:
    output = CliRunner().invoke(main, ["export", "--help"]).output
    assert [name for name in EXPORTS if name not in output] == []


def test_the_schema_is_printed() -> None:
    assert CliRunner().invoke(main, ["export", "--schema"]).stdout == json_schema()
