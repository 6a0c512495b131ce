"""What the command line calls and what a user imports: scan, redact, report, and the audit that they share."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_audit import evidence
from privacy_audit.errors import AuditError, PrivacyAuditError, SourceError
from privacy_audit.sources import open_source
from privacy_audit.store.folder import AuditFolder, Table
from privacy_audit.types import ACTIONS, Severity

if TYPE_CHECKING:
    from privacy_audit.detectors.captions.detector import Names
    from privacy_audit.report.summary import Summary
    from privacy_audit.run.scan import Progress
    from privacy_audit.store.redactions import RedactionSummary

PASSED, VIOLATED, BROKEN, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. 2 beats 1 beats 3."""
NAMES_SAMPLE = 20_000
"""Up to so many samples, names are looked for in all; beyond, in about so many. One core reads some 450 a second."""


class Audit:
    """A finished audit on disk: its tables, verdict, report and redaction."""

    def __init__(self, path: str | Path) -> None:
        self._folder = AuditFolder(Path(path))
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __repr__(self) -> str:
        counts = self._folder.manifest.counts
        return f"<Audit of {counts['samples']:,} samples: {counts['findings']:,} findings, exit code {self.exit_code}>"

    @property
    def path(self) -> Path:
        """The audit folder."""
        return self._folder.path

    @property
    def folder(self) -> AuditFolder:
        """The audit folder, for SQL over its tables."""
        return self._folder

    @property
    def samples(self) -> Table:
        """One row per sample: what was checked, what failed, what was skipped."""
        return self._folder.table("samples")

    @property
    def findings(self) -> Table:
        """One row per finding."""
        return self._folder.table("findings")

    @property
    def failures(self) -> Table:
        """One row per thing that could not be checked."""
        return self._folder.table("failures")

    @property
    def decisions(self) -> Table:
        """One row per rule that fired on a sample."""
        return self._folder.table("decisions")

    @property
    def exit_code(self) -> int:
        """0 pass, 1 policy violated at or above `fail_on`, 3 incomplete."""
        fail_on = str(self._folder.manifest.options.get("fail_on", Severity.HIGH.value))
        limit = Severity(fail_on).rank if fail_on != "none" else len(Severity)
        severities = [row[0] for row in self._folder.sql("SELECT DISTINCT severity FROM decisions")]
        if any(Severity(severity).rank >= limit for severity in severities):
            return VIOLATED
        complete = self._folder.manifest.status == "complete" and len(self.failures) == 0
        return PASSED if complete else INCOMPLETE

    def actions(self) -> dict[str, int]:
        """Samples per strongest action, `keep` included."""
        strongest = "max(list_position(?, action.kind))"
        rows = self._folder.sql(
            f"SELECT position, count(*) FROM (SELECT {strongest} AS position FROM decisions GROUP BY sample_id) "  # noqa: S608
            "GROUP BY position",
            [list(ACTIONS)],
        )
        found = {ACTIONS[position - 1]: count for position, count in rows}
        decided = sum(found.values())
        found["keep"] = found.get("keep", 0) + self._folder.manifest.counts["samples"] - decided
        return {kind: found.get(kind, 0) for kind in ACTIONS}

    def report(self, output: str | Path | None = None) -> Path:
        """Write the transparency report (HTML, one file) and return its path; default AUDIT/report.html."""
        from privacy_audit.report.html import render
        from privacy_audit.store.files import write_whole

        target = Path(output) if output is not None else self.path / "report.html"
        try:
            write_whole(target, render(self._folder))
        except OSError as error:
            raise AuditError(f"cannot write {target}: {error.strerror}.") from error
        return target

    def summary(self) -> Summary:
        """The figures of the report as plain data."""
        from privacy_audit.report.measure import summarise

        return summarise(self._folder)

    def redact(
        self,
        source: str | Path,
        output: str | Path,
        *,
        recognizers: str | Path | None = None,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> RedactionSummary:
        """Write a clean copy of `source` to `output`; see `redact`."""
        return redact(source, audit=self, output=output, recognizers=recognizers, jobs=jobs, progress=progress)


def scan(
    source: str | Path,
    *,
    output: str | Path | None = None,
    policy: str | Sequence[str] = "baseline",
    detectors: Sequence[str] | None = None,
    caption_columns: Sequence[str] = (),
    text_noise: bool = False,
    recognizers: str | Path | None = None,
    names: Names | None = None,
    fail_on: str = "high",
    token_key: str | Path | None = None,
    jobs: int | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> Audit:
    """Audit a folder of pictures, or a table of texts.

    `policy` names rule packs, built in or files. `detectors` defaults to all installed ones. `output` is the audit
    folder; without one it is temporary and goes with the returned Audit. `fail_on` is a severity or "none". `jobs` is
    the number of worker processes (default: one per core; 0 works in this process). `timeout_s` is per batch.

    Of the captions: `text_noise` reports dates, places, single-word names and other kinds that are mostly noise;
    `recognizers` is a YAML file of presidio recognizers to add; `names` looks for names of people in "all" samples, in
    a "sample" of about 20,000, or in none ("off"); the default is all of a small dataset, a sample of a large one.
    """
    from privacy_audit.detectors import registry
    from privacy_audit.policy import load
    from privacy_audit.run import scan as running
    from privacy_audit.run.plan import DetectorSpec, Plan

    if fail_on not in {*(severity.value for severity in Severity), "none"}:
        raise PrivacyAuditError(
            f"'{fail_on}' is no severity; use one of {', '.join(s.value for s in Severity)} or none."
        )
    root = Path(source)
    dataset = open_source(root, caption_columns=tuple(caption_columns))
    survey = dataset.survey()
    temporary = tempfile.TemporaryDirectory(prefix="privacy-audit-") if output is None else None
    target = Path(temporary.name if temporary else str(output))
    _keep_apart(root, target, "the audit")
    packs = [policy] if isinstance(policy, str) else list(policy)
    rules = Path(recognizers) if recognizers is not None else None
    texts = _text_options(survey.samples, noise=text_noise, recognizers=rules, names=names)
    plan = Plan(
        detectors=tuple(
            DetectorSpec(detector.name, texts if detector.name == "captions" else {})
            for detector in registry.select(detectors)
        ),
        packs=tuple(load(name) for name in dict.fromkeys(packs)),
        token_key=evidence.load_key(Path(token_key) if token_key is not None else None),
        source_options={"caption_columns": sorted(caption_columns)},
    )
    options = {
        "fail_on": fail_on,
        "detectors": sorted(spec.name for spec in plan.detectors),
        "policy": [pack.pack for pack in plan.packs],
        "caption_columns": sorted(caption_columns),
        "text_noise": text_noise,
        "names": texts.get("names", "all"),
        "names_rate": texts.get("names_rate", 1.0),
        "recognizers": _digest(texts.get("recognizers")),
    }
    running.scan(
        dataset,
        target,
        plan,
        jobs=default_jobs() if jobs is None else jobs,
        timeout_s=timeout_s,
        options=options,
        progress=progress or running.Silent(),
        survey=survey,
    )
    audit = Audit(target)
    audit._temporary = temporary
    return audit


def redact(
    source: str | Path,
    *,
    audit: Audit | str | Path,
    output: str | Path,
    jobs: int | None = None,
    verify: bool = True,
    recognizers: str | Path | None = None,
    token_key: str | Path | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> RedactionSummary:
    """Write a clean copy of `source` to `output` by the audit's decisions, then audit the copy and say what is left.

    The source is never written to. A picture that could not be checked, or cannot be redacted safely, is left out. The
    copy of a table is a table of the same kind, or a new folder with it. `recognizers` is the file that the audit was
    made with, if it was: the audit does not keep it, because a list of words in it may be personal itself.
    """
    from privacy_audit.redaction.run import redact_dataset
    from privacy_audit.run.scan import Silent

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    options = opened.folder.manifest.options
    root, target = Path(source), Path(output)
    dataset = open_source(root, caption_columns=options["caption_columns"])
    if verify:
        _same_recognizers(options.get("recognizers"), recognizers)
    _keep_apart(root, target, "the redacted copy")
    _keep_apart(target, opened.path, "the audit")
    workers = default_jobs() if jobs is None else jobs

    def again(copy: Path, notes: Path) -> Audit:
        return scan(
            copy,
            output=notes,
            policy=[str(path) for path in opened.folder.packs()],
            detectors=options["detectors"],
            caption_columns=options["caption_columns"],
            text_noise=options.get("text_noise", False),
            recognizers=recognizers,
            names=options.get("names"),
            token_key=token_key,
            jobs=workers,
            timeout_s=timeout_s,
            progress=progress,
        )

    return redact_dataset(
        dataset,
        opened.folder,
        target,
        key=evidence.load_key(Path(token_key) if token_key is not None else None),
        jobs=workers,
        timeout_s=timeout_s,
        verify=again if verify else None,
        progress=progress or Silent(),
    )


def report(audit: str | Path, output: str | Path | None = None) -> Path:
    """Write the HTML report of an audit folder and return its path."""
    return Audit(audit).report(output)


def _text_options(
    samples: int, *, noise: bool, recognizers: Path | None, names: Names | None
) -> dict[str, str | bool | float]:
    """Constructor options of the captions detector that differ from its defaults."""
    from privacy_audit.detectors.captions import custom
    from privacy_audit.detectors.captions.detector import NAMES

    if names is not None and names not in NAMES:
        raise PrivacyAuditError(f"'{names}' is not how names can be looked for; use one of {', '.join(NAMES)}.")
    chosen = names or ("sample" if samples > NAMES_SAMPLE else "all")
    options: dict[str, str | bool | float] = {}
    if noise:
        options["noise"] = True
    if recognizers is not None:
        options["recognizers"] = custom.read(recognizers)
    if chosen == "off":
        options["names"] = "off"
    elif chosen == "sample" and samples > NAMES_SAMPLE:
        options.update(names="sample", names_rate=round(NAMES_SAMPLE / samples, 6))
    return options


def _digest(text: object) -> str | None:
    return hashlib.sha256(str(text).encode()).hexdigest() if text is not None else None


def _same_recognizers(audited: str | None, given: str | Path | None) -> None:
    from privacy_audit.detectors.captions import custom

    if audited != _digest(custom.read(Path(given)) if given is not None else None):
        with_them = "with another recognizer file" if given is not None and audited else "with a recognizer file"
        reason = f"the audit was made {with_them}" if audited else "the audit was made without a recognizer file"
        raise AuditError(f"{reason}: name the same with --recognizers, or use --no-verify.")


def default_jobs() -> int:
    """One worker per core that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS and Windows
        return max(1, os.cpu_count() or 1)


def _keep_apart(source: Path, target: Path, what: str) -> None:
    here, there = source.resolve(), target.resolve()
    if there == here or here in there.parents:
        raise SourceError(f"{what} cannot be inside {source}: it would become part of the data. Name another folder.")
