"""COCO annotation files as tables: one row per image, with the texts of its annotations and its licence joined.

Read as a stream. In memory stand only places in the file: 16 bytes per image, 24 per annotation that holds a text.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from privacy_audit.errors import SourceError
from privacy_audit.sources.jsontext import JsonError, flatten, replace
from privacy_audit.sources.names import mark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from privacy_audit.sources.tables import Edit, Row, Stored

MAX_ELEMENT_BYTES = 64 * 1024 * 1024
MAX_LICENSES = 10_000
_CHUNK = 1 << 20
_FIRST_ROWS = 100
_SPACE = re.compile(r"[ \t\n\r]*")
_SHAPES = ("segmentation", "bbox", "keypoints", "counts")
_DECODER = json.JSONDecoder()
_DAMAGED = "the COCO file is not valid JSON, or cut off"


def is_coco(head: bytes) -> bool:
    """Whether the first kilobytes of a file look like COCO: an object with images or annotations."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    keys = (b'"images"', b'"annotations"', b'"info"', b'"licenses"', b'"categories"')
    return text.startswith(b"{") and any(text[1:].lstrip().startswith(key) for key in keys)


def picture_folders(table: str) -> list[str]:
    """Where the pictures of a file `annotations/captions_train2017.json` may be, relative to the dataset's root."""
    folder, _, name = table.rpartition("/")
    split = name.rpartition(".")[0].rpartition("_")[2]
    bases = [""] if not folder else ["", folder]
    return [
        "/".join(part for part in (base, beside) if part)
        for base in bases
        for beside in (split, f"images/{split}", "images", "")
    ]


class CocoTable:
    """A COCO file. Fields are those of the image, and `annotations[0].caption` for the texts of its annotations."""

    problem: str | None = None

    def __init__(self, path: Stored) -> None:
        self._path = path
        self._index = _indexed(path, _stamp(path))  # type: ignore[arg-type]
        self.problem = self._index.problem
        columns: dict[str, None] = {}
        for row in islice(self.rows(), _FIRST_ROWS):
            columns |= dict.fromkeys(row.values)
        if not columns:
            raise SourceError("the COCO file holds no image")
        self.columns: Sequence[str] = list(columns)

    def rows(self, mark: int | None = None, number: int = 0) -> Iterator[Row]:  # noqa: ARG002 - the mark is the number
        """Rows from image `mark` on."""
        from privacy_audit.sources.tables import Row

        index = self._index
        with self._path.open("rb") as file:
            for at in range(mark or 0, len(index.starts)):
                problem = None
                values: dict[str, object] = {}
                try:
                    image = _element(file, int(index.starts[at]), int(index.sizes[at]))
                    values.update(flatten(image))
                    if (license_ := index.licenses.get(str(image.get("license")))) is not None:
                        values["license"] = license_
                    for count, (start, size) in enumerate(index.texts(_key(image.get("id")))):
                        values.update(_texts(_element(file, start, size), f"annotations[{count}]"))
                except JsonError as error:
                    problem = f"the row is {error}; not all of it was checked"
                yield Row(at, at, values, problem=problem)

    def rewrite(self, target: Path, edit: Callable[[Row], Edit]) -> None:
        """Write the file with `edit` applied. A dropped image takes its annotations along."""
        index = self._index
        edits: dict[int, Mapping[str, str]] = {}
        dropped: set[int] = set()
        gone: set[int] = set()
        for row in self.rows():
            change = edit(row)
            if change is None:
                gone.add(int(index.starts[row.number]))
                dropped.add(_key(row.values.get("id")))
            elif change:
                self._spread(row, change, edits)
        with self._path.open("rb") as file, target.open("w+b") as out:
            at = 0
            for key, start, end, value in _elements(file):
                leave = start in gone or (
                    key == "annotations" and isinstance(value, dict) and _key(value.get("image_id")) in dropped
                )
                if not leave and start not in edits:
                    continue
                _copy(file, out, at, start)
                at = end
                if leave:
                    at = _without_comma(file, out, end)
                else:
                    raw = _bytes(file, start, end - start).decode("utf-8", "surrogateescape")
                    out.write(replace(raw, edits[start]).encode("utf-8", "surrogateescape"))
            file.seek(at)
            while piece := file.read(_CHUNK):
                out.write(piece)

    def _spread(self, row: Row, change: Mapping[str, str], edits: dict[int, Mapping[str, str]]) -> None:
        """Note which element of the file each edited field of a row is in."""
        places = [start for start, _ in self._index.texts(_key(row.values.get("id")))]
        for field, new in change.items():
            match = re.match(r"annotations\[(\d+)\]\.(.+)", field, re.DOTALL)
            inside = match is not None and int(match[1]) < len(places)
            start = places[int(match[1])] if match and inside else int(self._index.starts[row.number])
            name = match[2] if match and inside else field
            edits[start] = {**edits.get(start, {}), name: new}


@dataclass(frozen=True, slots=True)
class _Index:
    """Places of the images in the order of the file, and of annotations with texts, sorted by their image."""

    starts: array[int]
    sizes: array[int]
    licenses: Mapping[str, str]
    keys: npt.NDArray[np.uint64]
    text_starts: npt.NDArray[np.uint64]
    text_sizes: npt.NDArray[np.uint64]
    problem: str | None

    def texts(self, key: int) -> list[tuple[int, int]]:
        """Starts and sizes of an image's annotations that hold texts."""
        import numpy as np

        first = int(np.searchsorted(self.keys, np.uint64(key), "left"))
        last = int(np.searchsorted(self.keys, np.uint64(key), "right"))
        return [(int(self.text_starts[at]), int(self.text_sizes[at])) for at in range(first, last)]


