"""What the 8-bit face network loses against the published one, and what both find where there is no face.

    python benchmarks/faces_agreement.py DIR [--file FILE.onnx] [--face-free DIR]

Of the pictures of DIR, at the default profile's size: how many boxes of the published network (32 bit) the 8-bit one
finds again (IoU .5 or more) by size in input pixels, at both thresholds, and how many it gives beside them. Sheets of
four and nine of the pictures, whose faces are small, and dimmed and mirrored pictures are among the inputs. Boxes of
the published network are no labels: see `privacy-audit detectors bench` for recall. FILE is another 8-bit file to
compare as well, for instance an older one. Times are CPU time in turn on the same pictures. With --face-free, the
boxes per picture of a folder without faces, one line for each picture that has any.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from privacy_audit.detectors.faces.backends import Settings
from privacy_audit.detectors.faces.backends.centerface import CenterFace
from privacy_audit.detectors.faces.boxes import Boxes, areas, overlaps
from privacy_audit.detectors.faces.engines import on_onnxruntime
from privacy_audit.detectors.faces.inputs import fit

PROFILE = CenterFace.profiles["default"]
SIDE = PROFILE.sides[0]
SHEET = (640, 480)
SIZES = ("-16", "16-32", "32-64", "64+")
EDGES = (16, 32, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--file", type=Path, action="append", default=[])
    parser.add_argument("--face-free", type=Path, metavar="DIR")
    options = parser.parse_args()
    networks = {name: CenterFace(Settings(precision=name, engine="onnxruntime")) for name in ("fp32", "int8")}
    for path in options.file:
        networks[path.name] = CenterFace(Settings(precision="int8", engine="onnxruntime"))
        networks[path.name]._run = on_onnxruntime(path)
    photos = [picture for _, picture in pictures(options.folder)]
    if photos:
        agreement(networks, [*photos, *sheets(photos), *changed(photos)])
    if options.face_free:
        face_free(networks, pictures(options.face_free))


def pictures(folder: Path) -> list[tuple[str, Image.Image]]:
    """Names and pictures of a folder, upright, at the network's size."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    found = []
    for path in paths:
        with Image.open(path) as image:
            found.append((path.name, fit(ImageOps.exif_transpose(image).convert("RGB"), SIDE)))
    return found


def sheets(photos: list[Image.Image]) -> list[Image.Image]:
    """Four and nine photos side by side."""
    made = []
    for per_side in (2, 3):
        tile = (SHEET[0] // per_side, SHEET[1] // per_side)
        for start in range(0, len(photos), per_side * per_side):
            sheet = Image.new("RGB", SHEET)
            for number, photo in enumerate(photos[start : start + per_side * per_side]):
                small = ImageOps.contain(photo, tile)
                sheet.paste(small, (number % per_side * tile[0], number // per_side * tile[1]))
            made.append(sheet)
    return made


def changed(photos: list[Image.Image]) -> list[Image.Image]:
    """Every fourth one at half the brightness, mirrored."""
    return [ImageOps.mirror(photo).point(lambda value: value // 2) for photo in photos[::4]]


def agreement(networks: dict[str, CenterFace], inputs: list[Image.Image]) -> None:
    found: dict[str, list[Boxes]] = {name: [] for name in networks}
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for picture in inputs:
        for name, network in networks.items():
            started = time.process_time()
            found[name].append(network(picture, PROFILE.keep))
            spent[name].append(time.process_time() - started)
    print(f"{len(inputs)} inputs; found again of the boxes of fp32, and given beside them")
    for name in networks:
        cost = np.median(np.array(spent[name]) / np.array(spent["fp32"]))
        print(f"{name}: {1000 * np.median(spent[name]):.1f} ms each, {cost:.2f} of fp32 (median of pairs)")
        for threshold in (PROFILE.keep, PROFILE.report):
            print(f"  from {threshold:.2f}: {compared(found['fp32'], found[name], threshold)}")


def compared(before: list[Boxes], after: list[Boxes], threshold: float) -> str:
    again, total, beside = np.zeros(len(SIZES), int), np.zeros(len(SIZES), int), 0
    for one, other in zip(before, after, strict=True):
        mine, theirs = (boxes.take(boxes.scores >= threshold).corners for boxes in (one, other))
        classes = np.digitize(np.sqrt(areas(mine)), EDGES)
        for corners, number in zip(mine, classes, strict=True):
            total[number] += 1
            again[number] += overlaps(corners, theirs).max(initial=0) >= 0.5
        beside += sum(overlaps(corners, mine).max(initial=0) < 0.5 for corners in theirs)
    parts = [f"{size} px {hits}/{all_}" for size, hits, all_ in zip(SIZES, again, total, strict=True)]
    return f"{again.sum()}/{total.sum()} ({', '.join(parts)}), {beside} beside"


def face_free(networks: dict[str, CenterFace], named: list[tuple[str, Image.Image]]) -> None:
    print(
        f"\n{len(named)} pictures that are said to have no face, upright pass; boxes from {PROFILE.keep:.2f} and from"
    )
    print(f"{PROFILE.report:.2f}, with the best score")
    for name, network in networks.items():
        kept = reported = 0
        for file, picture in named:
            boxes = network(picture, PROFILE.keep)
            strong = int((boxes.scores >= PROFILE.report).sum())
            kept, reported = kept + len(boxes), reported + strong
            if len(boxes):
                print(f"  {name:8} {file:40} {len(boxes)}  {strong}  {boxes.top:.2f}")
        rates = (f"{count / max(1, len(named)):.3f} per picture" for count in (kept, reported))
        print(f"{name}: {' and '.join(rates)}")


if __name__ == "__main__":
    main()
