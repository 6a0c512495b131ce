"""Samples that say something about provenance, for the tests of the table of signals."""

from __future__ import annotations

import io
import struct

from PIL import Image, PngImagePlugin

from privacy_audit.pixels import Picture
from privacy_audit.types import Sample, Text

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "dc": "http://purl.org/dc/elements/1.1/",
        "cc": "http://creativecommons.org/ns#",
        "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "tdm": "http://www.w3.org/ns/tdmrep/",
    }.items()
)


def record(**values: object) -> Sample:
    return Sample("a.jpg", "", record=values)


def named(name: str) -> Sample:
    return Sample(name, "", texts=(Text("filename", "path", name),))


def picture(data: bytes) -> Sample:
    return Sample("a.jpg", "", Picture(data))


def jpeg(*segments: bytes, exif: Image.Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(buffer, "JPEG", exif=exif or Image.Exif())
    data = buffer.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def xmp(name: str, value: str) -> Sample:
    inner = f'<rdf:Description rdf:about=""><{name}>{value}</{name}></rdf:Description>'
    body = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMESPACES}>{inner}</rdf:RDF></x:xmpmeta>'
    return picture(jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + body.encode())))


def copyright_in_exif(text: str) -> Sample:
    exif = Image.Exif()
    exif[0x8298] = text
    return picture(jpeg(exif=exif))


def iptc(number: int, value: str) -> Sample:
    raw = value.encode()
    return photoshop(0x0404, struct.pack(">BBBH", 0x1C, 2, number, len(raw)) + raw)


def photoshop(resource: int, raw: bytes) -> Sample:
    padded = raw + b"\0" * (len(raw) % 2)
    body = struct.pack(">4sHHI", b"8BIM", resource, 0, len(raw)) + padded
    return picture(jpeg(segment(0xED, b"Photoshop 3.0\0" + body)))


def png_text(keyword: str, value: str) -> Sample:
    chunks, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_text(keyword, value)
    Image.new("RGB", (8, 8), "navy").save(buffer, "PNG", pnginfo=chunks)
    return picture(buffer.getvalue())


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
