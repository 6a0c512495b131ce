"""The record columns that speak of provenance, by name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from privacy_audit.detectors.provenance.table import table

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.schema import Row

# A column inside any other object may speak of a person, a place or a comment: `owner.visibility` is not the picture's.
_PARENTS = frozenset(
    (
        *("photo", "photos", "image", "images", "picture", "media", "medium", "asset", "file", "item", "post"),
        *("record", "sample", "metadata", "meta", "info", "data", "json", "attributes", "flickr", "yfcc"),
        *("visibility", "privacy", "audience", "license", "licence", "rights", "consent", "permissions", "provenance"),
        *("http", "headers", "header", "responseheaders", "httpheaders", "response"),
        *("exif", "ifd0", "xmp", "iptc", "dc", "dcterms", "cc", "plus", "xmprights"),
        *("xmpdc", "xmpdcterms", "xmpcc", "xmpplus", "xmpxmprights"),  # as ExifTool writes them: "XMP-dc:Rights"
    )
)


@lru_cache(maxsize=4096)
def find(key: str) -> tuple[str, Row] | None:
    """The row for the column that `key` (a name or a dotted path) names, and the part of `key` that names it."""
    parts = [part for part in re.split(r"[.:/]", re.sub(r"\[\d*\]", "", key)) if part]
    plain = ["".join(character for character in part.casefold() if character.isalnum()) for part in parts]
    for width in (1, 2):  # "visibility"; "license.name"
        row = table().columns.get("".join(plain[-width:])) if len(plain) >= width else None
        if row is not None and (row.anywhere or _PARENTS.issuperset(plain[:-width])):
            return ".".join(parts[-width:]), row
    return None
