"""Draws the samples of a source that are audited, so that rates hold for all of it and only the drawn ones are read."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

from privacy_audit import stats
from privacy_audit.errors import PrivacyAuditError
from privacy_audit.sources import Item, Shard, SkippedMember, Source, Survey

ALIKE = 0.05
"""How alike samples of one shard are taken to be (intraclass correlation) when `auto` plans; the report measures it."""
FEWEST_CLUSTERS = 10
"""Fewer shards say too little about how much shards differ."""
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
    simple random sample, whole shards in a cluster sample. `population` is all members, `members` those drawn.
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


class SampledSource:
    """The drawn part of a source, as a source: same kind, name, ids and fingerprint, fewer members."""

    def __init__(self, source: Source, survey: Survey, request: Request) -> None:
        self.kind, self.name = source.kind, source.name
        self._source = source
        self._whole = survey
        self._clusters = bool(getattr(source, "clusters", False))
        if self._clusters:
            sizes = [shard.samples for shard in source.shards()]
            mean = sum(sizes) / max(len(sizes), 1)
            wanted = math.ceil(request.size(max(sum(sizes), 1), mean) / max(mean, 1))
            units = min(len(sizes), max(FEWEST_CLUSTERS, wanted))
            self._drawn = draw(len(sizes), units, request.seed)
            members, of_units = sum(sizes[number] for number in self._drawn), len(sizes)
        else:
            units = members = request.size(survey.samples)
            of_units = survey.samples
            self._drawn = draw(survey.samples, units, request.seed)
        margin = request.margin if request.asked == "auto" else None
        self.design = Design(
            "clusters" if self._clusters else "random",
            request.seed,
            request.asked,
            margin,
            units,
            of_units,
            members,
            survey.samples,
        )

    def survey(self) -> Survey:
        """What was drawn; the fingerprint is that of the whole source."""
        return Survey(self.design.members, self._whole.fingerprint, self._whole.skipped)

    def shards(self) -> Iterator[Shard]:
        """The shards that hold drawn members."""
        first = 0
        for number, shard in enumerate(self._source.shards()):
            if self._clusters:
                if _holds(self._drawn, number):
                    yield shard
                continue
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
        following = next(wanted)
        for position, member in enumerate(self._source.read(shard.content.shard)):
            if position == following:
                yield member
                position_after = next(wanted, None)
                if position_after is None:
                    return
                following = position_after

    def __getattr__(self, name: str) -> Any:
        """What else the source has (`root`, `beside` ...)."""
        if name.startswith("_"):  # while it is unpickled, there is no source yet
            raise AttributeError(name)
        return getattr(self._source, name)

    def __getstate__(self) -> dict[str, Any]:
        """Workers read what their shard names; the list of all that was drawn would only be carried around."""
        return {**self.__dict__, "_drawn": ()}


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


def _holds(numbers: Sequence[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number
