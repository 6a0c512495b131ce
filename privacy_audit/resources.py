"""Rule packs and report templates: inside the installed package, or at the top of a checkout (editable installs)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Kind = Literal["rules", "reports"]


def folder(kind: Kind) -> Traversable:
    """The bundled folder `rules` or `reports`."""
    packaged = files("privacy_audit").joinpath("_data", kind)
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parent.parent / kind
