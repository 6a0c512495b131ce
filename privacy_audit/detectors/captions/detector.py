"""The captions detector."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.captions import contacts, custom, gate, health, minors, name_models, paths, profile
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.detectors.captions.language import language_of
from privacy_audit.detectors.captions.normalise import Mapped, normalise
from privacy_audit.errors import DetectorError
from privacy_audit.evidence import conceal
from privacy_audit.types import Failure, Finding, Needs, Outcome, Sample, Skipped, Span, Text

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

    from privacy_audit.detectors.captions.engine import Engine

Names = Literal["all", "sample", "off"]
NAMES: tuple[Names, ...] = get_args(Names)
MAX_CHARACTERS = 300_000  # a hostile text of this size takes some seconds
MAX_FINDINGS = 1_000
WINDOW = 20_000
OVERLAP = 4_000  # a private key of 2,000 characters is whole in one window or the other
MAX_NAME_CHARACTERS = WINDOW
_MAX_LABEL = 40

_TWO_CAPITALISED = re.compile(
    r"[^\W\d_a-z][\w'.\u2019-]* (?:(?:van|von|de|der|bin|al|la|da|di|del) ){0,2}[^\W\d_a-z][\w'.\u2019-]*"
)
_MAY_NAME = re.compile(rf"{_TWO_CAPITALISED.pattern}|\b(?:in|at|near|from|to|of) (?:the )?[A-Z][a-z]")
_CAPITAL = re.compile(r"[^\W\d_a-z]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.\-\[\]]+|(?<=[A-Za-z])(?=\d)")


class Captions(Standalone):
    """Personal data in captions, string fields, file names and URLs.

    Direct identifiers (e-mail, phone, identity, tax, card and account numbers, addresses, passwords and keys, user
    names) by pattern and check digit in any language, with the words beside them in English and Indonesian. As
    contextual findings: names of people and places in English captions, birth dates, words for a child and for health.

    Finds: contact.* id.* net.* secret person.birth_date person.health person.minor name.person place   Needs: text
    Misses: names outside English captions, names in lower case, numbers without a word beside them that have neither
    check digit nor country prefix.   Measured: benchmarks/captions.py
    """

    name, version = "captions", "1"
    codes = profile.CODES
    needs = Needs.TEXT
    models = name_models.MODELS
    about = About(
        method=(
            "Presidio recognizers, its own and ours for Indonesia (NIK, KK, NPWP, SIM, plates), on normalised text; "
            "numbers are checked by check digit, date, district or issuer and by the words beside them. Names and "
            f"places: spaCy {name_models.TITLE} on English captions that hold two capitalised words in a row, or one "
            "after in, at, near, from, to or of. Children and health: words of a list. File names and URLs are taken "
            "apart first, and a bare number in them counts only after a key for it."
        ),
        limits=(
            "Names and places are looked for only in English captions and string fields with such capitalised words "
            "(87 % of the names that the model finds without this condition) and only in the first 20,000 characters; "
            "half of the names found in web captions are people, most of them public figures. Other languages are "
            "listed as skipped. Children: by words and ages, not by boy or girl alone. Health: by a short list of "
            "words in English and Indonesian. Not looked for: dates other than birth dates. Of a text, 300,000 "
            "characters and 1,000 findings are read, in windows of 20,000 characters, and in each 60 numbers that "
            "prove to be no telephone number; what is beyond is a failure, except after those 60."
        ),
        thresholds="direct identifiers 0.5 (IP and MAC addresses 0.6); names 0.5, multi-word only",
        measured="benchmarks/captions.py",
    )

    def __init__(
        self,
        *,
        noise: bool = False,
        recognizers: Sequence[EntityRecognizer] | Path | str = (),
        names: Names = "all",
        names_rate: float = 1.0,
    ) -> None:
        """Presidio and the spaCy model load offline, when first needed; raises ModelError when it is missing or wrong.

        `noise` adds what is off by default: dates, single-word names, bare US driving licence, bank and
        passport numbers, health ids, URLs; all contextual. `recognizers` are presidio recognizers, or a YAML file of
        them, or its text; raises DetectorError when it is wrong. `names` is "all", "off", or "sample": then names are
        looked for in a part `names_rate` of the samples, chosen by a hash of their ids.
        """
        if names not in NAMES or not 0 <= names_rate <= 1:
            raise DetectorError(f"names is one of {', '.join(NAMES)}, and names_rate a number from 0 to 1.")
        added = _custom(recognizers)
        self._fast = not (noise or added.recognizers)
        self._added = added
        name_models.pipeline()
        self._noise = noise
        self._names_rate = {"all": 1.0, "off": 0.0, "sample": names_rate}[names]
        self._unnamed = Skipped("captions.names", "names: off" if names == "off" else "names: not in the sample")

    @cached_property
    def _engine(self) -> Engine:
        """Loaded at the first text that needs it: most file names need no engine, and it takes seconds."""
        return _shared_engine() if self._fast else _engine(noise=self._noise, added=self._added)

    def _direct(self, text: str) -> list[Found]:
        return self._engine.direct(text) if not self._fast or gate.possible(text) else []

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order. Never raises for what a sample holds."""
        fast = self._fast
        read = [
            [self._read(text) for text in sample.texts if not (fast and _holds_nothing(text))] for sample in samples
        ]
        named = [self._names_rate >= 1 or _drawn(sample.id, self._names_rate) for sample in samples]
        waiting = [
            reading
            for readings, drawn in zip(read, named, strict=True)
            if drawn
            for reading in readings
            if reading.prose
        ]
        if waiting:
            self._find_names(waiting)
        return [
            _outcome(readings, None if drawn else self._unnamed) for readings, drawn in zip(read, named, strict=True)
        ]

    def _read(self, text: Text) -> _Reading:
        reading = _Reading(text)
        try:
            self._identify(reading)
        except Exception as error:  # noqa: BLE001 - whatever a library raises for one text must not stop the others
            reading.parts.append(Failure("captions", "error", f"{type(error).__name__} while reading a text"))
        return reading

    def _identify(self, reading: _Reading) -> None:
        text = reading.text
        value = text.value
        if len(value) > MAX_CHARACTERS:
            message = f"a text is longer than {MAX_CHARACTERS:,} characters; the rest was not read"
            reading.parts.append(Failure("captions.length", "too_large", message))
            value = value[:MAX_CHARACTERS]
        if text.channel in ("filename", "url") or paths.is_url(value):
            self._identify_path(reading, paths.readable(value))
            return
        mapped = normalise(value)
        prose, links = paths.split_links(mapped.value)
        if links:
            self._identify_path(reading, paths.readable(mapped.overlaid(links)))
        label = _label(text)
        reading.add(mapped, _windowed(prose, lambda part: self._labelled(label, part)))
        reading.add(mapped, _windowed(prose, minors.find))
        reading.add(mapped, _windowed(prose, health.find))
        if self._noise:
            reading.add(mapped, _windowed(prose, self._engine.noise))
        spoken = language_of(prose)
        if spoken in ("id", "other", "unknown script"):
            reading.parts.append(Skipped("captions.names", f"language: {spoken}"))
        elif (_CAPITAL if self._noise else _MAY_NAME).search(prose, 0, MAX_NAME_CHARACTERS):
            reading.mapped, reading.prose = mapped, prose[:MAX_NAME_CHARACTERS]

    def _identify_path(self, reading: _Reading, mapped: Mapped) -> None:
        reading.add(mapped, _windowed(mapped.value, lambda part: paths.find(part, self._direct)))

    def _labelled(self, label: str, part: str) -> list[Found]:
        """Identifiers in `part`, read after the name of the field that holds it: "phone: 415 555 0132"."""
        shift = len(label)
        found = self._direct(label + part)
        return [one._replace(start=one.start - shift, end=one.end - shift) for one in found if one.start >= shift]

    def _find_names(self, waiting: list[_Reading]) -> None:
        try:
            named = list(self._engine.names([reading.prose for reading in waiting]))
        except Exception as error:  # noqa: BLE001 - as in _read; one by one, the others get their names
            if len(waiting) > 1:
                for reading in waiting:
                    self._find_names([reading])
                return
            waiting[0].parts.append(
                Failure("captions.names", "error", f"{type(error).__name__} while looking for names")
            )
            return
        for reading, found in zip(waiting, named, strict=True):
            reading.add(reading.mapped, found)


