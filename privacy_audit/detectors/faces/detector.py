"""The face detector: pictures in, findings out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from PIL import Image

from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.faces.centerface import MODEL
from privacy_audit.detectors.faces.search import PROFILES, ProfileName, Search
from privacy_audit.detectors.faces.windows import MAX_WINDOWS, window_length
from privacy_audit.errors import DetectorError, PictureError
from privacy_audit.pixels import MAX_FRAMES, Picture, Raster
from privacy_audit.types import Box, Failure, Finding, Needs, Outcome, Sample, Skipped

_PARTS = 4  # edges are given in quarters of a pixel, which are exact: rounding pushes no box over the edge


class Faces(Standalone):
    """Human faces, by CenterFace at a long side of 640 pixels (profile `default`).

    Boxes that score `keep` or more are findings; those below `report` are in the band `review`, so that redaction can
    be generous and counting strict. A picture without a confident face is also tried turned by 90, 180 and 270 degrees.
    Up to eight frames of an animation or pages of a document are looked at, and very long pictures in windows.

    Finds: face   Needs: pixels
    Attributes: `band` (report | review), `profile`, `turned` (clockwise degrees by which the face is turned), `frame`
    (number from 0, of a frame that is not the first).
    Misses: faces under 2.5 % of the long side, profiles and covered faces. Finds some animals, statues and drawings.
    Measured: benchmarks/faces_recall.py
    """

    name, version = "faces", "1"
    codes = frozenset({"face"})
    needs = Needs.PIXELS
    models = (MODEL,)
    long_side = PROFILES["default"].sides[-1]
    about = About(
        method=(
            "CenterFace, a convolutional network, on the upright picture scaled to 640 pixels on its long side; a "
            "picture without a confident face is also tried in three other orientations."
        ),
        limits=(
            "Of faces smaller than 2.5 % of the picture's long side about half are missed, and under 1.2 % most. "
            "Profiles, covered and blurred faces are missed more often. Some animals, statues, drawings and toys are "
            "found as faces. At most 8 frames or pages of an animation or document and 8 windows of a very long "
            "picture are looked at. No face found is not proof that there is none."
        ),
        thresholds=(
            "A box is kept from a score of .20 and counted (band report) from .35; in between it is for review. "
            "Profile fast: 512 pixels, .15 and .35. Profile thorough: 512 and 960 pixels fused, .21 and .50."
        ),
        measured=(
            "Reference figures on 200 WIDER FACE pictures. The network was trained on that collection and the "
            "thresholds were read from these pictures, so expect less elsewhere. At 640 pixels from .20: recall .90 of "
            "1,201 faces of 16 pixels or more and .54 of 1,488 of 8 to 16 pixels (95 % interval +-.025); from .35: .81 "
            "and .37. Every face of 16 pixels or more was found in 70 % of the pictures with such faces. False alarms "
            "per picture without people: .06 from .20 and .007 from .35 on grey ones, about .34 and .09 on colour "
            "photos, mostly animals. Pictures turned on a side or upside down: recall about .87."
        ),
    )

    def __init__(
        self, profile: ProfileName = "default", keep: float | None = None, report: float | None = None
    ) -> None:
        """Load the network. `keep` and `report` replace the profile's thresholds.

        Raises ModelError when the model is missing or altered, DetectorError for options that make no sense.
        """
        if profile not in PROFILES:
            raise DetectorError(f"no face profile is called '{profile}'. Known: {', '.join(get_args(ProfileName))}.")
        chosen = PROFILES[profile]
        keep = chosen.keep if keep is None else keep
        report = max(chosen.report, keep) if report is None else report
        if not 0 < keep <= report <= 1:
            raise DetectorError(f"face thresholds must be 0 < keep <= report <= 1, not keep {keep}, report {report}.")
        self._profile: ProfileName = profile
        self._report = report
        self.long_side = chosen.sides[-1]
        self._search = Search(chosen, keep)

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample. Pictures go through one by one: a batch of several is slower on a CPU."""
        return [self._outcome(sample) for sample in samples]

    def _outcome(self, sample: Sample) -> Outcome:
        picture = sample.picture
        if picture is None:
            return [Skipped(self.name, "no picture in the source")]
        parts: list[Finding | Skipped | Failure] = []
        looked_at = 0
        try:
            frames = picture.frames(MAX_FRAMES)
            for frame in frames:
                parts += self._findings(picture, frame, MAX_WINDOWS // len(frames))
                looked_at += 1
            if looked_at < picture.frame_count:
                parts.append(Skipped("faces.frames", f"{looked_at} of {picture.frame_count} frames looked at"))
        except PictureError as error:
            if not looked_at:
                return Failure(self.name, error.kind, str(error))
            parts.append(Failure("faces.frames", error.kind, f"frame {frames[looked_at]}: {error}"))
        except DetectorError as error:
            return Failure(self.name, "error", str(error))
        return parts

    def _findings(self, picture: Picture, frame: int, max_windows: int) -> list[Finding]:
        width, height = picture.size
        window = window_length(width, height, self.long_side, max_windows)
        raster = picture.upright(math.ceil(self.long_side * max(width, height) / window), frame)
        boxes = self._search(Image.fromarray(raster.rgb), max_windows)
        rows = zip(boxes.corners.tolist(), boxes.scores.tolist(), boxes.turned.tolist(), strict=True)
        return [self._finding(on_picture(corners, raster), score, turned, frame) for corners, score, turned in rows]

    def _finding(self, box: Box, score: float, turned: int, frame: int) -> Finding:
        score = round(score, 4)
        attributes = {
            "band": "report" if score >= self._report else "review",
            "profile": self._profile,
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
