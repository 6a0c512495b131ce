"""Runs ONNX files with one thread: on onnxruntime, or on openvino where the processor computes in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from privacy_audit.detectors.faces.boxes import Floats
from privacy_audit.errors import DetectorError, ModelError

Run = Callable[[Floats], Sequence[Floats]]
"""Planes (1, 3, height, width) in, the outputs that were asked for out. Raises DetectorError."""

_CHANNELS = 3
_MAX_COMPILED = 24  # openvino compiles for each size; a folder of photos has about ten, turned ones included


def open_sizes(path: Path, outputs: Sequence[str] | None = None) -> bytes:
    """An ONNX file with constant weights and any input size, and only its first or its named `outputs`.

    Files that list their weights among the inputs take twice the time: onnxruntime must expect them to change, and lays
    out no convolution in advance. Raises ModelError when the file is no such model.
    """
    import onnx

    try:
        model = onnx.load(path)
    except Exception as error:  # onnx and protobuf have no common base for what a broken file raises
        raise ModelError(f"the face model is no ONNX file that can be read ({type(error).__name__}).") from error
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    pictures = [value for value in graph.input if value.name not in weights]
    wanted = [value for value in graph.output if outputs is None or value.name in outputs]
    del graph.input[:], graph.value_info[:], graph.output[:]
    graph.input.extend(pictures)
    graph.output.extend(wanted)
    for value in (*graph.input, *graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1 or dimension.dim_value != _CHANNELS:
                dimension.dim_param = f"{value.name}_{axis}"
    serialized: bytes = model.SerializeToString()
    return serialized


def on_onnxruntime(model: bytes | Path, outputs: Sequence[str] | None = None) -> Run:
    """A session. Raises ModelError when onnxruntime refuses the model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; a worker's stderr is no place for it
    try:
        session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name
    except Exception as error:  # onnxruntime has a dozen exception classes and no common base
        raise ModelError(f"onnxruntime cannot load the face model ({type(error).__name__}).") from error

    def run(planes: Floats) -> Sequence[Floats]:
        try:
            found: Sequence[Floats] = session.run(outputs, {name: planes})
        except Exception as error:  # as above
            raise DetectorError(f"onnxruntime failed on the face network: {type(error).__name__}") from error
        return found

    return run


def computes_bfloat16() -> bool:
    """Whether openvino is installed and this processor has bfloat16 arithmetic, without which it gains nothing."""
    try:
        import openvino
    except ImportError:
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def on_openvino(model: bytes | Path) -> Run:
    """Networks that are compiled for each input size at first sight of it, in bfloat16 where the processor has it."""
    try:
        import openvino
    except ImportError:
        raise ModelError("openvino is not installed: pip install 'privacy-audit[openvino]'") from None
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "bf16"}
    requests: dict[tuple[int, ...], openvino.InferRequest] = {}

    def run(planes: Floats) -> Sequence[Floats]:
        try:
            if planes.shape not in requests:
                if len(requests) >= _MAX_COMPILED:
                    requests.pop(next(iter(requests)))
                network = core.read_model(model)
                network.reshape(list(planes.shape))
                requests[planes.shape] = core.compile_model(network, "CPU", settings).create_infer_request()
            request = requests[planes.shape]
            request.infer([planes], share_inputs=True)
            return [request.get_output_tensor(number).data.copy() for number in range(len(request.results))]
        except Exception as error:  # openvino raises bare RuntimeErrors and its own
            raise DetectorError(f"openvino failed on the face network: {type(error).__name__}") from error

    return run
