"""A first dataset.yaml, by a look at the columns of a folder. It proposes what columns mean, and nothing as public."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from privacy_audit.detectors.provenance import columns, licenses, readers, words
from privacy_audit.detectors.provenance.table import table
from privacy_audit.sources import FolderSource, SkippedMember
from privacy_audit.sources.jsontext import plain
from privacy_audit.types import TRAININGS

MAX_SAMPLES = 10_000
MAX_DISTINCT = 1_000
MAX_COLUMNS = 500
MAX_WORDS = 30  # a column with more distinct values is no category
_LONG = 25  # characters of a caption, on average

Kind = Literal["visibility", "license", "consent", "published_by_subject"]
# Parts of names that are worth a question. Order counts: "photo_release_license" is a licence.
_HINTS: tuple[tuple[Kind, str], ...] = (
    ("license", "^lic$|licen|rights|copyright|terms"),
    ("published_by_subject", "publishedby|postedby(?:self|subject)|isself|selfie|ownphoto|bysubject"),
    ("consent", "consent|release|permission|permit|agree|optin|optout|training"),
    ("visibility", "visib|privacy|private|public|audience|shar(?:e|ing)|access|whocansee"),
)
_COMMENTS: dict[Kind, str] = {
    "visibility": "who may see a picture: public, restricted, private or unknown",
    "license": "the licence: any name or URL, such as CC BY 4.0 or all rights reserved",
    "consent": "may it be trained on: allowed, constrained, denied or unspecified",
    "published_by_subject": "did the person in the picture publish it: yes, no or unknown",
}


@dataclass(slots=True)
class Column:
    """What was seen of a column. `values` are the distinct ones in normal form, and are never shown unless known."""

    name: str
    count: int = 0
    chars: int = 0
    spaced: int = 0
    values: set[str] = field(default_factory=set)
    kind: Kind | Literal["caption", "url", ""] = ""
    built_in: str = ""

    def add(self, value: object) -> None:
        """Note a value."""
        text = str(value)[:2000]
        self.count += 1
        self.chars += len(text)
        self.spaced += " " in text.strip()
        if len(self.values) <= MAX_DISTINCT:
            self.values.add(words.spaced(text))

    @property
    def known(self) -> list[str]:
        """The distinct values that are words of the tables, when the column is a category."""
        return sorted(value for value in self.values if _known(value)) if len(self.values) <= MAX_WORDS else []

    def line(self) -> str:
        """For a person: name, distinct values, what it is taken for."""
        more = "more than " if len(self.values) > MAX_DISTINCT else ""
        parts = [f"{self.name}: {more}{min(len(self.values), MAX_DISTINCT):,} distinct"]
        if self.kind in _COMMENTS and self.known:
            parts.append(f"among them {', '.join(self.known)}")
        parts.append(self.built_in and f"read already: {self.built_in[0].lower()}{self.built_in[1:]}")
        parts.append(f"proposed as {self.kind}" if self.kind else "")
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The columns that were seen, and the text of a dataset.yaml."""

    columns: tuple[Column, ...]
    text: str


def propose(source: FolderSource) -> Proposal:
    """Look at up to MAX_SAMPLES samples and propose a description."""
    seen: dict[str, Column] = {}
    for record in islice(_records(source), MAX_SAMPLES):
        for name, value in record.items():
            # A name that is no plain one may itself be a value, where a table has no header
            if isinstance(value, (str, int, float)) and value != "" and plain(name) and _room(seen, name):
                seen.setdefault(name, Column(name)).add(value)
    found = [seen[name] for name in sorted(seen)]
    for column in found:
        row = columns.find(column.name)
        column.built_in = row[1].title if row else ""
        column.kind = _kind(column)
    return Proposal(tuple(found), _text(found))


def _room(seen: Mapping[str, Column], name: str) -> bool:
    return name in seen or len(seen) < MAX_COLUMNS


