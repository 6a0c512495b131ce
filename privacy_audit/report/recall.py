"""Measured recall by size, as the manifest of an audit holds it, in the form that a report prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from privacy_audit.errors import AuditError
from privacy_audit.store.manifest import DetectorEntry

MAX_TABLES = 8
MAX_ROWS = 12
Band = Literal["keep", "report"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with both ends of its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SizeRow:
    """Faces of one size, in pixels, and the shares of them that were kept and counted; None when not measured."""

    size: str
    faces: int
    keep: Rate | None
    report: Rate | None


@dataclass(frozen=True, slots=True)
class RecallTable:
    """One measurement of a detector. Precision and false alarms are those of boxes kept and of boxes counted."""

    detector: str
    variant: str
    source: Literal["reference", "bench"]
    measured_on: str
    data: str
    pictures: int
    face_free: int
    interval: str
    note: str
    rows: tuple[SizeRow, ...]
    precision: tuple[float | None, float | None]
    false_alarms: tuple[float | None, float | None]


def recall_tables(detectors: Iterable[DetectorEntry]) -> tuple[RecallTable, ...]:
    """What was measured of the detectors that ran. Raises AuditError when the manifest is damaged."""
    try:
        return tuple(_table(entry.name, raw) for entry in detectors for raw in entry.tables[:MAX_TABLES])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AuditError(f"the audit's table of recall is damaged ({type(error).__name__}). Scan again.") from error


def unmeasured(detectors: Iterable[DetectorEntry]) -> tuple[str, ...]:
    """Detectors that run in several variants, of which nothing was measured of the one that ran."""
    return tuple(entry.name for entry in detectors if "profile" in entry.options and not entry.tables)


def _table(detector: str, raw: Mapping[str, Any]) -> RecallTable:
    if raw["source"] not in {"reference", "bench"}:
        raise ValueError("another source")
    return RecallTable(
        detector=detector,
        variant=f"{raw['backend']}, {raw['profile']}",
        source=raw["source"],
        measured_on=str(raw["measured_on"]),
        data=str(raw["data"]),
        pictures=int(raw["pictures"]),
        face_free=int(raw["face_free"]),
        interval=str(raw["interval"]),
        note=str(raw["note"]),
        rows=tuple(_row(row) for row in raw["rows"][:MAX_ROWS]),
        precision=_pair(raw["precision"]),
        false_alarms=_pair(raw["false_alarms"]),
    )


def _row(raw: Mapping[str, Any]) -> SizeRow:
    return SizeRow(str(raw["size"]), int(raw["faces"]), _rate(raw["keep"]), _rate(raw["report"]))


def _rate(raw: Any) -> Rate | None:
    if raw is None:
        return None
    share, low, high = (min(max(float(value), 0.0), 1.0) for value in raw)
    return Rate(share, low, high)


def _pair(raw: Mapping[str, Any]) -> tuple[float | None, float | None]:
    keep, report = (None if raw[band] is None else float(raw[band]) for band in ("keep", "report"))
    return keep, report
