"""Redaction of a whole dataset: a copy that appears complete or not at all, and a second look at it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from privacy_audit.errors import AuditError, SourceError
from privacy_audit.evidence import key_id, token_key
from privacy_audit.redaction import draft, manifest, residual
from privacy_audit.redaction.bound import bound
from privacy_audit.redaction.options import RedactionOptions
from privacy_audit.redaction.residual import Left
from privacy_audit.redaction.shard import FAILED, Done, RedactJob
from privacy_audit.redaction.sinks import Sink, sink_of
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION, DetectorSpec, Plan
from privacy_audit.run.scan import locked
from privacy_audit.sources import Shard, Source
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.redactions import RedactionSummary, Residual
from privacy_audit.types import Box, Finding, Quad

if TYPE_CHECKING:
    from privacy_audit.run.scan import Progress

AFTER = "after"
"""The second audit, of the copy, stands here inside the redaction notes."""
COVERING_LOOKS = 3
"""Looks at the copy after which what was found is covered, too; a face may show only when its neighbour is gone."""
MAX_LOOKS = COVERING_LOOKS + 3
"""The covering ones, at the copy with all of it covered, at the copy without what failed, and once more."""


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
    options: RedactionOptions,
) -> RedactionSummary:
    """Write the redacted copy of `source` to `output`, note it in the audit folder, and audit the copy again.

    `detectors` are those of the audit; those that see pixels look at every redacted picture once more. The copy appears
    when all is done and verified: regions that only the verification finds are covered, too, and a sample that still
    fails is left out. A run that was cut short is taken up where it stopped, see `draft`.
    """
    started = _now()
    sink = sink_of(source, output)
    check(source, audit)
    plan = _plan(audit, detectors, key, options)
    runner = LocalRunner(jobs, timeout_s)
    run = _Run(sink, audit, draft.place(output), plan, key, detectors, options, runner, progress)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        if (finished := _published(run)) is not None:
            return finished
        raise SourceError(f"{output} exists and is not empty. Name a new folder with -o.")
    draft.prepare(run.draft, run.plan)
    with locked(run.draft):
        if verify is None:
            done, looks = _redact(run, {}), None
            shutil.rmtree(redactions.folder(audit.path) / AFTER, ignore_errors=True)
        else:
            done, looks = _redact_and_verify(run, verify)
        summary = _summary(audit, done, looks, started)
        copy = draft.copy(run.draft)
        with draft.writing(run.draft):
            manifest.write(copy / sink.manifest, done.files, TOOL_VERSION)
            redactions.write(audit.path, summary, done.rows)
            sink.publish(copy, output)
    shutil.rmtree(run.draft, ignore_errors=True)
    return summary


def _published(run: _Run) -> RedactionSummary | None:
    """The summary of a run that died after its last step but one: the copy is in its place, the draft still there."""
    if not draft.fits(run.draft, run.plan) or run.sink.scanned(draft.copy(run.draft)).exists():
        return None
    shutil.rmtree(run.draft, ignore_errors=True)
    return redactions.read(run.audit.path)


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same during one redaction."""

    sink: Sink
    audit: AuditFolder
    draft: Path
    plan: str
    key: bytes
    detectors: tuple[DetectorSpec, ...]
    options: RedactionOptions
    runner: LocalRunner
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Finished:
    """The copy, complete. `rows` are the notes on all samples, `files` all files with their sha256.

    `shards` says of which shard a sample is.
    """

    rows: list[dict[str, Any]]
    files: dict[str, str]
    routes: dict[str, int]
    carried: int
    shards: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Looks:
    """What the verification saw: ever, by sample, and in the end. `after` is the last audit, None of an empty copy."""

    after: AuditFolder | None
    seen: dict[str, list[Finding]]
    last: Left
    tokens: bool
    found_later: int


Again = dict[str, dict[str, tuple[Finding, ...]]]
"""By shard and sample: regions to cover besides; a sample with none is left out."""


