"""Where redacted copies go: one sink per kind of source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks.base import Files, Outgoing, Sink, Writer
from privacy_audit.redaction.sinks.folder import FolderSink
from privacy_audit.redaction.sinks.rows import RowFilesSink
from privacy_audit.redaction.sinks.table import TableSink
from privacy_audit.redaction.sinks.webdataset import WebDatasetSink
from privacy_audit.redaction.sinks.zipfiles import ZipSink
from privacy_audit.sources import Source

__all__ = ["SINKS", "Files", "Outgoing", "Sink", "Writer", "published", "sink_of"]

SINKS: dict[str, Callable[[Any, Path], Sink]] = {
    "folder": FolderSink,
    "paths": FolderSink,
    "coco": FolderSink,
    "table": TableSink,
    "webdataset": WebDatasetSink,
    "parquet": RowFilesSink,
    "datasets": RowFilesSink,
    "zip": ZipSink,
}
"""By the `kind` of their source."""


def sink_of(source: Source, output: Path) -> Sink:
    """The sink for a copy of `source`; raises SourceError when there is none, or the copy cannot be called that."""
    if source.kind not in SINKS:
        raise SourceError(f"copies of a source of the kind '{source.kind}' cannot be written yet.")
    return SINKS[source.kind](source, output)


def published(output: Path, kind: str, name: str) -> Path:
    """What to scan of a published copy: of a dataset in one file, called `name`, that file in the folder `output`."""
    if kind != "folder" and output.is_dir():
        for place in (output / name, output / "annotations" / name):
            if place.is_file():
                return place
    return output
