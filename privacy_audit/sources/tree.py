"""Where the files of a folder are: on disk here, in a ZIP archive in `ziptree`. Names are relative to the root."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from privacy_audit.pixels import Limits, Picture
from privacy_audit.sources.names import ARCHIVE_HEAD, PUBLIC_MANIFEST, safe_name
from privacy_audit.sources.tables import Table, open_table
from privacy_audit.types import Failure

MAX_SIDECAR_BYTES = 16 * 1024 * 1024


class Tree(Protocol):
    """Files by name. Picklable, and small: it is sent to every worker."""

    archive: str | None
    """The archive's name when this is one."""

    def walk(self, skipped: Counter[str]) -> Iterator[tuple[str, list[str] | None]]:
        """Folders in a fixed order with the names of their regular files; None for one that cannot be opened."""
        ...

    def problems(self) -> Sequence[tuple[str, str]]:
        """Parts that cannot be read at all: a name, and why."""
        ...

    def stamp(self, name: str) -> str:
        """A text that changes when the file does."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name."""
        ...

    def is_file(self, name: str) -> bool:
        """Whether there is a regular file of that name."""
        ...

    def head(self, name: str) -> bytes | None:
        """The first ARCHIVE_HEAD bytes; None for a file that cannot be opened."""
        ...

    def content(self, name: str, stage: str, max_bytes: int = MAX_SIDECAR_BYTES) -> bytes | Failure:
        """A sidecar's bytes, or why they cannot be had."""
        ...

    def picture(self, name: str, limits: Limits) -> Picture:
        """A picture, which may turn out to be broken."""
        ...

    def table(self, name: str) -> Table:
        """A table; raises SourceError when it cannot be read at all."""
        ...

    def description(self, name: str) -> Path | Mapping[str, Any]:
        """A dataset.yaml: where it is, or its plain data."""
        ...

    def leads_outside(self, parts: Sequence[str]) -> bool:
        """Whether a link on the way leads out of the root."""
        ...

    def complaint(self, name: str) -> str | None:
        """What is wrong with the entry of that name, though it can be read."""
        ...


class DiskTree:
    """A local folder. Links are not followed."""

    archive: str | None = None

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = str(root)  # joined as text: these are asked a dozen times per picture

    def walk(self, skipped: Counter[str]) -> Iterator[tuple[str, list[str] | None]]:
        """Depth first, by name."""
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
                            folders.append(f"{folder}/{entry.name}" if folder else entry.name)
                        elif not folder and entry.name == PUBLIC_MANIFEST:
                            continue  # privacy-audit's own note on a copy, and no part of the data
                        elif entry.is_file(follow_symlinks=False):
                            names.append(entry.name)
                        else:
                            skipped["device, pipe or socket"] += 1
            except OSError:
                yield folder, None
                continue
            yield folder, names
            stack.extend(reversed(folders))

    def problems(self) -> Sequence[tuple[str, str]]:
        """None: each folder that cannot be opened is told by `walk`."""
        return ()

    def stamp(self, name: str) -> str:
        """Name, size and time."""
        try:
            facts = os.stat(f"{self._base}/{name}")
        except (OSError, ValueError):
            return f"{safe_name(name)}\0gone"
        return f"{safe_name(name)}\0{facts.st_size}\0{facts.st_mtime_ns}"

    def exists(self, name: str) -> bool:
        """Also a link that leads nowhere exists."""
        return os.path.lexists(f"{self._base}/{name}")

    def is_file(self, name: str) -> bool:
        """A link is none."""
        try:
            return stat.S_ISREG(os.lstat(f"{self._base}/{name}").st_mode)
        except (OSError, ValueError):
            return False

    def head(self, name: str) -> bytes | None:
        """The first bytes; a link that a table names is followed, within the root."""
        try:
            if not stat.S_ISREG(os.stat(f"{self._base}/{name}").st_mode):
                return None
            with (self.root / name).open("rb", buffering=0) as file:
                return file.read(ARCHIVE_HEAD)
        except (OSError, ValueError):
            return None

    def content(self, name: str, stage: str, max_bytes: int = MAX_SIDECAR_BYTES) -> bytes | Failure:
        """The whole file, up to `max_bytes`."""
        path = self.root / name
        try:
            if path.stat().st_size > max_bytes:
                return Failure(stage, "too_large", f"the file has more than {max_bytes:,} bytes")
            return path.read_bytes()
        except OSError as error:
            return Failure(stage, "unreadable", f"the file cannot be read: {error.strerror or 'input/output error'}")

    def picture(self, name: str, limits: Limits) -> Picture:
        """Read when it is looked at."""
        return Picture(self.root / name, limits)

    def table(self, name: str) -> Table:
        """By its suffix."""
        return open_table(self.root / name)

    def description(self, name: str) -> Path | Mapping[str, Any]:
        """Its path, which messages then name."""
        return self.root / name

    def leads_outside(self, parts: Sequence[str]) -> bool:
        """Links may lie on the way to what a table names."""
        try:
            return not (self.root / Path(*parts)).resolve().is_relative_to(self.root)
        except (OSError, RuntimeError, ValueError):
            return True

    def complaint(self, name: str) -> str | None:  # noqa: ARG002 - a file on disk is where its name says
        """Never any."""
        return None
