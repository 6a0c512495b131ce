"""Distances between face embeddings, groups of close ones, and what is known about the error rates of thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy_audit.stats import wilson

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

FACE_THRESHOLD = 0.6
"""Euclidean distance up to which a face becomes a candidate: dlib's own, at which next to no one is missed."""
_BLOCK = 4096
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured rate: `hits` of `total`, on `data`."""

    hits: int
    total: int
    data: str

    def facts(self) -> dict[str, Any]:
        """The rate with its 95 % Wilson interval, for a file."""
        interval = wilson(self.hits, self.total)
        return {**asdict(self), "low": round(interval.low, 6), "high": round(interval.high, 6)}


_PORTRAITS = "140 pairs of easy portraits of celebrities, dlib's own face boxes"
_STREET = "pairs of faces on 133 street photos of, mostly, different women; unlabelled, so an upper bound"

MISSED: dict[float, Rate] = {0.6: Rate(0, 140, _PORTRAITS)}
"""Per threshold: pairs of the same person that are further apart."""
FALSE_MATCHES: dict[float, tuple[Rate, ...]] = {
    0.6: (Rate(2, 140, _PORTRAITS), Rate(286, 10277, _STREET)),
    0.5: (Rate(37, 10277, _STREET),),
    0.4: (Rate(6, 10277, _STREET),),
}
"""Per threshold: pairs of different people that are as close."""
UNMEASURED = "no error rates were measured at this threshold"


def error_rates(threshold: float) -> dict[str, Any]:
    """What was measured at `threshold`: `missed` and `false_matches`, lists of rates, empty where nothing was."""
    missed = MISSED.get(threshold)
    return {
        "missed": [missed.facts()] if missed else [],
        "false_matches": [rate.facts() for rate in FALSE_MATCHES.get(threshold, ())],
    }


def distances(some: Floats, others: Floats) -> Floats:
    """Euclidean distances, (len(some), len(others)), of two lists of embeddings."""
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1)[None, :] - 2 * (some @ others.T)
    result: Floats = np.sqrt(np.maximum(squares, 0, dtype=np.float32))
    return result


def close_pairs(vectors: Floats, pictures: Integers, limit: float) -> tuple[Integers, Integers, Floats]:
    """All pairs of rows at most `limit` apart: first, second, distance. Rows of the same picture are never a pair.

    Takes memory for the pairs found and for one block of distances.
    """
    firsts, seconds, found = [], [], []
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        apart = distances(vectors[block], vectors[start:])
        close = apart <= limit
        close &= pictures[block, None] != pictures[None, start:]
        rows, columns = np.nonzero(close)
        once = columns > rows
        rows, columns = rows[once], columns[once]
        firsts.append(rows + start)
        seconds.append(columns + start)
        found.append(apart[rows, columns])
    if not firsts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    return np.concatenate(firsts), np.concatenate(seconds), np.concatenate(found)


def groups(count: int, first: Integers, second: Integers) -> Integers:
    """Groups among `count` rows linked in pairs, as one label per row, by Chinese whispers.

    Each row takes the label that most of its links have, in turns, until nothing changes. A stray link between two
    well-linked groups does not merge them, as it would if every linked row were the same person.
    """
    labels = np.arange(count)
    start = np.concatenate([first, second])
    end = np.concatenate([second, first])
    order = np.argsort(start, kind="stable")
    end = end[order]
    bounds = np.searchsorted(start[order], np.arange(count + 1))
    linked = np.flatnonzero(np.diff(bounds))
    turns = np.random.default_rng(0)  # the same groups in every run
    for _ in range(_ROUNDS):
        changed = False
        for row in turns.permutation(linked):
            names, votes = np.unique(labels[end[bounds[row] : bounds[row + 1]]], return_counts=True)
            most = names[votes == votes.max()]
            if labels[row] not in most:
                labels[row] = most[0]
                changed = True
        if not changed:
            break
    return labels
