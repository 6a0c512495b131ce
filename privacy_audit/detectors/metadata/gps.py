"""Coordinates as metadata store them: decimal degrees, and how precise they really are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_audit.containers.tiff import Rational
from privacy_audit.detectors.metadata.hits import Hit

PRECISE_WITHIN_M = 564  # about 1,850 feet: the radius below which US state laws call a location precise
METRES_PER_DEGREE = 111_320
MAX_DECIMALS = 9
MAX_ERROR_M = 100_000  # a stated error beyond that is nonsense, and must not make a place look coarse

_XMP = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?(?:,(\d{1,2}(?:\.\d+)?))?\s*([NSEW]?)\s*", re.I)


_SEXAGESIMAL = re.compile(
    r"(\d{1,3})(?:[.,](\d{1,6}))?(?:[,; :]+(\d{1,2})[.,](\d{1,6}))?(?:[,; :]+(\d{1,2})[.,](\d{1,6}))?"
)


@dataclass(frozen=True, slots=True)
class Angle:
    """Decimal degrees, and the size in degrees of the last digit that was stored."""

    degrees: float
    step: float


def from_rationals(parts: Sequence[object], reference: str) -> Angle | None:
    """Degrees, minutes and seconds of EXIF; None when they are no angle."""
    degrees, step = 0.0, 1.0
    for index, part in enumerate(parts[:3]):
        if not isinstance(part, Rational):
            return None
        if not part.denominator:
            if index == 0 or part.numerator:
                return None
            continue
        degrees += part.numerator / part.denominator / 60**index
        # Whole minutes or seconds of 0 say nothing about precision: writers fill up with them.
        if part.numerator % part.denominator or (index and part.numerator):
            step = min(step, _resolution(part) / 60**index)
    if not parts:
        return None
    return Angle(-degrees if reference.strip()[:1].upper() in {"S", "W"} else degrees, step)


def from_digits(value: str, reference: str) -> Angle | None:
    """Degrees, minutes and seconds that a writer stored as text, with a comma or a point before their decimals."""
    parts = _SEXAGESIMAL.fullmatch(value[:64].strip())
    if parts is None:
        return None
    rationals = []
    for whole, fraction in zip(parts.groups()[::2], parts.groups()[1::2], strict=True):
        digits = (fraction or "").rstrip("0")
        rationals.append(Rational(int((whole or "0") + digits), 10 ** len(digits)))
    return from_rationals(rationals, reference)


def _resolution(part: Rational) -> float:
    """The last decimal that a fraction uses; of one that does not end, its own step."""
    shared = math.gcd(part.numerator, part.denominator)
    numerator, denominator = part.numerator // shared, part.denominator // shared
    for decimals in range(MAX_DECIMALS + 1):
        if numerator * 10**decimals % denominator == 0:
            return float(10**-decimals)
    return 1 / abs(denominator)


def from_text(value: str) -> Angle | None:
    """An XMP coordinate: "47,36.123N", "47,36,7N" or decimal degrees."""
    found = _XMP.fullmatch(value[:64])
    if found is None:
        return None
    degrees, step = 0.0, 1.0
    for index, part in enumerate(found.groups()[:3]):
        if part is None:
            break
        fraction = part.partition(".")[2].rstrip("0")
        degrees += abs(float(part)) / 60**index
        if fraction or (index and float(part)):
            step = min(step, 10 ** -len(fraction) / 60**index)
    negative = found[1].startswith("-") or found[4].upper() in {"S", "W"}
    return Angle(-degrees if negative else degrees, step)


def hit(tag: str, latitude: Angle | None, longitude: Angle | None, error_m: float, altitude: bool) -> Hit | None:
    """A gps.precise or gps.coarse hit; None for what is no place on earth, or the 0, 0 of a receiver without a fix.

    `error_m` is the positioning error that the file states, 0 for none. One coordinate without the other is coarse:
    it is a line around the earth, but not nothing.
    """
    if latitude is None or longitude is None:
        return _line(tag, latitude, longitude)
    if abs(latitude.degrees) > 90 or abs(longitude.degrees) > 180:
        return None
    if abs(latitude.degrees) < 1e-7 and abs(longitude.degrees) < 1e-7:
        return None
    error_m = error_m if 0 < error_m <= MAX_ERROR_M else 0.0
    precision = max(min(latitude.step, longitude.step) * METRES_PER_DEGREE, error_m)
    attributes = {
        "cell": f"{math.floor(latitude.degrees)},{math.floor(longitude.degrees)}",
        "precision_m": f"{precision:.0f}" if precision >= 1 else f"{precision:.2g}",
    }
    if altitude:
        attributes["altitude"] = "yes"
    code = "gps.precise" if precision < PRECISE_WITHIN_M else "gps.coarse"
    value = f"{latitude.degrees + 0.0:.5f},{longitude.degrees + 0.0:.5f}"
    return Hit(code, tag, value, attributes=attributes)


def _line(tag: str, latitude: Angle | None, longitude: Angle | None) -> Hit | None:
    only, most, name = (latitude, 90, "latitude") if latitude else (longitude, 180, "longitude")
    if only is None or not 1e-7 <= abs(only.degrees) <= most:
        return None
    return Hit("gps.coarse", tag, f"{only.degrees + 0.0:.5f}", attributes={"only": name})
