"""The files of an export as one tree: the unpacked folder, one ZIP, or the folder with all the ZIPs that it came in."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.names import safe_name
from privacy_audit.sources.tree import DiskTree, Tree
from privacy_audit.sources.ziptree import ZipTree
from privacy_audit.types import Failure

MAX_PARTS = 1_000
MAX_DEPTH = 8  # of folders that `glance` looks into
_MAX_FOLDERS, _MAX_ENTRIES = 2_000, 5_000
_ZIP = b"PK\x03\x04"
_CLASH = re.compile(r"(.+)#(\d+)", re.DOTALL)
_GONE = "the file is not in the export any more"


class Forest:
    """The parts of an export by name. A file of part 2 that part 1 has with other content is `name#2`.

    Picklable: the parts are found once. `archive` is the name of a single ZIP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.archive: str | None = None
        self.parts: list[Tree] = []
        if self.path.is_dir():
            zips = _zips(self.path)
            self._own = frozenset(zips)
            self.parts = [DiskTree(self.path), *(ZipTree(self.path / name) for name in zips)]
        else:
            self._own = frozenset()
            self.archive = safe_name(self.path.name)
            self.parts = [ZipTree(self.path)]

    def folders(self, skipped: Counter[str]) -> dict[str, list[str] | None]:
        """Every folder with the names of its files, of all parts together, sorted; None for one that cannot be read."""
        found: dict[str, dict[str, str] | None] = {}
        for number, part in enumerate(self.parts):
            for folder, names in part.walk(skipped):
                if names is None:
                    found.setdefault(folder, None)
                    continue
                here = found.get(folder)
                if here is None:
                    here = found[folder] = {}
                for name in names:
                    if number == 0 and not folder and name in self._own:
                        continue
                    stamp = part.stamp(f"{folder}/{name}" if folder else name)
                    if name not in here:
                        here[name] = stamp
                    elif here[name] == stamp:
                        skipped["the same file in another part of the export"] += 1
                    else:
                        here[f"{name}#{number}"] = stamp
        return {folder: None if names is None else sorted(names) for folder, names in sorted(found.items())}

    def glance(self) -> Iterator[str]:
        """Names of JSON and HTML files, as far as it takes to see what the export is; in a folder, the upper ones."""
        for part in self.parts:
            names = _near(part.root) if isinstance(part, DiskTree) else _all(part)
            yield from (name for name in names if name.lower().endswith((".json", ".html")))

    def problems(self) -> list[tuple[str, str]]:
        """Parts that cannot be read to their end."""
        return [
            (part.archive or name, problem) for part in self.parts for name, problem in part.problems()
        ]  # fmt: skip

    def stamp(self, name: str) -> str:
        """A text that changes when the file does."""
        tree, inner = self._where(name)
        return tree.stamp(inner) if _holds(tree, inner) else f"{safe_name(name)}\0gone"

    def exists(self, name: str) -> bool:
        """Whether any part has such a file."""
        tree, inner = self._where(name)
        return _holds(tree, inner)

    def head(self, name: str) -> bytes | None:
        """The first bytes; None for a file that cannot be opened."""
        tree, inner = self._where(name)
        return tree.head(inner)

    def content(self, name: str, stage: str, max_bytes: int) -> bytes | Failure:
        """A file's bytes, or why they cannot be had."""
        tree, inner = self._where(name)
        if not _holds(tree, inner):
            return Failure(stage, "unreadable", _GONE)
        return tree.content(inner, stage, max_bytes)

    def picture(self, name: str, limits: Limits) -> Picture:
        """A picture, which may turn out to be broken."""
        tree, inner = self._where(name)
        return tree.picture(inner, limits) if _holds(tree, inner) else Picture.broken(_GONE)

    def complaint(self, name: str) -> str | None:
        """What is wrong with the entry of that name, though it can be read."""
        tree, inner = self._where(name)
        return tree.complaint(inner) if _holds(tree, inner) else None

    def root(self) -> Tree:
        """Where a dataset.yaml may stand."""
        return self.parts[0]

    def _where(self, name: str) -> tuple[Tree, str]:
        for part in self.parts:
            if part.is_file(name):
                return part, name
        clash = _CLASH.fullmatch(name)
        if clash and len(clash[2]) < 5 and 0 < int(clash[2]) < len(self.parts):
            return self.parts[int(clash[2])], clash[1]
        return self.parts[0], name


def _holds(tree: Tree, name: str) -> bool:
    """Whether a part has the file; not, when the part itself is gone."""
    try:
        return tree.is_file(name)
    except SourceError:
        return False


def _zips(folder: Path) -> Sequence[str]:
    """The ZIP archives in a folder, by content."""
    found = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.name.lower().endswith(".zip") and entry.is_file(follow_symlinks=False):
                    with open(entry.path, "rb") as file:
                        if file.read(4) == _ZIP:
                            found.append(entry.name)
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror or 'input/output error'}.") from error
    if len(found) > MAX_PARTS:
        raise SourceError(f"{folder} holds more than {MAX_PARTS:,} archives.")
    return sorted(found)


def _all(part: Tree) -> Iterator[str]:
    for folder, names in part.walk(Counter()):
        yield from (f"{folder}/{name}" if folder else name for name in names or ())


def _near(root: Path) -> Iterator[str]:
    """Files level by level, of so many folders and so many of each."""
    level, opened = [""], 0
    for _ in range(MAX_DEPTH):
        below: list[str] = []
        for folder in level:
            opened += 1
            if opened > _MAX_FOLDERS:
                return
            try:
                with os.scandir(root / folder) as listing:
                    for entry in islice(listing, _MAX_ENTRIES):
                        name = f"{folder}/{entry.name}" if folder else entry.name
                        if entry.is_dir(follow_symlinks=False):
                            below.append(name)
                        elif entry.is_file(follow_symlinks=False):
                            yield name
            except OSError:
                continue
        level = sorted(below)
