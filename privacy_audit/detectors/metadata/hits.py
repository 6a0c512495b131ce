"""What the readers of single carriers hand over: a code, a tag and the raw value, before anything is concealed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_LONG_NUMBER = 7  # digits from which on a number may be one that someone can be called or known by
MAX_VALUE = 20_000  # characters of a value that are looked at


class Hit(NamedTuple):
    """One personal entry. `value` is raw and never leaves the detector."""

    code: str
    tag: str
    value: str = ""
    score: float = 1.0
    attributes: Mapping[str, str] = {}


def words(names: str) -> frozenset[str]:
    """A set of names that are written in one line."""
    return frozenset(names.split())


_PLACEHOLDERS = words(
    "unknown none null nil n/a na default undefined unspecified untitled unnamed empty "
    "string ascii test user owner artist author photographer"
)
_CAMERA_DEFAULTS = re.compile(
    r"""(?:
        (?:olympus|minolta|konica\ minolta|kodak|pentax|sanyo|samsung|polaroid|ricoh|casio|epson|sony|vivitar)?
            \s*digital\ (?:still\ )?(?:camera|image)
      | sony\ dsc | minolta\ .{0,20}camera | exif[_ ]jpeg[_ ](?:picture|t422) | jpeg(?:\ image)? | exif
      | my\ beautiful\ picture | screenshot | screen\ shot | image | picture | photo | capture | dcim\\.*
      | (?:asus|lg|htc|kodak|samsung|hp|agfa|aiptek|benq|ge|traveler|medion|creative)\ .{0,20}camera
      | (?:cof|sdr|hdr|hdrpl|ptr|oznor\w*|nor|rhdr|dig|dav|edf|fbt|mde|rpt|rptnb\w*|tst|vivo\w*|binary\ comment)
      | kodak\ .{0,20}(?:camera|zoom) | digital\ zoom | camera | default
      | created\ with\ (?:the\ )?gimp.* | created\ with\ paint.* | made\ with\ .{0,40} | applemark\W*
      | creator:\ gd-jpeg\ v.* | lead\ technologies.* | intel\(r\)\ (?:jpeg|ipp).* | file\ written\ by\ adobe.*
      | (?:optimi[sz]ed|compressed|processed)\ (?:by|with)\ .{0,60} | lavc[\d.]+ | handmade\ software.*
      | jpeg\ encoder.* | cs=\w+ | \*+ | adobe\ ed.{0,20} | .{0,30}imagemagick.{0,30} | matplotlib\ version.*
      | xv\ version.* | .{0,40}smoothing\ =\ .* | type=[\w/; =]+
    )\.?""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def blank(value: str) -> bool:
    """Whether a value is empty, padding, or what software writes when it knows nothing."""
    kept = value.strip(" \0\t\r\n-_.:;,/\\\"'")
    return not kept or not kept.strip("0 :-/.") or kept.casefold() in _PLACEHOLDERS


def camera_default(text: str) -> bool:
    """Whether a description is one that cameras and encoders write by themselves."""
    return _CAMERA_DEFAULTS.fullmatch(text.strip()) is not None


def free_text(value: str) -> bool:
    """Whether a value is text that someone may have written: some letters or a long number, and no default."""
    letters = digits = 0
    for character in value[:200]:
        letters += character.isalpha()
        digits += character.isdigit()
    return (letters >= 2 or digits >= _LONG_NUMBER) and not blank(value) and not camera_default(value[:400])


def distinct(hits: Iterable[Hit]) -> list[Hit]:
    """The hits without repetitions: one code is reported once per tag."""
    first: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        first.setdefault((hit.code, hit.tag), hit)
    return list(first.values())
