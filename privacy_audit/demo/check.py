"""Compares what the demo planted with what the audit, the redaction notes and the second audit say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy_audit.demo.dataset import Plant, hostile_markup
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder

_DIRECT = "json_extract_string(to_json(attributes), '$.tier') = 'direct'"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the demo's table."""

    what: str
    planted: int
    found: int
    handled: int
    how: str

    @property
    def good(self) -> bool:
        """Everything planted was found and handled."""
        return self.found == self.planted and self.handled == self.planted


def compare(plants: Iterable[Plant], audit: AuditFolder, dataset: Path, copy: Path, report: str) -> list[Line]:
    """One line per kind of plant, in the order of planting."""
    notes = _notes(audit)
    kinds: dict[str, list[Plant]] = {}
    for plant in plants:
        kinds.setdefault(plant.what, []).append(plant)
    lines = []
    for what, members in kinds.items():
        found = [plant for plant in members if _found(plant, audit, report)]
        handled = [plant for plant in members if _handled(plant, notes[plant.sample], dataset, copy)]
        lines.append(Line(what, len(members), len(found), len(handled), _HOW[members[0].fate]))
    return lines


_HOW = {
    "removed": "removed, and not found again",
    "dropped": "sample dropped",
    "withheld": "reported as a failure, picture withheld",
    "reported": "reported, kept",
    "untouched": "left as it is",
}


def _found(plant: Plant, audit: AuditFolder, report: str) -> bool:
    if plant.fate == "withheld":
        query = "SELECT count(*) FROM failures WHERE sample_id = ? AND kind = ?"
        return bool(audit.sql(query, [plant.sample, plant.code])[0][0])
    if not plant.code:  # nothing personal: the right answer is no direct finding, and no live markup in the report
        query = f"SELECT count(*) FROM findings WHERE sample_id = ? AND {_DIRECT}"  # noqa: S608
        silent = audit.sql(query, [plant.sample])[0][0] == 0
        return bool(silent) and not any(markup in report for markup in hostile_markup())
    query = "SELECT count(*) FROM findings WHERE sample_id = ? AND code = ? AND (? IN ('', channel))"
    return int(audit.sql(query, [plant.sample, plant.code, plant.channel])[0][0]) >= plant.faces


def _handled(plant: Plant, note: Mapping[str, Any], dataset: Path, copy: Path) -> bool:
    target = copy / (note["output_id"] or plant.sample)
    if plant.fate in {"dropped", "withheld"}:
        return note["outcome"] == plant.fate and not target.exists()
    if not target.exists():
        return False
    if plant.fate == "removed":
        return note["outcome"] == "changed" and plant.code not in note["left"]
    return target.read_bytes() == (dataset / plant.sample).read_bytes()


def _notes(audit: AuditFolder) -> dict[str, Mapping[str, Any]]:
    """What redaction noted, by sample; `left` comes from the second audit."""
    rows = audit.connection.read_parquet(str(redactions.folder(audit.path) / redactions.ROWS)).to_arrow_table()
    return {row["sample_id"]: row for row in rows.to_pylist()}
