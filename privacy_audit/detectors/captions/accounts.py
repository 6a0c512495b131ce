"""International bank account numbers by country format and check digits, and national ones after a word for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from privacy_audit.detectors.captions.hits import Hit

_REGISTRY = (  # what follows the check digits: n digits, a letters, c either. SWIFT IBAN registry
    "AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BR23n1a1c BY4c4n16c CH5n12c CR18n CY8n16c CZ20n"
    " DE18n DK14n DO4c20n EE16n EG25n ES20n FI14n FO14n FR10n11c2n GB4a14n GE2a16n GI4a15c GL14n GR7n16c GT24c HR17n"
    " HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c"
    " LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MR23n MT4a5n18c MU4a19n3a NL4a10n NO11n PK4a16c PL24n PS4a21c"
    " PT21n QA4a21c RO4a16c RS18n SA2n18c SC4a20n3a SE20n SI15n SK20n SM1a10n12c ST21n SV4a20n TL19n TN20n TR6n16c"
    " UA6n19c VA18n VG4a16n XK16n"
)
_CLASSES = {"n": r"\d", "a": "[A-Z]", "c": r"[A-Z\d]"}


def _structure(format_: str) -> str:
    parts = re.findall(r"(\d+)([nac])", format_[2:])
    return r"\d\d" + "".join(f"{_CLASSES[kind]}{{{count}}}" for count, kind in parts)


def _length(format_: str) -> int:
    return 4 + sum(int(count) for count in re.findall(r"\d+", format_[2:]))


_LENGTHS = {format_[:2]: _length(format_) for format_ in _REGISTRY.split()}
_BY_COUNTRY = {format_[:2]: re.compile(_structure(format_)) for format_ in _REGISTRY.split()}
_START = re.compile(r"(?<![A-Za-z\d])[A-Za-z]{2}[ -]?\d\d")
_GAPS = " -"

_ACCOUNT = re.compile(
    r"(?<![A-Za-z])(?:(?:no|nomor)\.? ?rek(?:ening)?|rekening|norek|rek|(?:bank )?account|acct|a/c)"
    r"(?:\.? ?(?:no|nr|number|nomor|#|bca|bri|bni|btn|bsi|bank|mandiri|cimb(?: niaga)?|danamon|permata|jago|seabank"
    r"|saya|is)\b|\.? ?#){0,3}"
    r"[\s.:=#\"'`]{1,4}(\d(?:[ .-]?\d){7,16})(?!\d)"
    r"|(?<![A-Za-z])(?:bca|bri|bni|btn|bsi|mandiri|cimb(?: niaga)?|danamon|permata|jago|seabank|jenius|ocbc|muamalat)"
    r"[ :.]{1,3}(\d(?:[ .-]?\d){9,15})(?!\d)",
    re.IGNORECASE,
)


def find_iban(text: str) -> Iterator[Hit]:
    """IBANs in capitals or small letters, in one piece or in groups."""
    for match in _START.finditer(text):
        country = match.group()[:2].upper()
        if country in _BY_COUNTRY:
            end = _end(text, match.start(), country)
            if end is not None:
                yield Hit(match.start(), end, 0.95)


def _end(text: str, start: int, country: str) -> int | None:
    """Where the IBAN that starts at `start` ends; None when there is none."""
    length, found, at = _LENGTHS[country], "", start
    spaced = False
    while len(found) < length:
        character = text[at : at + 1]
        if character.isascii() and character.isalnum():
            found += character
            spaced = False
        elif character and character in _GAPS and not spaced:
            spaced = True
        else:
            return None
        at += 1
    found = found.upper()
    cut = text[at : at + 1].isalnum()
    return at if not cut and _BY_COUNTRY[country].fullmatch(found, 2) and _check_digits(found) else None


def _check_digits(iban: str) -> bool:
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def find_account(text: str) -> Iterator[Hit]:
    """Bank account numbers (8 to 17 digits) right after a word for one."""
    for match in _ACCOUNT.finditer(text):
        yield Hit(*match.span(match.lastindex or 0), 0.75, cue=True)
