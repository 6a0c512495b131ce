"""Redaction of a whole dataset: a copy that appears complete or not at all, and a second look at it."""

from __future__ import annotations

import shutil
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from privacy_audit.errors import AuditError, SourceError
from privacy_audit.redaction import residual
from privacy_audit.redaction.shard import RedactJob, ShardRedaction
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION, DetectorSpec
from privacy_audit.sources import Redactable
from privacy_audit.sources.tables import Edit, Row, open_table
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
    source: Redactable,
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

    `detectors` are those of the audit; those that see pixels look at every redacted picture once more.
    """
    started = _now()
    _check(source, audit, output)
    draft = output.with_name(f".{output.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    results: list[ShardRedaction] = []
    try:
        draft.mkdir(parents=True)
        progress.start(audit.manifest.counts["samples"])
        runner = LocalRunner(jobs, timeout_s)
        for result in runner.map(_jobs(source, audit, draft, key, detectors)):
            results.append(result)
            progress.advance(len(result.rows), sum(row["outcome"] == "withheld" for row in result.rows))
        _write_tables(source, audit, draft, results)
        copy = source.publish(draft, output)
    except OSError as error:
        raise AuditError(
            f"cannot write {output}: {error.strerror or 'input/output error'}. Nothing was kept."
        ) from error
    finally:
        progress.stop()
        shutil.rmtree(draft, ignore_errors=True)
    results.sort(key=lambda result: result.shard)
    _renumber(source, results, copy)
    notes = redactions.folder(audit.path)
    shutil.rmtree(notes, ignore_errors=True)
    again = verify(copy, notes / AFTER) if verify is not None else None
    summary = _summary(audit, results, again.folder if again else None, started)
    redactions.write(audit.path, summary, [row for result in results for row in result.rows])
    return summary


def _check(source: Redactable, audit: AuditFolder, output: Path) -> None:
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    if audit.manifest.sampling:
        raise AuditError(
            f"{audit.path} is of a sample, so nothing is known of the rest of the source. Scan without --sample."
        )
    if source.survey().fingerprint != audit.manifest.source_fingerprint:
        raise SourceError(
            f"{source.root} is not what was audited: files were added, removed or changed. Scan it again."
        )
    source.check_target(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SourceError(f"{output} exists and is not empty. Name a new folder with -o.")


def _jobs(
    source: Redactable, audit: AuditFolder, draft: Path, key: bytes, detectors: tuple[DetectorSpec, ...]
) -> Iterator[RedactJob]:
    for shard in source.shards():
        yield RedactJob(source, shard, audit.path, draft, key, detectors)


def _write_tables(source: Redactable, audit: AuditFolder, draft: Path, results: list[ShardRedaction]) -> None:
    """Copy every table with its edits. One that could not be read was not checked, so it stays out."""
    edits: dict[str, dict[int, Edit]] = {}
    for result in results:
        for table, rows in result.edits.items():
            edits.setdefault(table, {}).update(rows)
    query = "SELECT sample_id FROM failures WHERE stage = 'source' AND kind = 'unreadable'"
    unread = {row[0] for row in audit.sql(query)}
    for table in source.tables():
        if table in unread:
            continue
        target = draft / table
        target.parent.mkdir(parents=True, exist_ok=True)
        changed = edits.get(table)
        if not changed:
            shutil.copyfile(source.root / table, target)
            continue

        def edit(row: Row, changed: dict[int, Edit] = changed) -> Edit:
            return changed.get(row.number, {})

        open_table(source.root / table).rewrite(target, edit)


def _renumber(source: Redactable, results: list[ShardRedaction], copy: Path) -> None:
    """Give rows of a table the number and name that they have in the copy, where dropped rows are gone."""
    for table in source.tables():
        edits = [result.edits.get(table, {}) for result in results]
        dropped = sorted(row for rows in edits for row, edit in rows.items() if edit is None)
        name = copy.name if copy.is_file() else table
        for result in results:
            for row in result.rows:
                stem, _, number = row["output_id"].rpartition("#")
                if stem == table and number.isdecimal() and row["output_id"] == row["sample_id"]:
                    row["output_id"] = f"{name}#{int(number) - bisect(dropped, int(number))}"


def _summary(
    audit: AuditFolder, results: list[ShardRedaction], after: AuditFolder | None, started: str
) -> RedactionSummary:
    rows = [row for result in results for row in result.rows]
    outcomes = Counter(row["outcome"] for row in rows)
    kept = {row["output_id"]: row["sample_id"] for row in rows if row["output_id"]}
    added = {row["sample_id"]: row["added"] for row in rows if row["added"]}
    found = residual.left(audit, after, kept, added) if after is not None else residual.Left()
    for row in rows:
        row["left"] = sorted(found.by_sample.get(row["sample_id"], ()))
    before = residual.asked(audit, set(kept.values()))
    residuals = [Residual(code, before[code], found.codes[code]) for code in sorted({*before, *found.codes})]
    routes: Counter[str] = sum((result.routes for result in results), Counter())
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
        copied_unchecked=sum(result.copied_unchecked for result in results),
        actions=dict(sorted(Counter(action for row in rows for action in row["actions"]).items())),
        routes=dict(sorted(routes.items())),
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
