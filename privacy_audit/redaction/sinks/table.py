"""The copy of a table alone: a table of the same kind, or a new folder with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks import tables
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.sources import Shard, SkippedMember, TableSource
from privacy_audit.sources.names import PUBLIC_MANIFEST
from privacy_audit.sources.tables import SUFFIXES


class TableSink:
    """Writes `output` as a table when it is called like one, else as a folder. Raises SourceError for another kind."""

    def __init__(self, source: TableSource, output: Path) -> None:
        own, suffix = source.path.suffix.lower(), output.suffix.lower()
        if suffix in SUFFIXES and suffix != own:
            raise SourceError(f"the copy of a {own} file is one too: name it {output.stem}{own}.")
        self.source = source
        self._alone = suffix == own
        self._name = output.name if self._alone else source.path.name
        self.manifest = f"{self._name}.{PUBLIC_MANIFEST}" if self._alone else PUBLIC_MANIFEST

    def writer(self, copy: Path, shard: Shard) -> TableWriter:  # noqa: ARG002 - a table is written at the end
        """Collects the edits of one shard."""
        return TableWriter()

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:  # noqa: ARG002
        """Write the table."""
        copy.mkdir(parents=True, exist_ok=True)
        files = Files(copy)
        changes = tables.merged(parts).get(self.source.path.name)
        if changes:
            tables.rewrite(self.source.path, copy / self._name, changes)
        else:
            shutil.copyfile(self.source.path, copy / self._name)
        files.note(self._name)
        return files.digests

    def ids(self, parts: Sequence[Any]) -> Callable[[str], str]:
        """Rows move up where earlier ones are dropped."""
        return tables.renumbered(tables.merged(parts), {self.source.path.name: self._name})

    def scanned(self, copy: Path) -> Path:
        """The table."""
        return copy / self._name

    def publish(self, copy: Path, output: Path) -> None:
        """Move the table and the manifest beside it, or the folder with both."""
        if not self._alone:
            os.replace(copy, output)
            return
        if (copy / self.manifest).exists():
            os.replace(copy / self.manifest, output.with_name(self.manifest))
        os.replace(copy / self._name, output)


class TableWriter:
    """The edits of one shard."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._edits: tables.Edits = {}

    def put(self, outgoing: Outgoing) -> None:
        """Note what changes in a row."""
        tables.edit(self._edits, outgoing.item, None if outgoing.absent else dict(outgoing.texts))

    def carry(self, member: SkippedMember) -> bool:  # noqa: ARG002
        """A table has rows only."""
        return False

    def close(self) -> Any:
        """The edits."""
        return {"edits": self._edits}
