"""people.json: how many distinct people an audit's pictures show. Counts only: no embedding, no sample, no link."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.store.files import write_whole

NAME = "people.json"


@dataclass(frozen=True, slots=True)
class Count:
    """A number at the threshold, and what it is at the loosest and strictest threshold that make sense."""

    estimate: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class People:
    """Distinct people among the faces that could be compared."""

    purpose: str
    legal_basis: str
    method: str
    threshold: float
    """Distance up to which two faces are taken for the same person."""
    loose: float
    strict: float
    error_rates: dict[str, dict[str, Any]]
    """Per threshold, as text: rates of missed and of false matches, with their data."""
    faces: int
    """Faces compared."""
    pictures: int
    """Pictures with such a face."""
    too_small: int
    """Faces not compared: too small, or beyond the number that is compared per picture."""
    failed: int
    """Pictures with faces that could not be compared."""
    people: Count
    shared: Count
    """Pictures that show a person who is also on another picture."""
    repeated: Count
    """People on two pictures or more."""
    most: Count
    """Pictures of the person who is on the most."""


def write(audit: Path, people: People) -> None:
    """Write people.json whole."""
    write_whole(audit / NAME, json.dumps(asdict(people), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read(audit: Path) -> People | None:
    """What people.json says, or None when nobody asked; raises AuditError when it is damaged."""
    path = audit / NAME
    try:
        raw = json.loads(path.read_bytes())
        for name in ("people", "shared", "repeated", "most"):
            raw[name] = Count(**raw[name])
        return People(**raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Scan again.") from error
