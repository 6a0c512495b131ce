"""Guarded decoding: upright RGB of whatever mode and orientation, and a plain refusal of what is damaged or huge."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence, TiffImagePlugin

from privacy_audit.errors import PictureError
from privacy_audit.pixels import Limits, Picture

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How pixels are stored so that this orientation makes them upright: the inverse of what it asks a viewer to do."""


def scene(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Four quarters of different colours, so that every turn is seen."""
    width, height = size
    image = Image.new("RGB", size, (200, 30, 30))
    for box, color in (
        ((width // 2, 0, width, height // 2), (30, 200, 30)),
        ((0, height // 2, width // 2, height), (30, 30, 200)),
        ((width // 2, height // 2, width, height), (200, 200, 200)),
    ):
        image.paste(color, box)
    return image


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(orientation: int, kind: str) -> bytes:
    turn = TURNS[orientation]
    image = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    extra: dict[str, object] = {"quality": 95} if kind in {"JPEG", "WEBP"} else {}
    return stored(image, kind, exif=exif, **extra)


def assert_upright(rgb: np.ndarray, size: tuple[int, int] = (96, 64)) -> None:
    assert rgb.shape == (size[1], size[0], 3)
    assert rgb.dtype == np.uint8
    difference = np.abs(rgb.astype(int) - np.asarray(scene(size)).astype(int))
    assert np.median(difference) < 12
    quarter = (slice(4, size[1] // 2 - 4), slice(4, size[0] // 2 - 4))
    assert difference[quarter].mean() < 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_orientation_gives_the_same_upright_picture(orientation: int, kind: str) -> None:
    picture = Picture(oriented(orientation, kind))
    before = picture.size
    raster = picture.upright()
    assert_upright(raster.rgb)
    assert (raster.scale_x, raster.scale_y) == (1.0, 1.0)
    assert picture.size == before == (96, 64)
    assert picture.format == kind


def test_the_size_is_upright_before_anything_is_decoded() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert Picture(oriented(6, kind)).size == (96, 64)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert_upright(Picture(stored(scene(), "PNG", exif=exif)).upright().rgb)


@pytest.mark.parametrize("at_least", [1, 100, 129, 256, 400, 799, 800, 5000])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_smaller_raster_has_at_least_the_side_that_was_asked_for(at_least: int, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = scene((803, 531))
    turn = TURNS[orientation]
    data = stored(image.transpose(turn) if turn else image, "JPEG", exif=exif, quality=95)
    raster = Picture(data).upright(at_least)
    height, width, _ = raster.rgb.shape
    assert max(width, height) >= min(at_least, 803)
    assert (width * raster.scale_x, height * raster.scale_y) == pytest.approx((803, 531))
    if at_least <= 100:
        assert max(width, height) < 210


def test_the_largest_raster_is_kept() -> None:
    picture = Picture(stored(scene((800, 600)), "JPEG"))
    full = picture.upright()
    assert picture.upright(10) is full
    assert picture.upright() is full
    other = Picture(stored(scene((800, 600)), "JPEG"))
    small = other.upright(100)
    assert other.upright(50) is small
    assert other.upright(400) is not small
    assert other.upright().rgb.shape == (600, 800, 3)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"),
        ("RGBA", "PNG"), ("I;16", "PNG"), ("RGBA", "WEBP"), ("P", "GIF"), ("L", "GIF"), ("CMYK", "TIFF"),
        ("LAB", "TIFF"), ("I", "TIFF"), ("F", "TIFF"), ("I;16", "TIFF"), ("I;16B", "TIFF"), ("1", "TIFF"), ("1", "BMP"),
        ("P", "BMP"), ("YCbCr", "TIFF"), ("RGBX", "TIFF"),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode: str, kind: str) -> None:
    grey = np.repeat(np.linspace(10, 240, 64), 32).reshape(64, 32).T.astype(np.uint8)
    image = Image.fromarray(grey)
    if mode.startswith("I;16"):
        wide = (grey.astype(np.uint16) * 257).astype(">u2" if mode.endswith("B") else "<u2")
        made = Image.frombytes(mode, image.size, wide.tobytes())
    elif mode in {"I", "F"}:
        made = image.convert(mode)
    elif mode == "LAB":
        made = Image.merge("LAB", [image, Image.new("L", image.size, 128), Image.new("L", image.size, 128)])
    else:
        made = image.convert("RGB").convert(mode)
    rgb = Picture(stored(made, kind)).upright().rgb
    assert rgb.shape == (32, 64, 3)
    assert rgb.dtype == np.uint8
    assert rgb[:, :8].mean() + 60 < rgb[:, -8:].mean()


def test_what_transparency_hides_is_still_seen() -> None:
    for image in (scene().convert("RGBA"), scene().convert("LA")):
        image.putalpha(0)
        rgb = Picture(stored(image, "PNG")).upright().rgb
        assert rgb.std() > 20
    palette = scene().quantize(8)
    rgb = Picture(stored(palette, "PNG", transparency=palette.getpixel((1, 1)))).upright().rgb
    assert_upright(rgb)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_odd_number_does_not_blacken_the_rest(bad: float) -> None:
    values = np.asarray(scene().convert("L"), dtype=np.float32).copy()
    values[0, 0] = bad
    rgb = Picture(stored(Image.fromarray(values), "TIFF")).upright().rgb
    assert rgb.max() > 200
    assert rgb[1:].std() > 20


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_truncated_file_is_refused_but_its_bytes_are_there(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    whole = stored(Image.fromarray(noise), kind)
    data = whole[: int(len(whole) * share)]
    picture = Picture(data)
    for _ in range(2):
        with pytest.raises(PictureError) as caught:
            picture.upright()
        assert caught.value.kind == "unreadable"
    assert picture.data == data
    assert picture.size_bytes == len(data)
    assert picture.digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>zq", "the content is no picture"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"zq" * 50, "decoded"),
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b"BM" + bytes(40), "decoded"),
    ],
)
def test_what_is_no_picture_is_refused_in_plain_words(data: bytes, message: str) -> None:
    picture = Picture(data)
    for attribute in ("format", "size", "frame_count"):
        with pytest.raises(PictureError, match=message) as caught:
            getattr(picture, attribute)
        assert caught.value.kind == "unreadable"
        assert "zq" not in str(caught.value)
        assert "0x" not in str(caught.value)
    assert picture.data == data


@pytest.mark.parametrize(
    "error",
    [
        ValueError("invalid literal: 'zq@example.com'"),
        OSError('cannot read "zq"'),
        KeyError("zq"),
        SyntaxError("zq\x1b[0m"),
    ],
)
def test_a_decoder_that_quotes_the_file_is_not_quoted(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: object) -> None:
        raise error

    picture = Picture(stored(scene(), "PNG"))
    monkeypatch.setattr(Image.Image, "getexif", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(PictureError) as caught:
        picture.upright()
    assert str(caught.value) == f"the picture cannot be decoded: {type(error).__name__}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]))
def test_a_damaged_file_never_raises_anything_else(data: st.DataObject, kind: str) -> None:
    damaged = bytearray(stored(scene((24, 16)), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    picture = Picture(bytes(damaged), Limits(max_pixels=100_000))
    try:
        raster = picture.upright(16)
    except PictureError:
        return
    assert raster.rgb.ndim == 3
    width, height = picture.size
    assert raster.rgb.shape[1] * raster.scale_x == pytest.approx(width)
    assert raster.rgb.shape[0] * raster.scale_y == pytest.approx(height)


# --- size -------------------------------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (200_000_000, 1), (16_000, 12_000)]
)
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    picture = Picture(png_header(width, height))
    tracemalloc.start()
    try:
        for ask in (lambda: picture.size, picture.upright, picture.open):
            with pytest.raises(PictureError, match="decompression bomb") as caught:
                ask()
            assert caught.value.kind == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert picture.digest


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(stored(scene(), "PNG"))
    assert Picture(path, Limits(max_pixels=96 * 64)).upright().rgb.shape == (64, 96, 3)
    with pytest.raises(PictureError) as caught:
        Picture(path, Limits(max_pixels=96 * 64 - 1)).upright()
    assert caught.value.kind == "too_large"
    size = path.stat().st_size
    assert Picture(path, Limits(max_bytes=size)).digest
    picture = Picture(path, Limits(max_bytes=size - 1))
    for attribute in ("data", "digest", "size"):
        with pytest.raises(PictureError, match="more than the limit") as caught:
            getattr(picture, attribute)
        assert caught.value.kind == "too_large"
    assert picture.size_bytes == size


def test_no_memory_is_a_failure_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    picture = Picture(stored(scene(), "PNG"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(PictureError, match="not enough memory") as caught:
        picture.upright()
    assert caught.value.kind == "too_large"


# --- frames -----------------------------------------------------------------------------------------------------------


def film(kind: str, count: int) -> bytes:
    frames = [Image.new("RGB", (20, 10), (number * 20, 0, 0)) for number in range(count)]
    return stored(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, loop=0)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_every_frame_can_be_seen(kind: str) -> None:
    picture = Picture(film(kind, 5))
    assert picture.frame_count == 5
    for frame in picture.frames():
        rgb = picture.upright(frame=frame).rgb
        assert rgb.shape == (10, 20, 3)
        assert rgb[..., 0].mean() == pytest.approx(frame * 20, abs=6)
    with pytest.raises(PictureError):
        picture.upright(frame=5)
    assert picture.upright().rgb.shape == (10, 20, 3)


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [
        (1, 8, [0]), (3, 8, [0, 1, 2]), (8, 8, list(range(8))), (9, 8, [0, 1, 2, 3, 5, 6, 7, 8]), (10, 2, [0, 9]),
        (10, 1, [0]), (10, 3, [0, 4, 9]),
    ],
)  # fmt: skip
def test_frames_are_evenly_spread(count: int, limit: int, expected: list[int]) -> None:
    assert Picture(film("GIF", count)).frames(limit) == expected


def test_pages_of_different_size_and_orientation() -> None:
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for size, orientation in (((96, 64), 1), ((40, 30), 6)):
            image = scene(size)
            turn = TURNS[orientation]
            exif = Image.Exif()
            exif[0x0112] = orientation
            (image.transpose(turn) if turn else image).save(writer, "TIFF", exif=exif)
            writer.newFrame()
    picture = Picture(buffer.getvalue())
    assert picture.frame_count == 2
    assert_upright(picture.upright(frame=1).rgb, (40, 30))
    assert picture.size == (96, 64)
    assert picture.orientation == 1
    assert_upright(picture.upright().rgb)


def test_a_jpeg_with_a_second_picture_is_one_still() -> None:
    data = stored(scene(), "MPO", save_all=True, append_images=[scene()])
    picture = Picture(data)
    assert (picture.frame_count, picture.format, picture.size) == (1, "JPEG", (96, 64))


# --- where it comes from ----------------------------------------------------------------------------------------------


def test_a_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    picture = Picture(tmp_path / "zq.jpg")
    assert picture.size_bytes == 0
    for _ in range(2):
        with pytest.raises(PictureError, match="cannot be read: No such file") as caught:
            _ = picture.data
        assert "zq" not in str(caught.value)
    (tmp_path / "a.jpg").write_bytes(stored(scene(), "JPEG"))
    assert Picture(tmp_path / "a.jpg").size == (96, 64)
    with pytest.raises(PictureError, match="cannot be read"):
        _ = Picture(tmp_path).data


@pytest.mark.parametrize("kind", ["unreadable", "too_large"])
def test_a_picture_that_cannot_be_had(kind: str) -> None:
    picture = Picture.broken("it is gone", kind)  # type: ignore[arg-type]
    for attribute in ("data", "digest", "size", "format", "frame_count"):
        with pytest.raises(PictureError, match="it is gone") as caught:
            getattr(picture, attribute)
        assert caught.value.kind == kind
    assert picture.size_bytes == 0


def test_a_pil_image_is_the_file_that_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(oriented(6, "JPEG"))
    with Image.open(path) as image:
        picture = Picture.of(image)
    assert picture.data == path.read_bytes()
    assert_upright(picture.upright().rgb)
    made = scene()
    assert_upright(Picture.of(made).upright().rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = scene().transpose(Image.Transpose.ROTATE_90)
    turned.info["exif"] = exif.tobytes()
    assert_upright(Picture.of(turned).upright().rgb)


def test_an_opened_image_is_fresh_and_as_stored() -> None:
    picture = Picture(oriented(6, "JPEG"))
    with picture.open() as one, picture.open() as other:
        assert one is not other
        assert one.size == (64, 96)
        assert len(list(ImageSequence.Iterator(one))) == 1
