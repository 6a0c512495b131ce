"""Pictures that people downloaded from a platform, with what the platform's records say of them.

Every picture in the export is a sample, whether a record speaks of it or not; a record whose picture is not there is a
sample without a picture. Nothing is extracted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_audit.containers import sniff
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Survey, texts_of
from privacy_audit.sources.beside import look
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import Entry, Folders, Layout, joined
from privacy_audit.sources.names import (
    NESTED,
    PICTURE_SUFFIXES,
    digest,
    is_archive,
    is_resource_fork,
    safe_name,
    skip_reason,
)
from privacy_audit.sources.sidecars import JSON_PREFIX
from privacy_audit.types import Failure, Sample, Skipped, Text

PATH_FIELD = "path:"
_SMALLEST_SHARD, _LARGEST_SHARD, _AIM_SHARDS = 8, 512, 64
_NEVER_PICTURES = frozenset(
    {".json", ".html", ".htm", ".txt", ".csv", ".js", ".css", ".mp4", ".mov", ".m4v", ".avi", ".3gp", ".mp", ".pdf"}
)


class ExportSource:
    """An export of a platform: its folder, one ZIP, or the folder with all its ZIPs. `layout` is the platform's.

    A sample is called by the picture's path in the export, so that it has one name however the export is packed.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        *,
        caption_columns: Sequence[str] = (),
        limits: Limits | None = None,
        dataset: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        if not path.exists():
            raise SourceError(f"{path} does not exist.")
        self.root = path.resolve()
        self.kind: str = layout.kind
        self.name = safe_name(self.root.name) or "root"
        self._layout = layout
        self._forest = Forest(self.root)
        self._limits = limits or Limits()
        self._shard_size = _SMALLEST_SHARD
        self.beside = look(self._forest.root(), dataset)
        columns = self.beside.description.get("columns", {})
        self._captions = layout.captions | frozenset(caption_columns) | frozenset(columns.get("caption", ()))
        self._urls = frozenset(columns.get("url", ()))

    def survey(self) -> Survey:
        """Count pictures and records, and fingerprint their names, sizes and times."""
        whole, samples, skipped = hashlib.sha256(), 0, Counter[str]()
        for shard in self._plan(_LARGEST_SHARD, skipped):
            whole.update(shard.fingerprint.encode())
            samples += shard.samples
        if samples == 0:
            raise SourceError(f"{self.root} holds no picture and no record of one: nothing to audit.")
        self._shard_size = max(_SMALLEST_SHARD, min(_LARGEST_SHARD, -(-samples // _AIM_SHARDS)))
        return Survey(samples, whole.hexdigest(), skipped)

    def shards(self) -> Iterator[Shard]:
        """Pictures in path order, then records without a picture, then what could not be read."""
        for number, shard in enumerate(self._plan(self._shard_size, Counter())):
            yield Shard(f"{number:06d}", shard.samples, shard.fingerprint, shard.content)

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The samples of one shard."""
        for entry in shard.content:
            yield self._item(shard.id, entry) if isinstance(entry, Entry) else _failed(shard.id, *entry)

    def _plan(self, size: int, skipped: Counter[str]) -> Iterator[Shard]:
        pending: list[Entry | tuple[str, Failure]] = []
        stamps: list[str] = []
        for entry, stamp in self._entries(skipped):
            pending.append(entry)
            stamps.append(stamp)
            if len(pending) == size:
                yield Shard("", size, digest(*stamps), tuple(pending))
                pending, stamps = [], []
        if pending:
            yield Shard("", len(pending), digest(*stamps), tuple(pending))

    def _entries(self, skipped: Counter[str]) -> Iterator[tuple[Entry | tuple[str, Failure], str]]:
        folders = self._forest.folders(skipped)
        pictures, broken = self._pictures(folders)
        found = self._layout.join(self._forest, folders, frozenset(pictures), skipped)
        for name in pictures:
            mentions = tuple(found.mentions.get(name, ()))
            yield Entry(name, name, mentions), self._stamp(name, *(mention.file for mention in mentions))
        for entry in found.alone:
            yield entry, self._stamp(*(mention.file for mention in entry.mentions)) + repr(entry.mentions)
        known = found.taken.union(pictures, (name for name, _ in broken))
        for folder, names in folders.items():
            for name in names or ():
                if joined(folder, name) not in known:
                    skipped[skip_reason(PurePosixPath(name).suffix.lower())] += 1
        broken += found.problems
        broken += [(f"{name}/", Failure("source", "unreadable", "the folder cannot be opened"))
                   for name, names in folders.items() if names is None]  # fmt: skip
        broken += [(name or self.name, Failure("source", "unreadable", problem))
                   for name, problem in self._forest.problems()]  # fmt: skip
        broken += [(name, Failure("source", "error", problem)) for name, problem in self.beside.problems]
        for name, failure in broken:
            yield (safe_name(name), failure), digest(self._forest.stamp(name), failure.message)

    def _stamp(self, *files: str) -> str:
        return digest(*map(self._forest.stamp, dict.fromkeys(files)))

    def _pictures(self, folders: Folders) -> tuple[list[str], list[tuple[str, Failure]]]:
        """The pictures by content; and what cannot be opened, so that nobody knows."""
        pictures, broken = [], []
        for folder, names in folders.items():
            for name in names or ():
                path = joined(folder, name)
                suffix = PurePosixPath(name).suffix.lower()
                if suffix in _NEVER_PICTURES:
                    continue
                head = self._forest.head(path)
                if head is not None and is_resource_fork(head):
                    continue
                if suffix in PICTURE_SUFFIXES or sniff(head or b"") is not None:
                    pictures.append(path)
                elif head is None:
                    broken.append((path, Failure("source", "unreadable", "the file cannot be opened")))
                elif is_archive(head):
                    broken.append((path, Failure("source", "unreadable", NESTED)))
        return pictures, broken

    def _item(self, shard: str, entry: Entry) -> Item:
        record, failures = self._layout.record(self._forest, entry)
        skipped: tuple[Skipped, ...] = ()
        picture, texts = None, []
        if entry.picture is None:
            skipped = (Skipped("picture", entry.reason),)
        else:
            picture = self._forest.picture(entry.picture, self._limits)
            texts.append(Text("filename", PATH_FIELD, safe_name(entry.picture)))
            complaint = self._forest.complaint(entry.picture)
            if complaint is not None:
                failures.append(Failure("source", "error", complaint))
        said = {path: value for path, value in record.items() if not self._is_quiet(path)}
        texts += texts_of(said, JSON_PREFIX, self._captions, self._urls)
        sample = Sample(safe_name(entry.name), shard, picture, tuple(texts), record)
        return Item(sample, tuple(failures), skipped, Origin(entry.picture, archive=self._forest.archive))

    def _is_quiet(self, path: str) -> bool:
        return path.rpartition(".")[2].partition("[")[0] in self._layout.quiet


def _failed(shard: str, name: str, failure: Failure) -> Item:
    return Item(Sample(name, shard), (failure,))
