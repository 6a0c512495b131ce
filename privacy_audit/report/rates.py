"""From counts in an audit of a sample to intervals of rates in the whole source, by the design that drew the sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privacy_audit import stats
from privacy_audit.errors import AuditError
from privacy_audit.stats import Clusters, Interval, Measured
from privacy_audit.store.manifest import CLUSTER_END, DetectorEntry, Manifest

if TYPE_CHECKING:
    import duckdb

ALL = 0
"""The denominator that counts every sample."""
_CLUSTER = f"split_part(shard, '{CLUSTER_END}', 1)"


@dataclass(frozen=True, slots=True)
class Correction:
    """The rate behind a raw one, with what the detector misses and finds wrongly taken into account.

    `data` names what sensitivity and specificity were measured on.
    """

    rate: float
    low: float
    high: float
    data: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Makes intervals. `drawn` is the share of the source that was audited; 1 is all, and then there are none."""

    drawn: float
    clusters: int | None

    @classmethod
    def of(cls, manifest: Manifest) -> Rates:
        """By the design that the manifest names."""
        return cls(manifest.drawn, manifest.sampling["units"] if manifest.clustered else None)

    def interval(self, hits: int, total: int, counted: Clusters | None = None) -> Interval | None:
        """Of the rate `hits` / `total`; None when all was audited, which has no sampling error.

        Where clusters were drawn and it is not known what each held, each counts as one sample: too wide at worst.
        """
        if self.drawn == 1 or total <= 0 or not 0 <= hits <= total:
            return None
        if self.clusters is None:
            return stats.of_sample(hits, total, self.drawn)
        if counted is None:
            return stats.with_size(hits / total, self.clusters / (1 - self.drawn))
        return stats.of_clusters(counted, self.drawn)

    def bound_of_none(self, total: int) -> float:
        """The highest rate at which none among `total` is still as likely as 5 %.

        Also when all was audited: it then speaks of further samples of the same kind. Of clusters, each counts as one.
        """
        if self.clusters is not None and self.drawn < 1:
            return stats.upper_bound_of_none(self.clusters / (1 - self.drawn))
        return stats.upper_bound_of_none(total)

    def corrected(
        self, hits: int, total: int, measured: tuple[Measured, str] | None, counted: Clusters | None = None
    ) -> Correction | None:
        """What is behind the raw rate; None where nothing was measured."""
        if measured is None or not 0 <= hits <= total or not total:
            return None
        if self.drawn == 1:
            size = math.inf
        elif counted is not None:
            size = stats.effective_size(counted, self.drawn)
        else:
            size = (self.clusters or total) / (1 - self.drawn)
        found = stats.corrected(hits / total, size, measured[0])
        return Correction(found.rate, found.interval.low, found.interval.high, measured[1]) if found else None


def measured(detectors: Iterable[DetectorEntry]) -> dict[str, tuple[Measured, str]]:
    """Per code, what was measured of whole samples, and on what: `samples` in a detector's tables, if they have it.

    A code that several detectors look for is left out: a sample may owe its finding to either.
    """
    found: dict[str, tuple[Measured, str]] = {}
    seekers: dict[str, int] = {}
    for entry in detectors:
        for code in entry.codes:
            seekers[code] = seekers.get(code, 0) + 1
        for raw in entry.tables:
            if raw.get("samples"):
                code, known = _measured(raw)
                found.setdefault(code, known)
    return {code: known for code, known in found.items() if seekers.get(code) == 1}


def _measured(raw: Mapping[str, Any]) -> tuple[str, tuple[Measured, str]]:
    try:
        counts = {name: int(raw["samples"][name]) for name in ("positives", "found", "negatives", "clean")}
        return str(raw["samples"]["code"]), (Measured(**counts), str(raw["data"]))
    except (KeyError, TypeError, ValueError) as error:
        raise AuditError(f"the audit's table of recall is damaged ({type(error).__name__}). Scan again.") from error


def place(
    connection: duckdb.DuckDBPyConnection, seekers: Iterable[frozenset[str]], *, clustered: bool
) -> list[frozenset[str]]:
    """Temporary tables for `counted`: the cluster of each sample, and how many samples of each cluster count.

    Returns the denominators: ALL, then one per set of detectors of which one at least looked at a sample.
    """
    denominators = [frozenset[str](), *sorted(set(seekers), key=sorted)]
    if clustered:
        connection.execute(
            f"CREATE TEMP TABLE places AS SELECT hash(sample_id) AS sample, {_CLUSTER} AS cluster FROM samples"  # noqa: S608
        )
        connection.execute("CREATE TEMP TABLE sizes (denominator INTEGER, cluster TEXT, total BIGINT)")
        for number, names in enumerate(denominators):
            condition = "list_has_any(checked, ?)" if number else "?::TEXT[] IS NOT NULL"
            connection.execute(
                f"INSERT INTO sizes SELECT {number}, {_CLUSTER}, count(*) FROM samples WHERE {condition} GROUP BY ALL",  # noqa: S608
                [sorted(names)],
            )
    return denominators


def counted(
    connection: duckdb.DuckDBPyConnection, clusters: int, rows: str, parameters: Iterable[object] = ()
) -> dict[Any, Clusters]:
    """Per key, the sums over clusters. `rows` is a query for (key, sample, denominator), a sample once per key."""
    query = f"""
        WITH per AS (
            SELECT r.key, r.denominator, p.cluster, count(*) AS y
            FROM ({rows}) r JOIN places p USING (sample) GROUP BY ALL
        ), sums AS (
            SELECT denominator, sum(total)::BIGINT AS x, sum(total * total)::HUGEINT AS xx
            FROM sizes GROUP BY denominator
        )
        SELECT key, sum(y)::BIGINT, any_value(s.x), sum(y * y)::HUGEINT, any_value(s.xx), sum(y * z.total)::HUGEINT
        FROM per JOIN sizes z USING (denominator, cluster) JOIN sums s USING (denominator) GROUP BY key
    """  # noqa: S608
    found = connection.execute(query, list(parameters)).fetchall()
    return {key: Clusters(clusters, *(int(number) for number in numbers)) for key, *numbers in found}
