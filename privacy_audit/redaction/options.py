"""What a user may choose beyond the decisions of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from privacy_audit.redaction.regions import Method


@dataclass(frozen=True, slots=True)
class RedactionOptions:
    """`method` covers all regions, whatever the rules say; None for as they say. It changes nothing else.

    With `pseudonyms`, a masked value becomes `<PERSON-7F3A2C>`: equal values of one audit get equal ones.
    `box_columns` hold boxes of faces, and are emptied on samples whose regions are covered; `derived_columns` were made
    from the captions, and are emptied on samples whose captions are masked.
    """

    method: Method | None = None
    pseudonyms: bool = False
    box_columns: tuple[str, ...] = ()
    derived_columns: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """As JSON, for the hash of a plan."""
        return asdict(self)


def options_of(
    description: Mapping[str, Any], *, method: Method | None = None, pseudonyms: bool = False
) -> RedactionOptions:
    """The options, with the columns that a dataset.yaml declares."""
    columns = description.get("columns", {})
    return RedactionOptions(method, pseudonyms, tuple(columns.get("face_boxes", ())), tuple(columns.get("derived", ())))
