"""The CenterFace network: model files, precision and engine, decoding."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from privacy_audit.detectors.faces import engines
from privacy_audit.detectors.faces.backends import Settings, centerface
from privacy_audit.detectors.faces.backends.centerface import (
    INT8,
    MODEL,
    OUTPUTS,
    CenterFace,
    decode,
    openvino_pays,
    same_boxes,
)
from privacy_audit.detectors.faces.boxes import Boxes, overlaps
from privacy_audit.detectors.faces.engines import open_sizes
from privacy_audit.detectors.faces.inputs import fit
from privacy_audit.errors import DetectorError, ModelError
from privacy_audit.models import ModelFile


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
    model = onnx.load_from_string(open_sizes(MODEL.verified(), OUTPUTS))
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["input.1"]
    assert "input.1" not in {tensor.name for tensor in model.graph.initializer}
    assert [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim] == [0, 3, 0, 0]
    assert tuple(value.name for value in model.graph.output) == OUTPUTS


@pytest.mark.parametrize(("precision", "model"), [("fp32", MODEL), ("int8", INT8)])
def test_an_altered_or_missing_model_is_named_with_its_sha256(
    monkeypatch: pytest.MonkeyPatch, precision: str, model: ModelFile
) -> None:
    for change, said in ({"sha256": "0" * 64}, "should be 0000"), ({"path": "gone.onnx"}, model.sha256):
        changed = dataclasses.replace(model, **change)
        monkeypatch.setattr(centerface, "_FILES", {precision: changed})
        with pytest.raises(ModelError, match=said) as raised:
            CenterFace(Settings(precision=precision))
        assert model.distribution in str(raised.value)


@pytest.mark.parametrize(
    ("machine", "precision"), [("x86_64", "int8"), ("AMD64", "int8"), ("aarch64", "fp32"), ("arm64", "fp32")]
)
def test_precision_goes_by_processor(monkeypatch: pytest.MonkeyPatch, machine: str, precision: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    resolved = CenterFace.resolve(Settings())
    assert (resolved.precision, resolved.engine) == (precision, "onnxruntime")
    assert list(CenterFace.models(resolved).values()) == [(INT8 if precision == "int8" else MODEL).sha256]


def test_8_bits_find_the_faces_that_32_find(astronaut: Image.Image) -> None:
    crowd = Image.new("RGB", (960, 640), (90, 90, 90))
    for number, side in enumerate(range(40, 240, 10)):
        crowd.paste(astronaut.resize((side, side)), (20 + 185 * (number % 5), 10 + 155 * (number // 5)))
    picture = fit(crowd, 640)
    one, other = (CenterFace(Settings(precision=precision))(picture, 0.35) for precision in ("fp32", "int8"))
    assert len(one) >= 12
    assert len(one) == len(other)
    assert all(overlaps(box, other.corners).max() > 0.5 for box in one.corners)


def test_openvino_is_chosen_only_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """openvino itself is an extra: here a double of it answers with onnxruntime's boxes, or with others."""
    monkeypatch.setattr(centerface, "computes_bfloat16", lambda: True)
    for shift, engine in ((0.0, "openvino"), (0.2, "onnxruntime")):
        openvino_pays.cache_clear()

        def on_openvino(model: bytes | Path, shift: float = shift) -> engines.Run:
            run = engines.on_onnxruntime(model)

            def shifted(planes: np.ndarray) -> list[np.ndarray]:
                heat, *rest = run(planes)
                return [heat - np.float32(shift), *rest]

            return shifted

        monkeypatch.setattr(centerface, "on_openvino", on_openvino)
        assert CenterFace.resolve(Settings()).engine == engine
    openvino_pays.cache_clear()


def test_without_openvino_it_is_named() -> None:
    pytest.MonkeyPatch().setitem(sys.modules, "openvino", None)
    try:
        assert not engines.computes_bfloat16()
        with pytest.raises(ModelError, match=r"privacy-audit\[openvino\]"):
            CenterFace(Settings(engine="openvino"))
    finally:
        pytest.MonkeyPatch().delitem(sys.modules, "openvino")


@pytest.mark.parametrize(
    ("corners", "scores", "same"),
    [
        ([[0, 0, 10, 10], [50, 50, 70, 70]], [0.9, 0.5], True),
        ([[0, 0, 10, 10], [50, 50, 70, 71]], [0.9, 0.46], True),
        ([[0, 0, 10, 10], [50, 50, 70, 71]], [0.9, 0.44], False),
        ([[0, 0, 10, 10], [50, 50, 70, 90]], [0.9, 0.5], False),
        ([[0, 0, 10, 10]], [0.9], False),
    ],
)
def test_same_boxes(corners: list[list[float]], scores: list[float], *, same: bool) -> None:
    one = Boxes.of(np.array([[50, 50, 70, 70], [0, 0, 10, 10]], np.float32), np.array([0.5, 0.9], np.float32))
    assert same_boxes(one, Boxes.of(np.array(corners, np.float32), np.array(scores, np.float32))) is same


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
