"""Turned pictures: geometry, and which turn is worth a second look."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from privacy_audit.detectors.faces.boxes import Boxes
from privacy_audit.detectors.faces.orientations import likely_turn, turn, turn_back


def found(*scores: float) -> Boxes:
    return Boxes.of(np.zeros((len(scores), 4), np.float32), np.array(scores, np.float32))


@pytest.mark.parametrize("quarters", range(4))
def test_turn_back_undoes_turn(quarters: int) -> None:
    pixels = np.zeros((50, 80, 3), np.uint8)
    pixels[10:15, 20:45] = 255
    turned = np.asarray(turn(Image.fromarray(pixels), quarters))
    rows, columns = np.nonzero(turned[:, :, 0])
    seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    back = turn_back(Boxes.of(seen, np.array([0.5], np.float32)), quarters, 80, 50)
    assert back.corners.tolist() == [[20, 10, 45, 15]]
    assert back.turned.tolist() == [90 * quarters]


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ([(), (), (), ()], 0),
        ([(), (0.9,), (), ()], 1),
        ([(0.3,), (0.2,), (), (0.9, 0.8)], 3),
        ([(0.6,), (), (0.7,), ()], 0),  # .49 - .36 is within the margin
        ([(), (), (0.38,), ()], 0),  # so is .14 alone
        ([(0.9,), (0.1,) * 20, (), ()], 0),  # many doubts are no evidence
        ([(0.9, 0.9), (0.9,), (0.9,), (0.9,)], 0),
    ],
)
def test_likely_turn(evidence: list[tuple[float, ...]], expected: int) -> None:
    picture = Image.new("RGB", (640, 320))
    picture.putpixel((0, 0), (255, 255, 255))
    for x, y in np.ndindex(40, 40):
        picture.putpixel((x, y), (255, 255, 255))  # marks the top left corner, so that the stub sees the turn

    def network(view: Image.Image, threshold: float) -> Boxes:
        assert max(view.size) == 320
        width, height = view.size
        corners = [(2, 2), (2, height - 3), (width - 3, height - 3), (width - 3, 2)]
        quarters = next(number for number, corner in enumerate(corners) if view.getpixel(corner) == (255, 255, 255))
        return found(*(score for score in evidence[quarters] if score >= threshold))

    assert likely_turn(network, picture, 320) == expected
