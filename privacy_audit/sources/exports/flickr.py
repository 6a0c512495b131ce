"""Flickr account data: `photo_<id>.json` for each picture, and ZIPs of pictures with the id in their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import (
    NO_PICTURE,
    Entry,
    Folders,
    Joined,
    Mention,
    Read,
    Record,
    paths,
    position,
)
from privacy_audit.sources.exports.takeout import flat
from privacy_audit.types import Failure, SourceKind

_PHOTO = re.compile(r"(?:^|/)photo_(\d{1,20})\.json$")
_GEO = re.compile(r"geo(?:\[\d+\])?\.(latitude|longitude)")
_PERSON = re.compile(r"people\[(\d+)\](?:\.(?:name|username|user|realname))?")
_MICRO = 1_000_000
_WIDEST = 180
_PROBES = 10


class Flickr:
    """Records have the keys of the JSON files: privacy, license, geo, geo_permissions, tags, comments ..."""

    kind: SourceKind = "flickr"
    captions = frozenset({"name", "description", "notes"})
    quiet = frozenset(
        {
            *("id", "count_views", "count_faves", "count_comments", "count_tags", "count_notes", "date_taken"),
            *("date_imported", "date", "rotation", "latitude", "longitude", "accuracy", "source"),
            *("privacy", "license", "safety", "comment_permissions", "tagging_permissions", "geo_permissions"),
        }
    )

    def claims(self, names: Iterable[str], read: Read) -> bool:
        """One of the first photo_<id>.json has a page or a privacy."""
        return any(_is_photo(read(name)) for name in islice(filter(_PHOTO.search, names), _PROBES))

    def join(
        self,
        forest: Forest,  # noqa: ARG002 - names are enough
        folders: Folders,
        pictures: frozenset[str],
        skipped: Counter[str],  # noqa: ARG002 - what is left over is counted by the source
    ) -> Joined:
        """By the id in the picture's name, of which there has to be a JSON file."""
        found = Joined()
        records = {match[1]: name for name in paths(folders) if (match := _PHOTO.search(name))}
        found.taken.update(name for name in paths(folders) if _PHOTO.search(name))
        shown: set[str] = set()
        for name in sorted(pictures):
            number = next((token for token in _tokens(name) if token in records), None)
            if number is not None:
                found.mentions[name] = [Mention(records[number])]
                shown.add(records[number])
        found.alone = [
            Entry(name, None, (Mention(name),), NO_PICTURE) for name in sorted(found.taken) if name not in shown
        ]
        return found

    def record(self, forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
        """The values of the JSON file, coordinates in degrees."""
        record: Record = {"source": "flickr"}
        failures: list[Failure] = []
        for mention in entry.mentions:
            values, problems = flat(forest, mention.file)
            failures += problems
            for path, value in values.items():
                if (geo := _GEO.fullmatch(path)) is not None:
                    degrees = _degrees(value)
                    if degrees is not None:
                        record[f"geo.{geo[1]}"] = degrees
                elif (person := _PERSON.fullmatch(path)) is not None:
                    record.setdefault(f"people[{person[1]}].name", value)
                else:
                    record[path] = value
        return record, failures


def _is_photo(data: Any) -> bool:
    return isinstance(data, dict) and ("photopage" in data or "privacy" in data)


def _tokens(name: str) -> list[str]:
    """The parts of a file name, from the right."""
    return PurePosixPath(name).stem.split("_")[::-1]


def _degrees(value: object) -> float | None:
    """Flickr writes millionths of a degree as whole numbers."""
    found = position(value)
    if found is None:
        return None
    whole = "." not in str(value)
    return found / _MICRO if whole or abs(found) > _WIDEST else found
