"""What stands beside the data: mapped columns, declared defaults, the dataset card, tdmrep.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors import Provenance
from privacy_audit.detectors.provenance import verdict
from privacy_audit.detectors.provenance.given import Location
from privacy_audit.types import Finding, Sample, Text


def look(record: dict[str, object], url: str = "", id: str = "a.jpg", **beside: Any) -> list[Finding]:  # noqa: A002
    texts = (Text("url", "url", url),) if url else ()
    return Provenance(beside=json.dumps(beside))(Sample(id, "", texts=texts, record=record))


def mapping(subject: str, column: str, **values: str) -> dict[str, Any]:
    return {"columns": {subject: {"column": column, "values": values}}}


AUDIENCE = mapping("visibility", "privacy", **{"0": "private", "1": "public", "2": "unknown", "mutuals": "private"})
MAPPED = [
    (AUDIENCE, {"privacy": 0}, ("private", "unspecified")),
    (AUDIENCE, {"privacy": "1"}, ("public", "unspecified")),
    (AUDIENCE, {"privacy": 1.0}, ("public", "unspecified")),
    (AUDIENCE, {"privacy": True}, ("public", "unspecified")),
    (AUDIENCE, {"privacy": False}, ("private", "unspecified")),
    (AUDIENCE, {"privacy": " MUTUALS "}, ("private", "unspecified")),
    (AUDIENCE, {"privacy": "friends"}, ("private", "unspecified")),  # not listed: as the tables know it
    (AUDIENCE, {"privacy": 2}, ("unknown", "unspecified")),
    (AUDIENCE, {"privacy": 3}, ("unknown", "unspecified")),
    (AUDIENCE, {"privacy": 2, "license": "CC0"}, ("unknown", "unspecified")),
    (AUDIENCE, {"privacy": 3, "license": "CC0"}, ("unknown", "unspecified")),
    (AUDIENCE, {"privacy": None, "license": "CC0"}, ("public", "unspecified")),
    (AUDIENCE, {"Privacy": 0}, ("unknown", "unspecified")),  # another column
    (AUDIENCE, {"privacy": [1, 0]}, ("private", "unspecified")),
    (AUDIENCE, {"privacy": 1, "visibility": "private"}, ("private", "unspecified")),
    (mapping("visibility", "who", none="private"), {"who": "none"}, ("private", "unspecified")),
    (mapping("visibility", "who"), {"who": "friends"}, ("private", "unspecified")),
    ({"columns": {"visibility": "who"}}, {"who": "public"}, ("public", "unspecified")),
    # A mapping replaces what the tables say of the same column, for its own subject alone.
    (mapping("visibility", "visibility", public="restricted"), {"visibility": "public"}, ("restricted", "unspecified")),
    (mapping("consent", "robots", noai="allowed"), {"robots": "noai"}, ("unknown", "denied")),
    (mapping("consent", "opt_out", yes="allowed"), {"opt_out": "yes"}, ("unknown", "denied")),
    (mapping("consent", "visibility", private="allowed"), {"visibility": "private"}, ("private", "allowed")),
    (mapping("license", "lic", a="CC BY-NC 2.0"), {"lic": "A"}, ("public", "constrained")),
    (mapping("license", "lic", a="CC BY-NC 2.0"), {"lic": "CC0"}, ("public", "unspecified")),
    (mapping("license", "lic", a="nothing known"), {"lic": "a"}, ("unknown", "unspecified")),
    (mapping("consent", "release", signed="constrained"), {"release": "signed"}, ("unknown", "constrained")),
    (mapping("consent", "release", x="unspecified"), {"release": "x"}, ("unknown", "unspecified")),
    (mapping("published_by_subject", "own", y="yes"), {"own": "y"}, ("unknown", "unspecified")),
]


@pytest.mark.parametrize(("description", "record", "expected"), MAPPED, ids=[str(n) for n in range(len(MAPPED))])
def test_mapped_columns(description: dict[str, Any], record: dict[str, object], expected: tuple[str, str]) -> None:
    assert verdict(look(record, description=description)) == expected


def test_a_mapped_value_leaves_no_raw_value() -> None:
    found = look({"who": "zyxwvut canary"}, description=mapping("visibility", "who", **{"zyxwvut canary": "private"}))
    assert verdict(found)[0] == "private"
    assert "zyxwvut" not in repr(found).casefold()


@pytest.mark.parametrize(
    ("record", "default", "expected"),
    [
        ({}, "public", "public"),
        ({}, "private", "private"),
        ({"visibility": "private"}, "public", "private"),
        ({"visibility": "public"}, "private", "public"),  # what a record says is better evidence
        ({"visibility": "vip"}, "public", "unknown"),  # something is said, and not understood
        ({"license": "CC0"}, "restricted", "public"),
    ],
)
def test_a_default_speaks_where_nothing_better_does(record: dict[str, object], default: str, expected: str) -> None:
    assert verdict(look(record, description={"defaults": {"visibility": default}}))[0] == expected


def test_a_default_is_marked_as_declared() -> None:
    (finding,) = [part for part in look({}, description={"defaults": {"visibility": "public"}}) if part.score < 1]
    assert finding.attributes["evidence"] == "declaration"
    assert (finding.attributes["confidence"], finding.attributes["scope"]) == ("low", "dataset")


@pytest.mark.parametrize(
    ("card", "record", "expected"),
    [
        ({"license": "cc-by-4.0"}, {}, ("unknown", "unspecified")),
        ({"license": "cc0-1.0"}, {"do_not_train": 1}, ("unknown", "denied")),
        ({"license": "cc-by-nc-4.0"}, {}, ("unknown", "constrained")),
        ({"license": "other", "license_name": "CC BY-ND 4.0"}, {}, ("unknown", "constrained")),
        ({"license": "other"}, {}, ("unknown", "unspecified")),
        ({"gated": "yes"}, {}, ("restricted", "unspecified")),
        ({"gated": "yes"}, {"visibility": "public"}, ("restricted", "unspecified")),
        ({"gated": "yes"}, {"visibility": "private"}, ("private", "unspecified")),
    ],
)
def test_the_dataset_card(card: dict[str, str], record: dict[str, object], expected: tuple[str, str]) -> None:
    assert verdict(look(record, card=card)) == expected


LOCATIONS = [
    ("/", "/a.jpg", True),
    ("/images/", "/images/a.jpg", True),
    ("/images/", "/other/a.jpg", False),
    ("/*.jpg", "/x/a.jpg", True),
    ("/*.jpg$", "/x/a.jpg?size=1", False),
    ("/*.jpg$", "/a.jpg/b.jpg", True),
    ("/a.jpg$", "/a.jpg", True),
    ("/a.jpg$", "/a.jpg2", False),
    ("*", "/anything", True),
    ("/a*a$", "/a", False),
    ("", "/a", True),
]


@pytest.mark.parametrize(("location", "path", "fits"), LOCATIONS)
def test_locations(location: str, path: str, fits: bool) -> None:
    assert Location.parse(location).fits(path) is fits


@settings(deadline=None)
@given(st.text(alphabet="a*$/", max_size=30), st.text(alphabet="a/", max_size=30))
def test_any_location_is_answered(location: str, path: str) -> None:
    assert Location.parse(location).fits(path) in {True, False}


@pytest.mark.parametrize(
    ("url", "sample_id", "rules", "training"),
    [
        ("", "img/a.jpg", [["/img/", 1]], "denied"),
        ("", "img/a.jpg", [["/other/", 1]], "unspecified"),
        ("", "img/a.jpg", [["/", 0]], "allowed"),
        ("", "img/a.jpg", [["/", 0], ["/img/", 1]], "denied"),
        ("https://example.com/p/a.jpg", "0001.jpg", [["/p/", 1]], "denied"),
        ("https://[bad", "0001.jpg", [["/p/", 1]], "unspecified"),
    ],
)
def test_reservations(url: str, sample_id: str, rules: list[list[object]], training: str) -> None:
    assert verdict(look({}, url, sample_id, reservations=rules))[1] == training
