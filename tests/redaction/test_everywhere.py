"""A value that was found once is found wherever it stands on the sample."""

from __future__ import annotations

import pytest

from privacy_audit import evidence
from privacy_audit.redaction import texts
from privacy_audit.redaction.everywhere import Value, distinct, key, spans
from privacy_audit.redaction.orders import Orders
from privacy_audit.redaction.spans import mask
from privacy_audit.types import Action, Finding, Sample, Span, Text


@pytest.mark.parametrize(
    ("code", "value", "text", "masked"),
    [
        ("name.person", "Maria Sari", "by maria sari.", "by <PERSON>."),
        ("name.person", "Maria Sari", "img_Maria-Sari_01.jpg", "img_<PERSON>_01.jpg"),
        ("name.person", "José Ñíguez", "Jose Niguez", "<PERSON>"),
        ("name.person", "Jose\u0301 Niguez", "josé niguez", "<PERSON>"),
        ("name.person", "Ann", "Annual report", "Annual report"),
        ("name.person", "Li", "Li and list", "Li and list"),
        ("name.person", "Maria Sari", "Maria  Sari, MARIA\nSARI", "<PERSON>, <PERSON>"),
        ("contact.email", "maria@example.com", "mailto:maria@example.com?x", "mailto:<EMAIL>?x"),
        ("contact.email", "maria@example.com", "xmaria@example.com", "xmaria@example.com"),
        ("contact.phone", "+62 812-3456-7890", "call 6281234567890 now", "call <PHONE> now"),
        ("contact.phone", "+62 812-3456-7890", "62812345678901", "62812345678901"),
        ("id.national", "3171014508900003", "nik3171 0145 0890 0003", "nik<NATIONAL_ID>"),
        ("time", "10:30", "10:30", "10:30"),
        ("name.person", "ﬁona ẞ", "Fiona SS", "<PERSON>"),
    ],
)
def test_equal_values_are_found_however_they_are_written(code: str, value: str, text: str, masked: str) -> None:
    assert mask(text, list(spans(text, distinct([Value(code, value)])))) == masked


def test_long_values_come_first_and_each_once() -> None:
    values = [Value("name.person", "Maria"), Value("name.person", "MARIA"), Value("name.person", "Maria Sari")]
    assert [value.text for value in distinct(values)] == ["Maria Sari", "Maria"]


def sample() -> Sample:
    record = {"text": "by Maria Sari", "author": "maria sari", "boxes[0]": 12, "boxes[1]": 14, "keyword": "sari"}
    fields = [Text("caption", "text", record["text"]), Text("record", "author", record["author"])]  # type: ignore[arg-type]
    return Sample("maria_sari.jpg", "0", None, (*fields, Text("filename", "path:", "maria_sari.jpg")), record)


def orders() -> Orders:
    found = Finding("name.person", "x", 1.0, "caption", Span(3, 13), attributes={"field": "text"})
    return Orders(Action("redact", {"mask": "name.*"}), [found])


def test_a_value_goes_from_every_field_and_the_name() -> None:
    found = texts.spans_of(sample(), orders())
    assert texts.masked(sample(), found) == {"text": "by <PERSON>", "author": "<PERSON>"}
    name = texts.renamed(sample(), found["path:"])
    assert name.startswith("PERSON-")
    assert "maria" not in name


def test_pseudonyms_are_equal_for_equal_values_of_one_audit_and_key() -> None:
    with evidence.token_key(b"k" * 32):
        naming = texts.pseudonyms("audit")
        found = texts.masked(sample(), texts.spans_of(sample(), orders()), naming)
        other = texts.pseudonyms("other audit")("name.person", "Maria Sari")
        assert naming("name.owner", "MARIA  SARI") == found["author"].strip("<>") != other
        assert naming("name.owner", "Maria Contoh") != naming("name.owner", "Maria Sari")
    assert found["text"] == f"by {found['author']}"
    assert found["author"].startswith("<PERSON-")


def test_declared_columns_are_emptied_with_all_that_is_in_them() -> None:
    emptied = texts.emptied(sample(), ["boxes", "keyword", "missing"])
    assert {name for name in emptied if not name.startswith("json:")} == {"boxes[0]", "boxes[1]", "keyword"}
    assert set(emptied.values()) == {""}


@pytest.mark.parametrize(("value", "code"), [("", "name.person"), ("--", "name.person"), ("12", "id.national")])
def test_values_that_are_too_short_have_no_key(value: str, code: str) -> None:
    assert key(value, code) == ""
