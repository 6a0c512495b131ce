"""IPTC datasets and Photoshop records to hits."""

from __future__ import annotations

from collections.abc import Iterator

from privacy_audit.containers import iptc, photoshop
from privacy_audit.containers.text import decode
from privacy_audit.detectors.metadata import prompts
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text, words

_CODES = {
    "By-line": "name.creator",
    "Writer-Editor": "name.creator",
    "OwnerID": "name.owner",
    "City": "place",
    "Sub-location": "place",
    "Province-State": "place",
    "Country": "place",
    "CountryCode": "place",
    "ContentLocationName": "place",
    "ContentLocationCode": "place",
    "Contact": "contact.address",
    "UniqueDocumentID": "history",
    "CopyrightNotice": "rights",
    "Credit": "rights",
}
_FREE_TEXT = words(
    "ObjectName Keywords SpecialInstructions OriginalTransmissionReference Headline Source Caption-Abstract "
    "LocalCaption"
)
_TIMES = ("DateCreated", "DigitalCreationDate", "TimeCreated", "DigitalCreationTime")


def hits(data: bytes) -> Iterator[Hit]:
    """Hits of one block of datasets."""
    first: dict[str, str] = {}
    for dataset in iptc.datasets(data):
        first.setdefault(dataset.name, dataset.value)
        tag = f"IPTC:{dataset.name}"
        if dataset.name in _CODES:
            if not blank(dataset.value):
                yield Hit(_CODES[dataset.name], tag, dataset.value)
        elif dataset.name in _FREE_TEXT:
            if prompts.is_prompt(dataset.value):
                yield Hit("text.prompt", tag, dataset.value)
            elif free_text(dataset.value):
                yield Hit("text.free", tag, dataset.value)
    for name in _TIMES:
        if any(digit in first.get(name, "") for digit in "123456789"):
            yield Hit("time", f"IPTC:{name}", first[name])
            return


def photoshop_hits(data: bytes) -> Iterator[Hit]:
    """Hits of the records that hold a value themselves; nested blocks are blocks of their own."""
    for resource in photoshop.resources(data):
        if resource.id == photoshop.COPYRIGHT_FLAG and resource.data[:1] == b"\1":
            yield Hit("rights", "Photoshop:CopyrightFlag", "copyrighted")
        elif resource.id == photoshop.URL:
            value = decode(resource.data)
            if not blank(value):
                yield Hit("rights", "Photoshop:URL", value)
