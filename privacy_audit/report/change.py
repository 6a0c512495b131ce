"""What changed between two audits, from what may be published of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from privacy_audit.report import disclosure
from privacy_audit.report.disclosure import Figure
from privacy_audit.report.publish import total

_NONE = Figure(0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One count in both audits. `difference` is None where one of them is a range."""

    name: str
    before: Figure
    after: Figure

    @property
    def difference(self) -> int | None:
        """After, less before."""
        return disclosure.change(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is when the earlier audit was finished; `differs` names what makes the two hard to compare."""

    before: str
    differs: tuple[str, ...]
    tables: tuple[tuple[str, tuple[Row, ...]], ...]


def compare(earlier: Any, later: Any) -> Change:
    """Compare two summaries as `publish` gives them, both for the same audience."""
    one, other = earlier.manifest, later.manifest
    differs = {
        "source": one.source_name != other.source_name,
        "detectors": {(d.name, d.version) for d in one.detectors} != {(d.name, d.version) for d in other.detectors},
        "policy": one.policy_hash != other.policy_hash,
        "incomplete": "partial" in {one.status, other.status},
    }
    tables = {
        "whole": _rows(_whole(earlier), _whole(later)),
        "severity": _rows(_severities(earlier), _severities(later)),
        "kind": _rows(_kinds(earlier), _kinds(later)),
    }
    return Change(
        before=one.finished,
        differs=tuple(name for name, differ in differs.items() if differ),
        tables=tuple((name, rows) for name, rows in tables.items() if rows),
    )


def _whole(s: Any) -> dict[str, Figure]:
    acted = total(figure for _, figure in s.decisions.actions[2:])
    return {
        "samples": s.scope.samples,
        "found": s.findings.samples,
        "violating": s.verdict.violating,
        "act": acted,
        "unchecked": s.verdict.unchecked,
        "not_public": s.linkage.not_public,
    }


def _severities(s: Any) -> dict[str, Figure]:
    return {row.severity.value: row.samples for row in s.findings.severities}


def _kinds(s: Any) -> dict[str, Figure]:
    return {row.code: row.samples for row in s.findings.kinds.rows}


def _rows(before: dict[str, Figure], after: dict[str, Figure]) -> tuple[Row, ...]:
    names: Iterable[str] = dict.fromkeys([*after, *before])
    return tuple(Row(name, before.get(name, _NONE), after.get(name, _NONE)) for name in names)
