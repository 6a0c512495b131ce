"""What the texts and the name of one sample become: personal values give way to placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from privacy_audit import evidence
from privacy_audit.redaction.orders import TEXT_CHANNELS, Orders
from privacy_audit.redaction.spans import Spans, mask_filename, mask_value
from privacy_audit.sources.folder import JSON_PREFIX
from privacy_audit.types import Sample, Span

SpansByField = dict[str, list[tuple[int, int, str]]]
_SUFFIX_CHARS = 8


def spans_of(sample: Sample, orders: Orders) -> SpansByField:
    """What to mask, by field."""
    spans: SpansByField = {}
    for finding in orders.wanted("mask"):
        if finding.channel in TEXT_CHANNELS and isinstance(finding.where, Span):
            name = finding.attributes.get("field", "")
            spans.setdefault(name, []).append((finding.where.start, finding.where.end, finding.code))
    texts = {text.field for text in sample.texts}
    for name in [name for name in spans if name in sample.record and name not in texts]:
        spans[JSON_PREFIX + name] = spans[name]  # a number is no text: it stands in the table or in the sidecar
    return spans


def masked(sample: Sample, spans: Mapping[str, Spans]) -> dict[str, str]:
    """New values for the fields that `spans` name."""
    values = {name: str(value) for name, value in sample.record.items()}
    values |= {JSON_PREFIX + name: value for name, value in values.items()}
    values |= {text.field: text.value for text in sample.texts}
    return {field: mask_value(values[field], found) for field, found in spans.items() if found and field in values}


def renamed(sample: Sample, spans: Spans) -> str:
    """The path with its personal parts masked. The name is unique, and cannot be traced back without the key."""
    parts, at = [], 0
    for part in sample.id.split("/"):
        here = [(start - at, end - at, code) for start, end, code in spans if start < at + len(part) and end > at]
        parts.append(mask_filename(part, here) if here else part)
        at += len(part) + 1
    path = PurePosixPath(*parts)
    unique = evidence.token(sample.id, "path")[:_SUFFIX_CHARS]
    return path.with_name(f"{path.stem}-{unique}{path.suffix}").as_posix()
