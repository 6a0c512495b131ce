"""Recall, precision, false alarms and speed of a face detector on pictures with known faces.

A face is found when a box overlaps it by an IoU of .4 or more, each box counting once, the strongest first. Its size is
the square root of its area in stored pixels; smaller than 8 pixels it counts neither way. Precision is a lower bound
when small faces are not labelled. Times are CPU time of one thread, decoding included.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.boxes import Floats, Mask, overlaps
from privacy_audit.detectors.faces.detector import Faces
from privacy_audit.detectors.faces.recall import Rate, Row, Samples, Table
from privacy_audit.errors import PictureError, SourceError
from privacy_audit.pixels import Picture
from privacy_audit.stats import wilson
from privacy_audit.types import Box, Failure, Finding, Sample

if TYPE_CHECKING:
    import numpy.typing as npt

ANNOTATIONS = "annotations.json"
SIZES = ("8-16", "16-32", "32-64", "64+", "16+")
BANDS: tuple[Literal["keep", "report"], ...] = ("keep", "report")
_EDGES = (8, 16, 32, 64)
_MATCH_IOU = 0.4
_IGNORED_IOU = 0.2
_BOOTSTRAPS = 2000
_INTERVAL = "95 %, the wider of Wilson over faces and bootstrap over pictures"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and its faces (n, 4) as x1, y1, x2, y2 in pixels of the upright picture."""

    path: Path
    faces: Floats


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture: its faces (n, 4); what was found (m, 4), strongest first, and whether it counts (m,); CPU time."""

    faces: Floats
    found: Floats
    reported: Mask
    cpu_s: float

    def boxes(self, band: Literal["keep", "report"]) -> Floats:
        """Those kept, or only those counted."""
        return self.found if band == "keep" else self.found[self.reported]


@dataclass(frozen=True, slots=True)
class Score:
    """One picture at one threshold. `hits` and `faces` per size class (4,); boxes that are right and wrong."""

    hits: npt.NDArray[np.int64]
    faces: npt.NDArray[np.int64]
    right: int
    wrong: int


def load(folder: Path) -> list[Labelled]:
    """The pictures of `folder`/annotations.json: a list of {"file", "boxes"}, or a mapping from file to boxes.

    Pictures stand beside it or in `folder`/images. One without boxes counts as face-free. Raises SourceError.
    """
    path = folder / ANNOTATIONS
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SourceError(
            f'{path} is missing: it names the pictures, as [{{"file": ..., "boxes": ...}}, ...].'
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} cannot be read as JSON ({type(error).__name__}).") from error
    entries = (
        [{"file": name, "boxes": _boxes_of(value)} for name, value in raw.items()] if isinstance(raw, dict) else raw
    )
    if not isinstance(entries, list) or not entries:
        raise SourceError(f"{path} names no picture.")
    return [_labelled(folder, number, entry) for number, entry in enumerate(entries)]


def _boxes_of(value: object) -> object:
    return value.get("boxes") if isinstance(value, dict) else value


def _labelled(folder: Path, number: int, entry: Any) -> Labelled:
    place = f"{folder / ANNOTATIONS}, entry {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise SourceError(f"{place}: no file is named.")
    try:
        faces = np.array(entry["boxes"], np.float32)
        faces = faces.reshape(-1, 4) if faces.size == 0 else faces
    except (KeyError, TypeError, ValueError):
        faces = np.zeros(0, np.float32)
    if faces.ndim != 2 or faces.shape[1] != 4 or not np.isfinite(faces).all() or (faces[:, 2:] < faces[:, :2]).any():
        raise SourceError(f"{place}: boxes must be a list of [x1, y1, x2, y2] in pixels, empty when there is no face.")
    path = folder / entry["file"]
    path = path if path.is_file() else folder / "images" / path.name
    if not path.is_file():
        raise SourceError(f"{place}: there is no such picture, neither in {folder} nor in {folder / 'images'}.")
    return Labelled(path, faces)


def measure(
    detector: Faces, pictures: Sequence[Labelled], quarters: int = 0, advance: Callable[[], None] = lambda: None
) -> list[Looked]:
    """Detect on every picture, its pixels turned clockwise by `quarters`. Raises SourceError for one that fails."""
    detector(Image.new("RGB", (64, 64)))  # the first call loads what later ones reuse
    looked = []
    for picture in pictures:
        looked.append(_look(detector, picture, quarters))
        advance()
    return looked


def _look(detector: Faces, labelled: Labelled, quarters: int) -> Looked:
    data, faces = labelled.path.read_bytes(), labelled.faces
    try:
        if quarters:
            data, faces = turned(data, faces, quarters)
    except PictureError as error:
        raise SourceError(f"{labelled.path}: {error}") from error
    picture = Picture(data)
    start = time.process_time()
    outcome = detector.detect([Sample("picture", "", picture)])[0]
    cpu_s = time.process_time() - start
    if isinstance(outcome, Failure):
        raise SourceError(f"{labelled.path}: {outcome.message}")
    findings = sorted((part for part in outcome if isinstance(part, Finding)), key=lambda part: -part.score)
    boxes = [part.where for part in findings if isinstance(part.where, Box)]
    found = np.array([(box.x, box.y, box.x + box.w, box.y + box.h) for box in boxes], np.float32).reshape(-1, 4)
    reported = np.array([part.attributes["band"] == "report" for part in findings], np.bool_)
    return Looked(faces, found, reported, cpu_s)


def turned(data: bytes, faces: Floats, quarters: int) -> tuple[bytes, Floats]:
    """A picture, as PNG, and its faces with the pixels turned clockwise by quarter turns."""
    picture = Picture(data)
    pixels = picture.upright().rgb
    for _ in range(quarters):
        height = len(pixels)
        pixels = np.rot90(pixels, -1)
        faces = np.stack([height - faces[:, 3], faces[:, 0], height - faces[:, 1], faces[:, 2]], axis=1)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), faces


def score(faces: Floats, found: Floats) -> Score:
    """Match `found`, strongest first, to `faces`."""
    sizes = np.sqrt(np.prod(faces[:, 2:] - faces[:, :2], axis=1))
    classes = np.digitize(sizes, _EDGES)  # 0 is too small to count
    free = classes > 0
    hits = np.zeros(len(_EDGES), np.int64)
    right = wrong = 0
    for box in found:
        shared = overlaps(box, faces)
        match = np.where(free, shared, 0.0)
        if match.max(initial=0.0) >= _MATCH_IOU:
            best = int(match.argmax())
            free[best] = False
            hits[classes[best] - 1] += 1
            right += 1
        elif shared[classes == 0].max(initial=0.0) <= _IGNORED_IOU:
            wrong += 1
    return Score(hits, np.bincount(classes, minlength=len(_EDGES) + 1)[1:], right, wrong)


def table(faces: Faces, looked: Sequence[Looked], data: str, measured_on: str) -> Table:
    """What was measured, in the form of recall.json."""
    scores = {band: [score(one.faces, one.boxes(band)) for one in looked] for band in BANDS}
    free = [one for one in looked if not len(one.faces)]
    hits = {band: np.array([one.hits for one in scores[band]]) for band in BANDS}
    there = np.array([one.faces for one in scores["keep"]])
    columns = {**{size: [number] for number, size in enumerate(SIZES[:4])}, "16+": [1, 2, 3]}
    rows: list[Row] = [
        {
            "size": size,
            "faces": int(there[:, which].sum()),
            "keep": rate(hits["keep"][:, which].sum(1), there[:, which].sum(1)),
            "report": rate(hits["report"][:, which].sum(1), there[:, which].sum(1)),
        }
        for size, which in columns.items()
    ]
    seconds = sum(one.cpu_s for one in looked)
    return {
        "backend": faces.settings.backend,
        "profile": faces.settings.profile,
        "source": "bench",
        "measured_on": measured_on,
        "data": data,
        "pictures": len(looked),
        "face_free": len(free),
        "interval": _INTERVAL,
        "rows": rows,
        "precision": {band: _precision(scores[band]) for band in BANDS},
        "false_alarms": {
            band: round(sum(len(one.boxes(band)) for one in free) / len(free), 3) if free else None for band in BANDS
        },
        "images_per_s": round(len(looked) / seconds, 1) if seconds else None,
        "missed_pictures": _missed(hits["keep"], there),
        "samples": _samples(looked),
        "note": ", ".join(part for part in (faces.settings.precision, faces.settings.engine) if part),
    }


def _missed(hits: npt.NDArray[np.int64], faces: npt.NDArray[np.int64]) -> Rate | None:
    """Share of the pictures with faces on which one got no box, with Wilson's 95 % interval over pictures."""
    with_faces = faces.sum(1) > 0
    total, missed = int(with_faces.sum()), int((hits.sum(1) < faces.sum(1)).sum())
    if not total:
        return None
    interval = wilson(missed, total)
    return round(missed / total, 3), round(interval.low, 3), round(interval.high, 3)


