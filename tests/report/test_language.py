from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.report.charts import MAP_LEVELS
from privacy_audit.report.disclosure import Figure
from privacy_audit.report.html import SECTIONS
from privacy_audit.report.language import Language
from privacy_audit.report.measure import NAMED
from privacy_audit.report.summary import PARTS
from privacy_audit.resources import folder
from privacy_audit.taxonomy import CATEGORIES, CODES
from privacy_audit.types import ACTIONS, TRAININGS, VISIBILITIES, Severity

FAMILIES: dict[str, list[str]] = {
    "tier": ["direct", "contextual"],
    "tier.meaning": ["direct", "contextual"],
    "section": list(SECTIONS),
    "severity": [*(entry.value for entry in Severity), "none"],
    "meaning": [*(entry.value for entry in Severity), "none"],
    "state": ["pass", "violated", "incomplete", "unjudged"],
    "verdict": ["pass", "incomplete"],
    "verdict.blind": ["1", "2", "3", "4", "5"],
    "figure": ["samples", "found", "act", "unchecked"],
    "category": list(CATEGORIES),
    "part": list(PARTS),
    "linkage.why": ["+".join(parts) for parts in NAMED],
    "visibility": list(VISIBILITIES),
    "visibility_meaning": list(VISIBILITIES),
    "training": list(TRAININGS),
    "action": list(ACTIONS),
    "action_meaning": list(ACTIONS),
    "did": ["fill", "pixelate", "blur", "strip", "mask", "rename", "empty"],
    "redaction": ["changed", "unchanged", "dropped", "quarantined", "withheld"],
    "redaction_meaning": ["changed", "unchanged", "dropped", "quarantined", "withheld"],
    "detectors": ["method", "thresholds", "measured", "limits"],
    "route": ["libjpeg-turbo", "re-encode", "lossless", "unchanged"],
    "source_kind": ["folder", "table"],
    "direction": list("nsew"),
    "distributions": ["sources", "languages"],
    "map.level": list(MAP_LEVELS),
    "change.differs": ["source", "detectors", "policy", "incomplete"],
    "change.caption": ["whole", "severity", "kind"],
    "change.column": ["whole", "severity", "kind"],
    "change.row": ["samples", "found", "violating", "act", "unchecked", "not_public"],
    "histogram": ["face_size", "faces_per_picture", "location", "picture_size", "channel"],
    "median": ["face_size", "faces_per_picture", "picture_size"],
    "bin.face_size": list("0123456"),
    "bin.faces_per_picture": ["none", *"01234"],
    "bin.location": ["precise", "coarse", "place", "none"],
    "bin.picture_size": list("012345"),
    "bin.channel": ["pixels", "metadata", "caption", "filename", "url", "image_text", "barcode", "record"],
    "failure": ["unreadable", "too_large", "timeout", "crash", "error"],
    "method": ["flow", "counts", "statistics", "errors", "severity"],
    "sampling": ["random", "clusters"],
    "statistics": ["random", "clusters"],
    "objection.what": ["1", "2", "3"],
    "recall": ["precision", "false_alarms"],
    "recall.source": ["reference", "bench"],
    "integrity": ["root", "manifest", "source", "plan", "policy", "key"],
    "column": [
        *("checked", "failed", "skipped", "samples", "share", "findings"),
        *("count", "looked", "upper", "left", "interval", "size"),
    ],
    "month": [str(number) for number in range(1, 13)],
}  # fmt: skip
UNITS = {f"histogram.{name}.unit" for name in [*FAMILIES["histogram"], "format"]}
TEXTS = {f"method.{name}.text" for name in FAMILIES["method"]}

en = Language.load("en")


def catalogues() -> list[str]:
    return sorted(entry.name.removesuffix(".json") for entry in (folder("reports") / "catalogue").iterdir())


def needed() -> set[str]:
    """Every key that a template or a module asks for."""
    keys = {f"{family}.{member}" for family, members in FAMILIES.items() for member in members} | UNITS | TEXTS
    templates = Path(str(folder("reports") / "templates"))
    sources = [path.read_text(encoding="utf-8") for path in templates.rglob("*.*")]
    for source in sources:
        keys.update(re.findall(r't(?:\.each)?\("([\w.]+)"[,)]', source))
        for name in re.findall(r'"(redaction\.[a-z]+)", "', source):
            keys.add(name)
    module = (Path(__file__).parents[2] / "privacy_audit" / "report" / "language.py").read_text(encoding="utf-8")
    keys.update(re.findall(r'self\("([\w.]+)"[,)]', module))
    return keys


def test_families_of_the_templates_are_all_known() -> None:
    templates = Path(str(folder("reports") / "templates"))
    asked = {
        prefix.rstrip(".")
        for path in templates.rglob("*.html")
        for prefix in re.findall(r't\("([\w.]+\.)" ~', path.read_text(encoding="utf-8"))
    }
    assert asked
    assert {prefix for prefix in asked if not any(f"{name}.".startswith(f"{prefix}.") for name in FAMILIES)} == set()


