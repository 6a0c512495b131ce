"""The gate in front of presidio's own recognizers changes nothing, compared with presidio alone."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from privacy_audit.detectors.captions.stock import StockPatterns, possible

_NOUNS = ("man", "woman", "dog", "cat", "surfboard", "pizza", "train", "bench", "kite", "laptop", "giraffe", "umbrella")
_VERBS = ("sitting", "riding", "holding", "standing", "walking", "eating", "flying", "parked", "playing", "looking")
_PLACES = ("street", "beach", "field", "kitchen", "table", "snow", "park", "room", "road")
_EXTRAS = [
    "in 2019", "no. 12", "at 10:30", "v8 engine", "(c) 2015", "m2 chip", "12/05", "1920x1080", "call 555-0132",
    "ISBN 0-306-40615-2", "A1234567", "www.example.com", "jane@example.com", "10.0.0.1", "::1", "3-2", "5 x 7", "a.b",
    "4111 1111 1111 1111", "DE89370400440532013000", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "US 12 345 678", "AB1234563",
    "ab-cd-ef-01-02-03", "Jan-2019", "9434765919", "+1 415 555 0132", "-", "x5", "A-Z]]12",
    "01:23:45:67:89:ab", "\u0661\u0662",
]  # fmt: skip


@pytest.fixture(scope="module")
def stock() -> StockPatterns:
    return StockPatterns()


def _captions(count: int) -> list[str]:
    """Like COCO's and CC3M's: mostly plain words, now and then something with a digit or a sign."""
    chance = random.Random(7)
    made = []
    for _ in range(count):
        words = [f"A {chance.choice(_NOUNS)} is {chance.choice(_VERBS)} on the {chance.choice(_PLACES)}"]
        words += [chance.choice(_EXTRAS) for _ in range(chance.choice((0, 0, 0, 1, 1, 2)))]
        made.append(" ".join(words) + chance.choice((".", "", " .", " !")))
    return made


def _noise(count: int) -> list[str]:
    chance = random.Random(8)
    alphabet = string.digits * 4 + "ABab:-./ @+()[]xX#,"
    return ["".join(chance.choice(alphabet) for _ in range(chance.randint(1, 45))) for _ in range(count)]


def _key(stock: StockPatterns, text: str, *, gated: bool) -> list[tuple[str, int, int, float]]:
    results = stock.analyze(text, gated=gated)
    return sorted((one.entity_type, one.start, one.end, round(one.score, 6)) for one in results)


def test_no_difference_on_thousands_of_texts(stock: StockPatterns) -> None:
    texts = _captions(1_500) + _noise(1_000)
    found = 0
    for text in texts:
        alone = _key(stock, text, gated=False)
        assert _key(stock, text, gated=True) == alone, text
        found += len(alone)
    assert found > 1_000


def test_the_gate_stays_shut_on_plain_captions() -> None:
    plain = [text for text in _captions(1_000) if text.replace(" .", "").strip(".! ").replace(" ", "").isalpha()]
    assert len(plain) > 300
    assert not any(possible(text) for text in plain)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(_EXTRAS) | st.text("0123456789 -.:/@+()AaZz]\u0663\uff11x", max_size=14), max_size=5))
def test_no_difference_on_anything(stock: StockPatterns, parts: list[str]) -> None:
    text = " ".join(parts)
    assert _key(stock, text, gated=True) == _key(stock, text, gated=False)


def test_four_digits_are_the_least_that_a_telephone_number_has(stock: StockPatterns) -> None:
    regions = ("US", "GB", "DE", "IL", "IN", "CA", "BR")
    lengths = [PhoneMetadata.metadata_for_region(region).general_desc.possible_length for region in regions]
    assert min(map(min, lengths)) >= 4
