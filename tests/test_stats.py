from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from privacy_audit.stats import (
    Clusters,
    Interval,
    Measured,
    corrected,
    of_clusters,
    of_sample,
    t_quantile,
    upper_bound_of_none,
    wilson,
    with_size,
)

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


# --- samples of a population ------------------------------------------------------------------------------------------

# Coverage at a fixed truth is a few points of luck around 95 % for any method; what is asked is that none falls below
LEAST = 0.94


def test_quantiles_of_student_agree_with_tables() -> None:
    tables = {1: 12.706, 5: 2.571, 30: 2.042, 1000: 1.962}
    for freedom, value in tables.items():
        assert t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize(("hits", "total"), [(1, 10), (3, 30), (50, 1000), (999, 1000)])
def test_clopper_pearson_is_where_the_binomial_tails_are(hits: int, total: int) -> None:
    found = with_size(hits / total, total)

    def tail(rate: float, counts: range) -> float:
        return math.fsum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in counts)

    assert tail(found.low, range(hits, total + 1)) == pytest.approx(0.025, rel=1e-6)
    assert tail(found.high, range(hits + 1)) == pytest.approx(0.025, rel=1e-6)


def test_all_of_a_population_has_no_sampling_error() -> None:
    assert of_sample(3, 10, 1.0) == Interval(0.3, 0.3)
    assert of_clusters(Clusters(5, 3, 10, 3, 20, 6), 1.0) == Interval(0.3, 0.3)
    assert of_sample(0, 0, 0.5) == of_clusters(Clusters(3, 0, 0, 0, 0, 0)) == Interval(0.0, 1.0)


def test_more_of_the_population_makes_it_surer() -> None:
    widths = [found.high - found.low for found in (of_sample(20, 200, drawn) for drawn in (0.0, 0.2, 0.5, 0.9))]
    assert widths == sorted(widths, reverse=True)
    assert of_sample(0, 50, 0.5).high < of_sample(0, 50).high


@pytest.mark.parametrize(("hits", "total", "drawn"), [(-1, 5, 0.1), (6, 5, 0.1), (1, 5, 1.5), (1, 5, -0.1)])
def test_impossible_samples_are_refused(hits: int, total: int, drawn: float) -> None:
    with pytest.raises(ValueError, match="must"):
        of_sample(hits, total, drawn)


@pytest.mark.parametrize(("population", "size"), [(10**9, 30), (10**9, 1000), (500, 100), (1000, 400), (60, 30)])
def test_intervals_of_random_samples_cover_the_truth(population: int, size: int) -> None:
    """Exact: the chance of every count at each truth, from rates of a fifth of a hit on."""
    drawn = size / population
    intervals = [of_sample(hits, size, drawn) for hits in range(size + 1)]
    counts = np.arange(size + 1)
    for truth in np.unique(np.round(np.geomspace(0.2 / size, 0.5, 60) * population).astype(np.int64)):
        rate = truth / population
        if not truth:
            continue
        if population < 10**6:
            chances = hypergeom.pmf(counts, population, truth, size)
        else:
            chances = binom.pmf(counts, size, rate)
        inside = np.array([one.low - 1e-12 <= rate <= one.high + 1e-12 for one in intervals])
        assert chances[inside].sum() >= LEAST, (truth, chances[inside].sum())


CLUSTERS = [
    # clusters in all, drawn, samples in each, rate, how alike (intraclass correlation), how unequal in size
    (2000, 10, 2000, 0.01, 0.3, 0.5),
    (2000, 20, 2000, 0.01, 0.3, 0.0),
    (2000, 20, 200, 0.05, 0.1, 0.5),
    (2000, 60, 2000, 0.001, 0.1, 0.5),
    (2000, 60, 20, 0.01, 0.1, 0.0),
    (100, 30, 2000, 0.01, 0.1, 0.5),
    (100, 30, 20, 0.3, 0.1, 0.5),
]


