"""Our finders, and presidio's own recognizers where they need a tighter pattern, as presidio recognizers.

Importing this module imports presidio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from presidio_analyzer import EntityRecognizer, LocalRecognizer, Pattern, RecognizerResult
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
    UsItinRecognizer,
    UsSsnRecognizer,
)
from tldextract import TLDExtract

from privacy_audit.detectors.captions import accounts, contacts, indonesia, national_ids, phones, secret_keys
from privacy_audit.detectors.captions.hits import Hit
from privacy_audit.detectors.captions.numbers import is_card

LANGUAGE = "en"  # presidio wants one; the patterns hold for any


class FinderRecognizer(LocalRecognizer):  # type: ignore[misc]
    """A pure finder as a presidio recognizer for one entity."""

    def __init__(self, entity: str, name: str, find: Callable[[str], Iterator[Hit]]) -> None:
        super().__init__(supported_entities=[entity], name=name, supported_language=LANGUAGE)
        self._entity = entity
        self._find = find

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """The finder's hits as presidio results."""
        return [
            RecognizerResult(
                entity_type=self._entity,
                start=hit.start,
                end=hit.end,
                score=hit.score,
                recognition_metadata={
                    RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                    RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                    RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY: hit.cue,
                },
            )
            for hit in self._find(text)
        ]


class OfflineEmailRecognizer(EmailRecognizer):  # type: ignore[misc]
    """Presidio's, with a bounded pattern, and a public suffix list that is never fetched.

    The original asks tldextract's global extractor, which goes to the network at the first address it sees.
    """

    def __init__(self) -> None:
        super().__init__(patterns=[Pattern("Email (bounded)", contacts.EMAIL, 0.5)], name="EmailRecognizer")
        self._suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate_result(self, pattern_text: str) -> bool:
        """Whether the domain ends in a public suffix."""
        domain = self._suffixes.extract_str(pattern_text.rpartition("@")[2])
        return bool(domain.domain and domain.suffix)


class WholeIpRecognizer(IpRecognizer):  # type: ignore[misc]
    """Presidio's, for addresses that are not cut out of something longer. Its own finds 10,000 in a row of colons."""

    def __init__(self) -> None:
        octet = r"(?:25[0-5]|2[0-4]\d|1?\d{1,2})"
        v4 = rf"(?:{octet}\.){{3}}{octet}"
        patterns = [
            Pattern("IPv4", rf"(?<![\w.])(?<!\d[,-]){v4}(?!\w|[.,-]\d)", 0.6),
            Pattern("IPv6", rf"(?<![\w:.])(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:{v4}|[0-9A-Fa-f]{{1,4}})?(?![\w:])", 0.6),
        ]
        super().__init__(patterns=patterns, name="IpRecognizer")


class IssuedCardRecognizer(CreditCardRecognizer):  # type: ignore[misc]
    """Presidio's, with every usual grouping, and issuer prefixes: a tenth of all numbers pass the check digit alone."""

    def __init__(self) -> None:
        pattern = Pattern(
            "Card",
            r"(?<!\d)(?<!\d[.,-])"
            r"(?:\d{4}([ .-]?)\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ .-]?)\d{6}\2\d{4,5}|\d{17,18})(?![.,-]?\d)",
            0.3,
        )
        super().__init__(
            patterns=[pattern], replacement_pairs=[(mark, "") for mark in " .-"], name="CreditCardRecognizer"
        )

    def validate_result(self, pattern_text: str) -> bool:
        """Whether an issuer could have issued it."""
        return is_card("".join(filter(str.isdigit, pattern_text)))


def general_recognizers() -> list[EntityRecognizer]:
    """Recognizers that are not tied to Indonesia."""
    return [
        OfflineEmailRecognizer(),
        FinderRecognizer("DISGUISED_EMAIL", "DisguisedEmailRecognizer", contacts.find_disguised_email),
        FinderRecognizer("PHONE_NUMBER", "PhoneNumberRecognizer", phones.find),
        IssuedCardRecognizer(),
        FinderRecognizer("IBAN_CODE", "InternationalAccountRecognizer", accounts.find_iban),
        UsSsnRecognizer(),
        UsItinRecognizer(),
        WholeIpRecognizer(),
        MacAddressRecognizer(),
        FinderRecognizer("SECRET", "SecretRecognizer", secret_keys.find),
        FinderRecognizer("STREET_ADDRESS", "StreetAddressRecognizer", contacts.find_address),
        FinderRecognizer("BIRTH_DATE", "BirthDateRecognizer", contacts.find_birth_date),
        FinderRecognizer("USERNAME", "UsernameRecognizer", contacts.find_handle),
        FinderRecognizer("BANK_ACCOUNT", "BankAccountRecognizer", accounts.find_account),
        FinderRecognizer("NATIONAL_ID", "NationalNumberRecognizer", national_ids.find),
        FinderRecognizer("FOREIGN_PLATE", "LicencePlateRecognizer", indonesia.find_foreign_plate),
    ]


def indonesian_recognizers() -> list[EntityRecognizer]:
    """Recognizers of Indonesian identifiers; they can be added to any presidio registry."""
    return [
        FinderRecognizer("ID_NIK", "IndonesianNikRecognizer", indonesia.find_nik),
        FinderRecognizer("ID_KK", "IndonesianFamilyCardRecognizer", indonesia.find_family_card),
        FinderRecognizer("ID_NPWP", "IndonesianNpwpRecognizer", indonesia.find_npwp),
        FinderRecognizer("ID_SIM", "IndonesianDrivingLicenceRecognizer", indonesia.find_driving_licence),
        FinderRecognizer("PASSPORT", "PassportRecognizer", indonesia.find_passport),
        FinderRecognizer("PLATE", "IndonesianPlateRecognizer", indonesia.find_plate),
    ]
