"""The only function that does a shard's work: read, detect, decide, write. Everything else decides where it runs."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import Any, get_args

from privacy_audit import evidence
from privacy_audit.containers import sniff
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.detectors.base import Detector
from privacy_audit.detectors.provenance.verdict import verdict
from privacy_audit.errors import PictureError
from privacy_audit.policy import decide
from privacy_audit.run.plan import Death, DetectorSpec, Plan, ShardSummary
from privacy_audit.run.since import Lookup, Rows, Since, content, taken_over
from privacy_audit.sources import Item, Shard, SkippedMember, Source
from privacy_audit.store import schema, shards
from privacy_audit.types import (
    Box,
    Channel,
    Failure,
    FailureKind,
    Finding,
    Needs,
    Outcome,
    Quad,
    Sample,
    Skipped,
    Span,
    Tag,
)

BATCH = 8
NOTHING = Needs(0)
EVERYTHING = Needs.BYTES | Needs.PIXELS | Needs.TEXT | Needs.RECORD
NO_PICTURE = "no picture in the source"
NO_TEXT = "no text"
NOT_ASKED = "not asked for"
_KINDS, _CHANNELS = get_args(FailureKind), get_args(Channel)
_LARGEST = 2**31 - 1
_CULPRIT = {
    "crash": "a worker process died on this sample; it was left out",
    "timeout": "a worker process did not finish this sample in time; it was left out",
    "memory": "a worker process took more memory than --memory-limit allows on this sample; it was left out",
}


@dataclass(frozen=True, slots=True)
class ShardJob:
    """One shard of a scan. `culprits` are positions in the shard that crashed or hung a worker, with the kind."""

    source: Source
    shard: Shard
    plan: Plan
    plan_hash: str
    output: Path
    culprits: Mapping[int, Death] = field(default_factory=dict)
    cautious: bool = False
    """One sample at a time, so that a crash names its culprit."""
    since: Since | None = None
    """An earlier audit whose rows are taken over for samples that are the same."""

    def run(self, announce: Callable[[int], None]) -> ShardSummary:
        """Do the work; see run_shard."""
        return run_shard(self, announce)


def run_shard(job: ShardJob, announce: Callable[[int], None]) -> ShardSummary:
    """Audit one shard and write its tables whole.

    `announce` gets the position of each batch before it is touched, and the number of members before they are written.
    """
    clock = Clock()
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in schema.TABLES}
    skipped_members = Counter[str]()
    reused = 0
    with evidence.token_key(job.plan.token_key), _earlier(job) as earlier:
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
            with clock("read"):
                for check in checks:
                    _compare(check, earlier)
            for check in checks:
                check.skipped.update(dict.fromkeys(job.plan.not_asked, NOT_ASKED if check.has_picture else NO_PICTURE))
            examine([check for check in checks if check.earlier is None], detectors, clock)
            for check in checks:
                with clock("decide"):
                    if check.earlier is None:
                        _record(check, job, tables)
                    else:
                        reused += 1
                        for table, rows in taken_over(check.earlier, job.shard.id, job.plan.packs).items():
                            tables[table] += rows
    counts = {table: len(rows) for table, rows in tables.items()}
    announce(counts["samples"] + skipped_members.total())  # the time that writing takes is not the last sample's
    with clock("write"):
        facts = {
            "shard": job.shard.id,
            "input": job.shard.fingerprint,
            "plan": job.plan_hash,
            "counts": counts,
            "skipped_members": dict(skipped_members),
            "seconds": dict(clock.seconds),
            "reused": reused,
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
    culprit: Death | None = None
    content: str = ""
    earlier: Rows | None = None
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

    @property
    def has_picture(self) -> bool:
        """Whether the source names a picture, sound or not."""
        return self.sample.picture is not None

    def fail(self, failure: Failure) -> None:
        """Note a failure of a stage."""
        self.failures.append(failure)
        self.failed.add(failure.stage)


@contextlib.contextmanager
def _earlier(job: ShardJob) -> Iterator[Lookup | None]:
    if job.since is None:
        yield None
        return
    lookup = Lookup(job.since)
    try:
        yield lookup
    finally:
        lookup.close()


def _compare(check: Check, earlier: Lookup | None) -> None:
    """Note the digest of the sample, and what an earlier audit said of the same one."""
    if check.culprit is not None:
        return
    check.content = content(check.item)
    if earlier is not None and not check.item.failures:
        check.earlier = earlier.rows(check.sample.id, check.content)


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


def examine(checks: Sequence[Check], detectors: Sequence[Detector], clock: Clock) -> None:
    """Let the detectors look at a batch, and note in each check what they say."""
    wants_pixels = [detector for detector in detectors if Needs.PIXELS in detector.needs]
    sides: list[int | None] = [getattr(detector, "long_side", None) for detector in wants_pixels]
    at_least = None if None in sides else max((side for side in sides if side is not None), default=None)
    for check in checks:
        for failure in check.item.failures:
            check.fail(failure)
        for skip in check.item.skipped:
            check.skipped[skip.stage] = skip.reason
        if check.culprit is not None:
            kind: FailureKind = "timeout" if check.culprit == "timeout" else "crash"
            check.fail(Failure("picture", kind, _CULPRIT[check.culprit]))
            check.broken = EVERYTHING
        elif any(failure.stage == "source" and failure.kind != "error" for failure in check.item.failures):
            check.broken = EVERYTHING  # what could not be opened was seen by no detector
        else:
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
        check.skipped[detector.name] = NO_TEXT
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
    parts = [outcome] if isinstance(outcome, Failure) else outcome
    if isinstance(parts, Sequence) and all(_is_sound(part) for part in parts):
        return outcome
    return Failure(detector.name, "error", f"the detector '{detector.name}' returned something that is no finding")


def _is_sound(part: object) -> bool:
    if isinstance(part, Failure):
        return part.kind in _KINDS and _are_texts(part.stage, part.message)
    if isinstance(part, Skipped):
        return _are_texts(part.stage, part.reason)
    if not isinstance(part, Finding) or not isinstance(part.attributes, Mapping):
        return False
    texts = (part.code, part.detector, part.preview, part.token, *part.attributes, *part.attributes.values())
    return part.channel in _CHANNELS and _are_numbers(part.score) and _are_texts(*texts) and _is_place(part.where)


def _is_place(where: object) -> bool:
    if isinstance(where, Box):
        return _are_numbers(where.x, where.y, where.w, where.h)
    if isinstance(where, Quad):
        return len(where.corners) == 4 and all(len(corner) == 2 and _are_numbers(*corner) for corner in where.corners)
    if isinstance(where, Span):
        whole = isinstance(where.start, int) and isinstance(where.end, int)
        return whole and 0 <= where.start <= where.end <= _LARGEST
    # A tag's name may come from the file, so it may hold anything but what is no Unicode
    return where is None or (isinstance(where, Tag) and _is_unicode(where.name))


def _is_unicode(value: object) -> bool:
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) and value.isprintable() for value in values)


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, Real) and abs(float(value)) <= _LARGEST for value in values)


def _take(check: Check, name: str, outcome: Outcome) -> None:
    if isinstance(outcome, Failure):
        outcome = [outcome]
        check.failed.add(name)
    for part in outcome:
        if isinstance(part, Finding):
            check.findings.append(part)
        elif isinstance(part, Skipped):
            check.skipped[part.stage] = part.reason
        elif _same_fault(check, part):
            check.failed.add(part.stage)  # one row per fault, though several stages suffer from it
        else:
            check.fail(part)
    if name not in check.skipped and name not in check.failed:
        check.checked.append(name)


def _same_fault(check: Check, failure: Failure) -> bool:
    """Whether a stage only repeats what is known: it says the same, or has no file to read, as was said before."""
    no_file = Needs.BYTES in check.broken
    return any(
        known.message == failure.message or (no_file and known.stage == "picture" and known.kind == failure.kind)
        for known in check.failures
    )


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
            "content": check.content,
            "reused": False,
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
