"""Planted values in every place come out with none, by the word of tools that are not ours."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import dlib
import exifread
import numpy as np
import pytest
import zxingcpp
from PIL import Image

import privacy_audit as pa
from privacy_audit.demo import exif as writer
from privacy_audit.store import redactions

NAME, EMAIL, PHONE, NIK = "Sari Contohwati", "sari.contohwati@example.com", "+1 415 555 0137", "3171014508900003"
PLANTED = (NAME, "contohwati", EMAIL, PHONE, "415 555 0137", "4155550137", NIK, "SN-90210-PLANTED")
Make = Callable[..., bytes]


def exif_of(thumbnail: bytes | None = None) -> bytes:
    """EXIF with owner, serial number and place, and a thumbnail in its second directory."""
    camera = {writer.OWNER_NAME: NAME, writer.BODY_SERIAL: "SN-90210-PLANTED"}
    return writer.build(camera=camera, place=(-6.175392, 106.827153), thumbnail=thumbnail)


def iptc(data: bytes) -> bytes:
    """The JPEG with a Photoshop segment that holds a by-line and a city."""
    records = b"".join(
        b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value
        for number, value in [(80, NAME.encode()), (120, f"write to {EMAIL}".encode())]
    )
    block = b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records + b"\0" * (len(records) % 2)
    body = b"Photoshop 3.0\0" + block
    return data[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def qr() -> Image.Image:
    code = zxingcpp.create_barcode(f"MECARD:N:{NAME};EMAIL:{EMAIL};;", zxingcpp.BarcodeFormat.QRCode)
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=6))
    picture = Image.new("RGB", (600, 480), "white")
    picture.paste(Image.fromarray(pixels).convert("RGB"), (100, 60))
    return picture


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, face: Image.Image) -> Path:
    """The folder `source`, and what became of it in `clean`."""
    folder = tmp_path_factory.mktemp("proof")
    source = folder / "source"
    source.mkdir()
    small = encoded(face.resize((160, 160)))
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq><rdf:li>'
        f"{NAME}</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    (source / "face.jpg").write_bytes(iptc(encoded(face, quality=90, exif=exif_of(small), xmp=xmp, comment=NAME)))
    second = face.resize((256, 256))
    (source / "two.jpg").write_bytes(encoded(face, "MPO", save_all=True, append_images=[second]))
    (source / "code.png").write_bytes(encoded(qr(), "PNG"))
    plain = Image.new("RGB", (64, 48), "teal")
    (source / "sari_contohwati_01.jpg").write_bytes(encoded(plain))
    (source / "sari_contohwati_01.txt").write_text(f"{NAME} on a bench, mail {EMAIL}")
    (source / "plain.jpg").write_bytes(encoded(plain, exif=exif_of()))
    record = {"caption": f"call {PHONE}", "nested": {"owner": NAME, "ids": [int(NIK)]}, "n": 1}
    (source / "plain.json").write_text(json.dumps(record))
    (source / "metadata.csv").write_text(
        f'file_name,text,source,exif\nface.jpg,"{NAME}, {EMAIL}",nik {NIK},"{{""Artist"": ""{NAME}""}}"\n'
        f"sari_contohwati_01.jpg,same,by Sari-Contohwati,\n"
    )
    detectors = ["faces", "barcodes", "captions", "metadata", "provenance"]
    pa.scan(source, output=folder / "audit", detectors=detectors, jobs=0)
    pa.redact(source, audit=folder / "audit", output=folder / "clean", jobs=0)
    return folder


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_the_values_are_planted(planted: Path) -> None:
    raw = b"".join(path.read_bytes() for path in files(planted / "source"))
    assert all(value.encode() in raw for value in (NAME, EMAIL, PHONE, NIK, "SN-90210-PLANTED"))


def test_no_byte_of_the_copy_holds_a_planted_value(planted: Path) -> None:
    assert len(files(planted / "clean")) >= 8
    for path in files(planted / "clean"):
        raw = path.read_bytes() + path.name.encode()
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            for value in PLANTED:
                forms = {value, value.replace(" ", "_"), value.replace(" ", "-"), value.replace(" ", "")}
                hits = [f for f in forms if re.search(re.escape(f.encode(encoding)), raw, re.IGNORECASE)]
                assert not hits, f"{path.name}: {encoding}"


def test_exifread_and_pillow_find_no_metadata(planted: Path) -> None:
    with (planted / "source" / "face.jpg").open("rb") as opened:
        tags = exifread.process_file(opened, details=True)
    assert {"JPEGThumbnail", "GPS GPSLatitude", "EXIF CameraOwnerName"} <= tags.keys()
    with Image.open(planted / "source" / "two.jpg") as image:
        assert getattr(image, "n_frames", 1) == 2
    for path in files(planted / "clean"):
        if path.suffix not in {".jpg", ".png"}:
            continue
        with path.open("rb") as opened:
            tags = exifread.process_file(opened, details=True)
        assert {tag for tag in tags if "GPS" in tag or "Artist" in tag or "Serial" in tag or "Owner" in tag} == set()
        assert "JPEGThumbnail" not in tags
        with Image.open(path) as image:
            assert getattr(image, "n_frames", 1) == 1, "a second picture"
            assert image.info.keys() & {"comment", "photoshop", "xmp", "mp"} == set()


def test_another_detector_finds_no_face_and_another_reader_no_code(planted: Path) -> None:
    find = dlib.get_frontal_face_detector()

    def faces(path: Path) -> list[tuple[int, int]]:
        """Middles of what dlib takes for a face, the strongest first; on hair and suit it is wrong now and then."""
        boxes, scores, _ = find.run(np.asarray(Image.open(path).convert("RGB")), 1, 0.0)
        ordered = sorted(zip(scores, boxes, strict=True), key=lambda pair: -pair[0])
        return [(box.center().x, box.center().y) for _, box in ordered]

    def codes(path: Path) -> int:
        return len(zxingcpp.read_barcodes(Image.open(path).convert("RGB")))

    x, y = faces(planted / "source" / "face.jpg")[0]
    assert codes(planted / "source" / "code.png") == 1
    for path in files(planted / "clean"):
        if path.suffix in {".jpg", ".png"}:
            assert codes(path) == 0
            assert not [place for place in faces(path) if abs(place[0] - x) < 60 and abs(place[1] - y) < 60]


def test_the_audit_says_what_became_of_each(planted: Path) -> None:
    rows = {row["sample_id"]: row for row in redactions.rows(planted / "audit")}
    assert {row["verdict"] for row in rows.values()} == {"passed"}
    assert "fill" in rows["face.jpg"]["actions"]
    assert rows["sari_contohwati_01.jpg"]["output_id"].startswith("PERSON")
    assert pa.verify(planted / "clean", audit=planted / "audit", jobs=0).passed
