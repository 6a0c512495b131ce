"""What the command line calls and what a user imports: scan, redact, strip, report, and the audit that they share."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from privacy_audit import evidence
from privacy_audit.errors import AuditError, PrivacyAuditError, SourceError
from privacy_audit.sources import (
    DatasetSource,
    FolderSource,
    LocalSource,
    Source,
    beside,
    is_dataset,
    open_source,
)
from privacy_audit.store import reviews
from privacy_audit.store.files import sha256
from privacy_audit.store.folder import AuditFolder, Table
from privacy_audit.types import ACTIONS, Severity

if TYPE_CHECKING:
    from privacy_audit.claims.results import Results
    from privacy_audit.compare.diff import Diff
    from privacy_audit.detectors.captions.detector import Names
    from privacy_audit.detectors.provenance.propose import Proposal
    from privacy_audit.gate.baseline import Baseline
    from privacy_audit.gate.suppressions import Suppression
    from privacy_audit.integrity.proof import Statement
    from privacy_audit.integrity.signature import Signed
    from privacy_audit.policy import Pack
    from privacy_audit.policy.impact import Impact
    from privacy_audit.redaction.preview import Preview
    from privacy_audit.redaction.regions import Method
    from privacy_audit.redaction.strip import StripSummary
    from privacy_audit.redaction.verify import Verification
    from privacy_audit.report.samples import SampleRow
    from privacy_audit.report.summary import Summary, Top
    from privacy_audit.run.check import Checked
    from privacy_audit.run.explain import RuleReasons, SampleReasons
    from privacy_audit.run.plan import DetectorSpec
    from privacy_audit.run.sampling import Request as SampleRequest
    from privacy_audit.run.scan import Progress, Runner
    from privacy_audit.store.people import People
    from privacy_audit.store.redactions import RedactionSummary
    from privacy_audit.store.settled import Settled
    from privacy_audit.subject.biometrics import Biometrics
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.erase import Erasure
    from privacy_audit.subject.find import Request

VerifyFaces = Literal["thorough", "same"]
Options = Mapping[str, str | bool | float]
IMAGE_TEXT = ("barcodes", "image_text")
"""The detectors that read what is painted into a picture."""
PASSED, VIOLATED, BROKEN, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. 2 beats 1 beats 3."""
FACES = "faces"
ENGINES = ("local", "ray")
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
    def people(self) -> People | None:
        """How many distinct people appear, when the scan was asked to compare faces."""
        from privacy_audit.store import people

        return people.read(self.path)

    @property
    def settled(self) -> Settled | None:
        """What a baseline, suppressions and reviews settled when it was last decided; None when there were none."""
        from privacy_audit.store import settled

        return settled.read(self.path)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 policy violated at or above `fail_on` by what no baseline knows, 3 incomplete."""
        fail_on = str(self._folder.manifest.options.get("fail_on", Severity.HIGH.value))
        limit = _limit(fail_on)
        severities = [row[0] for row in self._folder.sql("SELECT DISTINCT severity FROM gating")]
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

    def report(
        self,
        output: str | Path | None = None,
        *,
        audience: str = "public",
        language: str = "en",
        since: Audit | str | Path | None = None,
        source: str | Path | None = None,
        crops: bool = False,
    ) -> Path:
        """Write the transparency report (one HTML file) and return its path.

        Default path: AUDIT/report.html; AUDIT/report.internal.html for the `audience` "internal", which names samples
        and shows masked previews. Give it the `source` for links to files, and ask for `crops` to see concealed
        regions. `since` is an earlier audit, to say what changed. Languages: "en", "id".
        """
        from privacy_audit.report import html
        from privacy_audit.store.files import write_whole

        name = "report.html" if audience == "public" else "report.internal.html"
        target = Path(output) if output is not None else self.path / name
        earlier = (since if isinstance(since, Audit) else Audit(since)).folder if since is not None else None
        if (source is not None or crops) and audience != "internal":
            raise PrivacyAuditError("links to files and crops are for an internal report only: --audience internal.")
        if crops and source is None:
            raise PrivacyAuditError("crops are cut from the pictures: give --source SRC too.")
        samples = _report_samples(self._folder, source, crops) if audience == "internal" else None
        view = html.View(audience, language, earlier, samples)  # type: ignore[arg-type]
        try:
            write_whole(target, html.render(self._folder, view))
        except OSError as error:
            raise AuditError(f"cannot write {target}: {error.strerror}.") from error
        return target

    def export(self, kind: str, output: str | Path | None = None, *, audience: str = "public") -> Path:
        """Write an export (`evidence`, `croissant`, `hf-card`, `sarif` ...) and return its path; see `export`."""
        from privacy_audit.report.exports import registry

        return registry.export(self._folder, kind, Path(output) if output is not None else None, audience)

    def summary(self) -> Summary:
        """The figures of the report as plain data."""
        from privacy_audit.report.measure import summarise

        return summarise(self._folder)

    def explain(self, what: str) -> SampleReasons | list[RuleReasons]:
        """Why it decided as it did about a sample (its id), or what a rule ("pack/rule" or "rule") did."""
        from privacy_audit.run.explain import explain

        return explain(self._folder, what)

    def impact(self, old: str | Sequence[str], new: str | Sequence[str], *, examples: int = 0) -> Impact:
        """What the rule packs `new` would change, compared with `old`: from the stored findings, without a scan."""
        from privacy_audit.policy import load
        from privacy_audit.run.impact import compare

        before, after = ([packs] if isinstance(packs, str) else packs for packs in (old, new))
        return compare(self._folder, [load(name) for name in before], [load(name) for name in after], examples)

    def redact(
        self,
        source: str | Path,
        output: str | Path,
        *,
        recognizers: str | Path | None = None,
        method: Method | None = None,
        pseudonyms: bool = False,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> RedactionSummary:
        """Write a clean copy of `source` to `output`; see `redact`."""
        return redact(
            source,
            audit=self,
            output=output,
            recognizers=recognizers,
            method=method,
            pseudonyms=pseudonyms,
            jobs=jobs,
            progress=progress,
        )


def scan(
    source: str | Path | Any,
    *,
    output: str | Path | None = None,
    policy: str | Sequence[str] = "baseline",
    detectors: Sequence[str] | None = None,
    image_text: bool = False,
    caption_columns: Sequence[str] = (),
    faces: str = "default",
    faces_backend: str = "centerface",
    faces_model: str | Path | None = None,
    text_noise: bool = False,
    recognizers: str | Path | None = None,
    names: Names | None = None,
    fail_on: str = "high",
    token_key: str | Path | None = None,
    opt_out: str | Path | None = None,
    dataset: str | Path | Mapping[str, Any] | None = None,
    jobs: int | None = None,
    timeout_s: float = 120.0,
    biometrics: Biometrics | None = None,
    baseline: str | Path | None = None,
    suppressions: str | Path | None = None,
    source_kind: str | None = None,
    sample: int | str | None = None,
    margin: float = 0.01,
    seed: int = 0,
    since: str | Path | None = None,
    memory_limit: int | None = None,
    engine: str = "local",
    ray_address: str = "auto",
    progress: Progress | None = None,
) -> Audit:
    """Audit a dataset: a folder of pictures, tar or ZIP archives, Parquet, COCO, a table, or a `datasets.Dataset`.

    Or what a platform gives people of their own photos: a Google Takeout, a download of Instagram, Facebook or Flickr.

    The kind of source is seen from its content; `source_kind` overrides that (see `privacy_audit.types.SOURCE_KINDS`).

    `policy` names rule packs, built in or files. `detectors` defaults to all installed ones that are not optional;
    `image_text` adds those that read text and codes inside pictures (extra `ocr`). `faces` says how closely to look
    for faces (fast, default, thorough), `faces_backend` with which network, and `faces_model` is the file of one that
    comes without weights. `output` is the audit folder; without one it is temporary and goes with the returned Audit.
    `fail_on` is a severity or "none". `jobs` is the number of worker processes (default: one per core; 0 works in this
    process). `timeout_s` is per batch. `opt_out` is a file with one sha256, URL or domain per line. `dataset` is a
    dataset.yaml, or its plain data, in place of the one in the folder. `biometrics` allows faces to be compared, in
    memory only, to estimate how many distinct people appear; it needs the extra `face-recognition`. `baseline` and
    `suppressions` are files that say what is known and what is accepted; see `decide`.

    Of the captions: `text_noise` reports dates, places, single-word names and other kinds that are mostly noise;
    `recognizers` is a YAML file of presidio recognizers to add; `names` looks for names of people in "all" samples, in
    a "sample" of about 20,000, or in none ("off"); the default is all of a small dataset, a sample of a large one.

    `sample` audits a random part only: a number of samples, a share ("2%"), or "auto" for as many as make the 95 %
    interval of any rate about `margin` wide to either side. `seed` draws the same ones again. Of sources that
    are many archives (tar files), whole ones are drawn. Rates in summary and report then carry their intervals.

    `since` is an earlier audit: samples that are as they were, by content, keep its rows (marked `reused`). It must
    have been made with the same detectors, rules, options and token key. `memory_limit` is in bytes per worker
    process: a sample that takes a worker beyond it fails alone. `engine` "ray" runs on the Ray cluster at
    `ray_address` (extra `ray`), whose nodes must see source and output under the same paths.
    """
    from privacy_audit.detectors import registry
    from privacy_audit.policy import load
    from privacy_audit.run import scan as running
    from privacy_audit.run.plan import Plan
    from privacy_audit.run.sampling import Request as SampleRequest

    _check_severity(fail_on)
    known, accepted = _settling(baseline, suppressions)
    opened: LocalSource | DatasetSource
    if is_dataset(source):
        opened = DatasetSource(source, caption_columns=tuple(caption_columns), dataset=dataset)
    else:
        opened = open_source(Path(source), caption_columns=tuple(caption_columns), dataset=dataset, kind=source_kind)
    folder: Source = opened
    sampling: dict[str, Any] = {}
    if sample is not None:
        if biometrics is not None:
            raise PrivacyAuditError("how many people appear in a dataset cannot be told from a sample of it.")
        folder, sampling = _drawn(folder, SampleRequest(str(sample), margin, seed))
    survey = folder.survey()
    temporary = tempfile.TemporaryDirectory(prefix="privacy-audit-") if output is None else None
    target = Path(temporary.name if temporary else str(output))
    if not isinstance(opened, DatasetSource):
        _keep_apart(Path(source), target, "the audit")
    packs = [policy] if isinstance(policy, str) else list(policy)
    given, listed = _given(opened, opt_out)
    chosen = registry.select(detectors, IMAGE_TEXT if image_text else ())
    chosen_names = [detector.name for detector in chosen]
    if listed and "provenance" not in chosen_names:
        raise PrivacyAuditError("an opt-out list is read by the detector 'provenance': add it to the detectors.")
    looking = {"profile": faces, "backend": faces_backend}
    if faces_model is not None:
        looking["model"] = str(faces_model)
    rules = Path(recognizers) if recognizers is not None else None
    texts = _text_options(survey.samples, noise=text_noise, recognizers=rules, names=names)
    if since is not None and names is None:
        texts = {name: value for name, value in texts.items() if not name.startswith("names")}
        texts |= _names_as_in(Path(since))
    plan = Plan(
        detectors=_specs(chosen_names, looking, {"provenance": given, "captions": texts}),
        packs=tuple(load(name) for name in dict.fromkeys(packs)),
        token_key=evidence.load_key(Path(token_key) if token_key is not None else None),
        source_options={"caption_columns": sorted(caption_columns), "dataset": opened.beside.description},
        not_asked=tuple(registry.not_asked(chosen)),
        sampling=sampling,
    )
    if known is not None:
        known.check_key(evidence.key_id(plan.token_key))
    workers = default_jobs() if jobs is None else jobs
    if biometrics is not None:
        _can_compare(plan.detectors)
    if since is not None and Path(since).resolve() == target.resolve():
        raise AuditError("--since names the audit that is to be written. Name another folder with -o.")
    runner = _runner(engine, ray_address, workers, timeout_s, memory_limit)
    options = {
        **({"biometrics": biometrics.facts()} if biometrics is not None else {}),
        "fail_on": fail_on,
        "detectors": sorted(spec.name for spec in plan.detectors),
        "policy": [pack.pack for pack in plan.packs],
        "caption_columns": sorted(caption_columns),
        "dataset": opened.beside.description,
        **({"opt_out": listed} if listed else {}),
        "faces": {"profile": faces, "backend": faces_backend},
        "text_noise": text_noise,
        "names": texts.get("names", "all"),
        "names_rate": texts.get("names_rate", 1.0),
        "recognizers": _digest(texts.get("recognizers")),
    }
    running.scan(
        folder,
        target,
        plan,
        jobs=workers,
        timeout_s=timeout_s,
        options=options,
        progress=progress or running.Silent(),
        declared=opened.beside.description.get("dataset", {}),
        survey=survey,
        runner=runner,
        since=Path(since) if since is not None else None,
    )
    _count_people(folder, target, biometrics, workers, timeout_s)
    if known is not None or accepted or (target / reviews.FOLDER).is_dir():
        _decide(target, plan.packs, options={}, known=known, accepted=accepted, progress=running.Silent())
    audit = Audit(target)
    audit._temporary = temporary
    return audit


@dataclass(frozen=True, slots=True)
class Check:
    """What `check` found, per file."""

    files: tuple[Checked, ...]
    titles: Mapping[str, str]
    """Rule id to title."""
    fail_on: str

    @property
    def exit_code(self) -> int:
        """0 pass, 1 policy violated at or above `fail_on`, 3 when a picture could not be looked at."""
        limit = _limit(self.fail_on)
        if any(decision.severity.rank >= limit for file in self.files for decision in file.decisions):
            return VIOLATED
        return INCOMPLETE if any(file.failures for file in self.files) else PASSED

    def lines(self) -> list[str]:
        """`file: severity: rule (codes)` for every rule that fired at or above `fail_on`, and every failure."""
        limit, said = _limit(self.fail_on), []
        for file in self.files:
            name = "".join(character if character.isprintable() else "?" for character in str(file.file))
            for decision in sorted(file.decisions, key=lambda decision: -decision.severity.rank):
                if decision.severity.rank >= limit:
                    codes = f" ({', '.join(decision.codes)})" if decision.codes else ""
                    said.append(f"{name}: {decision.severity.value}: {self.titles[decision.rule_id]}{codes}")
            said += [f"{name}: not checked: {failure}" for failure in file.failures]
        return said


def check(
    files: Sequence[str | Path],
    *,
    policy: str | Sequence[str] = "baseline",
    detectors: Sequence[str] = ("captions", "faces", "metadata"),
    fail_on: str = "high",
) -> Check:
    """Look at a few picture files in this process and write nothing; names of people are not looked for.

    For a hook before a commit, or a test. Files that are no pictures are passed over; raises SourceError for one that
    is not there.
    """
    from privacy_audit.detectors import registry
    from privacy_audit.policy import load
    from privacy_audit.run.check import check as look

    _check_severity(fail_on)
    chosen = [detector.name for detector in registry.select(detectors)]
    packs = [load(name) for name in ([policy] if isinstance(policy, str) else policy)]
    specs = _specs(chosen, {"profile": "default", "backend": "centerface"}, {"captions": {"names": "off"}})
    titles = {f"{pack.pack}/{rule.id}": rule.title for pack in packs for rule in pack.rules}
    return Check(tuple(look([Path(file) for file in files], specs, packs)), titles, fail_on)


def _limit(fail_on: str) -> int:
    """The rank from which a severity fails a gate; beyond all for "none"."""
    return Severity(fail_on).rank if fail_on != "none" else len(Severity)


def decide(
    audit: Audit | str | Path,
    *,
    policy: str | Sequence[str] | None = None,
    fail_on: str | None = None,
    baseline: str | Path | None = None,
    suppressions: str | Path | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Write the decisions of a finished audit anew, without a look at its source, and return the audit.

    `policy` and `fail_on` default to those of the audit. `baseline` is a file of `create_baseline`: what it knows fails
    no gate. `suppressions` is a suppressions.yaml: what it covers, until it expires, orders no action either. The
    verdicts of reviews are always honoured. All decisions are written, or none.
    """
    from privacy_audit.policy import load
    from privacy_audit.run.scan import Silent

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    if fail_on is not None:
        _check_severity(fail_on)
    names: Sequence[str | Path] = [policy] if isinstance(policy, str) else (policy or opened.folder.packs())
    if not names:
        raise AuditError(f"{opened.path} holds no rule packs. Name them with --policy.")
    packs = tuple(load(name) for name in dict.fromkeys(names))
    options = {"policy": [pack.pack for pack in packs], **({"fail_on": fail_on} if fail_on is not None else {})}
    known, accepted = _settling(baseline, suppressions)
    _decide(opened.path, packs, options=options, known=known, accepted=accepted, progress=progress or Silent())
    again = Audit(opened.path)
    again._temporary = opened._temporary
    return again


