"""What was measured of each backend and profile: recall.json, which `privacy-audit detectors bench --write` updates.

Rates are triples: the share and both ends of its 95 % interval; null where nothing was measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypedDict

from privacy_audit.errors import DetectorError

FORMAT_VERSION = 1
LARGE = 500
"""From this many faces of 16 pixels or more on, a measurement takes the place of the reference's figures."""

Rate = tuple[float, float, float]


class Row(TypedDict):
    """Recall of the faces of one size, in pixels of the stored picture, of the boxes kept and of those counted."""

    size: str
    faces: int
    keep: Rate | None
    report: Rate | None


class Samples(TypedDict):
    """Whole pictures, by boxes kept: `found` of the `positives` with a face got one, `clean` of those without none."""

    code: str
    positives: int
    found: int
    negatives: int
    clean: int


class Table(TypedDict):
    """One measurement. `false_alarms` are boxes per face-free picture; `images_per_s` is of one core's CPU time.

    `missed_pictures` is the share of pictures with labelled faces on which at least one of them got no box.
    """

    backend: str
    profile: str
    source: Literal["reference", "bench"]
    measured_on: str
    data: str
    pictures: int
    face_free: int
    interval: str
    rows: list[Row]
    precision: dict[str, float | None]
    false_alarms: dict[str, float | None]
    images_per_s: float | None
    missed_pictures: Rate | None
    note: str
    samples: Samples | None  # None or missing in older files: not measured


def tables(backend: str, profile: str) -> list[Table]:
    """What was measured of one profile of a backend; [] when nothing was."""
    return [table for table in _shipped() if (table["backend"], table["profile"]) == (backend, profile)]


def merged(old: str | None, new: Sequence[Table]) -> str:
    """The text of a file of measurements (None: of none) with `new` ones, each in place of an older one of its data.

    One of many faces also takes the place of the reference's figures. Raises DetectorError when `old` is no such
    text.
    """
    try:
        kept = [table for table in _parsed(old) if not any(_replaces(one, table) for one in new)] if old else []
        order = sorted([*kept, *new], key=lambda table: (table["backend"], table["profile"], table["data"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DetectorError(f"that file is no table of recall ({type(error).__name__}).") from error
    return json.dumps({"format_version": FORMAT_VERSION, "tables": order}, indent=1, ensure_ascii=False) + "\n"


def _replaces(new: Table, old: Table) -> bool:
    if (new["backend"], new["profile"]) != (old["backend"], old["profile"]):
        return False
    many = sum(row["faces"] for row in new["rows"] if row["size"] == "16+") >= LARGE
    return new["data"] == old["data"] or (many and old["source"] == "reference")


@lru_cache(maxsize=1)
def _shipped() -> list[Table]:
    return _parsed(files("privacy_audit.detectors.faces").joinpath("recall.json").read_text(encoding="utf-8"))


def _parsed(text: str) -> list[Table]:
    raw = json.loads(text)
    if raw["format_version"] != FORMAT_VERSION:
        raise ValueError("another version")
    found: list[Table] = raw["tables"]
    return found
