"""A picture written back in its own format, stored orientation kept, with some of its pixels painted over.

PNG, GIF and WebP are edited frame by frame (see `frames`). The formats here are decoded and written whole. What Pillow
cannot write back in the same format is refused.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from privacy_audit.redaction import carry, frames
from privacy_audit.redaction.coding import (
    DROPPED_BLOCKS,
    DROPPED_DIRECTORIES,
    DROPPED_PARTS,
    LOSSY,
    LOSSY_QUALITY,
    REDUCED,
    Job,
    Place,
    RedactionRefused,
    Route,
    orientation_of,
    saved,
)
from privacy_audit.redaction.jpeg import rewrite as jpeg
from privacy_audit.redaction.paint import Area, Palette

if TYPE_CHECKING:
    from privacy_audit.containers import Format


@dataclass(frozen=True, slots=True)
class Coded:
    """A file written back. `lossless`: what stands outside the areas is as before, for `route` see `Job`."""

    data: bytes
    route: Route
    lossless: bool
    notes: tuple[str, ...]


def rewrite(
    data: bytes, kind: Format, image: Image.Image, orientation: int, place: Place, *, read_back: bool = True
) -> Coded | None:
    """The file `data` with its areas painted, in its own format and stored orientation. None when no area touches it.

    `image` is the file opened, and loaded unless it is a JPEG; it is painted on. Raises RedactionRefused, and whatever
    Pillow raises on damaged frames.
    """
    writers: dict[str, Callable[[Job], bytes | None]] = {
        "JPEG": jpeg.rewrite,
        "PNG": frames.png,
        "GIF": frames.gif,
        "WEBP": frames.webp,
        "TIFF": _tiff,
        "BMP": _bmp,
        "AVIF": _avif,
    }
    if kind not in writers:
        raise RedactionRefused(f"{kind} pictures cannot be written here; convert, drop or quarantine them")
    job = Job(data, image, orientation, place, read_back)
    written = writers[kind](job)
    return (
        None
        if written is None
        else Coded(written, job.route or ("lossless" if job.lossless else "re-encode"), job.lossless, tuple(job.notes))
    )


# TIFF

_TIFF_LOSSLESS = frozenset({"raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd"})
_TIFF_BILEVEL = frozenset({"group3", "group4", "tiff_ccitt"})
_TIFF_JPEG = frozenset({"jpeg", "tiff_jpeg"})
_TIFF_SUBFILE, _TIFF_BITS, _TIFF_XMP = 254, 258, 700
_TIFF_DIRECTORIES = frozenset({34665, 34853})  # Exif and GPS
_TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _tiff(job: Job) -> bytes | None:
    """Pillow turns pages upright when it loads them, so they are painted upright and turned back."""
    source: Any = Image.open(io.BytesIO(job.data))
    touched = False
    buffer = io.BytesIO()
    written: list[tuple[str, bytes] | None] = []
    with TiffImagePlugin.AppendingTiffWriter(buffer, new=True) as pages:
        for number in range(int(source.n_frames)):
            source.seek(number)
            if number and int(source.tag_v2.get(_TIFF_SUBFILE, 0)) & 1:  # a smaller copy of another page
                job.say(DROPPED_PARTS)
                continue
            job.spend(*source.size)
            orientation = orientation_of(source)
            source.load()
            areas = job.place(source.size, 1)
            touched = touched or bool(areas)
            written.append(_tiff_page(job, pages, source, orientation, areas))
            pages.newFrame()
    if not touched:
        return None
    job.say(DROPPED_BLOCKS)
    data = buffer.getvalue()
    _verify_pages(data, written)
    return data


def _tiff_page(
    job: Job, pages: TiffImagePlugin.AppendingTiffWriter, image: Any, orientation: int, areas: list[Area]
) -> tuple[str, bytes] | None:
    """Write the page that `image` stands at. Returns the mode and pixels that it must read back with; None for JPEG."""
    compression = image.info.get("compression", "raw")
    bits = image.tag_v2.get(_TIFF_BITS, (8,))
    if image.mode not in {"I", "F"} and not image.mode.startswith("I;16") and max(bits) > 8:
        job.lossless = False
        job.say(REDUCED)
    page = _native(image)
    if areas:
        job.paint(page, areas, _palette_of(page))
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if compression in _TIFF_JPEG and page.mode in {"L", "RGB", "CMYK", "YCbCr"}:
        job.lossless = False
        job.say(LOSSY)
        options |= {"compression": "jpeg", "quality": LOSSY_QUALITY}
    elif compression in _TIFF_LOSSLESS or (compression in _TIFF_BILEVEL and page.mode == "1"):
        options["compression"] = compression
    else:
        options["compression"] = "tiff_adobe_deflate"
    if _TIFF_DIRECTORIES & set(image.tag_v2):
        job.say(DROPPED_DIRECTORIES)
    exif = Image.Exif()
    tags = carry.exif(job.data, orientation, image.tell(), directories=False)
    if tags:
        exif.load(b"Exif\0\0" + tags)
    xmp = job.xmp(image.tag_v2.get(_TIFF_XMP))
    if xmp:
        exif[_TIFF_XMP] = xmp
    turn = _TURN_BACK.get(orientation)
    stored = page if turn is None else page.transpose(turn)
    stored.save(pages, "TIFF", exif=exif, **options)
    return None if options["compression"] == "jpeg" else (page.mode, page.tobytes())


def _native(image: Image.Image) -> Image.Image:
    """A copy without metadata, 16-bit values in little-endian order: Pillow fills no others rightly."""
    if image.mode.startswith("I;16"):
        return Image.frombytes("I;16", image.size, np.asarray(image).astype("<u2").tobytes())
    copy = image.copy()
    copy.info = {}
    return copy


def _palette_of(image: Image.Image) -> Palette:
    colors = (image.getpalette("RGB") or []) if image.mode == "P" else []
    return [(colors[at], colors[at + 1], colors[at + 2], 255) for at in range(0, len(colors) - 2, 3)]


def _verify_pages(data: bytes, expected: list[tuple[str, bytes] | None]) -> None:
    """TIFF has more variants than can be foreseen: what was written must read back as it was meant."""
    image: Any = Image.open(io.BytesIO(data))
    same = int(image.n_frames) == len(expected)
    for number, page in enumerate(expected if same else ()):
        image.seek(number)
        if page is not None:
            written = _native(image)
            same = same and (written.mode, written.tobytes()) == page
    if not same:
        raise RedactionRefused("this variant of TIFF does not come back unchanged when it is written here")


# BMP


def _bmp(job: Job) -> bytes | None:
    image = job.image
    areas = job.place(image.size, job.orientation)
    if not areas:
        return None
    dpi = image.info.get("dpi", (96, 96))
    job.paint(image, areas, _palette_of(image))
    image.info = {}
    return _bmp_with_alpha(image) if image.mode == "RGBA" else saved(image, "BMP", dpi=dpi)


def _bmp_with_alpha(image: Image.Image) -> bytes:
    """32 bits per pixel behind a version 4 header, which Pillow reads but does not write."""
    pixels = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, *image.size, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    header += masks + b"BGRs" + b"\0" * 48
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108) + header + pixels


# AVIF


def _avif(job: Job) -> bytes | None:
    image: Any = job.image
    areas = job.place(image.size, job.orientation)
    if not areas:
        return None
    job.lossless = False
    job.say(LOSSY)
    job.say(DROPPED_PARTS)
    exif = carry.exif(image.info.get("exif", b""), job.orientation)
    options: dict[str, Any] = {
        "quality": LOSSY_QUALITY,
        "subsampling": "4:4:4",
        "exif": b"Exif\0\0" + exif if exif else b"",
        "xmp": job.xmp(image.info.get("xmp")),
        "icc_profile": image.info.get("icc_profile"),
    }
    stills, durations = [], []
    for number in range(int(getattr(image, "n_frames", 1))):
        image.seek(number)
        job.spend(*image.size)
        image.load()
        durations.append(image.info.get("duration", 0))
        frame = _native(image)
        job.paint(frame, areas)
        stills.append(frame)
    if len(stills) == 1:
        return saved(stills[0], "AVIF", **options)
    return saved(stills[0], "AVIF", save_all=True, append_images=stills[1:], duration=durations, **options)
