"""EXIF entries to hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from privacy_audit.containers.tiff import MAKER_NOTE, Entry, Rational, Value
from privacy_audit.detectors.metadata import gps, prompts
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text, words

CODES = {
    "Artist": "name.creator",
    "XPAuthor": "name.creator",
    "Photographer": "name.creator",
    "ImageEditor": "name.creator",
    "CameraOwnerName": "name.owner",
    "OwnerName": "name.owner",
    "HostComputer": "device.serial",
    "BodySerialNumber": "device.serial",
    "LensSerialNumber": "device.serial",
    "CameraSerialNumber": "device.serial",
    "SerialNumber": "device.serial",
    "ImageUniqueID": "device.uid",
    "RawDataUniqueID": "device.uid",
    "ImageHistory": "history",
    "Copyright": "rights",
}
_FREE_TEXT = words(
    "ImageDescription DocumentName PageName XPTitle XPComment XPKeywords XPSubject UserComment ImageTitle "
    "OriginalRawFileName"
)
_TIMES = ("DateTimeOriginal", "CreateDate", "GPSDateStamp", "GPSTimeStamp", "ModifyDate", "PreviewDateTime")
_ZONES = frozenset({"OffsetTime", "OffsetTimeOriginal", "OffsetTimeDigitized", "TimeZoneOffset"})
_TIMES_AND_ZONES = _ZONES | set(_TIMES)
_TELLING = _FREE_TEXT | CODES.keys() | {"MakerNote", "DNGPrivateData", "OriginalRawFileData", "GPSAreaInformation"}


def hits(entries: Sequence[Entry], size: int, is_file: bool) -> Iterator[Hit]:
    """Hits of one EXIF block of `size` bytes. In a TIFF file (`is_file`) further directories may be pages."""
    for entry in entries:
        if entry.name in _TELLING:
            yield from _entry(entry)
    yield from _time(entries)
    place = {entry.name: entry.value for entry in reversed(entries) if entry.ifd == "GPS"}
    if place:
        yield from _gps(place, "GPS", "GPSHPositioningError")
        yield from _gps(place, "GPSDest", "")
    if _has_thumbnail(entries, size, is_file):
        yield Hit("embedded.thumbnail", "EXIF:ThumbnailImage")


def text(value: object) -> str:
    """An entry's value as text; bytes are taken for text, numbers are joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1").replace("\0", " ").strip()
    if isinstance(value, tuple):
        parts = (f"{part[0]}/{part[1]}" if isinstance(part, Rational) else str(part) for part in value)
        return " ".join(parts)
    return ""


def _entry(entry: Entry) -> Iterator[Hit]:
    name = entry.name
    if entry.tag == MAKER_NOTE and isinstance(entry.value, bytes) and entry.value.strip(b"\0 "):
        yield Hit("device.makernote", "EXIF:MakerNote")
    elif name == "DNGPrivateData":
        yield Hit("device.makernote", "EXIF:DNGPrivateData")
    elif name == "OriginalRawFileData":
        yield Hit("embedded.second_image", "EXIF:OriginalRawFileData")
    elif name == "GPSAreaInformation":
        value = text(entry.value)
        value = value[8:] if value.startswith(("ASCII", "UNICODE", "JIS")) else value
        if free_text(value):
            yield Hit("place", "EXIF:GPSAreaInformation", value)
    elif name in CODES:
        value = text(entry.value)
        if not blank(value):
            yield Hit(CODES[name], f"EXIF:{name}", value)
    elif name in _FREE_TEXT:
        value = text(entry.value)
        if prompts.is_prompt(value):
            yield Hit("text.prompt", f"EXIF:{name}", value)
        elif free_text(value):
            yield Hit("text.free", f"EXIF:{name}", value)


def _time(entries: Sequence[Entry]) -> Iterator[Hit]:
    """One hit for all times of a block, named after the most telling one."""
    stored = {entry.name: text(entry.value) for entry in reversed(entries) if entry.name in _TIMES_AND_ZONES}
    attributes = {"zone": "yes"} if any(not _no_zone(stored.get(name, "")) for name in _ZONES) else {}
    for name in _TIMES:
        value = stored.get(name, "")
        if not blank(value) and any(digit in value for digit in "123456789"):
            yield Hit("time", f"EXIF:{name}", value, 0.5 if name == "ModifyDate" else 1.0, attributes)
            return


def _no_zone(value: str) -> bool:
    return not any(character.isdigit() for character in value)


def _gps(stored: Mapping[str, Value], prefix: str, error_name: str) -> Iterator[Hit]:
    latitude, longitude = (_angle(stored, f"{prefix}{name}") for name in ("Latitude", "Longitude"))
    found = gps.hit(
        f"EXIF:{prefix}{'Latitude' if latitude else 'Longitude'}",
        latitude,
        longitude,
        _metres(stored.get(error_name, ())),
        prefix == "GPS" and _metres(stored.get("GPSAltitude", ())) > 0,
    )
    if found is not None:
        yield found


def _angle(stored: Mapping[str, Value], name: str) -> gps.Angle | None:
    value, reference = stored.get(name), text(stored.get(f"{name}Ref", ""))
    if isinstance(value, tuple):
        return gps.from_rationals(value, reference)
    return gps.from_digits(value, reference) if isinstance(value, str) else None


def _metres(value: object) -> float:
    first = value[0] if isinstance(value, tuple) and value else None
    if isinstance(first, Rational) and first.denominator:
        return first.numerator / first.denominator
    return 0.0


def _has_thumbnail(entries: Sequence[Entry], size: int, is_file: bool) -> bool:
    reduced = {entry.ifd for entry in entries if entry.name == "SubfileType" and _number(entry) & 1}
    for entry in entries:
        if entry.ifd == "IFD0" and is_file and entry.ifd not in reduced:
            continue
        if entry.name == "JPEGInterchangeFormat" and 8 <= _number(entry) < size:
            return True
        if entry.name in {"StripOffsets", "TileOffsets"} and 8 <= _number(entry) < size:
            further = entry.ifd != "IFD0" and not is_file
            if further or entry.ifd in reduced:
                return True
    return False


def _number(entry: Entry) -> int:
    first = entry.value[0] if isinstance(entry.value, tuple) and entry.value else 0
    return first if isinstance(first, int) else 0
