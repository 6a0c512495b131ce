"""What the command line calls and what a user imports: scan, redact, strip, report, and the audit that they share."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from privacy_audit import evidence
from privacy_audit.errors import AuditError, PrivacyAuditError, SourceError
from privacy_audit.sources import FolderSource, Source, TableSource, beside, open_source
from privacy_audit.store.files import sha256
from privacy_audit.store.folder import AuditFolder, Table
from privacy_audit.types import ACTIONS, Severity

if TYPE_CHECKING:
    from privacy_audit.detectors.captions.detector import Names
    from privacy_audit.detectors.provenance.propose import Proposal
    from privacy_audit.redaction.strip import StripSummary
    from privacy_audit.report.summary import Summary
    from privacy_audit.run.plan import DetectorSpec
    from privacy_audit.run.sampling import Request as SampleRequest
    from privacy_audit.run.scan import Progress, Runner
    from privacy_audit.store.people import People
    from privacy_audit.store.redactions import RedactionSummary
    from privacy_audit.subject.biometrics import Biometrics
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.erase import Erasure
    from privacy_audit.subject.find import Request

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
    sample: int | str | None = None,
    margin: float = 0.01,
    seed: int = 0,
    since: str | Path | None = None,
    memory_limit: int | None = None,
    engine: str = "local",
    ray_address: str = "auto",
    progress: Progress | None = None,
) -> Audit:
    """Audit a folder of pictures, or a table of texts.

    `policy` names rule packs, built in or files. `detectors` defaults to all installed ones that are not optional;
    `image_text` adds those that read text and codes inside pictures (extra `ocr`). `faces` says how closely to look
    for faces (fast, default, thorough), `faces_backend` with which network, and `faces_model` is the file of one that
    comes without weights. `output` is the audit folder; without one it is temporary and goes with the returned Audit.
    `fail_on` is a severity or "none". `jobs` is the number of worker processes (default: one per core; 0 works in this
    process). `timeout_s` is per batch. `opt_out` is a file with one sha256, URL or domain per line. `dataset` is a
    dataset.yaml, or its plain data, in place of the one in the folder. `biometrics` allows faces to be compared, in
    memory only, to estimate how many distinct people appear; it needs the extra `face-recognition`.

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

    if fail_on not in {*(severity.value for severity in Severity), "none"}:
        raise PrivacyAuditError(
            f"'{fail_on}' is no severity; use one of {', '.join(s.value for s in Severity)} or none."
        )
    root = Path(source)
    opened = open_source(root, caption_columns=tuple(caption_columns), dataset=dataset)
    folder: Source = opened
    sampling: dict[str, Any] = {}
    if sample is not None:
        if biometrics is not None:
            raise PrivacyAuditError("how many people appear in a dataset cannot be told from a sample of it.")
        folder, sampling = _drawn(folder, SampleRequest(str(sample), margin, seed))
    survey = folder.survey()
    temporary = tempfile.TemporaryDirectory(prefix="privacy-audit-") if output is None else None
    target = Path(temporary.name if temporary else str(output))
    _keep_apart(root, target, "the audit")
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
    faces_model: str | Path | None = None,
    recognizers: str | Path | None = None,
    token_key: str | Path | None = None,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> RedactionSummary:
    """Write a clean copy of `source` to `output` by the audit's decisions, then audit the copy and say what is left.

    The source is never written to. A picture that could not be checked, or cannot be redacted safely, is left out. The
    copy of a table is a table of the same kind, or a new folder with it. Both second looks, at each picture and at the
    copy, are as close as the first. `faces_model` and `recognizers` are the files that the audit was made with, if it
    was: the audit keeps neither, because a list of words may be personal itself.
    """
    from privacy_audit.redaction.run import redact_dataset
    from privacy_audit.run.scan import Silent

    opened = audit if isinstance(audit, Audit) else Audit(audit)
    options = opened.folder.manifest.options
    root, target = Path(source), Path(output)
    folder = open_source(root, caption_columns=options["caption_columns"], dataset=options.get("dataset"))
    if verify:
        _same_recognizers(options.get("recognizers"), recognizers)
    _keep_apart(root, target, "the redacted copy")
    _keep_apart(target, opened.path, "the audit")
    workers = default_jobs() if jobs is None else jobs
    ran = opened.folder.manifest.detectors
    looking = dict(options.get("faces", {}))
    if faces_model is not None:
        looking["model"] = str(faces_model)
    for entry in ran:
        if entry.name == FACES and "model_sha256" in entry.options:
            looking["model_sha256"] = entry.options["model_sha256"]
    specs = _specs([entry.name for entry in ran], looking)

    def again(copy: Path, notes: Path) -> Audit:
        return scan(
            copy,
            output=notes,
            policy=[str(path) for path in opened.folder.packs()],
            detectors=options["detectors"],
            caption_columns=options["caption_columns"],
            dataset=options.get("dataset"),
            faces=looking.get("profile", "default"),
            faces_backend=looking.get("backend", "centerface"),
            faces_model=faces_model,
            text_noise=options.get("text_noise", False),
            recognizers=recognizers,
            names=options.get("names"),
            token_key=token_key,
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


def report(audit: str | Path, output: str | Path | None = None) -> Path:
    """Write the HTML report of an audit folder and return its path."""
    return Audit(audit).report(output)


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


def _given(source: FolderSource | TableSource, opt_out: str | Path | None) -> tuple[dict[str, str], dict[str, Any]]:
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
