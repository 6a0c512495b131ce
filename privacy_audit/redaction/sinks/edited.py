"""The new content of a caption or record file, in its own encoding, with every other byte as it was."""

from __future__ import annotations

from collections.abc import Mapping

from privacy_audit.sources.encoding import decode
from privacy_audit.sources.jsontext import JsonError, replace

WHOLE = ""
"""The path of a document that is no JSON: it was read as one text."""


def edited(data: bytes, kind: str, texts: Mapping[str, str]) -> bytes:
    """`data` with new texts by their path. `kind` is "txt", or "json", which may turn out to be none."""
    decoded = decode(data)
    if kind == "json":
        try:
            return decoded.encode(replace(decoded.text, texts))
        except JsonError:
            pass
    return decoded.encode(texts.get(WHOLE, decoded.text))
