"""Changed pictures of a shard, until the archive or table that they belong in is written: one file, in the draft.

A shard of an archive or a table is a stretch of it. So the worker keeps only what it changed, and says where; when all
shards are done, each file of the dataset is written once, from the source and these.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privacy_audit.store.files import sha256, whole

_AT_ONCE = 16 * 1024 * 1024  # bytes that are held in memory
FOLDER = "pieces"
"""Beside the copy, in the draft."""
Place = Sequence[int | str]
"""Where a piece is: the name of the file, its offset in that, its size in bytes."""


def folder(copy: Path) -> Path:
    """Where the pieces of a copy are."""
    return copy.parent / FOLDER


class Pieces:
    """Collects the pieces of one shard. `files` is their file with its sha256, once it is closed."""

    def __init__(self, copy: Path, shard: str) -> None:
        self._path = folder(copy) / shard
        self._parts: list[bytes] = []
        self._held = self._size = 0
        self._started = False
        self.files: dict[str, str] = {}

    def add(self, data: bytes) -> list[int | str]:
        """Keep `data`, and say where."""
        place: list[int | str] = [self._path.name, self._size, len(data)]
        self._parts.append(data)
        self._size += len(data)
        self._held += len(data)
        if self._held >= _AT_ONCE:
            self._spill()
        return place

    def close(self) -> None:
        """Write the file, if there is anything to keep."""
        if not self._size:
            return
        self._spill()
        with whole(self._path) as temporary:
            self._spilled.replace(temporary)
        self.files[self._path.name] = sha256(self._path)

    @property
    def _spilled(self) -> Path:
        return self._path.with_name(f"{self._path.name}.part")

    def _spill(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._spilled.open("ab" if self._started else "wb") as file:
            file.write(b"".join(self._parts))
        self._started = True
        self._parts, self._held = [], 0


def read(copy: Path, place: Place) -> bytes:
    """A piece."""
    name, offset, size = place
    with (folder(copy) / str(name)).open("rb") as file:
        file.seek(int(offset))
        return file.read(int(size))
