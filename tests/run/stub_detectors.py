"""Detectors and a source for tests of the runner, without models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from privacy_audit.run.plan import DetectorSpec, Plan
from privacy_audit.run.shard import ShardJob
from privacy_audit.sources import Item, Shard, SkippedMember, Survey
from privacy_audit.types import Failure, Finding, Needs, Outcome, Sample, Skipped


def detector(
    name: str, detect: Callable[[Sequence[Sample]], list[Outcome]], needs: Needs = Needs.RECORD, version: str = "1"
) -> type:
    """A detector class around a function."""

    def method(self: object, samples: Sequence[Sample]) -> list[Outcome]:
        return detect(samples)

    return type(
        "Stub",
        (),
        {"name": name, "version": version, "codes": frozenset({"face"}), "needs": needs, "detect": method},
    )


def each(outcome: Callable[[Sample], Outcome]) -> Callable[[Sequence[Sample]], list[Outcome]]:
    """A function of a batch from one of a sample."""
    return lambda samples: [outcome(sample) for sample in samples]


def finds(detector_name: str, code: str = "face") -> Callable[[Sequence[Sample]], list[Outcome]]:
    """One finding on every sample."""
    return each(lambda _: [Finding(code, detector_name, 0.5, "pixels")])


@dataclass(frozen=True, slots=True)
class ListSource:
    """A source of given members, in pieces of `size`."""

    members: tuple[Item | SkippedMember, ...]
    size: int = 100
    kind: str = "list"
    name: str = "list"
    skipped: dict[str, int] = field(default_factory=dict)

    def survey(self) -> Survey:
        """What is there."""
        return Survey(len(self.members), "whole", self.skipped)

    def shards(self) -> Iterator[Shard]:
        """Pieces, with their places as content."""
        for number, start in enumerate(range(0, len(self.members), self.size)):
            part = self.members[start : start + self.size]
            yield Shard(f"{number:06d}", len(part), f"print-{number}", (start, start + len(part)))

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The members of a piece."""
        start, end = shard.content
        yield from self.members[start:end]


def plan(*names: str, key: bytes = b"k" * 32) -> Plan:
    """A plan that runs these detectors and decides nothing."""
    return Plan(tuple(DetectorSpec(name) for name in names), (), key)


def job(source: ListSource, output: Path, *names: str, **more: object) -> ShardJob:
    """A job over the first piece of `source`."""
    return ShardJob(source, next(source.shards()), plan(*names), "plan", output, **more)  # type: ignore[arg-type]


__all__ = ["Failure", "ListSource", "Skipped", "detector", "each", "finds", "job", "plan"]
