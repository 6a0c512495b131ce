"""Tables of a copy: edits are collected shard by shard, and each table is written once, when all of them are known."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.sources import Item
from privacy_audit.sources.tables import Edit, Row, open_table

Edits = dict[str, dict[int, Edit]]
"""Table to row to new values; None drops the row."""


def edit(edits: Edits, item: Item, changes: Edit) -> None:
    """Note the changes of one sample's row; samples without a row have none."""
    origin = item.origin
    if origin.table is not None and (changes is None or changes):
        edits.setdefault(origin.table, {})[origin.row] = changes


def merged(parts: Sequence[Mapping[str, Any]]) -> Edits:
    """The edits of all shards, from their facts: JSON has turned the numbers of rows into texts."""
    edits: Edits = {}
    for part in parts:
        for table, rows in part["edits"].items():
            edits.setdefault(table, {}).update({int(row): changes for row, changes in rows.items()})
    return edits


def rewrite(source: Path, target: Path, changes: Mapping[int, Edit]) -> None:
    """Write a table with its edits."""

    def change(row: Row) -> Edit:
        return changes.get(row.number, {})

    open_table(source).rewrite(target, change)


def renumbered(edits: Edits, names: Mapping[str, str]) -> Callable[[str], str]:
    """A function that gives a row (`table#17`) its name and number in the copy, where dropped rows are gone.

    `names` are the tables, and what they are called in the copy.
    """
    dropped = {
        table: sorted(row for row, changes in edits.get(table, {}).items() if changes is None) for table in names
    }

    def new(sample: str) -> str:
        table, _, number = sample.rpartition("#")
        if table not in names or not number.isdecimal():
            return sample
        return f"{names[table]}#{int(number) - bisect(dropped[table], int(number))}"

    return new
