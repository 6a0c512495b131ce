"""What a source is: shards that are cheap to plan and to send, and items read from one shard as a stream."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from privacy_audit.types import Channel, Failure, Sample, Skipped, Text

CAPTION_NAMES = frozenset(
    {
        *("caption", "captions", "text", "texts", "description", "descriptions", "title", "alt", "alt_text", "alttext"),
        *("prompt", "comment", "comments", "summary", "headline", "keywords", "tags", "hashtags", "label", "labels"),
        *("bio", "message", "keterangan", "judul", "deskripsi", "teks", "komentar"),
    }
)
_URL_NAME = re.compile(r"(?:^|[_.\-])(?:url|urls|uri|link|href|homepage|website)(?:$|[_.\-\[])", re.IGNORECASE)
_URL_VALUE = re.compile(r"\s*(?:https?|ftp)://", re.IGNORECASE)
SHORTEST_NUMBER = 7
"""Digits from which on a number in a record is read as text: a phone or an identity number stored as a number."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a tar: bytes `start` to `start + size` of the archive (unpacked, when it is a .tar.gz).

    `header` is where its headers begin, long names included. `role` is "picture", "xmp", "unread" for what should have
    been read and could not be, "" for what is no part of the sample, or the field that its texts have in the sample:
    "txt:", or "json:" for one whose strings have fields that begin so.
    """

    name: str
    header: int
    start: int
    size: int
    role: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sample is stored, for the sink that writes it back: its file and its table row, each None if it has none.

    Names are relative to the source's root. `file` may name a file that does not exist. In an archive, `archive` is
    the archive and `file` the picture's member in it; `members` are all members that the sample was read from. In a
    table whose cells hold pictures, `table` is the file, `row` the row in it, and `cell` the picture's place in the
    row: "image", "images[2]". `again` is the picture of a row that has none of its own, because an earlier row, in this
    table or another, names the same.
    """

    file: str | None = None
    table: str | None = None
    row: int = -1
    archive: str | None = None
    members: tuple[Member, ...] = ()
    cell: str | None = None
    again: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One sample, and what went wrong or was left out while reading it."""

    sample: Sample
    failures: tuple[Failure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class SkippedMember:
    """Something in the source that is no sample: counted by reason, never silently left out."""

    reason: str
    name: str


@dataclass(frozen=True, slots=True)
class Shard:
    """A piece of work: small enough to send to another process, and stable between runs."""

    id: str
    samples: int
    fingerprint: str
    content: Any = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first look at a source says."""

    samples: int
    fingerprint: str
    skipped: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """A dataset. Picklable: it is sent to every worker.

    Optional: methods `clusters()`, the names of its natural clusters (archives), found without a look into them, and
    `reduced_to(names)`, the same source with these only, so that a sample is drawn as whole clusters and the others
    are not read; a method `narrow(shard, positions)` that returns a shard of these members only, its content None where
    it cannot be done without reading the others.
    """

    kind: str
    name: str

    def survey(self) -> Survey:
        """Count what is there; raises SourceError when there is nothing to audit."""
        ...

    def shards(self) -> Iterator[Shard]:
        """All shards, in an order that does not change while the source does not."""
        ...

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        """The items of one shard, one at a time."""
        ...


def texts_of(
    record: Mapping[str, object],
    prefix: str = "",
    captions: frozenset[str] = frozenset(),
    urls: frozenset[str] = frozenset(),
) -> list[Text]:
    """The texts in a flat record: every string, and every whole number long enough to be an identifier.

    `captions` and `urls` are further field names that hold captions and URLs. Field names get `prefix`.
    """
    texts = []
    for path, value in record.items():
        if isinstance(value, str):
            if value.strip():
                texts.append(Text(_channel(path, value, captions, urls), prefix + path, value))
        elif _is_long_number(value):
            texts.append(Text("record", prefix + path, str(value)))
    return texts


def _is_long_number(value: object) -> bool:
    """Also as a float or decimal: so pandas and databases store a column of numbers with gaps."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    whole = isinstance(value, int) or (math.isfinite(value) and value == int(value))
    return whole and abs(value) >= 10 ** (SHORTEST_NUMBER - 1)


def _channel(path: str, value: str, captions: frozenset[str], urls: frozenset[str]) -> Channel:
    first = path.split(".", 1)[0].split("[", 1)[0]
    last = path.rsplit(".", 1)[-1].split("[", 1)[0].lower()
    if first in captions or path in captions:
        return "caption"
    if first in urls or path in urls or _URL_NAME.search(path) or _URL_VALUE.match(value):
        return "url"
    return "caption" if last in CAPTION_NAMES else "record"
