"""Records to signals: who may see a picture, under which licence it stands, whether it may be trained on.

A column is recognised by name, whatever its case and separators ("isPublic", "is_public", "photo.visibility.ispublic"),
or because the user's dataset.yaml maps it. Words that the tables do not know give no signal: a picture is never public
by guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from privacy_audit.detectors.provenance import columns, licenses, readers
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.yfcc import named

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.given import Mapped
    from privacy_audit.detectors.provenance.schema import Row, Subject

MAX_NAME_CHARS = 200
MAX_ITEMS = 1000  # of a list
MAX_NUMBER = 1000
MAX_LICENSE_CHARS = 100_000  # of texts about licences in one record: searching them for licences takes time
_VALUE_COST = 40  # characters that a value counts for, however short it is

_MISSING = frozenset({"?", "-", "--", "unknown", "none", "null", "nil", "nan", "n/a", "na", "unspecified", "undefined"})
_OTHER_NUMBER = "a number"  # one that no table holds


@dataclass(slots=True)
class Reading:
    """The signals of one record.

    `unread` are the subjects on which a column holds a value that no table knows. `unweighed` counts texts about
    licences that the record had beyond MAX_LICENSE_CHARS.
    """

    signals: list[Signal] = field(default_factory=list)
    unread: set[Subject] = field(default_factory=set)
    unweighed: int = 0


def read(record: Mapping[str, object], mapped: Mapping[str, tuple[Mapped, ...]] | None = None) -> Reading:
    """All signals of a record whose keys are column names or dotted paths. Never raises for what it holds."""
    reading = Reading()
    budget = _Budget(MAX_LICENSE_CHARS)
    for key, value in named(record).items():
        own = mapped.get(key, ()) if mapped else ()
        for mapping in own:
            for scalar in _scalars(value, unless_missing=mapping.listed):
                if mapping.row.subject != "license" or mapping.listed(scalar) or budget.allows(scalar):
                    _note(reading, mapping.row, mapping.field, mapping.read(scalar))
        found = columns.find(key) if len(key) <= MAX_NAME_CHARS else None
        if found is None or any(mapping.replaces(found[1]) for mapping in own):
            continue
        name, row = found
        for scalar in _scalars(value):
            if row.subject != "license" or budget.allows(scalar):
                _note(reading, row, name, readers.read(row, scalar))
    reading.signals = list(dict.fromkeys(reading.signals))
    reading.unweighed = budget.refused
    return reading


@dataclass(slots=True)
class _Budget:
    """How many characters about licences may still be searched. The same text again costs nothing."""

    left: int
    refused: int = 0
    seen: set[readers.Scalar] = field(default_factory=set)

    def allows(self, value: readers.Scalar) -> bool:
        if not isinstance(value, str) or value in self.seen:
            return True
        cost = len(value) + _VALUE_COST
        if cost > self.left:
            self.refused += 1
            return False
        self.left -= cost
        self.seen.add(value)
        return True


def _note(reading: Reading, row: Row, name: str, signals: readers.Signals) -> None:
    if signals is None or (row.subject == "license" and not any(signal.license for signal in signals)):
        reading.unread.add(row.subject)
    reading.signals += [replace(signal, field=name) for signal in signals or ()]


def _scalars(value: object, unless_missing: Callable[[str], object] = lambda _: None) -> Iterator[readers.Scalar]:
    """The values that are there, of a value or a list of them.

    What stands for "missing" is left out, unless `unless_missing` knows it.
    """
    items: Iterable[object] = value[:MAX_ITEMS] if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if isinstance(item, str):
            text = item[: licenses.MAX_CHARS + 1].strip()
            if text and (text.casefold() not in _MISSING or unless_missing(text) is not None):
                yield text
        elif isinstance(item, float):  # how pandas stores a column of integers or booleans with gaps
            if not math.isnan(item):
                yield int(item) if item.is_integer() and abs(item) < MAX_NUMBER else _OTHER_NUMBER
        elif isinstance(item, int):
            yield item if abs(item) < MAX_NUMBER else _OTHER_NUMBER
