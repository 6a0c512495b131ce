"""One spelling for the many ways to write a character, with the way back to the stored text.

Full-width digits, non-breaking hyphens, zero-width marks inside a number, HTML references and percent-encoding hide a
value from a pattern, not from a reader. A `Mapped` text is rewritten step by step and still knows, for each of its
characters, which stored code points it stands for.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from privacy_audit.types import Span

Piece = tuple[str, int, int]
"""A character (or a few) and the code points, relative to the match, that it stands for."""

_UNUSUAL = re.compile(r"[^\x20-\x7e\n\t]+|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BULLETS = re.compile(r"(?<=\d)[\u00b7\u2022\u2027\u2219\u22c5\u25cf\u30fb](?=\d)")  # 415 555 0132 with dots between
_ENCODED_AT = re.compile(r"(?<=[A-Za-z0-9._-])%40(?=[A-Za-z0-9])")
_MINUS = "\u2212"
_LONGEST_EXPANSION = 4  # one code point of Arabic unfolds to 18; a hostile text must not grow like that
_PERCENT_ROUNDS = 2  # a URL inside a URL is encoded twice


class Mapped:
    """`value` with the stored code points behind each of its characters."""

    __slots__ = ("_ends", "_starts", "value")

    def __init__(self, value: str, starts: Sequence[int] | None = None, ends: Sequence[int] | None = None) -> None:
        self.value = value
        self._starts = range(len(value)) if starts is None else starts
        self._ends = range(1, len(value) + 1) if ends is None else ends

    def span(self, start: int, end: int) -> Span:
        """Where `value[start:end]` (not empty) is stored."""
        return Span(self._starts[start], self._ends[end - 1])

    def overlaid(self, value: str) -> Mapped:
        """`value`, of the same length, in the place of this one's."""
        return Mapped(value, self._starts, self._ends)

    def rewrite(self, pattern: re.Pattern[str], pieces: Callable[[str], Iterable[Piece]]) -> Mapped:
        """Each match of `pattern` replaced by its pieces; self when there is none."""
        match = pattern.search(self.value)
        if match is None:
            return self
        text: list[str] = []
        starts, ends = array("q"), array("q")
        position = 0
        while match is not None:
            text.append(self.value[position : match.start()])
            starts.extend(self._starts[position : match.start()])
            ends.extend(self._ends[position : match.start()])
            for piece, first, last in pieces(match.group()):
                text.append(piece)
                starts.extend([self._starts[match.start() + first]] * len(piece))
                ends.extend([self._ends[match.start() + last - 1]] * len(piece))
            position = match.end()
            match = pattern.search(self.value, position)
        text.append(self.value[position:])
        starts.extend(self._starts[position:])
        ends.extend(self._ends[position:])
        return Mapped("".join(text), starts, ends)


def normalise(text: str | Mapped) -> Mapped:
    """Compatibility forms, dashes, spaces, decimal digits of any script and HTML references in their ASCII spelling.

    Bullets between digits become full stops, "%40" between letters becomes "@". Invisible marks are dropped;
    control characters and lone surrogates become spaces. Characters without an ASCII spelling stay as they are.
    """
    mapped = text if isinstance(text, Mapped) else Mapped(text)
    folded = mapped.rewrite(_UNUSUAL, _fold_run)
    if folded is not mapped:
        folded = folded.rewrite(_BULLETS, lambda run: [(".", 0, len(run))])
    return folded.rewrite(_ENCODED_AT, lambda run: [("@", 0, len(run))])


def percent_decode(text: str | Mapped) -> Mapped:
    """Percent-encoding taken off, as UTF-8 where it is valid, else one character per byte."""
    mapped = text if isinstance(text, Mapped) else Mapped(text)
    for _ in range(_PERCENT_ROUNDS):
        decoded = mapped.rewrite(_PERCENT, _decode_run)
        if decoded is mapped:
            break
        mapped = decoded
    return mapped


def _fold_run(run: str) -> Iterable[Piece]:
    if run[0] == "&":
        plain = html.unescape(run)
        folded = "".join(map(_fold, plain)) if len(plain) == 1 else run
        return [(folded, 0, len(run))]
    return [(folded, index, index + 1) for index, folded in enumerate(map(_fold, run)) if folded]


def _decode_run(run: str) -> Iterable[Piece]:
    raw = bytes.fromhex(run.replace("%", ""))
    try:
        plain = raw.decode("utf-8")
    except UnicodeDecodeError:
        plain = raw.decode("latin-1")
        return [(character, 3 * index, 3 * index + 3) for index, character in enumerate(plain)]
    pieces = []
    position = 0
    for character in plain:
        size = 3 * len(character.encode("utf-8"))
        pieces.append((character, position, position + size))
        position += size
    return pieces


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    if character in "\n\t" or " " <= character <= "~":
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zs"):
        return " "
    if category in ("Zl", "Zp"):
        return "\n"
    if category in ("Cf", "Me") or "\ufe00" <= character <= "\ufe0f":  # zero-width, bidi, keycap, variation selector
        return ""
    if category == "Pd" or character == _MINUS:
        return "-"
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) <= _LONGEST_EXPANSION else character
