"""Raw values of vendor entries to text; "" for one that says nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from privacy_audit.containers.text import decode
from privacy_audit.detectors.metadata.hits import blank

Read = Callable[[bytes, str], str]
"""From the raw value and the byte order ("<" or ">")."""


class Tag(NamedTuple):
    """What an entry is: the finding's code, its name, and how its value is read. `bare`: the value is not kept."""

    code: str
    name: str
    read: Read
    bare: bool = False


def text(raw: bytes, _: str = "") -> str:
    """Text up to the first NUL behind it; padding of NULs, 0xff and spaces goes."""
    value = decode(raw.lstrip(b"\0").partition(b"\0")[0].rstrip(b"\xff")).strip()
    return "" if blank(value) or not any(character.isalnum() for character in value) else value


def wide(raw: bytes, order: str) -> str:
    """UTF-16 text up to the first NUL."""
    kind = "utf-16-le" if order == "<" else "utf-16-be"
    return text(raw[: len(raw) & ~1].decode(kind, "replace").partition("\0")[0].encode("utf-8", "replace"))


def number(raw: bytes, order: str) -> str:
    """A whole number of two or four bytes, or text where a camera stores it as text."""
    if len(raw) not in {2, 4}:
        return text(raw)
    value = struct.unpack(order + ("H" if len(raw) == 2 else "I"), raw)[0]
    return str(value) if value and value != 0xFFFFFFFF else ""


def digest(raw: bytes, _: str = "") -> str:
    """An id of up to 64 bytes as hexadecimal digits; one that is all zeros or all ones is none."""
    raw = raw[:64]
    return raw.hex() if raw.strip(b"\0") and raw.strip(b"\xff") else ""


def ends_with_id(raw: bytes, _: str = "") -> str:
    """16 bytes that are text or an id."""
    return (
        text(raw) if raw.rstrip(b"\0 ").isascii() and raw.rstrip(b"\0 ").replace(b" ", b"").isalnum() else digest(raw)
    )


def size(raw: bytes, order: str) -> str:
    """An offset or a size of an embedded picture that is not 0."""
    return number(raw[:4], order)


def picture(raw: bytes, _: str = "") -> str:
    """An embedded JPEG, which some cameras store behind a head of their own."""
    return "picture" if b"\xff\xd8\xff" in raw[:64] else ""


def at(first: int, last: int, read: Read) -> Read:
    """The value that stands at these bytes of a record."""
    return lambda raw, order: read(raw[first:last], order) if len(raw) > first else ""


_PLAIN = {pow(byte, 3, 249): byte for byte in range(249)}
_DECIPHER = bytes(_PLAIN.get(code, code) for code in range(256))


def sony(first: int, last: int) -> Read:
    """An id inside a record whose bytes are cubed modulo 249."""
    return lambda raw, _: digest(raw[first:last].translate(_DECIPHER)) if len(raw) >= last else ""
