"""Words about children in captions."""

from __future__ import annotations

import pytest

from privacy_audit.detectors.captions import Captions, minors
from privacy_audit.types import Sample, Span, Text


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("A child with a kite", "child"),
        ("Two CHILDREN on a swing", "CHILDREN"),
        ("a baby in a pram", "baby"),
        ("toddler asleep", "toddler"),
        ("some kids' toys", "kids"),
        ("a 5 year old with cake", "5 year old"),
        ("a five-year-old girl", "five-year-old"),
        ("twins, 8 months old", "8 months old"),
        ("Our son, aged 7, at the zoo", "aged 7"),
        ("first day of kindergarten", "kindergarten"),
        ("waiting in front of the elementary school", "elementary school"),
        ("walking home from school", "from school"),
        ("a teenage boy", "teenage boy"),
        ("little girl in red", "little girl"),
        ("Seorang anak bermain bola", "anak"),
        ("anak-anak di taman", "anak-anak"),
        ("balita itu tidur", "balita"),
        ("bayi dan ibunya", "bayi"),
        ("siswa SD berbaris", "siswa SD"),
        ("murid di kelas", "murid"),
        ("Budi, usia 5 tahun", "usia 5 tahun"),
        ("berumur 12 thn", "berumur 12 thn"),
        ("kidney beans", None),
        ("just kidding around", None),
        ("childhood memories of a childish man", None),
        ("a baby elephant and baby carrots", None),
        ("a school bus near a school of fish", None),
        ("a man aged 45", None),
        ("a 45 year old woman", None),
        ("a 10 year old car", None),
        ("aged 10% better", None),
        ("a boy band and a girl in a suit", None),
        ("naik ke anak tangga", None),
        ("laporan anak perusahaan", None),
        ("mahasiswa universitas", None),
        ("usia 45 tahun", None),
        ("", None),
    ],
)
def test_mentions(text: str, mention: str | None) -> None:
    assert [text[one.start : one.end] for one in minors.find(text)] == ([] if mention is None else [mention])


def test_one_finding_that_names_no_one() -> None:
    text = "The kids of Mary Smith: a child, a baby"
    (outcome,) = Captions().detect([Sample("one", "", texts=(Text("caption", "text", text),))])
    (finding,) = [part for part in outcome if getattr(part, "code", "") == "person.minor"]  # type: ignore[union-attr]
    assert finding.where == Span(4, 8)  # type: ignore[union-attr]
    assert finding.attributes["tier"] == "contextual"  # type: ignore[union-attr]


def test_long_texts_take_no_time() -> None:
    assert minors.find("a" * 20_000 + " 17 years old" * 3_000 + " car") != []
    assert minors.find("anak tangga " * 20_000) == []
