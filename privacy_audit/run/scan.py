"""One scan from source to finished audit folder: plan, skip what is done already, run the rest, write the manifest."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard

from privacy_audit.detectors import registry
from privacy_audit.detectors.base import described
from privacy_audit.errors import AuditError, SourceError
from privacy_audit.evidence import key_id
from privacy_audit.integrity import contents
from privacy_audit.policy import Pack, Rule, fingerprint, terms
from privacy_audit.run import redecide
from privacy_audit.run import since as earlier
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION, DetectorSpec, Plan, ShardSummary
from privacy_audit.run.shard import ShardJob
from privacy_audit.sources import Shard, Source, Survey
from privacy_audit.store import journal, settled, shards
from privacy_audit.store import manifest as manifests
from privacy_audit.store.files import write_whole
from privacy_audit.store.folder import PACKS
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.store.schema import SETTLED, TABLES

LOCK = ".lock"
SINCE_INDEX = ".since.sqlite"


class Runner(Protocol):
    """Decides where jobs run."""

    def map(self, jobs: Iterable[ShardJob]) -> Iterator[ShardSummary]:
        """Results in the order in which they finish."""
        ...


class Progress(Protocol):
    """Told how a run goes on. All numbers are samples."""

    def start(self, total: int) -> None:
        """The run begins."""
        ...

    def advance(self, samples: int, failures: int) -> None:
        """So many more are done."""
        ...

    def stop(self) -> None:
        """The run is over, well or not."""
        ...


class Silent:
    """No progress shown."""

    def start(self, total: int) -> None:
        """Nothing."""

    def advance(self, samples: int, failures: int) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


@dataclass(slots=True)
class _Totals:
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    parts: dict[str, str] = field(default_factory=dict)
    reused: int = 0

    def add(self, facts: Mapping[str, Any]) -> None:
        self.counts.update(facts["counts"])
        self.skipped.update(facts["skipped_members"])
        self.seconds.update(facts["seconds"])
        self.parts.update(facts["parts"])
        self.counts["shards"] += 1
        self.reused += facts.get("reused", 0)


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same during one scan."""

    source: Source
    output: Path
    plan: Plan
    plan_hash: str
    survey: Survey
    options: Mapping[str, Any]
    started: str
    declared: Mapping[str, str]
    standing: Sequence[PackEntry]
    """Packs of decisions that an earlier scan's kept shards have from people's requests."""


def scan(
    source: Source,
    output: Path,
    plan: Plan,
    *,
    jobs: int,
    timeout_s: float,
    options: Mapping[str, Any],
    progress: Progress,
    declared: Mapping[str, str] | None = None,
    survey: Survey | None = None,
    runner: Runner | None = None,
    since: Path | None = None,
) -> Manifest:
    """Audit `source` into `output`. Shards that an interrupted run with the same plan finished are kept.

    `survey` is that of `source`, when the caller has it already. `runner` does the work in place of `jobs` processes of
    this machine. Of samples that are as they were in the audit `since`, the rows are taken over.
    """
    if since is not None:
        earlier.check(since, plan)
    started = _now()
    survey = survey or source.survey()
    _prepare(output)
    with locked(output):
        journal.recover(output)
        run = _Run(source, output, plan, plan.hash(), survey, options, started, declared or {}, _standing(output))
        with _writing(output):
            manifests.write(output, _manifest(run, _Totals(), "partial"))
            _unsettle(output)
            _write_packs(output, plan.packs)
        progress.start(run.survey.samples)
        try:
            with _writing(output):
                known = earlier.prepare(since, output / SINCE_INDEX) if since is not None else None
            _work(run, runner or LocalRunner(jobs, timeout_s), progress, known)
        finally:
            progress.stop()
            (output / SINCE_INDEX).unlink(missing_ok=True)
        with _writing(output):
            _decide_again(run)
            totals = _collect(run)
            tree = contents.build(output, contents.salt_for(plan.token_key, run.survey.fingerprint))
        totals.skipped.update(run.survey.skipped)
        if totals.counts["samples"] == 0:
            raise SourceError("the source holds no picture, caption or record: nothing was audited.")
        run = replace(run, standing=_still_standing(run))
        finished = replace(_manifest(run, totals, "complete"), integrity=tree)
        with _writing(output):
            manifests.write(output, finished)
    return finished


