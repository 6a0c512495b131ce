"""Which values of a record are texts, and of which channel."""

from __future__ import annotations

from decimal import Decimal

import pytest

from privacy_audit.sources.base import texts_of
from privacy_audit.types import Text


@pytest.mark.parametrize(
    ("field", "value", "channel"),
    [
        ("text", "x", "caption"),
        ("Caption", "x", "caption"),
        ("caption[1]", "x", "caption"),
        ("tags[3]", "x", "caption"),
        ("user.bio", "x", "caption"),
        ("keterangan", "x", "caption"),
        ("url", "x", "url"),
        ("image_url", "x", "url"),
        ("links[0]", "x", "record"),
        ("link[0]", "x", "url"),
        ("note", "https://example.com", "url"),
        ("text", "https://example.com", "url"),
        ("name", "x", "record"),
        ("curling", "x", "record"),
        ("", "x", "record"),
        ("mine", "x", "caption"),
        ("mine.deep[0]", "x", "caption"),
        ("a.b", "x", "caption"),
    ],
)
def test_channels(field: str, value: str, channel: str) -> None:
    record = {field: value}
    assert texts_of(record, captions=frozenset({"mine", "a.b"})) == [Text(channel, field, value)]  # type: ignore[arg-type]
    assert [text.field for text in texts_of(record, "json:")] == [f"json:{field}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4155550100, "4155550100"),
        (-4155550100, "-4155550100"),
        (1_000_000, "1000000"),
        (999_999, None),
        (4155550100.0, "4155550100.0"),
        (3174012345678901.0, "3174012345678901.0"),
        (4155550100.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("3174012345678901"), "3174012345678901"),
        (Decimal("3174012345678901.00"), "3174012345678901.00"),
        (Decimal("0.5"), None),
        (True, None),
        (None, None),
        (b"zq@example.com", None),
        ("", None),
        (" \n", None),
        (" x", " x"),
    ],
)
def test_numbers_that_are_long_enough_to_identify_are_texts(value: object, text: str | None) -> None:
    assert [found.value for found in texts_of({"n": value})] == ([] if text is None else [text])


def test_fields_are_taken_as_they_are() -> None:
    """They are paths already, and redaction looks the value up by them."""
    record = {"a.b[0].{1} (key)": "x", "x" * 100: "y"}
    assert [text.field for text in texts_of(record)] == list(record)
