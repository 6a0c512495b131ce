"""What `redact` notes in the audit folder: a summary and one row per sample, as a table and as one JSON document.

None holds a personal value. All stay in the audit and out of the copy: they hold the digests of the originals, and
which new file name was which.
"""

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
RECORD = "redaction.json"
RECORD_VERSION = 1


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
    """Boxes that the second look put on covered areas in which no more is left than their method may leave."""
    verifier: str = ""
    """How the second look was taken: detectors, profile."""
    tokens: bool = False
    """Whether texts and names of the copy were searched for the values that were to go."""
    unsearched: int = 0
    """Samples with more text or values than were searched."""
    found_later: int = 0
    """Pictures with regions that only the verification of the copy found; they were covered, and verified again."""
    failed: int = 0
    """Samples that failed the verification, and were quarantined; among `quarantined`."""
    regions: int = 0
    """Regions that were covered, each measured."""
    weak: int = 0
    """Regions covered by blur, which software can see through."""
    loudest_db: float | None = None
    """The largest loss outside the regions of a picture (peak signal-to-noise ratio in dB); None: no pixel changed."""
    faces: bool = False
    """Whether faces were looked for."""
    at_most: float | None = None
    """Share of pictures with faces that may still show one, upper end of a 95 % interval; None: not measured."""
    at_most_data: str = ""
    """On what that was measured."""


def folder(audit: Path) -> Path:
    """Where redaction notes stand in an audit folder."""
    return audit / FOLDER


def write(audit: Path, summary: RedactionSummary, rows: Sequence[dict[str, Any]]) -> None:
    """Write all three.

    A row has sample_id, output_id (empty when absent), copy_id (that of what is in the copy, also when the picture is
    withheld and texts go along), outcome, actions, rules, left (codes found again), added (areas that a second look at
    the picture found: method, x, y, w, h), regions (all areas, with what is left in them: cells, same, little), outside
    (the loss outside them), route, note, before and after (sha256 of the picture), verdict.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, texts = pa.string(), pa.list_(pa.string())
    area = [("method", text), *((name, pa.float32()) for name in "xywh")]
    measured = [*area, ("cells", pa.int32()), ("same", pa.float32()), ("little", pa.bool_())]
    columns = [(name, text) for name in ("sample_id", "output_id", "copy_id", "outcome")]
    columns += [("added", pa.list_(pa.struct(area))), ("regions", pa.list_(pa.struct(measured)))]
    columns += [(name, texts) for name in ("actions", "rules", "left")]
    columns += [(name, text) for name in ("outside", "route", "note", "before", "after", "verdict")]
    with whole(folder(audit) / ROWS) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(columns)), temporary, compression="zstd")
    facts = {"format_version": RECORD_VERSION, "summary": asdict(summary), "samples": []}
    with whole(folder(audit) / RECORD) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps(facts, indent=1)[: -len("[]\n}")] + "[")
        for number, row in enumerate(rows):  # one a line: a large file that line tools can take apart
            out.write((",\n" if number else "\n") + json.dumps(row, sort_keys=True))
        out.write("\n]\n}\n")
    write_whole(folder(audit) / SUMMARY, json.dumps(asdict(summary), indent=1, sort_keys=True) + "\n")


def rows(audit: Path) -> list[dict[str, Any]]:
    """The notes on all samples; raises AuditError when there are none."""
    path = folder(audit) / RECORD
    try:
        found = json.loads(path.read_bytes())
        if found["format_version"] != RECORD_VERSION:
            raise ValueError("another version")
        notes: list[dict[str, Any]] = found["samples"]
        return notes
    except FileNotFoundError:
        raise AuditError(f"{audit} holds no redaction. Make one with: privacy-audit redact") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Run privacy-audit redact again.") from error


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
