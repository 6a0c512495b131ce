"""YuNet (libfacedetection, OpenCV Zoo), from a file that the user gives: no package carries it.

It takes planes of 0 to 255 in the order B, G, R, and gives for every cell of 8, 16 and 32 pixels two scores, whose
geometric mean counts, and a box around the cell's corner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.backends.base import Profile, ProfileName, Settings
from privacy_audit.detectors.faces.boxes import Boxes, Floats, suppress
from privacy_audit.detectors.faces.engines import on_onnxruntime, open_sizes
from privacy_audit.detectors.faces.inputs import planes
from privacy_audit.errors import DetectorError, ModelError
from privacy_audit.models import sha256_of

_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in _STRIDES)
_MAX_CANDIDATES = 3000
_MAX_LOG_SIZE = 7.0
_MAX_BYTES = 256 * 1024 * 1024


class YuNet:
    """The network of the user's file, on onnxruntime. Raises ModelError when it is missing, altered or no YuNet."""

    name: ClassVar[str] = "yunet"
    title: ClassVar[str] = "YuNet, a small convolutional network, from a file of the user's own"
    limits: ClassVar[str] = (
        "Of faces smaller than 2.5 % of the picture's long side a third is missed. Profiles, covered and blurred faces "
        "are missed more often. Some animals, statues, drawings and toys are found as faces."
    )
    needs_file: ClassVar[bool] = True
    profiles: ClassVar[Mapping[ProfileName, Profile]] = MappingProxyType(
        {
            "fast": Profile((320,), keep=0.3, report=0.6, trial_side=320, confident=0.9),
            "default": Profile((640,), keep=0.3, report=0.6, trial_side=320, confident=0.9),
            "thorough": Profile((1280,), keep=0.3, report=0.6, trial_side=320, confident=0.9),
        }
    )

    @classmethod
    def resolve(cls, settings: Settings) -> Settings:
        """The file with its sha256."""
        if not settings.model:
            raise ModelError(
                "the face backend 'yunet' comes without weights. Get face_detection_yunet_2023mar.onnx from the OpenCV "
                f"Zoo and name it with --faces-model FILE.{_expected(settings.model_sha256)}"
            )
        path = Path(settings.model).absolute()
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ModelError(f"the face model {path} is larger than any YuNet.")
            digest = sha256_of(path)
        except OSError as error:
            raise ModelError(
                f"the face model {path} cannot be read: {error.strerror}.{_expected(settings.model_sha256)}"
            ) from error
        if settings.model_sha256 not in {"", digest}:
            raise ModelError(
                f"the face model {path} is not the one that was used before: its sha256 is {digest}."
                f"{_expected(settings.model_sha256)}"
            )
        return replace(settings, precision="", engine="", model=str(path), model_sha256=digest)

    @classmethod
    def models(cls, settings: Settings) -> dict[str, str]:
        """The user's file."""
        return {"YuNet": settings.model_sha256}

    def __init__(self, settings: Settings) -> None:
        settings = self.resolve(settings)
        path = Path(settings.model)
        try:
            self._run = on_onnxruntime(open_sizes(path, _OUTPUTS), _OUTPUTS)
            decode(self._run(np.zeros((1, 3, 32, 64), np.float32)), 64, 0.5)
        except (ModelError, DetectorError, ValueError, IndexError) as error:
            raise ModelError(
                f"{path} is no YuNet of 2023 or later: it needs one picture as input and the outputs "
                f"{_OUTPUTS[0]} ... {_OUTPUTS[-1]}, at any size. ({error})"
            ) from error

    def __call__(self, picture: Image.Image, threshold: float) -> Boxes:
        """Faces that score `threshold` or more."""
        return decode(self._run(planes(picture, "BGR")), picture.width, threshold)


def decode(outputs: Sequence[Floats], width: int, threshold: float) -> Boxes:
    """Boxes in pixels of an input `width` wide from the nine outputs: class, object, box at strides 8, 16 and 32."""
    corners, scores = [], []
    for level, stride in enumerate(_STRIDES):
        both = outputs[level].reshape(-1) * outputs[3 + level].reshape(-1)
        strength = np.sqrt(np.clip(both, 0, 1))
        cells = np.flatnonzero(strength >= threshold)
        box = outputs[6 + level].reshape(-1, 4)[cells]
        middle = (np.stack([cells % (width // stride), cells // (width // stride)], axis=1) + box[:, :2]) * stride
        half = np.exp(np.minimum(box[:, 2:], _MAX_LOG_SIZE)) * (stride / 2)
        corners.append(np.concatenate([middle - half, middle + half], axis=1))
        scores.append(strength[cells])
    found = Boxes.of(np.concatenate(corners).astype(np.float32), np.concatenate(scores).astype(np.float32))
    if len(found) > _MAX_CANDIDATES:
        found = found.take(np.argpartition(-found.scores, _MAX_CANDIDATES)[:_MAX_CANDIDATES])
    return suppress(found)


def _expected(sha256: str) -> str:
    return f" Expected sha256: {sha256}." if sha256 else ""
