"""How long each law leaves for an answer: the data are in rules/requests/deadlines.yaml."""

from __future__ import annotations

import calendar
import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

from privacy_audit.errors import CaseError
from privacy_audit.resources import folder
from privacy_audit.yamlfile.wording import did_you_mean, hint, quote

DEFAULT_LAWS = ("gdpr", "uu-pdp")
"""Those that have a built-in rule pack."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an answer is due under one law. `due` and `extended` are ISO 8601; `extended` may be empty."""

    name: str
    law: str
    at: str
    due: str
    extended: str
    note: str
    keep: str
    confidence: str


@functools.lru_cache(maxsize=1)
def laws() -> dict[str, dict[str, object]]:
    """What the file says, by the short name of the law."""
    from ruamel.yaml import YAML

    text = folder("rules").joinpath("requests", "deadlines.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, object]] = YAML(typ="safe", pure=True).load(text)["laws"]
    return loaded


def due(received: datetime, names: tuple[str, ...] = DEFAULT_LAWS) -> list[Deadline]:
    """The deadlines of a request received at `received`, the earliest first; raises CaseError for an unknown law."""
    return sorted((_deadline(name, received) for name in dict.fromkeys(names)), key=lambda entry: entry.due)


def _deadline(name: str, received: datetime) -> Deadline:
    known = laws()
    if name not in known:
        raise CaseError(
            f"no deadline is known for {quote(name)}{hint(did_you_mean(name, list(known)))}. Known: {', '.join(known)}."
        )
    entry = known[name]
    end = _later(received, entry["within"])
    extended = _later(end, entry["extension"]).isoformat(timespec="seconds") if "extension" in entry else ""
    texts = {field: str(entry[field]) for field in ("law", "at", "note", "keep", "confidence")}
    return Deadline(name=name, due=end.isoformat(timespec="seconds"), extended=extended, **texts)


def _later(moment: datetime, span: object) -> datetime:
    assert isinstance(span, dict)
    months = moment.month - 1 + span.get("months", 0)
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])  # a month after 31 January is the end of February
    moved = moment.replace(year=year, month=month, day=day)
    return moved + timedelta(days=span.get("days", 0), hours=span.get("hours", 0))
