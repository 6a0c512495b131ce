"""What the source needs to know of one platform's export: which files speak of which picture, and what they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from privacy_audit.sources.encoding import decode
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.tree import MAX_SIDECAR_BYTES
from privacy_audit.types import Failure, SourceKind

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Of one JSON document with all posts of an account."""
JSON = ".json"
RECORD = "record"
MAX_KEPT_BYTES = 128 * 1024 * 1024
"""Of documents that stay in memory, as they are stored."""
_NO_JSON = "a file of the export is no JSON, or nests too deep"

Record = dict[str, object]
Folders = Mapping[str, Sequence[str] | None]
Read = Callable[[str], Any]
_documents: dict[tuple[Path, str, str], tuple[int, Any]] = {}


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that speaks of a picture: a file, and the keys that lead to the picture in its document."""

    file: str
    pointer: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A sample: a picture with what speaks of it, or (`picture` is None) a record by itself, and why that is so."""

    name: str
    picture: str | None
    mentions: tuple[Mention, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Joined:
    """What a layout makes of the files: mentions per picture, records by themselves, files that are used up."""

    mentions: dict[str, list[Mention]] = field(default_factory=dict)
    alone: list[Entry] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    problems: list[tuple[str, Failure]] = field(default_factory=list)


class Layout(Protocol):
    """One platform. Without state."""

    kind: SourceKind
    captions: frozenset[str]
    """Fields that hold captions."""
    quiet: frozenset[str]
    """Last parts of fields that are no texts: counts and times."""

    def claims(self, names: Iterable[str], read: Read) -> bool:
        """Whether files of these names are an export of the platform. `read` gives the data of a JSON file, or None."""
        ...

    def join(self, forest: Forest, folders: Folders, pictures: frozenset[str], skipped: Counter[str]) -> Joined:
        """Which files speak of which of the `pictures`."""
        ...

    def record(self, forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
        """What is said of a sample, as a flat record; and what could not be read."""
        ...


NO_PICTURE = "the picture is not in this part of the export"


def joined(folder: str, name: str) -> str:
    """A path."""
    return f"{folder}/{name}" if folder else name


def paths(folders: Folders) -> Iterable[str]:
    """All files."""
    return (joined(folder, name) for folder, names in folders.items() for name in names or ())


def is_json(name: str) -> bool:
    """By suffix."""
    return PurePosixPath(name).suffix.lower() == JSON


def parsed(data: bytes) -> Any:
    """The data of a JSON document; raises ValueError."""
    try:
        return json.loads(decode(data).text)
    except RecursionError:
        raise ValueError(_NO_JSON) from None


def document(forest: Forest, name: str) -> Any | Failure:
    """The data of a large JSON document. The last ones read stay in memory."""
    key = (forest.path, name, forest.stamp(name))
    if key not in _documents:
        content = forest.content(name, RECORD, MAX_DOCUMENT_BYTES)
        data: Any | Failure = content
        if not isinstance(content, Failure):
            try:
                data = parsed(content)
            except ValueError:
                data = Failure(RECORD, "error", _NO_JSON)
        _documents[key] = (0 if isinstance(content, Failure) else len(content), data)
        while len(_documents) > 1 and sum(size for size, _ in _documents.values()) > MAX_KEPT_BYTES:
            del _documents[next(iter(_documents))]
    return _documents[key][1]


def glimpsed(forest: Forest, name: str) -> Any:
    """The data of a JSON file, None when it is none."""
    data = forest.content(name, "source", MAX_SIDECAR_BYTES)
    try:
        return None if isinstance(data, Failure) else parsed(data)
    except ValueError:
        return None


def position(text: object) -> float | None:
    """A coordinate as a number, None for none. Zero stands for a missing one."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value and abs(value) <= 1e9 else None
