"""From counts to a grade. Pure: no clock, no files.

One counter-example contradicts. Without it, a claim is unsupported when nothing that could have found one looked, and
supported only as far as was looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privacy_audit import stats
from privacy_audit.claims.kinds import Kind

Grade = Literal["supported", "partly", "unsupported", "contradicted"]
GRADES: tuple[Grade, ...] = ("supported", "partly", "unsupported", "contradicted")
"""Best first."""
LEAST = 0.5
"""Below this share of samples looked at, a claim is unsupported."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the audit holds about one claim. Counts are samples.

    `looked`: all needed detectors looked at them, and none failed. `counter`: they say the opposite. `supporting`: they
    have a statement for the claim; None for a claim that needs none. `waiting`: a detector was not sure.
    `recall`: the share of such cases that the detector finds, at worst; None when not measured. `population`: samples
    of the dataset of which the audited ones were drawn; None when all were audited.
    """

    samples: int
    looked: int
    failed: int
    counter: int
    supporting: int | None = None
    waiting: int = 0
    not_run: tuple[str, ...] = ()
    recall: float | None = None
    population: int | None = None
    clustered: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence of `words`, and the numbers in it. Shares are 0 to 1."""

    name: str
    numbers: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Graded:
    """The grade, the share of samples that counts as looked at, the rate of counter-examples, and why."""

    grade: Grade
    coverage: float
    low: float
    high: float
    reasons: tuple[Reason, ...]


def grade(kind: Kind, wanted: float, evidence: Evidence) -> Graded:
    """Grade a claim that asks for the share `wanted` of samples to have been looked at."""
    seen = evidence.looked if evidence.supporting is None else min(evidence.supporting, evidence.looked)
    coverage = seen / evidence.samples if evidence.samples else 0.0
    low, high = _interval(evidence, seen)
    verdict, reasons = _flatly(evidence, seen) or _by_degree(kind, wanted, evidence, seen, high)
    if evidence.population is not None:
        reasons.append(Reason("sampled", (("n", evidence.samples), ("population", evidence.population))))
        if evidence.clustered:
            reasons.append(Reason("clustered"))
    return Graded(verdict, coverage, low, high, tuple(reasons))


def _flatly(evidence: Evidence, seen: int) -> tuple[Grade, list[Reason]] | None:
    """The grade where one fact alone decides."""
    if evidence.samples == 0:
        return "unsupported", [Reason("nothing")]
    if evidence.counter:
        return "contradicted", [Reason("counter", (("n", evidence.counter), ("of", evidence.samples)))]
    if evidence.not_run:
        return "unsupported", [Reason("not_run", (("detectors", ", ".join(evidence.not_run)),))]
    if seen == 0:
        return "unsupported", [Reason("no_evidence" if evidence.supporting is not None else "none_looked")]
    return None


def _by_degree(kind: Kind, wanted: float, evidence: Evidence, seen: int, high: float) -> tuple[Grade, list[Reason]]:
    """The grade where nothing speaks against the claim, and some samples speak for it."""
    coverage = seen / evidence.samples
    found = Reason("stated", (("n", seen), ("of", evidence.samples)))
    if evidence.supporting is None:
        found = Reason("found_none", (("n", seen), ("high", high)))
    reasons = [found]
    if coverage < wanted:
        numbers = (("coverage", coverage), ("failed", evidence.failed), ("wanted", wanted))
        reasons.append(Reason("coverage", numbers))
    if evidence.waiting:
        reasons.append(Reason("waiting", (("n", evidence.waiting),)))
    if kind.capped:
        reasons.append(Reason(f"capped.{kind.name}"))
    weak = len(reasons) > 1
    if evidence.supporting is None:
        said = Reason("unmeasured") if evidence.recall is None else Reason("recall", (("recall", evidence.recall),))
        reasons.append(said)
    if coverage < min(LEAST, wanted):
        return "unsupported", reasons
    return ("partly" if weak else "supported"), reasons


def _interval(evidence: Evidence, seen: int) -> tuple[float, float]:
    """Of the rate of counter-examples, at 95 %. What a detector misses widens it upwards."""
    if evidence.counter:
        # a counter-example may stand on a sample that another detector failed on
        found = stats.wilson(evidence.counter, max(evidence.counter, evidence.looked))
        return found.low, found.high
    high = stats.upper_bound_of_none(seen)
    return 0.0, min(1.0, high / evidence.recall) if evidence.recall else high