def gate(audit: Audit | str | Path, *, fail_on: str | None = None) -> Audit:
    """The audit as a gate sees it, for another severity perhaps; nothing is written.

    Raises AuditError when a suppression that its decisions rest on has expired since.
    """
    opened = Audit(audit.path if isinstance(audit, Audit) else audit)
    today = _today().isoformat()
    settled = opened.settled
    late = sum(entry.active and entry.expires <= today for entry in settled.suppressions) if settled is not None else 0
    if late:
        raise AuditError(
            f"suppressions have expired since {opened.path} was decided: {late}. "
            f"Decide again: privacy-audit decide {opened.path} --suppressions FILE"
        )
    if fail_on is not None:
        _check_severity(fail_on)
        manifest = opened.folder.manifest
        opened.folder.manifest = replace(manifest, options={**manifest.options, "fail_on": fail_on})
    return opened


def claims(file: str | Path, *, audit: Audit | str | Path, store: bool = True) -> Results:
    """Grade what a publisher says in `file` (claims.yaml) against an audit; see docs/claims.md.

    With `store` the grades are kept in the audit (claims.json), and its report shows them. Raises PolicyError with
    every mistake of the file, AuditError when the audit is not finished or damaged.
    """
    from privacy_audit.claims import results
    from privacy_audit.claims.schema import load

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    found = results.judge(opened.folder, load(Path(file)))
    if store:
        results.write(opened.path, found)
    return found


