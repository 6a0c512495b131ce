"""Records to signals: who may see a picture, under which licence it stands, whether it may be trained on.

A column is recognised by name, whatever its case and separators ("isPublic", "is_public", "photo.visibility.ispublic").
Words that the tables do not know give no signal: a picture is never public by guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from privacy_audit.detectors.provenance import columns, licenses
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.values import Scalar

MAX_NAME_CHARS = 200
MAX_ITEMS = 1000  # of a list
MAX_NUMBER = 1000

_MISSING = frozenset({"?", "-", "--", "unknown", "none", "null", "nil", "nan", "n/a", "na", "unspecified", "undefined"})
_OTHER_NUMBER = "a number"  # one that no table holds


@dataclass(slots=True)
class Reading:
    """The signals of one record. `unread` are the subjects on which a column holds a value that no table knows."""

    signals: list[Signal] = field(default_factory=list)
    unread: set[columns.Subject] = field(default_factory=set)


def read(record: Mapping[str, object]) -> Reading:
    """All signals of a record whose keys are column names or dotted paths. Never raises for what it holds."""
    reading = Reading()
    for key, value in record.items():
        found = columns.find(key) if len(key) <= MAX_NAME_CHARS else None
        if found is None:
            continue
        name, column = found
        for scalar in _scalars(value):
            signals = column.read(scalar)
            if signals is None or (column.subject == "license" and not any(signal.license for signal in signals)):
                reading.unread.add(column.subject)
            reading.signals += [replace(signal, field=name) for signal in signals or ()]
    reading.signals = list(dict.fromkeys(reading.signals))
    return reading


def _scalars(value: object) -> Iterator[Scalar]:
    """The values that are there, of a value or a list of them; what stands for "missing" is left out."""
    items: Iterable[object] = value[:MAX_ITEMS] if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if isinstance(item, str):
            text = item[: licenses.MAX_CHARS + 1].strip()
            if text and text.casefold() not in _MISSING:
                yield text
        elif isinstance(item, float):  # how pandas stores a column of integers or booleans with gaps
            if not math.isnan(item):
                yield int(item) if item.is_integer() and abs(item) < MAX_NUMBER else _OTHER_NUMBER
        elif isinstance(item, int):
            yield item if abs(item) < MAX_NUMBER else _OTHER_NUMBER