@lru_cache(maxsize=1)
def _shared_engine() -> Engine:
    """One per process: it holds no state, takes seconds to load, and three detectors read texts with it."""
    return _engine()


def _engine(*, noise: bool = False, added: custom.Custom | None = None) -> Engine:
    from privacy_audit.detectors.captions.engine import Engine

    return Engine(name_models.pipeline(), noise=noise, custom=added)


class _Reading:
    """One text, and what was found in it so far."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.parts: list[Skipped | Failure] = []
        self.mapped = Mapped("")
        self.prose = ""  # what the name model is to read
        self._values: dict[Found, str] = {}

    def add(self, mapped: Mapped, found: Iterable[Found]) -> None:
        """Remember `found`, whose positions are in `mapped`; a text that is one long list is cut short, and says so."""
        for one in found:
            if len(self._values) >= MAX_FINDINGS:
                message = f"a text holds more than {MAX_FINDINGS:,} findings; the rest was not read"
                self.parts.append(Failure("captions.findings", "too_large", message))
                return
            where = mapped.span(one.start, one.end)
            self._values[one._replace(start=where.start, end=where.end)] = mapped.value[one.start : one.end]

    def findings(self) -> Iterator[Finding]:
        """What is to be reported, in text order."""
        for found in profile.resolve(list(self._values)):
            yield _finding(self.text, found, self._values[found])


def _finding(text: Text, found: Found, value: str) -> Finding:
    entry = profile.entry(found)
    evidence = conceal(contacts.plain_email(value) if found.entity == "DISGUISED_EMAIL" else value, entry.code)
    attributes = {"field": text.field, "recognizer": found.recognizer, "tier": profile.tier(found)}
    region = profile.region(found, value)
    if region:
        attributes["region"] = region
    return Finding(
        code=entry.code,
        detector=Captions.name,
        score=round(found.score, 2),
        channel=text.channel,
        where=Span(found.start, found.end),
        preview=evidence.preview,
        token=evidence.token,
        attributes=attributes,
    )


def _drawn(sample_id: str, rate: float) -> bool:
    """Whether a sample belongs to a random part of this size: the same for the same id, in every run."""
    digest = hashlib.blake2b(sample_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"names").digest()
    return int.from_bytes(digest, "big") < rate * 2**64


def _custom(recognizers: Sequence[EntityRecognizer] | Path | str) -> custom.Custom:
    if isinstance(recognizers, Path):
        return custom.parse(custom.read(recognizers), recognizers.name)
    if isinstance(recognizers, str):
        return custom.parse(recognizers) if recognizers else custom.Custom()
    return custom.Custom(recognizers)


def _outcome(readings: list[_Reading], unnamed: Skipped | None) -> Outcome:
    if not readings and unnamed is None:
        return []
    parts: list[Finding | Skipped | Failure] = []
    noted: set[tuple[str, ...]] = set()
    for reading in readings:
        parts.extend(reading.findings())
        for part in reading.parts:
            key = (part.stage,) if isinstance(part, Skipped) else (part.stage, part.message)
            if key not in noted:
                noted.add(key)
                parts.append(part)
    if unnamed is not None and (unnamed.stage,) not in noted:
        parts.append(unnamed)
    return parts


def _holds_nothing(text: Text) -> bool:
    """Whether a caption certainly has no identifier, name or child in it; the others are read in full."""
    value = text.value
    if text.channel != "caption" or len(value) > WINDOW or not gate.is_plain(value):
        return False
    if minors.find(value) or health.find(value):
        return False
    return value[1:].islower() or not _MAY_NAME.search(value)


def _label(text: Text) -> str:
    """The last part of a string field's path as words before its value; empty for captions."""
    if text.channel != "record":
        return ""
    name = _CAMEL.sub(" ", text.field[-_MAX_LABEL:].rpartition(".")[2]).strip()
    return f"{name}: " if name else ""


def _windowed(text: str, find: Callable[[str], list[Found]]) -> Iterator[Found]:
    """What `find` finds in overlapping windows of `text`; what two windows see is taken from the one that sees more."""
    step, margin = WINDOW - OVERLAP, OVERLAP // 2
    for begin in range(0, max(1, len(text) - OVERLAP), step):
        stop = begin + WINDOW
        first = begin + margin if begin else 0
        last = stop - margin if stop < len(text) else len(text)
        for found in find(text[begin:stop]):
            start = begin + found.start
            if first <= start < last:
                yield found._replace(start=start, end=begin + found.end)
