"""Detectors, each usable alone: `Faces()("photo.jpg")`, `Captions()("call me on ...")`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy_audit.detectors.barcodes import Barcodes
    from privacy_audit.detectors.captions import Captions
    from privacy_audit.detectors.faces import Faces
    from privacy_audit.detectors.image_text import ImageText
    from privacy_audit.detectors.metadata import Metadata
    from privacy_audit.detectors.provenance import Provenance

_HOMES = {
    "Barcodes": "barcodes",
    "Captions": "captions",
    "Faces": "faces",
    "ImageText": "image_text",
    "Metadata": "metadata",
    "Provenance": "provenance",
}

__all__ = ["Barcodes", "Captions", "Faces", "ImageText", "Metadata", "Provenance"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
