"""A folder of pictures, nested as it comes, with captions and records beside them.

Records come from `metadata.csv`, `.tsv`, `.jsonl` or `.parquet` (the Hugging Face ImageFolder convention: a column
`file_name`, relative to the table) and from same-named `.txt` and `.json` files. A picture is known by its content. A
record whose picture is missing or damaged is still a sample: its texts are checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from privacy_audit.containers import sniff
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey, texts_of
from privacy_audit.sources.encoding import NOT_UTF8, decode
from privacy_audit.sources.jsontext import JsonError, leaves
from privacy_audit.sources.tables import Row, Table, open_table
from privacy_audit.types import Failure, FailureKind, Sample, Skipped, Text

TABLE_NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.ndjson", "metadata.parquet")
FILE_NAME_COLUMNS = ("file_name", "filename", "file", "image", "image_path", "path", "image_file")
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib"),
        *(".heic", ".heif", ".hif", ".avif", ".jxl", ".dng", ".nef", ".cr2"),
    }
)
SIDECAR_SUFFIXES = (".txt", ".json")
MAX_SIDECAR_BYTES = 16 * 1024 * 1024
PATH_FIELD = "path:"
TXT_FIELD = "txt:"
JSON_PREFIX = "json:"
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


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


class FolderSource:
    """A local folder. `caption_columns` are further table columns or JSON fields that hold captions."""

    kind = "folder"

    def __init__(self, root: Path, *, caption_columns: Sequence[str] = (), limits: Limits | None = None) -> None:
        self.root = root.resolve()
        self.name = self.root.name or "root"
        self._captions = frozenset(caption_columns)
        self._limits = limits or Limits()
        self._shard_size = _SMALLEST_SHARD
        if not root.exists():
            raise SourceError(f"{root} does not exist.")
        if not root.is_dir():
            raise SourceError(f"{root} is a file; privacy-audit scans folders.")

    def survey(self) -> Survey:
        """Count files and rows, and fingerprint their names, sizes and times."""
        digest, samples, skipped = hashlib.sha256(), 0, Counter[str]()
        seen_columns: set[str] = set()
        for shard in self._plan(_LARGEST_SHARD, skipped, seen_columns):
            digest.update(shard.fingerprint.encode())
            samples += shard.samples
        if samples == 0:
            raise SourceError(f"{self.root} holds no picture, caption or record: nothing to audit.")
        unknown = sorted(self._captions - seen_columns) if seen_columns else []
        if unknown:
            known = ", ".join(sorted(seen_columns))
            raise SourceError(f"no table has the caption column '{unknown[0]}'. Columns: {known}.")
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, digest.hexdigest(), skipped)

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

    def tables(self) -> list[str]:
        """The metadata tables, relative to the root, in path order."""
        return [name for name in self._walk(Counter()) if _is_table(name)]

    # --- planning -----------------------------------------------------------------------------------------------------

    def _plan(self, size: int, skipped: Counter[str], seen_columns: set[str]) -> Iterator[Shard]:
        claimed: set[bytes] = set()
        for table in self.tables():
            yield from self._plan_table(table, size, claimed, seen_columns)
        pending: list[str] = []
        for name in self._walk(skipped):
            if name.endswith("/"):
                yield Shard("", 1, _digest(name), Broken(_safe(name), "the folder cannot be opened"))
            elif not _is_table(name) and _mark(name) not in claimed:
                pending.append(name)
                if len(pending) == size:
                    yield self._file_shard(pending)
                    pending = []
        if pending:
            yield self._file_shard(pending)

    def _plan_table(self, table: str, size: int, claimed: set[bytes], seen_columns: set[str]) -> Iterator[Shard]:
        fingerprint = self._stamp(table)
        try:
            opened = open_table(self.root / table)
            columns = list(opened.columns)
            seen_columns.update(columns)
            if file_name_column(columns) is None:
                hint = "the table has no column 'file_name'; its rows were checked as texts without pictures"
                yield Shard("", 1, _digest(fingerprint), Broken(_safe(table), hint, "error"))
            start: Row | None = None
            repeats: set[int] = set()
            count = 0
            for row in opened.rows():
                if start is None:
                    start, count, repeats = row, 0, set()
                count += 1
                target = self._target(table, row, columns)
                if target is not None:
                    mark = _mark(target)
                    if mark in claimed:
                        repeats.add(row.number)
                    claimed.add(mark)
                if count == size:
                    yield self._row_shard(table, start, count, repeats, fingerprint)
                    start = None
            if start is not None:
                yield self._row_shard(table, start, count, repeats, fingerprint)
        except SourceError as error:
            yield Shard("", 1, _digest(fingerprint), Broken(_safe(table), str(error)))

    def _row_shard(self, table: str, start: Row, count: int, repeats: set[int], fingerprint: str) -> Shard:
        content = Rows(table, start.mark, start.number, count, frozenset(repeats))
        return Shard("", count, _digest(fingerprint, str(start.number), str(count)), content)

    def _file_shard(self, names: list[str]) -> Shard:
        return Shard("", len(names), _digest(*(self._stamp(name) for name in names)), Files(tuple(names)))

    def _stamp(self, name: str) -> str:
        try:
            facts = (self.root / name).stat()
        except OSError:
            return f"{_safe(name)}\0gone"
        return f"{_safe(name)}\0{facts.st_size}\0{facts.st_mtime_ns}"

    def _walk(self, skipped: Counter[str]) -> Iterator[str]:
        """Relative names of all files but sidecars, in a fixed order; a name with a final slash cannot be opened."""
        stack = [""]
        while stack:
            folder = stack.pop()
            try:
                with os.scandir(self.root / folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError:
                yield folder + "/"
                continue
            names = {entry.name for entry in entries}
            stems = {name for name in names if not name.lower().endswith(SIDECAR_SUFFIXES)}
            stems |= {os.path.splitext(name)[0] for name in stems}
            folders = []
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    skipped["link (not followed)"] += 1
                elif entry.is_dir():
                    folders.append(path)
                elif not entry.is_file():
                    skipped["device, pipe or socket"] += 1
                elif not (entry.name.lower().endswith(SIDECAR_SUFFIXES) and os.path.splitext(entry.name)[0] in stems):
                    yield path
            stack.extend(reversed(folders))

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read_rows(self, shard: str, content: Rows) -> Iterator[Item | SkippedMember]:
        table: Table = open_table(self.root / content.table)
        columns = list(table.columns)
        for row in table.rows(content.mark, content.first):
            if row.number >= content.first + content.count:
                return
            failures = (Failure("record", "error", row.problem),) if row.problem else ()
            target = self._target(content.table, row, columns)
            if target is not None and row.number not in content.repeats:
                origin = Origin(target, content.table, row.number)
                yield from self._read_file(shard, origin, row.values, failures, file_name_column(columns))
                continue
            yield self._row_alone(shard, content, row, failures, columns)

    def _row_alone(
        self, shard: str, content: Rows, row: Row, failures: tuple[Failure, ...], columns: Sequence[str]
    ) -> Item:
        """A row without a picture of its own: no file name, one that leads outside, or one named before."""
        skipped: tuple[Skipped, ...] = ()
        column = file_name_column(columns)
        if row.number in content.repeats:
            skipped = (Skipped("picture", "an earlier row of the table has the same picture"),)
        elif column is None or not row.values.get(column):
            skipped = (Skipped("picture", "the row names no picture"),)
        else:
            failures = (*failures, Failure("picture", "error", "the file name in the table leads outside the dataset"))
        texts = texts_of({name: value for name, value in row.values.items() if name != column}, captions=self._captions)
        named = row.values.get(column) if column is not None else None
        if isinstance(named, str) and column is not None:
            texts.append(Text("filename", column, named))
        sample = Sample(f"{_safe(content.table)}#{row.number}", shard, None, tuple(texts), row.values)
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
            missing = "the file cannot be opened" if path.exists() else "the file that the table names does not exist"
            picture = Picture.broken(missing)
        else:
            picture = Picture(path, self._limits)
        texts = [Text("filename", PATH_FIELD, _safe(name))]
        texts += texts_of(
            {field: value for field, value in record.items() if field != file_name_column}, captions=self._captions
        )
        merged = dict(record)
        problems = list(failures)
        for sidecar in sidecars(path):
            problems += self._read_sidecar(sidecar, texts, merged)
        yield Item(Sample(_safe(name), shard, picture, tuple(texts), merged), tuple(problems), origin=origin)
        for sidecar in sidecars(path):
            if sniff(_head(sidecar) or b"") is not None:  # a picture that hides behind a caption's name
                hidden = sidecar.relative_to(self.root).as_posix()
                name_only = (Text("filename", PATH_FIELD, _safe(hidden)),)
                sample = Sample(_safe(hidden), shard, Picture(sidecar, self._limits), name_only)
                yield Item(sample, origin=Origin(hidden))

    def _read_sidecar(self, path: Path, texts: list[Text], record: dict[str, object]) -> list[Failure]:
        kind = path.suffix.lower().lstrip(".")
        stage = f"sidecar.{kind}"
        try:
            if path.stat().st_size > MAX_SIDECAR_BYTES:
                return [Failure(stage, "too_large", f"the file has more than {MAX_SIDECAR_BYTES:,} bytes")]
            data = path.read_bytes()
        except OSError as error:
            return [Failure(stage, "unreadable", f"the file cannot be read: {error.strerror or 'input/output error'}")]
        if sniff(data[:HEAD_BYTES]) is not None:
            return []
        decoded = decode(data)
        problems = [] if decoded.exact else [Failure(stage, "error", NOT_UTF8)]
        taken = {text.field for text in texts}
        if kind == "json":
            try:
                values = {leaf.path: leaf.value for leaf in leaves(decoded.text)}
            except JsonError as error:
                problems.append(Failure(stage, "error", str(error)))
                values = {}
            for name, value in values.items():
                record.setdefault(name, value)
            found = texts_of(values, JSON_PREFIX, self._captions)
            if values or not decoded.text.strip():
                texts += [text for text in found if text.field not in taken]
                return problems
        if decoded.text.strip() and TXT_FIELD not in taken:
            texts.append(Text("caption", TXT_FIELD if kind == "txt" else JSON_PREFIX, decoded.text))
        return problems

    def _target(self, table: str, row: Row, columns: Sequence[str]) -> str | None:
        """The picture that a row names, relative to the root; None when it names none inside it."""
        column = file_name_column(columns)
        value = row.values.get(column) if column else None
        if not isinstance(value, str) or not value.strip() or "\0" in value:
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
        if not parts or self._leaves_root(parts):
            return None
        return "/".join(parts)

    def _leaves_root(self, parts: Sequence[str]) -> bool:
        """Whether a link on the way leads out of the folder."""
        try:
            return not (self.root / Path(*parts)).resolve().is_relative_to(self.root)
        except (OSError, RuntimeError, ValueError):
            return True


def sidecars(picture: Path) -> list[Path]:
    """The caption and record files beside a picture: `a.txt`, `a.json`, `a.jpg.txt`, `a.jpg.json`."""
    found = []
    for suffix in SIDECAR_SUFFIXES:
        for candidate in (picture.with_suffix(suffix), picture.with_name(picture.name + suffix)):
            if candidate != picture and candidate.is_file() and not candidate.is_symlink():
                found.append(candidate)
                break  # one per kind, so that a field names one place
    return found


def _is_table(name: str) -> bool:
    return PurePosixPath(name).name.lower() in TABLE_NAMES and not name.endswith("/")


def file_name_column(columns: Sequence[str]) -> str | None:
    lowered = {name.strip().lower(): name for name in reversed(columns)}
    return next((lowered[name] for name in FILE_NAME_COLUMNS if name in lowered), None)


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


def _safe(name: str) -> str:
    """A file name as valid Unicode: bytes that are no UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _mark(name: str) -> bytes:
    """A short stand-in for a name, so that a million claimed names stay small in memory."""
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
