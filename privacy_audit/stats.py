"""Intervals for rates: of everything, of a random sample, of whole clusters, and behind a detector that errs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CONFIDENCE = 0.95
_NEGLIGIBLE = 0.01
"""Up to this share of the population, drawing without putting back makes no difference worth computing exactly."""
_EXACT = 200
"""Up to so many hits (or misses), a sample of a finite population gets the exact, hypergeometric interval."""
_LEAST_SKILL = 0.1
"""Sensitivity plus specificity less one (Youden) from which on a rate can be corrected at all."""
_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of rates, both ends between 0 and 1."""

    low: float
    high: float


def wilson(hits: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided Wilson score interval of the rate `hits / total`; 0 to 1 when nothing was looked at.

    Raises ValueError when `hits` is not between 0 and `total`, or `confidence` not between 0 and 1.
    """
    _check(total, confidence)
    if not 0 <= hits <= total:
        raise ValueError(f"hits must be between 0 and total, not {hits} of {total}")
    if total == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, spread = hits / total, z * z / total
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / total + spread / (4 * total)) / (1 + spread)
    # rounding must not keep an end away from the value that it stands for
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == total else min(1.0, centre + half)
    return Interval(low, high)


def upper_bound_of_none(total: float, confidence: float = CONFIDENCE) -> float:
    """The highest rate at which seeing none in `total` is still as likely as `1 - confidence`; 1 when total is 0.

    For 95 % and more than about 30 samples this is the rule of three, 3 / total; here it is exact. One-sided.
    `total` may be an effective size, which need not be whole.
    Raises ValueError when `total` is negative, or `confidence` not between 0 and 1.
    """
    _check(total, confidence)
    if total == 0:
        return 1.0
    return -math.expm1(math.log(1 - confidence) / total)


def _check(total: float, confidence: float) -> None:
    if total < 0:
        raise ValueError(f"total must not be negative, but is {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, but is {confidence}")


@dataclass(frozen=True, slots=True)
class Clusters:
    """What was counted in `number` drawn clusters, as sums over them: all that the variance of a ratio needs.

    `hits` and `total` are the counts y and x; the others are the sums of y*y, x*x and x*y.
    """

    number: int
    hits: int
    total: int
    hits_squared: int
    total_squared: int
    product: int

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `variance`: a third of the number of clusters that hold what was counted (or do not).

        That number is (sum y)^2 / sum y^2, so that a rate which a few clusters make up is as unsure as it is: with one
        less than all clusters, the usual choice, intervals cover as little as 70 % where hits are rare and together.
        """
        misses = self.total - self.hits
        misses_squared = self.total_squared - 2 * self.product + self.hits_squared
        holding = min(self.hits**2 / max(self.hits_squared, 1), misses**2 / max(misses_squared, 1))
        return min(max(holding / 3, 1.0), max(self.number - 1.0, 1.0))

    def variance(self, drawn: float) -> float:
        """Variance of hits / total, linearised (Taylor), with `drawn` as the share of all clusters that were drawn."""
        if self.number < 2 or self.total == 0:
            return 0.0
        rate = self.hits / self.total
        residuals = self.hits_squared - 2 * rate * self.product + rate * rate * self.total_squared
        scale = self.number / (self.number - 1) * (1 - drawn)
        return max(0.0, scale * residuals / self.total**2)


def of_sample(hits: int, total: int, drawn: float = 0.0, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a rate in the whole population, from a simple random sample of which `total` were looked at.

    `drawn` is the share of the population in the sample: all of it is a census, whose rate has no sampling error.
    Clopper-Pearson with the sample size that the finite population makes of it, because Wilson's interval covers too
    little when hits are few.
    """
    wilson(hits, total, confidence)  # the same arguments are refused
    if not 0 <= drawn <= 1:
        raise ValueError(f"drawn must be between 0 and 1, but is {drawn}")
    if total == 0:
        return Interval(0.0, 1.0)
    rate = hits / total
    if drawn == 1:
        return Interval(rate, rate)
    few = min(hits, total - hits)
    if drawn > _NEGLIGIBLE and few <= _EXACT:
        population = max(total, round(total / drawn))
        low, high = (_most(count, total, population, (1 - confidence) / 2) for count in (total - hits, hits))
        return Interval(min(1 - low / population, rate), max(high / population, rate))
    return with_size(rate, total / (1 - drawn), confidence)


def _most(hits: int, total: int, population: int, tail: float) -> int:
    """The most that `population` can hold if up to `hits` of `total` drawn still has the chance `tail`."""
    low, high = hits, population - (total - hits)
    while low < high:
        middle = (low + high + 1) // 2
        if _hypergeometric(hits, total, middle, population) > tail:
            low = middle
        else:
            high = middle - 1
    return low


def _hypergeometric(most: int, drawn: int, marked: int, population: int) -> float:
    """Chance of at most `most` marked ones among those drawn."""

    def log_choose(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    whole = log_choose(population, drawn)
    possible = range(max(0, drawn - (population - marked)), min(most, drawn, marked) + 1)
    return math.fsum(
        math.exp(log_choose(marked, k) + log_choose(population - marked, drawn - k) - whole) for k in possible
    )


def of_clusters(counted: Clusters, drawn: float = 0.0, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a rate in the whole population, from whole clusters drawn at random (Korn and Graubard, 1998).

    Clopper-Pearson with the sample size at which independent samples would be as sure as these clusters are, less what
    the few degrees of freedom of a few clusters cost. When all clusters agree (none or all have it), nothing is known
    of how alike the samples of a cluster are, so each cluster counts as one sample.
    """
    if counted.total == 0:
        return Interval(0.0, 1.0)
    rate = counted.hits / counted.total
    if drawn == 1:
        return Interval(rate, rate)
    return with_size(rate, effective_size(counted, drawn, confidence), confidence)


def effective_size(counted: Clusters, drawn: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """The number of independent samples that would be as sure as these clusters are; at most those looked at."""
    whole = max(1 - drawn, 1e-12)
    variance = counted.variance(drawn)
    if variance == 0:
        return max(counted.number, 1) / whole
    rate, side = counted.hits / counted.total, (1 + confidence) / 2
    lost = (NormalDist().inv_cdf(side) / t_quantile(side, counted.freedom)) ** 2
    return min(rate * (1 - rate) / variance, counted.total / whole) * lost


@dataclass(frozen=True, slots=True)
class Measured:
    """How often a detector was right about whole samples that were known: `found` of `positives` that have what it
    looks for, `clean` of `negatives` that do not.
    """

    positives: int
    found: int
    negatives: int
    clean: int

    def __post_init__(self) -> None:
        if not (0 <= self.found <= self.positives and 0 <= self.clean <= self.negatives):
            raise ValueError("more were found, or clean, than there were")


@dataclass(frozen=True, slots=True)
class Corrected:
    """A rate with what the detector misses and what it finds wrongly taken into account, and its interval."""

    rate: float
    interval: Interval


def corrected(rate: float, size: float, measured: Measured, confidence: float = CONFIDENCE) -> Corrected | None:
    """The true rate behind the raw `rate` of a detector (Rogan and Gladen, 1978), with a melded interval.

    `size` is the effective number of samples behind the raw rate, infinite for a census. The interval (Bayer, Fay and
    Graubard, 2023) carries the errors of the sample, the sensitivity and the specificity through: quantiles over draws
    from their Clopper-Pearson limits, the same draws in every call. Lang and Reiczigel's formula was tried: its
    intervals covered 91 % where few negatives were measured. None where too little was measured, or where the detector
    is hardly better than chance.
    """
    import numpy as np

    if not measured.positives or not measured.negatives:
        return None
    sensitivity, specificity = measured.found / measured.positives, measured.clean / measured.negatives
    if sensitivity + specificity - 1 < _LEAST_SKILL:
        return None
    tail = (1 - confidence) / 2
    ends = []
    for side in (0, 1):
        raw = _draws(rate, size, side, 0)
        sure = _draws(sensitivity, measured.positives, 1 - side, 1)  # the more it finds, the less is behind the rate
        spared = _draws(specificity, measured.negatives, side, 2)
        skill = sure + spared - 1
        true = (raw + spared - 1).clip(0) / skill.clip(1e-9)
        ends.append(np.quantile(true.clip(0, 1), 1 - tail if side else tail))
    point = min(max((rate + specificity - 1) / (sensitivity + specificity - 1), 0.0), 1.0)
    return Corrected(point, Interval(min(float(ends[0]), point), max(float(ends[1]), point)))


def _draws(rate: float, size: float, side: int, stream: int) -> npt.NDArray[np.float64]:
    """Draws whose quantiles are the lower (side 0) or upper (side 1) Clopper-Pearson limits of a share."""
    import numpy as np

    a, b = rate * size + side, (1 - rate) * size + 1 - side
    if math.isinf(size) or a <= 0 or b <= 0:
        return np.full(_DRAWS, rate)
    return np.random.default_rng(stream).beta(a, b, _DRAWS)


def with_size(rate: float, size: float, confidence: float = CONFIDENCE) -> Interval:
    """Clopper-Pearson interval of a rate among `size` independent samples, a number that need not be whole."""
    tail, hits = (1 - confidence) / 2, rate * size
    low = 0.0 if rate == 0 else _beta_quantile(tail, hits, size - hits + 1)
    high = 1.0 if rate == 1 else _beta_quantile(1 - tail, hits + 1, size - hits)
    return Interval(min(low, rate), max(high, rate))


def t_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t distribution; `probability` from 0.5 on."""
    if freedom < 1 or not 0.5 <= probability < 1:
        raise ValueError("t_quantile needs a probability from 0.5 to 1 and one degree of freedom or more")
    x = _beta_quantile(2 * (1 - probability), freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - x) / x)


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Where the beta distribution reaches `probability`, by bisection: slow and sure."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if _beta_share(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    total = d
    for step in range(1, 100_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for part in (even, odd):
            d = 1 / (1 + part * d or tiny)
            c = 1 + part / c or tiny
            total *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * total
