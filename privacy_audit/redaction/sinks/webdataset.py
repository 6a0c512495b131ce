"""The copy of WebDataset shards: the same archives with the same members in their order, changed, renamed or gone.

Headers keep what they say (time, mode, owner) but for the size, and the name where it is masked.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks import pieces
from privacy_audit.redaction.sinks.base import Files, Outgoing
from privacy_audit.redaction.sinks.edited import edited
from privacy_audit.redaction.sinks.pieces import Pieces
from privacy_audit.redaction.sinks.shape import Shape, carry_own_files
from privacy_audit.redaction.sinks.shared import agreed
from privacy_audit.sources import Member, Origin, Shard, SkippedMember, WebDatasetSource
from privacy_audit.sources.tarfiles import (
    BLOCK,
    Damage,
    Header,
    Unpacked,
    kept_of_dropped,
    open_tar,
    rewritten,
    walk,
)
from privacy_audit.sources.webdataset import UNREAD, Range, key_of
from privacy_audit.store.files import whole

_PACKED = (".tar.gz", ".tgz")
_PLAIN = (".tar",)
_PICTURE, _XMP = "picture", "xmp"
_CHUNK = 1 << 20
_LONGEST_SUFFIX = 8
_RECORD = 20 * BLOCK  # what writers pad archives to

Edit = Mapping[str, Any]
"""What becomes of a member: `drop`, or any of `name` (a new one), `piece` (where its content is), `texts` (by path).

With `texts` comes the `kind` of the document: txt, json.
"""


class WebDatasetSink:
    """Writes archives of the same names. Raises SourceError when the copy is named like another kind of file."""

    def __init__(self, source: WebDatasetSource, output: Path) -> None:
        self.source = source
        packed = source.only is not None and _is_packed(source.root / source.only)
        own, other = (_PACKED, _PLAIN) if packed else (_PLAIN, _PACKED)
        self._shape = Shape(source.only, output, own, own + other)
        self.manifest = self._shape.manifest
        self._moved: dict[str, dict[int, int]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what `finish` notes for `ids`."""
        return {**self.__dict__, "_moved": {}}

    def writer(self, copy: Path, shard: Shard) -> WebDatasetWriter:
        """Keeps the changed pictures of a stretch of an archive."""
        return WebDatasetWriter(copy, shard)

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:  # noqa: ARG002
        """Write every archive that can be read."""
        copy.mkdir(parents=True, exist_ok=True)
        files, edits = Files(copy), _merged(parts)
        self._moved = {}
        if self.source.only is None:
            carry_own_files(self.source.root, files)
        for archive in self.source.archives():
            name = self._shape.named(archive)
            self._moved[archive] = _write(self.source.root / archive, copy / name, edits.get(archive, {}), copy)
            files.note(name)
        return files.digests

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:
        """Read from the headers of the copy."""
        written = WebDatasetSource(self.scanned(copy), dataset={})
        there = {_place(origin): sample for sample, origin in written.origins()}
        new: dict[str, str] = {}
        for part in parts:
            for sample, header in part.get("samples", {}).items():
                archive = part["archive"]
                moved = self._moved.get(archive, {}).get(header, -1)
                new[sample] = there.get((self._shape.named(archive), moved), "")
        return lambda sample: new.get(sample, "")

    def scanned(self, copy: Path) -> Path:
        """The folder, or the archive."""
        return self._shape.scanned(copy)

    def publish(self, copy: Path, output: Path) -> None:
        """Move it."""
        self._shape.publish(copy, output)


@dataclass(slots=True)
class _Group:
    """The samples of one key, as they come."""

    members: tuple[Member, ...]
    outgoing: list[Outgoing] = field(default_factory=list)

    @property
    def absent(self) -> bool:
        return all(one.absent for one in self.outgoing)


