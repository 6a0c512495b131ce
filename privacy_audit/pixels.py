"""One stored picture: its bytes, header facts and upright pixels, each read at most once and shared by all detectors.

Decoding is guarded: the size caps are checked on the header, before any pixel buffer is made; truncated files are
refused, never padded. JPEGs are decoded at the smallest DCT scale that still gives the side that was asked for.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from privacy_audit.containers import Format, sniff
from privacy_audit.errors import PictureError

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.types import FailureKind

_T = TypeVar("_T")
_Part = Literal["file", "pixels"] | tuple[Literal["frame"], int]

ORIENTATION_TAG = 0x0112
MAX_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 2 * 89_478_485  # where Pillow itself refuses
MAX_FRAMES = 8

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile file may cost at most. Bytes of the stored file, pixels of one frame."""

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Raster:
    """Upright RGB pixels, (height, width, 3) uint8. Multiply raster coordinates by the scales to get full-size ones."""

    rgb: npt.NDArray[np.uint8]
    scale_x: float = 1.0
    scale_y: float = 1.0


class Picture:
    """One stored picture. Every property raises PictureError when it cannot be had; the error is remembered.

    A file whose pixels are damaged still has `data` and `digest`, so that its metadata can be read.
    """

    def __init__(self, source: bytes | Path, limits: Limits | None = None) -> None:
        self._source = source
        self._limits = limits or Limits()
        self._data: bytes | None = source if isinstance(source, bytes) else None
        self._header: tuple[Format, int, int, int] | None = None
        self._orientation: int | None = None
        self._raster: tuple[int | None, Raster] | None = None
        self._errors: dict[_Part, PictureError] = {}
        self._digest: str | None = None

    @classmethod
    def broken(cls, message: str, kind: FailureKind = "unreadable") -> Picture:
        """A picture that the dataset names but that cannot be had."""
        picture = cls(b"")
        picture._errors["file"] = PictureError(message, kind)
        return picture

    @classmethod
    def of(cls, image: Image.Image) -> Picture:
        """A picture from a PIL image: the file it was opened from when there is one, else its pixels as PNG."""
        name = getattr(image, "filename", "")
        if name and Path(name).is_file():
            return cls(Path(name))
        buffer = io.BytesIO()
        extra = {"exif": image.info["exif"]} if "exif" in image.info else {}
        image.save(buffer, "PNG", **extra)
        return cls(buffer.getvalue())

    @property
    def data(self) -> bytes:
        """The stored file."""
        if self._data is None or "file" in self._errors:
            self._data = self._guard("file", self._read)
        return self._data

    @property
    def size_bytes(self) -> int:
        """Size of the stored file, known even when it is too large to be read."""
        if self._data is not None:
            return len(self._data)
        assert isinstance(self._source, Path)
        try:
            return self._source.stat().st_size
        except OSError:
            return 0

    @property
    def digest(self) -> str:
        """Hex sha256 of the stored file."""
        if self._digest is None:
            self._digest = hashlib.sha256(self.data).hexdigest()
        return self._digest

    @property
    def format(self) -> Format:
        """The format by content."""
        return self._headers()[0]

    @property
    def size(self) -> tuple[int, int]:
        """Upright width and height in pixels."""
        _, width, height, _ = self._headers()
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def frame_count(self) -> int:
        """Number of frames or pages; 1 for a still picture."""
        return self._headers()[3]

    @property
    def orientation(self) -> int:
        """How the stored pixels have to be turned to stand upright: EXIF 1 to 8."""
        if self._orientation is None:
            self._headers()
        return self._orientation or 1

    def frames(self, limit: int = MAX_FRAMES) -> list[int]:
        """Frame numbers to look at: all of them up to `limit`, else evenly spaced ones with the first and the last."""
        count = self.frame_count
        if count <= limit:
            return list(range(count))
        return sorted({round(step * (count - 1) / max(1, limit - 1)) for step in range(limit)})

    def upright(self, at_least: int | None = None, frame: int = 0) -> Raster:
        """Upright pixels whose long side is at least `at_least` (or the picture's own, when that is smaller).

        None asks for full size. The largest raster of the first frame is kept, so ask for the largest first; those of
        later frames are not, because eight of them may be much.
        """
        if frame:
            return self._guard(("frame", frame), lambda: self._decode(at_least, frame))
        kept = self._raster
        if kept is not None and (kept[0] is None or (at_least is not None and kept[0] >= at_least)):
            return kept[1]
        raster = self._guard("pixels", lambda: self._decode(at_least, 0))
        self._raster = (at_least, raster)
        return raster

    @property
    def at_hand(self) -> Raster | None:
        """Upright pixels that were decoded before, at whatever size; None when there are none. Never decodes."""
        return self._raster[1] if self._raster is not None else None

    def open(self) -> Image.Image:
        """A fresh, lazy Pillow image of the stored bytes, within the limits. Stored orientation, not upright."""
        self._headers()
        return self._open()

    def _guard(self, part: _Part, work: Callable[[], _T]) -> _T:
        if part in self._errors:
            raise self._errors[part]
        try:
            return work()
        except PictureError as error:
            failed = error
        except UnidentifiedImageError:
            failed = PictureError("the file cannot be decoded: damaged, or a variant that Pillow does not read")
        except Image.DecompressionBombError:
            failed = self._too_large()
        except MemoryError:
            failed = PictureError("not enough memory to decode the picture", "too_large")
        except Exception as error:  # noqa: BLE001 - decoders raise anything on damaged input
            failed = PictureError(f"the picture cannot be decoded: {_plain(error)}")
        self._errors[part] = failed
        raise failed

    def _read(self) -> bytes:
        if isinstance(self._source, bytes):
            return self._source
        try:
            size = self._source.stat().st_size
            if size > self._limits.max_bytes:
                raise PictureError(
                    f"the file has {size:,} bytes, more than the limit of {self._limits.max_bytes:,}", "too_large"
                )
            return self._source.read_bytes()
        except OSError as error:
            raise PictureError(f"the file cannot be read: {error.strerror or 'input/output error'}") from error

    def _headers(self) -> tuple[Format, int, int, int]:
        if self._header is None:
            self._header = self._guard("pixels", self._read_headers)
        return self._header

    def _read_headers(self) -> tuple[Format, int, int, int]:
        data = self.data
        if not data:
            raise PictureError("the file is empty")
        found = sniff(data[:64])
        if found is None:
            raise PictureError("the content is no picture that is known here")
        if found == "JXL":
            raise PictureError("JPEG XL cannot be decoded here; its metadata is still read")
        image = self._open()
        width, height = image.size
        if width * height > self._limits.max_pixels:
            raise self._too_large()
        # `info` holds the EXIF that stands before the pixels; getexif() may decode a whole PNG to find a late one.
        # A TIFF is turned by Pillow itself: its size is upright already, and loading it turns the pixels.
        if image.format != "TIFF" and ("exif" in image.info or image.format in {"JPEG", "MPO"}):
            self._orientation = _orientation(image)
        # A JPEG with further pictures (MPO) is one still picture with second images, which metadata reports.
        frames = 1 if found in {"JPEG", "BMP", "HEIF"} else max(1, int(getattr(image, "n_frames", 1)))
        return found, width, height, frames

    def _open(self) -> Image.Image:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if sniff(self.data[:64]) == "HEIF":
                _register_heif()
            return Image.open(io.BytesIO(self.data))

    def _too_large(self) -> PictureError:
        return PictureError(
            f"the picture has more pixels than the limit of {self._limits.max_pixels:,}: perhaps a decompression bomb",
            "too_large",
        )

    def _decode(self, at_least: int | None, frame: int) -> Raster:
        _, width, height, _ = self._headers()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = self._open()
            if frame:
                image.seek(frame)
                width, height = image.size
                if width * height > self._limits.max_pixels:
                    raise self._too_large()
            if at_least is not None and image.format in {"JPEG", "MPO"}:
                shrink = min(1.0, at_least / max(width, height))
                image.draft("RGB", (max(1, round(width * shrink)), max(1, round(height * shrink))))
            image.load()
            orientation = _orientation(image)
            rgb = _rgb(image)
        if not frame:  # a later page may have another one
            self._orientation = orientation
        turn = _UPRIGHT.get(orientation)
        if turn is not None:
            rgb = rgb.transpose(turn)
            width, height = (height, width) if orientation >= 5 else (width, height)
        return Raster(np.asarray(rgb), width / rgb.width, height / rgb.height)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """`image` turned upright, as EXIF's `orientation` (1 to 8) asks."""
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - malformed EXIF must not cost a sound picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any mode. Alpha is dropped, not applied: what it hides is still in the file."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):  # 16 and 32 bit: stretch to 8, because clipping would leave a white sheet
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = 65535.0 if image.mode.startswith("I;16") else float(values.max(initial=0.0)) or 1.0
        return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError:
        raise PictureError(
            "HEIC needs the extra 'heif' (pip install 'privacy-audit[heif]'); its metadata is still read"
        ) from None
    pillow_heif.register_heif_opener()


def _plain(error: Exception) -> str:
    """An exception's text without memory addresses; its kind alone when the text quotes something."""
    text = str(error).split("<_io", 1)[0].strip()
    return text[:160] if text and text.isprintable() and not set(text) & set("'\"`") else type(error).__name__
