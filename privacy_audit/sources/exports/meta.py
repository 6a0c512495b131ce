"""What the archives of Instagram and Facebook have in common: JSON documents with many posts, whose text is broken.

A document is searched for objects with a `uri`, wherever they stand, because the shapes change from year to year; what
stands around such an object (a post, an album) belongs to the picture, too. Threads of messages are not read: they
hold what others wrote. Their pictures are samples without a record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import (
    NO_PICTURE,
    RECORD,
    Entry,
    Folders,
    Joined,
    Mention,
    Record,
    document,
    is_json,
    paths,
    position,
)
from privacy_audit.sources.jsontext import JsonError, Names, flatten
from privacy_audit.sources.names import PICTURE_SUFFIXES
from privacy_audit.types import Failure

MAX_DEPTH = 24
MAX_MENTIONS = 1_000_000  # in one document
MAX_NEAR = 200  # items of a list around a picture, and values of an object, that are read for it
QUIET = frozenset(
    {
        *(
            "creation_timestamp",
            "timestamp",
            "taken_at",
            "taken_timestamp",
            "modified_timestamp",
            "upload_timestamp",
            "iso",
        ),
        *("iso", "original_width", "original_height", "orientation", "source", "audience", "audience_source"),
        *("f_stop", "exposure", "focal_length", "aperture", "shutter_speed", "scene_type", "source_type"),
        "scene_capture_type",
    }
)
CAPTIONS = frozenset({"caption", "album", "title", "description"})
_OTHERS = re.compile(r"(?:^|/)(?:messages|inbox|archived_threads|filtered_threads)(?:/|$)")
_TOO_MUCH = "more is said around a picture than is read"


def mended(text: str) -> str:
    """Text whose UTF-8 bytes were each written as a character; any other stays as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def join(
    forest: Forest,
    documents: Iterator[str],
    folders: Folders,
    pictures: frozenset[str],
) -> Joined:
    """Which objects in the `documents` speak of which pictures. A picture that is not there is an entry by itself."""
    found = Joined()
    files = frozenset(paths(folders))
    for name in documents:
        found.taken.add(name)
        data = document(forest, name)
        if isinstance(data, Failure):
            found.problems.append((name, data))
            continue
        for number, (pointer, uri) in enumerate(media(data)):
            if number == MAX_MENTIONS:
                found.problems.append((name, Failure(RECORD, "too_large", f"more than {MAX_MENTIONS:,} pictures")))
                break
            mention = Mention(name, pointer)
            file = _file(name, uri, files)
            if file in pictures:
                found.mentions.setdefault(file, []).append(mention)
            elif file is None and PurePosixPath(uri).suffix.lower() in PICTURE_SUFFIXES and "://" not in uri:
                found.alone.append(Entry(f"{name}#{number}", None, (mention,), NO_PICTURE))
    return found


