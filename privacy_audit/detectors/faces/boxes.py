"""Arrays of scored boxes, and the ways in which several looks at one picture become one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NMS_IOU = 0.3
_CLUSTER_IOU = 0.45
_FUSED_NMS_IOU = 0.4
_FRAGMENT_COVERED = 0.5

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes: `corners` (n, 4) as x1, y1, x2, y2 in pixels, `scores` (n,) 0 to 1, `turned` (n,) clockwise degrees."""

    corners: Floats
    scores: Floats
    turned: npt.NDArray[np.int32]

    @classmethod
    def of(cls, corners: Floats, scores: Floats, turned: int = 0) -> Boxes:
        """Boxes that all have the same turn."""
        return cls(corners, scores, np.full(len(scores), turned, np.int32))

    @classmethod
    def join(cls, parts: Sequence[Boxes]) -> Boxes:
        """All boxes of all parts, in order."""
        if not parts:
            return cls.of(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        return cls(
            np.concatenate([part.corners for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.turned for part in parts]),
        )

    @property
    def top(self) -> float:
        """The highest score; 0 when there is no box."""
        return float(self.scores.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: npt.NDArray[np.intp] | Mask) -> Boxes:
        """The boxes that `index` (positions or a mask) names."""
        return Boxes(self.corners[index], self.scores[index], self.turned[index])

    def moved(self, scale_x: float = 1.0, scale_y: float = 1.0, left: float = 0.0, top: float = 0.0) -> Boxes:
        """Scaled, then shifted right by `left` and down by `top`."""
        factors = np.array([scale_x, scale_y] * 2, np.float32)
        shifts = np.array([left, top] * 2, np.float32)
        return Boxes(self.corners * factors + shifts, self.scores, self.turned)


def intersections(one: Floats, others: Floats) -> Floats:
    """Area that the box `one` (4,) shares with each of `others` (n, 4)."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    shared: Floats = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared


def areas(corners: Floats) -> Floats:
    """Area of each box of `corners` (n, 4)."""
    found: Floats = np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), axis=1)
    return found


def overlaps(one: Floats, others: Floats) -> Floats:
    """Intersection over union of the box `one` (4,) with each of `others` (n, 4)."""
    shared = intersections(one, others)
    total = areas(one[None]) + areas(others) - shared
    ratio: Floats = shared / np.maximum(total, np.float32(1e-6))
    return ratio


def suppress(boxes: Boxes, iou: float = NMS_IOU) -> Boxes:
    """Non-maximum suppression: strongest first, without what overlaps a stronger box by more than `iou`."""
    order = np.argsort(-boxes.scores, kind="stable")
    kept = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        order = order[overlaps(boxes.corners[first], boxes.corners[order]) <= iou]
    return boxes.take(np.array(kept, np.intp))


def noisy_or(passes: Sequence[Boxes]) -> Boxes:
    """Several passes over the same picture as one: a face that two passes half believe in is believed in.

    Boxes that overlap the strongest of them are one face: its corners are their mean weighted by score, its score
    1 - (1-s1)(1-s2)... over the best score of each pass.
    """
    boxes = Boxes.join(passes)
    origin = np.repeat(np.arange(len(passes)), [len(part) for part in passes])
    order = np.argsort(-boxes.scores, kind="stable")
    corners, scores, turned = [], [], []
    while len(order):
        strongest = order[0]
        same = overlaps(boxes.corners[strongest], boxes.corners[order]) > _CLUSTER_IOU
        same[0] = True  # a box without area overlaps nothing, not even itself
        members, order = order[same], order[~same]
        weights = boxes.scores[members]
        best = [weights[origin[members] == number].max(initial=0.0) for number in range(len(passes))]
        corners.append(np.average(boxes.corners[members], axis=0, weights=weights))
        scores.append(1.0 - np.prod(1.0 - np.array(best)))
        turned.append(boxes.turned[strongest])
    fused = Boxes(
        np.array(corners, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(turned, np.int32)
    )
    return suppress(fused, _FUSED_NMS_IOU)


def cover(given: Boxes, more: Boxes) -> Boxes:
    """The union of two lists in which no part of a `given` box is lost.

    A box of `more` that overlaps a given one is the same face: the box then covers both and has the higher score.
    """
    corners, scores, turned = given.corners.copy(), given.scores.copy(), given.turned.copy()
    free = np.ones(len(given), np.bool_)
    added = np.ones(len(more), np.bool_)
    for number in np.argsort(-more.scores, kind="stable"):
        match = np.where(free, overlaps(more.corners[number], given.corners), 0.0)
        if match.max(initial=0.0) <= NMS_IOU:
            continue
        partner = int(match.argmax())
        free[partner] = added[number] = False
        corners[partner, :2] = np.minimum(corners[partner, :2], more.corners[number, :2])
        corners[partner, 2:] = np.maximum(corners[partner, 2:], more.corners[number, 2:])
        if more.scores[number] > scores[partner]:
            scores[partner], turned[partner] = more.scores[number], more.turned[number]
    return Boxes.join([Boxes(corners, scores, turned), more.take(added)])


def join_windows(whole: Boxes, fragments: Boxes) -> Boxes:
    """Boxes from overlapping windows as one list.

    `fragments` are those that a window's edge may have cut: one that lies mostly inside another box is dropped, because
    the neighbouring window saw that face whole; else it is kept.
    """
    kept = suppress(whole)
    for number in np.argsort(-areas(fragments.corners), kind="stable"):
        fragment = fragments.take(np.array([number], np.intp))
        shared = intersections(fragment.corners[0], kept.corners)
        if shared.max(initial=0.0) <= _FRAGMENT_COVERED * float(areas(fragment.corners)[0]):
            kept = Boxes.join([kept, fragment])
    return kept
