"""Tables of a copy: edits are collected shard by shard, and each table is written once, when all of them are known."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.sources import Item
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.tables import Edit, Row, Table, open_table

Edits = dict[str, dict[int, Edit]]
"""Table to row to new values; None drops the row."""
NAME = "\0name"
"""Stands for the column that names the picture, in edits of rows that name one which another row names, too."""


def edit(edits: Edits, item: Item, changes: Edit) -> None:
    """Note the changes of one sample's row; samples without a row have none."""
    origin = item.origin
    if origin.table is not None and (changes is None or changes):
        edits.setdefault(origin.table, {})[origin.row] = changes


def merged(parts: Sequence[Mapping[str, Any]]) -> Edits:
    """The edits of all shards, from their facts: JSON has turned the numbers of rows into texts.

    A row whose picture an earlier row names, in the same table or another, follows that picture: it goes with it, and
    takes its new name.
    """
    edits: Edits = {}
    files: dict[str, str] = {}
    for part in parts:
        files |= part.get("files", {})
        for table, rows in part["edits"].items():
            edits.setdefault(table, {}).update({int(row): changes for row, changes in rows.items()})
    for part in parts:
        for table, row, file, value in part.get("again", ()):
            known = edits.get(table, {}).get(row, {})
            if file in files and known is not None:
                new = {**known, NAME: name_in(table, file, files[file], value)} if files[file] else None
                edits.setdefault(table, {})[row] = new
    return edits


def rewrite(source: Path, target: Path, changes: Mapping[int, Edit]) -> None:
    """Write a table with its edits."""
    rewrite_table(open_table(source), target, changes)


def rewrite_table(table: Table, target: Path, changes: Mapping[int, Edit]) -> None:
    """Write an open table with its edits."""
    column = file_name_column(table.columns)

    def change(row: Row) -> Edit:
        found = changes.get(row.number, {})
        if not found or NAME not in found:
            return found
        return {column if field == NAME and column is not None else field: text for field, text in found.items()}

    table.rewrite(target, change)


def renamed(
    parts: Sequence[Mapping[str, Any]], names: Mapping[str, str], missing: Callable[[str, str], str | None]
) -> Callable[[str], str]:
    """A function that gives samples that are files or rows their ids in the copy.

    A picture that is held back is called as one that a table names and that does not exist, see `FolderSource.missing`.
    """
    new = {old: name for part in parts for old, name in part["renamed"].items()}
    for part in parts:
        for sample, table, value in part["missing"]:
            new[sample] = missing(table, value) or new.get(sample, sample)
    rows = renumbered(merged(parts), names)
    return lambda sample: new[sample] if sample in new else rows(sample)


def renumbered(edits: Edits, names: Mapping[str, str]) -> Callable[[str], str]:
    """A function that gives a row (`table#17`) its name and number in the copy, where dropped rows are gone.

    `names` are the tables, and what they are called in the copy. The id of a row that is gone is "".
    """
    dropped = {
        table: sorted(row for row, changes in edits.get(table, {}).items() if changes is None) for table in names
    }

    def new(sample: str) -> str:
        table, _, number = sample.rpartition("#")
        if table not in names or not number.isdecimal():
            return sample
        before = bisect(dropped[table], int(number))
        if before and dropped[table][before - 1] == int(number):
            return ""
        return f"{names[table]}#{int(number) - before}"

    return new


def name_in(table: str, old: str, new: str, value: str) -> str:
    """What a row of `table` calls the file `new` that was `old`, which it called `value`."""
    base = old.removesuffix(value)
    if base != old and base.rstrip("/") and new.startswith(base):
        return new.removeprefix(base)  # names may be relative to a folder of pictures
    folder = PurePosixPath(table).parent.parts
    parts = PurePosixPath(new).parts
    common = 0
    while common < min(len(folder), len(parts) - 1) and folder[common] == parts[common]:
        common += 1
    return "/".join([".."] * (len(folder) - common) + list(parts[common:]))
