"""The public report holds nothing of the internal one, and nothing in it gives a hidden count away."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_audits import HIGH, MEDIUM, Item, build, face, found, redaction

from privacy_audit.report import html, samples
from privacy_audit.report.disclosure import POSSIBLE, THRESHOLD, Figure
from privacy_audit.report.exports import registry
from privacy_audit.report.exports.gather import gather
from privacy_audit.report.html import View
from privacy_audit.report.language import names
from privacy_audit.report.measure import summarise
from privacy_audit.report.publish import publish, total
from privacy_audit.report.summary import Summary
from privacy_audit.store import redactions, settled
from privacy_audit.store.files import write_whole
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Failure, Span, Tag

LANGUAGES = names()
PUBLIC = [name for name, entry in registry.EXPORTS.items() if not entry.internal_only]
PLACES = (
    "source",
    "sample",
    "preview",
    "token",
    "attribute",
    "tag",
    "key",
    "message",
    "output",
    "note",
    "by",
    "reason",
)


def canaried(folder: Path) -> AuditFolder:
    """An audit with a word of its own in every field that may hold something of a sample or of a person."""
    secret = {"preview": "canary-preview", "token": "canary-token", "attributes": {"canary-key": "canary-attribute"}}
    one = [face(**secret), found("gps.precise", where=Tag("canary-tag"), **secret)]
    one += [found("contact.email", where=Span(0, 3), **secret)]
    failed = Failure("faces", "error", "canary-message")
    items = [Item(f"canary-sample/{number}.jpg", one, [failed], [HIGH], failed=["faces"]) for number in range(12)]
    rows = [
        {"sample_id": "canary-sample/1.jpg", "output_id": "canary-output", "outcome": "changed", "note": "canary-note"}
    ]
    redactions.write(folder, redaction(), [{**row, "actions": []} for row in rows])
    accepted = settled.Suppression("face", "", False, "canary-reason", "canary-by", "2027-01-01", True, 3)
    write_whole(folder / settled.NAME, settled.text(settled.Settled("2026-11-22", 1, 2, 3, None, [accepted])))
    return build(folder, items, source_name="canary-source", options={"fail_on": "high", "token_key": "canary-key"})


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> AuditFolder:
    return canaried(tmp_path_factory.mktemp("canaries"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_public_report_holds_nothing_of_the_internal_one(audit: AuditFolder, language: str) -> None:
    public = html.render(audit, View("public", language, since=audit))
    assert [place for place in PLACES if f"canary-{place}" in public] == []
    assert "0" * 64 not in public  # a sample's digest would let anyone test whether a picture is inside
    internal = html.render(audit, View("internal", language, since=audit, samples=samples.worst(audit)))
    for place in ("source", "sample", "preview", "message", "by", "reason"):
        assert f"canary-{place}" in internal, "the other half of this test proves nothing"
    assert "canary-token" not in internal


@pytest.mark.parametrize("kind", PUBLIC)
def test_no_public_export_holds_anything_of_it(audit: AuditFolder, kind: str, tmp_path: Path) -> None:
    text = registry.export(audit, kind, tmp_path / "out").read_text("utf-8")
    assert [place for place in PLACES if f"canary-{place}" in text] == []


@pytest.mark.parametrize(("kind", "more"), [("public", {"samples": samples.Top(())}), ("everybody", {})])
def test_a_view_that_would_leak_is_refused(kind: str, more: dict[str, Any]) -> None:
    with pytest.raises(html.PrivacyAuditError, match="internal"):
        View(kind, **more)  # type: ignore[arg-type]


def figures(published: Any, path: str = "") -> dict[str, Figure]:
    """Every figure in a published summary, by where it stands."""
    if isinstance(published, Figure):
        return {path: published}
    if dataclasses.is_dataclass(published):
        inner = {entry.name: getattr(published, entry.name) for entry in dataclasses.fields(published)}
    elif isinstance(published, dict):
        inner = published
    elif isinstance(published, tuple):
        inner = dict(enumerate(published))
    else:
        return {}
    return {key: figure for name, value in inner.items() for key, figure in figures(value, f"{path}.{name}").items()}


SHAPES = st.lists(
    st.tuples(
        st.sets(st.sampled_from(["face", "gps.precise", "gps.coarse", "name.person", "contact.email", "time"])),
        st.sampled_from(["public", "private", "unknown"]),
        st.sampled_from(["jpeg", "png"]),
        st.sampled_from([(), (HIGH,), (MEDIUM,), (HIGH, MEDIUM)]),
        st.integers(1, 25),
    ),
    min_size=1,
    max_size=6,
)


def shaped(folder: Path, shapes: list[Any]) -> Summary:
    items = []
    for codes, visibility, form, decisions, count in shapes:
        evidence = [
            face(40) if code == "face" else found(code, attributes={"cell": "-7,110"} if "gps" in code else {})
            for code in sorted(codes)
        ]
        items += [
            Item(f"{len(items) + number}", evidence, decisions=decisions, visibility=visibility, format=form)
            for number in range(count)
        ]
    return summarise(build(folder, items))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=SHAPES)
def test_no_small_count_is_published(tmp_path_factory: pytest.TempPathFactory, shapes: list[Any]) -> None:
    summary = shaped(tmp_path_factory.mktemp("shapes"), shapes)
    published = publish(summary)
    shown = figures(published)
    assert shown
    for path, figure in shown.items():
        assert figure.exact is None or figure.exact == 0 or figure.exact >= THRESHOLD, path
    page = html.page(summary)
    for section in ("verdict", "scope", "findings", "linkage", "provenance", "decisions", "failures", "laws"):
        block = page[page.index(f'<section id="{section}"') :].partition("</section>")[0]
        cells = re.findall(r'<td class="n">(\d+)</td>', block)
        assert [cell for cell in cells if 0 < int(cell) < THRESHOLD] == [], section


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=SHAPES)
def test_sums_that_a_reader_knows_leave_every_hidden_count_open(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[Any]
) -> None:
    """By hand, from the page alone: total less the other parts must leave at least three values."""
    summary = shaped(tmp_path_factory.mktemp("shapes"), shapes)
    for (whole, parts), (_, true) in zip(_sums(publish(summary)), _sums(publish(summary, "internal")), strict=True):
        for number, hidden in enumerate(parts):
            if not 0 < true[number].low < THRESHOLD:
                continue
            others = total(part for other, part in enumerate(parts) if other != number)
            low = max(hidden.low, whole.low - others.high) if others.high is not None else hidden.low
            high = min(hidden.high or 10**9, (whole.high or 10**9) - others.low)
            assert high - low + 1 >= POSSIBLE, (whole, parts)


def _sums(p: Any) -> list[tuple[Figure, list[Figure]]]:
    """Totals with their parts, as they stand on the page."""
    found_ones = [row.samples for row in p.findings.severities]
    faces = [count for h in p.histograms if h.name == "faces_per_picture" for name, count in h.bins if name != "none"]
    return [
        (p.scope.samples, [row.samples for row in p.provenance]),
        (p.scope.samples, [row.samples for row in p.scope.formats.rows]),
        (p.scope.samples, [count for _, count in p.decisions.actions]),
        (p.scope.samples, [p.findings.clear, *found_ones]),
        (p.findings.samples, found_ones[:-1]),
        *((row.samples, list(row.trainings)) for row in p.provenance),
        *((row.samples, faces) for row in p.findings.kinds.rows if row.code == "face"),
    ]


def rare(count: int, others: int = 60) -> list[Item]:
    many = [Item(f"m{number}", [face()]) for number in range(others - count)]
    return many + [Item(f"r{number}", [face(), found("id.iban")], decisions=[HIGH]) for number in range(count)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hidden_counts_shape_no_mark_on_the_page(tmp_path: Path, language: str) -> None:
    """Audits that differ only in a hidden count give the same page: no bar, share or interval depends on it."""
    pages = set()
    for count in (3, 6):
        summary = summarise(build(tmp_path / str(count), rare(count)))
        assert {row.code: row.samples for row in publish(summary).findings.kinds.rows}["id.iban"] == Figure(1, 9)
        pages.add(html.page(summary, View("public", language)).replace(summary.integrity.manifest_sha256, ""))
    assert len(pages) == 1


def test_a_change_is_no_way_around(tmp_path: Path) -> None:
    before = build(tmp_path / "1", rare(3))
    after = build(tmp_path / "2", rare(15))
    page = html.render(after, View(since=before))
    change = page[page.index('<section id="change"') :]
    row = change[change.index('<code class="id">id.iban') :].partition("</tr>")[0]
    assert re.findall(r'<td class="n">(.*?)</td>', row) == ["&lt;10", "15", "–"]
    internal = html.render(after, View("internal", since=before))
    assert '<td class="n">3</td><td class="n">15</td><td class="n">+12</td>' in internal


def test_a_few_places_are_on_no_public_map(tmp_path: Path) -> None:
    def at(cell: str, count: int) -> list[Item]:
        return [Item(f"{cell}/{n}", [found("gps.precise", attributes={"cell": cell})]) for n in range(count)]

    audit = build(tmp_path, [*at("-7,110", 30), *at("52,13", 4), *at("40,-74", 5), *at("odd", 1)])
    public = publish(summarise(audit)).map.rows
    assert [(cell.latitude, cell.longitude, cell.samples.text) for cell in public if cell.placed] == [(-10, 110, "30")]
    assert [cell.samples.exact for cell in public if not cell.placed] == [10]
    internal = publish(summarise(audit), "internal").map.rows
    assert {(cell.latitude, cell.longitude): cell.samples.exact for cell in internal} == {
        (-10, 110): 30,
        (50, 10): 4,
        (40, -80): 5,
        (None, None): 1,
    }
    page = html.render(audit)
    assert page.count('class="m-2" x="290"') == 1
    assert "10–0° S" not in page
    assert "0–10° S" in page


def test_report_and_exports_say_the_same_of_every_count(audit: AuditFolder) -> None:
    published, evidence = publish(summarise(audit)), gather(audit)
    said = {row.code: (row.samples.low, row.samples.high) for row in evidence.findings.kinds.value or []}
    assert said == {row.code: (row.samples.low, row.samples.high) for row in published.findings.kinds.rows}
    shown = {(figure.low, figure.high) for figure in figures(published).values()}
    assert {(count["low"], count["high"]) for count in counts(evidence.model_dump())} <= shown


def counts(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict) and {"low", "high", "text"} <= set(node):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [count for child in children for count in counts(child)]


def test_a_count_that_nobody_thought_of_is_hidden_too() -> None:
    """Secure by default: a new whole number in a summary is a count until it is said to be none."""

    @dataclasses.dataclass(frozen=True)
    class New:
        surprise: int
        sure: bool = True

    from privacy_audit.report.publish import _Marker

    marker = _Marker(public=True)
    marked = marker.mark(New(3))
    assert [cell.count for cell in marker.cells] == [3]
    assert marked.sure is True
