"""Normal forms in which the words of a table and the values of a dataset are compared."""

from __future__ import annotations

import re
import unicodedata

MAX_WORD_CHARS = 200


def spaced(value: object) -> str:
    """Lower case, with single spaces for separators: "Friends & Family" and "friends_and_family" are one."""
    plain = unicodedata.normalize("NFKC", str(value)[:MAX_WORD_CHARS]).casefold().replace("&", " and ")
    return " ".join(re.sub(r"[\s_\-/+,.]+", " ", plain).split())


def joined(value: object) -> str:
    """Lower case letters and digits alone: "Google Photos" and "google_photos" are one."""
    return "".join(character for character in str(value)[:MAX_WORD_CHARS].casefold() if character.isalnum())


def exact(value: object) -> str:
    """As it stands but for case and outer spaces. True and False are 1 and 0."""
    return (str(int(value)) if isinstance(value, bool) else str(value)[:MAX_WORD_CHARS]).strip().casefold()
