"""Turns a `Summary` into one HTML page: no script, nothing loaded, opens from disk.

Every value is escaped by Jinja2, and freed of control and bidirectional characters on its way into the page. The style
sheet stands inline and is allowed by its digest; the content security policy refuses everything else.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from privacy_audit import stats
from privacy_audit.claims import words
from privacy_audit.errors import PrivacyAuditError
from privacy_audit.report import charts
from privacy_audit.report.change import compare
from privacy_audit.report.disclosure import Figure
from privacy_audit.report.language import Language
from privacy_audit.report.measure import summarise
from privacy_audit.report.publish import AUDIENCES, Audience, publish, total
from privacy_audit.report.rates import Rates
from privacy_audit.report.summary import Summary, Top
from privacy_audit.resources import folder
from privacy_audit.store.files import write_whole
from privacy_audit.store.manifest import Manifest
from privacy_audit.taxonomy import CATEGORIES, describe
from privacy_audit.types import TRAININGS, Severity

if TYPE_CHECKING:
    from privacy_audit.report.samples import SampleRow
    from privacy_audit.store.folder import AuditFolder

SECTIONS = (
    "verdict",
    "scope",
    "claims",
    "findings",
    "linkage",
    "people",
    "provenance",
    "detectors",
    "distributions",
    "decisions",
    "settled",
    "redaction",
    "change",
    "samples",
    "failures",
    "laws",
    "method",
    "objection",
    "integrity",
)
CHANGE_ROWS = 100
TEXT_CHARS = 1200  # a detector's own description fits; a hostile text of megabytes does not
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling in Persian, Hindi and emoji


@dataclass(frozen=True, slots=True)
class View:
    """For whom a report is made, in which language, and what stands in it beside the audit's own figures."""

    audience: Audience = "public"
    language: str = "en"
    since: AuditFolder | None = None
    """An earlier audit, to say what changed."""
    samples: Top[SampleRow] | None = None
    """Single samples; for an internal report only."""

    def __post_init__(self) -> None:
        if self.audience not in AUDIENCES:
            raise PrivacyAuditError(f"'{self.audience}' is no audience; use public or internal.")
        if self.samples is not None and self.audience == "public":
            raise PrivacyAuditError("single samples are for an internal report only: --audience internal.")


def render(audit: AuditFolder, view: View = View()) -> str:
    """The report of an audit as one HTML page. The same audit and view give the same page, byte by byte."""
    earlier = summarise(view.since) if view.since is not None else None
    return page(summarise(audit), view, earlier)


def write(audit: AuditFolder, path: Path, view: View = View()) -> None:
    """Write the report to `path`, whole or not at all."""
    write_whole(path, render(audit, view))


def page(summary: Summary, view: View = View(), earlier: Summary | None = None) -> str:
    """The page of a summary; `earlier` is that of an earlier audit."""
    language = Language.load(view.language)
    published = publish(summary, view.audience)
    change = compare(publish(earlier, view.audience), published) if earlier is not None else None
    style = (folder("reports") / "static" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    environment = _environment(language)
    internal = view.audience == "internal"
    environment.filters["titled"] = _titles(summary.manifest, language)
    environment.filters["claim_why"] = lambda row: " ".join(
        words.reason(reason, language.name, public=not internal) for reason in row.graded.reasons
    )
    environment.filters["claim_coverage"] = lambda row: (
        language.percent(row.graded.coverage) if internal else words.coarse(row.graded.coverage)
    )
    environment.globals["between"] = lambda part, whole: _between(summary.rates, part, whole)
    given = {"change": change, "samples": view.samples}
    absent = _absent(summary) | {name for name, value in given.items() if value is None}
    return environment.get_template("report.html").render(
        s=published,
        internal=internal,
        sections=[name for name in SECTIONS if name not in absent],
        style=Markup(style),  # noqa: S704 - our own file, no value in it
        style_digest=digest,
        **given,
    )


def _between(rates: Rates, part: Figure, whole: Figure) -> stats.Interval | None:
    """The interval of a share; None where all was audited, or where a count is not published."""
    return None if part.exact is None or whole.exact is None else rates.interval(part.exact, whole.exact)


def _titles(manifest: Manifest, language: Language) -> Callable[[str], str]:
    """A function from the title of a rule or pack to the one in the language of the report."""
    known = {entry.title: language.title(entry.titles, entry.title) for entry in manifest.packs}
    for entry in manifest.packs:
        for facts in entry.rules.values():
            title = facts.get("title", "")
            known[title] = language.title(facts, title)
    return lambda title: known.get(title, title)


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
    environment.filters.update(
        kind=language.kind,
        by_category=_by_category,
        residual=_residual,
        total=total,
        longest=charts.longest,
        titled=lambda title: title,
        claim_kind=lambda row: words.kind(row.kind, language.name),
        claim_grade=lambda row: words.grade(row.graded.grade, language.name),
    )
    environment.globals.update(
        t=language,
        zip=zip,
        bar=charts.bar,
        stack=charts.stack,
        columns=charts.columns,
        world=charts.world,
        map_levels=charts.MAP_LEVELS,
        change_rows=CHANGE_ROWS,
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


def _residual(row: Any) -> stats.Interval | None:
    """The interval of the rate at which a finding outlived redaction; None where no rate can be given."""
    before, after = row.before.exact, row.after.exact
    if before is None or after is None or not 0 <= after <= before or before == 0:
        return None
    if after == 0:
        return stats.Interval(0, stats.upper_bound_of_none(before))
    return stats.wilson(after, before)
