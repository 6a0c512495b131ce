"""Codes are a promise: audits, packs and baselines outlive a release."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from privacy_audit.detectors import registry
from privacy_audit.taxonomy import CATEGORIES, CODES, Category, Tier, describe, matches
from privacy_audit.types import Severity

PROMISED = [
    "face",
    "person.match",
    "gps.precise",
    "gps.coarse",
    "place",
    "time",
    "device.serial",
    "device.uid",
    "device.makernote",
    "name.owner",
    "name.creator",
    "name.person",
    "name.region",
    "contact.email",
    "contact.phone",
    "contact.address",
    "contact.username",
    "id.national",
    "id.tax",
    "id.passport",
    "id.mrz",
    "id.card",
    "id.iban",
    "id.ssn",
    "id.plate",
    "net.ip",
    "net.mac",
    "secret",
    "url.personal",
    "person.birth_date",
    "person.health",
    "person.minor",
    "embedded.thumbnail",
    "embedded.second_image",
    "embedded.trailer",
    "embedded.video",
    "embedded.depth",
    "text.free",
    "text.prompt",
    "text.unread",
    "history",
    "rights",
    "provenance.private",
    "provenance.restricted",
    "provenance.unknown",
    "provenance.opt_out",
    "provenance.no_license",
    "provenance.platform",
    "provenance.synthetic",
]


def test_no_code_was_renamed() -> None:
    assert [code for code in PROMISED if code not in CODES] == []


@pytest.mark.parametrize("code", CODES)
def test_an_entry_is_well_formed(code: str) -> None:
    entry = CODES[code]
    assert entry.code == code
    assert re.fullmatch(r"[a-z]+(?:[._][a-z]+)*", code)
    assert entry.title[0].isupper()
    assert entry.category in CATEGORIES
    assert entry.tier in get_args(Tier)
    assert isinstance(entry.severity, Severity)
    assert entry.dpv is None or entry.dpv.startswith("https://w3id.org/dpv")


def test_titles_are_distinct_and_categories_complete() -> None:
    titles = [entry.title for entry in CODES.values()]
    assert len(set(titles)) == len(titles)
    assert set(CATEGORIES) == set(get_args(Category)) == {entry.category for entry in CODES.values()}


def test_every_detector_finds_known_codes() -> None:
    unknown = {
        code
        for row in registry.listing()
        if row.detector is not None and row.distribution == "privacy-audit"
        for code in row.detector.codes - CODES.keys()
    }
    assert unknown == set()


def test_the_code_of_a_plug_in_is_described() -> None:
    entry = describe("tattoo.full_arm")
    assert (entry.code, entry.title, entry.severity) == ("tattoo.full_arm", "Tattoo full arm", Severity.MEDIUM)
    assert entry.category in CATEGORIES
    assert describe("face") is CODES["face"]


@pytest.mark.parametrize(
    ("pattern", "code", "expected"),
    [
        ("*", "face", True),
        ("face", "face", True),
        ("face", "face.profile", False),
        ("face.*", "face", True),
        ("gps.*", "gps.precise", True),
        ("gps.*", "gps", True),
        ("gps.*", "gpsx", False),
        ("gps.*", "gpsx.precise", False),
        ("gps", "gps.precise", False),
        ("gps.p*", "gps.precise", False),
        (".*", "face", False),
        ("", "face", False),
    ],
)
def test_patterns(pattern: str, code: str, expected: bool) -> None:
    assert matches(pattern, code) is expected


def test_severities_are_ordered() -> None:
    assert [severity.value for severity in sorted(Severity, key=lambda one: one.rank)] == [
        "info", "low", "medium", "high", "critical",
    ]  # fmt: skip
