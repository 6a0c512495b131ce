"""WebDataset shards: tar archives in which all members of one key are one sample.

The key is the name up to the first dot of its last part: `a/000.jpg`, `a/000.txt` and `a/000.json` are the sample
`shard.tar/a/000`. Several pictures of one key are several samples, each with the key's texts. Archives are read where
they lie, and nothing is extracted.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from privacy_audit.containers import sniff
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.base import Item, Member, Origin, Shard, SkippedMember, Survey
from privacy_audit.sources.beside import Beside, described, look
from privacy_audit.sources.folder import PATH_FIELD, TABLE_NAMES
from privacy_audit.sources.names import (
    NESTED,
    OUTSIDE,
    PICTURE_SUFFIXES,
    digest,
    inside,
    is_archive,
    is_resource_fork,
    mark,
    safe_name,
    skip_reason,
)
from privacy_audit.sources.sidecars import JSON_PREFIX, TXT_FIELD, read_sidecar
from privacy_audit.sources.tarfiles import BLOCK, Damage, Header, Unpacked, is_tar, open_tar, walk
from privacy_audit.sources.tree import MAX_SIDECAR_BYTES, DiskTree
from privacy_audit.types import Failure, FailureKind, Sample, Skipped, Text

SUFFIXES = (".tar", ".tar.gz", ".tgz")
TEXT_SUFFIXES = frozenset(
    {".txt", ".text", ".caption", ".captions", ".cap", ".prompt", ".title", ".description", ".tags", ".url", ".cls"}
)
UNREAD = "unread"
MAX_EXPANDED = 1_000_000
MAX_GROUP = 1_000
MAX_GROUP_BYTES = 1 << 30
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_CHANGED = "the archive ended before this sample: it changed while it was read"


@dataclass(frozen=True, slots=True)
class Range:
    """Shard content: `count` units of an archive from the header at `at` on, the first of them unit `first`.

    `stamp` is of the archive. `repeats` are units whose key an earlier one has.
    """

    archive: str
    at: int
    first: int
    count: int
    stamp: str
    repeats: frozenset[int]


@dataclass(frozen=True, slots=True)
class Broken:
    """Shard content: an archive that cannot be read at all, or a file that is none."""

    name: str
    problem: str


@dataclass(slots=True)
class Group:
    """The members of one key, in their order, and those that are no files."""

    key: str
    files: list[tuple[Header, bytes]] = field(default_factory=list)
    others: list[Header] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Index:
    """Where every `step`th unit of an archive begins, how many samples lie before it, and units with repeated keys."""

    stamp: str
    units: int
    samples: int
    step: int
    marks: array[int]
    before: array[int]
    repeats: array[int]


class WebDatasetSource:
    """A tar archive, a folder of them, or a pattern: `shards/{000..999}.tar`. Packed ones (.tar.gz) are one shard each.

    `caption_columns` are further fields of the JSON members that hold captions; `dataset` is a dataset.yaml, or its
    plain data. Raises SourceError when there is no such file.
    """

    kind = "webdataset"

    def __init__(
        self,
        path: Path,
        *,
        caption_columns: Sequence[str] = (),
        limits: Limits | None = None,
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        self._names: list[str] | None = None
        if path.is_dir():
            self.root = path.resolve()
            self.name = safe_name(self.root.name or "root")
        else:
            pattern = _BRACES.search(str(path)) and not path.exists()
            names = expand(str(path)) if pattern else [str(path)]
            self.root = _common(names).resolve()
            here = _common(names)
            self._names = [PurePosixPath(Path(name).relative_to(here)).as_posix() for name in names]
            self.name = safe_name(path.name)
        self._tree = DiskTree(self.root)
        self._limits = limits or Limits()
        self.beside: Beside = look(self._tree, dataset) if self._names is None else described(dataset)
        columns = self.beside.description.get("columns", {})
        self._captions = frozenset(caption_columns) | frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))
        self._shard_size = _SMALLEST_SHARD
        self._indexes: dict[str, _Index] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the indexes, which workers do not need."""
        return {**self.__dict__, "_indexes": {}}

    def survey(self) -> Survey:
        """Read all headers; raises SourceError when there is nothing to audit."""
        whole, samples, skipped = hashlib.sha256(), 0, Counter[str]()
        for found in self._parts(skipped):
            samples += 1 if isinstance(found, Broken) else found[1].samples
            whole.update((found.name if isinstance(found, Broken) else found[1].stamp).encode("utf-8", "replace"))
        if samples == 0:
            raise SourceError(f"{self.root} holds no archive with a picture, caption or record: nothing to audit.")
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, whole.hexdigest(), skipped)

    def shards(self) -> Iterator[Shard]:
        """Stretches of the archives, in path order; a new one begins with each archive."""
        number = 0
        for found in self._parts(Counter()):
            if isinstance(found, Broken):
                yield Shard(f"{number:06d}", 1, digest(found.name, found.problem), found)
                number += 1
                continue
            archive, index = found
            for content, samples in self._ranges(archive, index):
                fingerprint = digest(index.stamp, str(content.first), str(content.count))
                yield Shard(f"{number:06d}", samples, fingerprint, content)
                number += 1

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The samples of one shard."""
        content = shard.content
        if isinstance(content, Broken):
            yield Item(Sample(content.name, shard.id), (Failure("source", "unreadable", content.problem),))
            return
        done, given = 0, 0
        problem = _CHANGED
        try:
            if self._tree.stamp(content.archive) == content.stamp:
                with open_tar(self.root / content.archive) as file:
                    for unit in islice(units(file, content.at, self._limits), content.count):
                        for item in self._items(shard.id, content, content.first + done, unit):
                            given += isinstance(item, Item)
                            yield item
                        done += 1
        except OSError as error:
            problem = f"the archive cannot be read: {error.strerror or 'input/output error'}"
        if done < content.count:
            for missing in range(given, shard.samples):
                sample = Sample(safe_name(f"{content.archive}@{content.first}+{missing}"), shard.id)
                yield Item(sample, (Failure("source", "unreadable", problem),))

    @property
    def only(self) -> str | None:
        """The archive, when there is but one and it was named."""
        return self._names[0] if self._names is not None and len(self._names) == 1 else None

    def archives(self) -> list[str]:
        """The archives that can be read, relative to the root."""
        return [found[0] for found in self._parts(Counter()) if not isinstance(found, Broken)]

    def origins(self) -> Iterator[tuple[str, Origin]]:
        """Every sample's id, and where it is, by the headers of the members alone."""
        for shard in self.shards():
            content = shard.content
            if isinstance(content, Broken):
                continue
            with open_tar(self.root / content.archive) as file:
                for number, unit in enumerate(islice(units(file, content.at, None), content.count), content.first):
                    for item in self._items(shard.id, content, number, unit):
                        if isinstance(item, Item):
                            yield item.sample.id, item.origin

    # --- planning -----------------------------------------------------------------------------------------------------

    def _parts(self, skipped: Counter[str]) -> Iterator[Broken | tuple[str, _Index]]:
        for name in self._archives(skipped):
            if isinstance(name, Broken):
                yield name
                continue
            stamp = self._tree.stamp(name)
            index = self._indexes.get(name)
            try:
                if index is None or index.stamp != stamp:
                    index = self._indexes[name] = self._indexed(name, stamp)
                yield name, index
            except OSError as error:
                problem = "the archive does not exist" if isinstance(error, FileNotFoundError) else None
                yield Broken(safe_name(name), problem or f"the archive cannot be read: {error.strerror}")

    def _archives(self, skipped: Counter[str]) -> Iterator[str | Broken]:
        """Archives, relative to the root, known by content. A picture beside them is told of, never passed over."""
        if self._names is not None:
            yield from self._names
            return
        for folder, names in self._tree.walk(skipped):
            if names is None:
                yield Broken(safe_name(f"{folder}/"), "the folder cannot be opened")
                continue
            for name in names:
                path = f"{folder}/{name}" if folder else name
                suffix = PurePosixPath(name).suffix.lower()
                if name.lower().endswith(SUFFIXES) or is_tar(self._tree.head(path) or b""):
                    yield path
                elif suffix in PICTURE_SUFFIXES:
                    yield Broken(safe_name(path), "a picture beside the archives is not read: scan it as a folder")
                else:
                    skipped[skip_reason(suffix).replace("a picture", "an archive")] += 1

    def _indexed(self, name: str, stamp: str) -> _Index:
        marks, before, keys = array("Q"), array("Q"), array("Q")
        total = samples = 0
        with open_tar(self.root / name) as file:
            packed = isinstance(file, Unpacked)
            for unit in units(file, 0, None):
                if total % _SMALLEST_SHARD == 0:
                    marks.append(_start(unit))
                    before.append(samples)
                key = unit.key if isinstance(unit, Group) else f"\0{unit.header}"
                keys.append(int.from_bytes(mark(key), "big"))
                samples += 1 if isinstance(unit, Damage) else _Sorted(unit).samples
                total += 1
        step = max(1, min(_LARGEST_SHARD, total // _AIM_SHARDS) // _SMALLEST_SHARD)
        if packed:
            step = max(1, len(marks))
        return _Index(
            stamp, total, samples, step * _SMALLEST_SHARD, marks[::step], before[::step], array("Q", _repeated(keys))
        )

    def _ranges(self, archive: str, index: _Index) -> Iterator[tuple[Range, int]]:
        """Equal stretches of about the shard size, and their samples."""
        steps = max(1, self._shard_size // index.step)
        stretches = max(1, -(-len(index.marks) // steps))
        steps = max(1, -(-len(index.marks) // stretches))  # an archive may be empty
        for at in range(0, len(index.marks), steps):
            first = at * index.step
            count = min(steps * index.step, index.units - first)
            until = index.before[at + steps] if at + steps < len(index.marks) else index.samples
            repeats = frozenset(number for number in index.repeats if first <= number < first + count)
            yield Range(archive, index.marks[at], first, count, index.stamp, repeats), until - index.before[at]

    # --- reading ------------------------------------------------------------------------------------------------------

    def _items(self, shard: str, content: Range, number: int, unit: Group | Damage) -> Iterator[Item | SkippedMember]:
        if isinstance(unit, Damage):
            sample = Sample(safe_name(f"{content.archive}@{unit.header}"), shard)
            yield Item(sample, (Failure("source", "unreadable", unit.problem),), (), Origin(archive=content.archive))
            return
        found = _Sorted(unit)
        base = f"{content.archive}/{unit.key}"
        if number in content.repeats or not unit.key:
            base = f"{base}#{number}"
        for place, (header, kind, problem) in enumerate(found.broken):
            name = f"{base}/{place}" if found.pictures or found.texts or place else base
            failure = Failure("source", kind, problem)
            yield Item(
                Sample(safe_name(name), shard),
                (failure,),
                (),
                _origin(content.archive, unit, header, {header.header: UNREAD}),
            )
        if not found.pictures and found.texts:
            yield self._item(Sample(safe_name(base), shard), content.archive, unit, found, None)
        names = Counter[str]()
        for picture in found.pictures:
            name = base
            if len(found.pictures) > 1:
                end = picture[0].name.rpartition("/")[2].partition(".")[2]
                name = f"{base}.{end}#{names[end]}" if names[end] else f"{base}.{end}"
                names[end] += 1
            yield self._item(Sample(safe_name(name), shard), content.archive, unit, found, picture)
        yield from found.skipped

    def _item(
        self,
        bare: Sample,
        archive: str,
        group: Group,
        found: _Sorted,
        picture: tuple[Header, bytes] | None,
    ) -> Item:
        problems = []
        if any(not inside(header.name)[1] for header, _ in group.files):
            problems.append(Failure("source", "error", OUTSIDE))
        texts, record = list[Text](), dict[str, object]()
        packet: bytes | None = None
        roles = {} if picture is None else {picture[0].header: "picture"}
        if picture is not None:
            texts.append(Text("filename", PATH_FIELD, safe_name(inside(picture[0].name)[0])))
        kinds = Counter[str]()
        for header, data in found.beside(picture[0] if picture else None):
            suffix = PurePosixPath(header.name).suffix.lower()
            kind = suffix[1:] if suffix in {".json", ".xmp"} else "txt"
            number = kinds[kind]
            kinds[kind] += 1
            prefix = JSON_PREFIX if kind == "json" else TXT_FIELD
            role = "xmp" if kind == "xmp" else f"{prefix}{number}:" if number else prefix
            roles[header.header] = role
            if header.size > MAX_SIDECAR_BYTES:
                problem = f"the file has more than {MAX_SIDECAR_BYTES:,} bytes"
                problems.append(Failure(f"sidecar.{kind}", "too_large", problem))
            elif len(data) < header.size:
                problems.append(Failure(f"sidecar.{kind}", "unreadable", "the member is cut off"))
            elif kind == "xmp":
                packet = data
            else:
                problems += read_sidecar(
                    kind, data, texts, record, captions=self._captions, urls=self._urls, field=role
                )
        skipped = () if picture else (Skipped("picture", "no picture in the source"),)
        shown = _picture(picture, self._limits) if picture else None
        sample = replace(bare, picture=shown, texts=tuple(texts), record=record, sidecar=packet)
        return Item(sample, tuple(problems), skipped, _origin(archive, group, picture[0] if picture else None, roles))


class _Sorted:
    """What the members of a group are, by name and by their first bytes."""

    def __init__(self, group: Group) -> None:
        self.pictures: list[tuple[Header, bytes]] = []
        self.texts: list[tuple[Header, bytes]] = []
        self.skipped: list[SkippedMember] = []
        self.broken: list[tuple[Header, FailureKind, str]] = []
        for header in group.others:
            if header.kind == "sparse":
                self.broken.append((header, "unreadable", "a sparse file in a tar is not read"))
            else:
                reason = "link (not followed)" if header.kind == "link" else "device, pipe or socket"
                self.skipped.append(SkippedMember(reason, header.name))
        for header, data in group.files:
            suffix = PurePosixPath(header.name).suffix.lower()
            if is_resource_fork(header.head):
                self.skipped.append(SkippedMember("not a picture (macOS resource fork)", header.name))
            elif suffix in PICTURE_SUFFIXES or sniff(header.head) is not None:
                self.pictures.append((header, data))
            elif suffix in TEXT_SUFFIXES or suffix in {".json", ".xmp"}:
                self.texts.append((header, data))
            elif is_archive(header.head):
                self.broken.append((header, "unreadable", NESTED))
            elif header.name.rpartition("/")[2].lower() in TABLE_NAMES:
                problem = "a table inside a tar is not read: unpack the archive, or make it a ZIP"
                self.broken.append((header, "unreadable", problem))
            else:
                self.skipped.append(SkippedMember(skip_reason(suffix), header.name))

    @property
    def samples(self) -> int:
        """Rows that the group becomes."""
        return len(self.broken) + (len(self.pictures) or bool(self.texts))

    def beside(self, picture: Header | None) -> list[tuple[Header, bytes]]:
        """The texts of a picture: those of the whole key, or, when several pictures have their own, its own."""
        if picture is None or len(self.pictures) == 1:
            return self.texts
        stems = {_stem(header) for header, _ in self.pictures}
        return [text for text in self.texts if _stem(text[0]) == _stem(picture) or _stem(text[0]) not in stems]


def units(file: BinaryIO | Unpacked, at: int, limits: Limits | None) -> Iterator[Group | Damage]:
    """The groups of an archive from the header at `at` on, and its damages. With `limits`, members are loaded.

    A group ends where the key changes, or when it holds more than MAX_GROUP members or MAX_GROUP_BYTES.
    """
    group: Group | None = None
    for member in walk(file, at):
        if isinstance(member, Damage):
            if group is not None:
                yield group
                group = None
            yield member
            continue
        if member.kind == "folder":
            continue
        key = key_of(inside(member.name)[0])
        if group is not None and (
            key != group.key
            or len(group.files) + len(group.others) >= MAX_GROUP
            or group.size + member.size > MAX_GROUP_BYTES
        ):
            yield group
            group = None
        group = group or Group(key)
        group.size += member.size
        if member.kind == "file":
            group.files.append((member, _load(file, member, limits) if limits is not None else b""))
        else:
            group.others.append(member)
    if group is not None:
        yield group


def key_of(name: str) -> str:
    """The name up to the first dot of its last part; a dot in front is part of it."""
    folder, slash, last = name.rpartition("/")
    dot = last.find(".", 1)
    return folder + slash + (last if dot < 0 else last[:dot])


def expand(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for: `{000..999}` counts, `{a,b}` lists. Raises SourceError."""
    pieces: list[list[str]] = []
    count = 1
    for number, piece in enumerate(_BRACES.split(pattern)):
        if number % 2 == 0:
            pieces.append([piece])
            continue
        if match := _RANGE.fullmatch(piece):
            first, last = int(match[1]), int(match[2])
            if abs(last - first) >= MAX_EXPANDED:
                raise SourceError(f"a pattern may stand for {MAX_EXPANDED:,} archives at most.")
            width = len(match[1]) if match[1].startswith("0") or len(match[1]) == len(match[2]) else 0
            step = 1 if first <= last else -1
            pieces.append([f"{value:0{width}d}" for value in range(first, last + step, step)])
        else:
            pieces.append(piece.split(","))
        count *= len(pieces[-1])
        if count > MAX_EXPANDED:
            raise SourceError(f"a pattern may stand for {MAX_EXPANDED:,} archives at most.")
    return list(dict.fromkeys("".join(parts) for parts in product(*pieces)))


def _load(file: BinaryIO | Unpacked, member: Header, limits: Limits) -> bytes:
    """The content, as far as it is there; nothing of what is too large, or of no use."""
    suffix = PurePosixPath(member.name).suffix.lower()
    picture = suffix in PICTURE_SUFFIXES or sniff(member.head) is not None
    if not picture and suffix not in TEXT_SUFFIXES and suffix not in {".json", ".xmp"}:
        return b""
    if member.size > (limits.max_bytes if picture else MAX_SIDECAR_BYTES):
        return b""
    try:
        file.seek(member.start)
        return file.read(member.size)
    except SourceError:
        return b""  # the walk comes to the same place, and tells


def _picture(picture: tuple[Header, bytes], limits: Limits) -> Picture:
    header, data = picture
    if header.size > limits.max_bytes:
        problem = f"the file has {header.size:,} bytes, more than the limit of {limits.max_bytes:,}"
        return Picture.broken(problem, "too_large")
    if len(data) < header.size:
        return Picture.broken("the member is cut off")
    return Picture(data, limits)


def _origin(archive: str, group: Group, picture: Header | None, roles: Mapping[int, str]) -> Origin:
    members = tuple(
        Member(header.name, header.header, header.start, header.size, roles.get(header.header, ""))
        for header in (*(header for header, _ in group.files), *group.others)
    )
    return Origin(picture.name if picture else None, archive=archive, members=members)


def _start(unit: Group | Damage) -> int:
    if isinstance(unit, Damage):
        return unit.header
    return min(header.header for header in (*(header for header, _ in unit.files), *unit.others))


def _stem(header: Header) -> str:
    """What stands between the key and the last suffix: "left" of `000.left.png`."""
    return header.name.rpartition("/")[2].partition(".")[2].rpartition(".")[0]


def _repeated(keys: array[int]) -> list[int]:
    """Positions of keys that occurred before."""
    import numpy as np

    values = np.array(keys, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    same = values[order][1:] == values[order][:-1] if len(order) else np.zeros(0, dtype=bool)
    return sorted(int(number) for number in order[1:][same])


def _common(names: Sequence[str]) -> Path:
    """The folder in which all of these are."""
    folders = [Path(name).parent for name in names]
    first = folders[0]
    return next(folder for folder in (first, *first.parents) if all(f.is_relative_to(folder) for f in folders))


def is_archive_file(path: Path) -> bool:
    """Whether a file is a tar, packed or not, by its content."""
    try:
        with open_tar(path) as file:
            return is_tar(file.read(BLOCK))
    except (OSError, SourceError):
        return False
