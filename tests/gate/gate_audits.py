"""Builds finished audits for the tests of what people settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy_audit.policy import Pack, decide, fingerprint, load
from privacy_audit.run.scan import pack_entry, pack_text
from privacy_audit.store import manifest, schema, shards
from privacy_audit.store.files import write_whole
from privacy_audit.store.folder import PACKS, AuditFolder
from privacy_audit.store.manifest import DetectorEntry, Manifest
from privacy_audit.types import Box, Failure, Finding, Span, Tag, Training, Visibility

KEY_ID = "k" * 16
EMAIL = Finding("contact.email", "captions", 1.0, "caption", Span(0, 9), "e***, 9 chars", "t1", {"field": "text"})
PHONE = Finding("contact.phone", "captions", 1.0, "caption", Span(20, 30), "9 digits", "t2", {"field": "text"})
GPS = Finding("gps.precise", "metadata", 1.0, "metadata", Tag("EXIF:GPSLatitude"), "coordinates", "t3")
FACE = Finding("face", "faces", 0.9, "pixels", Box(10, 10, 40, 50), attributes={"band": "report"})
OTHER_FACE = Finding("face", "faces", 0.8, "pixels", Box(90, 10, 40, 50), attributes={"band": "report"})
DETECTORS = [
    DetectorEntry(name, "1", "privacy-audit", codes, "", "")
    for name, codes in (("captions", ["contact.email"]), ("faces", ["face"]), ("metadata", ["gps.precise"]))
]


@dataclass(frozen=True)
class One:
    """A sample of a built audit."""

    id: str
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    sha256: str | None = "from id"
    visibility: Visibility = "unknown"
    training: Training = "unspecified"

    @property
    def digest(self) -> str | None:
        return f"{self.id.encode().hex():0<64}"[:64] if self.sha256 == "from id" else self.sha256


def build(folder: Path, *parts: Sequence[One], packs: Sequence[Pack] | None = None, **changes: Any) -> AuditFolder:
    """An audit as a scan writes it, one shard per part, decided by `packs` (baseline)."""
    packs = [load("baseline")] if packs is None else packs
    folder.mkdir(exist_ok=True)
    digests: dict[str, str] = {}
    counts = dict.fromkeys(schema.TABLES, 0)
    for number, ones in enumerate(parts):
        shard = f"{number:06}"
        rows: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
        for one in ones:
            rows["samples"].append(
                {
                    "sample_id": one.id,
                    "shard": shard,
                    "sha256": one.digest,
                    "visibility": one.visibility,
                    "training": one.training,
                    "checked": ["captions"],
                    "failed": [failure.stage for failure in one.failures],
                    "skipped": [],
                }
            )
            decisions = decide(packs, one.findings, one.failures, one.visibility, one.training)
            rows["findings"] += [schema.finding_row(one.id, finding) for finding in one.findings]
            rows["failures"] += [schema.failure_row(one.id, failure) for failure in one.failures]
            rows["decisions"] += [schema.decision_row(one.id, decision) for decision in decisions]
        here = {table: len(rows[table]) for table in schema.TABLES}
        shards.write(
            folder, shard, rows, {"input": "i", "plan": "p", "counts": here, "skipped_members": {}, "seconds": {}}
        )
        marker = shards.read_marker(folder, shard)
        assert marker is not None
        digests |= marker["parts"]
        counts = {table: counts[table] + here[table] for table in schema.TABLES}
    for pack in packs:
        write_whole(folder / PACKS / f"{pack.pack}.yaml", pack_text(pack))
    fields: dict[str, Any] = {
        "tool_version": "0.1.0",
        "status": "complete",
        "started": "2026-11-22T09:00:00Z",
        "finished": "2026-11-22T10:02:03+00:00",
        "source_kind": "folder",
        "source_name": "photos",
        "source_fingerprint": "f" * 64,
        "plan_hash": "1" * 64,
        "policy_hash": fingerprint(packs),
        "token_key_id": KEY_ID,
        "options": {"fail_on": "high", "policy": [pack.pack for pack in packs]},
        "detectors": DETECTORS,
        "packs": [pack_entry(pack) for pack in packs],
        "counts": {**counts, "shards": len(parts), "skipped_members": 0},
        "parts": dict(sorted(digests.items())),
    }
    manifest.write(folder, Manifest(**{**fields, **changes}))
    return AuditFolder(folder)


def rules(folder: Path) -> dict[str, list[str]]:
    """The rules that fired, by sample."""
    found: dict[str, list[str]] = {}
    for sample, rule in AuditFolder(folder).sql("SELECT sample_id, rule_id FROM decisions ORDER BY ALL"):
        found.setdefault(sample, []).append(rule)
    return found


def contents(folder: Path) -> Mapping[str, bytes]:
    """Every file of an audit."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
