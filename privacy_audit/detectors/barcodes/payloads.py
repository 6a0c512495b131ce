"""What a code says: the formats in which codes carry people, places, keys and accounts, as pure functions.

A product number, a web page and a shop's payment code are nothing personal. What is in no known format is read like a
caption or a URL by whoever calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from privacy_audit.detectors.image_text import mrz

MAX_CHARACTERS = 8_000
"""More than any code holds: a QR code takes 7,089 digits."""
_MAX_FIELDS = 200


class Item(NamedTuple):
    """Something personal in a payload. `value` is raw."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Payload:
    """What a payload is, in a word or two, and what it holds; `unknown` when it is in no known format."""

    kind: str
    items: tuple[Item, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the format is known, so that what is not in `items` is not personal."""
        return self.kind not in {"text", "url"}


def parse(text: str) -> Payload:
    """What `text` says. Never raises; reads MAX_CHARACTERS of it."""
    text = text[:MAX_CHARACTERS].strip("\ufeff\0 \r\n\t")
    for kind, begins, items in _FORMATS:
        if begins.match(text):
            found = tuple(dict.fromkeys(item for item in items(text) if item.value.strip()))
            return Payload(kind, found)
    if text.isdigit():
        return Payload("number")  # a parcel, a product, a ticket: digits alone say nothing about a person
    zone = mrz.find(text.splitlines()[:8])
    if zone is not None:
        number = "id.national" if zone.kind == "card" else "id.passport"
        return Payload("machine-readable zone", (Item("id.mrz", text), Item(number, text)))
    return Payload("url" if _URL.match(text) else "text")


# -- contact cards ----------------------------------------------------------------------------------------------------

_CARD_CODES = {
    "N": "name.person",
    "FN": "name.person",
    "SOUND": "name.person",
    "NICKNAME": "contact.username",
    "TEL": "contact.phone",
    "TEL-AV": "contact.phone",
    "EMAIL": "contact.email",
    "ADR": "contact.address",
    "BDAY": "person.birth_date",
    "IMPP": "contact.username",
    "GEO": "gps.precise",
    "T": "contact.phone",  # the short names are BIZCARD's
    "B": "contact.phone",
    "M": "contact.phone",
    "F": "contact.phone",
    "E": "contact.email",
    "A": "contact.address",
    "X": "name.person",
}
_LONG_CARD_CODES = {name: code for name, code in _CARD_CODES.items() if len(name) > 1 or name == "N"}
_FOLDED = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _vcard(text: str) -> Iterator[Item]:
    for line in _FOLDED.sub("", text).splitlines()[:_MAX_FIELDS]:
        label, _, value = line.partition(":")
        name = label.partition(";")[0].rpartition(".")[2].upper()  # "item1.EMAIL;type=home"
        code = _LONG_CARD_CODES.get(name)
        if code is not None:
            yield Item(code, _plain(value))


def _short_card(text: str) -> Iterator[Item]:
    codes = _CARD_CODES if text[:7].upper() == "BIZCARD" else _LONG_CARD_CODES
    for name, value in _fields(text):
        code = codes.get(name)
        if code is not None:
            yield Item(code, _plain(value))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """`KIND:NAME:value;NAME:value;;` with escaped marks."""
    for field in re.split(r"(?<!\\);", text.partition(":")[2])[:_MAX_FIELDS]:
        name, _, value = field.partition(":")
        yield name.strip().upper(), _ESCAPED.sub(r"\1", value)


def _plain(value: str) -> str:
    """A field's parts with blanks between them: "Doe;Jane;;;" is a name."""
    parts = re.split(r"(?<!\\)[;,]", value)
    return " ".join(part.strip() for part in (_ESCAPED.sub(r"\1", part) for part in parts) if part.strip())


# -- links that call, write or point ----------------------------------------------------------------------------------


def _mail(text: str) -> Iterator[Item]:
    address = re.search(r"[^\s:;?,<>]{1,64}@[^\s:;?,<>]{1,255}", text.replace("%40", "@"))
    if address:
        yield Item("contact.email", address.group())


def _call(text: str) -> Iterator[Item]:
    number = re.search(r":(?://)?(?:\w{1,10}=)?(\+?[\d(][\d() .-]{2,30})", text)
    if number and sum(map(str.isdigit, number.group(1))) >= 5:  # shorter ones are services
        yield Item("contact.phone", number.group(1))


_COORDINATES = re.compile(r"(-?\d{1,3}(?:\.\d{1,12})?)\s?(?:,|%2C)\s?(-?\d{1,3}(?:\.\d{1,12})?)", re.IGNORECASE)
_PRECISE_DECIMALS = 3  # about 100 m


def _place(text: str) -> Iterator[Item]:
    found = _COORDINATES.search(text)
    if found is None:
        return
    decimals = min(len(number.partition(".")[2]) for number in found.groups())
    yield Item("gps.precise" if decimals >= _PRECISE_DECIMALS else "gps.coarse", found.group())


# -- keys -------------------------------------------------------------------------------------------------------------


def _network(text: str) -> Iterator[Item]:
    for name, value in _fields(text):
        if name in {"P", "PH2", "I"} and value:
            yield Item("secret" if name == "P" else "contact.username", value)


def _one_time_password(text: str) -> Iterator[Item]:
    yield Item("secret", text)
    yield from _mail(text)


def _secret(text: str) -> Iterator[Item]:
    yield Item("secret", text)


# -- travel and identity documents ------------------------------------------------------------------------------------


def _boarding_pass(text: str) -> Iterator[Item]:
    """IATA Resolution 792: name in 20 characters, then a booking code, which opens the booking to whoever has both."""
    yield Item("name.person", text[2:22].strip())
    yield Item("secret", text[23:30].strip())


_LICENCE_CODES = {
    "DAQ": "id.national",
    "DCF": "id.national",
    "DAA": "name.person",
    "DCS": "name.person",
    "DAC": "name.person",
    "DCT": "name.person",
    "DBB": "person.birth_date",
    "DAG": "contact.address",
    "DAL": "contact.address",
}


_ELEMENT = re.compile(r"(?:[\n\r\x1e]|DL|ID)(D[A-Z]{2})([^\n\r\x1e]{1,200})")


def _driving_licence(text: str) -> Iterator[Item]:
    """AAMVA's standard for North America: elements of three letters and a value, the first behind "DL" or "ID"."""
    elements = _ELEMENT.findall(text)[:_MAX_FIELDS]
    found = [Item(_LICENCE_CODES[name], value) for name, value in elements if name in _LICENCE_CODES]
    yield from found
    if not any(item.code == "id.national" for item in found):
        yield Item("id.national", text)


def _health(text: str) -> Iterator[Item]:
    """EU digital COVID certificates and SMART Health Cards: compressed and signed, and always of one named person."""
    for code in ("person.health", "name.person", "person.birth_date"):
        yield Item(code, text)


_AADHAAR_CODES = {
    "uid": "id.national",
    "name": "name.person",
    "yob": "person.birth_date",
    "dob": "person.birth_date",
    "street": "contact.address",
    "house": "contact.address",
    "a": "contact.address",
    "n": "name.person",
    "u": "id.national",
    "d": "person.birth_date",
}


def _aadhaar(text: str) -> Iterator[Item]:
    for name, value in re.findall(r"\b(\w{1,6})=[\"']([^\"']{1,200})[\"']", text)[:_MAX_FIELDS]:
        code = _AADHAAR_CODES.get(name.lower())
        if code is not None:
            yield Item(code, value)


# -- payments ---------------------------------------------------------------------------------------------------------

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def _credit_transfer(text: str) -> Iterator[Item]:
    """EPC's code for a SEPA transfer: fixed lines, the beneficiary's name and account in the sixth and seventh."""
    lines = [line.strip() for line in text.splitlines()[:12]]
    iban = next((line.replace(" ", "") for line in lines[6:7]), "")
    if _IBAN.fullmatch(iban):
        yield Item("id.iban", iban)
        yield Item("name.person", lines[5])


def _swiss_bill(text: str) -> Iterator[Item]:
    """The Swiss QR-bill: account in the fourth line, creditor from the sixth, debtor from the twenty-second."""
    lines = [line.strip() for line in text.splitlines()[:40]]
    if len(lines) > 3 and _IBAN.fullmatch(lines[3].replace(" ", "")):
        yield Item("id.iban", lines[3].replace(" ", ""))
    for kind, name in ((4, 5), (20, 21)):
        if len(lines) > name + 2 and lines[kind] in {"S", "K"} and lines[name]:
            yield Item("name.person", lines[name])
            yield Item("contact.address", " ".join(lines[name + 1 : name + 5]))


def _upi(text: str) -> Iterator[Item]:
    for name, value in re.findall(r"[?&](pa|pn)=([^&]{1,100})", text, re.IGNORECASE)[:4]:
        yield Item("id.iban" if name.lower() == "pa" else "name.person", value)


def _merchant(text: str) -> Iterator[Item]:
    """EMVCo merchant codes (QRIS and others). Merchant name, city and number are a business's own, shown to pay there.

    Personal are the accounts that are a phone number, a mail address or a national id: PromptPay, PayNow, Pix.
    """
    for tag, value in _tagged(text):
        if not "26" <= tag <= "51":
            continue
        inner = dict(_tagged(value))
        scheme = inner.get("00", "").upper()
        if scheme == "A000000677010111":
            yield from (
                Item(code, inner[sub]) for sub, code in (("01", "contact.phone"), ("02", "id.national")) if sub in inner
            )
        elif scheme == "SG.PAYNOW" and inner.get("01") == "0":
            yield Item("contact.phone", inner.get("02", ""))
        elif scheme == "BR.GOV.BCB.PIX":
            key = inner.get("01", "")
            if "@" in key:
                yield Item("contact.email", key)
            elif key.startswith("+"):
                yield Item("contact.phone", key)
            elif key.isdigit() and len(key) == 11:
                yield Item("id.tax", key)


def _tagged(text: str) -> Iterator[tuple[str, str]]:
    """Two digits of tag, two of length, a value, and again."""
    at = 0
    while at + 4 <= len(text) and text[at : at + 4].isascii() and text[at : at + 4].isdigit():
        length = int(text[at + 2 : at + 4])
        yield text[at : at + 2], text[at + 4 : at + 4 + length]
        at += 4 + length


_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://|www\.", re.IGNORECASE)


def _starts(*beginnings: str) -> re.Pattern[str]:
    return re.compile("|".join(beginnings), re.IGNORECASE)


_FORMATS: tuple[tuple[str, re.Pattern[str], Callable[[str], Iterator[Item]]], ...] = (
    ("contact card", _starts("BEGIN:VCARD"), _vcard),
    ("contact card", _starts("MECARD:", "BIZCARD:"), _short_card),
    ("mail", _starts("mailto:", "MATMSG:", "SMTP:"), _mail),
    ("phone", _starts("tel:", "sms:", "smsto:", "mms:", "mmsto:", "facetime(?:-audio)?:", "whatsapp:"), _call),
    (
        "place",
        _starts("geo:", r"https?://(?:[\w-]{1,20}\.){0,2}(?:google\.[a-z.]{2,6}/maps|maps\.|openstreetmap\.)"),
        _place,
    ),
    ("network", _starts("WIFI:"), _network),
    ("one-time password", _starts("otpauth://", "otpauth-migration://"), _one_time_password),
    ("sign-in", _starts("FIDO:/", "sgnl://linkdevice", "tg://login", "LPA:1\\$"), _secret),
    ("boarding pass", re.compile(r"M[1-9][A-Z][A-Z /.'-]{18,19}[E ][A-Z0-9 ]{7}[A-Z]{3}"), _boarding_pass),
    ("driving licence", re.compile(r"@\s{0,4}[\x1c-\x1f\s]{0,4}(?:ANSI |AAMVA)"), _driving_licence),
    ("health certificate", re.compile(r"HC1:|shc:/"), _health),
    (
        "identity card",
        re.compile(r"<\?xml.{0,100}<PrintLetterBarcodeData|<PrintLetterBarcodeData|<QPD[AB] ", re.DOTALL),
        _aadhaar,
    ),
    ("bank transfer", re.compile(r"BCD\r?\n00[12]\r?\n"), _credit_transfer),
    ("bank transfer", re.compile(r"SPC\r?\n0\d{3}\r?\n"), _swiss_bill),
    ("bank transfer", _starts("upi://pay"), _upi),
    ("merchant payment", re.compile(r"000201\d{4}"), _merchant),
)
