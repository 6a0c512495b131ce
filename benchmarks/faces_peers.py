"""Our whole scan against face_recognition's command line and deface: speed beside recall, on the same pictures.

    python benchmarks/faces_peers.py DIR [--count 60] [--megapixels 1] [--deface PATH] [--face-detection PATH]

The pictures of DIR are scaled to one size and repeated until there are `count` of them, in a temporary folder. With
DIR/annotations.json (see privacy-audit detectors bench) each tool's recall of faces of 16 pixels or more stands beside
its speed; without it the number of pictures with a box does. Speeds are CPU time of all processes of a command, on
`count` pictures less on a tenth of them, so that start-up does not count. Tools that are not installed are left out;
deface may be in an environment of its own (--deface VENV/bin/deface).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import privacy_audit as pa
from privacy_audit.detectors.faces import bench
from privacy_audit.detectors.faces.bench import Labelled
from privacy_audit.detectors.faces.boxes import Floats

Boxes = dict[str, list[list[float]]]
"""Boxes (x1, y1, x2, y2, score) by file name."""

DEFACE = """
import json, sys
from pathlib import Path
import numpy as np
from PIL import Image
from deface.centerface import CenterFace
find, found = CenterFace(in_shape=None), {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    boxes, _ = find(np.asarray(Image.open(path).convert("RGB")), threshold=0.2)
    found[path.name] = np.asarray(boxes).tolist()
print(json.dumps(found))
"""


@dataclass(slots=True)
class Result:
    """What one tool did: CPU milliseconds per picture and its boxes."""

    tool: str
    cpu_ms: float
    boxes: Boxes = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--megapixels", type=float, default=1.0)
    parser.add_argument("--faces", default="default", choices=["fast", "default", "thorough"])
    parser.add_argument("--deface", default=shutil.which("deface") or "", help="deface's command")
    parser.add_argument("--face-detection", default=_beside("face_detection"), help="face_recognition's command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        labelled = prepare(options.folder, place / "all", options.count, options.megapixels)
        few = place / "few"
        few.mkdir()
        for path in sorted((place / "all").iterdir())[: max(1, options.count // 10)]:
            shutil.copyfile(path, few / path.name)
        sources = (place / "all", few)
        results = [ours(sources, place, options.faces)]
        if options.face_detection:
            results.append(face_recognition(sources, options.face_detection))
        if options.deface:
            results += [deface(sources, options.deface, "native size"), deface(sources, options.deface, "640x640")]
        show(results, labelled, options.count)


def prepare(folder: Path, target: Path, count: int, megapixels: float) -> dict[str, Floats] | None:
    """Pictures of one size as JPEGs of quality 90, repeated up to `count`, and their faces when they are labelled."""
    known = (folder / bench.ANNOTATIONS).is_file()
    originals = (
        bench.load(folder) if known else [Labelled(path, np.zeros((0, 4), np.float32)) for path in _photos(folder)]
    )
    if not originals:
        raise SystemExit(f"{folder} holds no picture.")
    target.mkdir()
    faces = {}
    for number, original in enumerate(islice((one for _ in range(count) for one in originals), count)):
        path = target / f"{number:05d}.jpg"
        with Image.open(original.path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        scale = (megapixels * 1e6 / (upright.width * upright.height)) ** 0.5
        size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        upright.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
        faces[path.name] = original.faces * np.float32(scale)
    return faces if known else None


def _photos(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]


def _beside(command: str) -> str:
    path = Path(sys.executable).with_name(command)
    return str(path) if path.is_file() else shutil.which(command) or ""


def cpu_ms(run: Callable[[Path], None], sources: tuple[Path, Path]) -> float:
    """CPU milliseconds per picture of what `run` starts, start-up excluded."""
    spent = []
    for source in sources:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(source)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    pictures = [len(list(source.iterdir())) for source in sources]
    return 1000 * (spent[0] - spent[1]) / (pictures[0] - pictures[1])


def ours(sources: tuple[Path, Path], place: Path, profile: str) -> Result:
    """A whole scan, all detectors, as the command does it."""

    def run(source: Path) -> None:
        target = place / f"audit-{source.name}"
        command = [sys.executable, "-m", "privacy_audit", "scan", str(source), "-o", str(target), "--jobs", "1"]
        command += ["--faces", profile, "--exit-zero", "--token-key", str(place / "key")]
        subprocess.run(command, check=True, capture_output=True)

    result = Result(f"privacy-audit scan --faces {profile}", cpu_ms(run, sources))
    rows = pa.Audit(place / "audit-all").folder.sql(
        "SELECT sample_id, x, y, x + w, y + h, score FROM findings WHERE code = 'face'"
    )
    for sample, *box in rows:
        result.boxes.setdefault(str(sample), []).append([float(value) for value in box])
    return result


def face_recognition(sources: tuple[Path, Path], command: str) -> Result:
    """Its command line with HOG, as it comes."""
    lines: list[str] = []

    def run(source: Path) -> None:
        done = subprocess.run([command, str(source)], check=True, capture_output=True, text=True)
        lines[:] = done.stdout.splitlines() if source.name == "all" else lines

    result = Result("face_recognition, HOG command line", cpu_ms(run, sources))
    for line in lines:
        path, top, right, bottom, left = line.rsplit(",", 4)
        result.boxes.setdefault(Path(path).name, []).append([*map(float, (left, top, right, bottom)), 1.0])
    return result


def deface(sources: tuple[Path, Path], command: str, size: str) -> Result:
    """Its command line, writing blurred copies; the boxes, which it keeps to itself, are asked of its library."""

    def run(source: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name) / "in"
            shutil.copytree(source, copy)
            scale = [] if size == "native size" else ["--scale", size]
            subprocess.run([command, *map(str, sorted(copy.iterdir())), *scale], check=True, capture_output=True)

    result = Result(f"deface, {size}", cpu_ms(run, sources))
    if size == "native size":
        python = str(Path(command).resolve().with_name("python")) if Path(command).is_file() else sys.executable
        python = python if Path(python).is_file() else sys.executable
        asked = subprocess.run([python, "-c", DEFACE, str(sources[0])], check=True, capture_output=True, text=True)
        result.boxes = json.loads(asked.stdout.splitlines()[-1])
    return result


def show(results: list[Result], labelled: dict[str, Floats] | None, count: int) -> None:
    print(f"{count} pictures, CPU time without start-up")
    print(f"{'':38}{'ms each':>9}{'images/s':>10}{'ours is':>10}   recall of faces of 16 px and more")
    for result in results:
        times = f"{result.cpu_ms / results[0].cpu_ms:.1f} x" if result is not results[0] else ""
        print(f"{result.tool:38}{result.cpu_ms:9.1f}{1000 / result.cpu_ms:10.1f}{times:>10}   {seen(result, labelled)}")


def seen(result: Result, labelled: dict[str, Floats] | None) -> str:
    """Recall where faces are labelled, else how many pictures have a box."""
    if not result.boxes:
        return "(not asked)" if "640" in result.tool else "no box"
    if labelled is None:
        return f"(not labelled; a box on {sum(map(bool, result.boxes.values()))} pictures)"
    hits = faces = 0
    for name, truth in labelled.items():
        boxes = sorted(result.boxes.get(name, []), key=lambda box: -box[4])
        one = bench.score(truth, np.array([box[:4] for box in boxes], np.float32).reshape(-1, 4))
        hits += int(one.hits[1:].sum())
        faces += int(one.faces[1:].sum())
    return f"{hits / faces:.3f} ({hits:,} of {faces:,})" if faces else "no face is labelled"


if __name__ == "__main__":
    main()
