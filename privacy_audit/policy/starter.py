"""A commented rule pack to start from: `rules/starter.txt`, which is a valid pack that passes its own tests."""

from __future__ import annotations

import re
from datetime import date
from pathlib import PurePath

from privacy_audit import resources
from privacy_audit.policy.load import names

NAME = "my-pack"


def starter(file: PurePath, today: date) -> str:
    """The text of a new pack for `file`, which gives it its name when that is free and may be one."""
    text = resources.folder("rules").joinpath("starter.txt").read_text("utf-8")
    name = file.stem.lower()
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 64 and name not in names():
        text = text.replace(NAME, name)
    if re.fullmatch(r"[\w.-]+", file.name):
        text = text.replace("THIS_FILE", file.name)
    return text.replace("2026-11-22", today.isoformat())
