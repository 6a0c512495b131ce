"""How fast and how well faces are matched, and how robust the search for copies is.

    python benchmarks/matching.py                          speed of comparing 100,000 random embeddings
    python benchmarks/matching.py --pairs DIR PAIRS.csv    true match rate at a false match rate of 1 in 1,000
    python benchmarks/matching.py --copies DIR             missed copies by kind of change, and false ones

PAIRS.csv has the columns a,b,same: two files below DIR, and 1 or 0. Of each picture the largest face that the audit
would report counts. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from privacy_audit.pixels import Picture
from privacy_audit.stats import wilson
from privacy_audit.subject import copies, matching
from privacy_audit.subject.embeddings import SIZE, worth_comparing
from privacy_audit.subject.people import embedder
from privacy_audit.subject.search import faces_on
from privacy_audit.types import Sample

FALSE_MATCH_RATE = 1e-3


def speed(count: int) -> None:
    """One reference face against `count` embeddings, and the groups among a tenth of them."""
    random = np.random.default_rng(0)
    faces = random.normal(0, 0.1, (count, SIZE)).astype(np.float32)
    started, cpu = time.perf_counter(), time.process_time()
    matching.distances(faces[:1], faces)
    print(f"1 face against {count:,}: {time.perf_counter() - started:.3f} s, {time.process_time() - cpu:.3f} CPU s")
    some = faces[: count // 10]
    started, cpu = time.perf_counter(), time.process_time()
    first, second, _ = matching.close_pairs(some, np.arange(len(some)), 1.2)
    matching.groups(len(some), first, second)
    spent = f"{time.perf_counter() - started:.1f} s, {time.process_time() - cpu:.1f} CPU s"
    print(f"all of {len(some):,} against all, and groups from {len(first):,} pairs: {spent}")


@cache
def embedding(path: Path) -> np.ndarray | None:
    """The embedding of the largest face, None without one."""
    picture = Picture(path)
    faces = worth_comparing(faces_on(Sample("picture", "", picture)))
    return embedder()(picture, faces[:1])[0] if faces else None


def pairs(folder: Path, table: Path) -> None:
    """True match rate at FALSE_MATCH_RATE, and both rates at the thresholds in use."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(folder / row["a"], folder / row["b"], row["same"].strip() == "1") for row in csv.DictReader(file)]
    cpu = time.process_time()
    found = [(embedding(a), embedding(b), same) for a, b, same in rows]
    pictures = embedding.cache_info().currsize
    print(f"{pictures:,} pictures, {(time.process_time() - cpu) / max(1, pictures):.3f} CPU s each (finding included)")
    apart = np.array([np.linalg.norm(a - b) if a is not None and b is not None else np.inf for a, b, _ in found])
    same = np.array([entry[2] for entry in found])
    lost = np.isinf(apart)
    print(f"{len(rows):,} pairs, {lost.sum():,} of them without a face on one side: those count as not matched")
    mine, others = apart[same], np.sort(apart[~same])
    allowed = int(FALSE_MATCH_RATE * len(others))
    threshold = np.nextafter(others[allowed], 0) if len(others) > allowed else np.inf
    most = f"1 false match in {1 / FALSE_MATCH_RATE:,.0f}"
    if allowed == 0:
        print(f"too few pairs of different people for {most}: the threshold is the one with no false match")
    print(f"at most {most}: threshold {threshold:.4f}, {rate((mine <= threshold).sum(), len(mine), 'true')}")
    for limit in sorted({matching.FACE_THRESHOLD, *matching.FALSE_MATCHES}):
        true, false = (mine <= limit).sum(), (others <= limit).sum()
        print(f"at {limit}: {rate(true, len(mine), 'true')}, {rate(false, len(others), 'false')}")


def rate(hits: int, total: int, name: str) -> str:
    """A rate with its interval."""
    interval = wilson(int(hits), total)
    share = f"{hits / total:.4f}" if total else "unknown"
    return f"{name} match rate {share} ({hits} of {total}, {interval.low:.4f} to {interval.high:.4f})"


def _saved(image: Image.Image, kind: str = "JPEG", quality: int = 95) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def _cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    w, h = image.size
    return image.crop((round(w * left), round(h * top), w - round(w * right), h - round(h * bottom)))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "resized to half": lambda image: _saved(image.resize((image.width // 2, image.height // 2))),
    "JPEG quality 40": lambda image: _saved(image, quality=40),
    "WebP quality 50": lambda image: _saved(image, "WEBP", 50),
    "brightness x 1.3": lambda image: _saved(ImageEnhance.Brightness(image).enhance(1.3)),
    "brightness x 0.6": lambda image: _saved(ImageEnhance.Brightness(image).enhance(0.6)),
    "grey": lambda image: _saved(image.convert("L")),
    "5 % cropped from each side": lambda image: _saved(_cut(image, 0.05, 0.05, 0.05, 0.05)),
    "5 % cropped from one side": lambda image: _saved(_cut(image, 0, 0, 0.05, 0)),
    "10 % cropped from one side": lambda image: _saved(_cut(image, 0, 0, 0.1, 0)),
    "mirrored": lambda image: _saved(ImageOps.mirror(image)),
}


def robust(folder: Path) -> None:
    """Missed copies at the threshold, with either side changed, and false ones among different pictures."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    asked = [copies.hashes(Picture(path), mirrored=True) for path in paths]
    cpu = time.process_time()
    there = [copies.hashes(Picture(path)) for path in paths]
    print(f"{len(paths):,} pictures, {1000 * (time.process_time() - cpu) / max(1, len(paths)):.1f} CPU ms each")
    print(f"{'missed at ' + str(copies.THRESHOLD) + ' bits':<30} dataset changed    photo changed    most bits")
    for name, change in CHANGES.items():
        changed = [Picture(change(Image.open(path).convert("RGB"))) for path in paths]
        one = [copies.distance(query, copies.hashes(picture)) for query, picture in zip(asked, changed, strict=True)]
        other = [
            copies.distance(copies.hashes(picture, mirrored=True), stored)
            for picture, stored in zip(changed, there, strict=True)
        ]
        print(f"{name:<30} {_missed(one):>15} {_missed(other):>16} {max(one + other):>12}")
    apart = sorted(
        (copies.distance(asked[i], there[j]), paths[i].name, paths[j].name)
        for i, j in itertools.permutations(range(len(paths)), 2)
    )
    close = [row for row in apart if row[0] <= copies.THRESHOLD]
    print(f"different pictures: {len(close)} of {len(apart):,} ordered pairs within the threshold; look at them:")
    for row in close[:20]:
        print("   ", *row)
    further = [bits for bits, *_ in apart if bits > copies.THRESHOLD]
    print(f"the next one is {further[0] if further else 'none'} bits apart")


def _missed(bits: Sequence[int]) -> str:
    return f"{sum(value > copies.THRESHOLD for value in bits)} of {len(bits)}"


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs=2, type=Path, metavar=("DIR", "PAIRS"))
    parser.add_argument("--copies", type=Path, metavar="DIR")
    parser.add_argument("--count", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.pairs:
        pairs(*arguments.pairs)
    elif arguments.copies:
        robust(arguments.copies)
    else:
        speed(arguments.count)


if __name__ == "__main__":
    main()
