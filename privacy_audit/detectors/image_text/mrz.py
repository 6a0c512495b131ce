"""Machine-readable zones of passports, visas and identity cards (ICAO Doc 9303), by their check digits.

Passports and visas have two lines whose second begins with number, nationality, birth date, sex and expiry date, and
identity cards of the older kind too; cards of three lines keep the number in the first and the dates in the second. At
least two of three check digits have to be right: one is right in a tenth of all random lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Format = Literal["TD1", "TD2", "TD3", "MRV"]
Kind = Literal["passport", "visa", "card"]
Code = Literal["number", "birth_date", "name"]

_WEIGHTS = (7, 3, 1)
_AS_DIGITS = str.maketrans("OQDIZSBGLTU", "00012586170")
_ANGLES = re.compile("[«‹≤＜《〈〉》>≪Λ∧∠]")
_OTHER = re.compile(r"[^A-Z0-9<]")
_TWO_LINES_BEGIN = 28  # characters of a second line that hold its check digits
_LONG = 40  # a line of 36 or one of 44
_CARD_LINE = (26, 34)  # a line of 30, give or take what was misread
_SHAPE_LENGTH, _SHAPE_FILLERS = 24, 3
_NEEDED = 2
_FIRST = "PVACI"  # first letters of a zone
_CARD_KINDS = "ACI"
_MIN_NUMBER = 5  # characters; a shorter number is found in anything
_MIN_NAME = 3
_NEAR = 2  # rows between which another, a remark in small print, may stand


@dataclass(frozen=True, slots=True)
class Zone:
    """A machine-readable zone: its layout, how many of three check digits are right, and the rows that it fills.

    `number`, `birth_date` (YYMMDD) and `names` are raw values: they are for finding them elsewhere on the document.
    """

    layout: Format
    kind: Kind
    checks: int
    rows: tuple[int, ...]
    number: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)

    def repeated_in(self, row: str) -> Code | None:
        """What of the zone a row elsewhere on the document repeats, as a reader would print it."""
        letters = "".join(filter(str.isalnum, row.upper()))
        if len(self.number) >= _MIN_NUMBER and self.number in letters:
            return "number"
        if self._is_birth_date(row, "".join(filter(str.isdigit, row))):
            return "birth_date"
        words = {word for word in re.split(r"[^A-Z]+", row.upper()) if word}
        return "name" if words and any(name in words for name in self.names) else None

    def _is_birth_date(self, row: str, digits: str) -> bool:
        if not self.birth_date.isdigit():
            return False
        year, month, day = self.birth_date[:2], self.birth_date[2:4], self.birth_date[4:]
        numeric = rf"{day}{month}(?:19|20)?{year}|(?:19|20)?{year}{month}{day}|{month}{day}(?:19|20)?{year}"
        if re.fullmatch(numeric, digits):
            return True
        written = rf"(?<!\d)0?{int(day or 0)}\W{{0,2}}[A-Za-zÀ-ÿ].{{2,25}}?(?:19|20)?{year}(?!\d)"
        return bool(re.search(written, row))


def find(rows: Sequence[str]) -> Zone | None:
    """The zone in `rows` of text, from top to bottom, with the most check digits right; None with fewer than two."""
    lines = [cleaned(row) for row in rows]
    filled = [_is_filled(row, line) for row, line in zip(rows, lines, strict=True)]
    zones = [*_two_lined(lines, filled), *_three_lined(lines, filled)]
    best = max(zones, key=lambda zone: zone.checks, default=None)
    return best if best is not None and best.checks >= _NEEDED else None


def looks_like_one(row: str) -> bool:
    """Whether a row has the shape of a zone's: long, without spaces, with several fillers in a row."""
    line = cleaned(row)
    return len(line) >= _SHAPE_LENGTH and "<" * _SHAPE_FILLERS in line


def cleaned(row: str) -> str:
    """`row` in the alphabet of a zone; whatever a reader makes of the filler is one again."""
    return _OTHER.sub("", _ANGLES.sub("<", row.upper()))


def check_digit(value: str) -> int:
    """The check digit of a field's value: letters count from 10, fillers nothing."""
    return sum(_value(character) * _WEIGHTS[index % 3] for index, character in enumerate(value)) % 10


def _value(character: str) -> int:
    return int(character) if character.isdigit() else ord(character) - 55 if character.isalpha() else 0


def _two_lined(lines: Sequence[str], filled: Sequence[bool]) -> list[Zone]:
    zones = []
    for index, line in enumerate(lines):
        if len(line) < _TWO_LINES_BEGIN:
            continue
        checks = _right(line[:9], line[9]) + _right_date(line[13:19], line[19]) + _right_date(line[21:27], line[27])
        if checks < _NEEDED:
            continue
        above = next((row for row in range(index - 1, index - 1 - _NEAR, -1) if row >= 0 and filled[row]), None)
        first = lines[above] if above is not None else ""
        kind: Kind = "visa" if first.startswith("V") else "card" if first.startswith(tuple(_CARD_KINDS)) else "passport"
        long = max(len(line), len(first)) >= _LONG
        layout: Format = "MRV" if kind == "visa" else "TD3" if long else "TD2"
        at = (index,) if above is None else (above, index)
        birth_date = line[13:19].translate(_AS_DIGITS)
        zones.append(Zone(layout, kind, checks, at, _number(line[:9]), birth_date, _names(first[5:])))
    return zones


def _three_lined(lines: Sequence[str], filled: Sequence[bool]) -> list[Zone]:
    shortest, longest = _CARD_LINE
    zones = []
    for index, (first, second) in enumerate(pairwise(lines)):
        if not (shortest <= len(first) <= longest and shortest <= len(second) <= longest):
            continue
        checks = _right(first[5:14], first[14]) + _right_date(second[:6], second[6])
        checks += _right_date(second[8:14], second[14])
        if checks >= _NEEDED:
            below = range(index + 2, min(index + 2 + _NEAR, len(lines)))
            third = next(((row,) for row in below if filled[row]), ())
            birth_date = second[:6].translate(_AS_DIGITS)
            names = _names(lines[third[0]]) if third else ()
            at = (index, index + 1, *third)
            zones.append(Zone("TD1", "card", checks, at, _number(first[5:14]), birth_date, names))
    return zones


def _is_filled(row: str, line: str) -> bool:
    """Whether a row is a zone's line of names: fillers, or when they were misread, no space and a first letter."""
    if len(line) < _SHAPE_LENGTH:
        return False
    return line.count("<") >= _SHAPE_FILLERS or (line[0] in _FIRST and " " not in row and "<" in line)


def _number(value: str) -> str:
    return value.replace("<", "")


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in re.split("[^A-Z]+", value) if len(name) >= _MIN_NAME)


def _right(value: str, digit: str) -> int:
    digit = digit.translate(_AS_DIGITS)
    return int(digit.isdigit() and check_digit(value) == int(digit))


def _right_date(value: str, digit: str) -> int:
    """Like `_right`, for YYMMDD with a month that exists; some documents leave the day or month of birth unknown."""
    value = value.translate(_AS_DIGITS)
    month = value[2:4]
    dated = value.replace("<", "").isdigit() and (month == "<<" or (month.isdigit() and int(month) <= 12))
    return _right(value, digit) if dated else 0