def _redact_and_verify(run: _Run, verify: Verify) -> tuple[_Finished, _Looks]:
    """Redact, look at the whole copy, and mend it until nothing is found."""
    again: Again = {}
    seen: dict[str, list[Finding]] = {}
    notes = redactions.folder(run.audit.path) / AFTER
    for look in range(MAX_LOOKS):
        done = _redact(run, again)
        after = None
        if any(row["copy_id"] for row in done.rows):
            after = verify(run.sink.scanned(draft.copy(run.draft)), notes).folder
        else:
            shutil.rmtree(notes, ignore_errors=True)
        tokens = run.audit.manifest.token_key_id == key_id(run.key)
        left = _left(run, done, after, tokens)
        seen |= left.by_sample
        new = _mend(again, left, done, cover=look < COVERING_LOOKS)
        if not new:
            found_later = sum(bool(regions) for samples in again.values() for regions in samples.values())
            return done, _Looks(after, seen, left, tokens, found_later)
    raise AuditError(
        f"after {MAX_LOOKS} verifications there was still something to be found: no copy was written. Please report it."
    )


def _left(run: _Run, done: _Finished, after: AuditFolder | None, tokens: bool) -> Left:
    if after is None:
        return Left()
    left = residual.left(run.audit, after, done.rows, tokens=tokens)
    if tokens:
        with token_key(run.key):
            residual.search(run.audit, run.sink.scanned(draft.copy(run.draft)), done.rows, left)
    return left


def _mend(again: Again, left: Left, done: _Finished, *, cover: bool) -> bool:
    """Note what is to be done about what is left; whether that is anything new.

    With `cover`, regions on pictures are covered; else, and for all else, the sample is left out.
    """
    faults = {sample: tuple(findings) for sample, findings in left.by_sample.items()}
    for row in done.rows:
        if any(not region["little"] for region in row["regions"]) and row["output_id"]:
            faults[row["sample_id"]] = ()
    for sample, findings in sorted(faults.items()):
        if sample not in done.shards:
            raise AuditError("the copy holds a sample that the source does not have. Please report it.")
        regions = cover and findings and all(isinstance(finding.where, (Box, Quad)) for finding in findings)
        wanted = again.setdefault(done.shards[sample], {})
        wanted[sample] = (*wanted.get(sample, ()), *findings) if regions else ()
    return bool(faults)


