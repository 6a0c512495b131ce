"""Machine-readable zones, plates, rectangles and rows: the pure parts of reading text in pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.image_text import geometry, layout, mrz
from privacy_audit.detectors.image_text.detector import _is_unread
from privacy_audit.detectors.image_text.locate import Line, input_size
from privacy_audit.detectors.image_text.look import Seen
from privacy_audit.detectors.image_text.plates import plate
from privacy_audit.detectors.image_text.read import Words

# The specimens of ICAO Doc 9303, of nobody
TD3 = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
TD2 = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"]
TD1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
VISA_A = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"]
VISA_B = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"]


@pytest.mark.parametrize(
    ("rows", "layout_name", "kind", "checks", "at"),
    [
        (TD3, "TD3", "passport", 3, (0, 1)),
        (TD2, "TD2", "card", 3, (0, 1)),
        (TD1, "TD1", "card", 3, (0, 1, 2)),
        (VISA_A, "MRV", "visa", 3, (0, 1)),
        (VISA_B, "MRV", "visa", 3, (0, 1)),
        (["UTOPIA", "PASSPORT", *TD3, "x"], "TD3", "passport", 3, (2, 3)),
        ([TD3[0], "Machine readable", TD3[1]], "TD3", "passport", 3, (0, 2)),
        ([TD3[0].replace("<", "«"), TD3[1].replace("<", " <").lower()], "TD3", "passport", 3, (0, 1)),
        ([TD3[0], TD3[1].replace("740812", "74O8I2")], "TD3", "passport", 3, (0, 1)),  # letters read for digits
        ([TD3[0], "X" + TD3[1][1:]], "TD3", "passport", 2, (0, 1)),
        ([TD3[1]], "TD3", "passport", 3, (0,)),
    ],
)
def test_zones(rows: list[str], layout_name: str, kind: str, checks: int, at: tuple[int, ...]) -> None:
    zone = mrz.find(rows)
    assert zone is not None
    assert (zone.layout, zone.kind, zone.checks, zone.rows) == (layout_name, kind, checks, at)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        ["", "x"],
        [TD3[0]],
        [TD3[0], "X8989X2C36UTO7409122F1204159ZE184226B<<<<<10"],  # one check digit of three
        ["L898902C36UTO7448122F1244159ZE184226B<<<<<10"],  # no such month
        ["THEQUICKBROWNFOXJUMPSOVERTHELAZYDOGANDSOON"],
        ["1" * 44, "2" * 44],
    ],
)
def test_no_zone(rows: list[str]) -> None:
    assert mrz.find(rows) is None


@pytest.mark.parametrize(
    ("field", "digit"), [("L898902C3", 6), ("740812", 2), ("120415", 9), ("D23145890", 7), ("<<<<<<", 0), ("", 0)]
)
def test_check_digits(field: str, digit: int) -> None:
    assert mrz.check_digit(field) == digit


def test_a_zone_does_not_show_what_it_holds() -> None:
    assert "ERIKSSON" not in repr(mrz.find(TD3))
    assert "L898902C3" not in repr(mrz.find(TD3))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("L898902C3", "number"),
        ("No. L 898902 C3", "number"),
        ("ERIKSSON", "name"),
        ("Anna Maria", "name"),
        ("12.08.1974", "birth_date"),
        ("1974-08-12", "birth_date"),
        ("12 AUG/AOUT 74", "birth_date"),
        ("12 AUGUST 1974", "birth_date"),
        ("15.04.2012", None),
        ("ERIKSSONS", None),
        ("UTOPIA", None),
        ("", None),
    ],
)
def test_what_a_document_repeats_of_its_zone(row: str, what: str | None) -> None:
    zone = mrz.find(TD3)
    assert zone is not None
    assert zone.repeated_in(row) == what


@settings(max_examples=200, deadline=500)
@given(st.lists(st.text(alphabet=st.sampled_from("ABCPIV0123456789<«é "), max_size=60), max_size=8))
def test_any_rows(rows: list[str]) -> None:
    zone = mrz.find(rows)
    for row in rows:
        mrz.looks_like_one(row)
        if zone is not None:
            zone.repeated_in(row)


@pytest.mark.parametrize(
    ("line", "country"),
    [
        ("B 1234 XYZ", "ID"),
        ("AB 1234 CD", "ID"),
        ("B1234XYZ", "ID"),
        ("M-AB 123", "DE"),
        ("HH-XY 4321E", "DE"),
        ("AB-123-CD", ""),
        ("[1234 BCD]", "ES"),
        ("AB12 CDE", "GB"),
        ("12-AB-34", "NL"),
        ("WA 1234A", "PL"),
        ("1A2 3456", "CZ"),
        ("Q 1234 XYZ", None),  # no such region
        ("B 1 X", None),
        ("A4", None),
        ("ROUTE 66", None),
        ("2024", None),
        ("OPEN 24 H", None),
        ("RTX 3080", None),
        ("b 1234 xyz", None),
        ("", None),
    ],
)
def test_plates(line: str, country: str | None) -> None:
    found = plate(line)
    assert (found.country if found else None) == country


def seen(text: str, x: float, y: float, width: float = 60, height: float = 20, degrees: float = 0) -> Seen:
    """A line whose middle is at `x`, `y`, turned clockwise by `degrees`."""
    angle = math.radians(degrees)
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    corners = [
        tuple(
            middle + along[axis] * u * width / 2 + across[axis] * v * height / 2 for axis, middle in enumerate((x, y))
        )
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    return Seen(Line(tuple(corners), 0.9), Words(text, 1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [0, 12, -30])
def test_rows_of_a_tilted_page(degrees: float) -> None:
    def at(text: str, x: float, y: float) -> Seen:
        angle = math.radians(degrees)
        return seen(
            text, x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle), degrees=degrees
        )

    lines = [at("1111", 180, 40), at("card", 0, 2), at("4111", 0, 42), at("1111", 90, 38), at("1111", 270, 41)]
    assert layout.page(layout.rows(lines)).text == "card\n4111 1111 1111 1111\n"


def test_lines_at_right_angles_are_rows_of_their_own() -> None:
    lines = [seen("across", 100, 100), seen("down", 100, 104, degrees=90), seen("again", 100, 130)]
    assert layout.page(layout.rows(lines)).text.split("\n") == ["across", "again", "down", ""]


def test_a_span_is_where_its_lines_stand() -> None:
    page = layout.page([[seen("4111 1111", 50, 10), seen("1111 1111", 150, 10)], [seen("next", 50, 50)]])
    (left, top), _, (right, bottom), _ = page.where(0, 19)
    assert (left, top, right, bottom) == pytest.approx((20, 0, 180, 20))
    assert page.where(20, 24) == seen("next", 50, 50).corners


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 500)), min_size=1, max_size=30),
    st.floats(0, 50),
)
def test_the_smallest_rectangle_holds_its_points(points: list[tuple[int, int]], margin: float) -> None:
    corners = geometry.grown(geometry.smallest_rectangle(points), margin)
    (ax, ay), (bx, by), _, (dx, dy) = corners
    across, down = geometry.sides(corners)
    for x, y in points:
        if across:
            assert -1e-3 <= ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / across <= across + 1e-3
        if down:
            assert -1e-3 <= ((x - ax) * (dx - ax) + (y - ay) * (dy - ay)) / down <= down + 1e-3
    assert (bx - ax) * (dy - ay) - (by - ay) * (dx - ax) >= -1e-6  # clockwise, y points down


@pytest.mark.parametrize("degrees", [0, 20, -40, 44])
def test_the_first_side_is_the_one_that_is_read(degrees: float) -> None:
    corners = seen("", 0, 0, 100, 20, degrees).corners
    found = geometry.smallest_rectangle(np.array(corners))
    assert np.allclose(found, corners, atol=1e-3)


@pytest.mark.parametrize(
    ("width", "height", "long_side", "size"),
    [(830, 550, 480, (480, 320)), (1, 1, 480, (480, 480)), (10_000, 1, 480, (480, 32)), (550, 830, 480, (320, 480))],
)
def test_input_sizes(width: int, height: int, long_side: int, size: tuple[int, int]) -> None:
    assert input_size(width, height, long_side) == size


@pytest.mark.parametrize(
    ("text", "score", "unread"),
    [
        ("No entry for cars", 0.95, False),
        ("No entry for cars", 0.85, True),
        ("AnTeka oTkpbITa c yTpa", 0.92, True),  # Cyrillic, taken for Latin letters
        ("TeneΦoH doverija", 0.95, True),
        ("My iPhone and a coffee", 0.95, False),
        ("5 μm, 10 kΩ", 0.95, False),
        ("MOCKBA 2024", 0.95, False),  # capitals that look Latin: nobody can tell
    ],
)
def test_a_line_of_another_script_is_unread(text: str, score: float, unread: bool) -> None:
    line = Line(((0, 0), (200, 0), (200, 20), (0, 20)), 0.97)
    assert _is_unread(Seen(line, Words(text, score))) is unread
