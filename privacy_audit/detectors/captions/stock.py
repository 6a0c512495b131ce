"""Presidio's own English pattern recognizers, unchanged, with a gate in front.

They serve those who ask for what is noise on captions (bare driving licences, any date, ISBNs as health ids).
The gate leaves out recognizers that cannot match; a test compares with presidio alone. Importing this imports presidio.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import spacy
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import EmailRecognizer, SpacyRecognizer
from tldextract import TLDExtract

LANGUAGE = "en"
_ANY = re.compile(r"[\d@:]")
_DOTTED = re.compile(r"\.\w")
_DIGIT = re.compile(r"\d")
_IBAN = re.compile(r"[^\W\d_]{2}\d{2}")
_WALLET = re.compile(r"\w{26}")
_LICENCE = re.compile(r"[^\W\d_]\d|\d{6}|\]\d")
_DATE = re.compile(r"\d[/.-]\w|[^\W\d_]-\d")
_PHONE = re.compile(r"\d(?:[^0-9A-WYZa-wyz]{0,4}\d){3}")  # "x" stands among the marks between the groups
_ACCOUNT = re.compile(r"\d{8}")
_HYPHENS_OF_A_MAC = 5
_BY_DIGITS = (  # the least digits that each of these needs
    (7, "MEDICAL_LICENSE"),
    (9, "US_ITIN"),
    (9, "US_SSN"),
    (10, "UK_NHS"),
    (12, "CREDIT_CARD"),
)
_GATED = frozenset(
    {"EMAIL_ADDRESS", "URL", "IP_ADDRESS", "MAC_ADDRESS", "CRYPTO", "DATE_TIME", "US_DRIVER_LICENSE", "IBAN_CODE"}
    | {"PHONE_NUMBER", "US_BANK_NUMBER", "US_PASSPORT"}
    | {entity for _, entity in _BY_DIGITS}
)


class _OfflineStockEmail(EmailRecognizer):  # type: ignore[misc]
    """Presidio's with its own pattern; only the list of public suffixes is never fetched."""

    def __init__(self) -> None:
        super().__init__(name="EmailRecognizer")
        self._suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate_result(self, pattern_text: str) -> bool:
        return bool(self._suffixes.extract_str(pattern_text).top_domain_under_public_suffix)


class _Words(SpacyNlpEngine):  # type: ignore[misc]
    """Words without a model: presidio's context words are compared with them."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": LANGUAGE, "model_name": "blank"}])
        pipeline = spacy.blank(LANGUAGE)
        self.nlp = {LANGUAGE: pipeline}

    def load(self) -> None:
        """Nothing to load."""

    def process_text(self, text: str, language: str) -> object:
        """Tokens whose lemma is the word in small letters."""
        document = self.nlp[language](text)
        for token in document:
            token.lemma_ = token.lower_
        return self._doc_to_nlp_artifact(document, language)


class StockPatterns:
    """Presidio's pattern recognizers for English as they come, in one analyzer."""

    def __init__(self) -> None:
        registry = RecognizerRegistry(supported_languages=[LANGUAGE])
        registry.load_predefined_recognizers(languages=[LANGUAGE])
        recognizers = [
            _OfflineStockEmail() if isinstance(recognizer, EmailRecognizer) else recognizer
            for recognizer in registry.recognizers
            if not isinstance(recognizer, SpacyRecognizer)
        ]
        self._analyzer = analyzer_with_words(recognizers)
        entities = {entity for recognizer in recognizers for entity in recognizer.supported_entities}
        self._ungated = sorted(entities - _GATED)
        self._entities = sorted(entities)

    @property
    def entities(self) -> list[str]:
        """What these recognizers find."""
        return self._entities

    def analyze(self, text: str, *, gated: bool = True, only: frozenset[str] | None = None) -> list[RecognizerResult]:
        """Presidio's results on `text`; `gated` saves time and changes nothing. `only` restricts to some entities."""
        entities = [*possible(text), *self._ungated] if gated else self._entities
        if only is not None:
            entities = [entity for entity in entities if entity in only]
        if not entities:
            return []
        found: list[RecognizerResult] = self._analyzer.analyze(text, LANGUAGE, entities=entities)
        return found


def analyzer_with_words(recognizers: Sequence[EntityRecognizer]) -> AnalyzerEngine:
    """Presidio's analyzer over `recognizers`, whose context words are compared with the words of a text."""
    registry = RecognizerRegistry(recognizers=list(recognizers), supported_languages=[LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=_Words(), supported_languages=[LANGUAGE])


def possible(text: str) -> list[str]:
    """The entities whose stock recognizers may find something in `text`."""
    dotted = _DOTTED.search(text) is not None
    hyphens = text.count("-")
    if not dotted and hyphens < _HYPHENS_OF_A_MAC and not _ANY.search(text):
        return []
    entities: list[str] = []
    digits = len(_DIGIT.findall(text))
    dots, colons = text.count("."), text.count(":")
    if "@" in text and dotted:
        entities.append("EMAIL_ADDRESS")
    if dotted:
        entities.append("URL")
    if "::" in text or colons >= 6 or (dotted and dots >= 3 and digits >= 4):
        entities.append("IP_ADDRESS")
    if colons >= 5 or hyphens >= _HYPHENS_OF_A_MAC or (dotted and dots >= 2):
        entities.append("MAC_ADDRESS")
    if not digits:
        return entities
    if _WALLET.search(text):
        entities.append("CRYPTO")
    if digits >= 2 and _DATE.search(text):
        entities.append("DATE_TIME")
    if _LICENCE.search(text):
        entities.append("US_DRIVER_LICENSE")
    if digits >= 2 and _IBAN.search(text):
        entities.append("IBAN_CODE")
    if digits >= 4 and _PHONE.search(text):  # the shortest national number of presidio's default regions has 4
        entities.append("PHONE_NUMBER")
    if digits >= 8 and _ACCOUNT.search(text):
        entities += ["US_BANK_NUMBER", "US_PASSPORT"]
    entities += [entity for least, entity in _BY_DIGITS if digits >= least]
    return entities
