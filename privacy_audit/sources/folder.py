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
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.containers import sniff
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey, texts_of
from privacy_audit.sources.beside import look
from privacy_audit.sources.columns import PLAIN_COLUMN, check_captions, file_name_column
from privacy_audit.sources.encoding import NOT_UTF8, decode
from privacy_audit.sources.jsontext import JsonError, Names, leaves
from privacy_audit.sources.tables import Row, Table, open_table
from privacy_audit.types import Failure, FailureKind, Sample, Skipped, Text
from privacy_audit.yamlfile.wording import did_you_mean, hint

TABLE_NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.ndjson", "metadata.parquet")
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib"),
        *(".heic", ".heif", ".hif", ".avif", ".jxl", ".dng", ".nef", ".cr2"),
    }
)
XMP = ".xmp"
SIDECAR_SUFFIXES = (".txt", ".json", XMP)
MAX_SIDECAR_BYTES = 16 * 1024 * 1024
PATH_FIELD = "path:"
TXT_FIELD = "txt:"
JSON_PREFIX = "json:"
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
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


class FolderSource:
    """A local folder. `caption_columns` are further table columns or JSON fields that hold captions.

    `dataset` takes the place of the folder's own dataset.yaml: a file, or the plain data of one.
    """

    kind = "folder"

    def __init__(
        self,
        root: Path,
        *,
        caption_columns: Sequence[str] = (),
        limits: Limits | None = None,
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.name = self.root.name or "root"
        self._captions = frozenset(caption_columns)
        self._limits = limits or Limits()
        self._shard_size = _SMALLEST_SHARD
        if not root.exists():
            raise SourceError(f"{root} does not exist.")
        if not root.is_dir():
            raise SourceError(f"{root} is a file and no folder.")
        self.beside = look(self.root, dataset)
        columns = self.beside.description.get("columns", {})
        self._captions |= frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))

    def survey(self) -> Survey:
        """Count files and rows, and fingerprint their names, sizes and times."""
        digest, samples, skipped = hashlib.sha256(), 0, Counter[str]()
        seen_columns: set[str] = set()
        for shard in self._plan(_LARGEST_SHARD, skipped, seen_columns):
            digest.update(shard.fingerprint.encode())
            samples += shard.samples
        if samples == 0:
            raise SourceError(f"{self.root} holds no picture, caption or record: nothing to audit.")
        check_captions(self._captions, seen_columns)
        self._check_described(seen_columns)
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, digest.hexdigest(), skipped)

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
            yield Item(Sample(content.name, shard.id), (Failure("source", content.kind, content.problem),))
        elif isinstance(content, Rows):
            yield from self._read_rows(shard.id, content)
        else:
            for name in content.names:
                yield from self._read_file(shard.id, Origin(name), {}, ())

    def narrow(self, shard: Shard, positions: Sequence[int]) -> Shard:
        """The shard with some of its files only; its rows of a table cannot be parted, so those stay as they are."""
        content = shard.content
        names = tuple(content.names[place] for place in positions) if isinstance(content, Files) else ()
        return Shard(shard.id, len(positions), shard.fingerprint, Files(names) if names else None)

    def tables(self) -> list[str]:
        """The metadata tables, relative to the root, in path order."""
        return [
            _joined(folder, name) for folder, names in self._walk(Counter()) for name in names or () if _is_table(name)
        ]

    def check_target(self, output: Path) -> None:
        """Any folder name will do for a copy."""

    def publish(self, draft: Path, output: Path) -> Path:
        """Move the finished copy from the folder `draft` to the folder `output`."""
        if output.exists():
            output.rmdir()
        os.replace(draft, output)
        return output

    # --- planning -----------------------------------------------------------------------------------------------------

    def _plan(self, size: int, skipped: Counter[str], seen_columns: set[str]) -> Iterator[Shard]:
        claims = _Claims()
        for table in self.tables():
            yield from self._plan_table(table, size, claims, seen_columns)
        pending: list[str] = []
        stamps: list[str] = []
        for folder, names in self._walk(skipped):
            if names is None:
                yield Shard("", 1, _digest(folder), Broken(safe_name(f"{folder}/"), "the folder cannot be opened"))
                continue
            for name, beside in self._members(folder, names, claims):
                pending.append(name)
                stamps += [self._stamp(name), *map(self._stamp, beside)]
                if len(pending) == size:
                    yield Shard("", size, _digest(*stamps), Files(tuple(pending)))
                    pending, stamps = [], []
        if pending:
            yield Shard("", len(pending), _digest(*stamps), Files(tuple(pending)))
        for name, problem in self.beside.problems:
            yield Shard("", 1, _digest(self._stamp(name), problem), Broken(name, problem, "error"))

    def _members(self, folder: str, names: Sequence[str], claims: _Claims) -> Iterator[tuple[str, list[str]]]:
        """The files of a folder that stand for themselves, each with its sidecars, as paths relative to the root."""
        listed = set(names)

        def is_text(name: str) -> bool:
            return name in listed and _is_text(str(self.root / folder / name))

        beside: dict[str, list[str]] = {}
        for name in names:
            if not listed.isdisjoint(_candidates(name)) and self._is_sample(_joined(folder, name), claims):
                beside[name] = _sidecar_names(name, is_text)
        attached = {sidecar for found in beside.values() for sidecar in found}
        for name in names:
            path = _joined(folder, name)
            mark = _mark(path)
            if _is_table(name) or name in attached or mark in claims.pictures or mark in claims.sidecars:
                continue
            yield path, [_joined(folder, sidecar) for sidecar in beside.get(name, ())]

    def _is_sample(self, name: str, claims: _Claims) -> bool:
        """Whether `_read_file` makes a sample of this file, and so reads its sidecars."""
        known = PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES or _mark(name) in claims.pictures
        return known or sniff(_head(self.root / name) or b"") is not None

    def _plan_table(self, table: str, size: int, claims: _Claims, seen_columns: set[str]) -> Iterator[Shard]:
        problems: list[str] = []
        kind: FailureKind = "error"
        fingerprint = self._stamp(table)
        rows: list[Row] = []
        repeats: set[int] = set()
        stamps: list[str] = []

        def shard() -> Shard:
            content = Rows(table, rows[0].mark, rows[0].number, len(rows), frozenset(repeats))
            return Shard("", len(rows), _digest(fingerprint, str(rows[0].number), *stamps), content)

        try:
            opened = open_table(self.root / table)
            columns = list(opened.columns)
            seen_columns.update(columns)
            if opened.problem is not None:
                problems.append(opened.problem)
            if file_name_column(columns) is None:
                problems.append("the table has no column 'file_name'; its rows were checked as texts without pictures")
            for row in opened.rows():
                rows.append(Row(row.number, row.mark, {}))
                target = self._target(table, row, columns)
                if target is not None and _mark(target) in claims.pictures:
                    repeats.add(row.number)
                elif target is not None:
                    claims.pictures.add(_mark(target))
                    beside = [path.relative_to(self.root).as_posix() for path in sidecars(self.root / target)]
                    stamps += [self._stamp(target), *map(self._stamp, beside)]
                    if not os.path.lexists(self.root / target):
                        claims.sidecars.update(map(_mark, beside))
                if len(rows) == size:
                    yield shard()
                    rows, repeats, stamps = [], set(), []
        except SourceError as error:
            kind = "unreadable"
            problems.append(str(error))
        if rows:
            yield shard()
        if problems:
            yield Shard("", 1, _digest(fingerprint), Broken(safe_name(table), "; ".join(problems), kind))

    def _stamp(self, name: str) -> str:
        try:
            facts = (self.root / name).stat()
        except (OSError, ValueError):
            return f"{safe_name(name)}\0gone"
        return f"{safe_name(name)}\0{facts.st_size}\0{facts.st_mtime_ns}"

    def _walk(self, skipped: Counter[str]) -> Iterator[tuple[str, list[str] | None]]:
        """Folders in a fixed order with the names of their regular files; None for one that cannot be opened."""
        stack = [""]
        while stack:
            folder = stack.pop()
            folders, names = [], []
            try:
                with os.scandir(self.root / folder) as listing:
                    for entry in sorted(listing, key=lambda entry: entry.name):
                        if entry.is_symlink():
                            skipped["link (not followed)"] += 1
                        elif entry.is_dir(follow_symlinks=False):
                            folders.append(_joined(folder, entry.name))
                        elif entry.is_file(follow_symlinks=False):
                            names.append(entry.name)
                        else:
                            skipped["device, pipe or socket"] += 1
            except OSError:
                yield folder, None
                continue
            yield folder, names
            stack.extend(reversed(folders))

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read_rows(self, shard: str, content: Rows) -> Iterator[Item | SkippedMember]:
        end = content.first + content.count
        number = content.first
        try:
            table: Table = open_table(self.root / content.table)
            columns = list(table.columns)
            for row in table.rows(content.mark, content.first):
                failures = (Failure("record", "error", row.problem),) if row.problem else ()
                target = self._target(content.table, row, columns)
                if target is not None and row.number not in content.repeats:
                    origin = Origin(target, content.table, row.number)
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
            yield Item(sample, (Failure("source", "unreadable", problem),), (), Origin(None, content.table, missing))

    def _row_id(self, table: str, number: int) -> str:
        """`table#17`; with a further # where a file has just that name."""
        name = f"{table}#{number}"
        while os.path.lexists(self.root / name):
            name = f"{table}#{name.removeprefix(table)}"
        return safe_name(name)

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
        return Item(sample, failures, skipped, Origin(None, content.table, row.number))

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
        path = self.root / name
        head = _head(path)
        suffix = PurePosixPath(name).suffix.lower()
        if not record and (head is None or sniff(head) is None) and suffix not in PICTURE_SUFFIXES:
            yield SkippedMember(_skip_reason(suffix) if head is not None else "file that cannot be opened", name)
            return
        if head is None:
            exists = os.path.lexists(path)
            missing = "the file cannot be opened" if exists else "the file that the table names does not exist"
            picture = Picture.broken(missing)
        else:
            picture = Picture(path, self._limits)
        texts = [Text("filename", PATH_FIELD, safe_name(name))]
        texts += texts_of(
            {field: value for field, value in record.items() if field != file_name_column},
            captions=self._captions,
            urls=self._urls,
        )
        merged = dict(record)
        problems = list(failures)
        packet: bytes | None = None
        for sidecar in sidecars(path):
            kind = sidecar.suffix.lower().lstrip(".")
            data = _content(sidecar, f"sidecar.{kind}")
            if isinstance(data, Failure):
                problems.append(data)
            elif kind == XMP[1:]:
                packet = data
            else:
                problems += self._read_sidecar(kind, data, texts, merged)
        yield Item(
            Sample(safe_name(name), shard, picture, tuple(texts), merged, packet), tuple(problems), origin=origin
        )

    def _read_sidecar(self, kind: str, data: bytes, texts: list[Text], record: dict[str, object]) -> list[Failure]:
        stage = f"sidecar.{kind}"
        decoded = decode(data)
        problems = [] if decoded.exact else [Failure(stage, "error", NOT_UTF8)]
        if kind == "json":
            try:
                values = {leaf.path: leaf.value for leaf in leaves(decoded.text)}
            except JsonError as error:
                problems.append(Failure(stage, "error", str(error)))
                values = {}
            names = Names(record)
            record.update({names(name): value for name, value in values.items()})
            if values:
                texts += texts_of(values, JSON_PREFIX, self._captions, self._urls)
                return problems
        if decoded.text.strip():
            texts.append(Text("caption", TXT_FIELD if kind == "txt" else JSON_PREFIX, decoded.text))
        return problems

    def _target(self, table: str, row: Row, columns: Sequence[str]) -> str | None:
        """The picture that a row names, relative to the root; None when it names none inside it.

        What hardly is a name counts only if there is such a file: a sample is called by it, so it must not be a value
        that slipped into the column.
        """
        column = file_name_column(columns)
        value = row.values.get(column) if column else None
        if not isinstance(value, str) or not value.strip() or "\0" in value or "://" in value:
            return None
        path = PurePosixPath(value.replace("\\", "/") if "/" not in value else value)
        if path.is_absolute() or re.match(r"^[A-Za-z]:", value):
            return None
        parts: list[str] = list(PurePosixPath(table).parent.parts)
        for part in path.parts:
            if part == "..":
                if not parts:
                    return None
                parts.pop()
            elif part != ".":
                parts.append(part)
        if not parts or _is_table(parts[-1]) or self._leaves_root(parts):
            return None
        name = "/".join(parts)
        doubtful = row.problem is not None or not value.isprintable() or max(map(_size, parts)) > _LONGEST_NAME
        return None if doubtful and not os.path.lexists(self.root / name) else name

    def _leaves_root(self, parts: Sequence[str]) -> bool:
        """Whether a link on the way leads out of the folder."""
        try:
            return not (self.root / Path(*parts)).resolve().is_relative_to(self.root)
        except (OSError, RuntimeError, ValueError):
            return True


