"""Words about training: PLUS Data Mining, robots directives, TDMRep, AIPREF; and prose that forbids AI.

What a vocabulary does not know says nothing.
"""

from __future__ import annotations

import re
from itertools import islice

from privacy_audit.detectors.provenance.licenses import MAX_CHARS
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.types import Training

MAX_TOPICS = 32  # places in one text where it speaks of AI
_NEAR = 80  # characters around them

# https://ns.useplus.org/LDF/ldf-XMPSpecification, property DataMining
_PLUS: dict[str, Training] = {
    "UNSPECIFIED": "unspecified",
    "ALLOWED": "allowed",
    "PROHIBITED": "denied",
    "PROHIBITED-AIMLTRAINING": "denied",
    "PROHIBITED-GENAIMLTRAINING": "denied",
    "PROHIBITED-EXCEPTSEARCHENGINEINDEXING": "denied",
    "PROHIBITED-SEECONSTRAINT": "denied",
    "PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": "denied",
    "PROHIBITED-SEELINKEDRIGHTSEXPR": "denied",
}
# What ExifTool and the PLUS pages print instead of the ids; the wording after "see" differs between versions.
_PLUS_LABELS = {
    "unspecified - no prohibition defined": "UNSPECIFIED",
    "unspecified": "UNSPECIFIED",
    "allowed": "ALLOWED",
    "prohibited": "PROHIBITED",
    "prohibited for ai/ml training": "PROHIBITED-AIMLTRAINING",
    "prohibited for generative ai/ml training": "PROHIBITED-GENAIMLTRAINING",
    "prohibited except for search engine indexing": "PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
    "prohibited, see plus:otherconstraints": "PROHIBITED-SEECONSTRAINT",
    "prohibited, see other constraints property": "PROHIBITED-SEECONSTRAINT",
    "prohibited, see iptcext:embdencrightsexpr": "PROHIBITED-SEEEMBEDDEDRIGHTSEXPR",
    "prohibited, see embedded encoded rights expression property": "PROHIBITED-SEEEMBEDDEDRIGHTSEXPR",
    "prohibited, see iptcext:linkedencrightsexpr": "PROHIBITED-SEELINKEDRIGHTSEXPR",
    "prohibited, see linked encoded rights expression property": "PROHIBITED-SEELINKEDRIGHTSEXPR",
}
_PLUS_ID = re.compile(r"(?:https?://ns\.useplus\.org/ldf/vocab/)?(?:plus:)?(?:DMI-)?(\w+(?:-\w+)?)", re.I | re.ASCII)

_DENYING = frozenset({"noai", "noimageai", "noml", "disallow", "disallowed"})
_HIDING = frozenset({"noindex", "noimageindex", "none"})  # "none" is short for "noindex, nofollow"
_TDM: dict[str, Training] = {"1": "denied", "0": "allowed"}

_USAGE = re.compile(r"(?:^|[\s,;])(bots|train-ai|train-genai|ai-train)\s*=\s*(y|n|yes|no)(?![\w-])", re.I | re.ASCII)

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


def plus_data_mining(value: str) -> Signal | None:
    """PLUS `DataMining`: an id with or without its namespace and prefix, or a printed label."""
    text = value.strip()[:MAX_CHARS]
    key = _PLUS_LABELS.get(" ".join(text.casefold().split()))
    if key is None and (match := _PLUS_ID.fullmatch(text)):
        key = match[1].upper() if match[1].upper() in _PLUS else None
    if key is None and re.search(r"(?:^|/|-)prohibited", text, re.IGNORECASE):
        key = "PROHIBITED"  # a later version's id or wording
    return Signal("plus:DataMining", training=_PLUS[key], value=f"DMI-{key}") if key else None


def robots(value: str) -> tuple[Signal, ...]:
    """`X-Robots-Tag` or a robots meta tag: directives after commas, each with an optional "agent:" before it."""
    directives = [part.rpartition(":")[2].strip().casefold() for part in re.split(r"[,;|\n]", value[:MAX_CHARS])]
    denying = [directive for directive in directives if directive in _DENYING]
    hiding = [directive for directive in directives if directive in _HIDING]
    signals = [Signal("robots", training="denied", value=denying[0])] if denying else []
    if hiding:
        signals.append(Signal("robots", "medium", visibility="restricted", value=hiding[0]))
    return tuple(signals)


def tdm_reservation(value: str) -> Signal | None:
    """TDMRep `tdm-reservation`: 1 reserves, 0 does not, anything else is as good as absent."""
    training = _TDM.get(value.strip())
    return Signal("tdm-reservation", training=training, value=value.strip()) if training else None


def content_usage(value: str) -> Signal | None:
    """AIPREF `Content-Usage` (draft-ietf-aipref-attach-04) and Cloudflare's `Content-Signal`; a refusal wins."""
    found = [(match[1].lower(), match[2].lower()[0]) for match in _USAGE.finditer(value[:MAX_CHARS])]
    refused = [key for key, answer in found if answer == "n"]
    if refused:
        return Signal("content-usage", training="denied", value=f"{refused[0]}=n")
    allowed = [key for key, _ in found if key in {"train-ai", "ai-train"}]
    return Signal("content-usage", "medium", training="allowed", value=f"{allowed[0]}=y") if allowed else None


def prose(text: str) -> bool:
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
