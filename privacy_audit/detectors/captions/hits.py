"""What a finder returns."""

from __future__ import annotations

from typing import NamedTuple


class Hit(NamedTuple):
    """A value at `start` (inclusive) to `end` (exclusive) of a text; `cue` when a word beside it names its kind."""

    start: int
    end: int
    score: float
    cue: bool = False


class Found(NamedTuple):
    """A hit, and what it is: a presidio entity, and the recognizer that says so."""

    entity: str
    recognizer: str
    start: int
    end: int
    score: float
    cue: bool = False
    code: str = ""
    """The finding code where the entity has none of its own in `profile`: noise and what a user added."""
