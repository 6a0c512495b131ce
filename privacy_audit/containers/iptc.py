"""IPTC-IIM datasets: the older caption format of the press."""

from __future__ import annotations

from dataclasses import dataclass

from privacy_audit.containers.text import decode

MAX_DATASETS = 4096

NAMES = {
    (1, 90): "CodedCharacterSet",
    (2, 5): "ObjectName",
    (2, 25): "Keywords",
    (2, 26): "ContentLocationCode",
    (2, 27): "ContentLocationName",
    (2, 40): "SpecialInstructions",
    (2, 55): "DateCreated",
    (2, 60): "TimeCreated",
    (2, 62): "DigitalCreationDate",
    (2, 63): "DigitalCreationTime",
    (2, 80): "By-line",
    (2, 85): "By-lineTitle",
    (2, 90): "City",
    (2, 92): "Sub-location",
    (2, 95): "Province-State",
    (2, 100): "CountryCode",
    (2, 101): "Country",
    (2, 103): "OriginalTransmissionReference",
    (2, 105): "Headline",
    (2, 110): "Credit",
    (2, 115): "Source",
    (2, 116): "CopyrightNotice",
    (2, 118): "Contact",
    (2, 120): "Caption-Abstract",
    (2, 121): "LocalCaption",
    (2, 122): "Writer-Editor",
    (2, 187): "UniqueDocumentID",
    (2, 188): "OwnerID",
}


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset. `name` is "" when the number has none here."""

    record: int
    number: int
    name: str
    value: str


def datasets(data: bytes) -> list[Dataset]:
    """All datasets in order, values as text; bytes between them are stepped over."""
    raw: list[tuple[int, int, bytes]] = []
    at = 0
    while len(raw) < MAX_DATASETS:
        at = data.find(b"\x1c", at)
        if at < 0 or at + 5 > len(data):
            break
        record, number = data[at + 1], data[at + 2]
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # an extended dataset: the low bits count the bytes that hold the size
            width = size & 0x7FFF
            if width > 8:
                continue
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        raw.append((record, number, data[at : at + size]))
        at += size
    utf8 = any(value == b"\x1b%G" for record, number, value in raw if (record, number) == (1, 90))
    return [
        Dataset(record, number, NAMES.get((record, number), ""), _text(value, utf8)) for record, number, value in raw
    ]


def _text(value: bytes, utf8: bool) -> str:
    text = value.decode("utf-8", "replace") if utf8 else decode(value)
    return text.replace("\0", " ").strip()