def suppress(
    audit: Audit | str | Path,
    output: str | Path,
    *,
    reason: str,
    by: str,
    expires: str,
    code: str | None = None,
    rule: str | None = None,
    sample: str | None = None,
) -> int:
    """Add a suppression to the file `output`, and return how many findings of the audit it covers.

    `expires` is the day (YYYY-MM-DD) on which the findings count again. With `sample`, the suppression holds as long as
    its picture stays the same. Raises PrivacyAuditError when it covers nothing, or is wrong. Nothing changes in the
    audit before `decide`.
    """
    from privacy_audit.gate import suppressions

    folder = (audit if isinstance(audit, Audit) else Audit(audit)).folder
    entry = suppressions.made(
        code=code, rule=rule, sample=sample, reason=reason, by=by, expires=expires, today=_today()
    )
    entry, covered = suppressions.bound(folder, entry)
    suppressions.add(Path(output), entry)
    return covered


def review_page(
    audit: Audit | str | Path,
    output: str | Path,
    *,
    source: str | Path | None = None,
    code: str | None = None,
    limit: int = 100,
) -> int:
    """Write a local page on which a person judges findings, and return how many are on it.

    Those on which a rule asks for a review, or all of one `code`. With the `source`, the page shows concealed crops of
    its pictures; it is personal data.
    """
    from privacy_audit.gate import review
    from privacy_audit.report import review_page as pages

    folder = (audit if isinstance(audit, Audit) else Audit(audit)).folder
    opened: Source | None = None
    if source is not None:
        opened = _audited_source(folder, source)
        _keep_apart(Path(source), Path(output), "the page")
    cases = review.cases(folder, limit, code)
    try:
        pages.write(folder, cases, Path(output), opened)
    except OSError as error:
        raise AuditError(f"cannot write {output}: {error.strerror}.") from error
    return len(cases)


