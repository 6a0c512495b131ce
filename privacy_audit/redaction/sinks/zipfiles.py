"""The copy of a ZIP archive: its members in their order; packed bytes of what does not change are the source's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.redaction.sinks import pieces, tables
from privacy_audit.redaction.sinks.base import OWN_FILES, Files
from privacy_audit.redaction.sinks.folder import FolderWriter
from privacy_audit.redaction.sinks.pieces import Pieces
from privacy_audit.redaction.sinks.shape import Shape
from privacy_audit.sources import FolderSource, Shard
from privacy_audit.sources.names import safe_name
from privacy_audit.sources.ziptree import ZipTree
from privacy_audit.sources.zipwriter import ZipWriter
from privacy_audit.store.files import whole

_ENDINGS = (".zip",)


class ZipSink:
    """Writes an archive, or a folder with it."""

    def __init__(self, source: FolderSource, output: Path) -> None:
        assert isinstance(source.tree, ZipTree)
        self.source = source
        self._tree: ZipTree = source.tree
        self._shape = Shape(self._tree.path.name, output, _ENDINGS, _ENDINGS)
        self._name = self._shape.named(self._tree.path.name)
        self.manifest = self._shape.manifest

    def writer(self, copy: Path, shard: Shard) -> FolderWriter:
        """Keeps what changes, and names what stays."""
        return FolderWriter(self._tree, _Members(copy, shard.id))

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:
        """Write the archive. A member that no shard named, and no table, stays out: nobody looked at it."""
        copy.mkdir(parents=True, exist_ok=True)
        members: dict[str, tuple[str, pieces.Place | None]] = {}
        for part in parts:
            members |= {old: (name, place) for old, (name, place) in part["members"].items()}
        edits = tables.merged(parts)
        names = [name for name in self.source.tables() if safe_name(f"{self._tree.archive}/{name}") not in unread]
        names = [name for name in names if name not in unread]
        files = Files(copy)
        with whole(copy / self._name) as temporary, temporary.open("wb") as out:
            writer = ZipWriter(out)
            for member in self._tree.stored():
                name = member.name
                if member.kind == "folder":
                    if any(new.startswith(f"{name}/") for new, _ in members.values()):
                        writer.packed(*self._tree.packed(member, f"{name}/"))
                elif name in names and edits.get(name):
                    self._tree.rewrite(writer, member, name, self._table(name, edits[name]))
                elif name in members and members[name][1] is not None:
                    new, place = members[name]
                    assert place is not None
                    self._tree.rewrite(writer, member, new, pieces.read(copy, place))
                elif name in members or name in names or name in OWN_FILES:
                    new = members[name][0] if name in members else name
                    writer.packed(*self._tree.packed(member, new))
            writer.close()
        files.note(self._name)
        return files.digests

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:  # noqa: ARG002 - the edits say it
        """The archive has its name in front, which may be new."""
        old, new = f"{self._tree.archive}/", f"{safe_name(self._name)}/"
        inner = [
            {
                **part,
                "renamed": {sample.removeprefix(old): name for sample, name in part["renamed"].items()},
                "missing": [(sample.removeprefix(old), *rest) for sample, *rest in part["missing"]],
            }
            for part in parts
        ]
        names = tables.renamed(inner, {name: name for name in self.source.tables()}, self.source.missing)

        def found(sample: str) -> str:
            here = names(sample.removeprefix(old))
            return new + here if here else ""

        return found

    def scanned(self, copy: Path) -> Path:
        """The archive."""
        return copy / self._name

    def publish(self, copy: Path, output: Path) -> None:
        """Move it."""
        self._shape.publish(copy, output)

    def _table(self, name: str, changes: Mapping[int, Any]) -> bytes:
        with tempfile.TemporaryDirectory(prefix="privacy-audit-") as scratch:
            target = Path(scratch) / f"table{PurePosixPath(name).suffix}"
            tables.rewrite_table(self._tree.table(name), target, changes)
            return target.read_bytes()


class _Members:
    """What of an archive stays: its new name, and where its new content is."""

    keeps = True

    def __init__(self, copy: Path, shard: str) -> None:
        self.files: dict[str, str] = {}
        self._pieces = Pieces(copy, shard)
        self.pieces = self._pieces.files
        self._members: dict[str, tuple[str, pieces.Place | None]] = {}

    def write(self, old: str, name: str, data: bytes) -> None:
        self._members[old] = (name, self._pieces.add(data))

    def copy(self, old: str, name: str) -> bool:
        self._members[old] = (name, None)
        return True

    def close(self) -> dict[str, Any]:
        self._pieces.close()
        return {"members": self._members}
