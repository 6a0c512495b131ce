"""The verdict of a sample from its findings."""

from __future__ import annotations

from collections.abc import Iterable

from privacy_audit.types import TRAININGS, VISIBILITIES, Finding, Training, Visibility


def verdict(findings: Iterable[Finding]) -> tuple[Visibility, Training]:
    """The strictest `visibility` and `training` that any finding's attributes state; `unknown`, `unspecified` if none.

    A word that is none of `types.VISIBILITIES` or `types.TRAININGS` states nothing.
    """
    visibility: Visibility = "unknown"
    training: Training = "unspecified"
    for finding in findings:
        for stricter in VISIBILITIES[VISIBILITIES.index(visibility) + 1 :]:
            if finding.attributes.get("visibility") == stricter:
                visibility = stricter
        for harder in TRAININGS[TRAININGS.index(training) + 1 :]:
            if finding.attributes.get("training") == harder:
                training = harder
    return visibility, training
