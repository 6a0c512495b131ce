"""A ZIP archive as a folder: its members are read where they lie, and nothing is extracted."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.errors import PictureError, SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.names import ARCHIVE_HEAD, safe_name
from privacy_audit.sources.tables import Table, open_table
from privacy_audit.sources.tree import MAX_SIDECAR_BYTES
from privacy_audit.sources.zipfiles import Directory, Stored, directory
from privacy_audit.sources.zipwriter import Facts, ZipWriter, named
from privacy_audit.types import Failure

MAX_TABLE_BYTES = 256 * 1024 * 1024


class ZipTree:
    """The files in the archive at `path`. A second member of the same name is called `name#1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive: str | None = safe_name(path.name)
        self._found: Directory | None = None
        self._stamp = (0, 0)

    def __reduce__(self) -> tuple[type[ZipTree], tuple[Path]]:
        """Without the directory, which every worker reads for itself."""
        return ZipTree, (self.path,)

    def walk(self, skipped: Counter[str]) -> Iterator[tuple[str, list[str] | None]]:
        """Depth first, by name."""
        folders: dict[str, list[str]] = {}
        for name in self._fresh().names(skipped):
            folder, _, file = name.rpartition("/")
            folders.setdefault(folder, []).append(file)
        for folder in sorted(folders, key=lambda folder: folder.split("/") if folder else []):
            yield folder, sorted(folders.pop(folder))

    def problems(self) -> Sequence[tuple[str, str]]:
        """An archive that is cut off."""
        problem = self._directory().problem
        return [("", problem)] if problem is not None else []

    def stamp(self, name: str) -> str:
        """Name, size and checksum."""
        found = self._directory()
        place = found.place(name)
        return f"{safe_name(name)}\0{'gone' if place is None else found.stamp(place)}"

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        try:
            return self._directory().place(name) is not None
        except SourceError:
            return False

    def is_file(self, name: str) -> bool:
        """The same: folders and links have no place in the index."""
        return self.exists(name)

    def head(self, name: str) -> bytes | None:
        """The first bytes."""
        found = self._directory()
        place = found.place(name)
        try:
            return found.read(place, MAX_SIDECAR_BYTES, ARCHIVE_HEAD) if place is not None else None
        except PictureError:
            return None

    def content(self, name: str, stage: str, max_bytes: int = MAX_SIDECAR_BYTES) -> bytes | Failure:
        """A member, up to `max_bytes`."""
        try:
            return self._read(name, max_bytes)
        except PictureError as error:
            return Failure(stage, error.kind, str(error))

    def picture(self, name: str, limits: Limits) -> Picture:
        """Read at once: a batch of pictures is in memory anyway."""
        try:
            self._fresh()
            return Picture(self._read(name, limits.max_bytes), limits)
        except PictureError as error:
            return Picture.broken(str(error), error.kind)

    def table(self, name: str) -> Table:
        """A table in the archive is unpacked in memory, up to MAX_TABLE_BYTES."""
        self._fresh()
        return open_table(_Unpacked(self.path, name, *self._stamp))

    def description(self, name: str) -> Path | Mapping[str, Any]:
        """Its plain data."""
        from privacy_audit.sources.description import loads

        content = self.content(name, "source")
        shown = f"{self.path}/{name}"
        if isinstance(content, Failure):
            raise SourceError(f"{shown}: {content.message}.")
        plain: dict[str, Any] = loads(content, shown).model_dump(mode="json", exclude_defaults=True)
        return plain

    def leads_outside(self, parts: Sequence[str]) -> bool:  # noqa: ARG002 - there are no links to follow
        """Never."""
        return False

    def complaint(self, name: str) -> str | None:
        """A name that leads outside the archive."""
        found = self._directory()
        place = found.place(name)
        return found.complaint(place) if place is not None else None

    def stored(self) -> Iterator[Stored]:
        """Every file and folder in the order of the archive, files by the names that `walk` gives them."""
        return self._directory().stored()

    def packed(self, member: Stored, name: str) -> tuple[Facts, int, int, int, Iterator[bytes], int]:
        """A member as it is, under this name: what `ZipWriter.packed` takes."""
        entry = member.entry
        return (
            named(member.facts, name),
            entry.method,
            entry.crc,
            entry.size,
            self._directory().raw(entry),
            entry.packed,
        )

    def rewrite(self, writer: ZipWriter, member: Stored, name: str, data: bytes) -> None:
        """Write a member with new content, under another name."""
        writer.content(named(member.facts, name), member.entry.method, data)

    def _directory(self) -> Directory:
        """As it was when a picture was read last: a sample has one, and asks a dozen times for what is beside it."""
        return self._found or self._fresh()

    def _fresh(self) -> Directory:
        try:
            facts = self.path.stat()
            self._stamp = (facts.st_size, facts.st_mtime_ns)
        except OSError as error:
            raise SourceError(f"the archive cannot be read: {error.strerror or 'input/output error'}") from error
        self._found = directory(self.path, *self._stamp)
        return self._found

    def _read(self, name: str, max_bytes: int) -> bytes:
        found = self._directory()
        place = found.place(name)
        if place is None:
            raise PictureError("the archive has no such member")
        return found.read(place, max_bytes)


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """A table in an archive, as much of a path as `open_table` needs. The last one stays in memory for its shards."""

    path: Path
    name: str
    size: int
    changed_ns: int

    @property
    def suffix(self) -> str:
        """The end of its name."""
        return PurePosixPath(self.name).suffix

    def open(self, mode: str) -> io.BytesIO:  # noqa: ARG002 - always "rb"
        """Its content."""
        return io.BytesIO(_unpacked(self.path, self.name, self.size, self.changed_ns))


@lru_cache(maxsize=1)
def _unpacked(path: Path, name: str, size: int, changed_ns: int) -> bytes:
    found = directory(path, size, changed_ns)
    place = found.place(name)
    try:
        return found.read(place, MAX_TABLE_BYTES) if place is not None else b""
    except PictureError as error:
        raise SourceError(f"the table cannot be read: {error}") from error
