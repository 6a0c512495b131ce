"""What may be published of counts: small ones hidden, and nothing else that would let a hidden one be computed.

A count of 1 to 9 is published as "<10". That alone protects little: beside a total and the other parts, the hidden one
is a subtraction. `suppress` therefore takes all counts that are published together, and how they add up, and gives
more counts as a range ("10-19", "<100") until no hidden count can be narrowed to fewer than `POSSIBLE` values by
somebody who has every published figure and knows every relation:

    figures = suppress(
        {"all": 1015, "jpeg": 1000, "png": 12, "gif": 3},
        [Relation(("all",), ("jpeg", "png", "gif"))],
    )
    figures["gif"].text, figures["png"].text, figures["jpeg"].text     # "<10", "10-19", "1,000"

Publish nothing that was computed from the counts themselves: shares, intervals, bar lengths and changes are to be
computed from the figures, by `share`, `interval` and `change`, which say None where a figure is a range. Zero is
published: that nothing was found is what a report is for.

The rules hold for what is in the relations. Publish counts that depend on each other through one call of `suppress`.
Equal counts are always published alike, because one often implies another ("quarantined" and "private").
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from privacy_audit.stats import Interval, wilson

K = TypeVar("K", bound=Hashable)

THRESHOLD = 10
"""Counts from 1 to one below are hidden."""
POSSIBLE = 3
"""Values that must remain possible for a hidden count."""
_TOTAL = 3
"""Rank of a total that is not small: people look for it first, so it becomes a range last."""
_UNBOUNDED = 1 << 62


@dataclass(frozen=True, slots=True)
class Figure:
    """What is published of one count: it lies between `low` and `high`, both included; None is no upper end."""

    low: int
    high: int | None

    def __bool__(self) -> bool:
        """False for a count that is known to be none."""
        return self.high != 0

    @property
    def exact(self) -> int | None:
        """The count, when it is published as it is."""
        return self.low if self.low == self.high else None

    @property
    def text(self) -> str:
        """In plain English: "1,234", "<10", "10-19", "not published"."""
        if self.exact is not None:
            return f"{self.exact:,}"
        if self.high is None:
            return "not published"
        return f"<{self.high + 1:,}" if self.low <= 1 else f"{self.low:,}-{self.high:,}"


@dataclass(frozen=True, slots=True)
class Relation:
    """The sum of `whole` equals that of `parts`, or is not less (`exact` False).

    Examples: total = parts. Union of overlapping sets <= sum of the sets: whole=sets, parts=(union,), exact=False.
    Subset <= set: whole=(set,), parts=(subset,). Two sets in a space: whole=(space, both), parts=(one, other).
    """

    whole: tuple[Hashable, ...]
    parts: tuple[Hashable, ...]
    exact: bool = True


def exactly(counts: Mapping[K, int]) -> dict[K, Figure]:
    """The figures of an internal audience: every count as it is."""
    return {key: Figure(count, count) for key, count in counts.items()}


def suppress(
    counts: Mapping[K, int], relations: Iterable[Relation] = (), threshold: int = THRESHOLD
) -> dict[K, Figure]:
    """Figures of `counts` that may be published together. `relations` may name only keys of `counts`, and must hold.

    Beside a small count that could be computed, the next smallest of its sum becomes a range; a total does only where
    no part is left. Raises ValueError for a negative count, or for a relation that does not hold.
    """
    if any(count < 0 for count in counts.values()):
        raise ValueError("a count must not be negative")
    known = [_checked(relation, counts) for relation in relations]
    touching: dict[Hashable, list[Relation]] = {key: [] for key in counts}
    for relation in known:
        for key in {*relation.whole, *relation.parts}:
            touching[key].append(relation)
    bounds = _Bounds(known, touching)
    hidden: list[Hashable] = [key for key, count in counts.items() if 0 < count < threshold]
    levels = dict.fromkeys(counts.values(), 0)
    while True:
        published = {key: _ladder(count, threshold)[levels[count]] for key, count in counts.items()}
        pinned = bounds.pinned(published, hidden)
        if pinned is None:
            return published
        widened = _next(pinned, counts, levels, touching, threshold)
        if widened is None:  # all that touches it is a range without end already
            hidden.remove(pinned)
        else:
            levels[widened] += 1


def share(part: Figure, total: Figure) -> float | None:
    """The share of an exact figure in an exact total; None when either is a range, or the total is 0."""
    if part.exact is None or not total.exact:
        return None
    return part.exact / total.exact


def interval(part: Figure, total: Figure) -> Interval | None:
    """The 95 % Wilson interval of a share, from published figures only."""
    if part.exact is None or not total.exact or part.exact > total.exact:
        return None
    return wilson(part.exact, total.exact)


def change(before: Figure, after: Figure) -> int | None:
    """The difference of two published figures; None when either is a range.

    A count that is hidden in one of two reports stays hidden in the difference.
    """
    if before.exact is None or after.exact is None:
        return None
    return after.exact - before.exact


def _checked(relation: Relation, counts: Mapping[K, int]) -> Relation:
    plain = _plain(counts)
    whole, parts = (sum(plain[key] for key in keys) for keys in (relation.whole, relation.parts))
    if whole < parts or (relation.exact and whole != parts):
        raise ValueError(f"a relation does not hold: {whole} is not {'' if relation.exact else 'at least '}{parts}")
    return relation


def _ladder(count: int, threshold: int) -> tuple[Figure, ...]:
    """How a count may be published, finest first. Zero always is."""
    if count == 0:
        return (Figure(0, 0),)
    wide = 10 * threshold
    while wide <= count:
        wide *= 10
    last = (Figure(1, wide - 1), Figure(0, wide - 1), Figure(0, None))
    if count < threshold:
        return Figure(1, threshold - 1), *last
    low = count // threshold * threshold
    return Figure(count, count), Figure(low, low + threshold - 1), *last


def _next(
    pinned: Hashable,
    counts: Mapping[K, int],
    levels: Mapping[int, int],
    touching: Mapping[Hashable, Sequence[Relation]],
    threshold: int,
) -> int | None:
    """The count to publish more coarsely: a hidden total, else parts near the pinned one, else other totals."""
    plain = _plain(counts)
    seen: set[Hashable] = set()
    ring: list[Hashable] = [pinned]
    candidates: dict[Hashable, tuple[bool, int, int, str]] = {}
    while ring:
        ranks: dict[Hashable, tuple[bool, int, int, str]] = {}
        for relation in (relation for key in ring for relation in touching[key]):
            for other in {*relation.whole, *relation.parts} - seen:
                count = plain[other]
                total = relation.exact and other in relation.whole
                rank = (0 if count < threshold else _TOTAL) if total else 1 if count >= threshold else 2
                if total or other != pinned:  # a part that is wider itself can be computed all the same
                    coarse = levels[count] >= (1 if count < threshold else 2)
                    ranks[other] = min(ranks.get(other, (True, 9, 0, "")), (coarse, rank, count, str(other)))
        for key, ranked in ranks.items():
            if levels[plain[key]] + 1 < len(_ladder(plain[key], threshold)):
                candidates.setdefault(key, ranked)
        fine = [key for key in ranks if key in candidates and not ranks[key][0] and ranks[key][1] < _TOTAL]
        if fine:
            return plain[min(fine, key=ranks.__getitem__)]
        seen |= {*ring}
        ring = [key for key in ranks if key not in seen]
    # nothing near or further away can be made a little coarser: now totals, and what is coarse already
    return plain[min(candidates, key=candidates.__getitem__)] if candidates else None


def _plain(counts: Mapping[K, int]) -> dict[Hashable, int]:
    return {key: count for key, count in counts.items()}  # noqa: C416 - the keys are of a wider type


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What an attacker can work out. Intervals are narrowed relation by relation until nothing changes.

    Where relations form no cycle, that is all that can be worked out. Where they do, the rest is found by integer
    programming.
    """

    relations: Sequence[Relation]
    touching: Mapping[Hashable, Sequence[Relation]]
    safe: set[Hashable] = field(default_factory=set)
    """Counts that were found not to be pinned: they stay so when others are published more coarsely."""

    def pinned(self, published: Mapping[K, Figure], hidden: Sequence[Hashable]) -> Hashable | None:
        """A hidden count for which fewer than POSSIBLE values remain, or None."""
        ranges: dict[Hashable, list[int]] = {
            key: [figure.low, _UNBOUNDED if figure.high is None else figure.high] for key, figure in published.items()
        }
        self._narrow(ranges)
        for key in hidden:
            low, high = ranges[key]
            if high - low + 1 < POSSIBLE:
                return key
        cyclic = [key for key in hidden if self.touching[key] and key not in self.safe] if self._has_cycle() else []
        solve = _solver(ranges, self.relations) if cyclic else None
        for key in cyclic:
            if solve is not None and solve(key) < POSSIBLE:
                return key
            self.safe.add(key)
        return None

    def _narrow(self, ranges: dict[Hashable, list[int]]) -> None:
        waiting = list(self.relations)
        rounds = 0
        while waiting and rounds < 100_000:  # each step narrows an interval of integers; the bound is for the absurd
            rounds += 1
            relation = waiting.pop()
            changed = _narrow_one(relation, ranges)
            for key in changed:
                waiting += [other for other in self.touching[key] if other is not relation and other not in waiting]

    def _has_cycle(self) -> bool:
        """Whether counts and relations, as a bipartite graph, have a cycle."""
        parent: dict[object, object] = {}

        def root(node: object) -> object:
            while parent.setdefault(node, node) != node:
                node = parent[node]
            return node

        for number, relation in enumerate(self.relations):
            for key in {*relation.whole, *relation.parts}:
                one, other = root(("relation", number)), root(("count", key))
                if one == other:
                    return True
                parent[one] = other
        return False


