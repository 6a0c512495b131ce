from __future__ import annotations

import base64
import hashlib
import html as escapes
import re
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from report_audits import BROKEN, FACES, HIGH, METADATA, Item, build, face, found, redaction

from privacy_audit.report import html, samples
from privacy_audit.report.html import View
from privacy_audit.report.language import Language
from privacy_audit.report.measure import summarise
from privacy_audit.store import people, redactions, reviews, settled
from privacy_audit.store.files import write_whole
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.manifest import DetectorEntry, PackEntry
from privacy_audit.taxonomy import CODES
from privacy_audit.types import ACTIONS, Action, Decision, Failure, Finding, Severity, Span, Tag

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&</style>\u202eevil\u0007\n"
INTERNAL = View("internal")
CANARIES = [
    "canary-sample-id",
    "canary-preview",
    "canary-token",
    "canary-attribute",
    "canary-key",
    "canary-tag",
    "canary-output",
    "canary-sha",
]


class Outline(HTMLParser):
    """What a test asks about a page: tags, attributes, headings, ids, tables, visible text."""

    VOID = frozenset({"meta", "link", "br", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.mistakes: list[str] = []
        self.feed(page)
        self.close()
        self.mistakes += [f"<{tag}> is never closed" for tag in self.open]
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()} closes another tag")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def everything(folder: Path) -> AuditFolder:
    """An audit with every code, every place for a hostile text, and canaries where a report has no business."""
    secret = {"preview": "canary-preview", "token": "canary-token", "attributes": {"canary-key": "canary-attribute"}}
    findings = [found(code, where=Tag("canary-tag"), **secret) for code in CODES]
    findings += [face(120, **secret), Finding("id.iban", "metadata", 2.0, "caption", Span(0, 3), **secret)]
    findings += [found("plugin.odd_code", "plugin"), found(f"x.{ATTACK}", f"detector {ATTACK}")]
    decisions = [
        Decision(f"{ATTACK}/{ATTACK}", severity, Action(kind), ("face", "plugin.odd_code"))
        for severity, kind in zip(Severity, ACTIONS, strict=True)
    ]
    items = [
        Item(
            "canary-sample-id/1.jpg", findings, [BROKEN, Failure("faces", "crash", ATTACK)], decisions, failed=["faces"]
        ),
        Item("canary-sample-id/2.jpg", decisions=[HIGH], skipped={f"stage {ATTACK}": ATTACK}, format=ATTACK),
        Item("canary-sample-id/3.jpg", visibility="private", training="denied", width=0, height=0),
    ]
    rule = {"title": ATTACK, "why": ATTACK, "severity": "high", "law": f"Art. {ATTACK}"}
    packs = [
        PackEntry("baseline", "Baseline", "1", "General", "2026-11-22", "Not legal advice.", {"place": rule}),
        PackEntry(ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, {ATTACK: rule, "b": {}}),
    ]
    detectors = [FACES, METADATA, DetectorEntry(ATTACK, ATTACK, ATTACK, [ATTACK], ATTACK, ATTACK, ATTACK, ATTACK)]
    detectors[-1].models[ATTACK] = ATTACK
    notes = redaction(
        withheld_reasons={ATTACK: 1},
        routes={ATTACK: 2},
        verifier=ATTACK,
        passed=False,
        residuals=[redactions.Residual(ATTACK, 0, 0), redactions.Residual("face", 200, 1)],
    )
    rows = [{"sample_id": "canary-sample-id/1.jpg", "output_id": "canary-output", "outcome": "changed", "actions": []}]
    redactions.write(folder, notes, rows)
    count = people.Count(3, 2, 4)
    rate = {"hits": 1, "total": 9, "low": 0.01, "high": 0.4, "data": ATTACK}
    rates = {ATTACK: {"missed": [rate], "false_matches": [rate]}}
    counts = (7, 6, 1, 0, count, count, count, count)
    known = settled.Known(ATTACK, 7, 6, 5)
    accepted = [
        settled.Suppression(f"x.{ATTACK}", ATTACK, active, ATTACK, ATTACK, ATTACK, active, 3)
        for active in (True, False)
    ]
    everything = settled.Settled(
        ATTACK, 1, 2, 3, known, [*accepted, settled.Suppression("", "p/r", False, "r", "b", "d", True)]
    )
    write_whole(folder / settled.NAME, settled.text(everything))
    verdicts = [("true_positive", "1"), ("false_positive", "2"), ("unsure", "3")]
    said = [
        reviews.Verdict(f"canary-sha{key}", "canary-sha", "face", "faces 1", verdict, "", "canary-token", "canary-tag")
        for verdict, key in verdicts
    ]
    reviews.add(folder, said, "canary-key")
    people.write(folder, people.People(ATTACK, ATTACK, ATTACK, 0.5, 0.6, 0.4, rates, *counts))
    return build(
        folder,
        items,
        source_name=ATTACK,
        source_kind=ATTACK,
        skipped_members={ATTACK: 2},
        options={"fail_on": "high", "token_key": "canary-key"},
        packs=packs,
        detectors=detectors,
        tool_version=ATTACK,
        finished=ATTACK,
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    return html.render(everything(tmp_path_factory.mktemp("everything")))


@pytest.fixture(scope="module")
def internal(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("internal")
    audit = everything(folder / "now")
    earlier = build(folder / "before", [Item("a", [face()])])
    return html.render(audit, View("internal", "en", earlier, samples.worst(audit)))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    items = [Item("a", [face()], decisions=[HIGH]), Item("b")]
    return html.render(build(tmp_path_factory.mktemp("plain"), items))


def test_every_code_is_shown(full: str) -> None:
    shown = Outline(full).text
    for code in [*CODES, "plugin.odd_code"]:
        assert re.search(rf"(?<![\w.]){re.escape(code)}(?![\w.])", shown), code


def test_every_section_in_order(full: str) -> None:
    elsewhere = {
        "change",
        "samples",
        "claims",
    }  # for internal use, or when somebody claimed something: see tests/claims
    public = tuple(name for name in html.SECTIONS if name not in elsewhere)
    assert tuple(re.findall(r'<section id="(\w+)"', full)) == public
    for name in public:
        assert f'href="#{name}"' in full
        assert f'id="h-{name}"' in full


def test_every_section_of_the_internal_report_in_order(internal: str) -> None:
    asked = tuple(name for name in html.SECTIONS if name != "claims")  # nobody claimed anything: see tests/claims
    assert tuple(re.findall(r'<section id="(\w+)"', internal)) == asked


def test_nothing_personal_is_shown(full: str) -> None:
    for canary in CANARIES:
        assert canary not in full
    assert "0" * 64 not in full  # a sample's digest would let anyone test whether a picture is inside


@pytest.mark.parametrize("which", ["full", "internal"])
def test_hostile_texts_are_inert(which: str, request: pytest.FixtureRequest) -> None:
    full = request.getfixturevalue(which)
    outline = Outline(full)
    assert outline.tags["script"] == outline.tags["img"] == 0
    assert outline.tags["style"] == 1
    assert "<script" not in full
    assert not [name for _, name, _ in outline.attributes if name.startswith("on") or name == "style"]
    assert "\u202e" not in full
    assert "\x07" not in full
    assert "&lt;script&gt;alert(1)" in full


def test_markup_is_well_formed(full: str, plain: str, internal: str) -> None:
    for page in (full, plain, internal):
        assert Outline(page).mistakes == []


def test_nothing_is_loaded(full: str) -> None:
    targets = [value for _, name, value in Outline(full).attributes if name in {"href", "src", "srcset", "action"}]
    assert targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert "url(" not in re.sub(r"url\(#p-\w+\)", "", full)
    assert "@import" not in full


def test_policy_allows_the_style_and_nothing_else(plain: str) -> None:
    policy = next(
        value for tag, name, value in Outline(plain).attributes if name == "content" and "default-src" in value
    )
    style = re.search("<style>(.*?)</style>", plain, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


@pytest.mark.parametrize("which", ["full", "internal"])
def test_headings_ids_and_labels(which: str, request: pytest.FixtureRequest) -> None:
    full = request.getfixturevalue(which)
    outline = Outline(full)
    assert outline.headings[:2] == [1, 2]
    assert outline.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    ids = [value for _, name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referred = [value for _, name, value in outline.attributes if name == "aria-labelledby"]
    referred += [value[1:] for _, name, value in outline.attributes if name == "href" and value.startswith("#")]
    referred += re.findall(r"url\(#([\w-]+)\)", full)
    assert set(referred) <= set(ids)
    for landmark in ("header", "nav", "main", "footer"):
        assert outline.tags[landmark] == 1


def test_tables_are_real_tables_that_scroll_by_keyboard(full: str) -> None:
    tables = re.findall(r"<table.*?</table>", full, re.DOTALL)
    regions = re.findall(r'<div class="scroll" tabindex="0" role="region" aria-label="[^"]+">\n<table', full)
    assert len(tables) == len(regions) > 10
    for table in tables:
        assert "<caption>" in table
        assert 'scope="col"' in table
        assert "<th>" not in table


def test_every_series_has_a_colour_and_every_pattern_a_ground(full: str) -> None:
    style, body = full.split("</style>", 1)
    for series in set(re.findall(r'class="s-([\w-]+)"', body)):
        assert f".s-{series}" in style
    for ground in set(re.findall(r'class="f-([\w-]+)"', body)):
        assert f".f-{ground} {{ fill: var(" in style


@pytest.mark.parametrize(
    ("items", "changes", "said"),
    [
        ([Item("a")], {}, "Every sample was looked at by every detector that applies to it, and no rule"),
        ([Item("a", decisions=[HIGH])], {}, "1 of 1 samples breaks a rule of severity “high” or worse."),
        ([Item("a", decisions=[HIGH])], {"status": "partial"}, "In addition, not everything could be checked."),
        ([Item("a", failures=[BROKEN])], {}, "but not everything could be checked"),
        (
            [Item("a", failures=[BROKEN], failed=["faces"])],
            {},
            "1 sample could not be checked in full: faces failed on 1.",
        ),
        ([Item("a")], {"status": "partial"}, "The audit stopped before it had reached every sample."),
        ([Item("a")], {"counts": {"samples": 5}}, "4 rows or parts that the manifest names are missing"),
        (
            [Item("a")],
            {"skipped_members": {"not a picture": 1200}},
            "1,200 files of the source are no samples: not a picture",
        ),
        ([Item("a", skipped={"names": "language: id"})], {}, "names was not run on 1 sample: language: id"),
        ([Item("a")], {}, "Not looked for by any detector of this audit: Same person on several pictures."),
        ([Item("a")], {"packs": []}, "No rules were applied, so nothing was judged."),
        ([], {}, "There was no sample to look at, so nothing was judged."),
        ([], {"detectors": []}, "No detector ran."),
        ([], {"source_name": ""}, "Privacy audit of unnamed source"),
    ],
)
def test_the_verdict_says_what_was_not_looked_at(
    tmp_path: Path, items: list[Item], changes: dict[str, object], said: str
) -> None:
    assert said in Outline(html.render(build(tmp_path, items, **changes), INTERNAL)).text


def test_more_skip_reasons_than_the_verdict_shows(tmp_path: Path) -> None:
    items = [Item("a", skipped={f"stage{number:02}": "why" for number in range(40)})]
    page = Outline(html.render(build(tmp_path, items))).text
    assert "and 34 more reasons, listed under" in page
    assert "and 15 more, in the audit's tables" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "nothing that the decisions asked to remove was found again."),
        ({"passed": False}, "some of what the decisions asked to remove was found again."),
        ({"verified": False, "passed": False}, "The redacted copy was not audited again."),
        ({"passed": False, "failed": 2}, "2 samples failed that audit. They were left out of the copy."),
        ({"faces": True, "at_most": 0.367, "at_most_data": "9 pictures"}, "0 found in the copy, at most 37% of the"),
        ({"faces": True}, "The miss rate was not measured"),
        ({"weak": 1}, "1 region is covered by blur, which is weak"),
        ({"found_later": 1}, "On 1 picture, regions were found only by the audit of the copy."),
        ({"regions": 5}, "5 regions were measured: no more is left"),
        ({"tokens": False}, "were not searched for the values that were to go"),
        ({"policy_hash": "other"}, "This redaction followed other rules or another state of the source"),
        ({"residuals": [redactions.Residual("face", 300, 0)]}, "Face face 300 0 0% 0% to 0.99%"),
        ({"residuals": [redactions.Residual("face", 300, 3)]}, "Face face 300 3 1.0% 0.34% to 2.9%"),
        ({"residuals": [redactions.Residual("face", 1, 2)]}, "Face face 1 2 200.0% –"),
        ({}, "2 files that are no samples were copied as they are and never looked at."),
        ({}, "an animation with a face 1"),
        (
            {"residuals": [redactions.Residual("face", 9, 0)], "second_look": 3},
            "3 regions were found only by a look at the redacted pictures, and were redacted too.",
        ),
        (
            {"residuals": [redactions.Residual("face", 9, 0)], "on_filled": 1},
            "The second look also put 1 box on an area that is covered.",
        ),
    ],
)
def test_redaction_states_what_is_left(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    redactions.write(tmp_path, redaction(**changes), [])
    page = Outline(html.render(build(tmp_path, [Item("a")]), INTERNAL)).text
    assert said in page
    assert "Redacted pictures are obfuscated." in page
    assert "anonym" not in page.lower()


def test_no_redaction_is_said(plain: str) -> None:
    assert "No redaction of this dataset is recorded" in plain


def test_the_same_audit_gives_the_same_page(tmp_path: Path) -> None:
    audit = everything(tmp_path)
    assert html.render(audit) == html.render(AuditFolder(tmp_path))


def test_write_is_whole_and_utf8(tmp_path: Path) -> None:
    audit = build(tmp_path / "audit", [Item("a")], source_name="Fotos – 写真")
    target = tmp_path / "new" / "report.html"
    html.write(audit, target)
    assert target.read_bytes().decode("utf-8") == html.render(audit)
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_the_command_that_checks_the_parts_works(tmp_path: Path) -> None:
    page = html.render(build(tmp_path, [Item("a", [face()])]))
    block = re.search("<pre><code>(.*?)</code></pre>", page, re.DOTALL)
    assert block is not None
    commands = escapes.unescape(block[1])

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert good.stdout.split() == [summarise(AuditFolder(tmp_path)).integrity.manifest_sha256, "audit.json"]
    assert good.stdout.split()[0] in page
    (tmp_path / "findings" / "00000.parquet").write_bytes(b"changed")
    assert run().returncode != 0


def test_size_is_bounded_by_hostile_counts(tmp_path: Path) -> None:
    text = "x" * 50_000
    findings = [found(f"plugin.{number}.{text[:500]}") for number in range(500)]
    failures = [Failure(f"{number}{text}", "error", f"{number}{text}") for number in range(200)]
    rules = {
        f"{number}{text[:2000]}": {"title": text, "why": text, "law": f"{number}{text[:3000]}"} for number in range(200)
    }
    decisions = [Decision(f"p/{rule}", Severity.HIGH, Action("drop"), ("face",)) for rule in rules]
    entry = DetectorEntry(
        text, text, text, [f"c{number}{text[:200]}" for number in range(2000)], text, text, text, text
    )
    items = [
        Item(text, findings, failures, decisions, skipped={f"{n}{text[:999]}": text for n in range(100)}, format=text)
    ]
    audit = build(
        tmp_path,
        items,
        source_name=text,
        packs=[PackEntry("p", text, text, text, text, text, rules)],
        detectors=[entry] * 60,
        skipped_members={f"{number}{text}": 1 for number in range(100)},
    )
    assert len(html.render(audit).encode()) < 2_000_000


def test_an_undefined_value_is_an_error() -> None:
    environment = html._environment(Language.load("en"))
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ nobody }}").render()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\tc", "a b c"),
        ("a\u202eb\u2066c", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("नमस्ते \u200d می‌خواهم", "नमस्ते \u200d می‌خواهم"),
        ("x" * 5000, "x" * html.TEXT_CHARS + "…"),
        (7, 7),
    ],
)
def test_clean(value: object, shown: object) -> None:
    assert html.clean(value) == shown


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", block))


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_contrast(plain: str, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for bars against the page."""
    blocks = re.findall(r":root \{(.*?)\}", plain, re.DOTALL)
    colours = {**_colours(blocks[0]), **_colours(blocks[("light", "dark", "print").index(scheme)])}
    for name in ("ink", "soft", "link", "accent", "critical", "high", "medium", "low"):
        for ground in ("page", "sheet"):
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("ink", "soft"):
        for ground in ("warn-ground", "bad-ground", "good-ground", "plain-ground"):
            assert _contrast(colours[name], colours.get(ground, colours["page"])) >= 4.5, (name, ground)
    for name in ("accent", "critical", "high", "medium", "low", "info", "good", "neutral"):
        assert _contrast(colours[name], colours["page"]) >= 3, name