def _work(run: _Run, runner: Runner, progress: Progress, known: earlier.Since | None) -> None:
    sizes: dict[str, int] = {}

    def todo() -> Iterator[ShardJob]:
        for shard in run.source.shards():
            facts = shards.read_marker(run.output, shard.id)
            if _fits(facts, shard, run) and shards.intact(run.output, facts):
                progress.advance(shard.samples, facts["counts"]["failures"])
                continue
            sizes[shard.id] = shard.samples
            yield ShardJob(run.source, shard, run.plan, run.plan_hash, run.output, since=known)

    for summary in runner.map(todo()):
        progress.advance(sizes.pop(summary.shard), summary.counts["failures"])


def _unsettle(output: Path) -> None:
    """What people settled holds until the next scan; it is for `gate.decide` to settle it again."""
    (output / settled.NAME).unlink(missing_ok=True)
    for path in (output / SETTLED).glob("*.parquet"):
        path.unlink()


def _decide_again(run: _Run) -> None:
    """Shards that were kept, and were decided by other rules since, or with suppressions, get back their decisions.

    All are decided anew where a rule asks for a rate of the dataset.
    """
    markers = [(shard, shards.read_marker(run.output, shard.id)) for shard in run.source.shards()]
    current = {shard.id: facts for shard, facts in markers if _fits(facts, shard, run)}
    redecide.again(run.output, list(current), run.plan.packs, {n for n, facts in current.items() if "decided" in facts})


def _standing(output: Path) -> list[PackEntry]:
    try:
        return redecide.standing_packs(manifests.read(output))
    except AuditError:  # none yet, or one that the scan replaces
        return []


def _still_standing(run: _Run) -> list[PackEntry]:
    """Without the rules whose samples were looked at again: those shards have the decisions of the packs alone."""
    if not run.standing:
        return []
    found = redecide.standing_rules(run.output, (shard.id for shard in run.source.shards()))
    kept = [replace(e, rules={rule: e.rules[rule] for rule in e.rules if rule in found}) for e in run.standing]
    return [entry for entry in kept if entry.rules]


def _fits(facts: Mapping[str, Any] | None, shard: Shard, run: _Run) -> TypeGuard[Mapping[str, Any]]:
    """Whether a shard's result is of this plan, and of what the source holds now."""
    return facts is not None and (facts.get("input"), facts.get("plan")) == (shard.fingerprint, run.plan_hash)


def _write_packs(output: Path, packs: Sequence[Pack]) -> None:
    """The rule packs that decide, and none that decided in an earlier run."""
    for pack in packs:
        write_whole(output / PACKS / f"{pack.pack}.yaml", pack_text(pack))
    current = {pack.pack for pack in packs}
    for path in (output / PACKS).glob("*.yaml"):
        if path.stem not in current:
            path.unlink()


def _collect(run: _Run) -> _Totals:
    """Add up all shards, and remove what earlier runs left of shards that are no more."""
    totals = _Totals()
    current: set[str] = set()
    shard: Shard
    for shard in run.source.shards():
        facts = shards.read_marker(run.output, shard.id)
        if not _fits(facts, shard, run):
            raise AuditError("the source changed while it was scanned. Run the same command again.")
        totals.add(facts)
        current.add(shard.id)
    for folder, suffix in [(shards.MARKERS, ".json"), *((table, ".parquet") for table in TABLES)]:
        for path in (run.output / folder).iterdir():
            if path.suffix == ".tmp" or (path.suffix == suffix and path.stem not in current):
                path.unlink()
    return totals


