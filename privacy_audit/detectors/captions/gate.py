"""Which recognizers can find anything at all in a text.

Each condition is necessary for its recognizer, so leaving out those whose condition fails cannot change a result; tests
compare both ways. Most captions hold no digit, no "@" and no colon, and then nothing runs.
"""

from __future__ import annotations

import re

from privacy_audit.detectors.captions import contacts, cues, national_ids, secret_keys
from privacy_audit.detectors.captions.language import FOREIGN_WORDS

_SIGN = re.compile(r"[^A-Za-z ,.;'\"!?\n-]")
_LETTERS = re.compile("[a-z]+")
_IN_LETTERS_ALONE = (  # what a secret without a digit or sign starts with, and what disguises an address without an "@"
    *("pass", "pw", "sandi", "wpa", "psk", "network key", "akia", "asia", "aiza", "eyj", "sg.", "xox", "sk-", "glpat-"),
    *("gocspx-", "pypi-", " dot ", " titik "),
)
_HYPHENS_OF_A_MAC = 5
_SHORTEST_IBAN = 15
_DIGIT = re.compile(r"\d")
_IBAN = re.compile(r"[A-Za-z]{2}[ -]?\d{2}")


def is_plain(text: str) -> bool:
    """Whether a caption is English or has no letters, in plain letters, and holds no identifier: most captions."""
    if _SIGN.search(text):
        return False
    lowered = text.lower()
    for word in _IN_LETTERS_ALONE:
        if word in lowered:
            return False
    return lowered.count("-") < _HYPHENS_OF_A_MAC and FOREIGN_WORDS.isdisjoint(_LETTERS.findall(lowered))


def possible(text: str) -> list[str]:
    """The entities whose recognizers may find something in `text` (normalised)."""
    digits = len(_DIGIT.findall(text))
    entities: list[str] = []
    if "@" in text:
        entities.append("EMAIL_ADDRESS")
    if "@" in text or ":" in text or "=" in text:
        entities.append("USERNAME")
    lowered = text.lower()
    if contacts.may_disguise(text, lowered):
        entities.append("DISGUISED_EMAIL")
    if secret_keys.may_hold(lowered):
        entities.append("SECRET")
    colons = text.count(":")
    if colons >= 2 or (digits >= 4 and text.count(".") >= 3):
        entities.append("IP_ADDRESS")
    if colons >= 5 or text.count("-") >= 5 or text.count(".") >= 2:
        entities.append("MAC_ADDRESS")
    if not digits:
        return entities
    # Our own finders need no presidio, so the condition is the search itself
    if any(True for _ in contacts.find_address(text)):
        entities.append("STREET_ADDRESS")
    if digits >= 3 and any(True for _ in contacts.find_birth_date(text)):
        entities.append("BIRTH_DATE")
    if digits >= 3 and cues.anywhere(text, "PASSPORT"):
        entities.append("PASSPORT")
    if digits >= 5 and (cues.anywhere(text, "ID_SIM") or cues.anywhere(text, "DRIVING_LICENCE")):
        entities.append("ID_SIM")
    if digits >= 6 and national_ids.announced(text):
        entities.append("NATIONAL_ID")
    for least, entity in _BY_DIGITS:
        if digits >= least:
            entities.append(entity)
    if cues.anywhere(text, "PLATE") or "reg" in text:
        entities += ["PLATE", "FOREIGN_PLATE"]
    if digits >= 2 and len(text) >= _SHORTEST_IBAN and _IBAN.search(text):
        entities.append("IBAN_CODE")
    return entities


_BY_DIGITS = (
    (7, "PHONE_NUMBER"),
    (8, "BANK_ACCOUNT"),
    (9, "US_SSN"),
    (9, "US_ITIN"),
    (12, "CREDIT_CARD"),
    (15, "ID_NPWP"),
    (16, "ID_NIK"),
    (16, "ID_KK"),
)
