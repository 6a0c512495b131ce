"""Licence strings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.provenance.licenses import MAX_CHARS, flickr, mentioned, recognise

WHOLE = [
    ("CC BY 4.0", "CC-BY-4.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("CC_BY_SA", "CC-BY-SA"),
    ("CC BY-NC 2.0", "CC-BY-NC-2.0"),
    ("CC BY-ND-NC 1.0", "CC-BY-NC-ND-1.0"),
    ("CC-BY-NC-SA-3.0-IGO", "CC-BY-NC-SA-3.0"),
    ("CC BY 2.0 DE", "CC-BY-2.0"),
    ("Attribution License", "CC-BY"),
    ("Attribution-NonCommercial-NoDerivs License", "CC-BY-NC-ND"),
    ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"),
    ("Licensed under the Creative Commons Attribution Non Commercial 3.0 Unported licence", "CC-BY-NC-3.0"),
    ("http://creativecommons.org/licenses/by/2.0/", "CC-BY-2.0"),
    ("https://creativecommons.org/licenses/by-nc-sa/4.0/deed.en", "CC-BY-NC-SA-4.0"),
    ("https://www.creativecommons.org/licenses/by/2.1/jp/legalcode", "CC-BY-2.1"),
    ("creativecommons.org/licenses/by-nd/4.0", "CC-BY-ND-4.0"),
    ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
    ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
    ("CC0", "CC0-1.0"),
    ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", None),
    ("Public Domain Dedication (CC0)", "CC0-1.0"),
    ("Public Domain Mark 1.0", "CC-PDM-1.0"),
    ("public domain", "public-domain"),
    ("No known copyright restrictions", "no-known-copyright"),
    ("United States Government Work", "US-Government-Work"),
    ("All rights reserved", "all-rights-reserved"),
    ("© All Rights Reserved.", "all-rights-reserved"),
    ("http://rightsstatements.org/vocab/InC/1.0/", "all-rights-reserved"),
    ("http://rightsstatements.org/vocab/NoC-US/1.0/", "public-domain"),
    ("Apache-2.0", "Apache-2.0"),
    ("Unsplash License", "Unsplash"),
    ("", None),
    ("by", None),
    ("CC", None),
    ("Creative Commons", None),
    ("by-nc", None),
    ("CC BY 9.0", None),
    ("CC BY-SA-ND 4.0", None),
    ("CC BY 4.0 but ask first", None),
    ("not CC BY 4.0", None),
    ("non public domain", None),
    ("https://example.com/creativecommons.org/licenses/by/4.0/", None),
    ("https://creativecommons.org.example.com/licenses/by/4.0/", None),
    ("https://creativecommons.org/licenses/byte/4.0/", None),
    ("https://creativecommons.org/", None),
]


@pytest.mark.parametrize(("text", "expected"), WHOLE)
def test_recognise(text: str, expected: str | None) -> None:
    known = recognise(text)
    assert (known.id if known else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("© 2024 Jane Example, CC BY 4.0", "CC-BY-4.0"),
        ("Jane Example / CC-BY-NC-SA (https://creativecommons.org/licenses/by-nc-sa/2.0/)", "CC-BY-NC-SA-2.0"),
        ("Released as CC0 by the museum", "CC0-1.0"),
        ("(c) Jane Example. All rights reserved.", "all-rights-reserved"),
        ("CC BY 4.0? No: all rights reserved", "all-rights-reserved"),
        ("CC BY 4.0 or CC BY-NC 2.0, as you like", None),
        ("© 2024 Jane Example", None),
        ("Picture by Jane Example", None),
    ],
)
def test_mentioned(text: str, expected: str | None) -> None:
    known = mentioned(text)
    assert (known.id if known else None) == expected


@pytest.mark.parametrize(
    ("text", "is_open", "training"),
    [
        ("CC BY 4.0", True, "unspecified"),
        ("CC BY-SA 4.0", True, "unspecified"),
        ("CC BY-NC 4.0", True, "constrained"),
        ("CC BY-ND 4.0", True, "constrained"),
        ("CC0", True, "unspecified"),
        ("public domain", True, "unspecified"),
        ("All rights reserved", False, "unspecified"),
        ("MIT", False, "unspecified"),
    ],
)
def test_meaning(text: str, is_open: bool, training: str) -> None:
    known = recognise(text)
    assert known is not None
    assert (known.open, known.training) == (is_open, training)


def test_flickr_numbers() -> None:
    assert {number: known.id for number, known in flickr().items()} == {
        "0": "all-rights-reserved",
        "1": "CC-BY-NC-SA-2.0",
        "2": "CC-BY-NC-2.0",
        "3": "CC-BY-NC-ND-2.0",
        "4": "CC-BY-2.0",
        "5": "CC-BY-SA-2.0",
        "6": "CC-BY-ND-2.0",
        "7": "no-known-copyright",
        "8": "US-Government-Work",
        "9": "CC0-1.0",
        "10": "CC-PDM-1.0",
    }


@settings(deadline=None)
@given(st.text() | st.text(alphabet="CcBbYyNnSsAaDd0. -/:©"))
def test_any_text_is_answered(text: str) -> None:
    for known in (recognise(text), mentioned(text)):
        assert known is None or known.id.isascii()


@pytest.mark.parametrize("unit", ["CC BY-", "cc ", "creativecommons.org/", "https://", "all rights ", "-nc", " "])
def test_long_text_is_cut(unit: str) -> None:
    text = unit * 300_000
    assert recognise(text) is None
    assert mentioned(text) == mentioned(text[:MAX_CHARS])
