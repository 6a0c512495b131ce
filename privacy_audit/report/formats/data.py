"""The gate's outcome for programs: one JSON document of counts, or one JSON object per decision and failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from privacy_audit.report.measure import summarise
from privacy_audit.taxonomy import describe

if TYPE_CHECKING:
    from privacy_audit.report.summary import Summary
    from privacy_audit.store.folder import AuditFolder

FORMAT = 1
VERDICTS = {0: "pass", 1: "violated", 3: "incomplete"}
_ROWS = 10_000


def document(audit: AuditFolder, exit_code: int) -> Iterator[str]:
    """One document: verdict, findings per code, rules that fired, actions, failures, what people settled."""
    summary = summarise(audit)
    content = {
        **_head(audit, exit_code),
        "violating_samples": summary.verdict.violating,
        "unchecked_samples": summary.verdict.unchecked,
        "counts": {name: summary.manifest.counts.get(name, 0) for name in ("samples", "findings", "decisions")},
        "findings": [
            {
                "code": row.code,
                "title": describe(row.code).title,
                "severity": row.severity.value,
                "findings": row.findings,
                "samples": row.samples,
                "checked": row.checked,
            }
            for row in summary.findings.kinds.rows
        ],
        "rules": [
            {
                "rule": f"{row.pack}/{row.rule}",
                "title": row.title,
                "severity": row.severity.value,
                "actions": list(row.actions),
                "samples": row.samples,
                "law": row.law,
            }
            for row in summary.decisions.rules.rows
        ],
        "actions": dict(summary.decisions.actions),
        "failures": [asdict(row) for row in summary.failures.rows],
        "settled": asdict(summary.settled) if summary.settled is not None else None,
        "precision": [asdict(row) for row in summary.precision],
        "not_shown": _more(summary),
    }
    yield json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def lines(audit: AuditFolder, exit_code: int) -> Iterator[str]:
    """The verdict first, then one line per decision and per failure, streamed. Rows of tables have no digest."""
    yield _line({"kind": "verdict", **_head(audit, exit_code)})
    cursor = audit.connection.cursor()
    try:
        cursor.execute("""
            SELECT s.sha256, s.shard, d.rule_id, d.severity, d.action.kind, d.codes, g.rule_id IS NULL
            FROM decisions d LEFT JOIN samples s USING (sample_id)
            LEFT JOIN gating g ON g.sample_id = d.sample_id AND g.rule_id = d.rule_id
        """)
        names: tuple[str, ...] = ("sha256", "shard", "rule", "severity", "action", "codes", "in_baseline")
        while rows := cursor.fetchmany(_ROWS):
            yield "".join(_line({"kind": "decision", **dict(zip(names, row, strict=True))}) for row in rows)
        cursor.execute("""
            SELECT s.sha256, s.shard, f.stage, f.kind, f.message FROM failures f LEFT JOIN samples s USING (sample_id)
        """)
        names = ("sha256", "shard", "stage", "failure", "message")
        while rows := cursor.fetchmany(_ROWS):
            yield "".join(_line({"kind": "failure", **dict(zip(names, row, strict=True))}) for row in rows)
    finally:
        cursor.close()


def _head(audit: AuditFolder, exit_code: int) -> dict[str, Any]:
    manifest = audit.manifest
    return {
        "format": FORMAT,
        "tool": f"privacy-audit {manifest.tool_version}",
        "verdict": VERDICTS[exit_code],
        "exit_code": exit_code,
        "fail_on": manifest.options.get("fail_on", "high"),
        "packs": {entry.pack: entry.version for entry in manifest.packs},
        "finished": manifest.finished,
        "plan": manifest.plan_hash,
        "policy": manifest.policy_hash,
    }


def _more(summary: Summary) -> dict[str, int]:
    """Rows beyond those that are listed."""
    return {
        "findings": summary.findings.kinds.more,
        "rules": summary.decisions.rules.more,
        "failures": summary.failures.more,
    }


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