def _audited_source(folder: AuditFolder, source: str | Path) -> Source:
    """The source of an audit, opened. Raises SourceError when it is not what was audited."""
    options = folder.manifest.options
    opened = open_source(
        Path(source),
        caption_columns=options.get("caption_columns", ()),
        dataset=options.get("dataset"),
        kind=folder.manifest.source_kind,
    )
    if opened.survey().fingerprint != folder.manifest.source_fingerprint:
        raise SourceError(f"{source} is not what was audited: files were added, removed or changed. Scan it again.")
    return opened


def import_verdicts(audit: Audit | str | Path, file: str | Path) -> tuple[int, int]:
    """Take the verdicts that a page saved into an audit; returns how many, and how many are of no finding in it.

    They count after `decide`.
    """
    from privacy_audit.gate import review

    return review.take((audit if isinstance(audit, Audit) else Audit(audit)).folder, Path(file))


def create_baseline(audit: Audit | str | Path, output: str | Path) -> int:
    """Write the findings of an audit to a baseline file, and return how many they are.

    It holds codes, hashes and counts. A later audit is compared with it by `decide` or `scan`.
    """
    from privacy_audit.gate import baseline

    return baseline.create((audit if isinstance(audit, Audit) else Audit(audit)).folder, Path(output))


def _settling(
    baseline: str | Path | None, suppressions: str | Path | None
) -> tuple[Baseline | None, Sequence[Suppression]]:
    """What two files settle; read before anything is done, because a person wrote them."""
    from privacy_audit.gate import baseline as baselines
    from privacy_audit.gate import suppressions as accepted

    return (
        baselines.load(Path(baseline)) if baseline is not None else None,
        accepted.load(Path(suppressions)) if suppressions is not None else (),
    )


