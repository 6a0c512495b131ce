"""SARIF 2.1.0: findings as code scanning tools read them, the worst first, inside GitHub's limits.

One result per sample, kind of finding and channel, with masked previews and no value. It names samples by their paths,
so it is for internal use.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from privacy_audit.store.schema import TABLES
from privacy_audit.taxonomy import CATEGORIES, describe
from privacy_audit.types import Severity

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SHOWN_RESULTS = 5_000
"""So many results of one run are shown by GitHub."""
MAX_RESULTS = 25_000
"""With more than that it refuses the file."""
MAX_RULES = 1_000
MAX_NOTES = 100
PREVIEWS = 3
MESSAGE_CHARS = 300

_LEVELS = {
    Severity.INFO: ("note", "0.0"),
    Severity.LOW: ("note", "2.0"),
    Severity.MEDIUM: ("warning", "5.0"),
    Severity.HIGH: ("error", "8.0"),
    Severity.CRITICAL: ("error", "9.5"),
}
_SEVERITIES = [severity.value for severity in Severity]


def render(folder: AuditFolder, *, limit: int = SHOWN_RESULTS) -> dict[str, Any]:
    """An audit as a SARIF log with at most `limit` results (never more than GitHub takes)."""
    limit = max(0, min(limit, MAX_RESULTS))
    codes = [code for (code,) in folder.sql("SELECT DISTINCT code FROM findings ORDER BY 1 LIMIT ?", [MAX_RULES])]
    index = {code: number for number, code in enumerate(codes)}
    taxonomy = [describe(code).severity.rank for code in codes]
    rows = folder.sql(
        f"""
        WITH listed AS (
            SELECT sample_id, code, channel, count(*) AS findings,
                list_sort(list(DISTINCT preview) FILTER (preview <> ''))[1:{PREVIEWS}] AS previews
            FROM findings WHERE list_contains($1, code) GROUP BY ALL
        ),
        ruled AS (
            SELECT sample_id, code, max(rank) AS rank, list_sort(list(DISTINCT rule_id))[1:10] AS rules FROM (
                SELECT sample_id, rule_id, unnest(codes) AS code, list_position($3, severity) - 1 AS rank
                FROM decisions
            ) GROUP BY ALL
        )
        SELECT sample_id, code, channel, findings, previews, rules,
            coalesce(rank, list_extract($2, list_position($1, code))) AS worst, count(*) OVER () AS total
        FROM listed LEFT JOIN ruled USING (sample_id, code) ORDER BY worst DESC, code, sample_id, channel LIMIT $4
        """,  # noqa: S608 - a constant number
        [codes, taxonomy, _SEVERITIES, limit],
    )
    results = [_result(row[:-1], index) for row in rows]
    total = rows[0][-1] if rows else _groups(folder)
    manifest = folder.manifest
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "privacy-audit",
                        "semanticVersion": manifest.tool_version,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "automationDetails": {"id": "privacy-audit/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": manifest.status == "complete",
                        "startTimeUtc": _utc(manifest.started),
                        "endTimeUtc": _utc(manifest.finished),
                        "toolExecutionNotifications": _notes(folder, total - len(results)),
                    }
                ],
                "results": results,
                "properties": {
                    "counts": {name: manifest.counts.get(name, 0) for name in TABLES},
                    "results": total,
                    "listed": len(results),
                },
            }
        ],
    }


def _groups(folder: AuditFolder) -> int:
    return int(folder.sql("SELECT count(*) FROM (SELECT DISTINCT sample_id, code, channel FROM findings)")[0][0])


def _rule(code: str) -> dict[str, Any]:
    known = describe(code)
    level, score = _LEVELS[known.severity]
    rule: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": f"{known.title} ({CATEGORIES[known.category].lower()})."},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["privacy", "security", known.category], "security-severity": score},
    }
    if known.dpv:
        rule["helpUri"] = known.dpv
    return rule


def _result(row: tuple[Any, ...], index: dict[str, int]) -> dict[str, Any]:
    sample, code, channel, findings, previews, rules, rank = row
    severity = list(Severity)[rank]
    text = f"{describe(code).title}, in {str(channel).replace('_', ' ')}"
    if findings > 1:
        text += f", {findings:,} times"
    if previews:
        text += f": {'; '.join(previews)}"
    return {
        "ruleId": code,
        "ruleIndex": index[code],
        "level": _LEVELS[severity][0],
        "message": {"text": f"{text[:MESSAGE_CHARS]}."},
        "locations": [{"physicalLocation": _location(sample)}],
        "partialFingerprints": {"sampleCodeChannel/v1": _fingerprint(sample, code, channel)},
        "properties": {"severity": severity.value, "findings": findings, "rules": rules or []},
    }


def _location(sample: str) -> dict[str, Any]:
    """Where a sample is. The row of a table (`file.csv#17`) is the URI's fragment: its line is unknown."""
    path, mark, row = sample.rpartition("#")
    if not (mark and row.isdigit()):
        path, row = sample, ""
    uri = quote(path, safe="/") + (f"#{row}" if row else "")
    # GitHub shows no result without a region, and a picture has no lines
    return {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 1}}


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _notes(folder: AuditFolder, left_out: int) -> list[dict[str, Any]]:
    notes = []
    if left_out > 0:
        text = f"{left_out:,} more results are in the audit and not listed here; the worst are listed."
        notes.append({"level": "warning", "message": {"text": text}, "descriptor": {"id": "results-left-out"}})
    for stage, kind, samples in folder.sql(
        "SELECT stage, kind, count(DISTINCT sample_id) AS samples FROM failures "
        "GROUP BY ALL ORDER BY samples DESC, 1, 2 LIMIT ?",
        [MAX_NOTES],
    ):
        text = f"{stage}: {samples:,} sample{'s' if samples != 1 else ''} could not be checked ({kind})."
        notes.append({"level": "error", "message": {"text": text}, "descriptor": {"id": "not-checked"}})
    return notes


def _utc(time: str) -> str:
    return time.replace("+00:00", "Z")
