"""What the decisions of one audit ask for, sample by sample, read back from its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit.policy import effective
from privacy_audit.redaction.regions import Method
from privacy_audit.store import schema, shards
from privacy_audit.taxonomy import matches
from privacy_audit.types import Action, Decision, Failure, Finding, Severity

PIXEL_METHODS: tuple[Method, ...] = ("fill", "pixelate", "blur")


@dataclass(frozen=True, slots=True)
class Orders:
    """One sample's action, and the findings and failures that it rests on."""

    action: Action
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    failed: frozenset[str] = field(default_factory=frozenset)

    def patterns(self, parameter: str) -> tuple[str, ...]:
        """The code patterns that a parameter of the action names."""
        return tuple(part for part in self.action.parameters.get(parameter, "").split(",") if part)

    def wanted(self, parameter: str) -> list[Finding]:
        """The findings that a parameter asks to remove."""
        patterns = self.patterns(parameter)
        return [finding for finding in self.findings if any(matches(pattern, finding.code) for pattern in patterns)]

    def asked(self) -> list[Finding]:
        """All findings that the action asks to remove, by whatever means, each once."""
        by_region = [f for method in PIXEL_METHODS for f in self.wanted(method) if f.channel in _REGION_CHANNELS]
        by_mask = [finding for finding in self.wanted("mask") if finding.channel in TEXT_CHANNELS]
        return [*by_region, *by_mask, *self._stripped()]

    def _stripped(self) -> list[Finding]:
        parameters = self.action.parameters
        if "strip" not in parameters:
            return []
        kept = KEPT_BY_STRIP
        kept |= COARSE if parameters["strip"] == "coarsen" else frozenset()
        kept |= CREDIT if parameters.get("keep") == "credit" else frozenset()
        return [finding for finding in self.findings if finding.channel == "metadata" and finding.code not in kept]


TEXT_CHANNELS = frozenset({"caption", "filename", "url", "record"})
_REGION_CHANNELS = frozenset({"pixels", "image_text", "barcode"})
KEPT_BY_STRIP = frozenset(
    {
        "rights",
        "provenance.public",
        "provenance.restricted",
        "provenance.opt_out",
        "provenance.synthetic",
        "provenance.private",
        "provenance.platform",
    }
)
"""What the strip mode `private` leaves in a picture on purpose: removing an opt-out would itself be a violation."""
COARSE = frozenset({"gps.coarse", "time"})
"""What the strip mode `coarsen` leaves besides."""
CREDIT = frozenset({"name.creator"})
"""What `keep: [credit]` leaves besides."""


def read(audit: Path, shard: str) -> dict[str, Orders]:
    """Orders by sample id for one shard of an audit. A sample without a decision is kept.

    Findings that were suppressed, or that a review took away, are not there: nothing hides them.
    """
    decisions: dict[str, list[Decision]] = defaultdict(list)
    for row in _rows(audit, "decisions", shard):
        action = Action(row["action"]["kind"], dict(row["action"]["parameters"]))
        decision = Decision(row["rule_id"], Severity(row["severity"]), action, tuple(row["codes"]))
        decisions[row["sample_id"]].append(decision)
    findings: dict[str, list[Finding]] = defaultdict(list)
    gone = _settled(audit, shard)
    for number, row in enumerate(_rows(audit, "findings", shard)):
        if number in gone:
            continue
        findings[row["sample_id"]].append(schema.finding_of(row))
    failures: dict[str, list[Failure]] = defaultdict(list)
    for row in _rows(audit, "failures", shard):
        failures[row["sample_id"]].append(Failure(row["stage"], row["kind"], row["message"]))
    return {
        row["sample_id"]: Orders(
            effective(decisions[row["sample_id"]]),
            findings[row["sample_id"]],
            failures[row["sample_id"]],
            frozenset(row["failed"]),
        )
        for row in _rows(audit, "samples", shard)
    }


def every(audit: Path, parts: Mapping[str, str]) -> Iterator[dict[str, Orders]]:
    """The orders of all shards that an audit's manifest lists, one shard at a time."""
    for part in sorted(parts):
        table, _, name = part.partition("/")
        if table == "samples":
            yield read(audit, name.removesuffix(".parquet"))


def _settled(audit: Path, shard: str) -> set[int]:
    """The rows of `findings` that somebody settled."""
    if not shards.part(audit, schema.SETTLED, shard).exists():
        return set()
    return {row["finding"] for row in _rows(audit, schema.SETTLED, shard) if row["finding"] is not None}


def _rows(audit: Path, table: str, shard: str) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(shards.part(audit, table, shard)) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()
