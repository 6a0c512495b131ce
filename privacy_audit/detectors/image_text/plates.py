"""Licence plates: a line of text that is one and nothing else, in the shapes of Indonesia and of some of Europe.

A shape alone proves little (a bus line, a product), so only shapes with enough letters and digits are taken, and the
score stays low.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Plate(NamedTuple):
    """The country of a plate ("" when several share its shape), and how sure that is."""

    country: str
    score: float


_INDONESIA = re.compile(
    r"(?:A[ABDEG]?|B[ABDEGHKLMNP]?|D[ABCDEGHKLMNRTW]?|E[ABD]?|[FGHLMNRSTWZ]|K[BHTU]?|P[ABGST]?)"
    r" ?[1-9]\d{2,3} ?[A-Z]{2,3}"
)
_EUROPE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("DE", re.compile(r"[A-ZÄÖÜ]{1,3}[-:·•. ]{1,2}[A-Z]{1,2}[- ]?[1-9]\d{1,3}[EH]?")),
    ("", re.compile(r"[A-HJ-NP-TV-Z]{2}[-·. ]?\d{3}[-·. ]?[A-HJ-NP-TV-Z]{2}")),  # France, Italy
    ("ES", re.compile(r"\d{4}[- ]?[BCDFGHJKLMNPRSTVWXYZ]{3}")),
    ("GB", re.compile(r"[A-HJ-PR-Y]{2}[0-7]\d ?[A-HJ-PR-Z]{3}")),
    ("NL", re.compile(r"(?=.*\d\d)(?=.*[A-Z])(?:(?:\d\d|[A-Z]{2})-){2}(?:\d\d|[A-Z]{2})|[A-Z]-\d{3}-[A-Z]{2}")),
    ("PL", re.compile(r"[A-Z]{2,3} \d{4}[A-Z0-9]")),
    ("CZ", re.compile(r"[1-9][A-Z][A-Z0-9][ -]?\d{4}")),
)
_MARGINS = " |[](){}.,:;'\"`-·•*"
_SCORE = 0.6


def plate(line: str) -> Plate | None:
    """What plate the whole of `line` is, apart from marks around it; None when it is none."""
    text = " ".join(line.strip(_MARGINS).split())
    if _INDONESIA.fullmatch(text):
        return Plate("ID", _SCORE)
    for country, pattern in _EUROPE:
        if pattern.fullmatch(text):
            return Plate(country, _SCORE)
    return None
