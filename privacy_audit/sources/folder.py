"""A folder of pictures, nested as it comes, with captions and records beside them.

Records come from `metadata.csv`, `.tsv`, `.jsonl` or `.parquet` (the Hugging Face ImageFolder convention: a column
`file_name`, relative to the table) and from same-named `.txt`, `.json` and `.xmp` files; `dataset.yaml` says what
columns mean. A picture is known by its content. A record whose picture is missing or damaged is still a sample: its
texts are checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.containers import sniff
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey, texts_of
from privacy_audit.sources.beside import described, look
from privacy_audit.sources.coco import picture_folders
from privacy_audit.sources.columns import PLAIN_COLUMN, check_captions, file_name_column
from privacy_audit.sources.names import (
    NESTED,
    PICTURE_SUFFIXES,
    digest,
    is_archive,
    is_resource_fork,
    mark,
    safe_name,
    skip_reason,
)
from privacy_audit.sources.sidecars import JSON_PREFIX as JSON_PREFIX  # noqa: PLC0414 - also imported from here
from privacy_audit.sources.sidecars import TXT_FIELD as TXT_FIELD  # noqa: PLC0414
from privacy_audit.sources.sidecars import read_sidecar
from privacy_audit.sources.tables import Row, Table
from privacy_audit.sources.tree import DiskTree, Tree
from privacy_audit.types import Failure, FailureKind, Sample, Skipped, Text
from privacy_audit.yamlfile.wording import did_you_mean, hint

TABLE_NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.ndjson", "metadata.parquet")
XMP = ".xmp"
SIDECAR_SUFFIXES = (".txt", ".json", XMP)
PATH_FIELD = "path:"
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64
_NO_NAME = "the file name in the table leads outside the dataset, or is none"
_LONGEST_NAME = 255  # bytes, on every common file system


@dataclass(frozen=True, slots=True)
class Files:
    """Shard content: pictures that no table names, as paths relative to the root."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Shard content: `count` rows of a table from `mark` on. `repeats` are rows whose picture an earlier row named."""

    table: str
    mark: int
    first: int
    count: int
    repeats: frozenset[int]


@dataclass(frozen=True, slots=True)
class Broken:
    """Shard content: something that could not be opened, and why."""

    name: str
    problem: str
    kind: FailureKind = "unreadable"


@dataclass(slots=True)
class _Claims:
    """What the rows of tables have taken, as short stand-ins for names: pictures, and sidecars of missing pictures."""

    pictures: set[bytes] = field(default_factory=set)
    sidecars: set[bytes] = field(default_factory=set)

    def free(self, path: str) -> bool:
        """Whether no row has taken this file."""
        return mark(path) not in self.pictures and mark(path) not in self.sidecars


