"""Hidden counts stay hidden from somebody who has all that is published and tries every possible world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.report.disclosure import (
    POSSIBLE,
    THRESHOLD,
    Figure,
    Relation,
    change,
    exactly,
    interval,
    share,
    suppress,
)

SMALL = st.integers(0, 14)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([1000, 12, 3], ["1,015", "1,000", "10-19", "<10"]),  # the next smallest becomes a range
        ([1000, 10, 1], ["1,011", "1,000", "<100", "<10"]),  # 10-19 would leave only 1
        ([1000, 0, 20], ["1,020", "1,000", "0", "20"]),
        ([2, 3, 0], ["<10", "<10", "<10", "0"]),
        ([50, 3, 4], ["57", "50", "<10", "<10"]),
        ([9, 9], ["18", "<100", "<100"]),  # two hidden ones alone could be nothing else than 9 and 9
        ([1] * 9, ["<100", *["<10"] * 9]),  # nor nine of them below ten
        ([5], ["<10", "<10"]),
    ],
)
def test_a_sum(parts: list[int], expected: list[str]) -> None:
    counts = {"all": sum(parts), **{f"p{number}": count for number, count in enumerate(parts)}}
    figures = suppress(counts, [Relation(("all",), tuple(counts)[1:])])
    texts = sorted(figure.text for key, figure in figures.items() if key != "all")
    assert texts == sorted(expected[1:])
    assert figures["all"].text == expected[0]


def test_what_is_published_is_true() -> None:
    counts = {number: number for number in (*range(25), 99, 100, 101, 12345)}
    for key, figure in suppress(counts).items():
        assert figure.low <= counts[key]
        assert figure.high is None or counts[key] <= figure.high
        assert (figure.exact is None) == (0 < key < THRESHOLD)


def test_an_internal_audience_sees_counts() -> None:
    assert exactly({"a": 3})["a"].text == "3"


def test_shares_intervals_and_changes_come_from_exact_figures_only() -> None:
    small, large, none = Figure(1, 9), Figure(200, 200), Figure(0, 0)
    assert share(Figure(50, 50), large) == 0.25
    assert interval(Figure(50, 50), large) is not None
    assert change(Figure(50, 50), large) == 150
    assert change(none, none) == 0
    for function in (share, interval, change):
        assert function(small, large) is None
        assert function(large, small) is None
    assert share(none, none) is None
    assert interval(none, none) is None


@pytest.mark.parametrize(
    ("counts", "relation"),
    [({"a": 3, "b": 4}, Relation(("a",), ("b",))), ({"a": 3, "b": 4}, Relation(("a",), ("b",), exact=False))],
)
def test_a_wrong_relation_is_an_error(counts: dict[str, int], relation: Relation) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        suppress(counts, [relation])


def test_a_negative_count_is_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        suppress({"a": -1})


def test_equal_counts_are_published_alike() -> None:
    """Twelve quarantined samples would say that the twelve private ones are not a range."""
    counts = {"all": 1015, "public": 1000, "private": 12, "unknown": 3, "quarantined": 12}
    figures = suppress(counts, [Relation(("all",), ("public", "private", "unknown"))])
    assert figures["private"] == figures["quarantined"] == Figure(10, 19)


def test_a_union_does_not_give_its_smallest_set_away() -> None:
    """19 samples with a finding, 10 of one kind: the other kind, hidden, could be nothing else than 9."""
    counts = {"any": 19, "face": 10, "gps": 9}
    figures = suppress(counts, [Relation(("face", "gps"), ("any",), exact=False)])
    assert figures["gps"].text == "<10"
    assert {figures["any"].exact, figures["face"].exact} != {19, 10}


def possible_values(
    figures: Mapping[str, Figure], relations: Sequence[Relation], cap: int, free: Sequence[str]
) -> dict[str, int]:
    """How many values each count has in the worlds that fit all that is published. `free` determine all others."""
    ranges = [np.arange(figures[key].low, min(cap, figures[key].high or cap) + 1) for key in free]
    world = dict(zip(free, (grid.ravel() for grid in np.meshgrid(*ranges)), strict=True))
    for relation in relations:
        if str(relation.whole[0]) not in world:
            world[str(relation.whole[0])] = sum(world[str(key)] for key in relation.parts)
    fits = np.ones(len(world[free[0]]), bool)
    for key, figure in figures.items():
        fits &= (world[key] >= figure.low) & (world[key] <= (np.inf if figure.high is None else figure.high))
    return {key: len(np.unique(values[fits])) for key, values in world.items()}


def _fits(value: int, figure: Figure) -> bool:
    return figure.low <= value and (figure.high is None or value <= figure.high)


@settings(max_examples=150, deadline=None)
@given(st.lists(SMALL, min_size=1, max_size=3), st.lists(SMALL, min_size=1, max_size=2))
def test_no_attacker_pins_a_count_in_a_tree_of_sums(first: list[int], second: list[int]) -> None:
    counts = {f"a{number}": count for number, count in enumerate(first)}
    counts |= {f"b{number}": count for number, count in enumerate(second)}
    free = list(counts)
    counts |= {"a": sum(first), "b": sum(second)}
    counts["all"] = counts["a"] + counts["b"]
    relations = [
        Relation(("a",), tuple(f"a{number}" for number in range(len(first)))),
        Relation(("b",), tuple(f"b{number}" for number in range(len(second)))),
        Relation(("all",), ("a", "b")),
    ]
    _attack(counts, relations, free, cap=18)


@settings(max_examples=25, deadline=None)
@given(st.lists(SMALL, min_size=4, max_size=4))
def test_no_attacker_pins_a_count_in_a_table_with_both_margins(cells: list[int]) -> None:
    free = ["00", "01", "10", "11"]
    counts = dict(zip(free, cells, strict=True))
    relations = [
        Relation(("r0",), ("00", "01")),
        Relation(("r1",), ("10", "11")),
        Relation(("c0",), ("00", "10")),
        Relation(("c1",), ("01", "11")),
        Relation(("all",), ("r0", "r1")),
    ]
    for relation in relations:
        counts[str(relation.whole[0])] = sum(counts[str(key)] for key in relation.parts)
    _attack(counts, relations, free, cap=24)


def _attack(counts: dict[str, int], relations: list[Relation], free: list[str], cap: int) -> None:
    figures = suppress(counts, relations)
    possible = possible_values(figures, relations, cap, free)
    for key, figure in figures.items():
        assert _fits(counts[key], figure)
        if 0 < counts[key] < THRESHOLD:
            assert figure.exact is None
            assert possible[key] >= POSSIBLE, (counts, figures)


def test_a_block_that_only_several_sums_together_give_away() -> None:
    """Rows 1 and 2 less columns 1 and 2 leave one cell: no single sum shows it."""
    table = [[8, 9, 4], [7, 6, 100], [200, 300, 400]]
    counts = {f"{r}{c}": table[r][c] for r in range(3) for c in range(3)}
    relations = []
    for number in range(3):
        counts[f"r{number}"] = sum(table[number])
        counts[f"c{number}"] = sum(row[number] for row in table)
        relations.append(Relation((f"r{number}",), tuple(f"{number}{other}" for other in range(3))))
        relations.append(Relation((f"c{number}",), tuple(f"{other}{number}" for other in range(3))))
    figures = suppress(counts, relations)
    assert all(figures[key].exact is None for key in ("00", "01", "02", "10", "11"))
    others = ("12", "20", "21", "r0", "r1", "c0", "c1")
    assert any(figures[key].exact is None for key in others), "02 = r0 + r1 - c0 - c1 - 12 + 20 + 21"


def test_hundreds_of_counts_are_done_in_an_instant() -> None:
    counts = {f"p{number}": (number * 7919) % 40 for number in range(400)}
    parts = tuple(counts)
    counts["all"] = sum(counts.values())
    figures = suppress(counts, [Relation(("all",), parts)])
    assert figures["all"].exact == counts["all"]