def _content(path: Path, stage: str) -> bytes | Failure:
    """A sidecar's bytes, or why they cannot be had."""
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            return Failure(stage, "too_large", f"the file has more than {MAX_SIDECAR_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        return Failure(stage, "unreadable", f"the file cannot be read: {error.strerror or 'input/output error'}")


def sidecars(picture: Path) -> list[Path]:
    """The caption, record and XMP files beside a picture: `a.txt` or `a.jpg.txt`, the same for `.json` and `.xmp`."""
    folder = str(picture.parent)
    names = _sidecar_names(picture.name, lambda name: _is_text(os.path.join(folder, name)))
    return [picture.with_name(name) for name in names]


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


def _is_text(path: str) -> bool:
    """Whether this is a file, and no picture that hides behind a caption's name."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and sniff(_head(Path(path)) or b"") is None
    except (OSError, ValueError):
        return False


def _is_table(name: str) -> bool:
    return name.rpartition("/")[2].lower() in TABLE_NAMES


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _head(path: Path) -> bytes | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return None


def _skip_reason(suffix: str) -> str:
    """By suffix when it is a plain one; an odd suffix may itself be personal."""
    return f"not a picture ({suffix})" if _PLAIN_SUFFIX.fullmatch(suffix) else "not a picture"


def safe_name(name: str) -> str:
    """A file name as valid Unicode. One whose bytes are no UTF-8 is escaped, and marked by a `./` that no other has."""
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "./" + raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def _size(name: str) -> int:
    return len(os.fsencode(name))


def _mark(name: str) -> bytes:
    """A short stand-in for a name, so that a million claimed names stay small in memory."""
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
