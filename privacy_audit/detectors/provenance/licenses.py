"""Licence strings to what they mean: Creative Commons names and URLs, SPDX ids, rights statements, Flickr numbers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from privacy_audit.detectors.provenance.table import licences
from privacy_audit.types import Training

MAX_CHARS = 2000  # of one value; a licence is named in its first lines


@dataclass(frozen=True, slots=True)
class License:
    """`open` is True for Creative Commons licences and public-domain marks: their holder meant the work to spread."""

    id: str
    open: bool = False
    training: Training = "unspecified"


ALL_RIGHTS_RESERVED = License("all-rights-reserved")
PUBLIC_DOMAIN = License("public-domain", open=True)
_CC0 = License("CC0-1.0", open=True)
_PDM = License("CC-PDM-1.0", open=True)
_NO_KNOWN_COPYRIGHT = License("no-known-copyright", open=True)

_TERMS = ("by", "nc", "sa", "nd")
_CONDITIONS = ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")


def _cc(conditions: str, version: str = "") -> License:
    restricts = "nc" in conditions or "nd" in conditions
    name = "-".join(filter(None, ("CC", conditions.upper(), version)))
    return License(name, open=True, training="constrained" if restricts else "unspecified")


@lru_cache(maxsize=1)
def names() -> dict[str, License]:
    """Licences by the names in `licenses.yaml`."""
    return {name: License(known.id, known.open) for known in licences().licenses for name in known.names}


@lru_cache(maxsize=1)
def flickr() -> dict[str, License]:
    """Licences by Flickr's numbers."""
    by_id = {known.id: known for known in names().values()}
    found = {number: by_id.get(name) or recognise(name) for number, name in licences().flickr.items()}
    return {number: known for number, known in found.items() if known}


_CC_HOST = r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/"
_REST = r"(?:[/#?][\w./#?=&-]*)?"
_CC_URL = re.compile(_CC_HOST + r"licenses/(by(?:-nc)?(?:-sa|-nd)?)(?:/(\d\.\d))?" + _REST, re.IGNORECASE | re.ASCII)
_CC0_URL = re.compile(_CC_HOST + "publicdomain/zero" + _REST, re.IGNORECASE | re.ASCII)
_PDM_URL = re.compile(_CC_HOST + "(?:publicdomain/mark|licenses/publicdomain)" + _REST, re.IGNORECASE | re.ASCII)
# In Copyright, No Copyright, No Known Copyright; each with variants ("InC-NC") that do not change the meaning here
_STATEMENT_URL = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?rightsstatements\.org/(?:vocab|page)/(InC|NoC|NKC)(?:-[a-z]+){0,3}" + _REST,
    re.IGNORECASE | re.ASCII,
)
_STATEMENTS = {"inc": ALL_RIGHTS_RESERVED, "noc": PUBLIC_DOMAIN, "nkc": _NO_KNOWN_COPYRIGHT}

_SHORT_NAME = re.compile(
    r"(?<![\w-])CC[\s_-]{0,2}(BY(?:[\s_-]{1,2}NC)?(?:[\s_-]{1,2}(?:SA|ND))?)(?:[\s_-]{0,2}(\d\.\d))?(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_RESERVED = re.compile(r"all\s{1,4}rights\s{1,4}reserved", re.IGNORECASE | re.ASCII)
_CC0_NAME = re.compile(r"(?<![\w-])CC0(?![\w-])", re.IGNORECASE | re.ASCII)

_PHRASES = (
    ("non commercial", "nc"),
    ("noncommercial", "nc"),
    ("no derivative works", "nd"),
    ("no derivatives", "nd"),
    ("no derivs", "nd"),
    ("noderivatives", "nd"),
    ("noderivs", "nd"),
    ("share alike", "sa"),
    ("sharealike", "sa"),
    ("attribution", "by"),
    ("creative commons", "cc"),
)
_FILLERS = frozenset(
    {"license", "licence", "licensed", "under", "a", "the", "generic", "unported", "international", "igo"}
)


def recognise(text: str) -> License | None:
    """The licence that `text` as a whole names; None when it names none that is known here, or says anything more."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    return _by_url(text) or _by_name(text)


def mentioned(text: str) -> License | None:
    """The licence that a notice in prose mentions. Several different ones, or a reservation, are no permission."""
    text = text[:MAX_CHARS]
    if _RESERVED.search(text):
        return ALL_RIGHTS_RESERVED
    words = (word.strip("<>()[]\"',;.") for word in text.split())
    found = [known for known in map(_by_url, words) if known]
    for match in _SHORT_NAME.finditer(text):
        conditions = re.sub(r"[\s_-]+", "-", match[1].lower())
        if conditions in _CONDITIONS and match[2] in (None, *_VERSIONS):
            found.append(_cc(conditions, match[2] or ""))
    if _CC0_NAME.search(text):
        found.append(_CC0)
    if not found:
        return recognise(text)
    fullest = max(found, key=lambda known: len(known.id))  # "CC BY" beside its URL, which has the version
    return fullest if all(fullest.id.startswith(known.id) for known in found) else None


def _by_url(text: str) -> License | None:
    if match := _CC_URL.fullmatch(text):
        conditions, version = match[1].lower(), match[2] or ""
        return _cc(conditions, version) if conditions in _CONDITIONS and version in {"", *_VERSIONS} else None
    if _CC0_URL.fullmatch(text):
        return _CC0
    if _PDM_URL.fullmatch(text):
        return _PDM
    if match := _STATEMENT_URL.fullmatch(text):
        return _STATEMENTS[match[1].lower()]
    return None


def _by_name(text: str) -> License | None:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("©", " copyright ").replace("(c)", " copyright ")
    plain = " ".join(re.sub(r"[^\w.]+|_+", " ", plain).split()).rstrip(".")
    plain = plain.replace("creative commons", "cc")
    bare = plain.removeprefix("the ").removesuffix(" license").removesuffix(" licence")
    known = names().get(plain) or names().get(bare)
    return known or _by_words(plain)


def _by_words(plain: str) -> License | None:
    """Conditions spelled in any way: "cc by nc 2.0", "attribution noncommercial license"; each word has to be known."""
    spelled_out = "attribution" in plain
    for phrase, short in _PHRASES:
        plain = plain.replace(phrase, short)
    words = [word for word in plain.split() if word not in _FILLERS]
    conditions = {word for word in words if word in _TERMS}
    versions = [word for word in words if word in _VERSIONS]
    rest = [word for word in words if word != "cc" and word not in _TERMS and word not in _VERSIONS]
    if rest and not (versions and len(rest) == 1 and len(rest[0]) == 2):  # a country that the licence was ported to
        return None
    name = "-".join(word for word in _TERMS if word in conditions)
    if name not in _CONDITIONS or len(versions) > 1 or not ("cc" in words or spelled_out):
        return None
    return _cc(name, versions[0] if versions else "")
