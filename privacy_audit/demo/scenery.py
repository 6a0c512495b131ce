"""The demo's pictures: the face picture that scikit-image ships (NASA, public domain), and scenes that it draws."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from privacy_audit.errors import ModelError

_FACE_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
_FACE_AREA = (96, 0, 400, 304)  # head and shoulders of the 512 x 512 picture


def portrait(size: int) -> Image.Image:
    """The face picture at `size` x `size` pixels."""
    return _face_picture().resize((size, size), Image.Resampling.LANCZOS)


def group(seed: int, width: int, height: int, face: int, count: int) -> Image.Image:
    """A scene with `count` portraits in it, each `face` pixels wide, beside each other."""
    scene = landscape(seed, width, height)
    person = _face_picture().crop(_FACE_AREA).resize((face, face), Image.Resampling.LANCZOS)
    for index in range(count):
        scene.paste(person, (int(width * (index + 0.5) / count - face / 2), height // 2 - face // 2))
    return scene


def landscape(seed: int, width: int, height: int) -> Image.Image:
    """A drawn landscape without people: sky, sun, hills, trees."""
    dice = random.Random(seed)  # noqa: S311 - the same picture every time
    scene = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(scene)
    for row in range(height):
        shade = row / height
        draw.line([(0, row), (width, row)], fill=(int(90 + 120 * shade), int(150 + 70 * shade), 235))
    radius = height // dice.randint(9, 14)
    x, y = dice.randint(radius, width - radius), dice.randint(radius, height // 3)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(255, 240, 180))
    for hill in range(3):
        base = height * (0.55 + 0.13 * hill)
        points = [(step * width / 12, base - dice.random() * height * 0.14) for step in range(13)]
        green = 140 - 35 * hill
        draw.polygon([(0, height), *points, (width, height)], fill=(50 - 10 * hill, green, 70 - 10 * hill))
    for _ in range(12):
        x, y, tall = (
            dice.randint(0, width),
            dice.randint(int(height * 0.7), height),
            height * (0.04 + 0.05 * dice.random()),
        )
        draw.polygon([(x - tall / 2, y), (x + tall / 2, y), (x, y - 2 * tall)], fill=(20, 70 + dice.randint(0, 30), 40))
    return scene


def sign(scene: Image.Image, *lines: str) -> Image.Image:
    """`scene` with a white board on it that says `lines`."""
    size = scene.width // 18
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(scene)
    wide = max(draw.textlength(line, font) for line in lines)
    left, top = (scene.width - wide) / 2, scene.height / 3
    draw.rectangle([left - size, top - size, left + wide + size, top + (len(lines) * 1.5 + 0.8) * size], fill="white")
    for number, line in enumerate(lines):
        draw.text((left, top + number * 1.5 * size), line, fill=(25, 25, 30), font=font)
    return scene


def with_code(scene: Image.Image, payload: str) -> Image.Image:
    """`scene` with a QR code on it; needs zxing-cpp."""
    import zxingcpp

    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode).to_image(scale=4)
    scene.paste(Image.fromarray(np.asarray(code)), (scene.width // 4, scene.height // 4))
    return scene


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The picture as a file of a format that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(side: int = 30_000) -> bytes:
    """A PNG of a few kilobytes that claims `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _face_picture() -> Image.Image:
    spec = importlib.util.find_spec("skimage")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "data" / "astronaut.png"
        if path.is_file():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != _FACE_SHA256:
                raise ModelError(
                    "the face picture inside scikit-image is not the one expected; reinstall scikit-image."
                )
            return Image.open(io.BytesIO(data)).convert("RGB")
    raise ModelError("the demo needs the face picture inside scikit-image: pip install scikit-image")
