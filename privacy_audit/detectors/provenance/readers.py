"""Values of record columns and metadata properties to signals, by the rows of the table.

Each reader returns None for a value that its row does not know, and nothing for one that states nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from privacy_audit.detectors.provenance import licenses, words
from privacy_audit.detectors.provenance.notices import forbids_ai
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.table import table

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.schema import Row

Scalar = str | bool | int
Signals = tuple[Signal, ...] | None
MAX_CHARS = licenses.MAX_CHARS

_YES = frozenset({"true", "t", "1", "yes", "y", "on", "ya"})
_NO = frozenset({"false", "f", "0", "no", "n", "off", "tidak"})
_PLUS_ID = re.compile(r"\A(?:https?://ns\.useplus\.org/ldf/vocab/)?(?:plus:)?(?:DMI-)?", re.I | re.ASCII)
_PLUS_REFUSAL = re.compile(r"(?:^|/|-)prohibited", re.IGNORECASE)
_USAGE = re.compile(r"(?:^|[\s,;])([a-z]+(?:-[a-z]+)?)\s*=\s*(y|n|yes|no)(?![\w-])", re.I | re.ASCII)


def read(row: Row, value: Scalar) -> Signals:
    """The signals of a value where `row` applies."""
    return READERS[row.read](row, value)


def license_signals(row: Row, value: Scalar) -> Signals:
    """A licence that is the whole value is evidence of publication; one that prose mentions is a licence only."""
    if not isinstance(value, str):
        return None
    whole = licenses.recognise(value)
    known = whole or licenses.mentioned(value)
    signals = [granted(row, known, publishes=whole is not None)] if known else []
    if forbids_ai(value):
        signals.append(refusal())
    return tuple(signals) or None


def granted(row: Row, known: licenses.License, publishes: bool) -> Signal:
    """The signal of a licence. The licence of a whole dataset says nothing about where one picture comes from."""
    return Signal(
        row.signal or row.id,
        row.confidence,
        "public" if known.open and publishes and row.scope == "file" else None,
        known.training if known.training != "unspecified" else None,
        license=known.id,
        scope=row.scope,
        evidence=row.evidence,
    )


def refusal() -> Signal:
    """A refusal of AI in plain language."""
    row = table()["notice"]
    return row.make(row.states[0])


def file_name(name: str) -> Signal | None:
    """The platform whose naming habit `name` (the last part of a path) follows."""
    return _matched(table()["file name"], name[:255])


def facebook_mark(instructions: str) -> Signal | None:
    """The mark of Facebook at the beginning of the instructions in a file."""
    return _matched(table()["iptc:FBMD"], instructions.strip()[:16])


def _matched(row: Row, text: str) -> Signal | None:
    return next((row.make(state) for state in row.states if state.regex.match(text)), None)


def _words(row: Row, value: Scalar) -> Signals:
    state = row.known.get(words.spaced(value))
    return (row.make(state, state.visibility or state.training or ""),) if state else None


def _flag(row: Row, value: Scalar) -> Signals:
    """Yes and no; an answer that has no state says nothing. Other words are looked up."""
    word = words.spaced(value)
    if word not in _YES and word not in _NO:
        return _words(row, value)
    state, answer = (row.yes, "yes") if word in _YES else (row.no, "no")
    return (row.make(state, answer),) if state else ()


def _exact(row: Row, value: Scalar) -> Signals:
    state = row.known.get(words.exact(value))
    return (row.make(state),) if state else None


def _contains(row: Row, value: Scalar) -> Signals:
    """A message that may say anything, and states something where it holds one of the row's phrases."""
    text = value[:MAX_CHARS].casefold() if isinstance(value, str) else ""
    return next(((row.make(state),) for word, state in row.known.items() if word in text), ())


def _directives(row: Row, value: Scalar) -> Signals:
    """Directives after commas, each with an optional "agent:" before it; the first of each meaning counts."""
    if not isinstance(value, str):
        return None
    found = (words.exact(part.rpartition(":")[2]) for part in re.split(r"[,;|\n]", value[:MAX_CHARS]))
    return _first_of_each(row, found)


def _usage(row: Row, value: Scalar) -> Signals:
    """Pairs such as `train-ai=n`; a refusal wins."""
    if not isinstance(value, str):
        return None
    found = (f"{match[1].lower()}={match[2].lower()[0]}" for match in _USAGE.finditer(value[:MAX_CHARS]))
    return _first_of_each(row, found)[:1] or None


def _first_of_each(row: Row, found: Iterable[str]) -> tuple[Signal, ...]:
    first: dict[int, Signal] = {}
    for word in found:
        if state := row.known.get(word):
            first.setdefault(row.states.index(state), row.make(state, word))
    return tuple(first[index] for index in sorted(first))


def _data_mining(row: Row, value: Scalar) -> Signals:
    """An id with or without its namespace and prefix, or a printed label. A refusal of a later version is one."""
    text = value.strip()[:MAX_CHARS] if isinstance(value, str) else ""
    if len(text) > words.MAX_WORD_CHARS:
        return None
    state = row.known.get(words.spaced(_PLUS_ID.sub("", text)))
    if state is None and _PLUS_REFUSAL.search(text):
        state = row.state("prohibited")
    return (row.make(state),) if state else None


def _source_type(row: Row, value: Scalar) -> Signals:
    """The URI of a source type, or its last part."""
    text = value.strip()[: words.MAX_WORD_CHARS] if isinstance(value, str) else ""
    state = row.known.get(words.exact(text.rstrip("/").rpartition("/")[2].rpartition(":")[2]))
    return (row.make(state),) if state else None


def _platform(row: Row, value: Scalar) -> Signals:
    word = words.joined(value)
    state = row.known.get(word) if isinstance(value, str) and len(value) <= 64 else None
    return (row.make(state, word),) if state else None


def _flickr_license(row: Row, value: Scalar) -> Signals:
    """A Flickr licence number, or what `license_signals` reads."""
    known = None if isinstance(value, bool) else licenses.flickr().get(str(value))
    return (granted(row, known, publishes=True),) if known else license_signals(row, value)


READERS: dict[str, Callable[[Row, Scalar], Signals]] = {
    "words": _words,
    "flag": _flag,
    "exact": _exact,
    "contains": _contains,
    "directives": _directives,
    "usage": _usage,
    "data_mining": _data_mining,
    "source_type": _source_type,
    "platform": _platform,
    "license": license_signals,
    "flickr_license": _flickr_license,
}
