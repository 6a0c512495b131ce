"""Takes out of CenterFace what does not change its boxes: products of linear layers, and channels that carry nothing.

Each block of the network widens its channels, filters each and narrows them again. Of the 32 of the first block, the
dearest one, eight are zero on every picture: they are taken out, and the weights of the narrowing layer are fitted
again by least squares. Half of the places that are compared lie on faces.

The same was tried on the later blocks, a fifth of whose channels are zero on street photos or nearly follow from others
(LOST .001 to .01, STEP 16): 13 % of the time less, as many boxes found again at an IoU of .5, and large faces framed a
sixth too narrow, because the photos show few. It is not done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from PIL import Image

from privacy_audit.detectors.faces.backends import centerface
from privacy_audit.detectors.faces.boxes import Boxes, Floats
from privacy_audit.detectors.faces.inputs import planes

LOST = 1e-9  # of the variance of what a block gives, at most: only what is zero, or follows from the rest, goes
STEP = 8  # channels of a 32-bit vector: the first block is not quantised
_RIDGE = 1e-5
_PLACES = 400
_THRESHOLD = 0.15
_AROUND = 0.9  # half the side of the part compared, in sides of the face

Doubles = npt.NDArray[np.float64]
Places = dict[tuple[int, int], npt.NDArray[np.intp]]
"""Positions that are compared, by height and width of a layer."""


@dataclass(frozen=True, slots=True)
class Block:
    """Names of its three convolutions, of the filtered channels, of what it gives, and of what that is added to."""

    widen: str
    filtering: str
    narrow: str
    hidden: str
    result: str
    shortcut: str | None


def joined(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with each 1x1 convolution that only another 1x1 one reads multiplied into it, where that is cheaper."""
    model = _without_dead(_copy(model))
    weights, readers = _weights(model), _readers(model)
    outputs = {output.name for output in model.graph.output}
    for first in [node for node in model.graph.node if node.op_type == "Conv"]:
        then = readers.get(first.output[0], [])
        if len(then) != 1 or then[0].op_type != "Conv" or first.output[0] in outputs:
            continue
        a, b = (numpy_helper.to_array(weights[node.input[1]]).astype(np.float64) for node in (first, then[0]))
        if a.shape[2:] != (1, 1) or b.shape[2:] != (1, 1) or b.shape[0] * a.shape[1] >= a.size + b.size:
            continue
        a_bias, b_bias = (numpy_helper.to_array(weights[node.input[2]]) for node in (first, then[0]))
        matrix = b[:, :, 0, 0] @ a[:, :, 0, 0]
        _put(weights[then[0].input[1]], matrix[:, :, None, None])
        _put(weights[then[0].input[2]], b[:, :, 0, 0] @ a_bias + b_bias)
        then[0].input[0] = first.input[0]
        model.graph.node.remove(first)
    return _without_dead(model)


def pruned(model: onnx.ModelProto, pictures: Sequence[Image.Image]) -> onnx.ModelProto:
    """`model` with the channels taken out that are not missed on `pictures`, which have the network's size."""
    targets, places = _wanted(model, pictures)
    model = _copy(model)
    del model.graph.value_info[:]  # they state the old sizes
    for block in _blocks(model)[:1]:
        inputs, shortcut = _seen(model, block, pictures, places)
        wanted = targets[block.result] - shortcut
        nodes, weights = {node.name: node for node in model.graph.node}, _weights(model)
        narrow = nodes[block.narrow]
        given = numpy_helper.to_array(weights[narrow.input[1]])[:, :, 0, 0].astype(np.float64)
        kept, matrix, bias = fewer(inputs, wanted, given.T, STEP)
        _put(weights[narrow.input[1]], matrix.T[:, :, None, None])
        _put(weights[narrow.input[2]], bias)
        for name in (block.widen, block.filtering):
            for tensor in nodes[name].input[1:3]:
                _put(weights[tensor], numpy_helper.to_array(weights[tensor])[kept])
        next(attribute for attribute in nodes[block.filtering].attribute if attribute.name == "group").i = len(kept)
        print(f"{block.filtering}: {len(given.T)} channels, {len(kept)} kept")
    return model


