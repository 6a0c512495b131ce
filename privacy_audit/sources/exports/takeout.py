"""Google Takeout, Google Photos: each picture has a JSON file, whose name is made from the picture's by rules.

A picture finds its JSON file; the reverse is not certain. Where two files might be meant, none is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from privacy_audit.sources.encoding import NOT_UTF8, decode
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import (
    NO_PICTURE,
    RECORD,
    Entry,
    Folders,
    Joined,
    Mention,
    Read,
    Record,
    glimpsed,
    is_json,
    joined,
    position,
)
from privacy_audit.sources.jsontext import JsonError, leaves
from privacy_audit.sources.tree import MAX_SIDECAR_BYTES
from privacy_audit.types import Failure, SourceKind

SUPPLEMENT = ".supplemental-metadata"
LONGEST = 46  # UTF-16 units of a JSON file's name, without its number and suffix
_LONGEST_STEM = 47  # of a picture's
_PROBES = 40
_NEAR = 50  # JSON files of one stem, among which a picture looks for its own
_EDITED = (
    *("edited", "bearbeitet", "modifié", "modificato", "bewerkt", "editado", "ha editado", "edytowane", "编辑"),
    *("編集済み", "editat", "effects", "smile", "mix", "collage", "animation", "motion"),
)
_SHORTEST_EDITED = 3  # of a cut one: "-edi"
_PARTS = re.compile(r"(?P<stem>.*?)(?P<number>\(\d{1,6}\))?(?P<suffix>\.[^.]*)?", re.DOTALL)
_NUMBERED = re.compile(r"(.*?)(\(\d{1,6}\))?", re.DOTALL)
_SIDECAR = re.compile(r"\.(jpe?g|png|heic|gif|webp|mp4|mov|dng|tiff?|avif)(\.s[a-z\-]*)?(\(\d+\))?\.json$", re.I)
_REPLACED = re.compile(r"[&?%*:|\"<>\\/=#]")
_POSITION = re.compile(r"(?P<group>.*\.)?(?P<name>latitude|longitude|altitude|latitudeSpan|longitudeSpan)")
_ALBUM = "an album of the export, which is no picture"


class Takeout:
    """Records have the keys of the JSON files. All of it is private: nothing in it says that a picture was shared."""

    kind: SourceKind = "takeout"
    captions = frozenset({"title", "description"})
    quiet = frozenset({"timestamp", "formatted", "imageViews", "source"})

    def claims(self, names: Iterable[str], read: Read) -> bool:
        """One of the first files that are named as a picture's JSON is one."""
        likely = (name for name in names if _SIDECAR.search(name) or (SUPPLEMENT in name and is_json(name)))
        return any(_is_asset(read(name)) for name in islice(likely, _PROBES))

    def join(
        self,
        forest: Forest,
        folders: Folders,
        pictures: frozenset[str],
        skipped: Counter[str],  # noqa: ARG002 - what is left over is counted by the source
    ) -> Joined:
        """Folder by folder, as Google does."""
        found = Joined()
        for folder, names in folders.items():
            records = [name for name in names or () if is_json(name)]
            here = [name for name in names or () if joined(folder, name) in pictures]
            if not records:
                continue
            sidecars = Sidecars(records)
            for name in here:
                if (sidecar := sidecars.of(name)) is not None:
                    self._note(found, folder, name, sidecar)
            self._by_title(forest, found, folder, records, [n for n in here if joined(folder, n) not in found.mentions])
        return found

    def record(self, forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
        """The values of the JSON file. A place that is 0, 0 is none; a title that is the file's name says nothing."""
        record: Record = {"source": "google takeout"}
        failures: list[Failure] = []
        for mention in entry.mentions:
            values, problems = flat(forest, mention.file)
            failures += problems
            own = _nfc((entry.picture or "").rpartition("/")[2])
            record |= {
                path: value
                for path, value in _placed(values).items()
                if not (path == "title" and isinstance(value, str) and _nfc(value) == own)
            }
        return record, failures

    def _note(self, found: Joined, folder: str, picture: str, sidecar: str) -> None:
        path = joined(folder, sidecar)
        found.mentions.setdefault(joined(folder, picture), []).append(Mention(path))
        found.taken.add(path)

    def _by_title(
        self, forest: Forest, found: Joined, folder: str, records: Sequence[str], without: Sequence[str]
    ) -> None:
        """JSON files that no picture found by name: by the title in them, else they stand by themselves."""
        left = [name for name in records if joined(folder, name) not in found.taken]
        titles: dict[str, list[str]] = defaultdict(list)
        others: dict[str, Entry] = {}
        albums: list[Entry] = []
        for name in left:
            path = joined(folder, name)
            data = glimpsed(forest, path)
            if _is_asset(data):
                titles[_stored(data["title"])].append(name)
                others[name] = Entry(path, None, (Mention(path),), NO_PICTURE)
            elif _is_album(data):
                albums.append(Entry(path, None, (Mention(path),), _ALBUM))
            elif data is None and _SIDECAR.search(name):
                found.taken.add(path)
                found.problems.append((path, Failure(RECORD, "error", "the picture's record cannot be read")))
        for picture in without:
            named = titles.get(_stored(picture), ())
            if len(named) == 1:
                self._note(found, folder, picture, named[0])
                others.pop(named[0], None)
        alone = [*others.values()]
        if titles or len(left) < len(records):  # else these are the files of another Google product
            alone += albums
        found.alone += alone
        found.taken.update(entry.name for entry in alone)


class Sidecars:
    """The JSON files of one folder, to be found by a picture's name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_nfc(name)[: -len(".json")]: name for name in names}
        self._stems: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for body, name in self._names.items():
            plain, number = _numbered(body)
            for stem in {plain, plain.rpartition(".")[0], plain.rpartition(".")[0].rpartition(".")[0]}:
                self._stems[stem, number].append((plain, name))

    def of(self, picture: str) -> str | None:
        """The JSON file of a picture, or None."""
        match = _PARTS.fullmatch(_nfc(picture))
        assert match is not None
        stem, number, suffix = match["stem"], match["number"] or "", match["suffix"] or ""
        whole = stem + suffix + SUPPLEMENT
        found = self._exact(stem, number, suffix)
        found = found or self._only(stem, number, whole.startswith)  # cut elsewhere than by the rule
        for original in _originals(stem):
            found = found or self._exact(original, number, suffix)
            # An edited copy is a JPEG when its original is none
            found = found or self._only(original, number, lambda plain: plain.startswith(f"{original}."))  # noqa: B023
        return found

    def _exact(self, stem: str, number: str, suffix: str) -> str | None:
        base, whole = stem + suffix, stem + number + suffix
        for body in (
            *(_cut(base + SUPPLEMENT) + number, _cut(base) + number),
            *(_cut(whole + SUPPLEMENT), _cut(whole), whole + SUPPLEMENT, whole),
        ):
            if body in self._names:
                return self._names[body]
        return None

    def _only(self, stem: str, number: str, fits: Callable[[str], bool]) -> str | None:
        near = self._stems.get((stem, number), ()) if stem else ()
        found = [name for plain, name in near if fits(plain)] if len(near) <= _NEAR else []
        return found[0] if len(found) == 1 else None


def flat(forest: Forest, file: str) -> tuple[Record, list[Failure]]:
    """The values of a JSON file by their paths, and what is wrong with it. One that is no JSON is a text."""
    data = forest.content(file, RECORD, MAX_SIDECAR_BYTES)
    if isinstance(data, Failure):
        return {}, [data]
    decoded = decode(data)
    problems = [] if decoded.exact else [Failure(RECORD, "error", NOT_UTF8)]
    try:
        return {leaf.path: leaf.value for leaf in leaves(decoded.text)}, problems
    except JsonError as error:
        return {"text": decoded.text}, [*problems, Failure(RECORD, "error", str(error))]


def _placed(values: Record) -> Record:
    """Without coordinates that are 0, and the rest of their group."""
    matches = {path: match for path in values if (match := _POSITION.fullmatch(path))}
    there = {
        match["group"]
        for path, match in matches.items()
        if match["name"] in {"latitude", "longitude"} and position(values[path]) is not None
    }
    return {
        path: value for path, value in values.items() if path not in matches or matches[path]["group"] in there
    }  # fmt: skip


def _is_asset(data: Any) -> bool:
    """Whether this is the JSON file of a picture or video."""
    taken = data.get("photoTakenTime") if isinstance(data, dict) else None
    return isinstance(taken, dict) and "timestamp" in taken and isinstance(data.get("title"), str)


def _is_album(data: Any) -> bool:
    inner = data.get("albumData", data) if isinstance(data, dict) else None
    return isinstance(inner, dict) and isinstance(inner.get("title"), str)


def _originals(stem: str) -> Iterator[str]:
    """What an edited picture was called: the stem without "-edited", which may be cut off."""
    head, dash, tail = stem.rpartition("-")
    cut = len(tail) >= _SHORTEST_EDITED and any(word.startswith(tail.lower()) for word in _EDITED)
    if dash and head and (cut or tail in _EDITED):
        yield head


def _stored(title: str) -> str:
    """A title as the name under which Google stores the picture."""
    match = _PARTS.fullmatch(_nfc(_REPLACED.sub("_", title)))
    assert match is not None
    return _cut(match["stem"] + (match["number"] or ""), _LONGEST_STEM) + (match["suffix"] or "")


def _numbered(body: str) -> tuple[str, str]:
    match = _NUMBERED.fullmatch(body)
    assert match is not None
    return match[1], match[2] or ""


def _cut(text: str, units: int = LONGEST) -> str:
    """The first UTF-16 units of a text; half a character is left out."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
