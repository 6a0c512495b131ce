from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from subject_data import saved, scenery

from privacy_audit.pixels import Picture
from privacy_audit.subject import copies

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda image: image,
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "grey": lambda image: image.convert("L"),
    "cut": lambda image: ImageOps.crop(image, round(image.width * 0.05)),
    "cut on the right": lambda image: image.crop((0, 0, round(image.width * 0.95), image.height)),
    "mirrored": ImageOps.mirror,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_near_whichever_side_changed(face: Image.Image, change: str) -> None:
    original, changed = Picture(saved(face)), Picture(saved(CHANGES[change](face), quality=60))
    for asked, stored in ((original, changed), (changed, original)):
        assert copies.distance(copies.hashes(asked, mirrored=True), copies.hashes(stored)) <= copies.THRESHOLD


def test_different_pictures_are_far_apart() -> None:
    hashes = [copies.hashes(Picture(saved(scenery(seed))), mirrored=True) for seed in range(12)]
    apart = [copies.distance(some, others) for i, some in enumerate(hashes) for others in hashes[i + 1 :]]
    assert min(apart) > copies.THRESHOLD


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_every_mode_has_hashes(mode: str) -> None:
    kind = "TIFF" if mode in {"CMYK", "I;16"} else "PNG"
    wide = Image.fromarray(np.asarray(scenery(3).convert("L"), dtype=np.uint16) * 257)
    picture = wide if mode == "I;16" else scenery(3).convert(mode)
    assert picture.mode == mode
    assert copies.hashes(Picture(saved(picture, kind))).shape == (len(copies.CROPS), copies.BITS)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (60, 60)])
def test_a_picture_of_one_colour_is_near_nothing(size: tuple[int, int]) -> None:
    flat = copies.hashes(Picture(saved(Image.new("RGB", size, "teal"), "PNG")))
    assert flat.shape == (0, copies.BITS)
    assert copies.distance(flat, flat) > copies.BITS


def test_frames_of_an_animation_are_all_compared() -> None:
    frames = [scenery(seed) for seed in range(4)]
    film = Picture(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert film.frame_count == 4
    still = copies.hashes(Picture(saved(frames[3])), mirrored=True)
    assert copies.distance(still, copies.hashes(film)) <= copies.THRESHOLD


def test_hashes_are_those_of_the_library() -> None:
    import imagehash

    picture = scenery(5, (256, 170)).convert("L")
    expected = imagehash.phash(picture, hash_size=16).hash.ravel()
    assert np.array_equal(copies.hashes(Picture(saved(picture, "PNG")))[0], expected)


def test_error_rates_are_given_only_where_they_were_measured() -> None:
    known = copies.error_rates(copies.THRESHOLD)
    assert known["missed"]["mirrored"]["hits"] == 0
    assert 0 < known["false_matches"][0]["high"] < 1e-3
    assert copies.error_rates(copies.THRESHOLD + 1) == {"missed": {}, "false_matches": []}
