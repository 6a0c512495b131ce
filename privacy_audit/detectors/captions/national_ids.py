"""Identity numbers of other countries, right after the words for them: no shape is sure enough without."""

from __future__ import annotations

import re
from collections.abc import Iterator

from privacy_audit.detectors.captions.hits import Hit

_KINDS = (  # the words, and the number as it is written
    (r"national insurance|nino|ni(?= ?(?:no|number))", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"),
    (r"aadh?aar|uidai", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}"),
    (r"social insurance|\bsin(?= ?(?:no|number|[:#]))", r"\d{3}[ -]?\d{3}[ -]?\d{3}"),
    (r"nric|fin(?= ?(?:no|number|[:#]))", r"[STFGM]\d{7}[A-Z]"),
    (r"mykad|kad pengenalan|(?:no\.? ?)?ic(?= ?(?:no|number|[:#]))", r"\d{6}[ -]?\d\d[ -]?\d{4}"),
    (r"\bpan(?= ?(?:card|no|number|[:#]))", r"[A-Z]{5}\d{4}[A-Z]"),
    (r"cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d\d"),
    (r"\bcurp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d"),
    (r"\bdni", r"\d{8}-?[A-Z]"),
    (r"codice fiscale", r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]"),
    (r"personnummer", r"(?:\d\d)?\d{6}[-+]?\d{4}"),
    (r"medicare|medicaid", r"\d[A-Z][A-Z\d]\d-?[A-Z][A-Z\d]\d-?[A-Z]{2}\d\d|\d{4}[ -]?\d{5}[ -]?\d"),
)
_LINK = r"(?:(?: |_)?(?:card|kartu|no|nr|num|number|nomor|id|is)\.?){0,3}[\s:=#_.()-]{0,4}"
_NUMBER = re.compile(
    "|".join(
        rf"(?<![A-Za-z])(?i:{words})(?i:{_LINK})(?<![A-Za-z\d])({number})(?![A-Za-z\d]|[.,-]\d)"
        for words, number in _KINDS
    )
)
_WORDS = re.compile("|".join(words for words, _ in _KINDS), re.IGNORECASE)


def announced(text: str) -> bool:
    """A necessary condition for `find`."""
    return bool(_WORDS.search(text))


def find(text: str) -> Iterator[Hit]:
    """Numbers of Great Britain, India, Canada, Singapore, Malaysia, Brazil, Mexico, Spain, Italy, Sweden; Medicare."""
    for match in _NUMBER.finditer(text):
        yield Hit(*match.span(match.lastindex or 0), 0.75, cue=True)
