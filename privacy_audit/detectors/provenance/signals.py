"""One piece of evidence about where a sample comes from and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privacy_audit.evidence import conceal
from privacy_audit.types import Channel, Finding, Tag, Training, Visibility

Confidence = Literal["high", "medium", "low"]
Scope = Literal["file", "domain", "dataset"]
Evidence = Literal[
    "audience",
    "licence",
    "notice",
    "consent",
    "reservation",
    "credential",
    "opt-out-list",
    "source-type",
    "mark",
    "card",
    "declaration",
]
"""What kind of evidence a signal is."""

SCORES: dict[Confidence, float] = {"high": 0.9, "medium": 0.6, "low": 0.3}


@dataclass(frozen=True, slots=True)
class Signal:
    """One claim and how far it can be trusted.

    `value`, `license` and `suggests` are canonical words from this package's tables. `field` is a recognised column,
    `tag` a metadata entry. `statement` is the raw text of a rights notice; only its masked form is kept. `code` is set
    where the claim is neither about the audience nor about permission. `evidence` is the class of the evidence.
    """

    name: str
    confidence: Confidence = "high"
    visibility: Visibility | None = None
    training: Training | None = None
    license: str = ""
    value: str = ""
    suggests: str = ""
    scope: Scope = "file"
    field: str = ""
    tag: str = ""
    statement: str = ""
    code: str = ""
    evidence: str = ""

    def finding(self, detector: str, channel: Channel) -> Finding:
        """The finding that carries this signal."""
        code = self.code or self._code()
        optional = {
            "visibility": self.visibility,
            "training": self.training,
            "license": self.license,
            "value": self.value,
            "suggests": self.suggests,
            "field": self.field,
        }
        attributes = {
            "signal": self.name,
            "evidence": self.evidence,
            "scope": self.scope,
            "confidence": self.confidence,
        }
        attributes |= {key: value for key, value in optional.items() if value}
        shown = conceal(self.statement, code) if self.statement else None
        return Finding(
            code=code,
            detector=detector,
            score=SCORES[self.confidence],
            channel=channel,
            where=Tag(self.tag) if self.tag else None,
            preview=shown.preview if shown else "",
            token=shown.token if shown else "",
            attributes=attributes,
        )

    def _code(self) -> str:
        if self.license:
            return "rights"
        if self.visibility in {"public", "restricted", "private"}:
            return f"provenance.{self.visibility}"
        return "provenance.opt_out" if self.training == "denied" else "rights"
