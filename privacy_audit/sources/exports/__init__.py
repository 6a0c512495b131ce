"""What people hold: the archives that platforms give them of their own pictures."""

from __future__ import annotations

from pathlib import Path

from privacy_audit.errors import SourceError
from privacy_audit.sources.exports.facebook import Facebook
from privacy_audit.sources.exports.flickr import Flickr
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.instagram import Instagram
from privacy_audit.sources.exports.layout import Layout, document
from privacy_audit.sources.exports.source import ExportSource
from privacy_audit.sources.exports.takeout import Takeout
from privacy_audit.types import Failure, SourceKind

__all__ = ["LAYOUTS", "ExportSource", "recognised"]

LAYOUTS: dict[str, Layout] = {layout.kind: layout for layout in (Takeout(), Instagram(), Facebook(), Flickr())}
"""By the name of their kind."""


def recognised(path: Path) -> SourceKind | None:
    """Of which platform the folder or ZIP at `path` is an export, None when of none."""
    try:
        forest = Forest(path)
        names = list(forest.glance())
    except SourceError:
        return None

    def read(name: str) -> object:
        data = document(forest, name)
        return None if isinstance(data, Failure) else data

    return next((layout.kind for layout in LAYOUTS.values() if layout.claims(names, read)), None)