def _prepare(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise AuditError(f"{output} is a file. Name a folder with -o.")
    with _writing(output):
        if output.is_dir() and any(output.iterdir()) and not (output / manifests.NAME).exists():
            raise AuditError(f"{output} is not empty and is not an audit. Name another folder with -o.")
        output.mkdir(parents=True, exist_ok=True)
        output.chmod(0o700)


@contextlib.contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditError(f"cannot write to {output}: {error.strerror or 'input/output error'}.") from error


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Two scans into one folder would mix their results; the second is refused.

    The system frees the lock of a process that dies. A process id in a file would not do: in a container, the next run
    has the same one.
    """
    path = output / LOCK
    with _writing(output):
        descriptor = _open_lock(path)
        while not _is_current(descriptor, path):  # its owner removed it between the two steps
            os.close(descriptor)
            descriptor = _open_lock(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}:
            os.close(descriptor)
            raise AuditError(
                f"another scan is writing to {path.parent}. Wait for it, or name another folder."
            ) from None
        # else a file system without locks: a second scan is then the user's affair
    return descriptor


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _manifest(run: _Run, totals: _Totals, status: Literal["complete", "partial"]) -> Manifest:
    counts = {name: totals.counts[name] for name in (*TABLES, "shards")}
    return Manifest(
        tool_version=TOOL_VERSION,
        status=status,
        started=run.started,
        finished=_now(),
        source_kind=run.source.kind,
        source_name=run.source.name,
        source_fingerprint=run.survey.fingerprint,
        plan_hash=run.plan_hash,
        policy_hash=redecide.policy_hash(fingerprint(run.plan.packs), run.standing),
        token_key_id=key_id(run.plan.token_key),
        options=dict(run.options),
        detectors=[_detector_entry(spec) for spec in run.plan.detectors],
        packs=[*(pack_entry(pack) for pack in run.plan.packs), *run.standing],
        counts={**counts, "skipped_members": sum(totals.skipped.values())},
        skipped_members=dict(sorted(totals.skipped.items())),
        seconds={name: round(value, 3) for name, value in sorted(totals.seconds.items())},
        parts=dict(sorted(totals.parts.items())),
        declared=dict(run.declared),
        sampling=dict(run.plan.sampling),
        reused=totals.reused,
    )


def _detector_entry(spec: DetectorSpec) -> DetectorEntry:
    detector = registry.find(spec.name)
    says = described(detector, spec.options)
    owners = {point.dist.name for point in entry_points(group=registry.GROUP) if point.name == spec.name and point.dist}
    return DetectorEntry(
        name=spec.name,
        version=detector.version,
        distribution=", ".join(sorted(owners)),
        codes=sorted(detector.codes),
        method=says.about.method,
        limits=says.about.limits,
        thresholds=says.about.thresholds,
        measured=says.about.measured,
        models=dict(says.models),
        options=dict(says.options),
        tables=[dict(table) for table in says.tables],
    )


def pack_text(pack: Pack) -> str:
    """A pack as YAML that loads to the same pack (JSON is YAML), so that a later command decides by the same rules."""
    return json.dumps(pack.model_dump(mode="json", exclude_defaults=True), indent=1, ensure_ascii=False) + "\n"


def pack_entry(pack: Pack) -> PackEntry:
    """What the manifest says of a pack."""
    rules = {
        f"{pack.pack}/{rule.id}": {
            "title": rule.title,
            "why": rule.why,
            "severity": rule.severity.value,
            "law": "; ".join(law.text() for law in rule.law),
            "dpv": " ".join(terms(rule)),
            **_titles(rule),
        }
        for rule in pack.rules
    }
    return PackEntry(
        pack=pack.pack,
        title=pack.title,
        version=str(pack.version),
        law=pack.law or "",
        checked_on=str(pack.checked_on or ""),
        effective_from=str(pack.effective_from or ""),
        disclaimer=pack.disclaimer,
        rules=rules,
        titles=_titles(pack),
    )


def _titles(named: Pack | Rule) -> dict[str, str]:
    return {"title_id": named.title_id} if named.title_id else {}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
