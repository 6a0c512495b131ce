"""Text files in whatever encoding they come, so that editing one code point changes nothing else."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NOT_UTF8 = "the text is not UTF-8; it was read as Latin-1, so letters beyond ASCII may be wrong"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and how it was stored. `exact` is False when the encoding is a guess (Latin-1 maps every byte)."""

    text: str
    codec: str
    bom: bytes
    exact: bool

    def encode(self, text: str) -> bytes:
        """`text` as it would be stored in the same file."""
        return self.bom + text.encode(self.codec, "replace")


def decode(data: bytes) -> Decoded:
    """Decode a file by byte order mark, else as UTF-16 when it can be nothing else, else as `decode_line` does."""
    for bom, codec in _BOMS:
        if data.startswith(bom):
            try:
                return Decoded(data[len(bom) :].decode(codec), codec, bom, exact=True)
            except UnicodeDecodeError:
                break
    return _unmarked_utf16(data) or decode_line(data)


def decode_line(data: bytes) -> Decoded:
    """Decode one line of a file: as UTF-8, else as Latin-1. It may hold the bytes of another encoding's mark."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        return Decoded(data[len(bom) :].decode("utf-8"), "utf-8", bom, exact=True)
    except UnicodeDecodeError:
        return Decoded(data.decode("latin-1"), "latin-1", b"", exact=False)


def _unmarked_utf16(data: bytes) -> Decoded | None:
    """UTF-16 without a mark: a quarter of the bytes or more are NUL, and none is left when it is decoded."""
    if len(data) % 2 or data.count(0) * 4 < max(len(data), 1):
        return None
    codec = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else Decoded(text, codec, b"", exact=True)
