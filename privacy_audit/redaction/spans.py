"""Masking of personal values in texts and file names, by typed placeholders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from privacy_audit.sources.jsontext import JsonError, leaves
from privacy_audit.taxonomy import describe

Spans = Sequence[tuple[int, int, str]]
"""(start, end, code) in code points, `end` exclusive; in any order, overlapping or reaching over the text's ends."""

Naming = Callable[[str, str], str]
"""Makes the name of a placeholder from a code and the text that goes: `EMAIL`."""

MAX_NAME_BYTES = 200  # file systems take 255; a name that had to grow leaves room for a suffix

_OTHER = "REDACTED"
_PERSON = "PERSON"
_NAMES = {
    "contact.email": "EMAIL",
    "contact.phone": "PHONE",
    "contact.address": "ADDRESS",
    "contact.username": "USERNAME",
    "id.card": "CARD",
    "id.iban": "IBAN",
    "id.ssn": "SSN",
    "id.national": "NATIONAL_ID",
    "id.tax": "TAX_ID",
    "id.passport": "PASSPORT",
    "id.plate": "PLATE",
    "net.ip": "IP",
    "net.mac": "MAC",
    "secret": "SECRET",
    "person.birth_date": "BIRTH_DATE",
    "url.personal": "URL",
    "gps.precise": "LOCATION",
    "gps.coarse": "LOCATION",
    "place": "LOCATION",
    "time": "TIME",
    "device.serial": "DEVICE_ID",
    "device.uid": "DEVICE_ID",
}
# A span that covers one of these at a name's end leaves it: it tells the kind of file, and nothing else.
_EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "tif", "tiff", "gif", "bmp", "heic", "heif", "hif", "avif"}
    | {"jxl", "txt", "caption", "json", "jsonl", "csv", "tsv", "parquet", "xmp", "xml", "yaml", "yml", "tar", "zip"}
)


def mask(text: str, spans: Spans, placeholder: Callable[[str, str], str] | None = None) -> str:
    """`text` with every span replaced by a placeholder such as `<EMAIL>`; the rest stays as it is.

    Spans that overlap or touch become one, named by the code that is most severe, then longest. `placeholder` makes
    another replacement of a code and the text that it replaces: a pseudonym, say.
    """
    pieces, at = [], 0
    for start, end, code in _merged(spans, len(text)):
        pieces.append(text[at:start])
        gone = text[start:end]
        pieces.append(f"<{typed(code, gone)}>" if placeholder is None else placeholder(code, gone))
        at = end
    return "".join([*pieces, text[at:]])


def mask_value(value: str, spans: Spans, naming: Naming | None = None) -> str:
    """Like `mask`, but a number that stands bare in a JSON text becomes a string, so that the text stays JSON."""

    def hidden(text: str, found: Spans) -> str:
        return mask(text, found, None if naming is None else lambda code, gone: f"<{naming(code, gone)}>")

    bare = [] if value.lstrip()[:1] not in {"{", "["} else _bare_numbers(value)
    pieces, at = [], 0
    for start, end in bare:
        inside = [span for span in spans if span[0] < end and span[1] > start]
        if inside:
            pieces.append(hidden(value[at:start], [(s - at, e - at, code) for s, e, code in spans if s < start]))
            pieces.append(json.dumps(hidden(value[start:end], [(0, end - start, code) for _, _, code in inside])))
            at = end
    return "".join([*pieces, hidden(value[at:], [(s - at, e - at, code) for s, e, code in spans if e > at])])


def _bare_numbers(value: str) -> list[tuple[int, int]]:
    try:
        return [(leaf.start, leaf.end) for leaf in leaves(value) if isinstance(leaf.value, (int, float))]
    except JsonError:
        return []


def mask_filename(name: str, spans: Spans, naming: Naming | None = None) -> str:
    """One part of a path with its spans replaced by placeholders that every file system takes (`EMAIL`).

    The extension of a picture, sidecar or table is kept. Never empty. A name that grows beyond MAX_NAME_BYTES is cut
    before its extension.
    """
    stem, extension = _split(name)
    masked = mask(stem, spans, naming or typed) or _OTHER
    size = len((masked + extension).encode("utf-8", "surrogatepass"))
    if len(masked) > len(stem) and size > MAX_NAME_BYTES:
        room = MAX_NAME_BYTES - len(extension)
        masked = masked.encode("utf-8", "surrogatepass")[:room].decode("utf-8", "ignore").rstrip(" .") or _OTHER
    return masked + extension


def typed(code: str, text: str) -> str:  # noqa: ARG001 - a Naming
    """The kind of a value: `EMAIL`, `PERSON`."""
    if code in _NAMES:
        return _NAMES[code]
    return _PERSON if code.startswith("name.") else _OTHER


def _merged(spans: Spans, length: int) -> Iterator[tuple[int, int, str]]:
    """Disjoint spans within the text, in order."""
    clipped = sorted((max(0, start), min(end, length), code) for start, end, code in spans)
    group: list[tuple[int, int, str]] = []
    reach = 0
    for span in clipped:
        if span[0] >= span[1]:
            continue
        if group and span[0] > reach:
            yield group[0][0], reach, _naming(group)
            group = []
        group.append(span)
        reach = max(reach, span[1])
    if group:
        yield group[0][0], reach, _naming(group)


def _naming(group: Sequence[tuple[int, int, str]]) -> str:
    return max((describe(code).severity.rank, end - start, code) for start, end, code in group)[2]


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if dot and extension.lower() in _EXTENSIONS else (name, "")
