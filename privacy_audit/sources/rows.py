"""Rows that hold pictures as bytes, as Parquet and Arrow files store them: one row is one sample.

A picture is a binary cell, or the Hugging Face struct `{bytes, path}`, or a list of either. The stored bytes are what
is looked at: never a decoded image, whose metadata is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from privacy_audit.containers import sniff
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.base import Item, Origin, texts_of
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.jsontext import JsonError, flatten, telling
from privacy_audit.sources.names import safe_name
from privacy_audit.sources.tables import MAX_COLUMNS, is_binary
from privacy_audit.sources.tree import DiskTree
from privacy_audit.types import Failure, Sample, Skipped, Text

BATCH_ROWS = 8
LOOKED_AT = 32
"""So many values of a binary column say whether it holds pictures."""
MAX_LIST = 1_000
PICTURE_COLUMNS = frozenset({"image", "images", "img", "jpg", "jpeg", "png", "webp", "picture", "photo"})
_BYTES, _PATH = "bytes", "path"


@dataclass(frozen=True, slots=True)
class Cell:
    """A column that holds pictures. `struct` is the layout `{bytes, path}`; `many` is a list of pictures."""

    column: str
    struct: bool
    many: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a table are. `problem` says which of them is not checked."""

    cells: tuple[Cell, ...]
    stored: tuple[str, ...]
    problem: str | None = None

    @property
    def columns(self) -> list[str]:
        """Names as they stand in fields: top level and, of structs, one below."""
        return [path for path, _ in flatten(dict.fromkeys(self.stored))]


def layout(schema: Any, first: Callable[[str], Sequence[object]]) -> Layout:
    """The layout of a table with the Arrow `schema`; `first` gives the first values of a column.

    Raises SourceError when names of columns are doubled, too many, or look like a personal value.
    """
    names = [field.name for field in schema]
    if len({*names}) < len(names):
        raise SourceError("two columns of the table have the same name")
    if any(map(telling, names)):
        raise SourceError("the name of a column looks like a personal value, and names cannot be masked; rename it")
    if len(names) > MAX_COLUMNS:
        raise SourceError(f"the table has more than {MAX_COLUMNS:,} columns")
    no_pictures = _no_pictures(schema.metadata)
    cells, stored, left = [], [], False
    for field in schema:
        cell = _cell(field, first) if field.name not in no_pictures else None
        if cell is not None:
            cells.append(cell)
        elif is_binary(field.type):
            left = True
        else:
            stored.append(field.name)
    problem = "the table holds binary columns that are no pictures, which were not checked" if left else None
    return Layout(tuple(cells), tuple(stored), problem)


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes items of rows. `table` is the file that they come from, relative to the root of `tree`."""

    layout: Layout
    table: str
    tree: DiskTree | None = None
    limits: Limits | None = None
    captions: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def items(self, shard: str, row: Mapping[str, Any], number: int) -> Iterator[Item]:
        """The samples of one row: one, or one for each of its pictures."""
        failures: tuple[Failure, ...] = ()
        texts, values = list[Text](), dict[str, object]()
        pictures = list(_pictures(row, self.layout.cells))
        try:
            values = dict(flatten({name: row[name] for name in self.layout.stored}))
            texts = self._texts(values)
        except JsonError as error:
            failures = (Failure("record", "error", f"the row is {error}; it was not checked"),)
        for place, _, path in pictures:
            if path:
                values[f"{place}.{_PATH}"] = path
        single = len(self.layout.cells) <= 1 and not any(cell.many for cell in self.layout.cells)
        base = f"{self.table}#{number}"
        if not pictures:
            reason = "the row holds no picture" if self.layout.cells else "no picture in the source"
            sample = Sample(safe_name(base), shard, None, tuple(texts), values)
            yield Item(sample, failures, (Skipped("picture", reason),), Origin(None, self.table, number))
        for place, data, path in pictures:
            named = [Text("filename", f"{place}.{_PATH}", path)] if path else []
            picture, skipped = self._picture(data, path)
            name = safe_name(base if single else f"{base}/{place}")
            sample = Sample(name, shard, picture, (*named, *texts), values)
            yield Item(sample, failures, skipped, Origin(None, self.table, number, cell=place))

    def _texts(self, values: Mapping[str, object]) -> list[Text]:
        name = file_name_column(list(values))
        named = values.get(name) if name is not None else None
        is_name = name is not None and isinstance(named, str) and "://" not in named
        said = {field: value for field, value in values.items() if not (is_name and field == name)}
        texts = texts_of(said, captions=self.captions, urls=self.urls)
        if is_name and name is not None and str(named).strip():
            texts.insert(0, Text("filename", name, str(named)))
        return texts

    def _picture(self, data: bytes | None, path: str | None) -> tuple[Picture | None, tuple[Skipped, ...]]:
        """The stored bytes, or the file beside the table that the row names instead."""
        limits = self.limits or Limits()
        if data is not None:
            if len(data) > limits.max_bytes:
                size = f"the picture has {len(data):,} bytes, more than the limit of {limits.max_bytes:,}"
                return Picture.broken(size, "too_large"), ()
            return Picture(data, limits), ()
        assert path is not None
        if "://" in path:
            return None, (Skipped("picture", "the row names a web address, which is not opened"),)
        parts = [*PurePosixPath(self.table).parent.parts, *PurePosixPath(path).parts]
        if self.tree is None or ".." in parts or "\0" in path or path.startswith("/") or self.tree.leads_outside(parts):
            return Picture.broken("the row names a file outside the dataset instead of holding the picture"), ()
        name = "/".join(parts)
        if self.tree.head(name) is None:
            return Picture.broken("the file that the table names does not exist"), ()
        return self.tree.picture(name, limits), ()


def _pictures(row: Mapping[str, Any], cells: Sequence[Cell]) -> Iterator[tuple[str, bytes | None, str | None]]:
    """Place, bytes and path of every picture in a row that has at least one of the latter."""
    for cell in cells:
        value = row[cell.column]
        entries = list(enumerate(value or [])) if cell.many else [(-1, value)]
        for index, entry in entries:
            place = f"{cell.column}[{index}]" if cell.many else cell.column
            data = entry.get(_BYTES) if cell.struct and entry is not None else entry
            path = entry.get(_PATH) if cell.struct and entry is not None else None
            if data is not None or path:
                yield place, data, path


def _cell(field: Any, first: Callable[[str], Sequence[object]]) -> Cell | None:
    import pyarrow as pa

    kind, many = _storage(field.type), False
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, many = _storage(kind.value_type), True
    if pa.types.is_struct(kind):
        inner = {kind.field(number).name: kind.field(number).type for number in range(kind.num_fields)}
        if _BYTES in inner and set(inner) <= {_BYTES, _PATH} and is_binary(inner[_BYTES]):
            return Cell(field.name, struct=True, many=many)
        return None
    if pa.types.is_nested(kind) or not is_binary(kind):
        return None
    if field.name.lower() in PICTURE_COLUMNS:
        return Cell(field.name, struct=False, many=many)
    values = [entry for value in first(field.name) for entry in ((value or []) if many else [value])]  # type: ignore[attr-defined]
    looks = any(isinstance(value, bytes) and sniff(value[:64]) is not None for value in values)
    return Cell(field.name, struct=False, many=many) if looks else None


def _storage(kind: Any) -> Any:
    import pyarrow as pa

    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _no_pictures(metadata: Mapping[bytes, bytes] | None) -> set[str]:
    """Columns of which the Hugging Face schema says that they hold sound or video in the layout of pictures."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") in {"Audio", "Video", "Pdf"}
        }
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return set()
