"""Redaction of a whole dataset: a copy that appears complete or not at all, and a second look at it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from privacy_audit.errors import AuditError, SourceError
from privacy_audit.redaction import draft, residual
from privacy_audit.redaction.shard import Done, RedactJob
from privacy_audit.redaction.sinks import Sink, sink_of
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION, DetectorSpec, Plan
from privacy_audit.run.scan import locked
from privacy_audit.sources import Shard, Source
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.redactions import RedactionSummary, Residual

if TYPE_CHECKING:
    from privacy_audit.run.scan import Progress

AFTER = "after"
"""The second audit, of the copy, stands here inside the redaction notes."""


class Verified(Protocol):
    """What the second look gives back."""

    @property
    def folder(self) -> AuditFolder:
        """The audit of the copy."""
        ...


Verify = Callable[[Path, Path], Verified]


def redact_dataset(
    source: Source,
    audit: AuditFolder,
    output: Path,
    *,
    detectors: tuple[DetectorSpec, ...],
    key: bytes,
    jobs: int,
    timeout_s: float,
    verify: Verify | None,
    progress: Progress,
) -> RedactionSummary:
    """Write the redacted copy of `source` to `output`, note it in the audit folder, and audit the copy again.

    `detectors` are those of the audit; those that see pixels look at every redacted picture once more. The copy appears
    when all is done. A run that was cut short is taken up where it stopped, see `draft`.
    """
    started = _now()
    sink = sink_of(source, output)
    _check(source, audit, output)
    run = _Run(sink, audit, output, draft.place(output), _plan(audit, detectors, key), key, detectors)
    draft.prepare(run.draft, run.plan)
    with locked(run.draft):
        progress.start(audit.manifest.counts["samples"])
        try:
            _work(run, LocalRunner(jobs, timeout_s), progress)
        finally:
            progress.stop()
        with draft.writing(run.draft):
            done = _finish(run)
        notes = redactions.folder(audit.path)
        again = verify(sink.scanned(draft.copy(run.draft)), notes / AFTER) if verify is not None else None
        summary = _summary(audit, done, again.folder if again else None, started)
        with draft.writing(run.draft):
            redactions.write(audit.path, summary, done.rows)
            sink.publish(draft.copy(run.draft), output)
    shutil.rmtree(run.draft, ignore_errors=True)
    return summary


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same during one redaction."""

    sink: Sink
    audit: AuditFolder
    output: Path
    draft: Path
    plan: str
    key: bytes
    detectors: tuple[DetectorSpec, ...]


@dataclass(frozen=True, slots=True)
class _Finished:
    """The copy, complete. `rows` are the notes on all samples, `files` all files with their sha256."""

    rows: list[dict[str, Any]]
    files: dict[str, str]
    routes: dict[str, int]
    carried: int


def _plan(audit: AuditFolder, detectors: tuple[DetectorSpec, ...], key: bytes) -> str:
    """Hex sha256 over all that shapes the copy: the audit with its decisions, the detectors, the key."""
    facts = {
        "tool": TOOL_VERSION,
        "audit": [audit.manifest.plan_hash, audit.manifest.source_fingerprint, audit.manifest.parts],
        "detectors": Plan(detectors, (), key).hash(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _check(source: Source, audit: AuditFolder, output: Path) -> None:
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    if source.survey().fingerprint != audit.manifest.source_fingerprint:
        raise SourceError(
            f"{source.name} is not what was audited: files were added, removed or changed. Scan it again."
        )
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SourceError(f"{output} exists and is not empty. Name a new folder with -o.")


def _work(run: _Run, runner: LocalRunner, progress: Progress) -> None:
    """Redact all shards that are not done yet."""

    def todo() -> Iterator[RedactJob]:
        for shard in run.sink.source.shards():
            marker = _marker(run, shard)
            if marker is not None:
                progress.advance(len(marker.rows), sum(row["outcome"] == "withheld" for row in marker.rows))
                continue
            yield RedactJob(run.sink, shard, run.audit.path, run.draft, run.plan, run.key, run.detectors)

    done: Done
    for done in runner.map(todo()):
        progress.advance(done.samples, done.withheld)


def _marker(run: _Run, shard: Shard) -> draft.Marker | None:
    marker = draft.read_marker(run.draft, shard.id)
    return marker if marker is not None and (marker.input, marker.plan) == (shard.fingerprint, run.plan) else None


def _finish(run: _Run) -> _Finished:
    """Write what spans shards, and remove what a run that died left half done."""
    markers = [_marker(run, shard) for shard in run.sink.source.shards()]
    found = [marker for marker in markers if marker is not None]
    if len(found) < len(markers):
        raise AuditError("the source, or the copy, changed while it was redacted. Run the same command again.")
    parts = [marker.facts for marker in found]
    query = "SELECT sample_id FROM failures WHERE stage = 'source' AND kind = 'unreadable'"
    unread = frozenset(row[0] for row in run.audit.sql(query))
    files = {name: digest for marker in found for name, digest in marker.files.items()}
    files |= run.sink.finish(draft.copy(run.draft), parts, unread)
    draft.sweep(run.draft, files)
    rows = [row for marker in found for row in marker.rows]
    new = run.sink.ids(parts)
    for row in rows:
        row["output_id"] = new(row["output_id"])
    routes: Counter[str] = sum((Counter(marker.routes) for marker in found), Counter())
    return _Finished(rows, files, dict(sorted(routes.items())), sum(marker.carried for marker in found))


def _summary(audit: AuditFolder, done: _Finished, after: AuditFolder | None, started: str) -> RedactionSummary:
    rows = done.rows
    outcomes = Counter(row["outcome"] for row in rows)
    kept = {row["output_id"]: row["sample_id"] for row in rows if row["output_id"]}
    added = {row["sample_id"]: row["added"] for row in rows if row["added"]}
    found = residual.left(audit, after, kept, added) if after is not None else residual.Left()
    for row in rows:
        row["left"] = sorted(found.by_sample.get(row["sample_id"], ()))
    before = residual.asked(audit, set(kept.values()))
    residuals = [Residual(code, before[code], found.codes[code]) for code in sorted({*before, *found.codes})]
    return RedactionSummary(
        started=started,
        finished=_now(),
        tool_version=TOOL_VERSION,
        policy_hash=audit.manifest.policy_hash,
        source_fingerprint=audit.manifest.source_fingerprint,
        samples=len(rows),
        changed=outcomes["changed"],
        unchanged=outcomes["unchanged"],
        dropped=outcomes["dropped"],
        quarantined=outcomes["quarantined"],
        withheld=outcomes["withheld"],
        copied_unchecked=done.carried,
        actions=dict(sorted(Counter(action for row in rows for action in row["actions"]).items())),
        routes=done.routes,
        withheld_reasons=dict(sorted(Counter(row["note"] for row in rows if row["outcome"] == "withheld").items())),
        verified=after is not None,
        passed=after is not None and not found.codes and not _new_failures(after, outcomes["withheld"]),
        residuals=residuals,
        second_look=sum(len(row["added"]) for row in rows),
        on_filled=found.on_filled,
        verifier=_verifier(after),
    )


def _new_failures(after: AuditFolder, withheld: int) -> bool:
    """Whether the copy holds something that could not be checked, beyond rows whose picture was withheld."""
    query = "SELECT count(DISTINCT sample_id) FROM failures WHERE stage = 'picture'"
    pictures = after.sql(query)[0][0]
    return bool(pictures > withheld)


def _verifier(after: AuditFolder | None) -> str:
    if after is None:
        return ""
    return ", ".join(f"{entry.name} {entry.version}" for entry in after.manifest.detectors)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