@pytest.mark.parametrize(("clusters", "drawn", "size", "rate", "alike", "unequal"), CLUSTERS)
def test_intervals_of_clusters_cover_the_truth(
    clusters: int, drawn: int, size: int, rate: float, alike: float, unequal: float
) -> None:
    """Beta-binomial populations, and samples from each; those of independent samples would cover a half of the time."""
    rng = np.random.default_rng(7)
    covered = naive = tries = 0
    for _ in range(20):
        sizes = np.maximum(1, size * rng.lognormal(0, unequal, clusters)).astype(np.int64)
        marked = rng.binomial(sizes, rng.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), clusters))
        truth = marked.sum() / sizes.sum()
        if not truth:
            continue
        for _ in range(30):
            chosen = rng.choice(clusters, drawn, replace=False)
            y, x = marked[chosen], sizes[chosen]
            sums = Clusters(drawn, *(int(value.sum()) for value in (y, x, y * y, x * x, x * y)))
            found = of_clusters(sums, drawn / clusters)
            covered += found.low <= truth <= found.high
            single = wilson(sums.hits, sums.total)
            naive += single.low <= truth <= single.high
            tries += 1
    assert covered / tries >= LEAST
    assert naive <= covered


def test_the_bound_of_none_covers_where_none_is_found() -> None:
    """One-sided: when a rate is above the bound, finding none has a chance of at most 5 %."""
    for total in (10, 300, 10_000):
        bound = upper_bound_of_none(total)
        assert binom.pmf(0, total, bound * 1.001) < 0.05


# --- behind a detector that errs --------------------------------------------------------------------------------------


def test_a_perfect_detector_changes_nothing() -> None:
    found = corrected(0.2, math.inf, Measured(10**7, 10**7, 10**7, 10**7))
    assert found is not None
    assert found.rate == pytest.approx(0.2)
    assert found.interval.low == pytest.approx(0.2, abs=1e-5)
    assert found.interval.high == pytest.approx(0.2, abs=1e-5)


def test_the_correction_is_that_of_rogan_and_gladen() -> None:
    found = corrected(0.3, 1000, Measured(100, 80, 200, 190))
    assert found is not None
    assert found.rate == pytest.approx((0.3 + 0.95 - 1) / (0.8 + 0.95 - 1))
    assert found.interval.low < found.rate < found.interval.high
    none = corrected(0.01, 1000, Measured(100, 80, 200, 190))
    assert none is not None
    assert none.rate == 0.0  # fewer than the false alarms alone would make


@pytest.mark.parametrize("measured", [Measured(0, 0, 50, 50), Measured(50, 50, 0, 0), Measured(50, 25, 50, 27)])
def test_what_was_not_measured_or_is_no_better_than_chance_corrects_nothing(measured: Measured) -> None:
    assert corrected(0.5, 100, measured) is None


def test_impossible_measurements_are_refused() -> None:
    with pytest.raises(ValueError, match="more were found"):
        Measured(5, 6, 1, 1)


@pytest.mark.parametrize(
    ("size", "rate", "measured"),
    [
        (math.inf, 0.02, (100, 0.99, 50, 0.94)),  # where Lang and Reiczigel's formula covers 91 %
        (500, 0.05, (60, 0.9, 200, 0.98)),
        (500, 0.5, (40, 0.7, 40, 0.9)),
    ],
)
def test_intervals_behind_a_detector_cover_the_truth(
    size: float, rate: float, measured: tuple[int, float, int, float]
) -> None:
    rng = np.random.default_rng(3)
    positives, sensitivity, negatives, specificity = measured
    raw = rate * sensitivity + (1 - rate) * (1 - specificity)
    covered = tries = 0
    for _ in range(250):
        seen = raw if math.isinf(size) else rng.binomial(int(size), raw) / size
        known = Measured(
            positives,
            int(rng.binomial(positives, sensitivity)),
            negatives,
            int(rng.binomial(negatives, specificity)),
        )
        found = corrected(seen, size, known)
        if found is not None:
            tries += 1
            covered += found.interval.low <= rate <= found.interval.high
    assert tries > 200
    assert covered / tries >= LEAST
