"""Where redacted copies go: one sink per kind of source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks.base import Files, Outgoing, Sink, Writer
from privacy_audit.redaction.sinks.folder import FolderSink
from privacy_audit.redaction.sinks.table import TableSink
from privacy_audit.sources import Source

__all__ = ["SINKS", "Files", "Outgoing", "Sink", "Writer", "sink_of"]

SINKS: dict[str, Callable[[Any, Path], Sink]] = {"folder": FolderSink, "table": TableSink}
"""By the `kind` of their source."""


def sink_of(source: Source, output: Path) -> Sink:
    """The sink for a copy of `source`; raises SourceError when there is none, or the copy cannot be called that."""
    if source.kind not in SINKS:
        raise SourceError(f"copies of a source of the kind '{source.kind}' cannot be written yet.")
    return SINKS[source.kind](source, output)
