"""How many pictures may still show a face although none was found again.

That the second look finds nothing says little, because it misses the same faces as the first. So the bound is the rate
at which the detector that chose the regions misses a face on a picture, measured on labelled data. What the second look
found besides can raise it, and never lowers it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from privacy_audit.detectors.faces import recall
from privacy_audit.stats import wilson
from privacy_audit.store.manifest import DetectorEntry

FACES = "faces"


@dataclass(frozen=True, slots=True)
class Bound:
    """`at_most`: share of pictures with faces that may still show one, upper end of the 95 % interval. None when the
    miss rate was not measured. `data` says on what it was.
    """

    at_most: float | None = None
    data: str = ""


def bound(detectors: Iterable[DetectorEntry], pictures: int, found_later: int) -> Bound | None:
    """The bound of an audit's face detector; None when it did not look for faces.

    `pictures` had regions covered, and on `found_later` of them the second look found a face that the first had missed.
    """
    entry = next((entry for entry in detectors if entry.name == FACES), None)
    if entry is None:
        return None
    tables = recall.tables(entry.options.get("backend", ""), entry.options.get("profile", ""))
    measured = [(rate[2], table["data"]) for table in tables if (rate := table.get("missed_pictures"))]
    if not measured:
        return Bound()
    highest, data = max(measured)
    seen = wilson(found_later, pictures).high if found_later else 0.0
    return Bound(max(highest, seen), data if highest >= seen else "what the second look found in this dataset")
