"""Where a value that has to go stands once more on the same sample: in another column, a sidecar, the file name.

A detector may report a name in a caption and not see it in a column of single words or in `maria_sari.jpg`. So what was
found once is looked for in all texts of the sample: accents, case, and what stands between words do not matter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from privacy_audit.containers import read
from privacy_audit.detectors.metadata import scan
from privacy_audit.types import Sample

MAX_VALUES = 200
MAX_CHARS = 300_000  # of a text: as much as the detector reads
_MAX_VALUE_CHARS = 500
SHORTEST = 3
_SHORTEST_NUMBER = 6  # characters of a number, a date, a coordinate: shorter ones agree by chance
IN_METADATA = ("name.", "contact.", "id.", "net.", "secret", "device.serial", "device.uid", "url.personal")
_SOLID = ("id.", "contact.phone", "net.mac", "device.")  # written with and without spaces and hyphens


class Value(NamedTuple):
    """A personal value and the code that it was found as."""

    code: str
    text: str


class _Loose(NamedTuple):
    """A text in a form to compare, and the position in the text of each of its characters."""

    text: str
    at: Sequence[int]


def in_metadata(sample: Sample) -> list[Value]:
    """Values in the metadata of the stored picture and of the sidecar that may stand in texts as well."""
    picture = sample.picture
    container = read(picture.data) if picture is not None else None
    hits = scan.hits(container)[0] if container is not None else []
    if sample.sidecar is not None:
        hits += scan.sidecar_hits(sample.sidecar)[0]
    return [Value(hit.code, hit.value) for hit in hits if hit.code.startswith(IN_METADATA)]


def spans(text: str, values: Iterable[Value]) -> Iterator[tuple[int, int, str]]:
    """Every place of every value in `text`: start, end and code, in code points of `text`."""
    text = text[:MAX_CHARS]
    for value in values:
        solid = value.code.startswith(_SOLID)
        needle = key(value.text, value.code)
        if needle:
            hay = _loose(text, solid)
            yield from ((start, end, value.code) for start, end in _places(text, hay, needle, solid))


def distinct(values: Iterable[Value]) -> list[Value]:
    """Values that are worth looking for, each once, the longest first."""
    found: dict[tuple[str, str], Value] = {}
    for value in values:
        if len(value.text) <= _MAX_VALUE_CHARS and (needle := key(value.text, value.code)):
            found.setdefault((value.code, needle), value)
    return sorted(found.values(), key=lambda value: (-len(value.text), value))[:MAX_VALUES]


def key(value: str, code: str) -> str:
    """A form that is equal for equal values, however they are written; empty for one that is too short to tell."""
    loose = _loose(value, code.startswith(_SOLID)).text.strip()
    letters = sum(character.isalpha() for character in loose)
    shortest = SHORTEST if letters * 2 > len(loose) else _SHORTEST_NUMBER
    return loose if len(loose) >= shortest else ""


@lru_cache(maxsize=16)
def _loose(text: str, solid: bool) -> _Loose:
    pieces: list[str] = []
    at: list[int] = []
    for position, character in enumerate(text):
        for plain in unicodedata.normalize("NFKD", character).casefold():
            if plain.isalnum():
                pieces.append(plain)
                at.append(position)
            elif unicodedata.combining(plain):
                continue
            elif not solid and (not pieces or pieces[-1] != " "):
                pieces.append(" ")
                at.append(position)
    return _Loose("".join(pieces), at)


def _places(text: str, hay: _Loose, needle: str, solid: bool) -> Iterator[tuple[int, int]]:
    start = hay.text.find(needle)
    while start >= 0:
        end = start + len(needle)
        first, last = hay.at[start], hay.at[end - 1] + 1
        if _apart(text, first, solid) and _apart(text, last, solid):
            yield first, last
        start = hay.text.find(needle, end)


def _apart(text: str, position: int, solid: bool) -> bool:
    """Whether a word, or a number, ends here."""
    before, after = text[position - 1 : position], text[position : position + 1]
    if solid:
        return not (before.isdigit() and after.isdigit()) and not (before.isalpha() and after.isalpha())
    return not (before.isalnum() and after.isalnum())
