from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_audits import build

from privacy_audit.report import html
from privacy_audit.store import manifest
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.schema import schema
from privacy_audit.taxonomy import CODES

SAMPLES, FINDINGS = 60_000, 200_000


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_two_hundred_thousand_findings(tmp_path: Path) -> None:
    build(tmp_path, counts={})
    codes = list(CODES)
    ids = [f"folder/{number:08}.jpg" for number in range(SAMPLES)]
    columns = {
        "samples": {
            "sample_id": ids,
            "bytes": [100_000] * SAMPLES,
            "format": ["jpeg"] * SAMPLES,
            "width": [4000] * SAMPLES,
            "height": [3000] * SAMPLES,
            "visibility": ["public"] * SAMPLES,
            "checked": [["faces", "metadata"]] * SAMPLES,
            "skipped": [[("names", "language: id")]] * SAMPLES,
        },
        "findings": {
            "sample_id": [ids[number * 7919 % SAMPLES] for number in range(FINDINGS)],
            "detector": ["metadata"] * FINDINGS,
            "code": [codes[number % len(codes)] for number in range(FINDINGS)],
            "channel": ["metadata"] * FINDINGS,
            "w": [50.0] * FINDINGS,
            "h": [float(number % 900 + 1) for number in range(FINDINGS)],
        },
        "decisions": {
            "sample_id": ids,
            "rule_id": ["baseline/face"] * SAMPLES,
            "severity": ["medium"] * SAMPLES,
            "action": [{"kind": "redact", "parameters": []}] * SAMPLES,
            "codes": [["face", "gps.precise"]] * SAMPLES,
        },
    }
    for table, values in columns.items():
        kinds = schema(table)
        length = len(next(iter(values.values())))
        arrays = [
            pa.array(values[field.name], field.type) if field.name in values else pa.nulls(length, field.type)
            for field in kinds
        ]
        pq.write_table(pa.Table.from_arrays(arrays, schema=kinds), tmp_path / table / "00000.parquet")
    audit = AuditFolder(tmp_path)
    assert isinstance(audit.manifest, manifest.Manifest)
    page = html.render(audit)
    assert "60,000 samples" in page
    assert len(page.encode()) < 2_000_000
