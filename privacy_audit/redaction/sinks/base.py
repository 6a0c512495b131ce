"""What a sink is: it stores what samples become, in the layout of the source that they came from.

`redact_shard` decides what a sample becomes and never where that is stored; a sink stores it and never looks at a
decision. So a further kind of source (archives, Parquet with pictures, COCO) needs a sink, and nothing else:

1.  Write a class with the methods of `Sink`. It is built with (source, output) and raises SourceError when the copy
    cannot be called that. It pickles, because it is sent to every worker: keep paths and names, no open file.
2.  `writer(copy, shard)` is called in a worker, once per shard. All that it writes goes below the folder `copy`, in
    files that no other shard writes. A format whose files span shards (tar, ZIP, Parquet, CSV, COCO's JSON) writes
    nothing there: it keeps changed pictures as `Pieces`, and hands all other changes back as facts.
    Use `Files` for writing: it makes files whole, and notes their digests.
3.  `Writer.put` gets the samples of the shard one by one, in the order of `Source.read`, absent ones included;
    `Writer.carry` gets what the source reports as no sample. `Writer.close` returns facts: anything that JSON can hold.
    A shard counts as done when its digests and facts are noted. One whose worker died is done again from the start, so
    the same calls must write the same bytes to the same names (no times, no random numbers).
4.  `finish(copy, parts, unread)` is called in the parent when all shards are done, with the facts of each in shard
    order. It writes what spans shards. It may be called again, after some shards were done anew.
5.  `ids(copy, parts)` says what a sample is called in the copy once it is scanned: files are renamed, and rows move up
    when earlier rows are dropped.
6.  `publish(copy, output)` moves the finished copy to its place by renaming. Nothing at `output` is seen before.
7.  Name it in SINKS (`sinks/__init__.py`) under the `kind` of its source.

Files in `copy` that no shard and no `finish` names are removed before publishing: what a killed run left half done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from privacy_audit.sources import Item, Shard, SkippedMember, Source
from privacy_audit.sources.beside import CARDS, DESCRIPTION, RESERVATIONS
from privacy_audit.store.files import sha256, write_whole

OWN_FILES = (DESCRIPTION, *CARDS, *RESERVATIONS, "LICENSE", "LICENSE.txt", "LICENSE.md")
"""What a publisher says of a whole dataset, at its root."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one sample becomes.

    `absent`: nothing of it goes into the copy, neither picture nor record nor caption. Otherwise:
    `name` is its path in the copy, the source's own unless `renamed`; empty for a row without a picture of its own.
    `picture` is the new file, None when the sample has none, or when it is held back and only its texts go along.
    `texts` are new values for fields of the sample, by the names that `Text.field` and `Sample.record` use: a table's
    column, `json:a.b[0]`, `txt:`; fields that are not named stay as they are, byte for byte.
    `packet` is the new XMP sidecar: None for as it is, b"" for none.
    `unread` are kinds of sidecars (txt, json, xmp) that could not be read, and so stay out.
    """

    item: Item
    absent: bool = False
    name: str = ""
    renamed: bool = False
    picture: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    packet: bytes | None = None
    unread: frozenset[str] = frozenset()


class Writer(Protocol):
    """Takes the samples of one shard. `files` are the names and sha256 of what it wrote, relative to the copy.

    `pieces` are the same for what waits for `finish`, see `sinks.pieces`.
    """

    files: dict[str, str]
    pieces: dict[str, str]

    def put(self, outgoing: Outgoing) -> None:
        """Store one sample."""
        ...

    def carry(self, member: SkippedMember) -> bool:
        """Store something that is no sample as it is; whether that was done."""
        ...

    def close(self) -> Any:
        """The shard is complete: finish its files. Returns facts for `Sink.finish`, as JSON holds them."""
        ...


class Sink(Protocol):
    """Stores the redacted copy of one kind of source; see the module's docstring."""

    @property
    def source(self) -> Source:
        """What is redacted."""
        ...

    @property
    def manifest(self) -> str:
        """What the public manifest is called, relative to the copy."""
        ...

    def writer(self, copy: Path, shard: Shard) -> Writer:
        """The writer of one shard, below the folder `copy`."""
        ...

    def finish(self, copy: Path, parts: Sequence[Any], unread: frozenset[str]) -> dict[str, str]:
        """Write what spans shards; returns names and sha256. `unread` are samples that stand for unreadable files."""
        ...

    def ids(self, copy: Path, parts: Sequence[Any]) -> Callable[[str], str]:
        """A function from a sample's id to its id in a scan of the copy; "" when it is not there."""
        ...

    def scanned(self, copy: Path) -> Path:
        """What to scan in the folder `copy`."""
        ...

    def publish(self, copy: Path, output: Path) -> None:
        """Move the finished copy from the folder `copy` to `output`, which does not exist or is an empty folder."""
        ...


class Files:
    """Writes files below a folder, whole, and notes their digests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests: dict[str, str] = {}

    def write(self, name: str, data: bytes) -> None:
        """A new file."""
        write_whole(self.root / name, data)
        self.note(name)

    def copy(self, source: Path, name: str) -> None:
        """A file as it is."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        self.note(name)

    def note(self, name: str) -> None:
        """A file that was written by other means."""
        self.digests[name] = sha256(self.root / name)
