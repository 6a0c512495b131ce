"""Intervals for rates: Wilson's for a count, and the exact form of the rule of three for none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


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


def upper_bound_of_none(total: int, confidence: float = CONFIDENCE) -> float:
    """The highest rate at which seeing none in `total` is still as likely as `1 - confidence`; 1 when total is 0.

    For 95 % and more than about 30 samples this is the rule of three, 3 / total; here it is exact. One-sided.
    Raises ValueError when `total` is negative, or `confidence` not between 0 and 1.
    """
    _check(total, confidence)
    if total == 0:
        return 1.0
    return -math.expm1(math.log(1 - confidence) / total)


def _check(total: int, confidence: float) -> None:
    if total < 0:
        raise ValueError(f"total must not be negative, but is {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, but is {confidence}")
