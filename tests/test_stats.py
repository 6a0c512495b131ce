from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.stats import Interval, upper_bound_of_none, wilson

# Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3
PUBLISHED = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("hits", "total", "low", "high"), PUBLISHED)
def test_wilson_agrees_with_published_values(hits: int, total: int, low: float, high: float) -> None:
    interval = wilson(hits, total)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_nothing_looked_at_says_nothing() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert upper_bound_of_none(0) == 1.0


@given(total=st.integers(1, 10**12), share=st.floats(0, 1), confidence=st.floats(0.01, 0.999))
def test_wilson_holds_the_rate_and_stays_inside(total: int, share: float, confidence: float) -> None:
    hits = min(total, int(total * share))
    interval = wilson(hits, total, confidence)
    assert 0 <= interval.low <= hits / total <= interval.high <= 1


@given(hits=st.integers(0, 1000), total=st.integers(1000, 10**6))
def test_wilson_is_symmetric(hits: int, total: int) -> None:
    there, back = wilson(hits, total), wilson(total - hits, total)
    assert there.low == pytest.approx(1 - back.high, abs=1e-12)
    assert there.high == pytest.approx(1 - back.low, abs=1e-12)


def test_ends_are_exact() -> None:
    assert wilson(0, 7).low == 0.0
    assert wilson(7, 7).high == 1.0


@given(st.integers(1, 10**9))
def test_upper_bound_is_where_none_has_five_percent_chance(total: int) -> None:
    bound = upper_bound_of_none(total)
    assert math.exp(total * math.log1p(-bound)) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(("total", "bound"), [(29_956, 1e-4), (299_572, 1e-5)])
def test_upper_bound_is_the_rule_of_three(total: int, bound: float) -> None:
    assert upper_bound_of_none(total) == pytest.approx(bound, rel=1e-4)
    assert upper_bound_of_none(total) == pytest.approx(3 / total, rel=0.01)


@pytest.mark.parametrize(("hits", "total"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(hits: int, total: int) -> None:
    with pytest.raises(ValueError, match="must"):
        wilson(hits, total)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, -0.1])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence)
    with pytest.raises(ValueError, match="confidence"):
        upper_bound_of_none(5, confidence)
