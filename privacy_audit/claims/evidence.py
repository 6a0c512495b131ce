"""The counts behind a claim, from the tables of an audit. Nothing is loaded row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privacy_audit.claims.grade import Evidence
from privacy_audit.claims.kinds import Kind
from privacy_audit.run.shard import NO_PICTURE, NO_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privacy_audit.claims.schema import Claim
    from privacy_audit.store.folder import AuditFolder

OPEN_LICENCES = ("CC*", "public-domain")
_FOUND = """
    SELECT count(DISTINCT sample_id) FILTER (NOT unsure), count(DISTINCT sample_id) FILTER (unsure) FROM (
        SELECT sample_id, coalesce(map_extract(attributes, 'band')[1] = 'review', false) AS unsure FROM findings
        WHERE len(list_filter($1::TEXT[], lambda p: code = p
                OR (p LIKE '%.*' AND (code = p[:-3] OR starts_with(code, p[:-2]))))) > 0
            AND (len($2::TEXT[]) = 0 OR list_contains($2::TEXT[], channel))
    )
"""
"""Samples with findings of these codes in these channels: certain ones, and those for review."""


def gather(audit: AuditFolder, kind: Kind, claim: Claim) -> Evidence:
    """Count for one claim. Raises AuditError when a part of the audit is damaged."""
    samples, looked, failed = audit.sql(_LOOKED, [list(kind.needs), [NO_PICTURE, NO_TEXT]])[0]
    ran = {entry.name for entry in audit.manifest.detectors}
    counter, waiting, supporting = _said(audit, kind, claim)
    sampling: dict[str, Any] = getattr(audit.manifest, "sampling", {})
    return Evidence(
        samples=samples,
        looked=looked,
        failed=failed,
        counter=counter,
        supporting=supporting,
        waiting=waiting,
        not_run=tuple(name for name in kind.needs if name not in ran),
        recall=_recall(audit, kind),
        population=sampling.get("population"),
        clustered=sampling.get("method") == "clusters",
    )


_LOOKED = """
    WITH states AS (
        SELECT list_transform($1::TEXT[], lambda d: list_contains($2::TEXT[], map_extract(skipped, d)[1])) AS empty,
            list_transform($1::TEXT[], lambda d: list_contains(checked, d)) AS looked,
            list_transform($1::TEXT[], lambda d: list_contains(failed, d)) AS broken
        FROM samples
    )
    SELECT count(*), count(*) FILTER (
            NOT list_contains(list_transform(list_zip(empty, looked),
                lambda z: coalesce(z[1], false) OR coalesce(z[2], false)), false)
            AND NOT coalesce(list_contains(broken, true), false)
        ),
        count(*) FILTER (coalesce(list_contains(broken, true), false))
    FROM states WHERE NOT list_bool_and(list_transform(empty, lambda e: coalesce(e, false)))
"""
"""Samples on which any of the detectors had something to look at; of them, those that all looked at; that failed."""


def _said(audit: AuditFolder, kind: Kind, claim: Claim) -> tuple[int, int, int | None]:
    """Samples that say the opposite, that are uncertain, and that have a statement for the claim."""
    if kind.proof == "visibility":
        counts = dict(audit.sql("SELECT visibility, count(*) FROM samples GROUP BY 1"))
        return counts.get("private", 0) + counts.get("restricted", 0), 0, counts.get("public", 0)
    if kind.proof == "license":
        return _licences(audit, claim.allowed or OPEN_LICENCES)
    codes = kind.codes if claim.precision != "precise" else ("gps.precise",)
    counter, waiting = audit.sql(_FOUND, [list(codes), list(kind.channels)])[0]
    if kind.name == "opt-outs-honoured":
        denied, constrained = audit.sql(
            "SELECT count(*) FILTER (training = 'denied'), count(*) FILTER (training = 'constrained') FROM samples"
        )[0]
        return max(counter, denied), max(waiting, constrained), None
    return counter, waiting, None


def _licences(audit: AuditFolder, allowed: Sequence[str]) -> tuple[int, int, int]:
    """A licence of the whole collection says nothing of one picture, so it counts neither way."""
    contrary, fitting = audit.sql(
        """
        WITH licences AS (
            SELECT sample_id, bool_and(len(list_filter($1::TEXT[], lambda a: license = a OR
                (a LIKE '%*' AND starts_with(license, a[:-2])))) > 0) AS fits
            FROM (
                SELECT sample_id, map_extract(attributes, 'license')[1] AS license FROM findings
                WHERE coalesce(map_extract(attributes, 'scope')[1], '') <> 'dataset'
            ) WHERE license IS NOT NULL GROUP BY sample_id
        )
        SELECT count(*) FILTER (NOT fits), count(*) FILTER (fits) FROM licences
        """,
        [list(allowed)],
    )[0]
    return contrary, 0, fitting


def _recall(audit: AuditFolder, kind: Kind) -> float | None:
    """The lower end of the recall at the size of face that is found worst, of those that were measured."""
    if kind.needs != ("faces",):
        return None
    lows = [
        float(row["report"][1])
        for entry in audit.manifest.detectors
        if entry.name == "faces"
        for table in entry.tables
        for row in table.get("rows", ())
        if row.get("report")
    ]
    return min((low for low in lows if low > 0), default=None)
