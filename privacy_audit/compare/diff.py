"""What differs between two audits: of a dataset and its redacted copy, or of two versions of it.

Samples are compared by content: a picture that was moved or renamed is the same sample. What has other content under
the same name is a changed sample. Findings are compared on samples that both audits have, by value where both were made
with one token key, else by number.
"""

from __future__ import annotations

import glob
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.stats import Interval, wilson
from privacy_audit.store.schema import schema

if TYPE_CHECKING:
    import duckdb

    from privacy_audit.store.folder import AuditFolder

_PAIRS = """
CREATE TABLE pairs AS
WITH a AS (SELECT sample_id, sha256, row_number() OVER (PARTITION BY sha256 ORDER BY sample_id) AS n FROM a_samples),
b AS (SELECT sample_id, sha256, row_number() OVER (PARTITION BY sha256 ORDER BY sample_id) AS n FROM b_samples),
content AS (
    SELECT a.sample_id AS a_id, b.sample_id AS b_id, true AS same FROM a JOIN b USING (sha256, n)
    WHERE coalesce(sha256, '') <> ''
),
named AS (
    SELECT a.sample_id AS a_id, b.sample_id AS b_id,
        coalesce(a.sha256, '') = '' AND coalesce(b.sha256, '') = '' AS same
    FROM a JOIN b USING (sample_id)
    WHERE sample_id NOT IN (SELECT a_id FROM content) AND sample_id NOT IN (SELECT b_id FROM content)
)
SELECT row_number() OVER () AS pair, * FROM (SELECT * FROM content UNION ALL SELECT * FROM named)
"""
_FINDINGS = """
CREATE TABLE {side} AS
SELECT coalesce('p' || pair, '{side}' || sample_id) AS place, code, channel,
    CASE WHEN ? THEN coalesce(token, '') ELSE '' END AS value,
    row_number() OVER (PARTITION BY sample_id, code, channel, value ORDER BY detector) AS n
FROM {side}_findings LEFT JOIN pairs ON {side}_id = sample_id
"""
_KINDS = """
SELECT code, count(*) FILTER (a.n IS NULL), count(*) FILTER (b.n IS NULL),
    count(*) FILTER (a.n IS NOT NULL AND b.n IS NOT NULL)
FROM a FULL JOIN b USING (place, code, channel, value, n) GROUP BY code ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Samples with a finding of one kind, among all of an audit, with the 95 % interval of their share."""

    samples: int
    of: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class KindDiff:
    """Findings of one code: only in the second audit, only in the first, in both. Samples with it before and after."""

    code: str
    new: int
    gone: int
    unchanged: int
    before: Rate
    after: Rate


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two audits.

    Samples: `new` and `gone` by content and name, `changed` with other content under the same name, `unchanged` with
    the same content (or a record without a picture under the same name). `by_value` says whether values were compared.
    `not_looked` are detectors that ran in one audit only, as "before: faces".
    """

    new: int
    gone: int
    changed: int
    unchanged: int
    by_value: bool
    not_looked: tuple[str, ...]
    kinds: tuple[KindDiff, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def diff(before: AuditFolder, after: AuditFolder) -> Diff:
    """Compare two audits. Raises AuditError when one is not finished, or is damaged."""
    import duckdb

    for folder in (before, after):
        if folder.manifest.status != "complete":
            raise AuditError(f"{folder.path} is not finished. Run its scan again: it goes on where it stopped.")
    by_value = before.manifest.token_key_id == after.manifest.token_key_id
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute("SET threads TO 2")
        try:
            _load(connection, "a", before)
            _load(connection, "b", after)
            connection.execute(_PAIRS)
            for side in ("a", "b"):
                connection.execute(_FINDINGS.format(side=side), [by_value])
            return _compared(connection, before, after, by_value)
        except duckdb.Error as error:
            reason = f"a part of {before.path} or {after.path} is damaged or missing"
            raise AuditError(f"{reason}. Scan again.") from error


def _load(connection: duckdb.DuckDBPyConnection, side: str, folder: AuditFolder) -> None:
    for table in ("samples", "findings"):
        parts = sorted(glob.escape(str(part)) for part in (folder.path / table).glob("*.parquet"))
        if parts:
            connection.read_parquet(parts).create_view(f"{side}_{table}")
        else:
            connection.from_arrow(schema(table).empty_table()).create_view(f"{side}_{table}")


def _compared(connection: duckdb.DuckDBPyConnection, before: AuditFolder, after: AuditFolder, by_value: bool) -> Diff:
    totals = {side: _number(connection, f"SELECT count(*) FROM {side}_samples") for side in ("a", "b")}  # noqa: S608
    same = _number(connection, "SELECT count(*) FROM pairs WHERE same")
    pairs = _number(connection, "SELECT count(*) FROM pairs")
    rates = {side: _rates(connection, side, totals[side]) for side in ("a", "b")}
    kinds = [
        KindDiff(
            code,
            new,
            gone,
            unchanged,
            rates["a"].get(code, _rate(0, totals["a"])),
            rates["b"].get(code, _rate(0, totals["b"])),
        )
        for code, new, gone, unchanged in connection.execute(_KINDS).fetchall()
    ]
    ran = [{entry.name for entry in folder.manifest.detectors} for folder in (before, after)]
    not_looked = [f"before: {name}" for name in sorted(ran[1] - ran[0])]
    not_looked += [f"after: {name}" for name in sorted(ran[0] - ran[1])]
    return Diff(totals["b"] - pairs, totals["a"] - pairs, pairs - same, same, by_value, tuple(not_looked), tuple(kinds))


def _rates(connection: duckdb.DuckDBPyConnection, side: str, total: int) -> dict[str, Rate]:
    query = f"SELECT code, count(DISTINCT sample_id) FROM {side}_findings GROUP BY code"  # noqa: S608
    return {code: _rate(count, total) for code, count in connection.execute(query).fetchall()}


def _rate(samples: int, total: int) -> Rate:
    return Rate(samples, total, wilson(samples, total))


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
