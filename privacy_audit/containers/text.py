"""Bytes of unknown encoding to text."""

from __future__ import annotations


def decode(raw: bytes) -> str:
    """UTF-8 when it is that, else Latin-1, which always succeeds; NULs at the end are padding."""
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
