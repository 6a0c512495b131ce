from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.report import charts
from privacy_audit.report.language import Language

SPAN = re.compile(r'x="([\d.]+)%" width="([\d.]+)%"')


def spans(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(width)) for x, width in SPAN.findall(svg)]


def test_a_stack_has_its_parts_one_after_the_other() -> None:
    assert spans(charts.stack([("ok", 25), ("failed", 0), ("skipped", 50)], 100)) == [(0, 25), (25, 50)]


def test_what_is_there_is_seen() -> None:
    ((_, width),) = spans(charts.bar(1, 1_000_000))
    assert width > 0.5


@pytest.mark.parametrize(("value", "total"), [(0, 10), (0, 0), (5, 0), (-1, 10)])
def test_nothing_is_only_a_track(value: int, total: int) -> None:
    svg = charts.bar(value, total)
    assert spans(svg) == []
    assert "track" in svg


@given(st.lists(st.integers(0, 10**9), max_size=12), st.integers(0, 10**9))
def test_a_stack_never_leaves_its_track(values: list[int], total: int) -> None:
    ends = [x + width for x, width in spans(charts.stack([("ok", value) for value in values], total))]
    assert all(end <= 100.02 for end in ends)


def test_columns_are_as_high_as_their_counts() -> None:
    svg = charts.columns([("0", 10), ("1", 0), ("2", 5)], Language.load("en"), "bin.face_size")
    assert re.findall(r'class="s-accent".*?height="([\d.]+)"', svg) == ["120.0", "0.0", "60.0"]
    assert "&lt;1%" in svg


def test_no_columns() -> None:
    assert "<rect" not in charts.columns([], Language.load("en"), "bin.face_size")
    assert "nan" not in charts.columns([("0", 0)], Language.load("en"), "bin.face_size")
