"""JSON documents as paths and leaves, and edits that change one string and leave every other byte alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

MAX_DEPTH = 32
MAX_LEAVES = 10_000
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|-?Infinity|NaN")


class JsonError(ValueError):
    """The document is no JSON, or nests deeper than MAX_DEPTH. The text holds a position, never content."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string or number in a document: `user.names[0]`, its value, and where its literal stands in the text."""

    path: str
    value: str | int | float | bool | None
    start: int
    end: int


def leaves(text: str) -> Iterator[Leaf]:
    """Every scalar of the document in order, at most MAX_LEAVES; raises JsonError on the first fault."""
    for count, leaf in enumerate(_Walk(text).document(), 1):
        if count > MAX_LEAVES:
            raise JsonError(f"more than {MAX_LEAVES:,} values in one document")
        yield leaf


def replace(text: str, edits: Mapping[str, str]) -> str:
    """The document with the scalars at the paths of `edits` replaced by these strings."""
    pieces, at = [], 0
    for leaf in leaves(text):
        if leaf.path in edits:
            pieces += [text[at : leaf.start], json.dumps(edits[leaf.path], ensure_ascii=False)]
            at = leaf.end
    return "".join([*pieces, text[at:]])


def flatten(value: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Paths and scalars of already parsed data, with the same paths that `leaves` gives."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{prefix}[{index}]", depth + 1)
    else:
        yield prefix, value


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Iterator[Leaf]:
        yield from self._value("", 0)
        self._space()
        if self.at != len(self.text):
            raise self._error("unexpected content after the end of the document")

    def _value(self, path: str, depth: int) -> Iterator[Leaf]:
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH}")
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
        while not self._closes("}"):
            self._space()
            if self.text[self.at : self.at + 1] != '"':
                raise self._error("a key is missing")
            key = self._string()
            self._expect(":")
            yield from self._value(f"{path}.{key}" if path else key, depth + 1)
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


def _scalar(literal: str) -> int | float | bool | None:
    if literal in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[literal]
    if literal.lstrip("-").isdigit():
        return int(literal) if len(literal) <= 400 else float(len(literal))
    return float(literal.replace("Infinity", "inf"))
