"""What `redact` notes in the audit folder: one summary, and one row per sample. Neither holds a personal value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.store.files import whole, write_whole

FOLDER = "redaction"
SUMMARY = "summary.json"
ROWS = "samples.parquet"


@dataclass(frozen=True, slots=True)
class Residual:
    """Findings of one code that the decisions asked to remove: before, and in the second audit of the output."""

    code: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class RedactionSummary:
    """The outcome of one redaction run. Counts are samples unless said otherwise."""

    started: str
    finished: str
    tool_version: str
    policy_hash: str
    source_fingerprint: str
    samples: int
    changed: int
    unchanged: int
    dropped: int
    quarantined: int
    withheld: int
    """Pictures left out because they could not be checked or could not be redacted safely."""
    copied_unchecked: int
    """Files that are no samples (documents, archives ...): copied as they are, never looked at."""
    actions: dict[str, int]
    """Samples per thing done: fill, pixelate, blur, strip, mask, rename."""
    routes: dict[str, int]
    """Pictures per way of encoding, with the loss stated in its name."""
    withheld_reasons: dict[str, int]
    verified: bool
    """Whether the output was audited again."""
    passed: bool
    """Verified, and nothing that the decisions asked to remove was found again."""
    residuals: list[Residual] = field(default_factory=list)
    second_look: int = 0
    """Regions that only a look at the redacted pictures found; they were redacted too."""
    on_filled: int = 0
    """Boxes that the second look put on areas filled with one colour: there is nothing left to see in them."""
    verifier: str = ""
    """How the second look was taken: detectors, profile."""


def folder(audit: Path) -> Path:
    """Where redaction notes stand in an audit folder."""
    return audit / FOLDER


def write(audit: Path, summary: RedactionSummary, rows: Sequence[dict[str, Any]]) -> None:
    """Write both.

    A row has sample_id, output_id (empty when absent), outcome, actions, left (codes found again), added (areas
    that a second look found: method, x, y, w, h), route, note.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    columns = [(name, text) for name in ("sample_id", "output_id", "outcome")]
    area = pa.struct([("method", text), *((name, pa.float32()) for name in "xywh")])
    columns += [
        ("added", pa.list_(area)),
        ("actions", pa.list_(text)),
        ("left", pa.list_(text)),
        ("route", text),
        ("note", text),
    ]
    with whole(folder(audit) / ROWS) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(columns)), temporary, compression="zstd")
    write_whole(folder(audit) / SUMMARY, json.dumps(asdict(summary), indent=1, sort_keys=True) + "\n")


def read(audit: Path) -> RedactionSummary | None:
    """The last redaction's summary, or None when nothing was redacted yet."""
    path = folder(audit) / SUMMARY
    try:
        raw = json.loads(path.read_bytes())
        raw["residuals"] = [Residual(**entry) for entry in raw["residuals"]]
        return RedactionSummary(**raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Run privacy-audit redact again.") from error
