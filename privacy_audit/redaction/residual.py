"""What a second look finds of what was to be removed: by another scan of the copy, and by a search for the values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit import evidence
from privacy_audit.redaction import everywhere, orders
from privacy_audit.redaction.coverage import grown, is_covered
from privacy_audit.redaction.orders import CREDIT, KEPT_BY_STRIP, TEXT_CHANNELS, Orders
from privacy_audit.sources import Item, open_source
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Box, Finding

MAX_PLACES = 20_000
"""Places of one sample's texts at which a value is looked for."""
MAX_VALUES = 64
"""Values of one sample that are looked for."""
_CHARS = re.compile(r"(\d{1,6}) chars$")


@dataclass(slots=True)
class Left:
    """Findings left in a copy, per sample of the source (by id).

    `on_covered` counts boxes on areas that were covered, and where no more is left than their method may leave.
    `unsearched` counts samples with more values or text than are looked at.
    """

    by_sample: dict[str, list[Finding]] = field(default_factory=dict)
    on_covered: int = 0
    unsearched: int = 0

    @property
    def codes(self) -> Counter[str]:
        """Findings left per code."""
        return Counter(finding.code for findings in self.by_sample.values() for finding in findings)


def asked(audit: AuditFolder, samples: set[str]) -> Counter[str]:
    """Findings per code that the decisions of an audit ask to remove from these samples."""
    counts = Counter[str]()
    for shard in orders.every(audit.path, audit.manifest.parts):
        for sample, order in shard.items():
            if sample in samples:
                counts.update(finding.code for finding in order.asked())
    return counts


def left(before: AuditFolder, after: AuditFolder, rows: Sequence[Mapping[str, Any]], *, tokens: bool) -> Left:
    """What the audit of the copy asks to remove still, and findings whose value was to go.

    `rows` are the notes on the samples. `tokens` says whether both audits were made with one key, so that values can
    be compared.

    A face detector sees a head in hair and shoulders around a blank oval. A box that lies mostly on an area in which
    nothing is left shows nothing, so it is counted apart. What was suppressed, or kept by a review, was not to be
    removed, so it is not left either.
    """
    sources = {row["copy_id"]: row["sample_id"] for row in rows if row["copy_id"]}
    covered = {row["sample_id"]: _covered(row["regions"]) for row in rows if row["regions"]}
    gone = _gone(before, set(sources.values())) if tokens else {}
    result = Left()
    allowed = _accepted(before)
    for shard in orders.every(after.path, after.manifest.parts):
        for name, order in shard.items():
            sample = sources.get(name, name)
            again = order.asked()
            again += [f for f in _same_values(order, gone.get(sample, {})) if f not in again]
            for finding in again:
                if allowed.get(sample, Counter())[finding.code] > 0:
                    allowed[sample][finding.code] -= 1
                elif isinstance(finding.where, Box) and is_covered(finding.where, covered.get(sample, ())):
                    result.on_covered += 1
                else:
                    result.by_sample.setdefault(sample, []).append(finding)
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


def search(before: AuditFolder, copy: Path, rows: Sequence[Mapping[str, Any]], result: Left) -> None:
    """Look for the values that were to go in all texts and names of the dataset `copy`; add to `result`.

    No detector takes part. An audit keeps no value, but its token and its length. So the token of every stretch of that
    length that starts at a word is computed, under the key of the audit.
    """
    sources = {row["copy_id"]: row["sample_id"] for row in rows if row["copy_id"]}
    gone = _gone(before, set(sources.values()))
    if not gone:
        return
    options, kind = before.manifest.options, before.manifest.source_kind
    source = open_source(copy, caption_columns=options.get("caption_columns", ()), dataset={}, kind=kind)
    source.survey()
    for shard in source.shards():
        for item in source.read(shard):
            if isinstance(item, Item) and (values := gone.get(sources.get(item.sample.id, ""))):
                sample = sources[item.sample.id]
                found, complete = _search(item, values)
                known = {finding.token for finding in result.by_sample.get(sample, ())}
                new = [finding for finding in found if finding.token not in known]
                if new:
                    result.by_sample.setdefault(sample, []).extend(new)
                result.unsearched += not complete


def _search(item: Item, values: Mapping[str, Finding]) -> tuple[list[Finding], bool]:
    wanted = list(values.values())[:MAX_VALUES]
    places = 0
    found: dict[str, Finding] = {}
    for text in item.sample.texts:
        starts = [match.start() for match in re.finditer(r"(?<!\w)\w|(?<=_)[^\W_]|[^\w\s]", text.value)]
        for finding in wanted:
            size = _length(finding)
            if places + len(starts) > MAX_PLACES:
                return list(found.values()), False
            places += len(starts)
            for start in starts:
                piece = text.value[start : start + size]
                if len(piece) == size and evidence.token(piece, finding.code) == finding.token:
                    found[finding.token] = finding
    return list(found.values()), len(values) <= MAX_VALUES


def _gone(audit: AuditFolder, samples: set[str]) -> dict[str, dict[str, Finding]]:
    """By sample and token, the findings whose value must stand nowhere on the sample any more."""
    found: dict[str, dict[str, Finding]] = {}
    for shard in orders.every(audit.path, audit.manifest.parts):
        for sample in samples & shard.keys():
            values = {f.token: f for f in shard[sample].asked() if f.token and _travels(f)}
            if values:
                found[sample] = values
    return found


def _travels(finding: Finding) -> bool:
    """Whether the value of a finding is one that is masked wherever it stands."""
    known = finding.code.startswith(everywhere.IN_METADATA)
    return _length(finding) >= everywhere.SHORTEST and (finding.channel in TEXT_CHANNELS or known)


def _length(finding: Finding) -> int:
    """Characters of the value, as its preview says; 0 when it does not."""
    match = _CHARS.search(finding.preview)
    return int(match[1]) if match is not None else 0


def _same_values(order: Orders, gone: Mapping[str, Finding]) -> Iterator[Finding]:
    """Findings of the copy whose value was to go. What a strip mode keeps on purpose is none."""
    for finding in order.findings:
        kept = finding.channel == "metadata" and finding.code in KEPT_BY_STRIP | CREDIT
        if finding.token in gone and not kept:
            yield finding


def _covered(regions: Iterable[Mapping[str, Any]]) -> list[Box]:
    """The areas in which nothing is left, as the regions grow them."""
    return [grown(Box(area["x"], area["y"], area["w"], area["h"])) for area in regions if area["little"]]
