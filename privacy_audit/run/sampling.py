"""Draws the samples of a source that are audited, so that rates hold for all of it and only the drawn ones are read."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

from privacy_audit import stats
from privacy_audit.errors import PrivacyAuditError, SourceError
from privacy_audit.sources import Item, Shard, SkippedMember, Source, Survey
from privacy_audit.store.manifest import CLUSTER_END

ALIKE = 0.05
"""How alike samples of one cluster are taken to be (intraclass correlation) when `auto` plans."""
FEWEST_CLUSTERS = 10
"""Fewer clusters say too little about how much they differ; sources with no more are sampled member by member."""
_WRONG = "is no sample: give a number (10000), a share (2%) or auto."


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: a number of samples, a share of them, or as many as the interval's half width needs."""

    asked: str
    margin: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.margin < 0.5:
            raise PrivacyAuditError(f"the margin is a rate between 0 and 0.5, such as 0.01, and not {self.margin}.")
        self.size(1)

    @property
    def planned(self) -> float | None:
        """The margin, when it decided the size."""
        return self.margin if self.asked == "auto" else None

    def size(self, population: int, cluster: float = 1.0) -> int:
        """Samples to draw from so many, at least 1. `cluster` is the mean number of samples that are drawn together."""
        if self.asked == "auto":
            z = NormalDist().inv_cdf((1 + stats.CONFIDENCE) / 2)
            needed = z * z / 4 / self.margin**2 * (1 + (max(cluster, 1.0) - 1) * ALIKE)
            size = needed / (1 + (needed - 1) / population)
        else:
            try:
                percent = self.asked.endswith("%")
                size = float(self.asked[:-1]) / 100 * population if percent else int(self.asked)
            except ValueError:
                raise PrivacyAuditError(f"'{self.asked}' {_WRONG}") from None
            if not (0 < size < math.inf) or (percent and size > population):
                raise PrivacyAuditError(f"'{self.asked}' {_WRONG}")
        return max(1, min(population, math.ceil(size - 1e-9)))


