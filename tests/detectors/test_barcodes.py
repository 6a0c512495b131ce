"""Codes on pictures that the tests draw."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from privacy_audit.detectors import Barcodes
from privacy_audit.detectors.base import as_sample
from privacy_audit.pixels import Limits, Picture
from privacy_audit.types import Failure, Finding, Quad, Sample, Skipped

VCARD = "BEGIN:VCARD\nVERSION:3.0\nN:Doe;Jane;;;\nTEL:+14155550137\nEMAIL:jane@example.com\nEND:VCARD"


@pytest.fixture(scope="module")
def barcodes() -> Barcodes:
    return Barcodes()


def code(content: str | bytes, kind: str = "QRCode", scale: int = 4) -> Image.Image:
    made = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, kind)).to_image(scale=scale)
    return Image.fromarray(np.asarray(made)).convert("RGB")


def scene(size: tuple[int, int], *parts: tuple[Image.Image, tuple[int, int]]) -> Image.Image:
    picture = Image.new("RGB", size, (120, 150, 110))
    for part, place in parts:
        picture.paste(part, place)
    return picture


def codes(found: list[Finding]) -> list[str]:
    return sorted(finding.code for finding in found)


@pytest.mark.parametrize("kind", ["QRCode", "PDF417", "Aztec", "DataMatrix"])
def test_a_contact_card_in_every_symbology(barcodes: Barcodes, kind: str) -> None:
    drawn = code(VCARD, kind)
    found = barcodes(scene((drawn.width + 300, drawn.height + 200), (drawn, (200, 100))))
    assert codes(found) == ["contact.email", "contact.phone", "name.person"]
    for finding in found:
        assert finding.channel == "barcode"
        assert finding.attributes["payload"] == "contact card"
        assert isinstance(finding.where, Quad)
        for x, y in finding.where.corners:
            assert 190 <= x <= 210 + drawn.width
            assert 90 <= y <= 110 + drawn.height
        assert not any(secret in repr(finding) for secret in ("5550137", "jane", "Doe"))


def test_a_code_lies_where_it_stands_on_the_full_picture(barcodes: Barcodes) -> None:
    drawn = code(VCARD, scale=20)
    found = barcodes(scene((5000, 3000), (drawn, (2500, 500))))
    assert found
    assert isinstance(found[0].where, Quad)
    xs, ys = zip(*found[0].where.corners, strict=True)
    margin = 5 * 20  # the quiet zone, which is no part of the code, and a module of tolerance
    assert min(xs) == pytest.approx(2500, abs=margin)
    assert max(ys) == pytest.approx(500 + drawn.height, abs=margin)


@pytest.mark.parametrize("degrees", [0, 33, 90, 180])
def test_turned_and_inverted_codes(barcodes: Barcodes, degrees: int) -> None:
    drawn = code("WIFI:T:WPA;S:home;P:hunter22;;", scale=6)
    turned = drawn.rotate(degrees, expand=True, fillcolor="white")
    assert codes(barcodes(scene((800, 700), (turned, (150, 120))))) == ["secret"]
    negative = Image.eval(turned, lambda value: 255 - value)
    assert codes(barcodes(negative)) == ["secret"]


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("4006381333931", "EAN13", []),
        ("Parcel 12-34", "Code128", []),
        ("jane@example.com", "Code128", ["contact.email"]),
        ("https://example.com/menu", "QRCode", []),
        ("https://example.com/?token=Zx81kdPq93nfJ2LsT7", "QRCode", ["secret"]),
        ("https://wa.me/14155550137", "QRCode", ["contact.phone"]),
        ("Call me: +1 415 555 0137", "QRCode", ["contact.phone"]),
        ("<script>alert('jane@example.com')</script>", "QRCode", ["contact.email"]),
        (bytes(range(256)) * 8, "QRCode", ["text.unread"]),  # 2 kB that are no text
        ("Grüße an jane@example.com".encode("latin-1"), "QRCode", ["contact.email"]),
        ("x" * 2900, "QRCode", []),
        ("9" * 3000, "QRCode", []),
    ],
)
def test_what_counts(barcodes: Barcodes, content: str | bytes, kind: str, expected: list[str]) -> None:
    assert codes(barcodes(code(content, kind, scale=3))) == expected


def test_a_linear_codes_area_holds_all_of_its_bars(barcodes: Barcodes) -> None:
    drawn = code("jane@example.com", "Code128")
    (finding,) = barcodes(scene((drawn.width + 200, drawn.height + 300), (drawn, (100, 150))))
    assert isinstance(finding.where, Quad)
    bars = np.asarray(drawn.convert("L")) < 128
    rows = np.flatnonzero(bars.any(axis=1))
    ys = [y for _, y in finding.where.corners]
    assert min(ys) <= 150 + rows[0] + 2
    assert max(ys) >= 150 + rows[-1] - 2


def test_many_codes_are_bounded(barcodes: Barcodes) -> None:
    small = code("tel:+14155550137", scale=3)
    parts = [(small, (x * small.width, y * small.height)) for x in range(10) for y in range(8)]
    found = barcodes(scene((10 * small.width, 8 * small.height), *parts))
    assert 1 <= len(found) <= 50


def test_frames(barcodes: Barcodes) -> None:
    drawn = code(VCARD)
    blank = Image.new("RGB", drawn.size, "white")
    buffer = io.BytesIO()
    blank.save(buffer, "TIFF", save_all=True, append_images=[drawn] + [blank] * 9)
    outcome = barcodes.detect([as_sample(buffer.getvalue(), barcodes.needs)])[0]
    assert isinstance(outcome, list)
    assert Skipped("barcodes.frames", "8 of 11 frames looked at") in outcome
    pages = {part.attributes["frame"] for part in outcome if isinstance(part, Finding)}
    assert pages <= {"1"}


def test_bad_pictures_are_failures_and_no_picture_is_a_skip(barcodes: Barcodes, jpeg: Callable[..., bytes]) -> None:
    whole = jpeg(size=(640, 480))
    samples = [
        Sample("a", "", Picture(whole[: len(whole) // 2])),
        Sample("b", "", Picture(whole, Limits(max_pixels=1000))),
        Sample("c", ""),
        Sample("d", "", Picture(jpeg(size=(1, 1)))),
    ]
    cut, large, none, tiny = barcodes.detect(samples)
    assert isinstance(cut, Failure)
    assert isinstance(large, Failure)
    assert large.kind == "too_large"
    assert none == [Skipped("barcodes", "no picture in the source")]
    assert tiny == []


def test_a_fault_in_native_code_is_a_failure_without_its_text(
    barcodes: Barcodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Faulty:
        TextMode = zxingcpp.TextMode

        def read_barcodes(self, *_: object, **__: object) -> None:
            raise ValueError("jane@example.com")

    monkeypatch.setattr(barcodes, "_zxing", Faulty())
    picture = Image.new("RGB", (64, 64))
    ImageDraw.Draw(picture).line([0, 0, 63, 63])
    outcome = barcodes.detect([as_sample(picture, barcodes.needs)])[0]
    assert outcome == [Failure("barcodes", "error", "zxing-cpp failed: ValueError")]
