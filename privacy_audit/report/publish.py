"""What one audience may read of a `Summary`: the same tree, with a `Figure` in place of every count.

The HTML report and every export take their counts from here, so that all that is published of one audit goes through
one call of `disclosure.suppress`; what each left out could otherwise be worked out from the other.

A whole number is a count unless its type or field is named below. A count that somebody adds to `Summary` later is thus
hidden when it is small, before anybody has thought about it; how it hangs together with others belongs in `_relations`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from privacy_audit.claims.results import Results
from privacy_audit.report import disclosure
from privacy_audit.report.disclosure import Figure, Relation
from privacy_audit.report.measure import PART_CODES
from privacy_audit.report.rates import Correction, Rates
from privacy_audit.report.recall import RecallTable
from privacy_audit.report.summary import (
    FailureRow,
    Findings,
    Format,
    Integrity,
    KindRow,
    MapCell,
    Precision,
    SeverityRow,
    Summary,
    Top,
)
from privacy_audit.stats import Interval
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.taxonomy import matches
from privacy_audit.types import ACTIONS, Severity

Audience = Literal["public", "internal"]
AUDIENCES: tuple[Audience, ...] = ("public", "internal")

_NO_COUNTS = (Manifest, DetectorEntry, PackEntry, RecallTable, Interval, Correction, Rates, Results)
"""Claims hold counts, which `claims.words` writes in coarse steps for the public."""
_NO_COUNT_FIELDS = {
    (Top, "more"),
    (Integrity, "parts"),
    (Integrity, "missing_parts"),
    (MapCell, "latitude"),
    (MapCell, "longitude"),
}
_INTERNAL_FIELDS = {
    (Findings, "findings"),
    (SeverityRow, "findings"),
    (KindRow, "findings"),
    (KindRow, "by_severity"),
    (Format, "size_bytes"),
    (Precision, "findings"),
    (Precision, "low"),
    (Precision, "high"),
}
"""Counts of findings beside counts of samples, and splits of a split: they say little more, and give much away."""
_FACES = (1, 2, 3, 6, 11)
_MOST_FACES = (1, 2, 5, 10)


def publish(summary: Summary, audience: Audience = "public") -> Any:
    """The summary as `audience` may read it: counts are `Figure`s, and what is not theirs to read is None or empty.

    The public one holds no name of the source, no message, no reason or name that a person wrote about a single case.
    """
    public = audience == "public"
    marker = _Marker(public)
    marked = marker.mark(_reduced(summary) if public else summary)
    counts = {cell: cell.count for cell in marker.cells}
    if not public:
        return _filled(marked, disclosure.exactly(counts))
    return _derived(_without_intervals(_filled(marked, disclosure.suppress(counts, _telling(_relations(marked))))))


def total(figures: Iterable[Figure]) -> Figure:
    """The sum of published figures: a range when one of them is."""
    low, high = 0, 0
    bounded = True
    for figure in figures:
        low, high = low + figure.low, high + (figure.high or 0)
        bounded = bounded and figure.high is not None
    return Figure(low, high if bounded else None)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A count and its place in the summary."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number:07}"


class _Marker:
    """Puts a cell in place of every count."""

    def __init__(self, public: bool) -> None:
        self.public = public
        self.cells: list[_Cell] = []

    def mark(self, value: Any) -> Any:
        if isinstance(value, (bool, *_NO_COUNTS)):
            return value
        if isinstance(value, int):
            self.cells.append(_Cell(len(self.cells), value))
            return self.cells[-1]
        return _rebuilt(value, self._field, self.mark)

    def _field(self, owner: type, name: str, value: Any) -> Any:
        if self.public and (owner, name) in _INTERNAL_FIELDS:
            return None
        if (owner, name) in _NO_COUNT_FIELDS or name in {"silent", "error_rates"}:
            return value
        return self.mark(value)


def _rebuilt(value: Any, field: Callable[[type, str, Any], Any], each: Callable[[Any], Any]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {
            entry.name: field(type(value), entry.name, getattr(value, entry.name))
            for entry in dataclasses.fields(value)
            if entry.init
        }
        return dataclasses.replace(value, **changes)
    if isinstance(value, (tuple, list)):
        return tuple(each(item) for item in value)
    if isinstance(value, dict):
        return {key: each(item) for key, item in value.items()}
    return value


def _filled(marked: Any, figures: dict[_Cell, Figure]) -> Any:
    """The tree with the figure of each cell."""

    def fill(value: Any) -> Any:
        if isinstance(value, _Cell):
            return figures[value]
        if isinstance(value, _NO_COUNTS):
            return value
        return _rebuilt(value, lambda _owner, _name, inner: fill(inner), fill)

    return fill(marked)


def _reduced(summary: Summary) -> Summary:
    """Without texts about single cases, and without tables that cannot be published beside others."""
    manifest = dataclasses.replace(
        summary.manifest,
        source_name=summary.manifest.declared.get("name", ""),
        skipped_members={},
        counts={},
        seconds={},
    )
    failures: dict[tuple[str, str], int] = {}
    for row in summary.failures.rows:
        failures[row.stage, row.kind] = failures.get((row.stage, row.kind), 0) + row.samples
    merged = tuple(FailureRow(stage, kind, "", samples) for (stage, kind), samples in failures.items())
    settled = summary.settled
    if settled is not None:
        quiet = [dataclasses.replace(entry, reason="", by="") for entry in settled.suppressions]
        settled = dataclasses.replace(settled, suppressions=quiet)
    return dataclasses.replace(
        summary,
        manifest=manifest,
        failures=Top(merged, summary.failures.more),
        settled=settled,
        texts=dataclasses.replace(summary.texts, tiers=()),
        linkage=dataclasses.replace(summary.linkage, exact=Top(())),
        integrity=dataclasses.replace(
            summary.integrity, mismatches=tuple((table, 0, 0) for table, _, _ in summary.integrity.mismatches)
        ),
        map=_common(summary.map, disclosure.THRESHOLD),
    )


def _common(cells: Top[MapCell], least: int) -> Top[MapCell]:
    """Cells of the map with at least `least` samples. The rest is one row without a place."""
    shown = [cell for cell in cells.rows if cell.placed and cell.samples >= least]
    rest = sum(cell.samples for cell in cells.rows) - sum(cell.samples for cell in shown)
    elsewhere = (MapCell(None, None, rest),) if rest else ()
    return Top((*shown, *elsewhere))


def _without_intervals(published: Any) -> Any:
    """Without the intervals of rates whose counts are not published: they were computed from them."""
    exact = published.scope.samples.exact is not None

    def each(value: Any) -> Any:
        if isinstance(value, _NO_COUNTS):
            return value
        return _rebuilt(drop(value), lambda _owner, _name, inner: each(inner), each)

    def drop(value: Any) -> Any:
        if not hasattr(value, "interval"):
            return value
        counts = [getattr(value, name, None) for name in ("samples", "checked", "violating")]
        if exact and all(count.exact is not None for count in counts if isinstance(count, Figure)):
            return value
        return dataclasses.replace(value, interval=None, **({"corrected": None} if hasattr(value, "corrected") else {}))

    found = each(published)
    intervals = tuple(
        interval if exact and count.exact is not None else None
        for (_, count), interval in zip(found.decisions.actions, found.decisions.intervals, strict=False)
    )
    return dataclasses.replace(found, decisions=dataclasses.replace(found.decisions, intervals=intervals))


def _derived(published: Any) -> Any:
    """What is computed from counts, computed from the published figures; None where one of them is a range."""
    kinds = published.findings
    absent = tuple(
        dataclasses.replace(
            row, upper_bound=published.rates.bound_of_none(row.checked.exact) if row.checked.exact else None
        )
        for row in kinds.absent.rows
    )
    names = published.texts.names
    if names is not None:
        names = dataclasses.replace(names, rate=disclosure.interval(names.found, names.checked))
    precision = tuple(
        dataclasses.replace(row, rate=disclosure.interval(row.confirmed, total([row.confirmed, row.refuted])))
        for row in published.precision
    )
    histograms = tuple(
        dataclasses.replace(row, median=row.median if all(n.exact is not None for _, n in row.bins) else None)
        for row in published.histograms
    )
    return dataclasses.replace(
        published,
        findings=dataclasses.replace(kinds, absent=dataclasses.replace(kinds.absent, rows=absent)),
        texts=dataclasses.replace(published.texts, names=names),
        precision=precision,
        histograms=histograms,
    )


def _telling(relations: Iterable[Relation]) -> list[Relation]:
    """Those that hold, without zeros (which are published), and without those that follow from the others.

    A damaged or unusual audit may break what holds for others; a false relation gives nothing away. That two counts
    are equal is no relation: they are published alike, and what is known of one is looked for at both.
    """
    found: dict[tuple[tuple[Any, ...], tuple[Any, ...]], Relation] = {}
    for relation in relations:
        sides: list[tuple[Any, ...]] = [relation.whole, relation.parts]
        whole, parts = (tuple(cell for cell in side if cell.count) for side in sides)
        sums = sum(cell.count for cell in whole), sum(cell.count for cell in parts)
        holds = sums[0] == sums[1] if relation.exact else sums[0] >= sums[1]
        equal = len(whole) == len(parts) == 1 and sums[0] == sums[1]
        if not (holds and whole and parts) or equal:
            continue
        if relation.exact or (whole, parts) not in found:
            found[whole, parts] = Relation(whole, parts, relation.exact)
    return list(found.values())


def _relations(m: Any) -> Iterator[Relation]:
    """How the counts hang together, as far as somebody who reads them may know."""
    kinds = {row.code: row.samples for row in m.findings.kinds.rows}
    yield from _scope(m)
    yield from _severities(m, kinds)
    yield from _checked(m)
    yield from _links(m, kinds)
    yield from _provenance(m, kinds)
    yield from _decisions(m)
    yield from _names(m, kinds)
    yield from _histograms(m, kinds)
    yield from _failures(m)
    yield from _redaction(m)
    yield from _people(m)


def _sum(whole: Any, parts: Iterable[Any]) -> Iterator[Relation]:
    """The whole is the sum of its parts, or at least no less."""
    cells = tuple(parts)
    yield Relation((whole,), cells)
    yield Relation((whole,), cells, exact=False)


def _scope(m: Any) -> Iterator[Relation]:
    scope = m.scope
    yield from _sum(scope.samples, [scope.with_picture, *(row.samples for row in scope.formats.rows if not row.name)])
    yield from _sum(scope.with_picture, [row.samples for row in scope.formats.rows if row.name])
    yield from _sum(scope.samples, [row.samples for row in scope.formats.rows])
    for row in scope.coverage:
        yield from _sum(scope.samples, [row.checked, row.failed, row.skipped])
        yield from _sum(row.skipped, [skip.samples for skip in scope.skips.rows if skip.stage == row.stage])
        yield Relation((m.verdict.unchecked,), (row.failed,), exact=False)
    yield from _sum(scope.skipped_member_count, [count for _, count in scope.skipped_members.rows])


def _severities(m: Any, kinds: dict[str, Any]) -> Iterator[Relation]:
    rows, found, verdict = m.findings.severities, m.findings, m.verdict
    yield from _sum(found.samples, [row.samples for row in rows if row.severity is not Severity.INFO])
    yield from _sum(m.scope.samples, [found.clear, *(row.samples for row in rows)])
    for row in rows:
        graver = tuple(other.samples for other in rows if other.severity.rank >= row.severity.rank)
        causes = tuple(kind.samples for kind in found.kinds.rows if kind.severity.rank >= row.severity.rank)
        yield Relation(causes, graver, exact=False)
    failing = tuple(row.samples for row in rows if verdict.fail_on and row.severity.rank >= verdict.fail_on.rank)
    yield Relation(failing, (verdict.violating,))
    yield Relation(failing, (verdict.violating,), exact=False)
    for count in kinds.values():
        yield Relation((m.scope.samples,), (count,), exact=False)


def _checked(m: Any) -> Iterator[Relation]:
    """A kind was sought by its detectors, on at least as many samples as by one of them."""
    coverage = {row.stage: row.checked for row in m.scope.coverage}
    looked = {row.code: row.checked for row in (*m.findings.kinds.rows, *m.findings.absent.rows)}
    for row in m.findings.kinds.rows:
        yield Relation((row.checked,), (row.samples,), exact=False)
    for code, checked in looked.items():
        seekers = tuple(
            coverage[entry.name] for entry in m.detectors.rows if code in entry.codes and entry.name in coverage
        )
        if len(seekers) > 1:  # with one they are equal, and equal counts are published alike
            yield Relation(seekers, (checked,), exact=False)
            for one in seekers:
                yield Relation((checked,), (one,), exact=False)


def _links(m: Any, kinds: dict[str, Any]) -> Iterator[Relation]:
    """A combination is no more than each of its parts, and no less than its parts must overlap."""
    codes = {
        part: [code for code in kinds if any(matches(pattern, code) for pattern in patterns)]
        for part, patterns in PART_CODES.items()
    }
    named = {frozenset(link.parts): link.samples for link in m.linkage.named}
    for parts, count in named.items():
        for part in parts:
            yield Relation(tuple(kinds[code] for code in codes[part]), (count,), exact=False)
            rest = parts - {part}
            others = [named[rest]] if rest in named else []
            if len(rest) == 1:
                others = [kinds[code] for code in codes[next(iter(rest))]]
            for other in others:
                for code in codes[part]:
                    yield Relation((m.scope.samples, count), (other, kinds[code]), exact=False)
            if rest in named:
                yield Relation((named[rest],), (count,), exact=False)


def _provenance(m: Any, kinds: dict[str, Any]) -> Iterator[Relation]:
    visible = {row.visibility: row for row in m.provenance}
    yield from _sum(m.scope.samples, [row.samples for row in m.provenance])
    for row in m.provenance:
        yield from _sum(row.samples, row.trainings)
    if "face" in kinds and "public" in visible:
        hidden, faces, public = m.linkage.not_public, kinds["face"], visible["public"].samples
        yield Relation((hidden, public), (faces,), exact=False)
        yield Relation((faces,), (hidden,), exact=False)
        others = tuple(row.samples for row in m.provenance if row.visibility != "public")
        yield Relation(others, (hidden,), exact=False)


def _decisions(m: Any) -> Iterator[Relation]:
    actions, rules = dict(m.decisions.actions), m.decisions.rules.rows
    yield from _sum(m.scope.samples, actions.values())
    for name, count in actions.items():
        asking = tuple(row.samples for row in rules if name in row.actions)
        if name != "keep":
            yield Relation(asking, (count,), exact=False)
    for row in rules:
        weakest = min((ACTIONS.index(name) for name in row.actions if name in ACTIONS), default=0)
        stronger = tuple(actions[name] for name in ACTIONS[weakest:] if name in actions)
        yield Relation(stronger, (row.samples,), exact=False)
    limit = m.verdict.fail_on
    failing = tuple(row.samples for row in rules if limit and row.severity.rank >= limit.rank)
    yield Relation(failing, (m.verdict.violating,), exact=False)
    for one in failing:
        yield Relation((m.verdict.violating,), (one,), exact=False)
    for pack in m.packs.rows:
        for law in pack.laws.rows:
            named = tuple(row.samples for row in rules if (row.pack, row.law) == (pack.pack.pack, law.law))
            yield Relation(named, (law.samples,), exact=False)
            for one in named:
                yield Relation((law.samples,), (one,), exact=False)


def _names(m: Any, kinds: dict[str, Any]) -> Iterator[Relation]:
    names = m.texts.names
    if names is None:
        return
    yield Relation((names.checked,), (names.found,), exact=False)
    if "name.person" in kinds:
        yield Relation((kinds["name.person"],), (names.found,), exact=False)
    yield from _sum(
        m.scope.samples, [names.checked, names.not_drawn, names.off, *(count for _, count in names.languages)]
    )


def _histograms(m: Any, kinds: dict[str, Any]) -> Iterator[Relation]:
    bins = {row.name: dict(row.bins) for row in m.histograms}
    per_picture, sizes = bins["faces_per_picture"], tuple(bins["face_size"].values())
    with_face = [count for name, count in per_picture.items() if name != "none"]
    looked = {row.code: row.checked for row in (*m.findings.kinds.rows, *m.findings.absent.rows)}
    if "face" in kinds:
        yield from _sum(kinds["face"], with_face)
    if "face" in looked:
        yield from _sum(looked["face"], per_picture.values())
    least = tuple(cell for cell, faces in zip(with_face, _FACES, strict=False) for _ in range(faces))
    yield Relation(sizes, least, exact=False)  # every face has one size; a picture of the bin "3-5" has three at least
    if with_face and with_face[-1].count == 0:
        most = tuple(cell for cell, faces in zip(with_face, _MOST_FACES, strict=False) for _ in range(faces))
        yield Relation(most, sizes, exact=False)
    place = bins["location"]
    for name, code in (("precise", "gps.precise"), ("coarse", "gps.coarse"), ("place", "place")):
        if code in kinds:
            yield Relation((kinds[code],), (place[name],), exact=False)
    found = [place[name] for name in ("precise", "coarse", "place")]
    yield Relation(
        tuple(kinds[code] for code in ("gps.precise", "gps.coarse", "place") if code in kinds),
        tuple(found),
        exact=False,
    )
    yield Relation((m.scope.samples,), tuple(place.values()), exact=False)
    on_map = tuple(cell.samples for cell in m.map.rows)
    yield Relation((place["precise"], place["coarse"]), on_map)
    yield Relation((place["precise"], place["coarse"]), on_map, exact=False)
    yield from _sum(m.scope.with_picture, bins["picture_size"].values())
    channels = tuple(bins["channel"].values())
    yield Relation(channels, (m.findings.samples,), exact=False)
    for channel in channels:
        yield Relation((m.scope.samples,), (channel,), exact=False)


def _failures(m: Any) -> Iterator[Relation]:
    rows = m.failures.rows
    yield Relation(tuple(row.samples for row in rows), (m.verdict.unchecked,), exact=False)
    for row in m.scope.coverage:
        mine = tuple(failure.samples for failure in rows if failure.stage == row.stage)
        yield Relation(mine, (row.failed,))
        yield Relation(mine, (row.failed,), exact=False)


def _redaction(m: Any) -> Iterator[Relation]:
    if m.redaction is None:
        return
    r = m.redaction.summary
    yield from _sum(r.samples, [r.changed, r.unchanged, r.dropped, r.quarantined, r.withheld])
    yield from _sum(r.withheld, r.withheld_reasons.values())
    yield from _sum(r.changed, r.routes.values())
    for count in r.actions.values():
        yield Relation((r.changed,), (count,), exact=False)
    for row in r.residuals:
        yield Relation((row.before,), (row.after,), exact=False)


def _people(m: Any) -> Iterator[Relation]:
    if m.people is None:
        return
    for count in (m.people.people, m.people.shared, m.people.repeated, m.people.most):
        yield Relation((count.high,), (count.estimate,), exact=False)
        yield Relation((count.estimate,), (count.low,), exact=False)
    yield Relation((m.people.faces,), (m.people.people.high,), exact=False)
