"""What the decisions of one audit ask for, sample by sample, read back from its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from privacy_audit.policy import effective
from privacy_audit.redaction.regions import Method, Region
from privacy_audit.store import schema, shards
from privacy_audit.taxonomy import matches
from privacy_audit.types import Action, Box, Decision, Failure, Finding, Quad, Severity

PIXEL_METHODS: tuple[Method, ...] = ("fill", "pixelate", "blur")


@dataclass(frozen=True, slots=True)
class Orders:
    """One sample's action, and the findings and failures that it rests on."""

    action: Action
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    failed: frozenset[str] = field(default_factory=frozenset)
    rules: tuple[str, ...] = ()
    """The rules behind the action, by id."""

    def covering(self, method: Method | None) -> Orders:
        """The same orders with all regions covered by one method. What is dropped or masked stays so."""
        parameters = self.action.parameters
        wanted = [parameters[name] for name in PIXEL_METHODS if name in parameters]
        if method is None or not wanted:
            return self
        others = {name: value for name, value in parameters.items() if name not in PIXEL_METHODS}
        return replace(self, action=Action(self.action.kind, {**others, method: ",".join(wanted)}))

    def with_regions(self, more: Sequence[Finding]) -> Orders:
        """The same orders with further findings whose regions are covered: filled, where no method is named."""
        if not more:
            return self
        parameters = dict(self.action.parameters)
        named = [pattern for name in PIXEL_METHODS for pattern in self.patterns(name)]
        unnamed = {f.code for f in more if not any(matches(pattern, f.code) for pattern in named)}
        if unnamed:
            parameters["fill"] = ",".join([*self.patterns("fill"), *sorted(unnamed)])
        return replace(self, action=Action("redact", parameters), findings=[*self.findings, *more])

    def regions(self) -> list[Region]:
        """The areas of a picture that are to be covered."""
        return [
            Region(finding.where, method)
            for method in PIXEL_METHODS
            for finding in self.wanted(method)
            if isinstance(finding.where, (Box, Quad))
        ]

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
            _rules(decisions[row["sample_id"]]),
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


def _rules(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """The rules that ask for what is done; those that a stronger one beats are not among them."""
    kind = effective(decisions).kind
    return tuple(sorted({decision.rule_id for decision in decisions if decision.action.kind == kind != "keep"}))


def _rows(audit: Path, table: str, shard: str) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(shards.part(audit, table, shard)) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()
