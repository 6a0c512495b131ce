"""What the second look finds of what the first one asked to remove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from privacy_audit.redaction import orders
from privacy_audit.redaction.coverage import grown, is_covered
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Box, Finding


@dataclass(slots=True)
class Left:
    """Findings left in a copy, per sample of the source (by id). `on_filled` counts boxes on areas that were filled."""

    by_sample: dict[str, Counter[str]] = field(default_factory=dict)
    on_filled: int = 0

    @property
    def codes(self) -> Counter[str]:
        """Findings left per code."""
        return sum(self.by_sample.values(), Counter())


def asked(audit: AuditFolder, samples: set[str]) -> Counter[str]:
    """Findings per code that the decisions of an audit ask to remove from these samples."""
    counts = Counter[str]()
    for shard in orders.every(audit.path, audit.manifest.parts):
        for sample, order in shard.items():
            if sample in samples:
                counts.update(finding.code for finding in order.asked())
    return counts


def left(
    before: AuditFolder,
    after: AuditFolder,
    sources: Mapping[str, str],
    added: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Left:
    """What the audit of the copy asks to remove still.

    `sources` maps a sample of the copy to that of the source; `added` holds the areas (method, x, y, w, h) that were
    redacted beyond those of the decisions, by sample of the source.

    A face detector sees a head in hair and shoulders around a blank oval. A box that lies mostly on an area that was
    filled with one colour shows nothing, so it is counted apart. What was suppressed, or kept by a review, was not to
    be removed, so it is not left either.
    """
    found: dict[str, list[Finding]] = {}
    for shard in orders.every(after.path, after.manifest.parts):
        for sample, order in shard.items():
            if again := order.asked():
                found.setdefault(sources.get(sample, sample), []).extend(again)
    result = Left()
    filled = _filled(
        before, added, {name for name, findings in found.items() if any(f.channel == "pixels" for f in findings)}
    )
    allowed = _accepted(before)
    for sample, findings in found.items():
        for finding in findings:
            if allowed.get(sample, Counter())[finding.code] > 0:
                allowed[sample][finding.code] -= 1
            elif isinstance(finding.where, Box) and is_covered(finding.where, filled.get(sample, [])):
                result.on_filled += 1
            else:
                result.by_sample.setdefault(sample, Counter())[finding.code] += 1
    return result


def _accepted(audit: AuditFolder) -> dict[str, Counter[str]]:
    """Findings per sample and code that somebody accepted, so that no decision asks to remove them."""
    allowed: dict[str, Counter[str]] = {}
    query = "SELECT sample_id, code, count(*) FROM settled WHERE finding IS NOT NULL GROUP BY ALL"
    for sample, code, count in audit.sql(query):
        allowed.setdefault(sample, Counter())[code] += count
    query = "SELECT DISTINCT sample_id, code FROM settled WHERE rule_id IS NOT NULL AND how = 'suppressed'"
    by_rule: dict[str, set[str]] = {}
    for sample, codes in audit.sql(query):
        by_rule.setdefault(sample, set()).update(codes.split(","))
    for shard in orders.every(audit.path, audit.manifest.parts) if by_rule else ():
        for sample in by_rule.keys() & shard.keys():
            asked = {finding.code for finding in shard[sample].asked()}
            codes = by_rule[sample] - asked
            allowed.setdefault(sample, Counter()).update(f.code for f in shard[sample].findings if f.code in codes)
    return allowed


def _filled(
    audit: AuditFolder, added: Mapping[str, Sequence[Mapping[str, Any]]], samples: set[str]
) -> dict[str, list[Box]]:
    """The areas that were filled, as the regions grow them."""
    areas: dict[str, list[Box]] = {}
    if not samples:
        return areas
    for shard in orders.every(audit.path, audit.manifest.parts):
        for sample in samples & shard.keys():
            wanted = shard[sample].wanted("fill")
            boxes = [finding.where for finding in wanted if isinstance(finding.where, Box)]
            boxes += [Box(a["x"], a["y"], a["w"], a["h"]) for a in added.get(sample, ()) if a["method"] == "fill"]
            areas[sample] = [grown(box) for box in boxes]
    return areas
