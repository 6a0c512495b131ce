"""Words for a person's health: contextual, one per text."""

from __future__ import annotations

import pytest

from privacy_audit.detectors.captions import Captions
from privacy_audit.detectors.captions.health import find
from privacy_audit.types import Finding, Span


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("A woman with breast cancer smiles", "cancer"),
        ("diagnosed with lupus at 30", "diagnosed with"),
        ("He is HIV-positive and works as a cook", "HIV-positive"),
        ("a boy with Down syndrome at the beach", "Down syndrome"),
        ("Alzheimer's patient in the garden", "Alzheimer's"),
        ("during chemo, day 12", "chemo"),
        ("her medical record on the desk", "medical record"),
        ("a man who tested positive last week", "tested positive"),
        ("penderita TBC di puskesmas", "penderita"),
        ("ibu ini mengidap diabetes", "mengidap"),
        ("rekam medis pasien", "rekam medis"),
        ("seorang tunanetra menyeberang", "tunanetra"),
        ("didiagnosis kanker", "didiagnosis"),
    ],
)
def test_found(text: str, word: str) -> None:
    (found,) = find(text)
    assert text[found.start : found.end] == word


@pytest.mark.parametrize(
    "text",
    [
        "a nurse walks through the hospital",
        "pink ribbon for cancer awareness",
        "Cancer zodiac sign on a wall",
        "cancer research center at dusk",
        "the Great Depression, 1933",
        "a doctor with a stethoscope",
        "a tuna sandwich and positive vibes",
        "dokter di rumah sakit",
        "",
    ],
)
def test_not_found(text: str) -> None:
    assert find(text) == []


def test_contextual_and_once() -> None:
    (found,) = Captions(names="off")("diabetes and cancer and diabetes")  # the note that names are off is no finding
    assert isinstance(found, Finding)
    assert (found.code, found.attributes["tier"], found.where) == ("person.health", "contextual", Span(0, 8))
