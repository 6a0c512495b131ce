"""JSON documents as paths and leaves, and edits that change one string and leave every other byte alone.

A path is made of names (`user.tags[0]`). It goes into findings, so a key that may itself be a personal value, or that
is no name at all, is written as its number (`{0}`) and is a leaf of its own. A path that occurs twice (a doubled key,
or "a.b" beside "b" inside "a") gets a number (`a.b[1]`), so that no value hides behind another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

MAX_DEPTH = 32
MAX_LEAVES = 10_000
MAX_VALUES = 100_000  # leaves, objects and lists: a file of empty lists takes time, too
MAX_NAME_CHARS = 64
_LONGEST_NUMBER = 400  # digits; Python refuses to read numbers of some thousand
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|-?Infinity|NaN", re.ASCII)
_TELLING = re.compile(r"\S@\S|://|(?:\d\W{0,2}){9}")
_ASCII = frozenset(map(chr, range(128)))
_RESERVED = ("path:", "txt:", "json:")  # fields that are no column and no key, see sources.folder


class JsonError(ValueError):
    """The document is no JSON, or nests deeper than MAX_DEPTH. The text holds a position, never content."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string or number in a document: `user.names[0]`, its value, and where its literal stands in the text."""

    path: str
    value: str | int | float | bool | None
    start: int
    end: int


class Names:
    """Makes names distinct in the order in which they come: `a`, `a[1]`, `a[2]`."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._next = dict.fromkeys(taken, 1)

    def __call__(self, name: str) -> str:
        """`name`, with a number when it was there before."""
        if name not in self._next:
            self._next[name] = 1
            return name
        while (numbered := f"{name}[{self._next[name]}]") in self._next:
            self._next[name] += 1
        self._next[numbered] = 1
        return numbered


def telling(name: str) -> bool:
    """Whether a key or column name looks like a value: an e-mail address, a URL, a long number."""
    return _TELLING.search(name) is not None


def plain(name: str) -> bool:
    """Whether a key or column name may stand in a path, and so in findings and messages."""
    return (
        0 < len(name) <= MAX_NAME_CHARS and name.isprintable() and not name.startswith(_RESERVED) and not telling(name)
    )


def leaves(text: str) -> Iterator[Leaf]:
    """Every scalar of the document in order, at most MAX_LEAVES; raises JsonError on the first fault."""
    names = Names()
    for count, leaf in enumerate(_Walk(text).document(), 1):
        if count > MAX_LEAVES:
            raise JsonError(f"more than {MAX_LEAVES:,} values in one document")
        yield Leaf(names(leaf.path), leaf.value, leaf.start, leaf.end)


def replace(text: str, edits: Mapping[str, str]) -> str:
    """The document with the scalars at the paths of `edits` replaced by these strings."""
    pieces, at = [], 0
    for leaf in leaves(text):
        if leaf.path in edits:
            pieces += [text[at : leaf.start], _literal(edits[leaf.path], text[leaf.start : leaf.end])]
            at = leaf.end
    return "".join([*pieces, text[at:]])


def flatten(value: object) -> Iterator[tuple[str, object]]:
    """Paths and scalars of already parsed data, as `leaves` names them; raises JsonError beyond MAX_DEPTH."""
    found: list[tuple[str, object]] = []

    def note(path: str, scalar: object) -> object:
        found.append((path, scalar))
        return scalar

    _rebuilt(value, "", 0, Names(), note)
    return iter(found)


def edited(value: object, edits: Mapping[str, object]) -> object:
    """A copy of parsed data with the scalars at the paths of `edits` replaced."""
    return _rebuilt(value, "", 0, Names(), edits.get)


def _rebuilt(value: object, path: str, depth: int, names: Names, change: Callable[[str, object], object]) -> object:
    if depth > MAX_DEPTH:
        raise JsonError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        return {
            key: _rebuilt(inner, _joined(path, str(key), number), depth + 1, names, change)
            for number, (key, inner) in enumerate(value.items())
        }
    if isinstance(value, (list, tuple)):
        return [_rebuilt(inner, f"{path}[{index}]", depth + 1, names, change) for index, inner in enumerate(value)]
    return change(names(path), value)


def _joined(path: str, key: str, number: int) -> str:
    """The path of member `number` of an object, called `key`."""
    name = key if plain(key) else f"{{{number}}}"
    return f"{path}.{name}" if path else name


def _literal(value: str, before: str) -> str:
    """A JSON string. Only characters that stood there unescaped stay so: the file's encoding may not have others."""
    bare = json.dumps(value, ensure_ascii=False)
    return bare if bare.isascii() or set(bare) - set(before) <= _ASCII else json.dumps(value)


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.values = 0

    def document(self) -> Iterator[Leaf]:
        yield from self._value("", 0)
        self._space()
        if self.at != len(self.text):
            raise self._error("unexpected content after the end of the document")

    def _value(self, path: str, depth: int) -> Iterator[Leaf]:
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH}")
        self.values += 1
        if self.values > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES:,} values, objects and lists")
        self._space()
        first = self.text[self.at : self.at + 1]
        if first == "{":
            yield from self._members(path, depth)
        elif first == "[":
            yield from self._items(path, depth)
        elif first == '"':
            start = self.at
            yield Leaf(path, self._string(), start, self.at)
        else:
            match = _SCALAR.match(self.text, self.at)
            if match is None:
                raise self._error("a value is missing")
            self.at = match.end()
            yield Leaf(path, _scalar(match[0]), match.start(), match.end())

    def _members(self, path: str, depth: int) -> Iterator[Leaf]:
        self.at += 1
        number = 0
        while not self._closes("}"):
            self._space()
            start = self.at
            if self.text[start : start + 1] != '"':
                raise self._error("a key is missing")
            key = self._string()
            name = _joined(path, key, number)
            if not plain(key):
                yield Leaf(f"{name} (key)", key, start, self.at)
            self._expect(":")
            yield from self._value(name, depth + 1)
            number += 1
            if not self._more("}"):
                return

    def _items(self, path: str, depth: int) -> Iterator[Leaf]:
        self.at += 1
        index = 0
        while not self._closes("]"):
            yield from self._value(f"{path}[{index}]", depth + 1)
            index += 1
            if not self._more("]"):
                return

    def _closes(self, bracket: str) -> bool:
        self._space()
        if self.text[self.at : self.at + 1] != bracket:
            return False
        self.at += 1
        return True

    def _more(self, bracket: str) -> bool:
        """After an item: consume a comma (True) or the closing bracket (False)."""
        self._space()
        follows = self.text[self.at : self.at + 1]
        if follows not in {",", bracket} or not follows:
            raise self._error(f"',' or '{bracket}' is missing")
        self.at += 1
        return follows == ","

    def _string(self) -> str:
        try:
            value, self.at = scanstring(self.text, self.at + 1, False)
        except ValueError:
            raise self._error("a string is not closed or holds a bad escape") from None
        return str(value)

    def _expect(self, character: str) -> None:
        self._space()
        if self.text[self.at : self.at + 1] != character:
            raise self._error(f"'{character}' is missing")
        self.at += 1

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _error(self, what: str) -> JsonError:
        line = self.text.count("\n", 0, self.at) + 1
        return JsonError(f"not valid JSON at line {line}: {what}")


def _scalar(literal: str) -> str | int | float | bool | None:
    """The value of a literal; a number that is too long to be read stays text."""
    if literal in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[literal]
    if literal.lstrip("-").isdigit():
        return int(literal) if len(literal) <= _LONGEST_NUMBER else literal
    return float(literal.replace("Infinity", "inf"))
