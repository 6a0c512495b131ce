"""Datasets as they come: what is in them, read as a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.sources.base import Item, Member, Origin, Shard, SkippedMember, Source, Survey
from privacy_audit.sources.datasetobject import DatasetSource, is_dataset
from privacy_audit.sources.exports import LAYOUTS, ExportSource
from privacy_audit.sources.folder import FolderSource
from privacy_audit.sources.recognise import coco_files, recognise
from privacy_audit.sources.rowfiles import RowFilesSource
from privacy_audit.sources.table import TableSource
from privacy_audit.sources.webdataset import WebDatasetSource
from privacy_audit.sources.ziptree import ZipTree
from privacy_audit.types import SOURCE_KINDS

LocalSource = FolderSource | TableSource | WebDatasetSource | RowFilesSource | ExportSource
"""What `open_source` gives."""

__all__ = [
    "DatasetSource",
    "ExportSource",
    "FolderSource",
    "Item",
    "LocalSource",
    "Member",
    "Origin",
    "RowFilesSource",
    "Shard",
    "SkippedMember",
    "Source",
    "Survey",
    "TableSource",
    "WebDatasetSource",
    "is_dataset",
    "open_source",
]


def open_source(
    path: Path,
    *,
    caption_columns: Sequence[str] = (),
    dataset: str | Path | Mapping[str, Any] | None = None,
    kind: str | None = None,
) -> LocalSource:
    """The source at `path`, which is of the given `kind`, or of what it looks like; raises SourceError for none.

    `path` may be a pattern of tar archives, `shards/{000..999}.tar`. `dataset` is a dataset.yaml, or its plain data; a
    folder has its own when none is given.
    """
    if kind is not None and kind not in SOURCE_KINDS:
        raise SourceError(f"'{kind}' is no kind of source; use one of {', '.join(SOURCE_KINDS)}.")
    kind = kind or recognise(path)
    if kind in LAYOUTS:
        return ExportSource(path, LAYOUTS[kind], caption_columns=caption_columns, dataset=dataset)
    if kind == "webdataset":
        return WebDatasetSource(path, caption_columns=caption_columns, dataset=dataset)
    if kind in {"parquet", "datasets"}:
        return RowFilesSource(
            path,
            "parquet" if kind == "parquet" else "datasets",
            caption_columns=caption_columns,
            dataset=dataset,
        )
    if kind == "table":
        return TableSource(path, caption_columns=caption_columns, dataset=dataset)
    if kind == "folder":
        return FolderSource(path, caption_columns=caption_columns, dataset=dataset)
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    root, named, tree, rest = path, None, None, True
    if kind == "zip":
        root, tree = path.parent, ZipTree(path.resolve())
    elif path.is_dir():
        named = coco_files(path)
        if kind == "paths" or not named:
            raise SourceError(
                f"{path} is a folder in which no {'table is named' if kind == 'paths' else 'COCO file is'}."
            )
    else:
        # The pictures of annotations/captions_train2017.json are in ../train2017
        root = path.resolve().parent
        if kind == "coco" and root.name == "annotations":
            root = root.parent
        named, rest = [path.resolve().relative_to(root).as_posix()], False
    return FolderSource(
        root, caption_columns=caption_columns, dataset=dataset, kind=kind, tree=tree, named=named, rest=rest
    )
