"""Texts that several samples share: the pictures of one row, or of one key in an archive, have one caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def agreed(wanted: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """One set of new texts from those of all samples. Where two ask for different ones, the text is emptied.

    Each masks what has to go on its own sample, and neither alone what has to go on both.
    """
    found: dict[str, str] = {}
    for texts in wanted:
        for field, text in texts.items():
            found[field] = text if found.get(field, text) == text else ""
    return found
