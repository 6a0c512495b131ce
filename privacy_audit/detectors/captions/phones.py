"""Telephone numbers: international ones anywhere, national ones by shape or beside a word for it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import islice

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher, PhoneNumberType

from privacy_audit.detectors.captions import cues
from privacy_audit.detectors.captions.hits import Hit

REGIONS = ("ID", "US", "GB", "AU", "IN", "DE", "FR", "BR", "SG", "MY")
MIN_DIGITS = 7
_MIN_NATIONAL = 8
_LONGEST = 30
_MAX_TRIES = 60  # numbers that are no telephone number, in one window of text, before the search is given up
_MIN_UNASSIGNED = 9
_RUN = re.compile(r"\d(?:[().\-/ ]{0,3}\d){6}")
_LINK = re.compile(r"(?:wa\.me/|\btel:|\bphone=|whatsapp://send\?phone=)(\+?\d[\d.()-]{5,20}\d)", re.IGNORECASE)
_INDONESIAN_WITHOUT_PLUS = re.compile(
    r"(?<![\d+.,/-])(?:00)?62[ .-]?8\d{1,2}[ .-]?\d{3,4}[ .-]?\d{2,5}(?!\d)(?![.,]\d)"
)
_FROM_ABROAD = re.compile(r"(?<![\d+.,/-])00[1-9]\d?\d?[ .()/-]{1,2}\d(?:[ .()-]{0,2}\d){5,12}(?![\d.,]?\d)")
_PLUS = re.compile(r"\+\d(?:[ .()-]{0,3}\d){7,24}")
_GROUP_END = re.compile(r"\d(?=[ .()-])")
_SEPARATOR = re.compile(r"[ .()-]")
_INDONESIAN_MOBILE = re.compile(r"08\d{8,11}")
_NORTH_AMERICAN = re.compile(r"(?<![\d.-])(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}-)\d{3}-\d{4}(?![\d-])")
_DATE = re.compile(
    r"\d{4}([-./ ])\d{1,2}\1\d{1,2}(?:\D.*)?|\d{1,2}([-./ ])\d{1,2}\2(?:\d{4}|\d{2})(?:\D.*)?"
    r"|(?:1[89]|20)\d\d ?[-/] ?(?:1[89]|20)\d\d"
)
_IP_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_DATED = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\D{0,1}\d{4,6})?")
_ISBN = re.compile(r"(?:97[89][- ]?)?(?:\d[- ]?){9}[\dXx]")
_ISBN_BEFORE = re.compile(r"\b(?:isbn|issn|ean|upc|asin|sku|doi)(?:-?1[03])?[:# ]{0,3}$", re.IGNORECASE)
_NOT_A_PHONE_BEFORE = re.compile(
    r"(?:[$\u20ac\u00a3\u00a5#]|\brp\.?|\busd|\bidr"
    r"|\b(?:img|dsc[nf]?|pxl|vid|mvi|order|invoice|item|model|part|serial|id|ref|lot|resi|photo|foto|image)"
    r"(?: ?(?:no|nr|number|nomor|id)\.?)?)[\s:#_.-]{0,3}$",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Hit]:
    """Telephone numbers in `text`; the score is above 0.5 for those that are worth reporting."""
    taken: list[tuple[int, int]] = []
    for hit in _candidates(text):
        if any(start < hit.end and hit.start < end for start, end in taken):
            continue
        if _is_something_else(text, hit):
            continue
        taken.append((hit.start, hit.end))
        yield hit


def _candidates(text: str) -> Iterator[Hit]:
    if not _RUN.search(text):
        return
    for match in _LINK.finditer(text):
        yield Hit(*match.span(1), 0.95, cue=True)
    if "+" in text or "00" in text:
        yield from _international(text)
    for match in _INDONESIAN_WITHOUT_PLUS.finditer(text):
        if _valid("+" + match.group().removeprefix("00")):
            cue = _cue(text, *match.span())
            yield Hit(*match.span(), 0.85 if cue else 0.6, cue)
    if _INDONESIAN_MOBILE.search(_SEPARATOR.sub("", text)):
        yield from _indonesian_mobiles(text)
    for begin, stop in cues.surroundings(text, "PHONE_NUMBER", _LONGEST):
        if _RUN.search(text, begin, stop):
            yield from _beside_a_word(text, begin, stop)
    for match in _NORTH_AMERICAN.finditer(text):
        if _valid(match.group(), "US"):
            yield Hit(*match.span(), 0.55)


def _international(text: str) -> Iterator[Hit]:
    for match in PhoneNumberMatcher(text, None, leniency=Leniency.POSSIBLE, max_tries=_MAX_TRIES):
        valid = phonenumbers.is_valid_number(match.number)
        if valid or sum(map(str.isdigit, match.raw_string)) >= _MIN_UNASSIGNED:
            yield Hit(match.start, match.end, 0.9 if valid else 0.6, _cue(text, match.start, match.end))

    # A date or another number that follows after a space makes the whole too long: cut it where a group ends.
    for written in islice(_PLUS.finditer(text), _MAX_TRIES):
        start = written.start()
        ends = [start + end.end() for end in _GROUP_END.finditer(written.group())]
        for end in ends[::-1]:
            if end - start >= _MIN_NATIONAL and _valid(text[start:end]):
                yield Hit(start, end, 0.85, _cue(text, start, end))
                break
    for written in islice(_FROM_ABROAD.finditer(text), _MAX_TRIES):
        if _valid("+" + written.group()[2:]):
            yield Hit(*written.span(), 0.7, _cue(text, *written.span()))


def _beside_a_word(text: str, begin: int, stop: int) -> Iterator[Hit]:
    part = text[begin:stop]
    for region in REGIONS:
        for match in PhoneNumberMatcher(part, region, leniency=Leniency.VALID, max_tries=_MAX_TRIES):
            start, end = begin + match.start, begin + match.end
            cut = text[start - 1 : start].isdigit() or text[end : end + 1].isdigit()
            if not cut and sum(map(str.isdigit, match.raw_string)) >= _MIN_NATIONAL and _cue(text, start, end):
                yield Hit(start, end, 0.85, cue=True)


def _indonesian_mobiles(text: str) -> Iterator[Hit]:
    for match in PhoneNumberMatcher(text, "ID", leniency=Leniency.VALID, max_tries=_MAX_TRIES):
        written = _INDONESIAN_MOBILE.fullmatch(re.sub(r"\D", "", match.raw_string))
        if written and phonenumbers.number_type(match.number) == PhoneNumberType.MOBILE:
            cue = _cue(text, match.start, match.end)
            yield Hit(match.start, match.end, 0.85 if cue else 0.6, cue)


def _cue(text: str, start: int, end: int) -> bool:
    return cues.near(text, start, end, "PHONE_NUMBER")


def _valid(number: str, region: str | None = None) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False


def _is_something_else(text: str, hit: Hit) -> bool:
    value, before = text[hit.start : hit.end], text[max(0, hit.start - 20) : hit.start]
    if value.startswith("+"):
        return False
    if _DATE.fullmatch(value) or _IP_ADDRESS.fullmatch(value) or _is_dated(value) or _ISBN_BEFORE.search(before):
        return True
    if (
        _ISBN.fullmatch(value)
        and _is_isbn(re.sub(r"[- ]", "", value))
        and not cues.adjacent(text, hit.start, "PHONE_NUMBER")
    ):
        return True
    if before[-1:] in ("/", ".", ",", "-", "_", "=") and before[-2:-1].isdigit():
        return True
    return bool(_NOT_A_PHONE_BEFORE.search(before))


def _is_dated(value: str) -> bool:
    match = _DATED.fullmatch(value)
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return 1900 <= year < 2100


def _is_isbn(digits: str) -> bool:
    if len(digits) == 13:
        return sum(int(digit) * (1 + 2 * (index % 2)) for index, digit in enumerate(digits)) % 10 == 0
    values = [10 if digit in "Xx" else int(digit) for digit in digits]
    return sum(value * (10 - index) for index, value in enumerate(values)) % 11 == 0
