"""Builds audit folders for the tests of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit.store import manifest, redactions, schema, shards
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Action, Box, Decision, Failure, Finding, Severity

FACES = DetectorEntry("faces", "1", "privacy-audit", ["face"], "CenterFace.", "Tiny faces.", "0.35", "0.93", {})
METADATA = DetectorEntry(
    "metadata",
    "2",
    "privacy-audit",
    [code for code in CODES if code not in {"face", "person.match"}],
    "Walks.",
    "None.",
)

HIGH = Decision("baseline/place", Severity.HIGH, Action("redact"), ("gps.precise",))
MEDIUM = Decision("baseline/face", Severity.MEDIUM, Action("review"), ("face",))
BROKEN = Failure("picture", "unreadable", "the file is cut off")


@dataclass
class Item:
    """One sample and all that was said of it."""

    id: str
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    decisions: Sequence[Decision] = ()
    checked: Sequence[str] = ("faces", "metadata")
    failed: Sequence[str] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    visibility: str | None = "public"
    training: str | None = "unspecified"
    format: str | None = "jpeg"
    width: int | None = 1000
    height: int | None = 500
    bytes: int | None = 2000
    shard: str = "0"


def face(size: float = 100, **more: Any) -> Finding:
    return Finding("face", "faces", 0.9, "pixels", Box(0, 0, size / 2, size), **more)


def found(code: str, detector: str = "metadata", **more: Any) -> Finding:
    return Finding(code, detector, 1.0, "metadata", **more)


def build(folder: Path, items: Iterable[Item] = (), **changes: Any) -> AuditFolder:
    """Write an audit of `items` with its manifest; `changes` replace fields of the manifest."""
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
    for item in items:
        rows["samples"].append(
            {
                **{
                    name: getattr(item, name)
                    for name in ("visibility", "training", "format", "width", "height", "bytes")
                },
                "sample_id": item.id,
                "shard": item.shard,
                "sha256": "0" * 64,
                "checked": list(item.checked),
                "failed": list(item.failed),
                "skipped": sorted(item.skipped.items()),
            }
        )
        rows["findings"] += [schema.finding_row(item.id, finding) for finding in item.findings]
        rows["failures"] += [schema.failure_row(item.id, failure) for failure in item.failures]
        rows["decisions"] += [schema.decision_row(item.id, decision) for decision in item.decisions]
    facts = {"input": "", "plan": "", "counts": {}, "skipped_members": {}, "seconds": {}}
    shards.write(folder, "00000", rows, facts)
    marker = shards.read_marker(folder, "00000")
    assert marker is not None
    fields: dict[str, Any] = {
        "tool_version": "0.1.0",
        "status": "complete",
        "started": "2026-11-22T09:00:00Z",
        "finished": "2026-11-22T10:02:03+00:00",
        "source_kind": "folder",
        "source_name": "photos",
        "source_fingerprint": "f" * 64,
        "plan_hash": "1" * 64,
        "policy_hash": "2" * 64,
        "token_key_id": "3" * 16,
        "options": {"fail_on": "high"},
        "detectors": [FACES, METADATA],
        "packs": [PackEntry("baseline", "Baseline", "1")],
        "counts": {table: len(rows[table]) for table in schema.TABLES},
        "parts": marker["parts"],
    }
    manifest.write(folder, Manifest(**{**fields, **changes}))
    return AuditFolder(folder)


def redaction(**changes: object) -> redactions.RedactionSummary:
    fields: dict[str, object] = {
        "started": "2026-11-22T10:00:00Z",
        "finished": "2026-11-22T10:05:00Z",
        "tool_version": "0.1.0",
        "policy_hash": "2" * 64,
        "source_fingerprint": "f" * 64,
        "samples": 7,
        "changed": 3,
        "unchanged": 1,
        "dropped": 1,
        "quarantined": 1,
        "withheld": 1,
        "copied_unchecked": 2,
        "actions": {"fill": 3},
        "routes": {"jpeg lossless": 3},
        "withheld_reasons": {"an animation with a face": 1},
        "verified": True,
        "passed": True,
    }
    return redactions.RedactionSummary(**{**fields, **changes})  # type: ignore[arg-type]
