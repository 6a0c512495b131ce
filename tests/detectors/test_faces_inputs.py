"""What a network is given."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from privacy_audit.detectors.faces.inputs import fit, input_size, planes


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (640, 480, (640, 480)),
        (4000, 3000, (640, 480)),
        (3000, 4000, (480, 640)),
        (1224, 816, (640, 416)),
        (10, 10, (640, 640)),
        (1, 1, (640, 640)),
        (10_000, 4, (640, 32)),
        (1, 30_000, (32, 640)),
    ],
)
def test_input_size(width: int, height: int, expected: tuple[int, int]) -> None:
    assert input_size(width, height, 640) == expected
    fitted = fit(Image.new("RGB", (width, height), (1, 2, 3)), 640)
    assert fitted.size == expected
    assert fitted.getpixel((5, 5)) == (1, 2, 3)


@pytest.mark.parametrize("side", [700, 1000, 1300, 2600])
def test_reduction_averages(side: int) -> None:
    """A fine checkerboard becomes grey, however much it is reduced: no pixel is left out."""
    board = np.indices((side, side)).sum(0) % 2 * 255
    fitted = np.asarray(fit(Image.fromarray(board.astype(np.uint8)).convert("RGB"), 320), np.float32)
    assert np.abs(fitted - 127.5).max() < 64
    assert abs(fitted.mean() - 127.5) < 2


@pytest.mark.parametrize(("order", "expected"), [("RGB", [10, 20, 30]), ("BGR", [30, 20, 10])])
def test_planes(order: str, expected: list[int]) -> None:
    tensor = planes(Image.new("RGB", (64, 32), (10, 20, 30)), order)
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor[0, :, 5, 7].tolist() == expected
