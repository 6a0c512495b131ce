"""Redacts the regions of one picture, looks again, and goes on until nothing new is found.

Covering one face changes what a detector makes of its neighbours: a face below the threshold rises above it, a chin
beside a filled oval is taken for a face. So the redacted picture is examined again, and what is found is covered too,
always starting from the source's pixels, so that no round adds to the loss of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_audit.detectors.base import Detector
from privacy_audit.pixels import Picture
from privacy_audit.redaction.coverage import grown, is_covered
from privacy_audit.redaction.orders import PIXEL_METHODS, Orders
from privacy_audit.redaction.regions import Method, RedactionRefused, Region, redact_regions
from privacy_audit.redaction.remains import is_even
from privacy_audit.taxonomy import matches
from privacy_audit.types import Box, Failure, Finding, Quad, Sample

MAX_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Covered:
    """A picture without the regions. `added` are regions that only a second look found."""

    data: bytes
    route: str
    methods: frozenset[Method]
    added: tuple[Region, ...]


def cover(picture: Picture, orders: Orders, detectors: Sequence[Detector]) -> Covered:
    """Redact what `orders` ask for in `picture`; `detectors` look again. Raises RedactionRefused, PictureError."""
    regions = [
        Region(finding.where, method)
        for method in PIXEL_METHODS
        for finding in orders.wanted(method)
        if isinstance(finding.where, (Box, Quad))
    ]
    if not regions:
        return Covered(picture.data, "", frozenset(), ())
    asked_first = len(regions)
    for _ in range(MAX_ROUNDS):
        is_seen = bool(detectors) and all(region.method == "fill" for region in regions)
        redacted = redact_regions(picture, regions, read_back=not is_seen)
        copy = Picture(redacted.data)
        more = _look_again(copy, regions, orders, detectors)
        if not more:
            if is_seen and redacted.route == "libjpeg-turbo":
                _check(copy, regions)
            methods = frozenset(region.method for region in regions)
            return Covered(redacted.data, redacted.route, methods, tuple(regions[asked_first:]))
        regions += more
    raise RedactionRefused(f"after {MAX_ROUNDS} rounds of redaction there was still something to be found")


def _check(copy: Picture, regions: Sequence[Region]) -> None:
    """Filled regions are even on the pixels that the detectors decoded: spares reading the coefficients back."""
    seen = copy.at_hand or copy.upright(at_least=1)
    if not all(is_even(seen, region) for region in regions):
        raise RedactionRefused("a filled region is not even in what was written")


def _look_again(
    copy: Picture, regions: Sequence[Region], orders: Orders, detectors: Sequence[Detector]
) -> list[Region]:
    covered = [grown(region.box) for region in regions if isinstance(region.box, Box)]
    found = []
    sample = Sample("copy", "", copy)  # one for all, so that it is decoded once, and no larger than is asked for
    for detector in detectors:
        outcome = detector.detect([sample])[0]
        parts = [outcome] if isinstance(outcome, Failure) else outcome
        if any(isinstance(part, Failure) for part in parts):
            raise RedactionRefused("the redacted picture could not be examined again")
        found += [part for part in parts if isinstance(part, Finding)]
    return [
        Region(finding.where, method)
        for finding in found
        if (method := _method(finding, orders)) is not None
        and isinstance(finding.where, (Box, Quad))
        # A face may be imagined on a filled area; a text or code that can be read again is there
        and not (isinstance(finding.where, Box) and is_covered(finding.where, covered))
    ]


def _method(finding: Finding, orders: Orders) -> Method | None:
    """How the orders would redact a finding of this code."""
    for method in PIXEL_METHODS:
        if any(matches(pattern, finding.code) for pattern in orders.patterns(method)):
            return method
    return None
