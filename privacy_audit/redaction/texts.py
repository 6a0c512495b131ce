"""What the texts and the name of one sample become: personal values give way to placeholders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from privacy_audit import evidence
from privacy_audit.redaction import everywhere
from privacy_audit.redaction.everywhere import Value
from privacy_audit.redaction.orders import TEXT_CHANNELS, Orders
from privacy_audit.redaction.spans import Naming, Spans, mask_filename, mask_value, typed
from privacy_audit.sources.folder import JSON_PREFIX, PATH_FIELD
from privacy_audit.types import Sample, Span

SpansByField = dict[str, list[tuple[int, int, str]]]
_SUFFIX_CHARS = 8


def spans_of(sample: Sample, orders: Orders) -> SpansByField:
    """What to mask, by field: what the detectors found, and wherever the same values stand besides."""
    spans: SpansByField = {}
    for finding in orders.wanted("mask"):
        if finding.channel in TEXT_CHANNELS and isinstance(finding.where, Span):
            name = finding.attributes.get("field", "")
            spans.setdefault(name, []).append((finding.where.start, finding.where.end, finding.code))
    fields = _fields(sample)
    values = [
        Value(code, fields[name][start:end])
        for name, found in spans.items()
        if name in fields
        for start, end, code in found
    ]
    if any(finding.channel == "metadata" for finding in orders.asked()):
        values += everywhere.in_metadata(sample)
    wanted = everywhere.distinct(values)
    if wanted:
        for text in sample.texts:
            again = list(everywhere.spans(text.value, wanted))
            if again:
                spans.setdefault(text.field, []).extend(again)
    texts = {text.field for text in sample.texts}
    for name in [name for name in spans if name in sample.record and name not in texts]:
        spans[JSON_PREFIX + name] = spans[name]  # a number is no text: it stands in the table or in the sidecar
    return spans


def masked(sample: Sample, spans: Mapping[str, Spans], naming: Naming = typed) -> dict[str, str]:
    """New values for the fields that `spans` name, but for the sample's path."""
    fields = _fields(sample)
    return {
        field: mask_value(fields[field], found, naming)
        for field, found in spans.items()
        if found and field in fields and field != PATH_FIELD
    }


def renamed(sample: Sample, spans: Spans, naming: Naming = typed) -> str:
    """The path with its personal parts masked. The name is unique, and cannot be traced back without the key."""
    parts, at = [], 0
    path_text = next(text.value for text in sample.texts if text.field == PATH_FIELD)
    for part in path_text.split("/"):
        here = [(start - at, end - at, code) for start, end, code in spans if start < at + len(part) and end > at]
        parts.append(mask_filename(part, here, naming) if here else part)
        at += len(part) + 1
    path = PurePosixPath(*parts)
    unique = evidence.token(sample.id, "path")[:_SUFFIX_CHARS]
    return path.with_name(f"{path.stem}-{unique}{path.suffix}").as_posix()


def emptied(sample: Sample, columns: Iterable[str]) -> dict[str, str]:
    """Empty values for all fields of these columns, nested ones included."""
    found = {}
    for column in columns:
        for name, value in sample.record.items():
            if (name == column or name.startswith((f"{column}.", f"{column}["))) and value not in {None, ""}:
                found[name] = found[JSON_PREFIX + name] = ""
    return found


def pseudonyms(audit: str) -> Callable[[str, str], str]:
    """Names for masked values that are equal for equal values, within one audit and under one key."""

    def name(code: str, text: str) -> str:
        value = everywhere.key(text, code) or text
        return f"{typed(code, text)}-{evidence.pseudonym(value, code, audit)}"

    return name


def _fields(sample: Sample) -> dict[str, str]:
    """Every field that can be masked, by name. What stands in a JSON sidecar has a name with a prefix."""
    fields = {name: str(value) for name, value in sample.record.items()}
    fields |= {JSON_PREFIX + name: value for name, value in fields.items()}
    return fields | {text.field: text.value for text in sample.texts}