class FolderSource:
    """A local folder. `caption_columns` are further table columns or JSON fields that hold captions.

    `dataset` takes the place of the folder's own dataset.yaml: a file, or the plain data of one. `tree` is where the
    files are when that is not the folder `root` itself. `named` are the tables to read, relative to the root, in place
    of all that are called metadata; without `rest`, only what their rows name is read.
    """

    def __init__(
        self,
        root: Path,
        *,
        caption_columns: Sequence[str] = (),
        limits: Limits | None = None,
        dataset: str | Path | Mapping[str, Any] | None = None,
        kind: str = "folder",
        tree: Tree | None = None,
        named: Sequence[str] | None = None,
        rest: bool = True,
    ) -> None:
        self.root = root.resolve()
        self.name = self.root.name or "root"
        self.kind = kind
        self._captions = frozenset(caption_columns)
        self._limits = limits or Limits()
        self._shard_size = _SMALLEST_SHARD
        if not root.exists():
            raise SourceError(f"{root} does not exist.")
        if not root.is_dir():
            raise SourceError(f"{root} is a file and no folder.")
        self._tree: Tree = tree or DiskTree(self.root)
        if self._tree.archive is not None:
            self.name = self._tree.archive
        elif named is not None and not rest:
            self.name = safe_name(named[0].rpartition("/")[2])
        self._prefix = f"{self._tree.archive}/" if self._tree.archive is not None else ""
        self._named = named
        self._rest = rest
        self.beside = look(self._tree, dataset) if rest else described(dataset)
        columns = self.beside.description.get("columns", {})
        self._captions |= frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))
        self._images: tuple[str, ...] = tuple(self.beside.description.get("images", ()))

    def survey(self) -> Survey:
        """Count files and rows, and fingerprint their names, sizes and times."""
        whole, samples, skipped = hashlib.sha256(), 0, Counter[str]()
        seen_columns: set[str] = set()
        for shard in self._plan(_LARGEST_SHARD, skipped, seen_columns):
            whole.update(shard.fingerprint.encode())
            samples += shard.samples
        if samples == 0:
            raise SourceError(f"{self.root} holds no picture, caption or record: nothing to audit.")
        check_captions(self._captions, seen_columns)
        self._check_described(seen_columns)
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, whole.hexdigest(), skipped)

    def _check_described(self, seen_columns: set[str]) -> None:
        """A column that dataset.yaml names and no table has is a slip that would leave a mapping without effect."""
        missing = [name for name in self.beside.columns() if seen_columns and name not in seen_columns]
        if missing:
            near = hint(did_you_mean(missing[0], sorted(filter(PLAIN_COLUMN.fullmatch, seen_columns))))
            raise SourceError(f"dataset.yaml names the column '{missing[0]}', which no table has{near}.")

    def shards(self) -> Iterator[Shard]:
        """Rows of tables first, then the pictures that no table names, in path order."""
        for number, shard in enumerate(self._plan(self._shard_size, Counter(), set())):
            yield Shard(f"{number:06d}", shard.samples, shard.fingerprint, shard.content)

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The samples of one shard."""
        content = shard.content
        if isinstance(content, Broken):
            sample = Sample(self._prefix + content.name, shard.id)
            yield Item(sample, (Failure("source", content.kind, content.problem),))
        elif isinstance(content, Rows):
            yield from self._read_rows(shard.id, content)
        else:
            for name in content.names:
                yield from self._read_alone(shard.id, name)

    def narrow(self, shard: Shard, positions: Sequence[int]) -> Shard:
        """The shard with some of its files only; its rows of a table cannot be parted, so those stay as they are."""
        content = shard.content
        names = tuple(content.names[place] for place in positions) if isinstance(content, Files) else ()
        return Shard(shard.id, len(positions), shard.fingerprint, Files(names) if names else None)

    @property
    def tree(self) -> Tree:
        """Where the files are."""
        return self._tree

    @property
    def only(self) -> str | None:
        """The table that names all that is read, relative to the root, when it is one by itself."""
        return None if self._rest or self._named is None else self._named[0]

    def tables(self) -> list[str]:
        """The metadata tables, relative to the root, in path order."""
        if self._named is not None:
            return list(self._named)
        folders = self._tree.walk(Counter())
        return [_joined(folder, name) for folder, names in folders for name in names or () if _is_table(name)]

    # --- planning -----------------------------------------------------------------------------------------------------

    def _plan(self, size: int, skipped: Counter[str], seen_columns: set[str]) -> Iterator[Shard]:
        claims = _Claims()
        for table in self.tables():
            yield from self._plan_table(table, size, claims, seen_columns)
        pending: list[str] = []
        stamps: list[str] = []
        for folder, names in self._tree.walk(skipped) if self._rest else ():
            if names is None:
                yield Shard("", 1, digest(folder), Broken(safe_name(f"{folder}/"), "the folder cannot be opened"))
                continue
            for name, beside in self._members(folder, names, claims):
                pending.append(name)
                stamps += [self._tree.stamp(name), *map(self._tree.stamp, beside)]
                if len(pending) == size:
                    yield Shard("", size, digest(*stamps), Files(tuple(pending)))
                    pending, stamps = [], []
        if pending:
            yield Shard("", len(pending), digest(*stamps), Files(tuple(pending)))
        for name, problem in self._tree.problems():
            yield Shard("", 1, digest(name, problem), Broken(name, problem))
        for name, problem in self.beside.problems:
            yield Shard("", 1, digest(self._tree.stamp(name), problem), Broken(name, problem, "error"))

    def _members(self, folder: str, names: Sequence[str], claims: _Claims) -> Iterator[tuple[str, list[str]]]:
        """The files of a folder that stand for themselves, each with its sidecars, as paths relative to the root."""
        listed = set(names)

        def is_text(name: str) -> bool:
            return name in listed and _is_text(self._tree, _joined(folder, name))

        beside: dict[str, list[str]] = {}
        for name in names:
            if not listed.isdisjoint(_candidates(name)) and self._is_sample(_joined(folder, name), claims):
                beside[name] = _sidecar_names(name, is_text)
        attached = {sidecar for found in beside.values() for sidecar in found}
        for name in names:
            path = _joined(folder, name)
            if self._is_table(path) or name in attached or not claims.free(path):
                continue
            yield path, [_joined(folder, sidecar) for sidecar in beside.get(name, ())]

    def _is_sample(self, name: str, claims: _Claims) -> bool:
        """Whether `_read_file` makes a sample of this file, and so reads its sidecars."""
        known = PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES or mark(name) in claims.pictures
        return known or sniff(self._tree.head(name) or b"") is not None

    def _is_table(self, path: str) -> bool:
        return path in self._named if self._named is not None else _is_table(path)

    def _plan_table(self, table: str, size: int, claims: _Claims, seen_columns: set[str]) -> Iterator[Shard]:
        problems: list[str] = []
        kind: FailureKind = "error"
        fingerprint = self._tree.stamp(table)
        rows: list[Row] = []
        repeats: set[int] = set()
        stamps: list[str] = []

        def shard() -> Shard:
            content = Rows(table, rows[0].mark, rows[0].number, len(rows), frozenset(repeats))
            return Shard("", len(rows), digest(fingerprint, str(rows[0].number), *stamps), content)

        try:
            opened = self._tree.table(table)
            columns = list(opened.columns)
            seen_columns.update(columns)
            if opened.problem is not None:
                problems.append(opened.problem)
            if file_name_column(columns) is None:
                problems.append("the table has no column 'file_name'; its rows were checked as texts without pictures")
            for row in opened.rows():
                rows.append(Row(row.number, row.mark, {}))
                target = self._target(table, row, columns)
                if target is not None and mark(target) in claims.pictures:
                    repeats.add(row.number)
                elif target is not None:
                    claims.pictures.add(mark(target))
                    beside = sidecars_in(self._tree, target)
                    stamps += [self._tree.stamp(target), *map(self._tree.stamp, beside)]
                    if not self._tree.exists(target):
                        claims.sidecars.update(map(mark, beside))
                if len(rows) == size:
                    yield shard()
                    rows, repeats, stamps = [], set(), []
        except SourceError as error:
            kind = "unreadable"
            problems.append(str(error))
        if rows:
            yield shard()
        if problems:
            yield Shard("", 1, digest(fingerprint), Broken(safe_name(table), "; ".join(problems), kind))

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read_rows(self, shard: str, content: Rows) -> Iterator[Item | SkippedMember]:
        end = content.first + content.count
        number = content.first
        try:
            table: Table = self._tree.table(content.table)
            columns = list(table.columns)
            for row in table.rows(content.mark, content.first):
                failures = (Failure("record", "error", row.problem),) if row.problem else ()
                target = self._target(content.table, row, columns)
                if target is not None and row.number not in content.repeats:
                    origin = self._origin(target, content.table, row.number)
                    yield from self._read_file(shard, origin, row.values, failures, file_name_column(columns))
                else:
                    yield self._row_alone(shard, content, row, failures, columns)
                number = row.number + 1
                if number == end:
                    return
            problem = "the table ended before this row: it changed while it was read"
        except SourceError as error:
            problem = str(error)
        for missing in range(number, end):
            sample = Sample(self._row_id(content.table, missing), shard)
            yield Item(
                sample, (Failure("source", "unreadable", problem),), (), self._origin(None, content.table, missing)
            )

    def _row_id(self, table: str, number: int) -> str:
        """`table#17`; with a further # where a file has just that name."""
        name = f"{table}#{number}"
        while self._tree.exists(name):
            name = f"{table}#{name.removeprefix(table)}"
        return safe_name(self._prefix + name)

    def _row_alone(
        self, shard: str, content: Rows, row: Row, failures: tuple[Failure, ...], columns: Sequence[str]
    ) -> Item:
        """A row without a picture of its own: no file name, one that is none, or one named before."""
        skipped: tuple[Skipped, ...] = ()
        column = file_name_column(columns)
        named = row.values.get(column) if column is not None else None
        if row.number in content.repeats:
            skipped = (Skipped("picture", "an earlier row of the table has the same picture"),)
        elif not (isinstance(named, str) and named.strip()):
            skipped = (Skipped("picture", "the row names no picture"),)
        elif "://" in named:
            skipped = (Skipped("picture", "the row names a web address, which is not opened"),)
        else:
            failures = (*failures, Failure("picture", "error", _NO_NAME))
        name_field = column if isinstance(named, str) else None
        texts = texts_of(
            {name: value for name, value in row.values.items() if name != name_field},
            captions=self._captions,
            urls=self._urls,
        )
        if name_field is not None:
            texts.append(Text("filename", name_field, str(named)))
        sample = Sample(self._row_id(content.table, row.number), shard, None, tuple(texts), row.values)
        again = self._target(content.table, row, columns) if row.number in content.repeats else None
        origin = replace(self._origin(None, content.table, row.number), again=again)
        return Item(sample, failures, skipped, origin)

    def _origin(self, file: str | None, table: str | None = None, row: int = -1) -> Origin:
        return Origin(file, table, row, self._tree.archive)

    def _read_alone(self, shard: str, name: str) -> Iterator[Item | SkippedMember]:
        try:
            yield from self._read_file(shard, self._origin(name), {}, ())
        except SourceError as error:  # the archive is gone
            sample = Sample(safe_name(self._prefix + name), shard)
            yield Item(sample, (Failure("source", "unreadable", str(error)),), (), self._origin(name))

    def _read_file(
        self,
        shard: str,
        origin: Origin,
        record: Mapping[str, object],
        failures: tuple[Failure, ...],
        file_name_column: str | None = None,
    ) -> Iterator[Item | SkippedMember]:
        name = origin.file
        assert name is not None
        head = self._tree.head(name)
        suffix = PurePosixPath(name).suffix.lower()
        if not record and head is not None and is_resource_fork(head):
            yield SkippedMember("not a picture (macOS resource fork)", name)
            return
        if not record and (head is None or sniff(head) is None) and suffix not in PICTURE_SUFFIXES:
            if self._prefix and head is not None and is_archive(head):
                nested = Sample(safe_name(self._prefix + name), shard)
                yield Item(nested, (Failure("source", "unreadable", NESTED),), (), origin)
            elif self._prefix and head is None:
                # On disk, what cannot be opened stays the owner's; in an archive that was handed over, it is damage
                yield self._unopened(shard, origin)
            else:
                yield SkippedMember(skip_reason(suffix) if head is not None else "file that cannot be opened", name)
            return
        if head is None and not self._tree.exists(name):
            picture = Picture.broken("the file that the table names does not exist")
        elif head is None and not self._prefix:
            picture = Picture.broken("the file cannot be opened")
        else:
            picture = self._tree.picture(name, self._limits)
        texts = [Text("filename", PATH_FIELD, safe_name(name))]
        texts += texts_of(
            {field: value for field, value in record.items() if field != file_name_column},
            captions=self._captions,
            urls=self._urls,
        )
        merged = dict(record)
        problems = list(failures)
        complaint = self._tree.complaint(name)
        if complaint is not None:
            problems.append(Failure("source", "error", complaint))
        packet: bytes | None = None
        for sidecar in sidecars_in(self._tree, name):
            kind = PurePosixPath(sidecar).suffix.lower().lstrip(".")
            data = self._tree.content(sidecar, f"sidecar.{kind}")
            if isinstance(data, Failure):
                problems.append(data)
            elif kind == XMP[1:]:
                packet = data
            else:
                problems += read_sidecar(kind, data, texts, merged, captions=self._captions, urls=self._urls)
        sample = Sample(safe_name(self._prefix + name), shard, picture, tuple(texts), merged, packet)
        yield Item(sample, tuple(problems), origin=origin)

    def _unopened(self, shard: str, origin: Origin) -> Item:
        """A member of an archive whose content cannot be had, so that nobody knows whether it is a picture."""
        assert origin.file is not None
        broken = self._tree.content(origin.file, "source")
        kind: FailureKind = broken.kind if isinstance(broken, Failure) else "unreadable"
        message = broken.message if isinstance(broken, Failure) else "the member cannot be read"
        sample = Sample(safe_name(self._prefix + origin.file), shard)
        return Item(sample, (Failure("source", kind, message),), (), origin)

    def _target(self, table: str, row: Row, columns: Sequence[str]) -> str | None:
        """The picture that a row names, relative to the root; None when it names none inside it.

        What hardly is a name counts only if there is such a file: a sample is called by it, so it must not be a value
        that slipped into the column.
        """
        column = file_name_column(columns)
        value = row.values.get(column) if column else None
        if not isinstance(value, str) or not value.strip() or "\0" in value or "://" in value:
            return None
        names = self._places(table, value)
        if not names:
            return None
        name = next(filter(self._tree.exists, names), names[0]) if len(names) > 1 else names[0]
        parts = name.split("/")
        doubtful = row.problem is not None or not value.isprintable() or max(map(_size, parts)) > _LONGEST_NAME
        if self._tree.leads_outside(parts) or (doubtful and not self._tree.exists(name)):
            return None
        return name

    def missing(self, table: str, value: str) -> str | None:
        """What a sample is called whose row in `table` names the picture `value`, when there is no such file."""
        return next(iter(self._places(table, value)), None)

    def _places(self, table: str, value: str) -> list[str]:
        """Where the picture of a row may be, relative to the root."""
        path = PurePosixPath(value.replace("\\", "/") if "/" not in value else value)
        if path.is_absolute() or re.match(r"^[A-Za-z]:", value):
            return []
        names = (self._resolved(base, path.parts) for base in self._bases(table))
        return [name for name in names if name is not None]

    def _bases(self, table: str) -> list[str]:
        """Folders that the names in a table may be relative to; the first in which there is such a file counts."""
        beside = picture_folders(table) if table.lower().endswith(".json") else [table.rpartition("/")[0]]
        return list(dict.fromkeys([*self._images, *beside]))

    def _resolved(self, base: str, path: Sequence[str]) -> str | None:
        """A name from a table as a path relative to the root; None when it is none inside it."""
        parts: list[str] = list(PurePosixPath(base).parts)
        for part in path:
            if part == "..":
                if not parts:
                    return None
                parts.pop()
            elif part != ".":
                parts.append(part)
        name = "/".join(parts)
        return None if not parts or self._is_table(name) else name


