"""Notices in prose that forbid AI."""

from __future__ import annotations

import re
from itertools import islice

from privacy_audit.detectors.provenance.licenses import MAX_CHARS

MAX_TOPICS = 32  # places in one text where it speaks of AI
_NEAR = 80  # characters around them

_NO_AI = re.compile(r"\bno[ -]?(?:gen(?:erative)?[ -]?)?(?:ai|ml)\b", re.IGNORECASE)
_TOPIC = re.compile(r"\bA\.?I\b|(?i:\b(?:artificial intelligence|machine[ -]learning|kecerdasan buatan|data mining)\b)")
_REFUSED_BEFORE = re.compile(
    r"\b(?:not|no|never|without|prohibit\w*|forbid\w*|dilarang|tidak boleh)\b[^.\n]*\Z", re.IGNORECASE
)
_REFUSED_AFTER = re.compile(
    r"[^.\n]*?\b(?:not (?:allowed|permitted)|prohibited|forbidden|dilarang)\b|[ -]training\b[^.\n]*?\breserved\b",
    re.IGNORECASE,
)
_RESERVED_AFTER = re.compile(r"[^.\n]*?\breserved\b", re.IGNORECASE)  # "AI Weiwei, all rights reserved" is no refusal


def forbids_ai(text: str) -> bool:
    """Whether a notice forbids AI use in plain language: a reason to look, never a machine-readable opt-out."""
    text = text[:MAX_CHARS]
    if _NO_AI.search(text):
        return True
    for topic in islice(_TOPIC.finditer(text), MAX_TOPICS):
        before = text[max(0, topic.start() - _NEAR) : topic.start()]
        after = text[topic.end() : topic.end() + _NEAR]
        if _REFUSED_BEFORE.search(before) or _REFUSED_AFTER.match(after):
            return True
        if topic[0].casefold() == "data mining" and _RESERVED_AFTER.match(after):
            return True
    return False
