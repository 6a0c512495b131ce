"""What the user's own files say of a dataset: mapped columns, its card, TDMRep rules and declared defaults."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from privacy_audit.detectors.provenance import licenses, readers, words
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.table import table
from privacy_audit.types import Training, Visibility

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.schema import Row

MAX_PATH_CHARS = 4000
_ROWS = {
    "visibility": ("mapped audience", "audience"),
    "license": ("mapped license", "license"),
    "consent": ("mapped consent", "consent"),
    "published_by_subject": ("published by subject", "published by subject"),
}
_YES, _NO = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A column that dataset.yaml maps. Other values than `values` are read as in the built-in columns of its kind."""

    subject: str
    field: str
    values: Mapping[str, readers.Signals]

    @property
    def row(self) -> Row:
        """The row of its signals."""
        return table()[_ROWS[self.subject][0]]

    def replaces(self, other: Row) -> bool:
        """Whether the built-in reading of the same column gives way: never that of an opt-out."""
        built_in = table()[_ROWS[self.subject][1]]
        return built_in.evidence == other.evidence and not other.given and self.subject != "published_by_subject"

    def listed(self, value: readers.Scalar) -> str | None:
        """The entry of `values` for a value; None when there is none."""
        same = (_YES if value else _NO) if isinstance(value, bool) else (words.spaced(value),)
        return next((word for word in same if word in self.values), None)

    def read(self, value: readers.Scalar) -> readers.Signals:
        """The signals of a value; None when neither the file nor the tables know it."""
        listed, word = self.listed(value), words.spaced(value)
        if listed is not None:
            return self.values[listed]
        if self.subject == "published_by_subject":
            answer = "yes" if word in _YES else "no" if word in _NO else ""
            return (self.row.make(self.row.state(answer)),) if answer else None
        found = readers.read(table()[_ROWS[self.subject][1]], value)
        return found and tuple(
            replace(signal, name=self.row.id, confidence="medium", evidence=self.row.evidence) for signal in found
        )


@dataclass(frozen=True, slots=True)
class Location:
    """A path of TDMRep: a prefix with `*` for anything and `$` for the end, as in robots.txt."""

    pieces: tuple[str, ...]
    to_the_end: bool

    @classmethod
    def parse(cls, text: str) -> Location:
        """From its text; an empty one fits every path."""
        return cls(tuple(text.removesuffix("$").split("*")), text.endswith("$"))

    def fits(self, path: str) -> bool:
        """Whether `path` is meant. Takes linear time, whatever the pattern."""
        first, *rest = self.pieces
        if not path.startswith(first):
            return False
        at = len(first)
        last = rest.pop() if rest and self.to_the_end else ""
        for piece in rest:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        if not self.to_the_end:
            return True
        return len(path) - len(last) >= at and path.endswith(last) if len(self.pieces) > 1 else at == len(path)


@dataclass(frozen=True, slots=True)
class Given:
    """`columns`: mapped columns by name. `always`: signals that hold for each sample."""

    columns: Mapping[str, tuple[Mapped, ...]] = field(default_factory=dict)
    always: tuple[Signal, ...] = ()
    reservations: tuple[tuple[Location, int], ...] = ()

    def reserved(self, sample_id: str, urls: Iterable[str]) -> list[Signal]:
        """TDMRep for a sample, by its place in the dataset and the paths of its URLs; the strictest rule that fits."""
        if not self.reservations:
            return []
        paths = [f"/{sample_id}", *filter(None, map(_path, urls))]
        row = table()["tdmrep.json"]
        fitting = {
            str(number) for place, number in self.reservations for path in paths if place.fits(path[:MAX_PATH_CHARS])
        }
        return [row.make(row.state(max(fitting)))] if fitting else []


def load(beside: str) -> Given:
    """From the JSON text of `sources.beside.Beside`; empty for an empty text."""
    facts = json.loads(beside) if beside else {}
    description: Mapping[str, Any] = facts.get("description", {})
    columns: dict[str, list[Mapped]] = {}
    for subject in _ROWS:
        mapping = description.get("columns", {}).get(subject)
        if mapping is None:
            continue
        column, values = (mapping, {}) if isinstance(mapping, str) else (mapping["column"], mapping.get("values", {}))
        meant = {words.spaced(word): _meaning(subject, meaning) for word, meaning in values.items()}
        columns.setdefault(column, []).append(Mapped(subject, column, meant))
    return Given(
        {column: tuple(mappings) for column, mappings in columns.items()},
        (*_declared(description), *_card(facts.get("card", {}))),
        tuple((Location.parse(location), number) for location, number in facts.get("reservations", ())),
    )


def _meaning(subject: str, meaning: str) -> readers.Signals:
    """What a value means. An audience that is not known is None, so that no licence makes up for it."""
    row = table()[_ROWS[subject][0]]
    if subject == "license":
        return _granted(row, meaning, publishes=True)
    if subject == "published_by_subject":
        return () if meaning == "unknown" else (row.make(row.state(meaning)),)
    if meaning in {"unknown", "unspecified"}:
        return None if subject == "visibility" else ()
    if subject == "visibility":
        return (replace(row.plain(), visibility=cast(Visibility, meaning), value=meaning),)
    return (replace(row.plain(), training=cast(Training, meaning), value=meaning),)


def _granted(row: Row, text: str, *, publishes: bool) -> tuple[Signal, ...]:
    known = licenses.recognise(text) or licenses.mentioned(text)
    return (readers.granted(row, known, publishes=publishes),) if known else ()


def _declared(description: Mapping[str, Any]) -> list[Signal]:
    licence = description.get("dataset", {}).get("license", "")
    found = list(_granted(table()["declared license"], licence, publishes=False))
    default = description.get("defaults", {}).get("visibility", "unknown")
    if default != "unknown":
        found.append(replace(table()["declared audience"].plain(), visibility=default, value=default))
    return found


def _card(card: Mapping[str, str]) -> list[Signal]:
    row, gate = table()["card license"], table()["card gate"]
    texts = [card[key] for key in ("license", "license_name", "license_link") if key in card]
    found = next(filter(None, (_granted(row, text, publishes=False) for text in texts)), ())
    return [*found, *([gate.make(gate.state("gated"))] if "gated" in card else [])]


def _path(url: str) -> str:
    try:
        parts = urlsplit(url[:MAX_PATH_CHARS])
    except ValueError:
        return ""
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
