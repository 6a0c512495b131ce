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
    filled with one colour shows nothing, so it is counted apart.
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
    for sample, findings in found.items():
        for finding in findings:
            if isinstance(finding.where, Box) and is_covered(finding.where, filled.get(sample, [])):
                result.on_filled += 1
            else:
                result.by_sample.setdefault(sample, Counter())[finding.code] += 1
    return result


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
