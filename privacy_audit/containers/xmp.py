"""XMP packets to flat properties.

Read with expat: entity declarations are refused, depth and the number of properties are capped. A damaged packet gives
what stands before the damage.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

from privacy_audit.containers.blocks import MAX_BLOCK_BYTES

MAX_PROPERTIES = 20_000
MAX_DEPTH = 100

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/Job#": "stJob",
    "http://ns.adobe.com/xap/1.0/sType/Version#": "stVer",
    "http://ns.adobe.com/xap/1.0/sType/ManifestItem#": "stMfs",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/pdf/1.3/": "pdf",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://creativecommons.org/ns#": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://www.w3.org/ns/tdmrep/": "tdm",
    "http://www.w3.org/ns/tdmrep#": "tdm",
    "http://www.w3.org/ns/odrl/2/": "odrl",
    "http://prismstandard.org/namespaces/prismusagerights/2.1/": "pur",
    "http://prismstandard.org/namespaces/basic/2.0/": "prism",
    "http://ns.camerabits.com/photomechanic/1.0/": "photomech",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://www.metadataworkinggroup.com/schemas/collections/": "mwg-coll",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.acdsee.com/iptc/1.0/": "acdsee",
    "http://ns.acdsee.com/regions/": "acdsee-rs",
    "http://ns.iview-multimedia.com/mediapro/1.0/": "mediapro",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/audio/": "GAudio",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/dd/1.0/device/": "Device",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://www.dji.com/drone-dji/1.0/": "drone-dji",
    "http://pix4d.com/camera/1.0": "Camera",
    "http://pix4d.com/camera/1.0/": "Camera",
    "http://xmp.gettyimages.com/gift/1.0/": "GettyImagesGIFT",
    "http://darktable.sf.net/": "darktable",
    "http://ns.fotoware.com/iptcxmp-custom/1.0/": "FotoWare",
}
"""Prefix by namespace; a namespace that is not here stands as its own prefix."""
URIS = {prefix: uri for uri, prefix in reversed(NAMESPACES.items())}
"""The first namespace of each prefix."""

REFUSED = "XMP: the packet declares entities, which are not read"
DAMAGED = "XMP: the packet is damaged; what stands behind the damage was not read"
TOO_MUCH = "XMP: the packet has more properties or levels than are read"

_SYNTAX = frozenset({RDF, "adobe:ns:meta/", "http://www.w3.org/XML/1998/namespace", ""})
_SYNTAX_PREFIXES = frozenset({"rdf", "x", "xml", "xmlns", ""})
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Property(NamedTuple):
    """A simple property. Of a structure or a list, the name is that of the innermost field.

    `within` is the outermost property whose structure it stands in ("Iptc4xmpExt:LocationShown"), "" for none.
    """

    prefix: str
    name: str
    value: str
    within: str = ""


def flatten(data: bytes) -> list[Property]:
    """All simple properties of a packet, in order. Never raises."""
    return parse(data)[0]


def parse(data: bytes) -> tuple[list[Property], str | None]:
    """The properties, and what is wrong with the packet (None when it was read to its end)."""
    packet = _trim(_as_utf8(data[:MAX_BLOCK_BYTES]))
    if not packet:
        return [], None
    found, problem = _run(packet, namespaces=True)
    if problem is not None and problem != REFUSED:
        # Once more with the usual repairs: wrong bytes and control characters out, undeclared prefixes as they stand.
        text = _CONTROL.sub("", packet.decode("utf-8", "replace"))
        again, still = _run(text.encode("utf-8"), namespaces=False)
        if still is None or len(again) > len(found):
            return again, still
    return found, problem


def _as_utf8(data: bytes) -> bytes:
    for marks, encoding in (
        ((b"\xff\xfe", b"<\0"), "utf-16-le"),
        ((b"\xfe\xff", b"\0<"), "utf-16-be"),
    ):
        if data.startswith(marks):
            return data[: len(data) & ~1].decode(encoding, "replace").lstrip("\ufeff").encode("utf-8", "replace")
    return data


def _trim(data: bytes) -> bytes:
    """The element inside the packet; padding and processing instructions around it go, a DOCTYPE in front stays."""
    start = data.find(b"<!DOCTYPE")
    for mark in (b"<x:xmpmeta", b"<x:xapmeta", b"<rdf:RDF", b"<"):
        start = data.find(mark) if start < 0 else start
    if start < 0:
        return b""
    body = data[start:].rstrip(b"\0 \n\r\t")
    end = body.rfind(b"<?xpacket")
    return body[:end] if end > 0 else body


class _StopError(Exception):
    """Ends the parse; the text says why."""


class _Collector:
    """Expat's callbacks."""

    def __init__(self, separator: str, syntax: frozenset[str]) -> None:
        self.found: list[Property] = []
        self._separator, self._syntax = separator, syntax
        self._path: list[tuple[str, str]] = []
        self._text: list[str] = []
        self._names: dict[str, tuple[str, str]] = {}
        self._within: list[str] = []  # of each open element, the outermost property around it

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens; its attributes are properties too."""
        if self._text:
            self._text.clear()
        here = self._split(name)
        self._path.append(here)
        outer = self._within[-1] if self._within else ""
        if not outer and here[0] not in self._syntax:
            outer = f"{NAMESPACES.get(here[0], here[0])}:{here[1]}"
        self._within.append(outer)
        if len(self._path) > MAX_DEPTH:
            raise _StopError(TOO_MUCH)
        for key, value in attributes.items():
            prefix, local = self._split(key)
            if prefix not in self._syntax:
                self._add((prefix, local), value)
            elif local == "resource":
                self._add(self._nearest(), value)

    def end(self, _: str) -> None:
        """An element closes; text that it holds is its value, or that of the property whose list it stands in."""
        if self._text:
            value = "".join(self._text).strip()
            self._text.clear()
            if value:
                self._add(self._nearest(), value)
        self._path.pop()
        self._within.pop()

    def characters(self, text: str) -> None:
        """Character data."""
        self._text.append(text)

    def refuse(self, *_: object) -> None:
        """An entity declaration."""
        raise _StopError(REFUSED)

    def _split(self, name: str) -> tuple[str, str]:
        found = self._names.get(name)
        if found is None:
            prefix, _, local = name.rpartition(self._separator)
            found = self._names[name] = prefix, local
        return found

    def _nearest(self) -> tuple[str, str] | None:
        return next((step for step in reversed(self._path) if step[0] not in self._syntax), None)

    def _add(self, name: tuple[str, str] | None, value: str) -> None:
        if name is None:
            return
        if len(self.found) == MAX_PROPERTIES:
            raise _StopError(TOO_MUCH)
        prefix = NAMESPACES.get(name[0], name[0])
        within = self._within[-1]
        within = "" if within == f"{prefix}:{name[1]}" else within
        self.found.append(Property(prefix, name[1], value.strip(), within))


def _run(packet: bytes, namespaces: bool) -> tuple[list[Property], str | None]:
    parser = expat.ParserCreate("utf-8", " " if namespaces else None)
    collector = _Collector(" ", _SYNTAX) if namespaces else _Collector(":", _SYNTAX_PREFIXES)
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.characters
    parser.EntityDeclHandler = collector.refuse
    try:
        parser.Parse(packet, True)
    except _StopError as stop:
        return collector.found, str(stop)
    except (expat.ExpatError, ValueError):
        return collector.found, DAMAGED
    return collector.found, None


def build(properties: list[Property]) -> bytes:
    """A fresh packet with these properties of known namespaces, as lists where XMP wants lists.

    Raises ValueError for a property whose namespace is not in NAMESPACES or whose name is no XML name.
    """
    rows = []
    for prefix, name, value, _ in properties:
        if prefix not in URIS or not _NAME.fullmatch(name):
            raise ValueError("no property that can be written")
        body = _escape(value)
        if f"{prefix}:{name}" in _ALTERNATIVES:
            body = f'<rdf:Alt><rdf:li xml:lang="x-default">{body}</rdf:li></rdf:Alt>'
        if f"{prefix}:{name}" in _BAGS:
            body = f"<rdf:Bag><rdf:li>{body}</rdf:li></rdf:Bag>"
        if f"{prefix}:{name}" in _LISTS:
            body = f"<rdf:Seq><rdf:li>{body}</rdf:li></rdf:Seq>"
        rows.append(f"<{prefix}:{name}>{body}</{prefix}:{name}>")
    spaces = "".join(f' xmlns:{prefix}="{URIS[prefix]}"' for prefix in dict.fromkeys(row.prefix for row in properties))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""{spaces}>'
        f'{"".join(rows)}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode("utf-8", "replace")


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_ALTERNATIVES = frozenset({"dc:rights", "xmpRights:UsageTerms"})
_BAGS = frozenset({"xmpRights:Owner"})
_LISTS = frozenset({"dc:creator"})


def _escape(value: str) -> str:
    text = _CONTROL.sub("", value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
