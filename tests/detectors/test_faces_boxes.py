"""Arrays of boxes: suppression, fusion and union."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.faces.boxes import (
    NMS_IOU,
    Boxes,
    areas,
    cover,
    intersections,
    join_windows,
    noisy_or,
    overlaps,
    suppress,
)


def boxes(*rows: tuple[float, float, float, float, float], turned: int = 0) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes.of(table[:, :4], table[:, 4], turned)


def rows(found: Boxes) -> list[tuple[float, ...]]:
    pairs = zip(found.corners.tolist(), found.scores.tolist(), strict=True)
    return [(*corners, round(score, 4)) for corners, score in pairs]


@st.composite
def some_boxes(draw: st.DrawFn) -> Boxes:
    number = st.integers(0, 40)
    row = st.tuples(number, number, st.integers(0, 20), st.integers(0, 20), st.integers(1, 100))
    table = draw(st.lists(row, max_size=12))
    return boxes(*((x, y, x + w, y + h, score / 100) for x, y, w, h, score in table))


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
    ],
)
def test_overlap(one: tuple[int, ...], other: tuple[int, ...], iou: float) -> None:
    found = overlaps(np.array(one, np.float32), np.array([other], np.float32))
    assert found[0] == pytest.approx(iou, abs=1e-6)


def test_suppress_keeps_the_strongest_of_each_group_in_order() -> None:
    found = boxes((0, 0, 10, 10, 0.5), (1, 0, 11, 10, 0.9), (50, 0, 60, 10, 0.7), (8, 0, 18, 10, 0.6))
    assert rows(suppress(found)) == [(1, 0, 11, 10, 0.9), (50, 0, 60, 10, 0.7), (8, 0, 18, 10, 0.6)]


@given(some_boxes())
@settings(max_examples=60, deadline=None)
def test_suppress_leaves_nothing_that_overlaps_and_drops_only_what_does(found: Boxes) -> None:
    kept = suppress(found)
    assert list(kept.scores) == sorted(kept.scores, reverse=True)
    for number, corners in enumerate(kept.corners):
        assert not (overlaps(corners, kept.corners[number + 1 :]) > NMS_IOU).any()
    for corners, score in zip(found.corners, found.scores, strict=True):
        stronger = kept.corners[kept.scores >= score]
        same = (stronger == corners).all(axis=1).any()
        assert same or (overlaps(corners, stronger) > NMS_IOU).any()


def test_noisy_or_believes_what_two_passes_half_believe() -> None:
    first = boxes((0, 0, 10, 10, 0.5), (100, 0, 120, 20, 0.3))
    second = boxes((1, 0, 11, 10, 0.4), (200, 0, 220, 20, 0.6))
    fused = noisy_or([first, second])
    assert fused.scores.tolist() == pytest.approx([0.7, 0.6, 0.3])
    assert fused.corners[0].tolist() == pytest.approx([4 / 9, 0, 10 + 4 / 9, 10], abs=1e-5)


def test_noisy_or_counts_each_pass_once() -> None:
    twice = boxes((0, 0, 10, 10, 0.5), (0, 0, 10, 9, 0.5))
    assert noisy_or([twice, boxes()]).scores.tolist() == pytest.approx([0.5])
    assert len(noisy_or([boxes(), boxes()])) == 0


def test_cover_takes_the_better_score_and_covers_both_boxes() -> None:
    upright = boxes((0, 0, 10, 10, 0.3), (50, 50, 60, 60, 0.6))
    turned = boxes((2, 0, 12, 10, 0.9), (80, 0, 90, 10, 0.5), turned=90)
    union = cover(upright, turned)
    assert rows(union) == [(0, 0, 12, 10, 0.9), (50, 50, 60, 60, 0.6), (80, 0, 90, 10, 0.5)]
    assert union.turned.tolist() == [90, 0, 90]
    assert rows(upright)[0] == (0, 0, 10, 10, 0.3)  # the argument is left alone


@given(some_boxes(), some_boxes())
@settings(max_examples=60, deadline=None)
def test_cover_loses_nothing(upright: Boxes, turned: Boxes) -> None:
    union = cover(upright, turned)
    assert max(len(upright), len(turned)) <= len(union) <= len(upright) + len(turned)
    for found in (upright, turned):
        for corners, score in zip(found.corners, found.scores, strict=True):
            holds = (union.corners[:, :2] <= corners[:2]).all(axis=1) & (union.corners[:, 2:] >= corners[2:]).all(
                axis=1
            )
            assert (holds & (union.scores >= score)).any()


def test_join_windows_drops_a_fragment_of_a_face_seen_whole_and_keeps_any_other() -> None:
    whole = boxes((90, 0, 130, 50, 0.8), (91, 0, 131, 50, 0.7))
    cut = boxes((90, 2, 101, 48, 0.9), (300, 0, 320, 50, 0.4))
    assert rows(join_windows(whole, cut)) == [(90, 0, 130, 50, 0.8), (300, 0, 320, 50, 0.4)]
    assert rows(join_windows(boxes(), cut)) == [(300, 0, 320, 50, 0.4), (90, 2, 101, 48, 0.9)]


@given(some_boxes(), some_boxes())
@settings(max_examples=60, deadline=None)
def test_join_windows_leaves_each_fragment_mostly_covered(whole: Boxes, fragments: Boxes) -> None:
    joined = join_windows(whole, fragments)
    for corners, area in zip(fragments.corners, areas(fragments.corners), strict=True):
        assert area == 0 or intersections(corners, joined.corners).max(initial=0) >= 0.5 * area


def test_moved_scales_then_shifts() -> None:
    assert rows(boxes((1, 2, 3, 4, 0.5)).moved(2, 3, left=10, top=20)) == [(12, 26, 16, 32, 0.5)]
