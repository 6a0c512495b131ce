"""What reading text and codes inside pictures costs, and what it finds.

    python benchmarks/image_text.py DIR [--photos N]

DIR holds photos/ (pictures, no labels), codes/ (with ground_truth.json: file, format, text) and documents/mrz/
(pictures of identity documents, each with a machine-readable zone, which verifies itself). Milliseconds are processor
time of one thread on pictures already decoded, scaled to 0.5 megapixels; run it on an idle machine. The labelled lines
are painted here, in sizes and colours from a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from privacy_audit.detectors import Barcodes, ImageText
from privacy_audit.detectors.base import as_sample
from privacy_audit.detectors.image_text.look import GATE_SIDE, Look
from privacy_audit.pixels import Picture
from privacy_audit.types import Finding

MEGAPIXELS = 0.5
_KINDS = {"qrcode": "QR", "pdf417": "PDF", "aztec": "Aztec", "datamatrix": "Data Matrix"}
_LINES = {
    "contact.email": ["jane.doe@example.com", "info@example.org", "Mail: j.smith@example.net"],
    "contact.phone": ["+1 415 555 0137", "Tel. +44 20 7946 0018", "WA 0812-3456-7890"],
    "id.card": ["4111 1111 1111 1111", "5555 5555 5555 4444"],
    "id.national": ["NIK 3171014508900003", "NIK: 3273012005950001"],
    "id.iban": ["DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32"],
    "secret": ["wifi password: hunter22x", "PIN: 482913"],
    "id.plate": ["B 1234 XYZ", "M-AB 1234"],
    "": ["Open daily 9 to 17", "Route 66", "Happy birthday", "SALE 50 %", "1998 - 2024", "Coffee 3.50"],
}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=60)
    arguments = parser.parse_args()
    photos = _photos(arguments.folder / "photos", arguments.photos)
    look, codes, reader = Look(), Barcodes(), ImageText()
    _cost(photos, look, codes, reader)
    _lines(reader)
    _codes(arguments.folder / "codes")
    _zones(arguments.folder / "documents" / "mrz", reader)


def _cost(photos: list[Image.Image], look: Look, codes: Barcodes, reader: ImageText) -> None:
    locator = look._locator
    gate, passed = _timed(photos, lambda photo: bool(locator.lines(photo, GATE_SIDE)))
    reading, seen = _timed(photos, lambda photo: look(photo, 1))
    scanning, _ = _timed(photos, lambda photo: zxingcpp.read_barcodes(np.asarray(photo.convert("L"))))
    outcomes = [part for photo in photos for part in _parts(reader, photo)]
    unread = sum(isinstance(part, Finding) and part.code == "text.unread" for part in outcomes)
    false = Counter(part.code for part in outcomes if isinstance(part, Finding) and part.code != "text.unread")
    false.update(part.code for photo in photos for part in _parts(codes, photo) if isinstance(part, Finding))
    readable = sum(any(line.readable for line in lines) for lines in seen)
    print(f"{len(photos)} photos of {MEGAPIXELS} megapixels")
    print(f"  text gate at {GATE_SIDE} pixels      {gate:6.1f} ms   passes {sum(passed)} ({_share(passed)})")
    print(f"  gate and reading           {reading:6.1f} ms   read something in {readable}, unread text in {unread}")
    print(f"  codes                      {scanning:6.1f} ms")
    print(f"  both                       {reading + scanning:6.1f} ms   target 70")
    print(f"  findings on these photos (each one is a false alarm or worth a look): {dict(false) or 'none'}\n")


def _lines(reader: ImageText) -> None:
    dice = random.Random(7)
    print("painted lines       12-15 px   16-23 px   24-40 px")
    for code, texts in _LINES.items():
        cells = []
        for low, high in ((12, 15), (16, 23), (24, 40)):
            right = total = 0
            for text in texts * 4:
                found = {
                    part.code for part in _parts(reader, _painted(text, dice, low, high)) if isinstance(part, Finding)
                }
                right += code in found if code else not found - {"text.unread"}
                total += 1
            cells.append(f"{right:>4} of {total:<3}")
        print(f"  {code or '(nothing personal)':<18}" + "".join(cells))
    print()


def _codes(folder: Path) -> None:
    read, right, total, false = Counter[str](), Counter[str](), Counter[str](), 0
    for entry in json.loads((folder / "ground_truth.json").read_text("utf-8")):
        raster = Picture(folder / entry["file"]).upright(Barcodes.long_side)
        found = zxingcpp.read_barcodes(np.asarray(Image.fromarray(raster.rgb).convert("L")))
        if entry["format"] == "falsepositives":
            false += len(found)
            continue
        kind = entry["format"]
        total[kind] += 1
        read[kind] += bool(found)
        wanted = "".join(entry["text"].replace("\\", "").split())
        right[kind] += any("".join(code.text.replace("\\", "").split()) == wanted for code in found)
    print("codes         decoded   as labelled   of")
    for kind, count in total.items():
        print(f"  {_KINDS.get(kind, kind):<12}{read[kind]:>7}{right[kind]:>14}{count:>5}")
    print(f"  read where there is none: {false}\n")


def _zones(folder: Path, reader: ImageText) -> None:
    checks = Counter[int]()
    files = sorted(path for path in folder.iterdir() if path.is_file())
    started = time.process_time()
    for path in files:
        zones = [part for part in _parts(reader, path) if isinstance(part, Finding) and part.code == "id.mrz"]
        checks[int(zones[0].attributes["checks"]) if zones else 0] += 1
    each = (time.process_time() - started) / max(1, len(files))
    print(f"machine-readable zones: {checks[2] + checks[3]} of {len(files)} with two check digits right or more,")
    print(f"  {checks[3]} with all three; {each * 1000:.0f} ms each")


def _painted(text: str, dice: random.Random, low: int, high: int) -> Image.Image:
    shade = dice.randint(150, 255)
    picture = Image.new("RGB", (830, 600), (shade, dice.randint(150, 255), dice.randint(150, 255)))
    ink = dice.randint(0, 90)
    place = (dice.randint(10, 120), dice.randint(10, 500))
    ImageDraw.Draw(picture).text(
        place, text, fill=(ink, ink, ink), font=ImageFont.load_default(dice.randint(low, high))
    )
    noise = np.random.default_rng(dice.randint(0, 9999)).normal(0, 6, (600, 830, 3))
    picture = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    return picture.rotate(dice.uniform(-4, 4), fillcolor=(shade, 200, 200))


def _photos(folder: Path, limit: int) -> list[Image.Image]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    photos = []
    for path in files[:: max(1, len(files) // limit)][:limit]:
        photo = Image.open(path).convert("RGB")
        scale = (MEGAPIXELS * 1e6 / (photo.width * photo.height)) ** 0.5
        photos.append(photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS))
    return photos


def _timed(photos: list[Image.Image], work: Callable[[Image.Image], Any]) -> tuple[float, list[Any]]:
    """Milliseconds per photo, and what came out."""
    work(photos[0])
    started = time.process_time()
    results = [work(photo) for photo in photos]
    return (time.process_time() - started) / len(photos) * 1000, results


def _parts(detector: ImageText | Barcodes, thing: Image.Image | Path) -> list[Any]:
    outcome = detector.detect([as_sample(thing, detector.needs)])[0]
    return list(outcome) if isinstance(outcome, list) else []


def _share(values: list[bool]) -> str:
    return f"{sum(values) / max(1, len(values)):.0%}"


if __name__ == "__main__":
    main()
