"""What redaction of regions costs: time, quality outside the regions, size; beside Pillow's blur and save.

    python benchmarks/redaction.py DIR [--count N] [--regions K] [--megapixels M]

Reads up to N pictures below DIR (evenly spaced over the sorted list), puts K boxes at fixed relative places on each and
redacts them with every method and route. With M, every picture is first scaled to that size and saved as a JPEG of
quality 90, 4:2:0. Times are CPU milliseconds of this process, pictures already in memory: from the file's bytes to the
new file's, metadata stripped ("private"). The methods take turns on every picture: a busy machine hurts all alike.

"fill" is what `redact` does to a JPEG: detectors decode and look at the result anyway, and the regions are checked on
their pixels. "fill, read back" also reads every coefficient back, as redact_regions does when it is called alone.

Quality is the PSNR of the decoded output against the decoded input, over the pixels that are 17 or more away from every
grown region; "same" counts the pictures where all of those are equal. All figures are medians over the pictures, except
the sums behind ms/MP.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageFilter

from privacy_audit.errors import PrivacyAuditError
from privacy_audit.pixels import Picture
from privacy_audit.redaction.jpeg import rewrite
from privacy_audit.redaction.jpeg.library import turbojpeg
from privacy_audit.redaction.metadata import strip
from privacy_audit.redaction.regions import Region, redact_regions
from privacy_audit.types import Box

MARGIN = 17  # a chroma block of a JPEG reaches this far
PLACES = ((0.2, 0.2), (0.5, 0.3), (0.7, 0.6), (0.35, 0.75), (0.1, 0.5))


@dataclass
class Row:
    """What one method did to all pictures."""

    ms: list[float] = field(default_factory=list)
    megapixels: float = 0.0
    psnr: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    same: int = 0
    routes: Counter[str] = field(default_factory=Counter)
    failed: int = 0


def boxes(width: int, height: int, count: int) -> list[Box]:
    """Squares of 12 % of the shorter side."""
    side = min(width, height) * 0.12
    return [Box(width * x, height * y, side, side) for x, y in PLACES[:count]]


def ours(
    method: Any, *, read_back: bool = True, library: Callable[[], Any] = turbojpeg
) -> Callable[[bytes, list[Box]], tuple[bytes, str]]:
    """Our redaction and stripping."""

    def redact(data: bytes, found: list[Box]) -> tuple[bytes, str]:
        with patch.object(rewrite, "turbojpeg", library):
            result = redact_regions(Picture(data), [Region(box, method) for box in found], read_back=read_back)
            return strip(result.data, "private").data, result.route

    return redact


def pillow(data: bytes, found: list[Box]) -> tuple[bytes, str]:
    """What a script would do."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    for box in found:
        area = (round(box.x), round(box.y), round(box.x + box.w), round(box.y + box.h))
        image.paste(image.crop(area).filter(ImageFilter.GaussianBlur(max(8, box.w / 4))), area)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), "pillow"


PEER = "Pillow blur, quality 90"
METHODS: dict[str, Callable[[bytes, list[Box]], tuple[bytes, str]]] = {
    "fill": ours("fill", read_back=False),
    "fill, read back": ours("fill"),
    "fill, coded again": ours("fill", library=lambda: None),
    "pixelate": ours("pixelate"),
    "pixelate, coded again": ours("pixelate", library=lambda: None),
    "blur": ours("blur"),
    PEER: pillow,
}


def scaled(data: bytes, megapixels: float) -> bytes:
    """The picture as a JPEG of so many megapixels."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    factor = math.sqrt(megapixels * 1e6 / (image.width * image.height))
    buffer = io.BytesIO()
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def measure(row: Row, redact: Callable[[bytes, list[Box]], tuple[bytes, str]], data: bytes, count: int) -> None:
    picture = Picture(data)
    before = picture.upright().rgb
    height, width = before.shape[:2]
    found = boxes(width, height, count)
    if picture.orientation != 1:  # the comparison does not turn pictures; ours does
        return
    start = time.process_time()
    try:
        written, route = redact(data, found)
    except (PrivacyAuditError, OSError):
        row.failed += 1
        return
    row.ms.append((time.process_time() - start) * 1000)
    row.megapixels += width * height / 1e6
    row.routes[route] += 1
    row.size.append(len(written) / len(data))
    far = np.ones((height, width), bool)
    for box in found:
        grow = 0.1 * box.w + MARGIN
        top, left = math.floor(max(0, box.y - grow)), math.floor(max(0, box.x - grow))
        far[top : math.ceil(box.y + box.h + grow), left : math.ceil(box.x + box.w + grow)] = False
    error = before[far].astype(np.int32) - Picture(written).upright().rgb[far]
    row.psnr.append(99.0 if not error.any() else 10 * math.log10(255**2 / float(np.mean(error.astype(float) ** 2))))
    row.same += not error.any()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=40, help="pictures at most (default 40)")
    parser.add_argument("--regions", type=int, default=3, choices=range(1, len(PLACES) + 1), help="boxes per picture")
    parser.add_argument("--megapixels", type=float, help="scale every picture to this size first")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    rows = {name: Row() for name in METHODS}
    read = 0
    for path in files[:: max(1, len(files) // arguments.count)]:
        data = path.read_bytes()
        try:
            Picture(data).upright()
        except PrivacyAuditError:
            continue
        data = scaled(data, arguments.megapixels) if arguments.megapixels else data
        read += 1
        for name, redact in METHODS.items():
            measure(rows[name], redact, data, arguments.regions)
        if read == arguments.count:
            break
    print(f"{read} pictures, {arguments.regions} boxes each; CPU time, one process")
    peer = sum(rows[PEER].ms) / rows[PEER].megapixels
    head = f"{'method':<26}{'ms/file':>9}{'ms/MP':>8}{'faster':>8}{'PSNR dB':>9}{'same':>6}{'size x':>8}{'failed':>8}"
    print(f"{head}  routes")
    for name, row in rows.items():
        if not row.ms:
            continue
        each = sum(row.ms) / row.megapixels
        print(
            f"{name:<26}{statistics.median(row.ms):>9.1f}{each:>8.1f}{peer / each:>7.2f}x"
            f"{statistics.median(row.psnr):>9.1f}{row.same:>6}{statistics.median(row.size):>8.2f}{row.failed:>8}"
            f"  {', '.join(f'{route} {number}' for route, number in row.routes.items())}"
        )


if __name__ == "__main__":
    main()
