"""Matches of presidio's pattern recognizers without its quadratic comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult

from privacy_audit.detectors.captions.patterns import matches, without_contained
from privacy_audit.detectors.captions.recognizers import general_recognizers

RECOGNIZERS = [one for one in general_recognizers() if isinstance(one, PatternRecognizer)]
TEXTS = [
    "ssn 219-09-9998, 219 09 9998 and 219099998; itin 912-71-4321",
    "10.0.0.1 and 2001:db8::1, ::ffff:10.0.0.1, 3C:52:82:AF:10:0B, 3c-52-82-af-10-0b 1234.5678.9abc",
    "jane@example.com bob@example.co.uk a@b.invalid 4111 1111 1111 1111, 4111111111111111 3782 822463 10005",
    "",
]


def _key(results: list[RecognizerResult]) -> list[tuple[str, int, int, float]]:
    return sorted((one.entity_type, one.start, one.end, one.score) for one in results)


@pytest.mark.parametrize("recognizer", RECOGNIZERS, ids=lambda one: one.name)
def test_the_same_as_presidio(recognizer: PatternRecognizer) -> None:
    for text in (*TEXTS, " ".join(TEXTS)):
        assert _key(matches(recognizer, text)) == _key(recognizer.analyze(text, recognizer.supported_entities))


def test_each_finds_something() -> None:
    assert all(matches(recognizer, " ".join(TEXTS)) for recognizer in RECOGNIZERS)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.sampled_from([0.3, 0.5, 1.0])), max_size=30))
def test_what_is_contained(spans: list[tuple[int, int, float]]) -> None:
    results = [RecognizerResult("A", start, start + length, score) for start, length, score in spans]
    assert _key(without_contained(results)) == _key(EntityRecognizer.remove_duplicates(results))