def _plan(audit: AuditFolder, detectors: tuple[DetectorSpec, ...], key: bytes, options: RedactionOptions) -> str:
    """Hex sha256 over all that shapes the copy: the audit with its decisions, the detectors, the key, the options."""
    facts = {
        "tool": TOOL_VERSION,
        "options": options.facts(),
        "audit": [audit.manifest.plan_hash, audit.manifest.source_fingerprint, audit.manifest.parts],
        "detectors": Plan(detectors, (), key).hash(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check(source: Source, audit: AuditFolder) -> None:
    """Raises AuditError or SourceError when the audit is not finished, or not of `source` as it is now."""
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    if audit.manifest.sampling:
        raise AuditError(
            f"{audit.path} is of a sample, so nothing is known of the rest of the source. Scan without --sample."
        )
    if source.survey().fingerprint != audit.manifest.source_fingerprint:
        raise SourceError(
            f"{source.name} is not what was audited: files were added, removed or changed. Scan it again."
        )


def _redact(run: _Run, again: Again) -> _Finished:
    """Redact all shards that are not done yet, and complete the copy."""
    scope = run.audit.manifest.plan_hash + run.audit.manifest.source_fingerprint

    def todo() -> Iterator[RedactJob]:
        for shard in run.sink.source.shards():
            more = again.get(shard.id, {})
            marker = _marker(run, shard, more)
            if marker is not None:
                run.progress.advance(len(marker.rows), sum(row["outcome"] == "withheld" for row in marker.rows))
                continue
            yield RedactJob(
                run.sink, shard, run.audit.path, run.draft, run.plan, run.key, run.detectors, run.options, scope, more
            )

    run.progress.start(run.audit.manifest.counts["samples"])
    try:
        done: Done
        for done in run.runner.map(todo()):
            run.progress.advance(done.samples, done.withheld)
    finally:
        run.progress.stop()
    with draft.writing(run.draft):
        return _finish(run, again)


def _marker(run: _Run, shard: Shard, again: Mapping[str, tuple[Finding, ...]]) -> draft.Marker | None:
    marker = draft.read_marker(run.draft, shard.id)
    wanted = (shard.fingerprint, run.plan, draft.digest(again))
    return marker if marker is not None and (marker.input, marker.plan, marker.again) == wanted else None


def _finish(run: _Run, again: Again) -> _Finished:
    """Write what spans shards, and remove what a run that died left half done."""
    found: list[draft.Marker] = []
    shards: dict[str, str] = {}
    for shard in run.sink.source.shards():
        marker = _marker(run, shard, again.get(shard.id, {}))
        if marker is None:
            raise AuditError("the source, or the copy, changed while it was redacted. Run the same command again.")
        found.append(marker)
        shards |= {row["sample_id"]: shard.id for row in marker.rows}
    parts = [marker.facts for marker in found]
    query = "SELECT sample_id FROM failures WHERE stage = 'source' AND kind = 'unreadable'"
    unread = frozenset(row[0] for row in run.audit.sql(query))
    files = {name: digest for marker in found for name, digest in marker.files.items()}
    files |= run.sink.finish(draft.copy(run.draft), parts, unread)
    draft.sweep(run.draft, files)
    rows = [row for marker in found for row in marker.rows]
    new = run.sink.ids(draft.copy(run.draft), parts)
    for row in rows:
        row["output_id"] = new(row["output_id"]) if row["output_id"] else ""
        row["copy_id"] = new(row["copy_id"]) if row["copy_id"] else ""
    routes: Counter[str] = sum((Counter(marker.routes) for marker in found), Counter())
    return _Finished(rows, files, dict(sorted(routes.items())), sum(marker.carried for marker in found), shards)


def _summary(audit: AuditFolder, done: _Finished, looks: _Looks | None, started: str) -> RedactionSummary:
    rows = done.rows
    outcomes = Counter(row["outcome"] for row in rows)
    found = Counter[str]()
    regions = [region for row in rows for region in row["regions"]]
    losses = [float(row["outside"].split()[0]) for row in rows if row["outside"] not in {"", "same"}]
    for row in rows:
        left = (
            [finding.code for finding in looks.seen.get(row["sample_id"], ())]
            if looks and row["note"] == FAILED
            else []
        )
        found.update(left)
        row["left"] = sorted(set(left))
        row["verdict"] = _verdict(row, looks)
    before = residual.asked(audit, {row["sample_id"] for row in rows if row["output_id"] or row["note"] == FAILED})
    faces = bound(
        audit.manifest.detectors, sum(bool(row["regions"]) for row in rows), looks.found_later if looks else 0
    )
    failed = sum(row["note"] == FAILED for row in rows)
    after = looks.after if looks is not None else None
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
        verified=looks is not None,
        passed=looks is not None and not failed and not _new_failures(after, outcomes["withheld"]),
        residuals=[Residual(code, before[code], found[code]) for code in sorted({*before, *found})],
        second_look=sum(len(row["added"]) for row in rows),
        on_filled=looks.last.on_covered if looks is not None else 0,
        verifier=_verifier(after),
        tokens=looks is not None and looks.tokens,
        unsearched=looks.last.unsearched if looks is not None else 0,
        found_later=looks.found_later if looks is not None else 0,
        failed=failed,
        regions=len(regions),
        weak=sum(region["method"] == "blur" for region in regions),
        loudest_db=min(losses, default=None),
        faces=faces is not None,
        at_most=faces.at_most if faces is not None else None,
        at_most_data=faces.data if faces is not None else "",
    )


def _verdict(row: Mapping[str, Any], looks: _Looks | None) -> str:
    if row["note"] == FAILED:
        return "failed"
    if looks is None:
        return "not verified"
    return "passed" if row["output_id"] else "absent"


def _new_failures(after: AuditFolder | None, withheld: int) -> bool:
    """Whether the copy holds something that could not be checked, beyond rows whose picture was withheld."""
    if after is None:
        return False
    query = "SELECT count(DISTINCT sample_id) FROM failures WHERE stage = 'picture'"
    pictures = after.sql(query)[0][0]
    return bool(pictures > withheld)


def _verifier(after: AuditFolder | None) -> str:
    if after is None:
        return ""
    entries = ((entry, entry.options.get("profile", "")) for entry in after.manifest.detectors)
    return ", ".join(f"{entry.name} {entry.version}{f' ({profile})' if profile else ''}" for entry, profile in entries)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