class WebDatasetWriter:
    """The edits of a stretch of one archive."""

    def __init__(self, copy: Path, shard: Shard) -> None:
        self.files: dict[str, str] = {}
        self._is_read = isinstance(shard.content, Range)
        self._pieces = Pieces(copy, shard.id)
        self.pieces = self._pieces.files
        self._archive = ""
        self._edits: dict[int, Edit] = {}
        self._samples: dict[str, int] = {}
        self._group: _Group | None = None

    def put(self, outgoing: Outgoing) -> None:
        """Note what becomes of the members of a sample, once all samples of its key are there."""
        origin = outgoing.item.origin
        if not origin.members:
            if self._is_read and origin.archive is None:
                # What becomes of these members nobody says, and what nobody speaks of is copied
                raise SourceError("a part of an archive cannot be read (any more), so no copy can be made of it.")
            return  # damage, which is no member
        self._archive = origin.archive or ""
        if self._group is None or _first(self._group.members) != _first(origin.members):
            self._flush()
            self._group = _Group(origin.members)
        self._group.outgoing.append(outgoing)

    def carry(self, member: SkippedMember) -> bool:
        """A member that is no sample stays with its key, or by itself."""
        group = self._group
        return not (group and group.absent and any(one.name == member.name for one in group.members))

    def close(self) -> Any:
        """The edits."""
        self._flush()
        self._pieces.close()
        return {"archive": self._archive, "edits": self._edits, "samples": self._samples} if self._archive else {}

    def _flush(self) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        kept = [one for one in group.outgoing if not one.absent]
        names = _names(group, kept)
        for position, member in enumerate(group.members):
            edit = self._edit(position, group, kept)
            if not edit.get("drop") and member.header in names:
                edit = {**edit, "name": names[member.header]}
            if edit:
                self._edits[member.header] = edit
        stay = {member.header for member in group.members} - {
            header for header, edit in self._edits.items() if edit.get("drop")
        }
        for one in kept:
            members = [member for member in one.item.origin.members if member.header in stay]
            self._samples[one.item.sample.id] = _place(replace(one.item.origin, members=tuple(members)))[1]

    def _edit(self, position: int, group: _Group, kept: Sequence[Outgoing]) -> Edit:
        """What becomes of one member of a group."""
        users = [one for one in group.outgoing if one.item.origin.members[position].role]
        using = [one for one in kept if one.item.origin.members[position].role]
        if not kept or (users and not using):
            return {"drop": True}
        if not users:
            return {}
        role = using[0].item.origin.members[position].role
        if role == _PICTURE:
            return self._changed(using[0])
        kind = role if role in {_XMP, UNREAD} else role.partition(":")[0]
        if kind == UNREAD or any(kind in one.unread for one in using):
            return {"drop": True}
        if kind == _XMP:
            packets = {one.packet for one in using if one.packet is not None}
            packet = packets.pop() if packets else None
            return {} if packet is None else {"drop": True} if packets or not packet else self._piece(packet)
        roles = [member.role for member in using[0].item.origin.members]
        texts = agreed(_own(one.texts, role, roles) for one in using)
        return {"texts": texts, "kind": kind} if texts else {}

    def _changed(self, outgoing: Outgoing) -> Edit:
        if outgoing.picture is None:
            return {"drop": True}
        before = outgoing.item.sample.picture
        same = before is not None and before.data == outgoing.picture
        return {} if same else self._piece(outgoing.picture)

    def _piece(self, data: bytes) -> Edit:
        return {"piece": self._pieces.add(data)}


def _names(group: _Group, kept: Sequence[Outgoing]) -> dict[int, str]:
    """New names of all members when that of a picture is masked: they stay one key, and none keeps a part of it."""
    renamed = next((one for one in kept if one.renamed), None)
    if renamed is None:
        return {}
    old, new = PurePosixPath(renamed.item.origin.file or ""), PurePosixPath(renamed.name)
    key, names = key_of(renamed.name), {}
    for position, member in enumerate(group.members):
        path = PurePosixPath(member.name)
        suffix = path.suffix if path.suffix[1:].isalnum() and len(path.suffix) <= _LONGEST_SUFFIX else ""
        if path == old:
            names[member.header] = renamed.name
        elif path.with_suffix("") == old.with_suffix("") and suffix:
            names[member.header] = new.with_suffix(suffix).as_posix()
        else:
            names[member.header] = f"{key}.{position}{suffix}"
    return names


