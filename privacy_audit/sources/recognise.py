"""Which kind of source a path is: by content first, by name where the content does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from privacy_audit.errors import SourceError
from privacy_audit.sources.coco import is_coco
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.exports import recognised
from privacy_audit.sources.folder import TABLE_NAMES
from privacy_audit.sources.names import PICTURE_SUFFIXES
from privacy_audit.sources.rowfiles import ARROW, SPLITS, STATE, has_pictures
from privacy_audit.sources.tables import SUFFIXES, open_table
from privacy_audit.sources.tree import DiskTree
from privacy_audit.sources.webdataset import SUFFIXES as TAR_SUFFIXES
from privacy_audit.sources.webdataset import is_archive_file
from privacy_audit.types import SourceKind

_LOOKED_AT = 1_000  # entries of a folder, and rows of a table
_HEAD = 4096
_ROWS = 100


def recognise(path: Path) -> SourceKind:
    """The kind of source at `path`; raises SourceError when it is none."""
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        if "{" in str(path):
            return "webdataset"
        raise SourceError(f"{path} does not exist.")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or 'input/output error'}.") from error
    suffix = path.suffix.lower()
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or suffix == ".zip":
        return recognised(path) or "zip"
    if is_archive_file(path) or path.name.lower().endswith(TAR_SUFFIXES):
        return "webdataset"
    if head.startswith(b"PAR1") and has_pictures(path):
        return "parquet"
    if suffix in SUFFIXES:
        return "paths" if names_files(path) else "table"
    if suffix == ARROW or head.startswith(b"ARROW1"):
        return "datasets"
    if suffix == ".json" and is_coco(head):
        return "coco"
    kinds = ", ".join(sorted({*SUFFIXES, *TAR_SUFFIXES, ".zip", ARROW}))
    raise SourceError(
        f"{path} is a file, but no table, archive or COCO file ({kinds}). Name a folder of pictures, or one of these."
    )


def coco_files(root: Path) -> list[str]:
    """The COCO files of a dataset, relative to its root: in `annotations/`, or beside the folders of pictures."""
    found = []
    for folder in ("annotations", ""):
        for path in sorted((root / folder).glob("*.json")):
            with path.open("rb") as file:
                if is_coco(file.read(_HEAD)):
                    found.append(path.relative_to(root).as_posix())
    return found


def names_files(path: Path) -> bool:
    """Whether one of the first rows of a table names a file that lies beside or below it."""
    root = path.resolve().parent
    try:
        table = open_table(path)
        column = file_name_column(table.columns)
        if column is None:
            return False
        for row in islice(table.rows(), _ROWS):
            value = row.values.get(column)
            if isinstance(value, str) and value.strip() and "\0" not in value and (root / value).is_file():
                return (root / value).resolve().is_relative_to(root)
    except (SourceError, OSError):
        pass
    return False


def _folder(path: Path) -> SourceKind:
    tree = DiskTree(path)
    if tree.head(SPLITS) is not None or tree.head(STATE) is not None:
        return "datasets"
    if (export := recognised(path)) is not None:
        return export
    seen: set[str] = set()
    for name in islice(_names(tree), _LOOKED_AT):
        lowered = name.lower()
        suffix = "." + lowered.rpartition(".")[2]
        if suffix in PICTURE_SUFFIXES or lowered in TABLE_NAMES:
            seen.add("folder")
        elif lowered.endswith(TAR_SUFFIXES):
            seen.add("webdataset")
        elif suffix == ".parquet":
            seen.add("parquet")
        elif suffix == ARROW:
            seen.add("datasets")
    if (path / "annotations").is_dir() and coco_files(path):
        return "coco"
    order: tuple[SourceKind, ...] = ("folder", "webdataset", "parquet", "datasets")
    return next((kind for kind in order if kind in seen), "folder")


def _names(tree: DiskTree) -> Iterator[str]:
    for _, names in tree.walk(Counter()):
        yield from names or ()
