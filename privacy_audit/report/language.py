"""The words of a report, and how numbers and dates are written: one catalogue file per language.

A catalogue is a flat JSON object, key to text. A text may be {"one": ..., "other": ...}, chosen by the parameter `n`.
Texts are plain, never HTML, and a missing key is an error: a report with holes must not be published.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.report import disclosure
from privacy_audit.report.disclosure import Figure
from privacy_audit.resources import folder
from privacy_audit.taxonomy import describe


class Ends(Protocol):
    """Two rates that something lies between."""

    @property
    def low(self) -> float:
        """The lower one."""
        ...

    @property
    def high(self) -> float:
        """The higher one."""
        ...


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class Language:
    """A catalogue, callable: `language("verdict.pass.title", n=5)`."""

    def __init__(self, name: str, entries: Mapping[str, str | Mapping[str, str]]) -> None:
        self.name = name
        self.entries = entries

    @classmethod
    def load(cls, name: str) -> Language:
        """The catalogue `reports/catalogue/NAME.json`. Raises PrivacyAuditError when there is none."""
        if name not in names():
            raise PrivacyAuditError(f"there is no report in '{name}'; use one of {', '.join(names())}.")
        file = folder("reports") / "catalogue" / f"{name}.json"
        return cls(name, json.loads(file.read_text(encoding="utf-8")))

    def __call__(self, key: str, **parameters: object) -> str:
        """The text of `key`. Whole numbers among the parameters get the language's separators."""
        entry = self.entries[key]
        if not isinstance(entry, str):
            n = parameters.get("n")
            one = (n.exact if isinstance(n, Figure) else n) == 1
            entry = entry["one" if one and "one" in entry else "other"]
        return entry.format(**{name: self._written(value) for name, value in parameters.items()})

    def label(self, family: str, value: str) -> str:
        """The text of `family.value`, or `value` itself: a plug-in may bring words that no catalogue has."""
        key = f"{family}.{value}"
        return self(key) if key in self.entries else value

    def kind(self, code: str) -> str:
        """The title of a finding code."""
        key = f"code.{code}"
        return self(key) if key in self.entries else describe(code).title

    def title(self, facts: Mapping[str, str], default: str) -> str:
        """The title of a rule or pack: the one in this language where its author wrote one."""
        return facts.get(f"title_{self.name}") or default

    def number(self, value: float | Figure, digits: int = 0) -> str:
        """1234567.8 as "1,234,568"; a figure that is a range as "<10" or "10–19"."""
        if isinstance(value, Figure):
            return self._figure(value)
        text = f"{value:,.{digits}f}"
        return text.translate({ord(","): self("format.thousands"), ord("."): self("format.decimal")})

    def percent(self, rate: float) -> str:
        """A rate of 0 to 1 with as many digits as it needs; what is neither none nor all never looks like it."""
        if 0 < rate < 0.001:
            return self("format.percent_below", value=self.number(0.1, 1))
        if 0.999 < rate < 1:
            return self("format.percent_above", value=self.number(99.9, 1))
        return self("format.percent", value=self.number(100 * rate, 0 if rate in {0, 1} else 1))

    def share(self, part: int | Figure, total: int | Figure) -> str:
        """`part` of `total` in percent; a dash when there was nothing, or when either is a range."""
        one, all_of_it = (n if isinstance(n, Figure) else Figure(n, n) for n in (part, total))
        rate = disclosure.share(one, all_of_it)
        return self("format.nothing") if rate is None else self.percent(rate)

    def change(self, difference: int | None) -> str:
        """A difference with its sign; a dash when it is not published."""
        if difference is None:
            return self("format.nothing")
        return f"{'+' if difference > 0 else '−' if difference else '±'}{self.number(abs(difference))}"

    def day(self, iso: str) -> str:
        """A day such as 2026-05-17 as this language writes it; other text as it is."""
        try:
            day = dt.date.fromisoformat(iso)
        except ValueError:
            return iso
        return self("format.day", day=str(day.day), month=self(f"month.{day.month}"), year=str(day.year))

    def interval(self, ends: Ends) -> str:
        """Both ends of an interval of rates of 0 to 1, in percent."""
        return self("format.range", low=self.bound(ends.low), high=self.bound(ends.high))

    def bound(self, rate: float) -> str:
        """A rate of 0 to 1 in percent with two significant digits, for small bounds."""
        value = 100 * rate
        digits = 0 if value >= 10 or not value else 1
        while 0 < value < 10 ** (1 - digits) and digits < 9:
            digits += 1
        return self("format.percent", value=self.number(value, digits))

    def size(self, size_bytes: int | Figure) -> str:
        """A file size in decimal units."""
        if isinstance(size_bytes, Figure):
            if size_bytes.exact is None:
                return self("format.hidden")
            size_bytes = size_bytes.exact
        value, unit = float(size_bytes), 0
        while value >= 999.5 and unit + 1 < len(_UNITS):
            value, unit = value / 1000, unit + 1
        return f"{self.number(value, 1 if unit and value < 99.5 else 0)}\N{NO-BREAK SPACE}{_UNITS[unit]}"

    def date(self, iso: str) -> str:
        """An ISO 8601 time as a day and a time of day in UTC; other text as it is, a dash for none."""
        moment = _moment(iso)
        if moment is None:
            return iso or self("format.nothing")
        month = self(f"month.{moment.month}")
        return self("format.date", day=str(moment.day), month=month, year=str(moment.year), time=f"{moment:%H:%M}")

    def duration(self, start: str, end: str) -> str:
        """The time between two ISO 8601 times; a dash when there is none."""
        first, last = _moment(start), _moment(end)
        if first is None or last is None or last < first:
            return self("format.nothing")
        seconds = round((last - first).total_seconds())
        hours, minutes = seconds // 3600, seconds // 60 % 60
        if hours:
            return self("format.hours", hours=hours, minutes=minutes)
        return self("format.minutes", minutes=minutes, seconds=seconds % 60)

    def degrees(self, corner: int, axis: str) -> str:
        """A field of ten degrees by its lower edge, on the axis `ns` (latitude) or `ew` (longitude): 0–10° N."""
        low, high = sorted((abs(corner), abs(corner + 10)))
        return self("format.degrees", low=low, high=high, side=self(f"direction.{axis[0 if corner >= 0 else 1]}"))

    def each(self, key: str, rows: Iterable[Sequence[object]], *names: str) -> list[str]:
        """The text of `key` once per row, whose values are the parameters `names`."""
        return [self(key, **dict(zip(names, row, strict=True))) for row in rows]

    def _written(self, value: object) -> object:
        return self.number(value) if isinstance(value, (int, Figure)) else value

    def _figure(self, figure: Figure) -> str:
        if figure.exact is not None:
            return self.number(figure.exact)
        if figure.high is None:
            return self("format.hidden")
        if figure.low <= 1:
            return self("format.below", number=figure.high + 1)
        return self("format.span", low=figure.low, high=figure.high)


def names() -> list[str]:
    """The languages that there are."""
    return sorted(file.name.removesuffix(".json") for file in (folder("reports") / "catalogue").iterdir())


def _moment(iso: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(iso.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc).astimezone(dt.timezone.utc)
