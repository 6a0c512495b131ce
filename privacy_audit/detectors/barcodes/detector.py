"""The detector of codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from privacy_audit.detectors.barcodes.payloads import MAX_CHARACTERS, Item, parse
from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.captions import Captions
from privacy_audit.detectors.frames import each_frame
from privacy_audit.errors import DetectorError
from privacy_audit.evidence import conceal
from privacy_audit.pixels import Picture, Raster
from privacy_audit.types import Channel, Failure, Finding, Needs, Outcome, Quad, Sample, Span, Text

MAX_CODES = 50
_LINEAR_GROWTH = 0.15  # of its length, above and below: every row of a linear code holds all of it
_MOST_ODD = 0.05  # of a text; a tenth of random bytes are control characters
_PLAIN = {"\n", "\r", "\t", "\x1c", "\x1d", "\x1e", "\x1f", "\x04"}  # control characters that formats use


class Barcodes(Standalone):
    """Machine-readable codes whose payload identifies or locates a person, or opens something.

    Reads QR, PDF417, Aztec, DataMatrix, MaxiCode and linear codes on the upright picture and keeps those whose payload
    is a contact card, a boarding pass, a network's password, a driving licence, a health certificate ... Text and URLs
    in a code go through the recognizers of direct identifiers of captions. A product number (EAN, UPC) is no finding.

    Finds: contact.* id.* name.person person.* gps.* secret text.unread   Needs: pixels
    Attributes: `symbology`, `payload` (what it is), `frame` (number from 0, of a frame that is not the first); for text
    and URLs those of `captions`.
    Misses: codes under about 60 pixels, stylised, torn or strongly bent codes.   Measured: benchmarks/image_text.py
    """

    name, version = "barcodes", "1"
    codes = Captions.codes | {
        "contact.address",
        "gps.coarse",
        "gps.precise",
        "id.mrz",
        "person.health",
        "text.unread",
    }
    needs = Needs.PIXELS
    optional = True
    packages: ClassVar = {"zxingcpp": "pip install 'privacy-audit[ocr]'"}
    models = Captions.models
    long_side = 1600
    about = About(
        method=(
            "zxing-cpp at a long side of up to 1600 pixels or more, in any direction, dark on light and light on "
            "dark. Payloads are taken apart by format: vCard, MECARD, BIZCARD, mail, phone, SMS and geo links, "
            "Wi-Fi, one-time passwords, sign-in codes, boarding passes (IATA), driving licences (AAMVA), health "
            "certificates (HC1, SHC), Aadhaar, bank transfers (EPC, Swiss QR-bill, UPI), payment codes with a "
            "private account (PromptPay, PayNow, Pix), machine-readable zones; any other text or URL is read like "
            "a caption."
        ),
        limits=(
            "Codes under about 60 pixels, stylised, torn and strongly bent ones are missed. Not judged: digits "
            "alone (products, parcels, tickets), what a web page behind a URL shows, a shop's own name and "
            "account (QRIS). Binary content is reported as unread. A code that was seen and not decoded is not "
            "reported."
        ),
        measured="benchmarks/image_text.py",
    )

    def __init__(self) -> None:
        """Load the recognizers; raises DetectorError when zxing-cpp is not installed, ModelError without a model."""
        try:
            import zxingcpp
        except ImportError as error:
            raise DetectorError(f"the detector 'barcodes' needs zxing-cpp: {self.packages['zxingcpp']}") from error
        self._zxing: Any = zxingcpp
        self._captions = Captions(names="off")  # only direct identifiers are taken from it

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order. Never raises for what a sample holds."""
        return [self._outcome(sample) for sample in samples]

    def _outcome(self, sample: Sample) -> Outcome:
        return each_frame(self.name, sample.picture, lambda picture, frame, _: list(self._examine(picture, frame)))

    def _examine(self, picture: Picture, frame: int) -> Iterator[Finding | Failure]:
        raster = picture.upright(self.long_side, frame)
        gray = np.ascontiguousarray(raster.rgb @ _LUMA, dtype=np.uint8)
        try:
            codes = self._zxing.read_barcodes(gray, text_mode=self._zxing.TextMode.Plain)
        except Exception as error:  # noqa: BLE001 - native code; its text may quote the payload
            yield Failure(self.name, "error", f"zxing-cpp failed: {type(error).__name__}")
            return
        for code in codes[:MAX_CODES]:
            facts = {"symbology": str(code.format), **({"frame": str(frame)} if frame else {})}
            yield from self._judge(_text(code), _where(code.position, raster, str(code.format)), facts)

    def _judge(self, text: str | None, where: Quad, facts: dict[str, str]) -> Iterator[Finding | Failure]:
        """What is personal in one code's `text`; None stands for content that is no text."""
        if text is None:
            preview = "a code with binary content"
            yield Finding("text.unread", self.name, 1.0, "barcode", where, preview, attributes=facts)
            return
        payload = parse(text)
        facts = {**facts, "payload": payload.kind}
        if payload.known:
            yield from (self._finding(item, where, {**facts, "tier": "direct"}) for item in payload.items)
            return
        channel: Channel = "url" if payload.kind == "url" else "barcode"
        outcome = self._captions.detect([Sample("", "", texts=(Text(channel, "", text[:MAX_CHARACTERS]),))])[0]
        for part in [outcome] if isinstance(outcome, Failure) else outcome:
            if isinstance(part, Failure):
                yield Failure(self.name, part.kind, part.message)
            elif isinstance(part, Finding) and part.attributes["tier"] == "direct" and isinstance(part.where, Span):
                kept = {name: value for name, value in part.attributes.items() if name != "field"}
                yield replace(part, detector=self.name, channel="barcode", where=where, attributes={**kept, **facts})

    def _finding(self, item: Item, where: Quad, facts: dict[str, str]) -> Finding:
        shown = conceal(item.value, item.code)
        return Finding(item.code, self.name, 1.0, "barcode", where, shown.preview, shown.token, facts)


_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LINEAR = ("EAN", "UPC", "Code ", "Codabar", "ITF", "DataBar", "DX Film", "Telepen", "Other")


def _text(code: Any) -> str | None:
    """A code's content as text; None when it is binary.

    Few codes say in which encoding they are. In any of them, addresses and numbers are the same ASCII characters.
    """
    raw: bytes = code.bytes
    text: str = code.text
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        if str(code.content_type).endswith("Binary"):
            text = raw.decode("latin-1")
    odd = sum(character < " " and character not in _PLAIN for character in text)
    return text if odd <= _MOST_ODD * len(text) else None


def _where(position: Any, raster: Raster, symbology: str) -> Quad:
    """A code's corners in full-size pixels; a linear code's reach further, to all of its bars."""
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    corners = np.array([(point.x, point.y) for point in points], dtype=np.float64)
    if symbology.startswith(_LINEAR):
        along = corners[1] - corners[0]
        across = np.array([-along[1], along[0]]) * _LINEAR_GROWTH
        corners += np.array([-across, -across, across, across])
    corners *= (raster.scale_x, raster.scale_y)
    a, b, c, d = ((float(x), float(y)) for x, y in corners)
    return Quad((a, b, c, d))
