"""Card, bank account, social security, IP and MAC address: what their shape alone does not settle."""

from __future__ import annotations

import ipaddress
import re

_ISSUERS = re.compile(  # issuer prefix and length, https://en.wikipedia.org/wiki/Payment_card_number
    r"4\d{15}(?:\d{3})?"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:50[0-9]\d|5[6-9]\d\d|6(?:304|7\d\d|39\d))\d{12}"  # Maestro, in its common length
    r"|220[0-4]\d{12}"  # Mir
)
_VERSION_BEFORE = re.compile(
    r"(?:\bv|\b(?:ver(?:sion)?|versi|release|rilis|build|firmware|update|patch|driver|kernel|sdk|api|os|ios|android"
    r"|firefox|chrome|chromium|safari|opera|edge|windows|macos|linux|ubuntu|debian|java|jdk|python|node|nvidia|amd|photoshop"
    r"|lightroom|office|word|excel|minecraft|fortnite|flash|player|app|aplikasi|bios|plugin|wordpress|php|mysql)"
    r"[\s:]{0,3}v?)$",
    re.IGNORECASE,
)
_BEFORE_PASSWORD = re.compile(r"://[^\s/@]{0,64}:[^\s/@]{0,80}$")
_VERSION_AFTER = re.compile(
    r"[-+ ]?(?:release|version|versi|rilis|beta|alpha|rc\d|build|firmware|patch|update)\b", re.I
)
_TOO_SMALL_TO_BE_SURE = 10


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Whether `digits` is a payment card number: an issuer's prefix, its length, and the check digit."""
    return bool(_ISSUERS.fullmatch(digits)) and luhn(digits) and len(set(digits)) > 1


def not_a_number_of_its_own(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is cut out of a longer number: 0.1234, 1.2.3.4.5, 12-123-45-6789."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (len(before) == 2 and before[0].isdigit() and before[1] in ".,-") or (
        len(after) == 2 and after[0] in ".,-" and after[1].isdigit()
    )


def not_an_email(text: str, start: int, end: int, cue: bool) -> bool:  # noqa: ARG001
    """Whether what looks like an address is the password and host of https://name:password@host."""
    return bool(_BEFORE_PASSWORD.search(text, max(0, start - 100), start))


def not_an_ip(text: str, start: int, end: int, cue: bool) -> bool:
    """Whether what looks like an IP address is a version number, a C++ name, or an address of no one."""
    value = text[start:end]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return True
    if address.is_unspecified or address.is_loopback or value.startswith(("255.", "0.")):
        return True
    if address.version == 4:
        if not cue and all(int(part) < _TOO_SMALL_TO_BE_SURE for part in value.split(".")):
            return True
        before, after = text[max(0, start - 20) : start], text[end : end + 20]
        return bool(_VERSION_BEFORE.search(before) or _VERSION_AFTER.match(after))
    groups = [group for group in value.split(":") if group]
    return not any(character.isdigit() for character in value) or (len(groups) < 3 and not cue)


def not_a_mac(text: str, start: int, end: int, cue: bool) -> bool:
    """Whether what looks like a MAC address is a row of numbers: lottery draws, dates, 1234.5678.9012."""
    value = text[start:end]
    if not_a_number_of_its_own(text, start, end):
        return True
    letters = any(character.isalpha() for character in value)
    return not cue and (not letters or not any(character.isdigit() for character in value))


def not_an_ssn(text: str, start: int, end: int, cue: bool) -> bool:
    """Whether what looks like a US number has neither its hyphens nor a word for it, or is part of a longer number."""
    return not_a_number_of_its_own(text, start, end) or not (cue or text[start:end].count("-") == 2)
