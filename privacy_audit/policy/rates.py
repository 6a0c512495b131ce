"""Rates of the whole dataset, for the rules that ask for one. Pure: it is given samples, from wherever they come.

A rule with `rate` decides after all shards: `rates` counts over the findings of every sample, and `decide` gets the
result. Such a rule fires on the samples that have what is counted, once enough of the dataset has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from privacy_audit.policy.decide import Rates, counted
from privacy_audit.policy.schema import Pack
from privacy_audit.types import Finding


def rates(packs: Sequence[Pack], samples: Iterable[Sequence[Finding]]) -> Rates:
    """The share of samples that have what each rated rule counts, by `Rated.key()`; of all samples, checked or not."""
    return shares(counted(packs, findings) for findings in samples)


def shares(samples: Iterable[Iterable[str]]) -> Rates:
    """The same from what `counted` gives for each sample, for callers who know which samples are alike."""
    having = Counter[str]()
    total = 0
    for keys in samples:
        total += 1
        having.update(keys)
    return {key: count / total for key, count in having.items()}
