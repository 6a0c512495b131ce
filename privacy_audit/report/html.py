"""Turns a `Summary` into one HTML page: no script, nothing loaded, opens from disk.

Every value is escaped by Jinja2, and freed of control and bidirectional characters on its way into the page. The style
sheet stands inline and is allowed by its digest; the content security policy refuses everything else.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from privacy_audit import stats
from privacy_audit.claims import words
from privacy_audit.report import charts
from privacy_audit.report.language import Language
from privacy_audit.report.measure import summarise
from privacy_audit.report.summary import Summary
from privacy_audit.resources import folder
from privacy_audit.store.files import write_whole
from privacy_audit.store.redactions import Residual
from privacy_audit.taxonomy import CATEGORIES, describe
from privacy_audit.types import TRAININGS, Severity

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

SECTIONS = (
    "verdict",
    "scope",
    "claims",
    "findings",
    "linkage",
    "people",
    "provenance",
    "decisions",
    "settled",
    "redaction",
    "detectors",
    "distributions",
    "failures",
    "method",
    "laws",
    "objection",
    "integrity",
)
TEXT_CHARS = 1200  # a detector's own description fits; a hostile text of megabytes does not
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling in Persian, Hindi and emoji


def render(audit: AuditFolder) -> str:
    """The report of an audit as one HTML page. The same audit gives the same page, byte by byte."""
    return page(summarise(audit), Language.load("en"))


def write(audit: AuditFolder, path: Path) -> None:
    """Write the report to `path`, whole or not at all."""
    write_whole(path, render(audit))


def page(summary: Summary, language: Language) -> str:
    """The page of a summary, in a language."""
    style = (folder("reports") / "static" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    template = _environment(language).get_template("report.html")
    return template.render(
        s=summary,
        sections=[name for name in SECTIONS if name not in _absent(summary)],
        style=Markup(style),  # noqa: S704 - our own file, no value in it
        style_digest=digest,
    )


def _absent(summary: Summary) -> set[str]:
    """Sections about what was not asked for."""
    absent = {name for name, part in (("people", summary.people), ("claims", summary.claims)) if part is None}
    return absent | ({"settled"} if summary.settled is None and not summary.precision else set())


def clean(value: object) -> object:
    """Text without invisible, control and bidirectional characters, cut at TEXT_CHARS; all else as it is."""
    if type(value) is not str:
        return value  # markup of our own, numbers, and what is undefined and must raise
    if len(value) > TEXT_CHARS:
        value = value[:TEXT_CHARS] + "…"
    return value if value.isascii() and value.isprintable() else "".join(map(_visible, value))


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _UNPRINTABLE or character in _JOINERS:
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _environment(language: Language) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(kind=language.kind, by_category=_by_category, residual=_residual)
    environment.filters.update(
        claim_kind=lambda row: words.kind(row.kind, language.name),
        claim_grade=lambda row: words.grade(row.graded.grade, language.name),
        claim_why=lambda row: " ".join(words.reason(r, language.name, public=True) for r in row.graded.reasons),
    )
    environment.globals.update(
        t=language,
        zip=zip,
        bar=charts.bar,
        stack=charts.stack,
        columns=charts.columns,
        severities=[entry.value for entry in Severity],
        trainings=TRAININGS,
    )
    return environment


def _template(name: str) -> str:
    place = folder("reports") / "templates"
    for part in name.split("/"):
        place = place / part
    return place.read_text(encoding="utf-8")


def _by_category(rows: tuple[Any, ...]) -> list[tuple[str, list[Any]]]:
    """Rows that have a `code`, in the order of the taxonomy's categories; empty ones are left out."""
    groups: dict[str, list[Any]] = {name: [] for name in CATEGORIES}
    for row in rows:
        groups[describe(row.code).category].append(row)
    return [(name, group) for name, group in groups.items() if group]


def _residual(row: Residual) -> stats.Interval | None:
    """The interval of the rate at which a finding outlived redaction; None where no rate can be given."""
    if not 0 <= row.after <= row.before or row.before == 0:
        return None
    if row.after == 0:
        return stats.Interval(0, stats.upper_bound_of_none(row.before))
    return stats.wilson(row.after, row.before)
