"""EXIF that other tools copied into a record: img2dataset's `exif` column, camera tags, columns of coordinates.

Values come as numbers, as text ("41 deg 53' 23\\" N", "[41, 53, 1179/50]"), or as one JSON text with all tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from privacy_audit.containers.tiff import Rational
from privacy_audit.detectors.metadata import exif, gps
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text, words
from privacy_audit.sources.jsontext import JsonError, leaves
from privacy_audit.types import Span

MAX_JSON = 1024 * 1024  # characters of one text that is read as JSON
MAX_LEAVES = 2000

_EXIF_FIELD = re.compile(
    r"(?:^|[._ ])(?:exif|exifread|exif_data|exif_json|image_exif|metadata|meta|gps|gpsinfo)(?:$|[._\[ ])", re.I
)
_LATITUDES = words("gpslatitude latitude lat geolat geolatitude gpslat decimallatitude cameralat")
_LONGITUDES = words("gpslongitude longitude lon lng long geolon geolng geolongitude gpslon gpslong decimallongitude")
_POINTS = words("location coordinates coords gps gpsposition gpscoordinates latlon latlng latlong geo geotag position")
_PLACES = words("location city place placename locationname sublocation venue")
_CODES = {name.lower(): (code, name) for name, code in exif.CODES.items()}
_DISTINCT = words(
    "cameraownername bodyserialnumber lensserialnumber cameraserialnumber imageuniqueid rawdatauniqueid hostcomputer"
)
_TIMES = words("datetimeoriginal createdate datetimedigitized datetime gpsdatestamp gpsdate modifydate")
_TEXTS = words("imagedescription usercomment xptitle xpcomment xpkeywords xpsubject xpauthor")
_PEOPLE = re.compile(r"(?:.*\.)?people\[\d+\](?:\.name)?")  # whom Google Photos, Flickr or Facebook say it shows
_DONE = re.compile(r"<[A-Z_]+>|null|none|nan", re.IGNORECASE)  # what masking leaves
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,15})?(?:/\d{1,12})?")
_ANGLE = re.compile(r"[\s\[(]*[+-]?\d(?:[\d.,/;:\s°′″'\"\[\]()]|deg)*[NSEW]?", re.IGNORECASE)
_ITEM = re.compile(r"(.+)\[\d\]")  # "GPSLatitude[0]"
_PAIR = re.compile(r"\s*[\[(]?\s*(-?\d{1,2}(?:\.\d{1,15})?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d{1,15})?)\s*[\])]?\s*")


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar of a record: its field, the path inside it (below a JSON text), and its place in the field's text."""

    field: str
    path: str
    value: object
    span: Span

    @property
    def name(self) -> str:
        """The last part of the path in lower case, letters and digits only: "GPS GPSLatitude" is "gpslatitude"."""
        return re.sub(r"[^a-z0-9]", "", re.split(r"[. :]", self.path)[-1].lower())

    @property
    def group(self) -> str:
        """What the path says before its last part, so that a latitude finds its longitude."""
        return self.path[: len(self.path) - len(re.split(r"[. :]", self.path)[-1])]

    @property
    def text(self) -> str:
        """The value as text."""
        return "" if self.value is None or isinstance(self.value, bool) else str(self.value).strip()


def hits(record: Mapping[str, object]) -> Iterator[tuple[Value, Hit]]:
    """Hits in a flat record, each with the value that it stands for."""
    values = [value for field, scalar in record.items() for value in _values(field, scalar)]
    coordinates = list(_places(values))
    yield from coordinates
    paths = {value.path for value, _ in coordinates}
    for value in values:
        hit = _entry(value)
        if hit is not None and not (hit.code == "place" and value.path in paths):
            yield value, hit


def _values(field: str, scalar: object) -> Iterator[Value]:
    if isinstance(scalar, str) and scalar.lstrip()[:1] == "{" and len(scalar) <= MAX_JSON:
        try:
            for count, leaf in enumerate(leaves(scalar)):
                if count == MAX_LEAVES:
                    return
                quoted = isinstance(leaf.value, str)
                span = Span(leaf.start + quoted, leaf.end - quoted)
                yield Value(field, f"{field}.{leaf.path}", leaf.value, span)
            return
        except JsonError:
            pass
    if isinstance(scalar, (str, int, float, Decimal)):
        yield Value(field, field, scalar, Span(0, len(str(scalar))))


