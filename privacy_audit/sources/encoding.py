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
    """Decode by byte order mark, else as UTF-8, else as Latin-1."""
    for bom, codec in _BOMS:
        if data.startswith(bom):
            try:
                return Decoded(data[len(bom) :].decode(codec), codec, bom, exact=True)
            except UnicodeDecodeError:
                break
    try:
        return Decoded(data.decode("utf-8"), "utf-8", b"", exact=True)
    except UnicodeDecodeError:
        return Decoded(data.decode("latin-1"), "latin-1", b"", exact=False)