@lru_cache(maxsize=2)
def _indexed(path: Stored, stamp: tuple[int, int]) -> _Index:  # noqa: ARG001 - a changed file is another one
    import numpy as np

    starts, sizes, keys, text_starts, text_sizes = (array("Q") for _ in range(5))
    licenses: dict[str, str] = {}
    problem = None
    with path.open("rb") as file:
        try:
            for key, start, end, value in _elements(file):
                if not isinstance(value, dict):
                    continue
                if key == "images":
                    starts.append(start)
                    sizes.append(end - start)
                elif key == "annotations" and any(True for _ in _texts(value, "")):
                    keys.append(_key(value.get("image_id")))
                    text_starts.append(start)
                    text_sizes.append(end - start)
                elif key == "licenses" and len(licenses) < MAX_LICENSES:
                    licenses[str(value.get("id"))] = str(value.get("url") or value.get("name") or "")
        except SourceError as error:
            if not starts:
                raise
            problem = f"{error}; what stands further on was not checked"
    order = np.argsort(np.array(keys, dtype=np.uint64), kind="stable")
    return _Index(
        starts,
        sizes,
        licenses,
        np.array(keys, dtype=np.uint64)[order],
        np.array(text_starts, dtype=np.uint64)[order],
        np.array(text_sizes, dtype=np.uint64)[order],
        problem,
    )


def _stamp(path: Stored) -> tuple[int, int]:
    if not isinstance(path, Path):
        return 0, 0
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _key(value: object) -> int:
    """An image's id as a number; ids may be texts, too."""
    return int.from_bytes(mark(str(value)), "big")


def _texts(annotation: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    """The strings of an annotation that say something; shapes do not."""
    said = {name: value for name, value in annotation.items() if name not in _SHAPES}
    for name, value in flatten(said):
        if isinstance(value, str) and value.strip():
            yield f"{prefix}.{name}", value


def _element(file: BinaryIO, start: int, size: int) -> dict[str, Any]:
    """An object of the file; raises JsonError when it cannot be read."""
    text = _bytes(file, start, size).decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise JsonError("not valid JSON") from None
    if not isinstance(value, dict):
        raise JsonError("no JSON object")
    return value


def _bytes(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


class _Text:
    """A window on a file as Latin-1, in which places are byte offsets: JSON's own characters are ASCII."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.text = file.read(_CHUNK).decode("latin-1")
        self.base = 3 if self.text.startswith("\xef\xbb\xbf") else 0
        self.text = self.text[self.base :]
        self.at = 0

    def more(self) -> bool:
        """Read on, and forget what is done; False at the end of the file."""
        self.base += self.at
        rest = self.text[self.at :]
        if len(rest) > MAX_ELEMENT_BYTES:
            raise SourceError(f"a part of the COCO file has more than {MAX_ELEMENT_BYTES:,} bytes")
        self._file.seek(self.base + len(rest))
        piece = self._file.read(max(_CHUNK, len(rest)))
        self.text, self.at = rest + piece.decode("latin-1"), 0
        return bool(piece)

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, expected: str) -> str:
        """Consume one of the characters `expected`."""
        found = self.peek()
        if not found or found not in expected:
            raise SourceError(_DAMAGED)
        self.at += 1
        return found

    def value(self) -> tuple[int, int, Any]:
        """The next JSON value, with its start and end in the file."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                raise SourceError("the COCO file is nested too deeply") from None
            except ValueError:
                end = len(self.text)
                value = None
            if end < len(self.text):
                start, self.at = self.at, end
                return self.base + start, self.base + end, value
            if not self.more():
                raise SourceError(_DAMAGED)


def _elements(file: BinaryIO) -> Iterator[tuple[str, int, int, Any]]:
    """The members of every list at the top of the document: its key, start, end, and value in Latin-1."""
    text = _Text(file)
    text.take("{")
    while text.peek() != "}":
        _, _, key = text.value()
        text.take(":")
        if text.peek() != "[":
            text.value()
        else:
            text.take("[")
            while text.peek() != "]":
                start, end, value = text.value()
                yield str(key), start, end, value
                if text.peek() != "]":
                    text.take(",")
            text.take("]")
        if text.peek() != "}":
            text.take(",")


def _copy(file: BinaryIO, out: BinaryIO, start: int, end: int) -> None:
    file.seek(start)
    while start < end and (piece := file.read(min(_CHUNK, end - start))):
        out.write(piece)
        start += len(piece)


def _without_comma(file: BinaryIO, out: BinaryIO, at: int) -> int:
    """Where to go on after a dropped element: behind its comma, or behind it when the comma before is taken back."""
    file.seek(at)
    after = file.read(4096)
    rest = after.lstrip()
    if rest.startswith(b","):
        return at + len(after) - len(rest) + 1
    place = out.tell()
    out.seek(max(0, place - 4096))
    before = out.read(min(place, 4096)).rstrip()
    start = max(0, place - 4096)
    if before.endswith(b","):
        place = start + len(before) - 1
    out.seek(place)
    out.truncate()
    return at
