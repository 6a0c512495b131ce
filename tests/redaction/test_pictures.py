from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from PIL import Image
from skimage import data as pictures

from privacy_audit.pixels import Picture
from privacy_audit.redaction import pictures as module
from privacy_audit.redaction.orders import Orders
from privacy_audit.redaction.pictures import cover
from privacy_audit.redaction.regions import Redacted, RedactionRefused
from privacy_audit.types import Action, Box, Finding, Needs, Sample

FACE = Box(175, 60, 100, 125)


class Onlooker:
    """A detector that finds nothing, and remembers what it was shown."""

    name, version, codes, needs = "onlooker", "1", frozenset({"face"}), Needs.PIXELS

    def __init__(self, at_least: int) -> None:
        self.at_least = at_least
        self.seen: list[Picture] = []

    def detect(self, samples: Sequence[Sample]) -> list[list[Finding]]:
        for sample in samples:
            assert sample.picture is not None
            self.seen.append(sample.picture)
            sample.picture.upright(self.at_least)
        return [[] for _ in samples]


def photo() -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(pictures.astronaut()).save(buffer, "JPEG", quality=90)
    return Picture(buffer.getvalue())


def orders(method: str) -> Orders:
    face = Finding("face", "faces", 0.9, "pixels", FACE)
    return Orders(Action("redact", {method: "face"}), [face])


def test_detectors_look_at_one_picture_that_is_decoded_once() -> None:
    detectors = [Onlooker(256), Onlooker(128)]
    covered = cover(photo(), orders("fill"), detectors)
    assert (covered.route, covered.added) == ("libjpeg-turbo", ())
    first, second = (detector.seen for detector in detectors)
    assert first == second
    assert len(first) == 1
    assert first[0].at_hand is not None
    assert first[0].at_hand.rgb.shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("method", "seen", "read_back"), [("fill", 1, False), ("fill", 0, True), ("pixelate", 1, True)]
)
def test_coefficients_are_read_back_unless_a_fill_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, method: str, seen: int, read_back: bool
) -> None:
    asked = []

    def redact(*arguments: object, read_back: bool) -> Redacted:
        asked.append(read_back)
        return real(*arguments, read_back=read_back)  # type: ignore[arg-type]

    real = module.redact_regions
    monkeypatch.setattr(module, "redact_regions", redact)
    cover(photo(), orders(method), [Onlooker(256)] * seen)
    assert asked == [read_back]


def test_a_fill_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo()
    untouched = Redacted(source.data, "libjpeg-turbo", lossless_outside=True, note="")
    monkeypatch.setattr(module, "redact_regions", lambda *_, **__: untouched)
    with pytest.raises(RedactionRefused, match="not even"):
        cover(source, orders("fill"), [Onlooker(256)])
