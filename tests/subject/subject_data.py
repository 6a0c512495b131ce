"""Datasets for the tests of requests: copies and variants of one picture, and others."""

from __future__ import annotations

import io
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image, ImageEnhance, ImageOps

from privacy_audit.cli import main

BIOMETRICS = ("--enable-biometrics", "--purpose", "answer a request", "--legal-basis", "consent")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scenery(seed: int, size: tuple[int, int] = (240, 160)) -> Image.Image:
    """A picture without people; another seed, another picture."""
    import numpy as np

    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def dataset(folder: Path, face: Image.Image) -> Path:
    """Two exact copies of `face`, near ones, its face alone, another picture, a broken one, and one of one colour."""
    exact = saved(face, quality=92)
    files = {
        "orig.jpg": exact,
        "sub/again.jpg": exact,
        "half.jpg": saved(face.resize((256, 256)), quality=40),
        "mirror.webp": saved(ImageOps.mirror(face), "WEBP"),
        "cut.png": saved(ImageEnhance.Brightness(face.crop((120, 0, 400, 260))).enhance(0.8), "PNG"),
        "other.jpg": saved(scenery(1)),
        "broken.jpg": saved(scenery(2, (640, 480)))[:3000],
        "flat.png": saved(Image.new("RGB", (60, 60), "teal"), "PNG"),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
