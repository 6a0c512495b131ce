"""YFCC100M tables have no header. Where their columns are numbered, the ones about provenance get their names back."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NUMBERED = re.compile(r"(?:f|_c|c|col|column|column_|field_)?\d{1,2}", re.IGNORECASE | re.ASCII)
_PAGE = re.compile(r"https?://(?:www\.)?flickr\.com/photos/", re.IGNORECASE | re.ASCII)
_MOST = 32
_AFTER_PAGE = {2: "licensename", 3: "licenseurl"}


def named(record: Mapping[str, object]) -> Mapping[str, object]:
    """The record, with names for the licence columns when it is a numbered YFCC row.

    Releases differ by a line number and a hash column in front, so columns are counted from the page's URL: download
    URL, licence name, licence URL.
    """
    if not 20 <= len(record) <= _MOST or not all(_NUMBERED.fullmatch(key) for key in record if len(key) < 16):
        return record
    keys = list(record)
    for at, key in enumerate(keys):
        value = record[key]
        if isinstance(value, str) and _PAGE.match(value[:64]):
            names = {keys[at + step]: name for step, name in _AFTER_PAGE.items() if at + step < len(keys)}
            return {names.get(key, key): value for key, value in record.items()}
    return record
