"""Images per second per core of a whole scan, each stage's share, two workers against one, and peak memory.

    python benchmarks/throughput.py DIR [--count 200] [--megapixels 1] [--workers 1,2] [--faces default]

Pictures of DIR are scaled to the given size and repeated until there are `count` of them, in a temporary folder, so
that figures of different machines compare. `--as-is` takes DIR as it stands. Rates are of the stages' CPU time, because
other work on the machine hardly moves it; wall time with start-up stands beside it. The bare face network, with every
pass that it makes, is timed on some of the same pictures. Give a DIR without people for the rate where all orientations
are tried.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from PIL import Image, ImageOps

import privacy_audit as pa
from privacy_audit.detectors.faces import Faces

TIMED = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--megapixels", type=float, default=1.0)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--captions", type=Path, help="a text file with one caption per line, given to the pictures")
    parser.add_argument("--faces", default="default", choices=["fast", "default", "thorough"])
    parser.add_argument("--as-is", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = options.folder if options.as_is else Path(name) / "photos"
        if not options.as_is:
            prepare(options.folder, source, options.count, options.megapixels, options.captions)
        each_ms = measure(source, Path(name), [int(worker) for worker in options.workers.split(",")], options.faces)
        network_ms, passes = bare_network(source, options.faces)
    print(
        f"\nbare face network: {network_ms:.1f} ms per image in {passes:.2f} passes ({1000 / network_ms:.1f} images/s)"
    )
    print(f"the whole scan runs at {100 * network_ms / each_ms:.0f} % of that rate")


def prepare(folder: Path, target: Path, count: int, megapixels: float, captions: Path | None) -> None:
    """Copies of the pictures at one size, as JPEGs of quality 90."""
    target.mkdir()
    pictures = []
    for path in sorted(folder.rglob("*")):
        try:
            with Image.open(path) as image:
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError):
            continue
        scale = (megapixels * 1e6 / (upright.width * upright.height)) ** 0.5
        size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        pictures.append(target / f"{len(pictures):05d}.jpg")
        upright.resize(size, Image.Resampling.BICUBIC).save(pictures[-1], quality=90)
        if len(pictures) == count:
            break
    for number, original in islice(enumerate(cycle(pictures), len(pictures)), max(0, count - len(pictures))):
        shutil.copyfile(original, target / f"{number:05d}.jpg")
    if captions is not None:
        lines = captions.read_text(encoding="utf-8").splitlines()
        for path, line in zip(sorted(target.glob("*.jpg")), cycle(lines), strict=False):
            path.with_suffix(".txt").write_text(line + "\n", encoding="utf-8")


def bare_network(source: Path, profile: str) -> tuple[float, float]:
    """CPU milliseconds in the face network per picture, and its passes per picture."""
    faces = Faces(profile)  # type: ignore[arg-type]
    network = faces._search._network
    run, spent = network._run, []  # type: ignore[attr-defined]

    def timed(planes: object) -> object:
        started = time.process_time()
        found = run(planes)
        spent.append(time.process_time() - started)
        return found

    network._run = timed  # type: ignore[attr-defined]
    paths = sorted(source.glob("*.jpg"))[:TIMED]
    faces(paths[0])
    spent.clear()
    for path in paths:
        faces(path)
    return 1000 * sum(spent) / len(paths), len(spent) / len(paths)


def measure(source: Path, place: Path, workers: list[int], faces: str) -> float:
    """Scan with each number of workers and print; returns CPU milliseconds per picture of the first."""
    walls, costs = {}, []
    for count in workers:
        started = time.perf_counter()
        audit = pa.scan(source, output=place / f"audit-{count}", jobs=count, faces=faces, token_key=place / "key")
        walls[count] = time.perf_counter() - started
        manifest = audit.folder.manifest
        samples, seconds = manifest.counts["samples"], manifest.seconds
        busy = sum(seconds.values())
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\n{samples:,} pictures, {count} worker(s)")
        each = 1000 * busy / samples
        costs.append(each)
        print(f"  {samples / busy:8.1f} images/s/core   (CPU time of the stages, {each:.1f} ms per image)")
        print(f"  {samples / walls[count]:8.1f} images/s        (wall time with start-up, {walls[count]:.1f} s)")
        print(f"  {peak:8.0f} MB peak of the largest worker so far")
        for stage, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            print(f"  {stage:<12} {1000 * spent / samples:8.2f} ms  {100 * spent / busy:5.1f} %")
    first, last = workers[0], workers[-1]
    if first != last:
        gain = walls[first] / walls[last]
        print(f"\n{last} workers against {first}: {gain:.2f} times as fast (wall time, start-up included)")
    return costs[0]


if __name__ == "__main__":
    main()
