"""Windows over pictures that are too long for one look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.detectors.faces.windows import MAX_WINDOWS, window_length, windows

SIDES = st.integers(1, 30_000)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (640, 480, []),
        (4000, 3000, []),
        (4000, 1000, []),  # four to one is still one look
        (640, 20, []),  # nothing is shrunk, so windows would show nothing more
        (1000, 1, [(0, 0, 640, 1), (360, 0, 1000, 1)]),
        (4000, 800, [(0, 0, 1600, 800), (1200, 0, 2800, 800), (2400, 0, 4000, 800)]),
        (800, 4000, [(0, 0, 800, 1600), (0, 1200, 800, 2800), (0, 2400, 800, 4000)]),
    ],
)
def test_windows(width: int, height: int, expected: list[tuple[int, int, int, int]]) -> None:
    assert windows(width, height, 640) == expected


def test_one_look_is_all_when_windows_are_not_allowed() -> None:
    assert windows(30_000, 100, 640, limit=1) == []


@given(SIDES, SIDES, st.sampled_from([512, 640, 960]), st.integers(1, MAX_WINDOWS))
def test_windows_cover_the_picture_within_the_limit(width: int, height: int, long_side: int, limit: int) -> None:
    places = windows(width, height, long_side, limit)
    assert len(places) <= limit
    assert bool(places) == (window_length(width, height, long_side, limit) < max(width, height))
    tall = height > width
    reached = 0
    for left, top, right, bottom in places:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        start, end = (top, bottom) if tall else (left, right)
        assert start <= reached < end
        assert end - start >= min(long_side, max(width, height))
        reached = end
    assert reached == (max(width, height) if places else 0)
