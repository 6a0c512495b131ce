"""What `signals.yaml` and `licenses.yaml` may hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from privacy_audit.detectors.provenance import words
from privacy_audit.detectors.provenance.signals import Confidence, Evidence, Scope, Signal
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Training, Visibility

Subject = Literal["audience", "license", "other"]
Reader = Literal[
    # of a value: see readers
    "words",
    "flag",
    "exact",
    "contains",
    "directives",
    "usage",
    "data_mining",
    "source_type",
    "platform",
    "license",
    "flickr_license",
    # of a file: see infile and credentials
    "statement",
    "instructions",
    "resource",
    "file_name",
    "mark",
    "prose",
    "credential",
    # of what the user gives: see given and optout
    "opt_out",
    "tdmrep",
    "card",
    "mapped",
    "declared",
]

_NORMAL: dict[str, Callable[[object], str]] = {
    "words": words.spaced,
    "flag": words.spaced,
    "data_mining": words.spaced,
    "platform": words.joined,
}


class Strict(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class State(Strict):
    """What some words, or one pattern, mean. What is not given here is the row's."""

    words: tuple[str, ...] = ()
    pattern: str | None = None
    visibility: Visibility | None = None
    training: Training | None = None
    license: str = ""
    value: str = ""
    suggests: Literal["", "restricted", "private"] = ""
    confidence: Confidence | None = None
    scope: Scope | None = None
    code: str | None = None

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return re.compile(self.pattern or "(?!)", re.IGNORECASE | re.ASCII)


_NOTHING = State()


class Row(Strict):
    """One signal: where it stands, what its values mean, and how far it can be trusted.

    `signal` is its name in findings (the id, unless several rows are of one kind). `anywhere`: the column's name
    is clear at any depth of a record. `given`: it comes from a file that the user puts beside the data or names.
    """

    id: str
    signal: str = ""
    title: str
    evidence: Evidence
    scope: Scope = "file"
    confidence: Confidence = "high"
    code: str = ""
    subject: Subject = "other"
    read: Reader
    columns: tuple[str, ...] = ()
    anywhere: bool = False
    xmp: tuple[str, ...] = ()
    exif: tuple[int, ...] = ()
    iptc: tuple[str, ...] = ()
    photoshop: tuple[int, ...] = ()
    text: dict[str, str] = {}
    c2pa: tuple[str, ...] = ()
    file_name: bool = False
    given: bool = False
    licensing: bool = False
    words_of: str = ""
    yes: State | None = None
    no: State | None = None
    states: tuple[State, ...] = ()

    @cached_property
    def known(self) -> dict[str, State]:
        """Words in the normal form of the reader, and what they mean."""
        normal = _NORMAL.get(self.read, words.exact)
        return {normal(word): state for state in self.states for word in state.words}

    def state(self, word: str) -> State:
        """The state of a word that this row has."""
        return next(state for state in self.states if word in state.words)

    def plain(self) -> Signal:
        """The bare fact that something stands at this row's place."""
        return self.make(_NOTHING)

    def make(self, state: State, value: str = "") -> Signal:
        """The signal of a state. `value` is a word of the tables; the state's own value comes first."""
        return Signal(
            self.signal or self.id,
            state.confidence or self.confidence,
            state.visibility,
            state.training,
            license=state.license,
            value=state.value or value,
            suggests=state.suggests,
            scope=state.scope or self.scope,
            code=self.code if state.code is None else state.code,
            evidence=self.evidence,
        )


class Signals(Strict):
    """The file `signals.yaml`."""

    signals: tuple[Row, ...]

    @model_validator(mode="before")
    @classmethod
    def _borrow(cls, value: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
        """`words_of: audience` takes over the states of that row."""
        states = {row["id"]: row.get("states", ()) for row in value["signals"]}
        return {"signals": [row | {"states": states[row.get("words_of", row["id"])]} for row in value["signals"]]}

    @model_validator(mode="after")
    def _sound(self) -> Signals:
        ids = [row.id for row in self.signals]
        places = [(kind, at) for row in self.signals for kind in _PLACES for at in getattr(row, kind)]
        for what, listed in (("id", Counter(ids)), ("place", Counter(map(str, places)))):
            if twice := [entry for entry, count in listed.items() if count > 1]:
                raise ValueError(f"the same {what} twice: {twice}")
        for row in self.signals:
            if not (row.given or row.file_name or row.c2pa or row.read in {"mark", "prose"}) and not any(
                getattr(row, kind) for kind in _PLACES
            ):
                raise ValueError(f"{row.id} stands nowhere")
            codes = [row.code, *(state.code for state in (*row.states, row.yes, row.no) if state)]
            if any(code not in CODES for code in filter(None, codes)):
                raise ValueError(f"{row.id} has a code that is none")
            if any(name != words.joined(name) for name in row.columns):
                raise ValueError(f"{row.id} has a column name with case or separators, which matches nothing")
        return self


_PLACES = ("columns", "xmp", "exif", "iptc", "photoshop", "text")


class Licence(Strict):
    """A licence and the names that it goes by."""

    id: str
    open: bool = False
    names: tuple[str, ...]


class Licences(Strict):
    """The file `licenses.yaml`."""

    licenses: tuple[Licence, ...]
    flickr: dict[str, str]
