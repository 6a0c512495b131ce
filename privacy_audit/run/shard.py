"""The only function that does a shard's work: read, detect, decide, write. Everything else decides where it runs."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from privacy_audit import evidence
from privacy_audit.containers import sniff
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.detectors.base import Detector
from privacy_audit.detectors.provenance.verdict import verdict
from privacy_audit.errors import PictureError
from privacy_audit.policy import decide
from privacy_audit.run.plan import DetectorSpec, ShardJob, ShardSummary
from privacy_audit.sources import Item, SkippedMember
from privacy_audit.store import schema, shards
from privacy_audit.types import Failure, FailureKind, Finding, Needs, Outcome, Sample, Skipped

BATCH = 8
NOTHING = Needs(0)
NO_PICTURE = "no picture in the source"
_CULPRIT = {
    "crash": "a worker process died on this sample; it was left out",
    "timeout": "a worker process did not finish this sample in time; it was left out",
}


def run_shard(job: ShardJob, announce: Callable[[int], None]) -> ShardSummary:
    """Audit one shard and write its tables whole; `announce` gets the position of each batch before it is touched."""
    clock = Clock()
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
    skipped_members = Counter[str]()
    with evidence.token_key(job.plan.token_key):
        detectors = build(job.plan.detectors)
        members = enumerate(_read(job, clock))
        while batch := list(islice(members, 1 if job.cautious else BATCH)):
            announce(batch[0][0])
            checks = []
            for position, member in batch:
                if isinstance(member, SkippedMember):
                    skipped_members[member.reason] += 1
                else:
                    checks.append(Check(member, job.culprits.get(position)))
            _examine(checks, detectors, clock)
            for check in checks:
                with clock("decide"):
                    _record(check, job, tables)
    counts = {table: len(rows) for table, rows in tables.items()}
    with clock("write"):
        facts = {
            "shard": job.shard.id,
            "input": job.shard.fingerprint,
            "plan": job.plan_hash,
            "counts": counts,
            "skipped_members": dict(skipped_members),
            "seconds": dict(clock.seconds),
        }
        shards.write(job.output, job.shard.id, tables, facts)
    return ShardSummary(job.shard.id, counts, dict(skipped_members), dict(clock.seconds))


class Clock:
    """Seconds of process time per stage."""

    def __init__(self) -> None:
        self.seconds = Counter[str]()
        self._stage = ""
        self._started = 0.0

    def __call__(self, stage: str) -> Clock:
        self._stage = stage
        return self

    def __enter__(self) -> None:
        self._started = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds[self._stage] += time.process_time() - self._started  # type: ignore[assignment]


@dataclass(slots=True)
class Check:
    """One sample on its way through the detectors."""

    item: Item
    culprit: FailureKind | None = None
    findings: list[Finding] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    has: Needs = NOTHING
    broken: Needs = NOTHING

    @property
    def sample(self) -> Sample:
        """The sample under examination."""
        return self.item.sample

    def fail(self, failure: Failure) -> None:
        """Note a failure of a stage."""
        self.failures.append(failure)
        self.failed.add(failure.stage)


def _read(job: ShardJob, clock: Clock) -> Iterator[Item | SkippedMember]:
    members = job.source.read(job.shard)
    while True:
        with clock("read"):
            member = next(members, None)
        if member is None:
            return
        yield member


def build(specs: Iterable[DetectorSpec]) -> tuple[Detector, ...]:
    """The detectors, whose models load once per process."""
    return tuple(_built(spec.name, tuple(sorted(spec.options.items()))) for spec in specs)


@lru_cache(maxsize=32)
def _built(name: str, options: tuple[tuple[str, str | bool | float], ...]) -> Detector:
    return DetectorSpec(name, dict(options)).build()


def _examine(checks: Sequence[Check], detectors: Sequence[Detector], clock: Clock) -> None:
    wants_pixels = [detector for detector in detectors if Needs.PIXELS in detector.needs]
    sides: list[int | None] = [getattr(detector, "long_side", None) for detector in wants_pixels]
    at_least = None if None in sides else max((side for side in sides if side is not None), default=None)
    for check in checks:
        for failure in check.item.failures:
            check.fail(failure)
        for skip in check.item.skipped:
            check.skipped[skip.stage] = skip.reason
        if check.culprit is not None:
            check.fail(Failure("picture", check.culprit, _CULPRIT[check.culprit]))
            check.broken = Needs.BYTES | Needs.PIXELS | Needs.TEXT | Needs.RECORD
            continue
        _open(check, bool(wants_pixels), at_least, clock)
    for detector in detectors:
        with clock(detector.name):
            ready = [check for check in checks if _applies(check, detector)]
            for check, outcome in zip(ready, _outcomes(detector, [check.sample for check in ready]), strict=True):
                _take(check, detector.name, outcome)


def _open(check: Check, wants_pixels: bool, at_least: int | None, clock: Clock) -> None:
    """Find out what the sample has: its bytes, its pixels, texts, a record."""
    sample = check.sample
    check.has |= Needs.TEXT if sample.texts else NOTHING
    check.has |= Needs.RECORD
    picture = sample.picture
    if picture is None:
        return
    try:
        with clock("read"):
            known = sniff(picture.data[:HEAD_BYTES]) is not None
            _ = picture.digest
        check.has |= Needs.BYTES if known else NOTHING
        with clock("decode"):
            _ = picture.size
            if wants_pixels:
                picture.upright(at_least)
        check.has |= Needs.PIXELS
    except PictureError as error:
        check.fail(Failure("picture", error.kind, str(error)))
        check.broken = (Needs.BYTES | Needs.PIXELS) & ~check.has


def _applies(check: Check, detector: Detector) -> bool:
    if detector.needs & check.has:
        return True
    if detector.needs & check.broken:
        check.failed.add(detector.name)
    elif Needs.TEXT in detector.needs:
        check.skipped[detector.name] = "no text"
    else:
        check.skipped[detector.name] = NO_PICTURE
    return False


def _outcomes(detector: Detector, samples: list[Sample]) -> list[Outcome]:
    """The detector's outcomes; when it raises on a batch, one by one, so that it costs only the samples it fails on."""
    if not samples:
        return []
    try:
        outcomes = detector.detect(samples)
        if len(outcomes) == len(samples):
            return [_sound(detector, outcome) for outcome in outcomes]
        problem = "it returned the wrong number of outcomes"
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; its text may quote the sample
        problem = f"it raised {type(error).__name__}"
    if len(samples) == 1:
        return [Failure(detector.name, "error", f"the detector '{detector.name}' failed: {problem}")]
    return [outcome for sample in samples for outcome in _outcomes(detector, [sample])]


