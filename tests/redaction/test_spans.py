from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.redaction.spans import MAX_NAME_BYTES, mask, mask_filename
from privacy_audit.taxonomy import CODES

SPANS = st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60), st.sampled_from(sorted(CODES))), max_size=12)


@pytest.mark.parametrize(
    ("code", "placeholder"),
    [
        ("contact.email", "<EMAIL>"),
        ("contact.phone", "<PHONE>"),
        ("contact.address", "<ADDRESS>"),
        ("contact.username", "<USERNAME>"),
        ("id.card", "<CARD>"),
        ("id.iban", "<IBAN>"),
        ("id.ssn", "<SSN>"),
        ("id.national", "<NATIONAL_ID>"),
        ("id.tax", "<TAX_ID>"),
        ("id.passport", "<PASSPORT>"),
        ("id.plate", "<PLATE>"),
        ("net.ip", "<IP>"),
        ("net.mac", "<MAC>"),
        ("secret", "<SECRET>"),
        ("name.owner", "<PERSON>"),
        ("name.region", "<PERSON>"),
        ("name.of_a_plugin", "<PERSON>"),
        ("person.birth_date", "<BIRTH_DATE>"),
        ("url.personal", "<URL>"),
        ("place", "<LOCATION>"),
        ("plugin.unknown", "<REDACTED>"),
    ],
)
def test_each_code_has_its_placeholder(code: str, placeholder: str) -> None:
    assert mask("see VALUE here", [(4, 9, code)]) == f"see {placeholder} here"


@pytest.mark.parametrize(
    ("spans", "masked"),
    [
        ([], "0123456789"),
        ([(2, 4, "net.ip"), (6, 8, "net.mac")], "01<IP>45<MAC>89"),
        ([(6, 8, "net.mac"), (2, 4, "net.ip")], "01<IP>45<MAC>89"),
        ([(2, 6, "net.ip"), (4, 8, "id.card")], "01<CARD>89"),  # the more severe one names both
        ([(2, 4, "name.person"), (2, 8, "net.ip")], "01<IP>89"),  # equally severe: the longer one does
        ([(2, 4, "net.ip"), (4, 6, "net.ip")], "01<IP>6789"),  # touching ones are one
        ([(1, 9, "net.ip"), (2, 3, "net.ip"), (4, 5, "net.ip")], "0<IP>9"),
        ([(-5, 2, "net.ip"), (8, 99, "net.mac")], "<IP>234567<MAC>"),
        ([(5, 5, "net.ip"), (7, 3, "net.ip"), (40, 50, "net.ip"), (-9, -1, "net.ip")], "0123456789"),
        ([(0, 10, "secret")], "<SECRET>"),
    ],
)
def test_spans_merge_clip_and_come_in_any_order(spans: list[tuple[int, int, str]], masked: str) -> None:
    assert mask("0123456789", spans) == masked


def test_positions_are_code_points() -> None:
    assert mask("👩‍👧 ann@example.com 🎉", [(4, 19, "contact.email")]) == "👩‍👧 <EMAIL> 🎉"


def test_another_placeholder_gets_the_code_and_the_value() -> None:
    assert mask("ann met bob", [(0, 3, "name.person"), (8, 11, "name.person")], lambda c, v: f"[{c}:{v[::-1]}]") == (
        "[name.person:nna] met [name.person:bob]"
    )


@given(st.text(max_size=50), SPANS, st.randoms(use_true_random=False))
def test_nothing_in_a_span_survives_and_the_rest_is_unchanged(
    text: str, spans: list[tuple[int, int, str]], order: random.Random
) -> None:
    hidden = {at for start, end, _ in spans for at in range(max(0, start), min(end, len(text)))}
    pieces = mask(text, spans, lambda _code, value: "\0" * len(value))
    # A placeholder as long as its value shows place by place what is left.
    assert pieces == "".join("\0" if at in hidden else character for at, character in enumerate(text))
    seen: list[str] = []
    masked = mask(text, spans, lambda _code, value: seen.append(value) or "\0")
    assert "".join(seen) == "".join(text[at] for at in sorted(hidden))
    assert masked.replace("\0", "") == "".join(
        character for at, character in enumerate(text) if at not in hidden
    ).replace("\0", "")
    shuffled = list(spans)
    order.shuffle(shuffled)
    assert mask(text, shuffled) == mask(text, spans)


@pytest.mark.parametrize(
    ("name", "spans", "masked"),
    [
        ("ann@example.com.jpg", [(0, 15, "contact.email")], "EMAIL.jpg"),
        ("ann@example.com.jpg", [(0, 19, "contact.email")], "EMAIL.jpg"),  # the extension is kept even so
        ("ann@example.com", [(0, 15, "contact.email")], "EMAIL"),  # .com is no extension
        ("photo_of_ann_2.JPEG", [(9, 12, "name.person")], "photo_of_PERSON_2.JPEG"),
        ("ann", [(0, 3, "name.person")], "PERSON"),
        (".jpg", [(0, 4, "name.person")], "REDACTED.jpg"),
        ("", [], "REDACTED"),
        ("plain.png", [], "plain.png"),
        ("3174-0101.csv.zip", [(0, 9, "id.national")], "NATIONAL_ID.csv.zip"),
    ],
)
def test_file_names(name: str, spans: list[tuple[int, int, str]], masked: str) -> None:
    assert mask_filename(name, spans) == masked


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=50), SPANS)
def test_file_names_stay_names(name: str, spans: list[tuple[int, int, str]]) -> None:
    masked = mask_filename(name, spans)
    assert masked
    assert not set(masked) - set(name) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")
    if name.endswith(".jpg"):
        assert masked.endswith(".jpg")


def test_a_name_that_grows_is_cut_to_what_file_systems_take() -> None:
    name = "é1" * 60 + ".jpeg"
    masked = mask_filename(name, [(at, at + 1, "id.national") for at in range(1, 120, 2)])
    assert masked.endswith(".jpeg")
    assert masked.startswith("éNATIONAL_IDé")
    assert len(masked.encode()) <= MAX_NAME_BYTES
    long = "x" * 240 + ".jpg"
    assert mask_filename(long, []) == long
