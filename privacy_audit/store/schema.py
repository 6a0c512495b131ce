"""The four tables of an audit, as Parquet schemas, and how the values of `types` become rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from privacy_audit.types import Box, Decision, Failure, Finding, Quad, Span, Tag, Where

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("samples", "findings", "failures", "decisions")
SETTLED = "settled"
"""A fifth table, of audits in which a baseline, a suppression or a review settled something."""
SCORE_DIGITS = 7
"""What is left of a score that was stored as a 32-bit number: 0.35 is again what a rule calls so."""
_CORNERS = "corners"
_WHERE_KINDS = {Box: "box", Quad: "quad", Span: "span", Tag: "tag"}


def schema(table: str) -> pa.Schema:
    """The Arrow schema of one of TABLES, or of SETTLED. Repeated strings are dictionary-encoded in the file."""
    import pyarrow as pa

    text, text_map = pa.string(), pa.map_(pa.string(), pa.string())
    columns: dict[str, list[tuple[str, pa.DataType]]] = {
        "samples": [
            ("sample_id", text),
            ("shard", text),
            ("bytes", pa.int64()),
            ("format", text),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("sha256", text),
            ("visibility", text),
            ("training", text),
            ("checked", pa.list_(text)),
            ("failed", pa.list_(text)),
            ("skipped", text_map),
            ("content", text),
            ("reused", pa.bool_()),
        ],
        "findings": [
            ("sample_id", text),
            ("detector", text),
            ("code", text),
            ("score", pa.float32()),
            ("channel", text),
            ("where", text),
            ("x", pa.float32()),
            ("y", pa.float32()),
            ("w", pa.float32()),
            ("h", pa.float32()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("tag", text),
            ("preview", text),
            ("token", text),
            ("attributes", text_map),
        ],
        "failures": [("sample_id", text), ("stage", text), ("kind", text), ("message", text)],
        "decisions": [
            ("sample_id", text),
            ("rule_id", text),
            ("severity", text),
            ("action", pa.struct([("kind", text), ("parameters", text_map)])),
            ("codes", pa.list_(text)),
        ],
        SETTLED: [
            ("sample_id", text),
            ("how", text),
            ("rule_id", text),
            ("severity", text),
            ("code", text),
            ("finding", pa.int32()),
        ],
    }
    return pa.schema(columns[table])


def finding_row(sample_id: str, finding: Finding) -> dict[str, Any]:
    """A row of `findings`. A quad keeps its bounding box in x, y, w, h and its corners in attributes."""
    row: dict[str, Any] = {
        "sample_id": sample_id,
        "detector": finding.detector,
        "code": finding.code,
        "score": finding.score,
        "channel": finding.channel,
        "preview": finding.preview,
        "token": finding.token,
        "attributes": _pairs(finding.attributes),
        "where": "none",
    }
    row.update(_where_columns(finding.where, finding.attributes))
    return row


def finding_of(row: Mapping[str, Any]) -> Finding:
    """The Finding that `finding_row` wrote."""
    attributes = dict(row["attributes"])
    where = _where_of(row, attributes.pop(_CORNERS, "") if row["where"] == "quad" else "")
    return Finding(
        code=row["code"],
        detector=row["detector"],
        score=round(row["score"], SCORE_DIGITS),
        channel=row["channel"],
        where=where,
        preview=row["preview"],
        token=row["token"],
        attributes=attributes,
    )


def failure_row(sample_id: str, failure: Failure) -> dict[str, Any]:
    """A row of `failures`."""
    return {"sample_id": sample_id, "stage": failure.stage, "kind": failure.kind, "message": failure.message}


def decision_row(sample_id: str, decision: Decision) -> dict[str, Any]:
    """A row of `decisions`."""
    return {
        "sample_id": sample_id,
        "rule_id": decision.rule_id,
        "severity": decision.severity.value,
        "action": {"kind": decision.action.kind, "parameters": _pairs(decision.action.parameters)},
        "codes": list(decision.codes),
    }


def _pairs(values: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    return sorted(values.items())


def _where_columns(where: Where, attributes: Mapping[str, str]) -> dict[str, Any]:
    if where is None:
        return {}
    kind = {"where": _WHERE_KINDS[type(where)]}
    if isinstance(where, Box):
        return {**kind, "x": where.x, "y": where.y, "w": where.w, "h": where.h}
    if isinstance(where, Quad):
        xs, ys = [x for x, _ in where.corners], [y for _, y in where.corners]
        corners = " ".join(f"{float(x)},{float(y)}" for x, y in where.corners)
        box = {"x": min(xs), "y": min(ys), "w": max(xs) - min(xs), "h": max(ys) - min(ys)}
        return {**kind, **box, "attributes": _pairs({**attributes, _CORNERS: corners})}
    if isinstance(where, Span):
        return {**kind, "start": where.start, "end": where.end}
    return {**kind, "tag": where.name}


def _where_of(row: Mapping[str, Any], corners: str) -> Where:
    kind = row["where"]
    if kind == "box":
        return Box(row["x"], row["y"], row["w"], row["h"])
    if kind == "span":
        return Span(row["start"], row["end"])
    if kind == "tag":
        return Tag(row["tag"])
    if kind == "quad":
        pairs = [tuple(map(float, pair.split(","))) for pair in corners.split()]
        first, second, third, fourth = ((x, y) for x, y in pairs)
        return Quad((first, second, third, fourth))
    return None