def _sound(detector: Detector, outcome: Outcome) -> Outcome:
    """The outcome, or a failure when a plug-in returned something that cannot be stored."""
    if isinstance(outcome, Failure):
        return outcome
    for part in outcome:
        if isinstance(part, Finding):
            texts = [part.code, part.detector, part.preview, part.token, *part.attributes, *part.attributes.values()]
            if all(isinstance(text, str) and text.isprintable() for text in texts):
                continue
        elif isinstance(part, (Skipped, Failure)):
            continue
        return Failure(detector.name, "error", f"the detector '{detector.name}' returned something that is no finding")
    return outcome


def _take(check: Check, name: str, outcome: Outcome) -> None:
    if isinstance(outcome, Failure):
        outcome = [outcome]
        check.failed.add(name)
    for part in outcome:
        if isinstance(part, Finding):
            check.findings.append(part)
        elif isinstance(part, Skipped):
            check.skipped[part.stage] = part.reason
        elif any(known.message == part.message for known in check.failures):
            check.failed.add(part.stage)  # one row per fault, though several stages suffer from it
        else:
            check.fail(part)
    if name not in check.skipped and name not in check.failed:
        check.checked.append(name)


def _record(check: Check, job: ShardJob, tables: dict[str, list[dict[str, Any]]]) -> None:
    sample = check.sample
    visibility, training = verdict(check.findings)
    decisions = decide(job.plan.packs, check.findings, check.failures, visibility, training)
    tables["samples"].append(
        {
            "sample_id": sample.id,
            "shard": job.shard.id,
            **_picture_facts(check),
            "visibility": visibility,
            "training": training,
            "checked": sorted(check.checked),
            "failed": sorted(check.failed),
            "skipped": sorted(check.skipped.items()),
        }
    )
    tables["findings"] += [schema.finding_row(sample.id, finding) for finding in _ordered(check.findings)]
    tables["failures"] += [schema.failure_row(sample.id, failure) for failure in check.failures]
    tables["decisions"] += [schema.decision_row(sample.id, decision) for decision in decisions]


def _picture_facts(check: Check) -> dict[str, Any]:
    """Size, format and digest as far as the picture gives them."""
    picture, facts = check.sample.picture, dict[str, Any]()
    if picture is None or check.culprit is not None:
        return facts
    facts["bytes"] = picture.size_bytes
    with contextlib.suppress(PictureError):
        facts["sha256"] = picture.digest
    if Needs.PIXELS in check.has:
        width, height = picture.size
        facts.update(format=picture.format, width=width, height=height)
    return facts


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The same order in every run, whatever order detectors finish in."""
    return sorted(findings, key=lambda finding: (finding.detector, finding.code, finding.channel, repr(finding.where)))