@pytest.mark.parametrize("name", catalogues())
def test_catalogue_has_exactly_the_keys_that_are_used(name: str) -> None:
    entries = Language.load(name).entries
    assert needed() - set(entries) == set()
    assert {key for key in set(entries) - needed() if not key.startswith("code.")} == set()


@pytest.mark.parametrize("name", catalogues())
def test_catalogues_have_the_parameters_of_the_english_one(name: str) -> None:
    def parameters(entry: object) -> set[str]:
        texts = [entry] if isinstance(entry, str) else list(entry.values())  # type: ignore[attr-defined]
        return {field for text in texts for _, field, _, _ in string.Formatter().parse(text) if field}

    kinds = {f"code.{code}": "" for code in CODES}  # English has their titles in the taxonomy
    for key, entry in Language.load(name).entries.items():
        assert parameters(entry) == parameters({**kinds, **en.entries}[key]), key
        assert isinstance(entry, str) or "other" in entry, key


@pytest.mark.parametrize("name", [name for name in catalogues() if name != "en"])
def test_other_languages_name_every_kind_and_leave_no_english_sentence(name: str) -> None:
    entries = Language.load(name).entries
    assert {f"code.{code}" for code in CODES} - set(entries) == set()
    same = {
        key
        for key, text in entries.items()
        if en.entries.get(key) == text and len(str(text).split()) > 3 and not key.startswith("format.")
    }
    assert same == set()


def test_numbers_and_days_in_indonesian() -> None:
    other = Language.load("id")
    assert other.number(1234567.8, 1) == "1.234.567,8"
    assert other.date("2026-11-22T09:05:00Z") == "22 November 2026, 09:05 UTC"
    assert other.day("2024-10-17") == "17 Oktober 2024"
    assert other.number(Figure(10, 19)) == "10–19"
    assert other.kind("gps.precise") == "Lokasi tepat"
    assert other.title({"title_id": "Wajah"}, "Face") == "Wajah"
    assert en.title({"title_id": "Wajah"}, "Face") == "Face"


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(0, 0), "0"),
        (Figure(1, 9), "<10"),
        (Figure(1000, 1009), "1,000–1,009"),
        (Figure(0, None), "not published"),
    ],
)
def test_figures(figure: Figure, text: str) -> None:
    assert en.number(figure) == text


def test_a_language_that_there_is_not() -> None:
    with pytest.raises(PrivacyAuditError, match="use one of en, id"):
        Language.load("../en")


def test_a_missing_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        en("no.such.key")


def test_one_and_other() -> None:
    assert en("page.more", n=1) == "and 1 more, in the audit's tables"
    assert en("page.more", n=1234) == "and 1,234 more, in the audit's tables"


def test_a_value_with_braces_is_no_template() -> None:
    assert en("page.title", source="{0.__class__} {n}") == "Privacy audit of {0.__class__} {n}"


def test_numbers_follow_the_catalogue() -> None:
    other = Language("id", {**en.entries, "format.thousands": ".", "format.decimal": ","})
    assert other.number(1234567.8, 1) == "1.234.567,8"
    assert other.percent(0.125) == "12,5%"


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (1, 3, "33.3%"),
        (1, 100_000, "<0.1%"),
        (99_999, 100_000, ">99.9%"),
        (1, 1000, "0.1%"),
        (0, 0, "–"),
    ],
)
def test_share_never_hides_the_few(part: int, total: int, text: str) -> None:
    assert en.share(part, total) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0%"), (1, "100%"), (0.12345, "12%"), (0.0123, "1.2%"), (0.000123, "0.012%"), (1e-9, "0.00000010%")],
)
def test_bound(rate: float, text: str) -> None:
    assert en.bound(rate) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_600, "1.0 MB"),
        (2_345_678_901, "2.3 GB"),
        (10**20, "100,000 PB"),
    ],
)
def test_size(size_bytes: int, text: str) -> None:
    assert en.size(size_bytes).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        ("2026-11-22T09:05:00Z", "22 November 2026, 09:05 UTC"),
        ("2026-01-01T01:00:00+07:00", "31 December 2025, 18:00 UTC"),
        ("2026-01-01T01:00:00", "1 January 2026, 01:00 UTC"),
        ("yesterday", "yesterday"),
        ("", "–"),
    ],
)
def test_date(iso: str, text: str) -> None:
    assert en.date(iso) == text


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("2026-11-22T00:00:59Z", "0 min 59 s"),
        ("2026-11-22T00:03:05Z", "3 min 5 s"),
        ("2026-11-23T01:59:59Z", "25 h 59 min"),
        ("2026-11-21T00:00:00Z", "–"),
        ("never", "–"),
    ],
)
def test_duration(end: str, text: str) -> None:
    assert en.duration("2026-11-22T00:00:00Z", end) == text


def test_unknown_words_of_plugins_are_shown_as_they_are() -> None:
    assert en.label("bin.channel", "caption") == "Caption"
    assert en.label("bin.channel", "smell") == "smell"
    assert en.kind("gps.precise") == "Precise location"
    assert en.kind("plugin.odd_kind") == "Plugin odd kind"