def fewer(
    inputs: Doubles, wanted: Doubles, given: Doubles, step: int, lost: float = LOST
) -> tuple[npt.NDArray[np.intp], Doubles, Doubles]:
    """Which columns of `inputs` (n, c) suffice for `wanted` (n, o): those kept, their weights (k, o), the bias (o,).

    Backward elimination by least squares, drawn towards the `given` weights (c, o), until more than the share `lost`
    of the variance would be lost; k is a multiple of `step`, or c.
    """
    middle, goal = inputs.mean(0), wanted.mean(0)
    centred = inputs - middle
    covariance = centred.T @ centred / len(inputs)
    ridge = _RIDGE * np.trace(covariance) / len(covariance) + 1e-9
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    weights = inverse @ (centred.T @ (wanted - goal) / len(inputs) + ridge * given)
    variance = wanted.var(0).sum()
    kept, spent = np.arange(len(covariance)), 0.0
    best = kept, weights
    while len(kept) > step:
        costs = np.square(weights).sum(1) / np.diag(inverse)
        least = int(costs.argmin())
        spent += costs[least] / variance
        if spent > lost:
            break
        column = inverse[:, least] / inverse[least, least]
        weights = np.delete(weights - np.outer(column, weights[least]), least, 0)
        inverse = np.delete(np.delete(inverse - np.outer(column, inverse[least]), least, 0), least, 1)
        kept = np.delete(kept, least)
        if len(kept) % step == 0:
            best = kept, weights
    kept, weights = best
    return kept, weights, goal - middle[kept] @ weights


def _wanted(model: onnx.ModelProto, pictures: Sequence[Image.Image]) -> tuple[Mapping[str, Doubles], list[Places]]:
    random = np.random.default_rng(0)
    names = [block.result for block in _blocks(model)]
    session = _session(model, names)
    found: dict[str, list[Doubles]] = {name: [] for name in names}
    places: list[Places] = []
    for picture in pictures:
        heat, size, offset, *layers = session.run([*centerface.OUTPUTS, *names], {"input.1": planes(picture)})
        faces = centerface.decode(heat[0, 0], size[0], offset[0], _THRESHOLD)
        here: Places = {}
        for name, layer in zip(names, layers, strict=True):
            grid = layer.shape[2:]
            if grid not in here:
                here[grid] = _places(faces, picture.size, grid, random)
            found[name].append(_at(layer, here[grid]))
        places.append(here)
    return {name: np.concatenate(parts) for name, parts in found.items()}, places


def _places(
    faces: Boxes, size: tuple[int, int], grid: tuple[int, int], random: np.random.Generator
) -> npt.NDArray[np.intp]:
    height, width = grid
    chosen = [random.integers(0, height * width, _PLACES)]
    for x1, y1, x2, y2 in faces.corners * np.array([width / size[0], height / size[1]] * 2, np.float32):
        each = max(8, _PLACES // len(faces))
        columns = (x1 + x2) / 2 + random.uniform(-1, 1, each) * ((x2 - x1) * _AROUND + 1)
        rows = (y1 + y2) / 2 + random.uniform(-1, 1, each) * ((y2 - y1) * _AROUND + 1)
        chosen.append(np.clip(rows.astype(int), 0, height - 1) * width + np.clip(columns.astype(int), 0, width - 1))
    return np.concatenate(chosen)


def _seen(
    model: onnx.ModelProto, block: Block, pictures: Sequence[Image.Image], places: Sequence[Places]
) -> tuple[Doubles, Doubles | float]:
    """The filtered channels, and what the block's result is added to, at the places that are compared."""
    names = [block.hidden, *([block.shortcut] if block.shortcut else [])]
    session = _session(model, names)
    parts: list[list[Doubles]] = [[] for _ in names]
    for picture, here in zip(pictures, places, strict=True):
        for part, layer in zip(parts, session.run(names, {"input.1": planes(picture)}), strict=True):
            part.append(_at(layer, here[layer.shape[2:]]))
    return np.concatenate(parts[0]), np.concatenate(parts[1]) if block.shortcut else 0.0


def _at(layer: Floats, places: npt.NDArray[np.intp]) -> Doubles:
    return layer[0].reshape(layer.shape[1], -1)[:, places].T.astype(np.float64)


def _blocks(model: onnx.ModelProto) -> list[Block]:
    readers = _readers(model)
    made_by = {name: node for node in model.graph.node for name in node.output}
    blocks = []
    for node in model.graph.node:
        if node.op_type != "Conv" or not any(entry.name == "group" and entry.i > 1 for entry in node.attribute):
            continue
        hidden = readers[node.output[0]][0].output[0]
        narrow = readers[hidden][0]
        result = narrow.output[0]
        added = next((then for then in readers[result] if then.op_type == "Add" and then.input[1] == result), None)
        widen = made_by[made_by[node.input[0]].input[0]]
        shortcut = added.input[0] if added else None
        result = added.output[0] if added else result
        blocks.append(Block(widen.name, node.name, narrow.name, hidden, result, shortcut))
    return blocks


def _session(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    model = _copy(model)
    model.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _weights(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _readers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def _put(tensor: onnx.TensorProto, values: npt.NDArray[np.generic]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))


def _without_dead(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the head for landmarks, which no output needs any more, and without weights that nothing reads."""
    wanted = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    return model
