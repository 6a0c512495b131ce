"""Networks that find faces, by name. Each is imported only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import cast

from privacy_audit.detectors.faces.backends.base import Backend, Profile, ProfileName, Settings
from privacy_audit.errors import DetectorError

__all__ = ["NAMES", "Backend", "Profile", "ProfileName", "Settings", "find"]

_HOMES = {
    "centerface": "centerface:CenterFace",
    "face_recognition-hog": "face_recognition:Hog",
    "face_recognition-cnn": "face_recognition:Cnn",
    "yunet": "yunet:YuNet",
}
NAMES = tuple(_HOMES)


def find(name: str) -> type[Backend]:
    """The backend called `name`. Raises DetectorError when there is none."""
    if name not in _HOMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise DetectorError(f"no face backend is called '{name}'.{hint} Known: {', '.join(NAMES)}.")
    module, _, attribute = _HOMES[name].partition(":")
    return cast("type[Backend]", getattr(importlib.import_module(f"{__name__}.{module}"), attribute))
