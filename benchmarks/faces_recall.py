"""Recall, precision, false alarms and speed of the face detector on pictures with known faces.

    python benchmarks/faces_recall.py DIR [--profile default] [--turned] [--pictures N]

DIR holds annotations.json, a list of {"file": name, "boxes": [[x1, y1, x2, y2], ...]} in pixels of the upright picture,
and the pictures beside it or in DIR/images. A picture without boxes counts as face-free. `--turned` repeats the run
with the pixels turned clockwise by 90, 180 and 270 degrees.

A face is found when a box overlaps it by an IoU of .4 or more, each box counting once, the strongest first. Its size is
the square root of its area in stored pixels; smaller than 8 pixels it counts neither way. Precision is a lower bound
when small faces are not labelled. Times are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_audit.detectors.faces import Faces
from privacy_audit.detectors.faces.boxes import overlaps
from privacy_audit.pixels import Picture
from privacy_audit.types import Box, Failure, Finding, Sample

EDGES = (8, 16, 32, 64)
CLASSES = ("8-16", "16-32", "32-64", "64+")
MATCH_IOU = 0.4
IGNORED_IOU = 0.2
BOOTSTRAPS = 2000
Z95 = 1.96

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture: its faces (n, 4); what was found (m, 4), strongest first, and whether it counts (m,); CPU time."""

    faces: Floats
    found: Floats
    reported: npt.NDArray[np.bool_]
    decode_ms: float
    detect_ms: float


@dataclass(frozen=True, slots=True)
class Score:
    """One picture at one threshold. `hits` and `faces` per size class (4,)."""

    hits: npt.NDArray[np.int64]
    faces: npt.NDArray[np.int64]
    right: int
    wrong: int


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--profile", default="default", choices=["fast", "default", "thorough"])
    parser.add_argument("--turned", action="store_true", help="also with the pixels turned by 90, 180 and 270 degrees")
    parser.add_argument("--pictures", type=int, help="only the first N pictures")
    options = parser.parse_args()
    entries = json.loads((options.folder / "annotations.json").read_text(encoding="utf-8"))[: options.pictures]
    detector = Faces(profile=options.profile)
    detector(Image.new("RGB", (64, 64)))  # the first call loads what later ones reuse
    for quarters in (0, 1, 2, 3) if options.turned else (0,):
        looked = [look(detector, options.folder, entry, quarters) for entry in entries]
        print(f"\nprofile {options.profile}, pixels turned clockwise by {90 * quarters} degrees")
        print_table(looked)


def look(detector: Faces, folder: Path, entry: dict[str, object], quarters: int) -> Looked:
    """Decode and detect one picture."""
    path = folder / str(entry["file"])
    data = (path if path.is_file() else folder / "images" / path.name).read_bytes()
    faces = np.array(entry["boxes"], np.float32).reshape(-1, 4)
    if quarters:
        data, faces = turned(data, faces, quarters)
    picture = Picture(data)
    start = time.process_time_ns()
    picture.upright(detector.long_side)
    decoded = time.process_time_ns()
    outcome = detector.detect([Sample("picture", "", picture)])[0]
    done = time.process_time_ns()
    if isinstance(outcome, Failure):
        raise SystemExit(f"{path.name}: {outcome.message}")
    findings = sorted((part for part in outcome if isinstance(part, Finding)), key=lambda part: -part.score)
    boxes = [part.where for part in findings if isinstance(part.where, Box)]
    found = np.array([(box.x, box.y, box.x + box.w, box.y + box.h) for box in boxes], np.float32).reshape(-1, 4)
    reported = np.array([part.attributes["band"] == "report" for part in findings], np.bool_)
    return Looked(faces, found, reported, (decoded - start) / 1e6, (done - decoded) / 1e6)


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
    classes = np.digitize(sizes, EDGES)  # 0 is too small to count
    free = classes > 0
    hits = np.zeros(len(CLASSES), np.int64)
    right = wrong = 0
    for box in found:
        shared = overlaps(box, faces)
        match = np.where(free, shared, 0.0)
        if match.max(initial=0.0) >= MATCH_IOU:
            best = int(match.argmax())
            free[best] = False
            hits[classes[best] - 1] += 1
            right += 1
        elif shared[classes == 0].max(initial=0.0) <= IGNORED_IOU:
            wrong += 1
    return Score(hits, np.bincount(classes, minlength=len(CLASSES) + 1)[1:], right, wrong)


def print_table(looked: list[Looked]) -> None:
    """One row per band, then false alarms and times."""
    print(f"{'band':8}" + "".join(f"{name:>12}" for name in CLASSES) + f"{'16+':>10}{'95 %':>14}{'precision':>11}")
    for band in ("keep", "report"):
        kept = [picture.found if band == "keep" else picture.found[picture.reported] for picture in looked]
        scores = [score(picture.faces, found) for picture, found in zip(looked, kept, strict=True)]
        hits, faces = (np.array([getattr(one, part) for one in scores]) for part in ("hits", "faces"))
        right, wrong = sum(one.right for one in scores), sum(one.wrong for one in scores)
        row = "".join(f"{_share(h, n):>6} {f'of {n}':>5}" for h, n in zip(hits.sum(0), faces.sum(0), strict=True))
        low, high = interval(hits[:, 1:].sum(1), faces[:, 1:].sum(1))
        total = _share(hits[:, 1:].sum(), faces[:, 1:].sum())
        print(f"{band:8}{row}{total:>10}{f'{low:.3f}-{high:.3f}':>14}{_share(right, right + wrong):>11}")
        free = [len(found) for picture, found in zip(looked, kept, strict=True) if not len(picture.faces)]
        alarms = f"{sum(free) / len(free):.3f} per picture on {len(free)} face-free pictures" if free else ""
        print(f"{'':8}false alarms: {wrong / len(looked):.3f} per picture on all {len(looked)}  {alarms}".rstrip())
    for what in ("decode", "detect"):
        times = [getattr(picture, f"{what}_ms") for picture in looked]
        print(f"{what:8}CPU ms: median {np.median(times):.1f}, mean {np.mean(times):.1f}, max {max(times):.1f}")


def interval(hits: npt.NDArray[np.int64], faces: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of the recall from hits and faces per picture (n,).

    The wider one, on each side, of a bootstrap over pictures and of Wilson's over faces: the first says nothing when
    all faces were found, the second takes the faces of a picture for independent.
    """
    total = faces.sum()
    if not total:
        return 0.0, 1.0
    draws = np.random.default_rng(0).integers(0, len(hits), (BOOTSTRAPS, len(hits)))
    low, high = np.quantile(hits[draws].sum(1) / np.maximum(faces[draws].sum(1), 1), [0.025, 0.975])
    share, weight = hits.sum() / total, Z95**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = Z95 * np.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    return float(min(low, middle - half)), float(max(high, middle + half))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


if __name__ == "__main__":
    main()
