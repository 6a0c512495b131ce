"""Text in pictures that the tests paint."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from privacy_audit.detectors import ImageText
from privacy_audit.detectors.base import as_sample
from privacy_audit.errors import DetectorError
from privacy_audit.pixels import Limits, Picture
from privacy_audit.types import Failure, Finding, Quad, Sample, Skipped

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


@pytest.fixture(scope="module")
def reader() -> ImageText:
    return ImageText()


def painted(
    *lines: str, size: tuple[int, int] = (640, 420), px: int = 26, at: tuple[int, int] = (40, 120)
) -> Image.Image:
    picture = Image.new("RGB", size, (205, 210, 190))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((at[0], at[1] + number * px * 1.6), line, fill=(20, 25, 30), font=ImageFont.load_default(px))
    return picture


def codes(found: list[Finding]) -> list[str]:
    return sorted(finding.code for finding in found)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Write to jane.doe@example.com"], ["contact.email"]),
        (["Rooms to let", "+1 415 555 0137"], ["contact.phone"]),
        (["Phone", "415 555 0137"], ["contact.phone"]),
        (["4111 1111 1111 1111"], ["id.card"]),
        (["NIK : 3171014508900003"], ["id.national"]),
        (["DE89 3704 0044 0532 0130 00"], ["id.iban"]),
        (["wifi password: hunter22x"], ["secret"]),
        (["Date of birth", "12.08.1974"], ["person.birth_date"]),
        (["B 1234 XYZ"], ["id.plate"]),
        (["Open daily", "9 to 17"], []),
        (["Sunny Beach Hotel"], []),
        (["Route 66"], []),
        (["<script>alert(1)</script>"], []),
    ],
)
def test_what_is_written(reader: ImageText, lines: list[str], expected: list[str]) -> None:
    found = [finding for finding in reader(painted(*lines)) if finding.code != "text.unread"]
    assert codes(found) == expected
    for finding in found:
        assert finding.channel == "image_text"
        assert finding.attributes["tier"] == ("contextual" if finding.code == "person.birth_date" else "direct")
        assert finding.preview
        assert not any(value in repr(finding) for value in ("jane", "5550137", "555 0137", "hunter", "1111 1111"))


@pytest.mark.parametrize("degrees", [0, 15, 90, 180, 270])
def test_the_area_is_the_line_however_it_is_turned(reader: ImageText, degrees: int) -> None:
    picture = painted("jane.doe@example.com", at=(120, 190))
    ink = np.argwhere(np.asarray(picture.convert("L")) < 100)[:, ::-1]
    turned = picture.rotate(degrees, expand=True, fillcolor=(205, 210, 190))
    (finding,) = [finding for finding in reader(turned) if finding.code == "contact.email"]
    assert isinstance(finding.where, Quad)
    angle = np.radians(-degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle, new_middle = np.array(picture.size) / 2, np.array(turned.size) / 2
    corners = (np.array(finding.where.corners) - new_middle) @ turn + middle  # back on the upright picture
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert (low <= ink.min(axis=0) + 3).all()
    assert (high >= ink.max(axis=0) - 3).all()
    assert (high - low <= np.ptp(ink, axis=0) + 45).all()


def test_a_value_in_several_pieces_is_one_finding_over_all_of_them(reader: ImageText) -> None:
    picture = painted(size=(900, 300))
    draw = ImageDraw.Draw(picture)
    for number, group in enumerate(["4111", "1111", "1111", "1111"]):
        draw.text((60 + 200 * number, 100), group, fill=(10, 10, 10), font=ImageFont.load_default(30))
    (finding,) = [finding for finding in reader(picture) if finding.code == "id.card"]
    assert isinstance(finding.where, Quad)
    xs = [x for x, _ in finding.where.corners]
    assert min(xs) < 65
    assert max(xs) > 720


def test_a_passport(reader: ImageText) -> None:
    picture = painted(
        "UTOPIA PASSPORT", "ERIKSSON", "ANNA MARIA", "L898902C3", "12 AUG 1974", size=(900, 600), at=(40, 60)
    )
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(TD3):
        for index, character in enumerate(line):
            place = (40 + index * 18, 470 + number * 45)
            draw.text(place, character, fill=(10, 10, 10), font=ImageFont.load_default(24))
    found = [finding for finding in reader(picture) if finding.code != "text.unread"]
    (zone,) = [finding for finding in found if finding.code == "id.mrz"]
    assert zone.score == 1.0
    assert zone.attributes["format"] == "TD3"
    assert isinstance(zone.where, Quad)
    assert min(y for _, y in zone.where.corners) < 480
    assert max(y for _, y in zone.where.corners) > 530
    places = {(finding.code, finding.preview) for finding in found}
    for code in ("id.passport", "name.person", "person.birth_date"):
        assert {(code, "in the machine-readable zone"), (code, "as in the machine-readable zone")} <= places
    assert not any(value in repr(found) for value in ("ERIKSSON", "L898902C3", "740812", "1974"))


def test_a_zone_with_wrong_check_digits_is_unread(reader: ImageText) -> None:
    picture = painted(size=(900, 300))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate((TD3[0], "L898902C37UTO7408123F1204158ZE184226B<<<<<10")):
        for index, character in enumerate(line):
            draw.text(
                (40 + index * 18, 100 + number * 45), character, fill=(10, 10, 10), font=ImageFont.load_default(24)
            )
    found = codes(reader(picture))
    assert "text.unread" in found
    assert "id.mrz" not in found


def test_text_that_cannot_be_read_is_a_finding(reader: ImageText) -> None:
    """Something like writing that is none in any script."""
    picture = painted(size=(640, 420))
    draw = ImageDraw.Draw(picture)
    dice = np.random.default_rng(3)
    for letter in range(16):
        x = 60 + letter * 30
        points = [
            (x + int(dx), 200 + int(dy))
            for dx, dy in zip(dice.integers(0, 24, 5), dice.integers(0, 40, 5), strict=True)
        ]
        draw.line(points, fill=(15, 15, 15), width=4)
    (finding,) = reader(picture)
    assert finding.code == "text.unread"
    assert int(finding.attributes["lines"]) >= 1


def test_the_gate_says_so_when_there_is_no_text(reader: ImageText) -> None:
    blank = Image.new("RGB", (640, 420), (90, 120, 160))
    outcome = reader.detect([as_sample(blank, reader.needs)])[0]
    assert outcome == [Skipped("image_text.reading", "no text seen at 480 pixels")]
    assert ImageText(gate=None).detect([as_sample(blank, reader.needs)]) == [[]]


def test_a_long_screenshot_is_read_in_windows_and_each_line_once(reader: ImageText) -> None:
    picture = painted(size=(720, 6000))
    draw = ImageDraw.Draw(picture)
    for number in range(12):
        place = (60, 200 + number * 480)
        draw.text(place, f"user{number:02}@example.com", fill=(10, 10, 10), font=ImageFont.load_default(24))
    found = [finding for finding in reader(picture) if finding.code == "contact.email"]
    assert len(found) == 12
    assert len({finding.token for finding in found}) == 12
    heights = sorted(
        sum(y for _, y in finding.where.corners) / 4 for finding in found if isinstance(finding.where, Quad)
    )
    assert heights == pytest.approx([214 + number * 480 for number in range(12)], abs=16)


def test_a_large_picture_is_read_at_its_full_size_coordinates(reader: ImageText) -> None:
    picture = painted("jane.doe@example.com", size=(4000, 3000), px=150, at=(900, 1800))
    (finding,) = [finding for finding in reader(picture) if finding.code == "contact.email"]
    assert isinstance(finding.where, Quad)
    assert finding.where.corners[0] == pytest.approx((900, 1830), abs=60)


def test_pages(reader: ImageText) -> None:
    pages = [painted("first page"), painted("jane.doe@example.com"), painted("third page")]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    (finding,) = [finding for finding in reader(buffer.getvalue()) if finding.code == "contact.email"]
    assert finding.attributes["frame"] == "1"


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 7), (8, 8), (33, 9), (9000, 40)])
def test_odd_sizes(reader: ImageText, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    outcome = reader.detect([as_sample(Image.fromarray(noise), reader.needs)])[0]
    assert not isinstance(outcome, Failure)


def test_a_wall_of_text_is_bounded(reader: ImageText) -> None:
    lines = ["lorem ipsum dolor sit amet " * 4] * 60
    outcome = reader.detect([as_sample(painted(*lines, size=(1280, 1280), px=12, at=(4, 4)), reader.needs)])[0]
    assert not isinstance(outcome, Failure)


def test_bad_pictures_are_failures_and_no_picture_is_a_skip(reader: ImageText, jpeg: Callable[..., bytes]) -> None:
    whole = jpeg(size=(640, 480))
    samples = [
        Sample("a", "", Picture(whole[: len(whole) // 2])),
        Sample("b", "", Picture(whole, Limits(max_pixels=1000))),
        Sample("c", ""),
    ]
    cut, large, none = reader.detect(samples)
    assert isinstance(cut, Failure)
    assert isinstance(large, Failure)
    assert large.kind == "too_large"
    assert none == [Skipped("image_text", "no picture in the source")]


def test_a_fault_in_the_network_is_a_failure(reader: ImageText, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object) -> None:
        raise DetectorError("onnxruntime failed on a network: Fail")

    monkeypatch.setattr(reader, "_look", faulty)
    outcome = reader.detect([as_sample(painted("x"), reader.needs)])[0]
    assert outcome == Failure("image_text", "error", "onnxruntime failed on a network: Fail")