def _narrow_one(relation: Relation, ranges: dict[Hashable, list[int]]) -> list[Hashable]:
    """Narrow what one relation says of its counts; which of them changed. Signed sum: whole - parts >= 0 (or = 0)."""
    signed = [(key, 1) for key in relation.whole] + [(key, -1) for key in relation.parts]
    ends = [tuple(sorted((sign * ranges[key][0], sign * ranges[key][1]))) for key, sign in signed]
    lowest, highest = sum(low for low, _ in ends), sum(high for _, high in ends)
    changed: list[Hashable] = []
    for (key, sign), (low, high) in zip(signed, ends, strict=True):
        new_low = max(low, -(highest - high))  # what the others cannot make up for
        new_high = min(high, -(lowest - low)) if relation.exact else high
        one, other = sorted((sign * new_low, sign * new_high))
        bounds = [max(one, ranges[key][0]), min(other, ranges[key][1])]
        if bounds != ranges[key]:
            ranges[key] = bounds
            changed.append(key)
    return changed


def _solver(ranges: Mapping[Hashable, Sequence[int]], relations: Sequence[Relation]) -> Callable[[Hashable], int]:
    """A function: how many values of a count lie between the least and the greatest possible one."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    keys = list(ranges)
    index = {key: number for number, key in enumerate(keys)}
    matrix = np.zeros((len(relations), len(keys)))
    for row, relation in enumerate(relations):
        for key in relation.whole:
            matrix[row, index[key]] += 1
        for key in relation.parts:
            matrix[row, index[key]] -= 1
    limits = LinearConstraint(matrix, 0, [0 if relation.exact else np.inf for relation in relations])
    lows = np.array([float(ranges[key][0]) for key in keys])
    # a finite end for all, because a solver cannot tell "unbounded" from "failed"
    widest = 10.0 * max((end for ends in ranges.values() for end in ends if end < _UNBOUNDED // 2), default=1) + 1000
    highs = np.array([min(float(ranges[key][1]), widest) for key in keys])

    def possible(key: Hashable) -> int:
        aim = np.zeros(len(keys))
        ends = []
        for sign in (1, -1):
            aim[index[key]] = sign
            found = milp(aim, integrality=np.ones(len(keys)), bounds=Bounds(lows, highs), constraints=limits)
            if found.x is None:
                return 0  # not worked out: taken for pinned, so that more is hidden
            ends.append(round(found.x[index[key]]))
        return int(ends[1] - ends[0] + 1)

    return possible
