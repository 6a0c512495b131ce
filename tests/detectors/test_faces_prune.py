"""What makes the shipped 8-bit network smaller changes nothing that its outputs need."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

SCRIPT = Path(__file__).parents[2] / "scripts" / "centerface_prune.py"


@pytest.fixture(scope="module")
def prune() -> ModuleType:
    spec = importlib.util.spec_from_file_location("centerface_prune", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_channels_that_are_zero_or_follow_from_others_are_not_missed(prune: ModuleType) -> None:
    random = np.random.default_rng(0)
    alive = random.normal(size=(500, 4)) + 3
    inputs = np.concatenate([alive, np.zeros((500, 2)), alive[:, :2] * 2], axis=1)
    given = random.normal(size=(8, 3))
    wanted = inputs @ given + 1
    kept, weights, bias = prune.fewer(inputs, wanted, given, 2, 1e-3)
    assert len(kept) == 4
    assert sorted({0: 0, 6: 0, 1: 1, 7: 1, 2: 2, 3: 3}[int(channel)] for channel in kept) == [0, 1, 2, 3]
    np.testing.assert_allclose(inputs[:, kept] @ weights + bias, wanted, atol=1e-3)


@pytest.mark.parametrize("step", [1, 4])
def test_no_more_is_lost_than_allowed(prune: ModuleType, step: int) -> None:
    random = np.random.default_rng(1)
    inputs, given = random.normal(size=(2000, 12)), random.normal(size=(12, 5)) * np.geomspace(1, 1e-3, 12)[:, None]
    wanted = inputs @ given
    for lost in (1e-6, 0.01, 0.2):
        kept, weights, bias = prune.fewer(inputs, wanted, given, step, lost)
        left = np.square(wanted - inputs[:, kept] @ weights - bias).mean(0).sum() / wanted.var(0).sum()
        assert left <= lost + 1e-6
        assert len(kept) % step == 0


def test_a_layer_that_cannot_do_with_less_keeps_all(prune: ModuleType) -> None:
    random = np.random.default_rng(2)
    inputs, given = random.normal(size=(300, 6)), np.eye(6)
    kept, weights, _ = prune.fewer(inputs, inputs @ given, given, step=2)
    assert kept.tolist() == list(range(6))
    np.testing.assert_allclose(weights, given, atol=1e-6)


def test_linear_layers_in_a_row_become_one_with_the_same_outputs(prune: ModuleType) -> None:
    random = np.random.default_rng(3)
    shapes = {"a": (20, 8, 1, 1), "b": (4, 20, 1, 1), "unused": (2, 4, 1, 1)}
    tensors = [numpy_helper.from_array(random.normal(size=shape).astype(np.float32), n) for n, shape in shapes.items()]
    tensors += [
        numpy_helper.from_array(random.normal(size=shape[0]).astype(np.float32), f"{name}_bias")
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "a", "a_bias"], ["middle"]),
        helper.make_node("Conv", ["middle", "b", "b_bias"], ["y"]),
        helper.make_node("Conv", ["y", "unused", "unused_bias"], ["landmarks"]),
    ]
    picture, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size, 3, 5]) for name, size in (("x", 8), ("y", 4))
    )
    graph = helper.make_graph(nodes, "small", [picture], [result], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    smaller = prune.joined(model)
    assert [node.output[0] for node in smaller.graph.node] == ["y"]
    assert {tensor.name for tensor in smaller.graph.initializer} == {"b", "b_bias"}
    x = random.normal(size=(1, 8, 3, 5)).astype(np.float32)
    one, other = (_run(network, x) for network in (model, smaller))
    np.testing.assert_allclose(one, other, atol=1e-4)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found
