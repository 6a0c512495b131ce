"""Checks a published copy again, from the copy, the notes in the audit folder, and the audit's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit.evidence import token_key
from privacy_audit.redaction import manifest, residual
from privacy_audit.redaction.manifest import FileChanges
from privacy_audit.redaction.residual import Left
from privacy_audit.redaction.sinks import published
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.redactions import RedactionSummary


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of a copy found.

    `files` are those that differ from the copy's own manifest; `replaced` counts pictures that are not the ones that
    redaction wrote. `left` counts findings that were to be removed, per code, and `tokens` says whether values were
    searched for. `not_little` counts regions in which more was left than their method may leave, as measured when they
    were covered. `unchecked` counts pictures that could not be looked at. `notes` is the summary of the redaction.
    """

    files: FileChanges
    replaced: int
    left: dict[str, int]
    on_covered: int
    tokens: bool
    unsearched: int
    not_little: int
    unchecked: int
    samples: int
    notes: RedactionSummary
    samples_left: list[str] = field(default_factory=list)
    """Samples of the copy, by id, in which something is left."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found that should not be there."""
        return not (self.files or self.replaced or self.left or self.not_little or self.unchecked)


def verify_copy(
    output: Path, audit: AuditFolder, scan: Callable[[Path], AuditFolder], *, key: bytes | None
) -> Verification:
    """Check the copy at `output`. `scan` audits it; `key` is that of the audit, None when it is not at hand."""
    rows, notes = redactions.rows(audit.path), redactions.read(audit.path)
    assert notes is not None
    files = manifest.check(output)
    kept = [row for row in rows if row["copy_id"]]
    left, after = Left(), None
    if kept:
        place = published(output, audit.manifest.source_kind, audit.manifest.source_name)
        after = scan(place)
        left = residual.left(audit, after, rows, tokens=key is not None)
        if key is not None:
            with token_key(key):
                residual.search(audit, place, rows, left)
    names = {row["sample_id"]: row["copy_id"] for row in kept}
    return Verification(
        files=files,
        replaced=_replaced(after, kept),
        left=dict(sorted(left.codes.items())),
        on_covered=left.on_covered,
        tokens=key is not None,
        unsearched=left.unsearched,
        not_little=sum(not region["little"] for row in kept if row["output_id"] for region in row["regions"]),
        unchecked=_unchecked(after, kept),
        samples=len(kept),
        notes=notes,
        samples_left=sorted(names.get(sample, sample) for sample in left.by_sample),
    )


def _replaced(after: AuditFolder | None, kept: list[dict[str, Any]]) -> int:
    """Pictures of the copy whose digest is not the one that was noted."""
    if after is None:
        return 0
    there: Mapping[str, str] = dict(after.sql("SELECT sample_id, coalesce(sha256, '') FROM samples"))
    return sum(bool(row["after"]) and there.get(row["copy_id"]) != row["after"] for row in kept)


def _unchecked(after: AuditFolder | None, kept: list[dict[str, Any]]) -> int:
    """Pictures that could not be looked at, beyond those that were withheld."""
    if after is None:
        return 0
    failed = Counter(row[0] for row in after.sql("SELECT DISTINCT sample_id FROM failures WHERE stage = 'picture'"))
    return len(failed.keys() - {row["copy_id"] for row in kept if not row["output_id"]})
