"""Builds the demo's dataset, and says what it planted where. All people and values in it are made up."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from PIL import Image

from privacy_audit.demo import exif
from privacy_audit.demo.scenery import bomb, encoded, group, landscape, portrait, sign, with_code

Fate = Literal["removed", "dropped", "withheld", "reported", "untouched"]
"""What the baseline has to do about it: take it out, take the sample out, leave the unreadable picture out, say so in
the report, or leave the sample exactly as it is."""

COLUMNS = ("file_name", "text", "visibility", "license", "url")
_CC = "https://creativecommons.org/licenses/by/4.0/"
_NO_AI = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"
_TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How upright pixels are stored under an EXIF orientation: the inverse of what it asks a viewer to do."""
_PLACE = (-7.60788, 110.20377)  # Borobudur, a public monument
_VCARD = "BEGIN:VCARD\nVERSION:3.0\nN:Contoh;Sari;;;\nTEL:+14155550132\nEMAIL:sari.contoh@example.com\nEND:VCARD"
_SCRIPT = "<script>alert('x')</script>"
_IMAGE = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True, slots=True)
class Plant:
    """One thing planted: `code` is the finding that has to appear on `sample`, or the kind of its failure."""

    what: str
    sample: str
    code: str
    fate: Fate
    channel: str = ""
    faces: int = 1


