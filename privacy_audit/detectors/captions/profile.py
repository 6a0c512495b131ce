"""From presidio entity to finding code: threshold, tier, region, and what is rejected in context.

Off unless asked for (`noise`), because measured on real captions they are noise: dates, bare URLs, single-word
names, US driving licences, US bank accounts, US passports, NHS and DEA numbers, wallet addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from privacy_audit.detectors.captions import numbers
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.taxonomy import Tier, describe

DIRECT_THRESHOLD = 0.5
PERSON_SCORE = 0.5  # half of the names found in 50 web captions were people: spaCy itself says 0.85 for each


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entity is reported as."""

    code: str
    threshold: float = DIRECT_THRESHOLD
    region: str = ""
    without_cue: float = 1.0  # the most that a hit without a word for it may score
    tier: Tier = "direct"


PROFILE: dict[str, Entry] = {
    "EMAIL_ADDRESS": Entry("contact.email"),
    "DISGUISED_EMAIL": Entry("contact.email"),
    "PHONE_NUMBER": Entry("contact.phone"),
    "ID_NIK": Entry("id.national", region="ID"),
    "ID_KK": Entry("id.national", region="ID"),
    "ID_NPWP": Entry("id.tax", region="ID"),
    "ID_SIM": Entry("id.national"),
    "NATIONAL_ID": Entry("id.national"),
    "PASSPORT": Entry("id.passport"),
    "PLATE": Entry("id.plate", region="ID"),
    "FOREIGN_PLATE": Entry("id.plate"),
    "CREDIT_CARD": Entry("id.card", without_cue=0.9),
    "IBAN_CODE": Entry("id.iban"),
    "BANK_ACCOUNT": Entry("id.iban"),
    "US_ITIN": Entry("id.tax", region="US"),
    "US_SSN": Entry("id.ssn", region="US"),
    "IP_ADDRESS": Entry("net.ip", threshold=0.6),
    "MAC_ADDRESS": Entry("net.mac", threshold=0.6),
    "SECRET": Entry("secret"),
    "STREET_ADDRESS": Entry("contact.address"),
    "BIRTH_DATE": Entry("person.birth_date", tier="contextual"),
    "USERNAME": Entry("contact.username"),
    "MINOR": Entry("person.minor", tier="contextual"),
    "HEALTH": Entry("person.health", tier="contextual"),
    "PERSON": Entry("name.person", tier="contextual"),
    "LOCATION": Entry("place", tier="contextual"),
}
"""Earlier entries win where two claim the same characters with the same score."""
CODES: frozenset[str] = frozenset(entry.code for entry in PROFILE.values())
PATTERN_ENTITIES = tuple(entity for entity in PROFILE if entity not in {"PERSON", "LOCATION", "MINOR", "HEALTH"})
NOISE: dict[str, str] = {
    "DATE_TIME": "time",
    "URL": "custom.url",
    "US_DRIVER_LICENSE": "custom.us_driver_license",
    "US_BANK_NUMBER": "custom.us_bank_number",
    "US_PASSPORT": "custom.us_passport",
    "UK_NHS": "custom.uk_nhs",
    "MEDICAL_LICENSE": "custom.medical_license",
    "CRYPTO": "custom.crypto",
}
"""Entities that are contextual findings when asked for. Their codes match no rule that a direct identifier matches."""
NOISE_PATTERNS = frozenset(NOISE)
NOISE_THRESHOLD = 0.05  # below it, presidio's driving licence is any number of six digits
_BARE_HANDLE = 0.5

_REJECTED: dict[str, Callable[[str, int, int, bool], bool]] = {
    "EMAIL_ADDRESS": numbers.not_an_email,
    "IP_ADDRESS": numbers.not_an_ip,
    "MAC_ADDRESS": numbers.not_a_mac,
    "US_SSN": numbers.not_an_ssn,
    "US_ITIN": numbers.not_an_ssn,
}
_ORDER = {entity: index for index, entity in enumerate(PROFILE)}


def accept(text: str, found: Found) -> Found | None:
    """`found` in `text` with the score that counts, or None when it is not worth reporting."""
    limits = PROFILE[found.entity]
    rejected = _REJECTED.get(found.entity)
    if rejected and rejected(text, found.start, found.end, found.cue):
        return None
    score = found.score if found.cue else min(found.score, limits.without_cue)
    return found._replace(score=score) if score >= limits.threshold else None


def tier(found: Found) -> Tier:
    """`direct` when the value identifies on its own. A bare @name may as well be a brand."""
    if found.entity == "USERNAME" and found.score <= _BARE_HANDLE:
        return "contextual"
    return entry(found).tier


def entry(found: Found) -> Entry:
    """What `found` is reported as."""
    if found.code:
        return Entry(found.code, tier=describe(found.code).tier if found.entity not in NOISE else "contextual")
    return PROFILE[found.entity]


def region(found: Found, value: str) -> str:
    """The country whose identifier `found` is, where that is known; an Indonesian phone number shows by its prefix."""
    if found.entity == "PHONE_NUMBER":
        digits = "".join(filter(str.isdigit, value))
        written_abroad = digits.removeprefix("00").startswith("62") and (
            value.startswith(("+", "00")) or digits[2] == "8"
        )
        return "ID" if written_abroad or digits.startswith("08") else ""
    return entry(found).region


def resolve(found: list[Found]) -> list[Found]:
    """One finding per value, in text order: direct before contextual, longer before shorter, better before worse.

    What lies inside a finding that was kept is dropped; what reaches over its edge is kept, so that all is masked.
    """
    kept: list[Found] = []
    for candidate in sorted(set(found), key=_precedence):
        inside = any(other.start <= candidate.start and candidate.end <= other.end for other in kept)
        if not inside:
            kept.append(candidate)
    return sorted(kept, key=lambda one: (one.start, one.end))


def _precedence(found: Found) -> tuple[bool, bool, int, float, int, int, str]:
    length = found.end - found.start
    added = bool(found.code) and found.entity not in NOISE  # what a user asked for is kept whatever else is there
    return (
        not added,
        tier(found) != "direct",
        -length,
        -found.score,
        _ORDER.get(found.entity, len(_ORDER)),
        found.start,
        found.recognizer,
    )