def sidecars(picture: Path) -> list[Path]:
    """The caption, record and XMP files beside a picture: `a.txt` or `a.jpg.txt`, the same for `.json` and `.xmp`."""
    return [picture.with_name(name) for name in sidecars_in(DiskTree(picture.parent), picture.name)]


def sidecars_in(tree: Tree, picture: str) -> list[str]:
    """The sidecars of a picture in `tree`, relative to its root."""
    folder, _, name = picture.rpartition("/")
    return [
        _joined(folder, beside) for beside in _sidecar_names(name, lambda name: _is_text(tree, _joined(folder, name)))
    ]


def _sidecar_names(picture: str, is_text: Callable[[str], bool]) -> list[str]:
    """One per kind, so that a field names one place."""
    found: dict[str, str] = {}
    for name in _candidates(picture):
        kind = os.path.splitext(name)[1].lower()
        if kind not in found and is_text(name):
            found[kind] = name
    return list(found.values())


def _candidates(picture: str) -> Iterable[str]:
    """Names that a sidecar of a picture may have; the suffix is in capitals where cameras and Windows write it so."""
    stem = os.path.splitext(picture)[0]
    names = (base + end for suffix in SIDECAR_SUFFIXES for base in (stem, picture) for end in (suffix, suffix.upper()))
    return [name for name in names if name != picture]


def _is_text(tree: Tree, name: str) -> bool:
    """Whether this is a file, and no picture that hides behind a caption's name."""
    return tree.is_file(name) and sniff(tree.head(name) or b"") is None


def _is_table(name: str) -> bool:
    return name.rpartition("/")[2].lower() in TABLE_NAMES


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _size(name: str) -> int:
    return len(os.fsencode(name))
