"""Detectors by name, found through the entry-point group `privacy_audit.detectors`."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from privacy_audit.detectors.base import Detector, is_optional, models_of, packages_of
from privacy_audit.errors import DetectorError, ModelError
from privacy_audit.types import Needs

GROUP = "privacy_audit.detectors"
_ATTRIBUTES = {"name": str, "version": str, "codes": frozenset, "needs": Needs}


@dataclass(frozen=True, slots=True)
class Listing:
    """One installed detector as `privacy-audit detectors` shows it. `problem` is None when it is ready to run."""

    name: str
    distribution: str
    detector: type[Detector] | None
    problem: str | None


def names() -> list[str]:
    """All names in the entry-point group, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find(name: str) -> type[Detector]:
    """The detector class called `name`; raises DetectorError naming the distribution when it cannot be used."""
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise DetectorError(f"no detector is called '{name}'.{hint} Installed: {', '.join(names())}.")
    owners = sorted({_distribution(point) for point in points})
    if len(owners) > 1:
        raise DetectorError(f"two packages claim the detector name '{name}': {', '.join(owners)}. Uninstall one.")
    return _load(points[0])


def listing() -> list[Listing]:
    """Every installed detector, broken ones included."""
    rows = []
    for name in names():
        owner = ", ".join(sorted({_distribution(p) for p in entry_points(group=GROUP) if p.name == name}))
        try:
            detector = find(name)
        except DetectorError as error:
            rows.append(Listing(name, owner, None, str(error)))
            continue
        rows.append(Listing(name, owner, detector, problem(detector)))
    return rows


def problem(detector: type[Detector]) -> str | None:
    """Why a detector cannot run here, and what to install; None when it can."""
    for package, install in packages_of(detector).items():
        if importlib.util.find_spec(package) is None:
            return f"the detector '{detector.name}' needs the package {package}, which is not installed: {install}"
    try:
        for model in models_of(detector):
            model.locate()
    except ModelError as error:
        return str(error)
    return None


def _load(point: EntryPoint) -> type[Detector]:
    owner = _distribution(point)
    try:
        detector = point.load()
    except Exception as error:
        raise DetectorError(
            f"the detector '{point.name}' of {owner} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    wrong = [name for name, kind in _ATTRIBUTES.items() if not isinstance(getattr(detector, name, None), kind)]
    if wrong or not callable(getattr(detector, "detect", None)):
        missing = ", ".join(wrong or ["detect()"])
        raise DetectorError(f"the detector '{point.name}' of {owner} is not a detector: wrong or missing {missing}.")
    if detector.name != point.name:
        raise DetectorError(
            f"the detector '{point.name}' of {owner} calls itself '{detector.name}'; the two must agree."
        )
    loaded: type[Detector] = detector
    return loaded


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"


def select(wanted: Iterable[str] | None, more: Iterable[str] = ()) -> list[type[Detector]]:
    """The detectors called `wanted`, or all installed ones that are not optional, and those called `more`; by name.

    Raises DetectorError when one that was named cannot run here.
    """
    named = {*(wanted or ()), *more}
    chosen = [find(name) for name in sorted(named if wanted is not None else {*names(), *more})]
    for detector in chosen:
        if detector.name in named and (found := problem(detector)):
            raise DetectorError(found)
    return [detector for detector in chosen if detector.name in named or not is_optional(detector)]


def not_asked(chosen: Iterable[type[Detector]]) -> list[str]:
    """Names of the optional detectors that are installed and not among `chosen`; broken plug-ins are not named."""
    taken = {detector.name for detector in chosen}
    known = {row.name: row.detector for row in listing() if row.name not in taken}
    return [name for name, detector in known.items() if detector is not None and is_optional(detector)]
