"""What waits for a person: findings on which a rule asks for a review, and no verdict was given yet.

The worst come first, and among equals the order is that of a hash, so that the first hundred are a fair sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.store import reviews
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.reviews import Answer, Chosen, Verdict
from privacy_audit.types import Severity

_PLACES = ("code", "channel", "where", "x", "y", "w", "h", "start", "end", "tag", "token")
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One finding to be judged. `box` is x, y, w, h in upright pixels; None where the finding is not in the pixels."""

    sample_id: str
    shard: str
    content: str
    finding: str
    code: str
    detector: str
    score: float
    channel: str
    preview: str
    tag: str
    box: tuple[float, float, float, float] | None
    severity: str

    def judged(self, verdict: Answer, action: Chosen, by: str) -> Verdict:
        """A verdict on it, given now."""
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return Verdict(self.finding, self.content, self.code, self.detector, verdict, action, by, at)


def waiting(audit: AuditFolder, code: str | None = None) -> int:
    """How many findings wait. With `code`, all of this code, whether a rule asks for a review or not."""
    asked, values = _asked(code)
    total = int(audit.sql(f"SELECT count(*) FROM ({asked})", values)[0][0])  # noqa: S608
    verdicts = reviews.read(audit.path)
    contents = sorted({verdict.content for verdict in verdicts.values()})
    query = f"SELECT * FROM ({asked}) WHERE list_contains(?, content)"  # noqa: S608
    return total - sum(case.finding in verdicts for case in _cases(audit, query, [*values, contents]))


def cases(audit: AuditFolder, limit: int, code: str | None = None) -> list[Case]:
    """The first `limit` findings that wait."""
    asked, values = _asked(code)
    verdicts = reviews.read(audit.path)
    found: list[Case] = []
    query = f"SELECT * FROM ({asked}) ORDER BY rank DESC, md5(sample_id), sample_id, code, x, y, start, token"  # noqa: S608
    for case in _cases(audit, query, values):
        if len(found) == limit:
            break
        if case.finding not in verdicts:
            found.append(case)
    return found


def take(audit: AuditFolder, file: Path) -> tuple[int, int]:
    """Add the verdicts in a file to the audit's; returns how many were taken, and how many are of no finding in it.

    Raises AuditError when the file is damaged, or none of its verdicts is about this audit.
    """
    given = list(reviews.read_file(file))
    contents = sorted({verdict.content for verdict in given})
    query = f"SELECT * FROM ({_EVERYTHING}) WHERE list_contains(?, content)"  # noqa: S608
    known = {case.finding: case for case in _cases(audit, query, [contents])}
    taken = [
        verdict
        for verdict in given
        if (case := known.get(verdict.finding)) is not None
        and (case.code, case.detector, case.content) == (verdict.code, verdict.detector, verdict.content)
    ]
    if not taken:
        raise AuditError(f"{file} holds no verdict on a finding of {audit.path}. Is it of another audit?")
    save(audit, taken, reviews.new_sitting(datetime.now(timezone.utc).isoformat()))
    return len(taken), len(given) - len(taken)


def save(audit: AuditFolder, verdicts: Sequence[Verdict], sitting: str) -> Path:
    """Write the verdicts of a sitting; raises AuditError when they cannot be written."""
    try:
        return reviews.add(audit.path, verdicts, sitting)
    except OSError as error:
        raise AuditError(f"cannot write to {audit.path}: {error.strerror or 'input/output error'}.") from error


_COLUMNS = """
    f.*, s.shard, coalesce(s.sha256, 'id:' || left(sha256(f.sample_id), 32)) AS content
"""
_EVERYTHING = f"SELECT {_COLUMNS}, 0 AS rank FROM findings f JOIN samples s USING (sample_id)"  # noqa: S608


def _asked(code: str | None) -> tuple[str, list[object]]:
    """The query for findings that wait or have a verdict, with the rank of the severity that asks, and its values."""
    severities = [severity.value for severity in Severity]
    if code is not None:
        return f"{_EVERYTHING} WHERE f.code = ?", [code]
    query = f"""
        SELECT {_COLUMNS}, r.rank FROM findings f JOIN samples s USING (sample_id) JOIN (
            SELECT sample_id, code, max(list_position(?, severity)) AS rank
            FROM (SELECT sample_id, severity, unnest(codes) AS code FROM decisions WHERE action.kind = 'review')
            GROUP BY ALL
        ) r ON r.sample_id = f.sample_id AND r.code = f.code
    """  # noqa: S608
    return query, [severities]


def _cases(audit: AuditFolder, query: str, values: Sequence[object]) -> Iterator[Case]:
    versions = {entry.name: f"{entry.name} {entry.version}" for entry in audit.manifest.detectors}
    severities = ["", *(severity.value for severity in Severity)]
    cursor = audit.connection.cursor()
    try:
        cursor.execute(query, list(values))
        names = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(_ROWS):
            for values_of_row in rows:
                row: dict[str, Any] = dict(zip(names, values_of_row, strict=True))
                yield Case(
                    sample_id=row["sample_id"],
                    shard=row["shard"],
                    content=row["content"],
                    finding=reviews.finding_key(row["content"], row),
                    code=row["code"],
                    detector=versions.get(row["detector"], row["detector"]),
                    score=row["score"],
                    channel=row["channel"],
                    preview=row["preview"] or "",
                    tag=row["tag"] or "",
                    box=_box(row),
                    severity=severities[row["rank"] or 0],
                )
    finally:
        cursor.close()


def _box(row: dict[str, Any]) -> tuple[float, float, float, float] | None:
    box = row["x"], row["y"], row["w"], row["h"]
    return None if row["where"] not in {"box", "quad"} or None in box else box
