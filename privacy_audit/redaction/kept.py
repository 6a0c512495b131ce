"""What stays when a picture's metadata goes: rights and permissions, the credit, a coarse place and the month."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from privacy_audit.containers import Container, iptc, tiff, xmp
from privacy_audit.containers.blocks import UnwritableError
from privacy_audit.containers.text import decode
from privacy_audit.detectors.metadata.exif import text
from privacy_audit.detectors.metadata.hits import Hit, blank, words
from privacy_audit.detectors.metadata.scan import SECOND

Mode = Literal["all", "private", "coarsen"]

MAX_PACKET = 60_000  # bytes; a JPEG segment ends at 65,533
_RIGHTS = frozenset(
    {
        *("plus:DataMining", "plus:OtherConstraints", "cc:license", "dc:rights", "tdm:reservation", "tdm:policy"),
        *("xmpRights:Marked", "xmpRights:WebStatement", "xmpRights:UsageTerms", "xmpRights:Owner"),
        "xmpRights:Certificate",
        *("Iptc4xmpExt:DigitalSourceType", "Iptc4xmpExt:DigitalSourcefileType"),
    }
)
_CREDIT = frozenset({"dc:creator", "photoshop:Credit", "cc:attributionName"})
_NOTICES = frozenset({"XMP-dc:rights", "XMP-xmpRights:UsageTerms", "XMP-xmpRights:Owner", "EXIF:Copyright"}) | {
    "IPTC:CopyrightNotice",
    "PNG:Copyright",
}
_NO_NAME = words(
    "all rights reserved copyright copyrighted public domain cc creative commons attribution license licence licensed "
    "under by no none use only see terms international the of and for this image photo work c cc0 zero free"
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_MONTH = re.compile(r"\s*(\d{4})[:\-/]?(0[1-9]|1[0-2])(?!\d{3})")
_CAPTURED = ("EXIF:DateTimeOriginal", "EXIF:CreateDate")


_NOTHING = tiff.Contents()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is carried over. `names` are the tags it came from, `named` those of notices that seem to name someone."""

    properties: tuple[xmp.Property, ...] = ()
    contents: tiff.Contents = _NOTHING
    names: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def packet(self) -> bytes:
        """The fresh XMP packet; b"" for none. Raises UnwritableError."""
        if not self.properties:
            return b""
        packet = xmp.build(list(self.properties))
        if len(packet) > MAX_PACKET:
            raise UnwritableError("the rights statement is too long to be carried over")
        return packet

    def exif(self) -> bytes:
        """The fresh EXIF block; b"" for none. Raises UnwritableError."""
        block = tiff.build(self.contents)
        if len(block) > MAX_PACKET:
            raise UnwritableError("the rights statement is too long to be carried over")
        return block


def collect(
    container: Container, found: Sequence[Hit], mode: Mode, *, credit: bool, orientation: int | None, in_exif: bool
) -> Kept:
    """What `mode` keeps of a file. `in_exif` says whether the format has a place for EXIF; else XMP takes it all."""
    if mode == "all":
        return Kept(contents=tiff.Contents(orientation))
    found = [hit for hit in found if not hit.tag.startswith(SECOND)]  # those go with their picture
    properties: dict[str, xmp.Property] = {}
    names: list[str] = []
    notices: list[tuple[str, str]] = []
    wanted = _RIGHTS | _CREDIT if credit else _RIGHTS
    for block in container.of("xmp"):
        for entry in xmp.flatten(block.data):
            key = f"{entry.prefix}:{entry.name}"
            if key not in wanted or blank(entry.value):
                continue
            if key == "dc:creator" and key in properties and entry.value not in properties[key].value:
                entry = entry._replace(value=f"{properties[key].value}; {entry.value}")  # noqa: PLW2901
                properties[key] = entry
            properties.setdefault(key, entry._replace(within=""))
            names.append(f"XMP-{key}")
            notices.append((f"XMP-{key}", entry.value))
    for key, tag, value in _older(container, credit):
        if key not in properties or properties[key].value == value:
            prefix, _, name = key.partition(":")
            properties[key] = xmp.Property(prefix, name, value)
            names.append(tag)
            notices.append((tag, value))
    notice, artist = _entry(container, tiff.COPYRIGHT), _entry(container, tiff.ARTIST) if credit else None
    names += ["EXIF:Copyright"] if notice else []
    names += ["EXIF:Artist"] if artist else []
    notices += [("EXIF:Copyright", notice)] if notice else []
    month, tenths = (_month(found), _tenths(found)) if mode == "coarsen" else (None, None)
    if not in_exif:
        properties.update({f"{p.prefix}:{p.name}": p for p in _as_xmp(month, tenths)})
        month = tenths = None
    named = [tag for tag, value in notices if tag in _NOTICES and _names_someone(value)]
    return Kept(
        tuple(properties.values()),
        tiff.Contents(orientation, artist, notice, month, tenths),
        tuple(dict.fromkeys(names)),
        tuple(dict.fromkeys(named)),
    )