def _entry(value: Value) -> Hit | None:
    """The hit of a single value, coordinates left out."""
    text = value.text
    if not text or _DONE.fullmatch(text):
        return None
    name, inside = value.name, _EXIF_FIELD.search(value.path) is not None
    if name in _CODES and (inside or name in _DISTINCT) and not blank(text):
        code, tag = _CODES[name]
        return Hit(code, f"record {tag}", text)
    if name in _TIMES and (inside or name != "datetime") and re.match(r"\s*\d{4}[:\-]", text):
        return Hit("time", "record DateTime", text)
    if name in _TEXTS and inside and free_text(text):
        return Hit("text.free", "record description", text)
    if name == "deviceid" and inside:
        return Hit("device.uid", "record device", text)
    if _PEOPLE.fullmatch(value.path):
        return Hit("name.person", "record people", text)
    if name in _PLACES and free_text(text) and "://" not in text and "/" not in text:
        return Hit("place", "record place", text, 0.8)
    return None


def _places(values: Iterable[Value]) -> Iterator[tuple[Value, Hit]]:
    """A hit for each part of a pair of coordinates, so that redaction finds both."""
    groups: dict[tuple[str, str], dict[str, Value]] = {}
    parts: dict[Value, list[Value]] = {}
    for value, members in _joined(values):
        parts[value] = members
        groups.setdefault((value.field if value.path != value.field else "", value.group), {}).setdefault(
            value.name, value
        )
        if value.name in _POINTS and (pair := _PAIR.fullmatch(value.text)) is not None and "." in value.text:
            hit = _hit(_angle(pair[1], ""), _angle(pair[2], ""))
            if hit is not None:
                yield value, hit
    for names in groups.values():
        latitudes = [names[name] for name in names if name in _LATITUDES]
        longitudes = {name: names[name] for name in names if name in _LONGITUDES}
        for latitude in latitudes:
            wanted = latitude.name.replace("latitude", "longitude").replace("lat", "lon")
            longitude = longitudes.get(wanted) or next(iter(longitudes.values()), None)
            if longitude is None:
                continue
            north = names.get("gpslatituderef") if "gps" in latitude.name else None
            east = names.get("gpslongituderef") if "gps" in longitude.name else None
            hit = _hit(
                _angle(latitude.value, north.text if north else ""), _angle(longitude.value, east.text if east else "")
            )
            if hit is not None:
                for part in (*parts[latitude], *parts[longitude]):
                    yield part, hit


def _joined(values: Iterable[Value]) -> Iterator[tuple[Value, list[Value]]]:
    """Each value with itself; degrees, minutes and seconds in a list as one value with its parts."""
    lists: dict[tuple[str, str], list[Value]] = {}
    for value in values:
        match = _ITEM.fullmatch(value.path)
        base = Value(value.field, match[1], value.value, value.span) if match else value
        if match and base.name in _LATITUDES | _LONGITUDES:
            field = match[1] if value.field == value.path else value.field  # a flat record has a field per item
            lists.setdefault((field, match[1]), []).append(value)
        else:
            yield value, [value]
    for (field, path), members in lists.items():
        whole = Span(members[0].span.start, members[-1].span.end)
        yield Value(field, path, " ".join(member.text for member in members[:3]), whole), members


def _hit(latitude: gps.Angle | None, longitude: gps.Angle | None) -> Hit | None:
    return gps.hit("record GPS", latitude, longitude, 0.0, altitude=False)


def _angle(value: object, reference: str) -> gps.Angle | None:
    """Decimal degrees, or degrees, minutes and seconds in any of the usual spellings."""
    text = str(value).strip()[:120]
    if isinstance(value, bool) or _ANGLE.fullmatch(text) is None:
        return None
    parts = []
    for number in _NUMBER.findall(text)[:3]:
        try:
            fraction = Fraction(number.partition("/")[0]) / Fraction(number.partition("/")[2] or "1")
        except (ValueError, ZeroDivisionError):
            return None
        parts.append(Rational(fraction.numerator, fraction.denominator))
    if not parts:
        return None
    last = text[-1].upper()
    negative = "-" in text[:4] or last in {"S", "W"} or reference[:1].upper() in {"S", "W"}
    return gps.from_rationals(parts, "S" if negative else "")