def _samples(looked: Sequence[Looked]) -> Samples:
    """Of whole pictures, by boxes kept: what sensitivity and specificity are. Faces too small to count make none."""
    counts = [score(one.faces, one.found).faces.sum() > 0 for one in looked]
    positives = [one for one, counted in zip(looked, counts, strict=True) if counted]
    negatives = [one for one in looked if not len(one.faces)]
    return {
        "code": "face",
        "positives": len(positives),
        "found": sum(len(one.found) > 0 for one in positives),
        "negatives": len(negatives),
        "clean": sum(len(one.found) == 0 for one in negatives),
    }


def _precision(scores: Sequence[Score]) -> float | None:
    right, boxes = sum(one.right for one in scores), sum(one.right + one.wrong for one in scores)
    return round(right / boxes, 3) if boxes else None


def rate(hits: npt.NDArray[np.int64], faces: npt.NDArray[np.int64]) -> Rate | None:
    """Recall with its 95 % interval from hits and faces per picture (n,); None when there is no face.

    The wider one, on each side, of a bootstrap over pictures and of Wilson's over faces: the first says nothing when
    all faces were found, the second takes the faces of a picture for independent.
    """
    total = int(faces.sum())
    if not total:
        return None
    draws = np.random.default_rng(0).integers(0, len(hits), (_BOOTSTRAPS, len(hits)))
    low, high = np.quantile(hits[draws].sum(1) / np.maximum(faces[draws].sum(1), 1), [0.025, 0.975])
    over_faces = wilson(int(hits.sum()), total)
    share = float(hits.sum() / total)
    return round(share, 3), round(min(float(low), over_faces.low), 3), round(max(float(high), over_faces.high), 3)
