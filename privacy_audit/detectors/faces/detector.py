"""The face detector: pictures in, findings out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from PIL import Image

from privacy_audit.detectors.base import About, Described, Standalone
from privacy_audit.detectors.faces import backends, recall
from privacy_audit.detectors.faces.backends import Backend, Profile, ProfileName, Settings
from privacy_audit.detectors.faces.backends.centerface import INT8, MODEL, CenterFace
from privacy_audit.detectors.faces.inputs import ENLARGED
from privacy_audit.detectors.faces.search import Search
from privacy_audit.detectors.faces.windows import MAX_WINDOWS, window_length
from privacy_audit.detectors.frames import each_frame
from privacy_audit.errors import DetectorError
from privacy_audit.pixels import Picture, Raster
from privacy_audit.types import Box, Failure, Finding, Needs, Outcome, Sample

_PARTS = 4  # edges are given in quarters of a pixel, which are exact: rounding pushes no box over the edge


def resolved(options: Mapping[str, str]) -> dict[str, str]:
    """Options of `Faces` with every choice made that depends on this machine, so that all workers of a run agree.

    Raises DetectorError for options that make no sense, ModelError when the model cannot be had.
    """
    settings, _ = _chosen(Settings(**options))  # type: ignore[arg-type]
    names = ("profile", "backend", "precision", "engine", "model", "model_sha256")
    return {name: value for name in names if (value := getattr(settings, name))}


def _chosen(settings: Settings) -> tuple[Settings, type[Backend]]:
    backend = backends.find(settings.backend)
    if settings.profile not in backend.profiles:
        known = ", ".join(get_args(ProfileName))
        raise DetectorError(f"no face profile is called '{settings.profile}'. Known: {known}.")
    if settings.model and not backend.needs_file:
        raise DetectorError(f"the face backend '{settings.backend}' has its own model; leave out the model file.")
    return backend.resolve(settings), backend


def _about(backend: type[Backend], settings: Settings, profile: Profile, measured: bool) -> About:
    sides = " and ".join(str(side) for side in profile.sides)
    network = ", ".join(part for part in (settings.precision, settings.engine) if part)
    return About(
        method=(
            f"{backend.title}{f' ({network})' if network else ''}, on the upright picture scaled to {sides} pixels on "
            "its long side; a picture without a confident face is also tried in three other orientations."
        ),
        limits=(
            f"{backend.limits} At most 8 frames or pages of an animation or document and 8 windows of a very long "
            "picture are looked at. No face found is not proof that there is none."
        ),
        thresholds=(
            f"Profile {settings.profile}: a box is kept from a score of {profile.keep:.2f} and counted (band report) "
            f"from {profile.report:.2f}; in between it is for review."
        ),
        measured=(
            "See the table of recall by size of face." if measured else "Recall was not measured for this profile."
        ),
    )


class Faces(Standalone):
    """Human faces, by CenterFace at a long side of 640 pixels (backend `centerface`, profile `default`).

    Boxes that score `keep` or more are findings; those below `report` are in the band `review`, so that redaction can
    be generous and counting strict. A picture without a confident face is also tried turned by 90, 180 and 270 degrees.
    Up to eight frames of an animation or pages of a document are looked at, and very long pictures in windows.

    Finds: face   Needs: pixels
    Attributes: `band` (report | review), `profile`, `turned` (clockwise degrees by which the face is turned), `frame`
    (number from 0, of a frame that is not the first).
    Misses: faces under 2.5 % of the long side, profiles and covered faces. Finds some animals, statues and drawings.
    Measured: privacy-audit detectors bench
    """

    name, version = "faces", "2"
    codes = frozenset({"face"})
    needs = Needs.PIXELS
    models = (INT8, MODEL)
    long_side = round(CenterFace.profiles["default"].sides[-1] * ENLARGED)
    about = _about(CenterFace, Settings(), CenterFace.profiles["default"], measured=True)

    @classmethod
    def described(cls, options: Mapping[str, str]) -> Described:
        """What a run with `options`, which `resolved` made, has to say of itself."""
        settings = Settings(**options)  # type: ignore[arg-type]
        backend = backends.find(settings.backend)
        profile = backend.profiles[settings.profile]
        kept = {key: value for key, value in options.items() if key != "model"}  # a path may name a person
        tables = recall.tables(settings.backend, settings.profile)
        return Described(_about(backend, settings, profile, bool(tables)), backend.models(settings), kept, tables)

    def __init__(
        self,
        profile: ProfileName = "default",
        keep: float | None = None,
        report: float | None = None,
        *,
        backend: str = "centerface",
        precision: str = "",
        engine: str = "",
        model: str = "",
        model_sha256: str = "",
    ) -> None:
        """Load the network. `keep` and `report` replace the profile's thresholds.

        `backend` names the network, `model` is the file of one that comes without weights (sha256 `model_sha256`).
        `precision` and `engine` force a choice of CenterFace: int8 or fp32, onnxruntime or openvino.
        Raises ModelError when the model is missing or altered, DetectorError for options that make no sense.
        """
        settings, chosen = _chosen(Settings(profile, backend, precision, engine, model, model_sha256))
        limits = chosen.profiles[profile]
        keep = limits.keep if keep is None else keep
        report = max(limits.report, keep) if report is None else report
        if not 0 < keep <= report <= 1:
            raise DetectorError(f"face thresholds must be 0 < keep <= report <= 1, not keep {keep}, report {report}.")
        self.settings = settings
        self._report = report
        self._side = limits.sides[-1]
        self.long_side = round(self._side * ENLARGED)
        self._search = Search(chosen(settings), limits, keep)

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample. Pictures go through one by one: a batch of several is slower on a CPU."""
        return [self._outcome(sample) for sample in samples]

    def _outcome(self, sample: Sample) -> Outcome:
        try:
            return each_frame(self.name, sample.picture, self._findings)
        except DetectorError as error:
            return Failure(self.name, "error", str(error))

    def _findings(self, picture: Picture, frame: int, frames: int) -> list[Finding]:
        width, height = picture.size
        max_windows = MAX_WINDOWS // frames
        window = window_length(width, height, self._side, max_windows)
        raster = picture.upright(math.ceil(self.long_side * max(width, height) / window), frame)
        boxes = self._search(Image.fromarray(raster.rgb), max_windows)
        rows = zip(boxes.corners.tolist(), boxes.scores.tolist(), boxes.turned.tolist(), strict=True)
        return [self._finding(on_picture(corners, raster), score, turned, frame) for corners, score, turned in rows]

    def _finding(self, box: Box, score: float, turned: int, frame: int) -> Finding:
        score = round(score, 4)
        attributes = {
            "band": "report" if score >= self._report else "review",
            "profile": self.settings.profile,
            "turned": str(turned),
        }
        if frame:
            attributes["frame"] = str(frame)
        preview = f"face, {box.w:.0f} x {box.h:.0f} px"
        return Finding("face", self.name, score, "pixels", box, preview, attributes=attributes)


def on_picture(corners: Sequence[float], raster: Raster) -> Box:
    """`corners` (x1, y1, x2, y2 in raster pixels) in full-size pixels, clipped to the picture, at least 1 x 1."""
    height, width = raster.rgb.shape[:2]
    x1, x2 = _clipped(corners[0] * raster.scale_x, corners[2] * raster.scale_x, round(width * raster.scale_x))
    y1, y2 = _clipped(corners[1] * raster.scale_y, corners[3] * raster.scale_y, round(height * raster.scale_y))
    return Box(x1, y1, x2 - x1, y2 - y1)


def _clipped(low: float, high: float, length: int) -> tuple[float, float]:
    low, high = (round(edge * _PARTS) / _PARTS for edge in (low, high))
    low = min(max(low, 0.0), length - 1.0)
    return low, min(max(high, low + 1.0), float(length))
