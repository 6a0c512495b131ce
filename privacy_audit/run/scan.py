"""One scan from source to finished audit folder: plan, skip what is done already, run the rest, write the manifest."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

from privacy_audit.detectors import registry
from privacy_audit.detectors.base import about, models_of
from privacy_audit.errors import AuditError, SourceError
from privacy_audit.evidence import key_id
from privacy_audit.policy import Pack, fingerprint
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION, DetectorSpec, Plan, ShardJob, ShardSummary
from privacy_audit.sources import Shard, Source, Survey
from privacy_audit.store import manifest as manifests
from privacy_audit.store import shards
from privacy_audit.store.files import write_whole
from privacy_audit.store.folder import PACKS
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.store.schema import TABLES

LOCK = ".lock"


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

    def add(self, facts: Mapping[str, Any]) -> None:
        self.counts.update(facts["counts"])
        self.skipped.update(facts["skipped_members"])
        self.seconds.update(facts["seconds"])
        self.parts.update(facts["parts"])
        self.counts["shards"] += 1


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


def scan(
    source: Source,
    output: Path,
    plan: Plan,
    *,
    jobs: int,
    timeout_s: float,
    options: Mapping[str, Any],
    progress: Progress,
    survey: Survey | None = None,
) -> Manifest:
    """Audit `source` into `output`. Shards that an interrupted run with the same plan finished are kept.

    `survey` is that of `source`, when the caller has it already.
    """
    started = _now()
    run = _Run(source, output, plan, plan.hash(), survey or source.survey(), options, started)
    _prepare(output)
    with _locked(output):
        manifests.write(output, _manifest(run, _Totals(), "partial"))
        for pack in plan.packs:
            write_whole(output / PACKS / f"{pack.pack}.yaml", _pack_text(pack))
        progress.start(run.survey.samples)
        try:
            _work(run, LocalRunner(jobs, timeout_s), progress)
        finally:
            progress.stop()
        totals = _collect(source, output)
        totals.skipped.update(run.survey.skipped)
        if totals.counts["samples"] == 0:
            raise SourceError("the source holds no picture, caption or record: nothing was audited.")
        finished = _manifest(run, totals, "complete")
        manifests.write(output, finished)
    return finished


def _work(run: _Run, runner: LocalRunner, progress: Progress) -> None:
    sizes: dict[str, int] = {}

    def todo() -> Iterator[ShardJob]:
        for shard in run.source.shards():
            facts = shards.read_marker(run.output, shard.id)
            if facts and facts["input"] == shard.fingerprint and facts["plan"] == run.plan_hash:
                progress.advance(shard.samples, facts["counts"]["failures"])
                continue
            sizes[shard.id] = shard.samples
            yield ShardJob(run.source, shard, run.plan, run.plan_hash, run.output)

    summary: ShardSummary
    for summary in runner.map(todo()):
        progress.advance(sizes.pop(summary.shard), summary.counts["failures"])


def _collect(source: Source, output: Path) -> _Totals:
    """Add up all shards, and remove what earlier runs left of shards that are no more."""
    totals = _Totals()
    current: set[str] = set()
    shard: Shard
    for shard in source.shards():
        facts = shards.read_marker(output, shard.id)
        if facts is None:
            raise AuditError(f"shard {shard.id} has no result. Run the same command again.")
        totals.add(facts)
        current.add(shard.id)
    for folder, suffix in [(shards.MARKERS, ".json"), *((table, ".parquet") for table in TABLES)]:
        for path in (output / folder).glob(f"*{suffix}"):
            if path.stem not in current:
                path.unlink()
    return totals


def _prepare(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise AuditError(f"{output} is a file. Name a folder with -o.")
    if output.is_dir() and any(output.iterdir()) and not (output / manifests.NAME).exists():
        raise AuditError(f"{output} is not empty and is not an audit. Name another folder with -o.")
    try:
        output.mkdir(parents=True, exist_ok=True)
        output.chmod(0o700)
    except OSError as error:
        raise AuditError(f"cannot write to {output}: {error.strerror}.") from error


@contextlib.contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Two scans into one folder would mix their results; the second is refused."""
    path = output / LOCK
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            break
        except FileExistsError:
            if _owner_lives(path):
                raise AuditError(f"another scan is writing to {output}. Wait for it, or name another folder.") from None
            path.unlink(missing_ok=True)
    else:
        raise AuditError(f"cannot lock {output}: remove {path} and try again.")
    with os.fdopen(descriptor, "w") as file:
        file.write(str(os.getpid()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _owner_lives(path: Path) -> bool:
    try:
        os.kill(int(path.read_text()), 0)
    except (ValueError, ProcessLookupError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True


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
        policy_hash=fingerprint(run.plan.packs),
        token_key_id=key_id(run.plan.token_key),
        options=dict(run.options),
        detectors=[_detector_entry(spec) for spec in run.plan.detectors],
        packs=[_pack_entry(pack) for pack in run.plan.packs],
        counts={**counts, "skipped_members": sum(totals.skipped.values())},
        skipped_members=dict(sorted(totals.skipped.items())),
        seconds={name: round(value, 3) for name, value in sorted(totals.seconds.items())},
        parts=dict(sorted(totals.parts.items())),
    )


def _detector_entry(spec: DetectorSpec) -> DetectorEntry:
    detector = registry.find(spec.name)
    says = about(detector)
    owners = {point.dist.name for point in entry_points(group=registry.GROUP) if point.name == spec.name and point.dist}
    return DetectorEntry(
        name=spec.name,
        version=detector.version,
        distribution=", ".join(sorted(owners)),
        codes=sorted(detector.codes),
        method=says.method,
        limits=says.limits,
        thresholds=says.thresholds,
        measured=says.measured,
        models={model.name: model.sha256 for model in models_of(detector)},
    )


def _pack_text(pack: Pack) -> str:
    """A pack as YAML that loads to the same pack (JSON is YAML), so that a later command decides by the same rules."""
    return json.dumps(pack.model_dump(mode="json", exclude_defaults=True), indent=1, ensure_ascii=False) + "\n"


def _pack_entry(pack: Pack) -> PackEntry:
    rules = {
        f"{pack.pack}/{rule.id}": {
            "title": rule.title,
            "why": rule.why,
            "severity": rule.severity.value,
            "law": "; ".join(f"{law.name} {law.at} [{law.confidence}]" for law in rule.law),
        }
        for rule in pack.rules
    }
    return PackEntry(
        pack=pack.pack,
        title=pack.title,
        version=str(pack.version),
        law=pack.law or "",
        checked_on=str(pack.checked_on or ""),
        disclaimer=pack.disclaimer,
        rules=rules,
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
