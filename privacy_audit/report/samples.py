"""Single samples for the internal report: ids, masked previews, and on request links to files and concealed crops."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_audit.report.summary import Top
from privacy_audit.taxonomy import CODES, describe
from privacy_audit.types import Severity

if TYPE_CHECKING:
    from privacy_audit.sources.base import Source
    from privacy_audit.store.folder import AuditFolder

SAMPLES = 100
FINDINGS = 8
"""Per sample."""
CROPS = 60
CROP_BYTES = 600_000
"""Of all crops together, as they stand in the page."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. `crop` is a data URI, empty when there is none."""

    number: str
    code: str
    detector: str
    channel: str
    preview: str
    box: tuple[float, float, float, float] | None
    crop: str = ""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample. `link` is a file URI, empty when there is none; `more` counts findings that are not shown."""

    sample_id: str
    shard: str
    severity: Severity
    rules: tuple[str, ...]
    findings: tuple[Found, ...]
    more: int
    link: str = ""


def worst(audit: AuditFolder) -> Top[SampleRow]:
    """The SAMPLES gravest samples: by their strongest decision or finding, then by how many kinds they hold."""
    ranks = [entry.value for entry in Severity]
    default = [entry.severity.rank for entry in CODES.values()]
    rows = audit.sql(
        """
        WITH graded AS (
            SELECT sample_id, coalesce(list_extract(?::INTEGER[], list_position(?::TEXT[], code)), ?) AS rank, code
            FROM findings
            UNION ALL SELECT sample_id, list_position(?, severity) - 1, '' FROM decisions
        )
        SELECT g.sample_id, any_value(s.shard), max(g.rank) AS rank, count(*) OVER () AS samples
        FROM graded g JOIN samples s USING (sample_id)
        GROUP BY g.sample_id ORDER BY rank DESC, count(DISTINCT g.code) DESC, g.sample_id LIMIT ?
        """,
        [default, list(CODES), describe("").severity.rank, ranks, SAMPLES],
    )
    ids = [row[0] for row in rows]
    rules: dict[str, list[str]] = defaultdict(list)
    for sample, rule in audit.sql(
        "SELECT DISTINCT sample_id, rule_id FROM decisions WHERE list_contains(?, sample_id) ORDER BY ALL", [ids]
    ):
        rules[sample].append(rule)
    found: dict[str, list[Found]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for sample, code, detector, channel, preview, where, *box in audit.sql(
        """
        SELECT sample_id, code, detector, coalesce(channel, ''), coalesce(preview, ''), "where", x, y, w, h
        FROM findings WHERE list_contains(?, sample_id) ORDER BY sample_id, code, detector, x, y, "start", tag
        """,
        [ids],
    ):
        counts[sample] += 1
        if len(found[sample]) < FINDINGS:
            place = (box[0], box[1], box[2], box[3]) if where in {"box", "quad"} else None
            found[sample].append(Found(f"{sample}/{counts[sample]}", code, detector, channel, preview, place))
    made = tuple(
        SampleRow(
            sample_id=sample,
            shard=shard,
            severity=tuple(Severity)[max(0, min(rank, len(ranks) - 1))],
            rules=tuple(rules[sample]),
            findings=tuple(found[sample]),
            more=counts[sample] - len(found[sample]),
        )
        for sample, shard, rank, _ in rows
    )
    return Top(made, rows[0][3] - len(made) if rows else 0)


def linked(top: Top[SampleRow], root: Path) -> Top[SampleRow]:
    """With links to the files that there are under `root`."""
    return replace(top, rows=tuple(replace(row, link=_link(root.resolve(), row.sample_id)) for row in top.rows))


def _link(root: Path, sample_id: str) -> str:
    path = root / sample_id
    try:
        inside = path.resolve().is_relative_to(root) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return ""
    return path.as_uri() if inside else ""


def with_crops(audit: AuditFolder, top: Top[SampleRow], source: Source) -> Top[SampleRow]:
    """With crops of regions in which everything that was found is made of a few blocks; CROPS of them at most."""
    from privacy_audit.report.review_page import concealed_crops

    wanted = [
        (row.shard, row.sample_id, found.number, found.box)
        for row in top.rows
        for found in row.findings
        if found.box is not None
    ]
    left = CROP_BYTES
    crops: dict[str, str] = {}
    for number, crop in concealed_crops(audit, wanted[:CROPS], source).items():
        left -= len(crop)
        if left > 0:
            crops[number] = crop

    def shown(row: SampleRow) -> SampleRow:
        return replace(row, findings=tuple(replace(found, crop=crops.get(found.number, "")) for found in row.findings))

    return replace(top, rows=tuple(map(shown, top.rows)))