def _records(source: FolderSource) -> Iterator[Mapping[str, object]]:
    for shard in source.shards():
        for member in source.read(shard):
            if not isinstance(member, SkippedMember) and member.sample.record:
                yield member.sample.record


def _kind(column: Column) -> Kind | Literal["caption", "url", ""]:
    name = words.joined(column.name)
    row = columns.find(column.name)
    understood = row is not None and all(readers.read(row[1], value) is not None for value in column.values)
    if row is not None and understood:
        return ""
    if len(column.values) <= MAX_WORDS:
        for kind, pattern in _HINTS:
            if re.search(pattern, name):
                return kind
    average = column.chars / column.count
    if row is None and average > _LONG and column.spaced > column.count / 2:
        return "caption"
    return ""


def _known(value: str) -> bool:
    """Whether a value is a word of the tables, or one digit: nothing else of a dataset is shown or written."""
    if re.fullmatch(r"[0-9]", value, re.ASCII) or value in {"true", "false", "yes", "no"}:
        return True
    rows = (table()["audience"], table()["consent"], table()["training permission"])
    return any(value in row.known for row in rows) or licenses.recognise(value) is not None


def _text(found: list[Column]) -> str:
    lines = [
        "# What this dataset is and what its columns mean. Written by `privacy-audit init`; read it and fill it in.",
        "# docs/provenance.md explains every key. Nothing here is taken for public unless you say so.",
        "",
        "dataset: {}",
        *(f"#  {key}: {example}" for key, example in _DECLARED.items()),
        "",
    ]
    return "\n".join(lines + _columns(found) + _defaults()) + "\n"


_DECLARED = {
    "name": "Street scenes 2026",
    "publisher": "Example Institute",
    "contact": "privacy@example.com  # the report tells people to object here",
    "license": "CC BY 4.0  # of the collection; it says nothing of a single picture",
    "url": "https://example.com/street-scenes",
}


def _columns(found: list[Column]) -> list[str]:
    lines = ["columns:"]
    captions = [column.name for column in found if column.kind == "caption"]
    if captions:
        lines.append("  # Searched for personal data as captions are")
        lines.append(f"  caption: [{', '.join(map(json.dumps, captions))}]")
    taken: set[str] = set()
    for column in found:
        if column.kind not in _COMMENTS:
            continue
        mark = "# " if column.kind in taken else ""  # a second candidate waits for a person to choose
        taken.add(column.kind)
        lines.append(f"  # {_COMMENTS[column.kind]}")
        lines.append(f"  {mark}{column.kind}:")
        lines.append(f"  {mark}  column: {json.dumps(column.name)}")
        lines += [f"  {mark}{line}" for line in _values(column)]
    return lines if len(lines) > 1 else ["columns: {}"]


def _values(column: Column) -> list[str]:
    known = column.known
    hidden = len(column.values) - len(known)
    lines = ["  values:" if known else "  values: {}"]
    lines += [f"    {json.dumps(value)}: {_meaning(column.kind, value)}" for value in known]
    if hidden:
        lines.append(f"    # {hidden:,} more values, which are not shown here: add those that you know")
    return lines


def _meaning(kind: str, value: str) -> str:
    """What the tables say of a word, unless that is a permission: those are for a person to give."""
    if kind == "license":
        known = licenses.recognise(value)
        return json.dumps(known.id) if known and not known.open else '"?"  # a name or URL'
    if kind == "published_by_subject":
        return "unknown  # yes or no"
    row = table()["audience" if kind == "visibility" else "consent"]
    state = row.known.get(value)
    if kind == "visibility":
        strict = state.visibility if state and state.visibility in {"restricted", "private"} else None
        return strict or "unknown  # public, restricted or private"
    denied = state is not None and state.training == TRAININGS[-1]
    return "denied" if denied else "unspecified  # allowed, constrained or denied"


def _defaults() -> list[str]:
    return [
        "",
        "defaults:",
        "  # For samples of which nothing else is known. `public` needs a line `evidence:` that says how you know.",
        "  visibility: unknown",
    ]
