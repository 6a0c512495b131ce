"""The copy of a folder: pictures with their sidecars, other files, and the metadata tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.redaction.sinks import tables
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.sources import FolderSource, Shard, SkippedMember
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.encoding import decode
from privacy_audit.sources.folder import JSON_PREFIX, TXT_FIELD, sidecars
from privacy_audit.sources.jsontext import JsonError, leaves, replace
from privacy_audit.sources.names import PUBLIC_MANIFEST

_WHOLE = ""  # the path of a document that is no JSON: it was read as one text


class FolderSink:
    """Writes a folder of the same layout. Any folder name will do."""

    manifest = PUBLIC_MANIFEST

    def __init__(self, source: FolderSource, output: Path) -> None:  # noqa: ARG002 - as every sink is built
        self.source = source

    def writer(self, copy: Path, shard: Shard) -> FolderWriter:  # noqa: ARG002 - names of files do not clash
        """Writes the pictures of one shard and their sidecars, and collects edits of tables."""
        return FolderWriter(self.source.root, copy)

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

    def ids(self, parts: Sequence[Any]) -> Callable[[str], str]:
        """Rows move up where earlier ones are dropped."""
        return tables.renumbered(tables.merged(parts), {table: table for table in self.source.tables()})

    def scanned(self, copy: Path) -> Path:
        """The folder."""
        return copy

    def publish(self, copy: Path, output: Path) -> None:
        """Move the folder."""
        if output.exists():
            output.rmdir()
        os.replace(copy, output)


class FolderWriter:
    """The files of one shard. `root` is the source's folder, `copy` that of the copy."""

    def __init__(self, root: Path, copy: Path) -> None:
        self._root = root
        self._files = Files(copy)
        self.files = self._files.digests
        self._edits: tables.Edits = {}

    def put(self, outgoing: Outgoing) -> None:
        """Write the picture and its sidecars, and note what changes in its row."""
        if outgoing.absent:
            tables.edit(self._edits, outgoing.item, None)
            return
        if outgoing.picture is not None:
            self._files.write(outgoing.name, outgoing.picture)
        if outgoing.item.origin.file is not None:
            self._put_sidecars(self._root / outgoing.item.origin.file, outgoing)
        self._put_row(outgoing)

    def carry(self, member: SkippedMember) -> bool:
        """Copy a file that is no sample; one that cannot be opened stays out."""
        try:
            self._files.copy(self._root / member.name, member.name)
        except (FileNotFoundError, PermissionError):
            return False
        return True

    def close(self) -> Any:
        """The edits."""
        return {"edits": self._edits}

    def _put_sidecars(self, picture: Path, outgoing: Outgoing) -> None:
        for path in sidecars(picture):
            kind = path.suffix.lower().lstrip(".")
            if kind in outgoing.unread:
                continue
            name = _sidecar_name(outgoing.name, picture, path)
            data = outgoing.packet if kind == "xmp" else _edited(path, kind, outgoing.texts)
            if data is None:
                self._files.copy(path, name)
            elif data:
                self._files.write(name, data)

    def _put_row(self, outgoing: Outgoing) -> None:
        table = outgoing.item.origin.table
        if table is None:
            return
        texts = {
            field: value
            for field, value in outgoing.texts.items()
            if field != TXT_FIELD and not field.startswith(JSON_PREFIX)
        }
        column = file_name_column(list(outgoing.item.sample.record)) if outgoing.renamed else None
        if column is not None:
            texts[column] = _relative(outgoing.name, table)
        tables.edit(self._edits, outgoing.item, texts)


def _edited(path: Path, kind: str, texts: Mapping[str, str]) -> bytes | None:
    """The new content of a caption or record beside a picture, None when nothing in it changes."""
    if kind == "txt":
        return decode(path.read_bytes()).encode(texts[TXT_FIELD]) if TXT_FIELD in texts else None
    wanted = {field.removeprefix(JSON_PREFIX): text for field, text in texts.items() if field.startswith(JSON_PREFIX)}
    if not wanted:
        return None
    decoded = decode(path.read_bytes())
    try:
        if not any(leaf.path in wanted for leaf in leaves(decoded.text)):
            return None
        return decoded.encode(replace(decoded.text, wanted))
    except JsonError:
        return decoded.encode(wanted[_WHOLE]) if _WHOLE in wanted else None


def _sidecar_name(new: str, picture: Path, sidecar: Path) -> str:
    """A sidecar follows its picture's new name."""
    path = PurePosixPath(new)
    full = sidecar.name.startswith(picture.name + ".")
    return path.with_name((path.name if full else path.stem) + sidecar.suffix).as_posix()


def _relative(name: str, table: str) -> str:
    """`name` as seen from the folder of `table`."""
    folder = PurePosixPath(table).parent.parts
    parts = PurePosixPath(name).parts
    common = 0
    while common < min(len(folder), len(parts) - 1) and folder[common] == parts[common]:
        common += 1
    return "/".join([".."] * (len(folder) - common) + list(parts[common:]))