def _decide(
    audit: Path,
    packs: Sequence[Pack],
    *,
    options: Mapping[str, Any],
    known: Baseline | None,
    accepted: Sequence[Suppression],
    progress: Progress,
) -> None:
    from privacy_audit.gate.decide import decide as settle

    settle(audit, packs, options=options, suppressions=accepted, baseline=known, today=_today(), progress=progress)


def _today() -> date:
    return datetime.now(timezone.utc).date()


def _check_severity(fail_on: str) -> None:
    if fail_on not in {*(severity.value for severity in Severity), "none"}:
        raise PrivacyAuditError(
            f"'{fail_on}' is no severity; use one of {', '.join(s.value for s in Severity)} or none."
        )


def redact(
    source: str | Path,
    *,
    audit: Audit | str | Path,
    output: str | Path,
    jobs: int | None = None,
    verify: bool = True,
    verify_faces: VerifyFaces = "thorough",
    method: Method | None = None,
    pseudonyms: bool = False,
    faces_model: str | Path | None = None,
    recognizers: str | Path | None = None,
    token_key: str | Path | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> RedactionSummary:
    """Write a clean copy of `source` to `output` by the audit's decisions, having audited the copy again.

    The source is never written to. A picture that could not be checked, or cannot be redacted safely, is left out, and
    so is a sample in which the second audit finds what was to be removed. The copy of a table is a table of the same
    kind, or a new folder with it. The copy appears whole; a run that was cut short is taken up by the same call.

    `method` covers all regions by "fill", "pixelate" or "blur" (weak), whatever the rules say; `pseudonyms` masks
    values as `<PERSON-7F3A2C>`, equal ones alike. `verify_faces` says how closely the second audit looks for faces:
    "thorough", or the "same" as the first. `faces_model` and `recognizers` are the files that the audit was made with,
    if it was: the audit keeps neither, because a list of words may be personal itself.
    """
    from privacy_audit.redaction.options import options_of
    from privacy_audit.redaction.run import redact_dataset
    from privacy_audit.run.scan import Silent

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    options = opened.folder.manifest.options
    root, target = Path(source), Path(output)
    folder = open_source(
        root,
        caption_columns=options["caption_columns"],
        dataset=options.get("dataset"),
        kind=opened.folder.manifest.source_kind,
    )
    if verify:
        _same_recognizers(options.get("recognizers"), recognizers)
    _keep_apart(root, target, "the redacted copy")
    _keep_apart(target, opened.path, "the audit")
    workers = default_jobs() if jobs is None else jobs
    ran = opened.folder.manifest.detectors
    looking = _looking(opened, faces_model)
    specs = _specs([entry.name for entry in ran], looking)

    def again(copy: Path, notes: Path) -> Audit:
        key = Path(token_key) if token_key is not None else None
        return _scan_again(
            opened,
            copy,
            notes,
            verify_faces=verify_faces,
            faces_model=faces_model,
            recognizers=recognizers,
            token_key=key,
            jobs=workers,
            timeout_s=timeout_s,
            progress=progress,
        )

    return redact_dataset(
        folder,
        opened.folder,
        target,
        detectors=specs,
        key=evidence.load_key(Path(token_key) if token_key is not None else None),
        jobs=workers,
        timeout_s=timeout_s,
        verify=again if verify else None,
        progress=progress or Silent(),
        options=options_of(folder.beside.description, method=method, pseudonyms=pseudonyms),
    )


def plan_redaction(source: str | Path, *, audit: Audit | str | Path, method: Method | None = None) -> Preview:
    """What `redact` would do with `source`, per action and rule. Writes nothing.

    Pictures that turn out not to be redactable, and what only a second look finds, are not foreseen.
    """
    from privacy_audit.redaction.preview import preview
    from privacy_audit.redaction.run import check

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    options = opened.folder.manifest.options
    folder = open_source(
        Path(source),
        caption_columns=options["caption_columns"],
        dataset=options.get("dataset"),
        kind=opened.folder.manifest.source_kind,
    )
    check(folder, opened.folder)
    return preview(opened.folder, method)


def verify(
    output: str | Path,
    *,
    audit: Audit | str | Path,
    verify_faces: VerifyFaces = "thorough",
    faces_model: str | Path | None = None,
    recognizers: str | Path | None = None,
    token_key: str | Path | None = None,
    jobs: int | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> Verification:
    """Check a redacted copy once more, at any time and on any machine: its files, and what a fresh scan of it finds.

    It takes the copy, the audit folder with its notes, and the key of the audit; the source is not needed. Without the
    key, values that were to go are not searched for, and the result says so. Raises AuditError when the audit holds no
    redaction, or the copy no manifest.
    """
    from privacy_audit.redaction.verify import verify_copy

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    target = Path(output)
    key = Path(token_key) if token_key is not None else evidence.default_key_path()
    if token_key is not None and not key.exists():
        raise AuditError(f"there is no token key {key}.")
    known = key.exists() and evidence.key_id(evidence.load_key(key)) == opened.folder.manifest.token_key_id
    if token_key is not None and not known:
        raise AuditError(f"the token key {key} is not the one that {opened.path} was made with.")
    _same_recognizers(opened.folder.manifest.options.get("recognizers"), recognizers)
    with tempfile.TemporaryDirectory(prefix="privacy-audit-") as scratch:

        def again(copy: Path) -> AuditFolder:
            return _scan_again(
                opened,
                copy,
                Path(scratch) / "after",
                verify_faces=verify_faces,
                faces_model=faces_model,
                recognizers=recognizers,
                token_key=key if known else Path(scratch) / "token.key",
                jobs=default_jobs() if jobs is None else jobs,
                timeout_s=timeout_s,
                progress=progress,
            ).folder

        return verify_copy(target, opened.folder, again, key=evidence.load_key(key) if known else None)


def diff(before: Audit | str | Path, after: Audit | str | Path) -> Diff:
    """What differs between two audits: new, gone and unchanged samples and findings, with the rates of both."""
    from privacy_audit.compare.diff import diff as compared

    opened = [audit if isinstance(audit, Audit) else Audit(audit) for audit in (before, after)]
    return compared(opened[0].folder, opened[1].folder)


def _looking(audit: Audit, faces_model: str | Path | None) -> dict[str, str]:
    """Options of the face detector that an audit was made with."""
    looking = dict(audit.folder.manifest.options.get("faces", {}))
    if faces_model is not None:
        looking["model"] = str(faces_model)
    for entry in audit.folder.manifest.detectors:
        if entry.name == FACES and "model_sha256" in entry.options:
            looking["model_sha256"] = entry.options["model_sha256"]
    return looking


def _scan_again(
    audit: Audit,
    copy: Path,
    notes: Path,
    *,
    verify_faces: VerifyFaces,
    faces_model: str | Path | None,
    recognizers: str | Path | None,
    token_key: Path | None,
    jobs: int,
    timeout_s: float,
    progress: Progress | None,
) -> Audit:
    """Scan a copy as its source was scanned, by the same rules; for faces at least as closely."""
    if verify_faces not in get_args(VerifyFaces):
        raise PrivacyAuditError(f"'{verify_faces}' is no way to verify faces; use one of thorough, same.")
    from privacy_audit.detectors.faces import backends

    options = audit.folder.manifest.options
    looking = _looking(audit, faces_model)
    backend, profile = looking.get("backend", "centerface"), looking.get("profile", "default")
    if verify_faces == "thorough" and "thorough" in backends.find(backend).profiles:
        profile = "thorough"
    return scan(
        copy,
        output=notes,
        policy=[str(path) for path in audit.folder.packs()],
        detectors=options["detectors"],
        caption_columns=options["caption_columns"],
        dataset=options.get("dataset"),
        source_kind=audit.folder.manifest.source_kind,
        faces=profile,
        faces_backend=backend,
        faces_model=faces_model,
        text_noise=options.get("text_noise", False),
        recognizers=recognizers,
        names=options.get("names"),
        token_key=token_key,
        jobs=jobs,
        timeout_s=timeout_s,
        progress=progress,
    )


def init(source: str | Path, output: str | Path | None = None, *, force: bool = False) -> Proposal:
    """Write a first dataset.yaml for a folder, by a look at its columns; default SOURCE/dataset.yaml.

    It proposes what columns mean, and never that anything is public. Raises SourceError when the file is there already
    and `force` is not given.
    """
    from privacy_audit.detectors.provenance.propose import propose
    from privacy_audit.store.files import write_whole

    root = Path(source)
    folder = FolderSource(root, dataset={})
    target = Path(output) if output is not None else root / beside.DESCRIPTION
    if target.exists() and not force:
        raise SourceError(f"{target} exists. Write over it with --force, or name another file with -o.")
    proposal = propose(folder)
    try:
        write_whole(target, proposal.text)
    except OSError as error:
        raise SourceError(f"cannot write {target}: {error.strerror}. Name another file with -o.") from error
    return proposal


def strip(
    source: str | Path,
    output: str | Path,
    *,
    mode: str = "private",
    keep_credit: bool = False,
    copy_refused: bool = False,
) -> StripSummary:
    """Write a picture, or a folder of them, without metadata to `output`: pixels, colour profile, orientation stay.

    `mode` is "private" (rights, licence and training flags stay), "coarsen" (also the place to about 11 km and the
    month) or "all". A picture that cannot be done safely is left out unless `copy_refused`. All other files are copied
    as they are, but XMP sidecars are stripped too. The source is never written to.
    """
    from privacy_audit.redaction.kept import Mode
    from privacy_audit.redaction.strip import strip_tree

    if mode not in get_args(Mode):
        raise PrivacyAuditError(f"'{mode}' is no mode; use one of {', '.join(get_args(Mode))}.")
    if keep_credit and mode == "all":
        raise PrivacyAuditError("the mode 'all' keeps nothing; to keep the creator's name, use 'private' or 'coarsen'.")
    if Path(source).is_dir():
        _keep_apart(Path(source), Path(output), "the stripped copy")
    return strip_tree(Path(source), Path(output), mode, keep_credit=keep_credit, copy_refused=copy_refused)  # type: ignore[arg-type]


def report(
    audit: str | Path,
    output: str | Path | None = None,
    *,
    audience: str = "public",
    language: str = "en",
    since: str | Path | None = None,
    source: str | Path | None = None,
    crops: bool = False,
) -> Path:
    """Write the HTML report of an audit folder and return its path; see `Audit.report`."""
    return Audit(audit).report(output, audience=audience, language=language, since=since, source=source, crops=crops)


def _report_samples(folder: AuditFolder, source: str | Path | None, crops: bool) -> Top[SampleRow]:
    from privacy_audit.report import samples

    found = samples.worst(folder)
    if source is None:
        return found
    opened = _audited_source(folder, source)
    found = samples.linked(found, Path(source))
    return samples.with_crops(folder, found, opened) if crops else found


def export(audit: str | Path, kind: str, output: str | Path | None = None, *, audience: str = "public") -> Path:
    """Write an export of an audit folder and return its path; default AUDIT/exports.

    `kind` is one of `evidence`, `croissant`, `hf-card`, `ai-act`, `ab2013`, `datasheet`, `dpia`, `ropa`, and, for
    `audience="internal"` only, `sarif`, `csv`, `parquet`, `fiftyone`.
    """
    return Audit(audit).export(kind, output, audience=audience)


def sign(audit: str | Path, key: str | Path, *, new: bool = False) -> str:
    """Sign an audit folder with an Ed25519 key (PEM), made first if `new`; returns the id of the key."""
    from privacy_audit.integrity import signature

    if new:
        signature.new_key(Path(key))
    return signature.sign(Path(audit), Path(key))


def verify_signature(audit: str | Path, public_key: str | Path | None = None) -> Signed:
    """Check an audit's signature, parts and tree; raises IntegrityError.

    Without `public_key`, anybody may have made the signature.
    """
    from privacy_audit.integrity import signature

    return signature.verify(Path(audit), Path(public_key) if public_key is not None else None)


def prove(audit: str | Path, picture: str | Path, output: str | Path | None = None) -> dict[str, Any]:
    """A proof that the bytes of `picture` were in the audited data, or were not; also written to `output`."""
    from privacy_audit.integrity import proof
    from privacy_audit.store.files import write_whole

    found = proof.prove(Path(audit), Path(picture))
    if output is not None:
        try:
            write_whole(Path(output), json.dumps(found, indent=1) + "\n")
        except OSError as error:
            raise AuditError(f"cannot write {output}: {error.strerror}.") from error
    return found


def check_proof(proof: str | Path | Mapping[str, Any], root: str, picture: str | Path | None = None) -> Statement:
    """What a proof shows against a root that you know from elsewhere; raises IntegrityError when it does not hold."""
    from privacy_audit.integrity import proof as proofs

    plain = proof if isinstance(proof, Mapping) else proofs.read(Path(proof))
    return proofs.check(plain, root, Path(picture) if picture is not None else None)


def find_subject(
    source: str | Path,
    request: Request,
    *,
    output: str | Path,
    caption_columns: Sequence[str] = (),
    jobs: int | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> Case:
    """Search `source` for the pictures of a person, and write a case of candidates to `output`.

    A human confirms or rejects them (`Case.decide`); nothing is decided here.
    """
    from privacy_audit.run.scan import Silent
    from privacy_audit.subject.find import find

    root, target = Path(source), Path(output)
    _keep_apart(root, target, "the case")
    folder = FolderSource(root, caption_columns=tuple(caption_columns))
    workers = default_jobs() if jobs is None else jobs
    return find(folder, request, target, jobs=workers, timeout_s=timeout_s, progress=progress or Silent())


def erase_subject(case: Case | str | Path, *, audit: Audit | str | Path) -> Erasure:
    """Have the confirmed pictures of a case, and exact copies of them, dropped by the next redaction of `audit`."""
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.erase import erase

    opened = case if isinstance(case, Case) else Case(case)
    return erase(opened, AuditFolder(audit.path if isinstance(audit, Audit) else Path(audit)))


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


def _drawn(source: Source, request: SampleRequest) -> tuple[Source, dict[str, Any]]:
    """The drawn part of a source, and how it was drawn; the whole source when all of it is."""
    from privacy_audit.run.sampling import sample

    drawn = sample(source, request)
    if drawn.design.units == drawn.design.of_units:
        return source, {}
    return drawn, drawn.design.facts()


def _names_as_in(audit: Path) -> dict[str, str | bool | float]:
    """Where the earlier audit looked for names: by default that depends on the number of samples, which has changed."""
    from privacy_audit.store import manifest as manifests

    old = manifests.read(audit).options
    if old.get("names") == "sample":
        return {"names": "sample", "names_rate": float(old.get("names_rate", 1.0))}
    return {"names": "off"} if old.get("names") == "off" else {}


def _runner(engine: str, address: str, jobs: int, timeout_s: float, memory_limit: int | None) -> Runner:
    """What runs the shards."""
    from privacy_audit.run.local import LocalRunner, can_limit_memory

    if engine not in ENGINES:
        raise PrivacyAuditError(f"'{engine}' is no engine; use one of {', '.join(ENGINES)}.")
    if memory_limit is not None and not can_limit_memory():
        raise PrivacyAuditError("the memory of worker processes can be limited on Linux only.")
    if memory_limit is not None and engine == "local" and jobs == 0:
        raise PrivacyAuditError("memory is limited per worker process, and with --jobs 0 there is none.")
    if engine == "ray":
        from privacy_audit.run.ray import RayRunner

        return RayRunner(address, timeout_s, memory_limit)
    return LocalRunner(jobs, timeout_s, memory_limit)


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


def _given(source: LocalSource | DatasetSource, opt_out: str | Path | None) -> tuple[dict[str, str], dict[str, Any]]:
    """Options of the detector `provenance`, and what the manifest says of the opt-out list."""
    options = {"beside": text} if (text := source.beside.to_json()) else {}
    if opt_out is None:
        return options, {}
    from privacy_audit.detectors.provenance.optout import OptOuts

    path = Path(opt_out).absolute()
    found = OptOuts(path)
    options |= {"opt_out": str(path), "opt_out_sha256": found.sha256}
    return options, {"entries": len(found), "sha256": found.sha256}


def _can_compare(detectors: Sequence[DetectorSpec]) -> None:
    """Fail before the scan rather than after it."""
    from privacy_audit.subject import embeddings, people

    embeddings.require()
    people.check_detectors(spec.name for spec in detectors)


def _count_people(source: Source, target: Path, biometrics: Biometrics | None, jobs: int, timeout_s: float) -> None:
    """Write people.json and its digest, or remove what an earlier scan with other options left."""
    from privacy_audit.store import manifest as manifests
    from privacy_audit.store import people

    if biometrics is None:
        (target / people.NAME).unlink(missing_ok=True)
        return
    from privacy_audit.subject.people import count_people

    folder = AuditFolder(target)
    people.write(target, count_people(source, folder, biometrics, jobs=jobs, timeout_s=timeout_s))
    parts = {**folder.manifest.parts, people.NAME: sha256(target / people.NAME)}
    manifests.write(target, replace(folder.manifest, parts=parts))


def _specs(
    names: Sequence[str], faces: Mapping[str, str], others: Mapping[str, Options] | None = None
) -> tuple[DetectorSpec, ...]:
    """Detectors with their options. What depends on this machine is settled here, once for all workers."""
    from privacy_audit.run.plan import DetectorSpec

    options: dict[str, Options] = dict(others or {})
    if FACES in names:
        from privacy_audit.detectors.faces.detector import resolved

        options[FACES] = resolved(faces)
    return tuple(DetectorSpec(name, options.get(name, {})) for name in names)


def _keep_apart(source: Path, target: Path, what: str) -> None:
    here, there = source.resolve(), target.resolve()
    if there == here or here in there.parents:
        raise SourceError(f"{what} cannot be inside {source}: it would become part of the data. Name another folder.")