def _own(texts: Mapping[str, str], role: str, roles: Iterable[str]) -> dict[str, str]:
    """The new texts of the member with this role, by their path in it; "" is the whole of it."""
    others = [other for other in roles if other.startswith(role) and len(other) > len(role)]
    return {
        name.removeprefix(role): text
        for name, text in texts.items()
        if name.startswith(role) and not any(name.startswith(other) for other in others)
    }


def _first(members: Sequence[Member]) -> int:
    return min(member.header for member in members)


def _place(origin: Origin) -> tuple[str, int]:
    """The archive, and the member that stands for a sample: its picture, or the first that was read."""
    by_role = {member.role: member.header for member in reversed(origin.members)}
    first = next((member.header for member in origin.members if member.role), -1)
    return origin.archive or "", by_role.get(_PICTURE, by_role.get(UNREAD, first))


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, Edit]]:
    """Edits by archive and header; JSON has turned the headers into texts."""
    edits: dict[str, dict[int, Edit]] = {}
    for part in parts:
        for header, edit in part.get("edits", {}).items():
            edits.setdefault(part["archive"], {})[int(header)] = edit
    return edits


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(source: Path, target: Path, edits: Mapping[int, Edit], copy: Path) -> dict[int, int]:
    """Write an archive with its edits. Returns where the members that stay begin, by where they began."""
    if not edits and _is_sound(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target) as temporary:
            shutil.copyfile(source, temporary)
        with open_tar(source) as file:
            return {member.header: member.header for member in walk(file) if isinstance(member, Header)}
    moved: dict[int, int] = {}
    with whole(target) as temporary, open_tar(source) as file, _packer(source, temporary) as out:
        gone = any(edit.get("drop") or "name" in edit for edit in edits.values())
        for member in walk(file):
            if isinstance(member, Damage):
                continue
            place = out.tell()
            if _put(file, out, member, edits.get(member.header, {}), copy, links=not gone):
                moved[member.header] = place
        _end(out)
    return moved


def _put(file: BinaryIO | Unpacked, out: BinaryIO, member: Header, edit: Edit, copy: Path, *, links: bool) -> bool:
    """Write one member as it is to be; whether it stays. Without `links`, none do: they may name what is gone."""
    file.seek(member.header)
    raw = file.read(member.start - member.header)
    if edit.get("drop") or (member.kind == "link" and not links):
        out.write(kept_of_dropped(raw))
        return False
    name = edit.get("name")
    if "piece" in edit:
        content = pieces.read(copy, edit["piece"])
    elif "texts" in edit:
        content = edited(file.read(member.size), edit["kind"], edit["texts"])
    else:
        out.write(raw if name is None else rewritten(raw, member.size, name))
        left = member.size
        while left and (piece := file.read(min(left, _CHUNK))):
            out.write(piece)
            left -= len(piece)
        out.write(bytes(-member.size % BLOCK))
        return True
    out.write(rewritten(raw, len(content), name) + content + bytes(-len(content) % BLOCK))
    return True


def _end(out: BinaryIO) -> None:
    """Two blocks of zeros, and as many as fill a record."""
    at = out.tell() + 2 * BLOCK
    out.write(bytes(2 * BLOCK + -at % _RECORD))


def _is_sound(source: Path) -> bool:
    """Whether nothing but members and zeros is in an archive, so that it can be copied as it is."""
    end = 0
    with open_tar(source) as file:
        for member in walk(file):
            if isinstance(member, Damage):
                return False
            end = member.start + -(-member.size // BLOCK) * BLOCK
        file.seek(end)
        while piece := file.read(_CHUNK):
            if piece.count(0) != len(piece):
                return False
    return True


def _is_packed(path: Path) -> bool:
    try:
        with open_tar(path) as file:
            return isinstance(file, Unpacked)
    except OSError:
        return False


@contextlib.contextmanager
def _packer(source: Path, target: Path) -> Iterator[BinaryIO]:
    """A file for an archive, packed when the source is, with the time that stands in the source's header."""
    with target.open("wb") as file:
        if not _is_packed(source):
            yield file
            return
        with source.open("rb") as packed:
            stamp = int.from_bytes(packed.read(8)[4:], "little")
        with gzip.GzipFile("", "wb", 6, file, mtime=stamp) as out:
            yield out  # type: ignore[misc]
