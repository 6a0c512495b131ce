"""YAML 1.2 as plain data in which every value and key knows its line and column.

Takes the plain part of YAML: mappings, lists, text, numbers, true, false and null. Anchors, aliases, tags, directives
and second documents are mistakes, so nothing multiplies and nothing is constructed. Dates stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from privacy_audit.yamlfile.wording import quote

MAX_DEPTH = 32
MAX_NODES = 50_000
MAX_MISTAKES = 100
MAX_LINE_CHARS = 10_000  # ruamel.yaml takes time with the square of a tag's length

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][-+]?[0-9]{1,3})?", re.ASCII)
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

Position = tuple[int, int]
"""Line and column, both counted from 1."""
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where."""

    position: Position
    what: str


@dataclass(slots=True)
class Node:
    """A value and its position. A list has `items`, a mapping `entries` and the position of each key in `keys`."""

    position: Position
    scalar: bool | int | float | str | None = None
    items: list[Node] | None = None
    entries: dict[str, Node] | None = None
    keys: dict[str, Position] = field(default_factory=dict)

    def plain(self) -> Plain:
        """The value without positions."""
        if self.entries is not None:
            return {key: node.plain() for key, node in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.scalar


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read; `key` waits for its value."""

    node: Node
    key: str | None = None
    key_is_wrong: bool = False


def parse(text: str) -> tuple[Node | None, list[Mistake]]:
    """The only document in `text`, and what is wrong with it. No node when it is empty or is no YAML."""
    builder = _Builder()
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE_CHARS:
            builder.mistake((number, MAX_LINE_CHARS), f"the line is longer than {MAX_LINE_CHARS} characters")
            return None, builder.mistakes
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not builder.take(event):
                return None, builder.mistakes
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.problem, error.context) if part)
        builder.mistake(_position(mark), f"this is not YAML: {what or 'syntax error'}")
        return None, builder.mistakes
    except ReaderError as error:
        before = text[: error.position]
        position = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        builder.mistake(position, "this is not YAML: a control character")
        return None, builder.mistakes
    except (YAMLError, ValueError, RecursionError):
        builder.mistake((1, 1), "this is not YAML")
        return None, builder.mistakes
    if builder.root is None and not builder.mistakes:
        builder.mistake((1, 1), "the file is empty")
    return builder.root, builder.mistakes


class _Builder:
    """Turns parser events into a Node, noting what is not allowed on the way."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def mistake(self, position: Position, what: str) -> None:
        self.mistakes.append(Mistake(position, what))

    def take(self, event: Any) -> bool:
        """Use one event; False when there is no point in reading on."""
        if isinstance(event, DocumentStartEvent):
            return self._start_document(event)
        if isinstance(event, (SequenceEndEvent, MappingEndEvent)):
            self._open.pop()
            return True
        if not isinstance(event, (AliasEvent, ScalarEvent, SequenceStartEvent, MappingStartEvent)):
            return True
        position = _position(event.start_mark)
        self._nodes += 1
        if self._nodes > MAX_NODES or len(self._open) >= MAX_DEPTH or len(self.mistakes) >= MAX_MISTAKES:
            self.mistake(position, "too large or too deeply nested")
            return False
        if event.anchor is not None:
            self.mistake(position, "anchors and aliases are not allowed: write the value again")
        if getattr(event, "tag", None) is not None:
            self.mistake(position, "tags (!...) are not allowed")
        self._add(event, position)
        return True

    def _start_document(self, event: DocumentStartEvent) -> bool:
        self._documents += 1
        if event.tags or event.version not in {None, (1, 2)}:
            self.mistake((1, 1), "directives (%...) are not allowed; this is YAML 1.2")
        if self._documents > 1:
            self.mistake(_position(event.start_mark), "a second document: one file holds one")
        return self._documents == 1

    def _add(self, event: Any, position: Position) -> None:
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.node.entries is not None and parent.key is None:
            self._take_key(parent, event, position)
            return
        node = Node(position)
        if isinstance(event, ScalarEvent):
            node.scalar = _scalar(event.value) if event.style is None else event.value
        self._attach(parent, node)
        self._descend(event, node)

    def _take_key(self, parent: _Open, event: Any, position: Position) -> None:
        parent.key = event.value if isinstance(event, ScalarEvent) else ""
        parent.key_is_wrong = True
        if not isinstance(event, ScalarEvent):
            self.mistake(position, "a key has to be text")
            self._descend(event, Node(position))
        elif parent.key in parent.node.keys:
            line = parent.node.keys[parent.key][0]
            self.mistake(position, f"the key {quote(parent.key)} again; it stands on line {line} already")
        else:
            parent.key_is_wrong = False
            parent.node.keys[parent.key] = position

    def _attach(self, parent: _Open | None, node: Node) -> None:
        if parent is None:
            self.root = node
        elif parent.node.items is not None:
            parent.node.items.append(node)
        elif parent.node.entries is not None and parent.key is not None:
            if not parent.key_is_wrong:
                parent.node.entries[parent.key] = node
            parent.key = None

    def _descend(self, event: Any, node: Node) -> None:
        if isinstance(event, SequenceStartEvent):
            node.items = []
            self._open.append(_Open(node))
        elif isinstance(event, MappingStartEvent):
            node.entries = {}
            self._open.append(_Open(node))


def _position(mark: Any) -> Position:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _scalar(value: str) -> bool | int | float | str | None:
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _NUMBER.fullmatch(value) else value