def media(data: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Objects with a `uri`: the keys that lead there, and the uri. Thumbnails are left out."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
    while stack:
        pointer, value = stack.pop()
        if len(pointer) > MAX_DEPTH:
            continue
        if isinstance(value, dict):
            uri = value.get("uri") or value.get("path")  # path: Instagram until 2020
            if isinstance(uri, str) and uri:
                yield pointer, uri
            inner: list[tuple[str | int, Any]] = [(key, part) for key, part in value.items() if key != "thumbnail"]
        elif isinstance(value, list):
            inner = list(enumerate(value))
        else:
            continue
        stack.extend(((*pointer, key), part) for key, part in reversed(inner) if isinstance(part, (dict, list)))


def follow(data: Any, pointer: tuple[str | int, ...]) -> list[Any]:
    """The values on the way to the object, which is the last one; raises LookupError or TypeError when it is gone."""
    way = [data]
    for key in pointer:
        way.append(way[-1][key])
    return way


def record(forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
    """What all mentions of a picture say of it, each value once."""
    said, failures = Record(), list[Failure]()
    names = Names()
    seen: set[tuple[str, str]] = set()
    for mention in entry.mentions[:MAX_NEAR]:
        data = document(forest, mention.file)
        if isinstance(data, Failure):
            failures.append(data)
            continue
        try:
            for path, value in _mention(follow(data, mention.pointer)):
                if value not in (None, "") and (path, repr(value)) not in seen:
                    seen.add((path, repr(value)))
                    said[names(path)] = value
        except (LookupError, TypeError):
            failures.append(Failure(RECORD, "unreadable", "the record of the picture is not in the export any more"))
        except JsonError:
            failures.append(Failure(RECORD, "too_large", _TOO_MUCH))
    if len(entry.mentions) > MAX_NEAR:
        failures.append(Failure(RECORD, "too_large", _TOO_MUCH))
    return _numbered(said), failures


def readable(folders: Folders, wanted: re.Pattern[str]) -> Iterator[str]:
    """The JSON files whose path is `wanted`, threads of messages left out."""
    return (name for name in paths(folders) if is_json(name) and wanted.search(name) and not _OTHERS.search(name))


def is_message(name: str) -> bool:
    """Whether a file belongs to a thread of messages."""
    return _OTHERS.search(name) is not None


def _mention(way: list[Any]) -> Iterator[tuple[str, object]]:
    """What an object and those around it say, from the outermost on."""
    for around in way[:-1]:
        if isinstance(around, dict):
            yield from _around(around)
    own = way[-1]
    album = any(isinstance(around, dict) and _is_album(around) for around in way[:-1])
    for key, value in _first(own):
        if key == "media_metadata" and isinstance(value, dict):
            yield from _exif(value)
        elif key == "title" and isinstance(value, str):
            yield ("album" if album or _is_facebook(way) else "title"), mended(value)
        elif key not in {"uri", "path", "thumbnail", "backup_uri", "comments"}:
            yield from _flat(key, value)


def _around(around: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """A post or an album, without the pictures in it."""
    yield from _flat("album" if _is_album(around) else "name", around.get("name"))
    for key in ("title", "description", "timestamp", "creation_timestamp"):
        yield from _flat(key, around.get(key))
    for data in _items(around.get("data")):
        if isinstance(data, dict):
            yield from _flat("caption", data.get("post"))
    yield from _people(around.get("tags"))
    yield from _place(around.get("place"))
    for attached in _items(around.get("attachments")):
        for data in _items(attached.get("data")) if isinstance(attached, dict) else ():
            if isinstance(data, dict):
                yield from _place(data.get("place"))


def _exif(metadata: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The values of all `exif_data` objects as one; coordinates of zero left out."""
    for kind in _items(list(metadata.values())):
        for part in _items(kind.get("exif_data")) if isinstance(kind, dict) else ():
            for key, value in _first(part):
                if key in {"latitude", "longitude"} and position(value) is None:
                    continue
                yield from _flat(f"exif.{key}", value)
    camera = metadata.get("camera_metadata")
    if isinstance(camera, dict):
        yield from _flat("camera_metadata", camera)


def _people(tags: Any) -> Iterator[tuple[str, object]]:
    for number, tag in enumerate(_items(tags)):
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield f"people[{number}].name", mended(name)


def _place(place: Any) -> Iterator[tuple[str, object]]:
    if isinstance(place, dict):
        spot = place.get("coordinate")
        yield from ((f"place.{key}", mended(place[key])) for key in ("name", "address") if _is_text(place.get(key)))
        if isinstance(spot, dict) and all(position(spot.get(key)) is not None for key in ("latitude", "longitude")):
            yield from ((f"place.{key}", spot[key]) for key in ("latitude", "longitude"))


def _flat(key: str, value: Any) -> Iterator[tuple[str, object]]:
    """A value, or what is in it, with mended texts."""
    if value is None:
        return
    for number, (path, scalar) in enumerate(flatten({key: value})):
        if number == MAX_NEAR:
            raise JsonError(_TOO_MUCH)
        yield path, mended(scalar) if isinstance(scalar, str) else scalar


def _items(value: Any) -> list[Any]:
    """The first items of a list; an object where a list is expected is its only one."""
    if isinstance(value, list) and len(value) > MAX_NEAR:
        raise JsonError(_TOO_MUCH)
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _first(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and len(value) > MAX_NEAR:
        raise JsonError(_TOO_MUCH)
    return [(mended(key), part) for key, part in value.items()] if isinstance(value, dict) else []


def _is_album(around: Mapping[str, Any]) -> bool:
    return "photos" in around


def _is_facebook(way: list[Any]) -> bool:
    """Facebook puts the name of the album into the title of a picture in a post."""
    return any(isinstance(around, dict) and ("attachments" in around or "other_photos_v2" in around) for around in way)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _numbered(said: Record) -> Record:
    """People of several mentions get numbers of their own, so that each is one of the list."""
    people = dict.fromkeys(str(value) for path, value in said.items() if path.startswith("people["))
    rest = {path: value for path, value in said.items() if not path.startswith("people[")}
    return rest | {f"people[{number}].name": name for number, name in enumerate(people)}


def _file(name: str, uri: str, files: frozenset[str]) -> str | None:
    """The file that a uri in the document `name` means: uris count from the root of the archive."""
    folders = name.split("/")[:-1]
    for spelled in dict.fromkeys((uri, mended(uri))):
        for depth in range(min(len(folders), MAX_DEPTH) + 1):
            path = "/".join([*folders[:depth], spelled])
            if path in files:
                return path
    return None


def skipped_messages(folders: Folders, skipped: Counter[str], found: Joined) -> None:
    """Threads of messages are counted, and not read."""
    threads = [name for name in paths(folders) if is_json(name) and is_message(name)]
    if threads:
        skipped["thread of messages (not read)"] += len(threads)
        found.taken.update(threads)
