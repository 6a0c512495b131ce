"""The copy of files: pictures with their sidecars, other files, and the tables that name them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from privacy_audit.redaction.sinks import tables
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.redaction.sinks.edited import edited
from privacy_audit.sources import FolderSource, Shard, SkippedMember
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.folder import JSON_PREFIX, TXT_FIELD, sidecars_in
from privacy_audit.sources.names import PUBLIC_MANIFEST, safe_name
from privacy_audit.sources.tree import Tree
from privacy_audit.types import Failure


class FolderSink:
    """Writes a folder of the same layout. Any folder name will do."""

    manifest = PUBLIC_MANIFEST

    def __init__(self, source: FolderSource, output: Path) -> None:  # noqa: ARG002 - as every sink is built
        self.source = source

    def writer(self, copy: Path, shard: Shard) -> FolderWriter:  # noqa: ARG002 - names of files do not clash
        """Writes the pictures of one shard and their sidecars, and collects edits of tables."""
        return FolderWriter(self.source.tree, _Disk(self.source.root, copy))

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:
        """Write every table with its edits. One that could not be read was not checked, so it stays out."""
        copy.mkdir(parents=True, exist_ok=True)
        files, edits = Files(copy), tables.merged(parts)
        for table in self.source.tables():
            if table in unread:
                continue
            changes = edits.get(table)
            if changes:
                target = copy / table
                target.parent.mkdir(parents=True, exist_ok=True)
                tables.rewrite(self.source.root / table, target, changes)
                files.note(table)
            else:
                files.copy(self.source.root / table, table)
        return files.digests

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:  # noqa: ARG002 - the edits say it
        """Files may have new names, and rows move up where earlier ones are dropped."""
        return tables.renamed(parts, {table: table for table in self.source.tables()}, self.source.missing)

    def scanned(self, copy: Path) -> Path:
        """The folder, or the table in it that names the pictures."""
        return copy / self.source.only if self.source.only is not None else copy

    def publish(self, copy: Path, output: Path) -> None:
        """Move the folder."""
        if output.exists():
            output.rmdir()
        os.replace(copy, output)


class Store(Protocol):
    """Where the files of a copy go. `files` and `pieces` are as `Writer` has them.

    `keeps` says that the source's bytes are taken for what does not change, so that they need not be written.
    """

    keeps: bool
    files: dict[str, str]
    pieces: dict[str, str]

    def write(self, old: str, name: str, data: bytes) -> None:
        """The file `old` of the source with new content, called `name` in the copy."""
        ...

    def copy(self, old: str, name: str) -> bool:
        """The file as it is; False for one that cannot be opened, and so stays out."""
        ...

    def close(self) -> dict[str, Any]:
        """Facts for `Sink.finish`."""
        ...


class FolderWriter:
    """The files of one shard. `tree` is the source's, `store` the copy's."""

    def __init__(self, tree: Tree, store: Store) -> None:
        self._tree = tree
        self._store = store
        self.files, self.pieces = store.files, store.pieces
        self._edits: tables.Edits = {}
        self._renamed: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._missing: list[tuple[str, str, str]] = []
        self._again: list[tuple[str, int, str, str]] = []

    def put(self, outgoing: Outgoing) -> None:
        """Write the picture and its sidecars, and note what changes in its row."""
        item = outgoing.item
        file = item.origin.file
        if outgoing.absent:
            tables.edit(self._edits, item, None)
            if file is not None:
                self._files[file] = ""
            return
        if file is not None:
            if outgoing.renamed:
                self._renamed[item.sample.id] = safe_name(outgoing.name)
                self._files[file] = outgoing.name
            self._put_picture(file, outgoing)
            self._put_sidecars(file, outgoing)
        self._put_row(outgoing)

    def carry(self, member: SkippedMember) -> bool:
        """Copy a file that is no sample."""
        return self._store.copy(member.name, member.name)

    def close(self) -> Any:
        """The edits of tables, new names of samples, and of files; "" for those that are gone."""
        facts = {
            "edits": self._edits,
            "renamed": self._renamed,
            "files": self._files,
            "again": self._again,
            "missing": self._missing,
        }
        return {**facts, **self._store.close()}

    def _put_picture(self, file: str, outgoing: Outgoing) -> None:
        before = outgoing.item.sample.picture
        if outgoing.picture is None:
            return
        if before is not None and before.data == outgoing.picture and self._store.keeps:
            self._store.copy(file, outgoing.name)
        else:
            self._store.write(file, outgoing.name, outgoing.picture)

    def _put_sidecars(self, picture: str, outgoing: Outgoing) -> None:
        for sidecar in sidecars_in(self._tree, picture):
            kind = PurePosixPath(sidecar).suffix.lower().lstrip(".")
            if kind in outgoing.unread:
                continue
            name = _sidecar_name(outgoing.name, picture, sidecar)
            data = outgoing.packet if kind == "xmp" else self._edited(sidecar, kind, outgoing.texts)
            if data is None:
                self._store.copy(sidecar, name)
            elif data:
                self._store.write(sidecar, name, data)

    def _edited(self, sidecar: str, kind: str, texts: Mapping[str, str]) -> bytes | None:
        """The new content of a caption or record beside a picture, None when nothing in it changes."""
        prefix = TXT_FIELD if kind == "txt" else JSON_PREFIX
        wanted = {field.removeprefix(prefix): text for field, text in texts.items() if field.startswith(prefix)}
        data = self._tree.content(sidecar, f"sidecar.{kind}") if wanted else None
        if data is None or isinstance(data, Failure):
            return None
        new = edited(data, kind, wanted)
        return None if new == data else new

    def _put_row(self, outgoing: Outgoing) -> None:
        origin = outgoing.item.origin
        if origin.table is None:
            return
        texts = {
            field: value
            for field, value in outgoing.texts.items()
            if field != TXT_FIELD and not field.startswith(JSON_PREFIX)
        }
        record = outgoing.item.sample.record
        column = file_name_column(list(record))
        if column is not None and outgoing.renamed and origin.file is not None:
            texts[column] = tables.name_in(origin.table, origin.file, outgoing.name, str(record[column]))
        elif column is not None and origin.again is not None:
            texts.pop(column, None)
            self._again.append((origin.table, origin.row, origin.again, str(record[column])))
        tables.edit(self._edits, outgoing.item, texts)
        if column is not None and origin.file is not None and outgoing.picture is None:
            self._missing.append((outgoing.item.sample.id, origin.table, texts.get(column, str(record[column]))))


class _Disk:
    """A folder that takes the files of a copy of the folder `root`."""

    keeps = False

    def __init__(self, root: Path, copy: Path) -> None:
        self._root = root
        self._files = Files(copy)
        self.files = self._files.digests
        self.pieces: dict[str, str] = {}

    def write(self, old: str, name: str, data: bytes) -> None:  # noqa: ARG002 - all is in the data
        self._files.write(name, data)

    def copy(self, old: str, name: str) -> bool:
        try:
            self._files.copy(self._root / old, name)
        except (FileNotFoundError, PermissionError):
            return False
        return True

    def close(self) -> dict[str, Any]:
        return {}


def _sidecar_name(new: str, picture: str, sidecar: str) -> str:
    """A sidecar follows its picture's new name."""
    path = PurePosixPath(new)
    full = sidecar.startswith(picture + ".")
    return path.with_name((path.name if full else path.stem) + PurePosixPath(sidecar).suffix).as_posix()
