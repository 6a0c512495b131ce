"""What the second look finds of what the first one asked to remove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from privacy_audit.redaction import orders
from privacy_audit.redaction.regions import GROWTH
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Box, Finding

_MOSTLY = 0.5


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


def left(before: AuditFolder, after: AuditFolder, sources: Mapping[str, str]) -> Left:
    """What the audit of the copy asks to remove still. `sources` maps a sample of the copy to that of the source.

    A face detector sees a head in hair and shoulders around a blank oval. A box that lies mostly on an area that was
    filled with one colour shows nothing, so it is counted apart.
    """
    found: dict[str, list[Finding]] = {}
    for shard in orders.every(after.path, after.manifest.parts):
        for sample, order in shard.items():
            if again := order.asked():
                found.setdefault(sources.get(sample, sample), []).extend(again)
    result = Left()
    filled = _filled(before, {name for name, findings in found.items() if any(f.channel == "pixels" for f in findings)})
    for sample, findings in found.items():
        for finding in findings:
            if isinstance(finding.where, Box) and _covered(finding.where, filled.get(sample, [])) >= _MOSTLY:
                result.on_filled += 1
            else:
                result.by_sample.setdefault(sample, Counter())[finding.code] += 1
    return result


def _filled(audit: AuditFolder, samples: set[str]) -> dict[str, list[Box]]:
    """The areas that were filled, as the regions grow them."""
    areas: dict[str, list[Box]] = {}
    if not samples:
        return areas
    for shard in orders.every(audit.path, audit.manifest.parts):
        for sample in samples & shard.keys():
            wanted = shard[sample].wanted("fill")
            areas[sample] = [_grown(finding.where) for finding in wanted if isinstance(finding.where, Box)]
    return areas


def _grown(box: Box) -> Box:
    across, down = box.w * GROWTH / 2, box.h * GROWTH / 2
    return Box(box.x - across, box.y - down, box.w + 2 * across, box.h + 2 * down)


def _covered(box: Box, areas: list[Box]) -> float:
    """The largest share of `box` that lies in one of `areas`."""
    size = box.w * box.h
    if size <= 0:
        return 0.0
    return max((_overlap(box, area) / size for area in areas), default=0.0)


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return max(width, 0.0) * max(height, 0.0)
