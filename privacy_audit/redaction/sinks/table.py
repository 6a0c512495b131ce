"""The copy of a table alone: a table of the same kind, or a new folder with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.redaction.sinks import tables
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.redaction.sinks.shape import Shape
from privacy_audit.sources import Shard, SkippedMember, TableSource
from privacy_audit.sources.tables import SUFFIXES


class TableSink:
    """Writes `output` as a table when it is called like one, else as a folder. Raises SourceError for another kind."""

    def __init__(self, source: TableSource, output: Path) -> None:
        self.source = source
        self._shape = Shape(source.path.name, output, (source.path.suffix.lower(),), tuple(SUFFIXES))
        self._name = self._shape.named(source.path.name)
        self.manifest = self._shape.manifest

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

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:  # noqa: ARG002 - the edits say it
        """Rows move up where earlier ones are dropped."""
        return tables.renumbered(tables.merged(parts), {self.source.path.name: self._name})

    def scanned(self, copy: Path) -> Path:
        """The table."""
        return copy / self._name

    def publish(self, copy: Path, output: Path) -> None:
        """Move the table and the manifest beside it, or the folder with both."""
        self._shape.publish(copy, output)


class TableWriter:
    """The edits of one shard."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.pieces: dict[str, str] = {}
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
