"""Datasets as they come: what is in them, read as a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Source, Survey
from privacy_audit.sources.folder import FolderSource
from privacy_audit.sources.table import TableSource
from privacy_audit.sources.tables import SUFFIXES

__all__ = [
    "FolderSource",
    "Item",
    "Origin",
    "Shard",
    "SkippedMember",
    "Source",
    "Survey",
    "TableSource",
    "open_source",
]


def open_source(
    path: Path, *, caption_columns: Sequence[str] = (), dataset: str | Path | Mapping[str, Any] | None = None
) -> FolderSource | TableSource:
    """The source at `path`: a folder, or a table alone; raises SourceError for anything else.

    `dataset` is a dataset.yaml, or its plain data; a folder has its own when none is given.
    """
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return TableSource(path, caption_columns=caption_columns, dataset=dataset)
        kinds = ", ".join(sorted(SUFFIXES))
        raise SourceError(f"{path} is a file, but no table ({kinds}). Name a folder of pictures, or a table.")
    return FolderSource(path, caption_columns=caption_columns, dataset=dataset)
