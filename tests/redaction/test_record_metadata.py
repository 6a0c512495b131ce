"""EXIF in tables and sidecars, from the audit to the copy."""

from __future__ import annotations

import json
from pathlib import Path

import picture_files as files
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import privacy_audit
from privacy_audit.redaction.spans import mask_value

POLICY = """
pack: own
title: Places
version: "1"
checked_on: 2026-11-24
confidence: K
disclaimer: Engineering defaults, not legal advice.
description: Masks what EXIF columns hold.
rules:
  - id: places
    title: Places and devices
    why: They show where someone was.
    match: {code: [gps.*, device.serial, place]}
    severity: high
    action: {mask: [gps.*, device.serial, place], strip: private}
    tests:
      - {given: [gps.precise], expect: high}
      - {given: [face], expect: none}
"""
EXIF = json.dumps(
    {"GPS GPSLatitude": "[7, 30, 15]", "GPS GPSLongitude": "[110, 20, 5]", "EXIF BodySerialNumber": files.SERIAL}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    (tmp_path / "own.yaml").write_text(POLICY)
    (root / "a.jpg").write_bytes(files.jpeg())
    (root / "b.jpg").write_bytes(files.png())
    return root


def copied(root: Path) -> Path:
    """The redacted copy of a folder, which has to pass its own second look."""
    out = root.with_name("out")
    audit = privacy_audit.scan(
        root, output=root.with_name("audit"), policy=str(root.with_name("own.yaml")), detectors=["metadata"], jobs=0
    )
    assert audit.redact(root, out, jobs=0).passed
    return out


def test_columns_of_a_parquet_table(folder: Path) -> None:
    columns = {"file_name": ["a.jpg", "b.jpg"], "lat": [7.53123, None], "lon": [110.33123, None], "exif": [EXIF, "{}"]}
    pq.write_table(pa.table(columns), folder / "metadata.parquet")
    rows = pq.read_table(copied(folder) / "metadata.parquet").to_pylist()
    assert [(row["lat"], row["lon"]) for row in rows] == [(None, None), (None, None)]
    assert json.loads(rows[0]["exif"]) == {
        "GPS GPSLatitude": "<LOCATION>",
        "GPS GPSLongitude": "<LOCATION>",
        "EXIF BodySerialNumber": "<DEVICE_ID>",
    }
    assert rows[1]["exif"] == "{}"


def test_json_and_xmp_beside_a_picture(folder: Path) -> None:
    (folder / "a.json").write_text('{"lat": 7.53123, "lon": 110.33123, "exif": ' + json.dumps(EXIF) + ', "n": 3}')
    (folder / "a.xmp").write_bytes(files.xmp('photoshop:City="Testville" xmpRights:Marked="True"'))
    (folder / "b.jpg.xmp").write_bytes(files.xmp('photoshop:City="Testville"'))
    out = copied(folder)
    beside = json.loads((out / "a.json").read_text())
    assert (beside["lat"], beside["lon"], beside["n"]) == ("<LOCATION>", "<LOCATION>", 3)
    assert files.SERIAL not in beside["exif"]
    assert json.loads(beside["exif"])["GPS GPSLatitude"] == "<LOCATION>"
    assert b"Testville" not in (out / "a.xmp").read_bytes()
    assert b"Marked" in (out / "a.xmp").read_bytes()
    assert not (out / "b.jpg.xmp").exists()


@pytest.mark.parametrize(
    ("text", "spans", "masked"),
    [
        ('{"lat": 7.5, "a": 1}', [(8, 11, "gps.precise")], '{"lat": "<LOCATION>", "a": 1}'),
        ('{"lat": "7.5"}', [(9, 12, "gps.precise")], '{"lat": "<LOCATION>"}'),
        ("[1, 22]", [(4, 6, "gps.precise"), (1, 2, "time")], '["<TIME>", "<LOCATION>"]'),
        ("{no json 7.5", [(9, 12, "gps.precise")], "{no json <LOCATION>"),
        ("7.5", [(0, 3, "gps.precise")], "<LOCATION>"),
    ],
)
def test_json_stays_json(text: str, spans: list[tuple[int, int, str]], masked: str) -> None:
    assert mask_value(text, spans) == masked