def _older(container: Container, credit: bool) -> Iterator[tuple[str, str, str]]:
    """Notices, and names of creators, that an XMP property replaces: (property, tag, value)."""
    wanted = {"CopyrightNotice": "dc:rights", **({"By-line": "dc:creator"} if credit else {})}
    for block in container.of("iptc"):
        for dataset in iptc.datasets(block.data):
            if dataset.name in wanted and not blank(dataset.value):
                yield wanted[dataset.name], f"IPTC:{dataset.name}", dataset.value
    chunks = {"Copyright": "dc:rights", **({"Author": "dc:creator"} if credit else {})}
    for block in container.of("text"):
        if container.format == "PNG" and block.name in chunks and not blank(decode(block.data)):
            yield chunks[block.name], f"PNG:{block.name}", decode(block.data)


def _entry(container: Container, tag: int) -> str | None:
    for block in container.of("exif"):
        for entry in tiff.entries(block.data, directories=block.directories, named_only=True):
            if entry.tag == tag and entry.ifd == "IFD0" and not blank(text(entry.value)):
                return text(entry.value)
    return None


def _month(found: Sequence[Hit]) -> tuple[int, int] | None:
    """The month of the most telling time."""
    times = [hit for hit in found if hit.code == "time"]
    times.sort(key=lambda hit: (hit.tag not in _CAPTURED, -hit.score))
    for hit in times:
        parsed = _MONTH.match(hit.value)
        if parsed is not None:
            return int(parsed[1]), int(parsed[2])
    return None


def _tenths(found: Sequence[Hit]) -> tuple[int, int] | None:
    """The first place, in tenths of a degree (about 11 km); the order of the carriers is that of the file."""
    for hit in found:
        if hit.code in {"gps.precise", "gps.coarse"} and "," in hit.value and "Dest" not in hit.tag:
            latitude, longitude = (round(float(part) * 10) for part in hit.value.split(","))
            return (latitude, longitude) if latitude or longitude else None
    return None


def _as_xmp(month: tuple[int, int] | None, tenths: tuple[int, int] | None) -> Iterator[xmp.Property]:
    if month is not None:
        yield xmp.Property("exif", "DateTimeOriginal", f"{month[0]:04d}-{month[1]:02d}")
    if tenths is not None:
        for name, value, letters in zip(("GPSLatitude", "GPSLongitude"), tenths, ("NS", "EW"), strict=True):
            whole, rest = divmod(abs(value), 10)
            yield xmp.Property("exif", name, f"{whole},{6 * rest}.0{letters[value < 0]}")


def _names_someone(notice: str) -> bool:
    """Whether a notice holds a word that may be a name; addresses of licences are none."""
    plain = re.sub(r"https?://\S+", " ", notice)
    return any(word.casefold() not in _NO_NAME for word in _WORD.findall(plain))