@dataclass(slots=True)
class _Builder:
    root: Path
    rows: list[dict[str, str]]
    plants: list[Plant]

    def picture(self, name: str, data: bytes, text: str = "", visibility: str = "public", **row: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.rows.append({"file_name": name, "text": text, "visibility": visibility, "license": _CC, "url": "", **row})

    def plant(self, what: str, sample: str, code: str, fate: Fate, *, channel: str = "", faces: int = 1) -> None:
        self.plants.append(Plant(what, sample, code, fate, channel, faces))


def build(root: Path, *, image_text: bool = False) -> list[Plant]:
    """Write the dataset to `root` (new or empty) and return what it holds; with text inside pictures if asked to."""
    builder = _Builder(root, [], [])
    parts: tuple[Callable[[_Builder], None], ...] = (_faces, _metadata, _captions, _provenance, _hostile)
    for part in (*parts, *((_image_text,) if image_text else ())):
        part(builder)
    (root / "metadata.csv").write_text(_table(builder.rows), encoding="utf-8")
    return builder.plants


def _faces(builder: _Builder) -> None:
    upright = {
        "people/portrait-1024.jpg": encoded(portrait(1024), "JPEG", quality=90),
        "people/portrait-256.png": encoded(portrait(256), "PNG"),
        "people/portrait-512.webp": encoded(portrait(512), "WEBP", quality=85),
        "people/small-in-a-scene.jpg": encoded(group(1, 1280, 853, 150, 1), "JPEG", quality=88),
    }
    for name, data in upright.items():
        builder.picture(name, data)
        builder.plant("Face, upright", name, "face", "removed")
    builder.picture("people/group.tiff", encoded(group(2, 1000, 640, 200, 3), "TIFF"))
    builder.plant("Face, upright", "people/group.tiff", "face", "removed", faces=3)
    for orientation, turn in _TURNS.items():
        stored = group(3, 900, 640, 260, 1).transpose(turn)
        name = f"people/orientation-{orientation}.jpg"
        builder.picture(name, encoded(stored, "JPEG", quality=90, exif=exif.build(orientation=orientation)))
        builder.plant("Face, turned by EXIF orientation", name, "face", "removed")
    for degrees, turn in ((90, _TURNS[6]), (180, _TURNS[3]), (270, _TURNS[8])):
        name = f"people/turned-{degrees}.jpg"
        builder.picture(name, encoded(portrait(512).transpose(turn), "JPEG", quality=90))
        builder.plant("Face, turned in the pixels", name, "face", "removed")


def _metadata(builder: _Builder) -> None:
    scene = landscape(4, 1024, 683)
    thumbnail = encoded(scene.resize((160, 107)), "JPEG", quality=70)
    located = "camera/located.jpg"
    builder.picture(located, encoded(scene, "JPEG", quality=88, exif=exif.build(place=_PLACE)))
    builder.plant("GPS position", located, "gps.precise", "removed", channel="metadata")
    owned = "camera/owned.jpg"
    camera = {
        exif.DATE_TAKEN: "2024:05:17 09:31:20",
        exif.OWNER_NAME: "Sari Contoh",
        exif.BODY_SERIAL: "DEMO-4410872",
    }
    block = exif.build(camera=camera, thumbnail=thumbnail, orientation=1)
    builder.picture(owned, encoded(landscape(5, 1024, 683), "JPEG", quality=88, exif=block))
    builder.plant("Camera serial number", owned, "device.serial", "removed", channel="metadata")
    builder.plant("Owner's name", owned, "name.owner", "removed", channel="metadata")
    builder.plant("Embedded thumbnail", owned, "embedded.thumbnail", "removed", channel="metadata")
    png = "camera/located.png"
    builder.picture(png, encoded(landscape(6, 640, 480), "PNG", exif=exif.build(place=_PLACE)))
    builder.plant("GPS position", png, "gps.precise", "removed", channel="metadata")


def _captions(builder: _Builder) -> None:
    english = {
        "e-mail": ("contact.email", "Booking via maria.example@example.com until Friday"),
        "phone": ("contact.phone", "Lost dog, please call +1 415 555 0132 if you see her"),
        "payment card": ("id.card", "paid with card 4111 1111 1111 1111 at the market"),
    }
    for number, (kind, (code, text)) in enumerate(english.items()):
        name = f"captions/english-{number}.jpg"
        builder.picture(name, encoded(landscape(10 + number, 640, 427), "JPEG", quality=85), text)
        builder.plant(f"Caption with {kind} (English)", name, code, "removed", channel="caption")
    indonesian = {
        "NIK": ("id.national", "Foto KTP saya, NIK 3171014508900003, mohon jangan disebar"),
        "NPWP": ("id.tax", "NPWP 01.312.166.0-091.000 atas nama perusahaan"),
        "+62 phone": ("contact.phone", "Dijual cepat, hubungi WA +62 812-3456-7890"),
    }
    for number, (kind, (code, text)) in enumerate(indonesian.items()):
        name = f"captions/indonesia-{number}.jpg"
        path = builder.root / name
        builder.picture(name, encoded(landscape(20 + number, 640, 427), "JPEG", quality=85))
        if number == 1:
            path.with_suffix(".json").write_text(json.dumps({"caption": text, "likes": 12}), encoding="utf-8")
        else:
            path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
        builder.plant(f"Caption with {kind} (Indonesian)", name, code, "removed", channel="caption")
    harmless = (
        "A drawn landscape with a low sun over three hills",
        "Pemandangan bukit hijau pada pagi hari",
        "Route 66 in 1998, 35 mm film, 1920x1080 scan",
    )
    for number, text in enumerate(harmless):
        name = f"captions/harmless-{number}.jpg"
        builder.picture(name, encoded(landscape(30 + number, 640, 427), "JPEG", quality=85), text)
        builder.plant("Harmless caption", name, "", "untouched")


def _image_text(builder: _Builder) -> None:
    painted = "text/sign.jpg"
    board = sign(landscape(60, 960, 640), "Rooms to let", "maria.example@example.com", "+1 415 555 0132")
    builder.picture(painted, encoded(board, "JPEG", quality=88))
    builder.plant("E-mail painted into a picture", painted, "contact.email", "removed", channel="image_text")
    builder.plant("Phone number painted into a picture", painted, "contact.phone", "removed", channel="image_text")
    code = "text/code.png"
    builder.picture(code, encoded(with_code(landscape(61, 800, 600), _VCARD), "PNG"))
    builder.plant("QR code with a contact card", code, "contact.phone", "removed", channel="barcode")
    harmless = "text/harmless-sign.jpg"
    builder.picture(harmless, encoded(sign(landscape(62, 960, 640), "Open daily", "9 to 17"), "JPEG", quality=88))
    builder.plant("Harmless sign", harmless, "", "untouched")


def _provenance(builder: _Builder) -> None:
    def scene(seed: int, **options: object) -> bytes:
        return encoded(landscape(seed, 640, 427), "JPEG", quality=85, **options)

    builder.picture("provenance/private.jpg", scene(40), "Our holiday", visibility="private")
    builder.plant("Private visibility", "provenance/private.jpg", "provenance.private", "dropped")
    builder.picture("provenance/public.jpg", scene(41), "The valley in spring")
    builder.plant("Public visibility", "provenance/public.jpg", "provenance.public", "untouched")
    builder.picture("provenance/unknown.jpg", scene(42), "Hills", visibility="", license="")
    builder.plant("Unknown visibility", "provenance/unknown.jpg", "provenance.unknown", "reported")
    builder.picture("provenance/no-licence.jpg", scene(43), "More hills", license="")
    builder.plant("Missing licence", "provenance/no-licence.jpg", "provenance.no_license", "reported")
    opted_out = "provenance/no-ai-training.jpg"
    builder.picture(opted_out, scene(44, xmp=_xmp(_NO_AI)), "The lake")
    builder.plant("PLUS 'no AI training' flag in XMP", opted_out, "provenance.opt_out", "dropped")


def _hostile(builder: _Builder) -> None:
    whole = encoded(landscape(50, 1024, 683), "JPEG", quality=90)
    builder.picture("broken/truncated.jpg", whole[: len(whole) // 3], "Cut off on the way")
    builder.plant("Truncated file", "broken/truncated.jpg", "unreadable", "withheld")
    builder.picture("broken/bomb.png", bomb(), "A very large grey square")
    builder.plant("Decompression bomb", "broken/bomb.png", "too_large", "withheld")
    builder.picture("hostile/caption.jpg", encoded(landscape(51, 640, 427), "JPEG"), f"Nice {_SCRIPT} view")
    builder.plant("HTML in a caption", "hostile/caption.jpg", "", "untouched")
    # Windows allows no angle brackets in file names
    name = "hostile/&lt;img src=x onerror=alert(1)&gt;.jpg" if os.name == "nt" else f"hostile/{_IMAGE}.jpg"
    builder.picture(name, encoded(landscape(52, 640, 427), "JPEG"), "A name with a script in it")
    builder.plant("HTML in a file name", name, "", "untouched")


def hostile_markup() -> tuple[str, ...]:
    """What must never stand in the report as markup."""
    return (_SCRIPT, _IMAGE)


def _xmp(mining: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
        f'plus:DataMining="{escape(mining)}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _table(rows: list[dict[str, str]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
