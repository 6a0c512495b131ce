"""How mistakes are worded: values quoted so that they cannot harm a terminal, and a guess at what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_SHOWN_CHARS = 60


def quote(value: str) -> str:
    """`value` in quotes, printable and short: a pack from a stranger must not steer the terminal."""
    shown = "".join(character if character.isprintable() else "?" for character in value[:_SHOWN_CHARS])
    return f"'{shown}...'" if len(value) > _SHOWN_CHARS else f"'{shown}'"


def did_you_mean(value: str, known: Sequence[str]) -> str | None:
    """The entry of `known` that `value` was most likely meant to be."""
    near = difflib.get_close_matches(value.lower(), known, n=1) if len(value) <= _SHOWN_CHARS else []
    return near[0] if near else None


def hint(suggestion: str | None) -> str:
    """A suggestion as the end of a message; nothing when there is none."""
    return f" (did you mean '{suggestion}'?)" if suggestion else ""