@dataclass(frozen=True, slots=True)
class Design:
    """How samples were drawn; stands in the manifest and in the plan's hash.

    `units` were drawn out of `of_units`: members of the source (samples, and files that turn out to be none) in a
    simple random sample, whole clusters in a cluster sample. `population` is all members, of clusters an estimate;
    `members` are those drawn.
    """

    method: Literal["random", "clusters"]
    seed: int
    asked: str
    margin: float | None
    units: int
    of_units: int
    members: int
    population: int

    def facts(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def sample(source: Source, request: Request) -> RandomSample | ClusterSample:
    """The drawn part of a source. Whole clusters are drawn where it has enough of them; the others are not read."""
    clusters = getattr(source, "clusters", None)
    names = clusters() if clusters is not None else []
    if len(names) > FEWEST_CLUSTERS:
        return ClusterSample(source, names, request)
    return RandomSample(source, source.survey(), request)


class RandomSample:
    """Some members of a source, as a source: same kind, name, ids and fingerprint, fewer members."""

    def __init__(self, source: Source, survey: Survey, request: Request) -> None:
        self.kind, self.name = source.kind, source.name
        self._source = source
        self._whole = survey
        size = request.size(survey.samples)
        self._drawn = draw(survey.samples, size, request.seed)
        self.design = Design(
            "random", request.seed, request.asked, request.planned, size, survey.samples, size, survey.samples
        )

    def survey(self) -> Survey:
        """What was drawn; the fingerprint is that of the whole source."""
        return Survey(self.design.members, self._whole.fingerprint, self._whole.skipped)

    def shards(self) -> Iterator[Shard]:
        """The shards that hold drawn members."""
        first = 0
        for shard in self._source.shards():
            begin, end = (bisect_left(self._drawn, place) for place in (first, first + shard.samples))
            positions = tuple(place - first for place in self._drawn[begin:end])
            first += shard.samples
            if positions:
                yield _narrowed(self._source, shard, positions)

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The drawn members of a shard."""
        if not isinstance(shard.content, _Some):
            yield from self._source.read(shard)
            return
        wanted = iter(shard.content.positions)
        following = next(wanted, None)
        for position, member in enumerate(self._source.read(shard.content.shard)):
            if position == following:
                yield member
                following = next(wanted, None)
                if following is None:
                    return

    def __getstate__(self) -> dict[str, Any]:
        """Workers read what their shard names; the list of all that was drawn would only be carried around."""
        return {**self.__dict__, "_drawn": ()}


class ClusterSample:
    """Some clusters of a source (archives, say), whole, as a source. The shards of a cluster have its number first."""

    def __init__(self, source: Source, names: Sequence[str], request: Request) -> None:
        self.kind, self.name = source.kind, source.name
        self._source = source
        part: Callable[[Sequence[str]], Source] = source.reduced_to  # type: ignore[attr-defined]
        if request.asked.endswith("%"):
            units = request.size(len(names))
        else:
            pilot = [_survey(part([names[number]])) for number in draw(len(names), FEWEST_CLUSTERS, request.seed)]
            mean = max(sum(one.samples for one in pilot) / len(pilot), 1.0)
            units = math.ceil(request.size(round(mean * len(names)), mean) / mean)
        units = min(len(names), max(FEWEST_CLUSTERS, units))
        self._parts = {number: part([names[number]]) for number in draw(len(names), units, request.seed)}
        surveys = [_survey(one) for one in self._parts.values()]
        members = sum(one.samples for one in surveys)
        marks = hashlib.sha256("".join(one.fingerprint for one in surveys).encode()).hexdigest()
        self._survey = Survey(members, marks, sum((Counter(one.skipped) for one in surveys), Counter()))
        population = round(members / units * len(names))
        self.design = Design(
            "clusters", request.seed, request.asked, request.planned, units, len(names), members, population
        )

    def survey(self) -> Survey:
        """What was drawn; the fingerprint is that of the drawn clusters."""
        return self._survey

    def shards(self) -> Iterator[Shard]:
        """All shards of the drawn clusters."""
        for number, part in self._parts.items():
            for place, shard in enumerate(part.shards()):
                yield replace(shard, id=f"{number:06d}{CLUSTER_END}{place:06d}")

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The members of a shard."""
        return self._source.read(shard)

    def __getstate__(self) -> dict[str, Any]:
        """Workers read what their shard names."""
        return {**self.__dict__, "_parts": {}}


def _survey(part: Source) -> Survey:
    """What one cluster holds; an empty one is a cluster too."""
    try:
        return part.survey()
    except SourceError as error:
        return Survey(0, hashlib.sha256(str(error).encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class _Some:
    """Shard content: some members of a shard, by their places in it."""

    shard: Shard
    positions: tuple[int, ...]


def _narrowed(source: Source, shard: Shard, positions: tuple[int, ...]) -> Shard:
    """The shard with these members only. A source that can name them spares reading the others (`narrow`)."""
    marks = hashlib.sha256(f"{shard.fingerprint}\0{','.join(map(str, positions))}".encode()).hexdigest()
    narrow = getattr(source, "narrow", None)
    content = narrow(shard, positions).content if narrow is not None else None
    content = _Some(shard, positions) if content is None else content
    return replace(shard, samples=len(positions), fingerprint=marks, content=content)


def draw(population: int, size: int, seed: int) -> Sequence[int]:
    """`size` different numbers below `population`, in order; every set of them is as likely as any other (Floyd).

    The random numbers are keyed hashes, so that a seed draws the same in every version of Python.
    """
    drawn: set[int] = set()
    for last in range(population - size, population):
        number = _below(last + 1, seed, last)
        drawn.add(last if number in drawn else number)
    return sorted(drawn)


def _below(limit: int, seed: int, step: int) -> int:
    """A random number from 0 to below `limit`; 128 bits make the bias of the remainder immeasurable."""
    digest = hashlib.blake2b(f"{seed}\0{step}".encode(), digest_size=16, person=b"sample").digest()
    return int.from_bytes(digest, "big") % limit
