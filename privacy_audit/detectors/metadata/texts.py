"""Comments and PNG text chunks to hits."""

from __future__ import annotations

from privacy_audit.containers import Format
from privacy_audit.containers.text import decode
from privacy_audit.detectors.metadata import prompts
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text, words

_COMMENTS = {"JPEG": "JPEG:COM", "GIF": "GIF:Comment"}
_CODES = {
    "author": "name.creator",
    "artist": "name.creator",
    "creator": "name.creator",
    "photographer": "name.creator",
    "copyright": "rights",
    "license": "rights",
    "creation time": "time",
    "create-date": "time",
    "modify-date": "time",
    "date:create": "time",
    "date:modify": "time",
    "date:timestamp": "time",
    "thumb::mtime": "time",
    "time": "time",
    "exif:datetime": "time",
    "exif:datetimeoriginal": "time",
    "exif:datetimedigitized": "time",
    "exif:artist": "name.creator",
    "exif:copyright": "rights",
    "exif:hostcomputer": "device.serial",
    "exif:imageuniqueid": "device.uid",
    "exif:bodyserialnumber": "device.serial",
    "documentid": "history",
}
_NAMED_TEXT = words(
    "title description comment disclaimer warning source caption headline keywords label usercomment subject "
    "thumb::uri svg:base-uri exif:imagedescription exif:usercomment url location collection"
)
_HARMLESS = frozenset({"software", "signature", "pdf:version", "png:text", "svg:version", "dpi", "url:none"})
_TECHNICAL = ("png:", "jpeg:", "tiff:", "exif:", "icc:", "thumb::", "gif:", "webp:", "xmp:creatortool", "photoshop:")
_TOUCHED = frozenset({"modify-date", "date:create", "date:modify", "date:timestamp", "thumb::mtime"})


def hit(container: Format, keyword: str, data: bytes) -> Hit | None:
    """The hit of one text block; None for what programs write by themselves."""
    value = decode(data).strip()
    known = keyword.strip().lower()
    if keyword == "tIME":
        return Hit("time", "PNG:tIME", value, 0.5) if any(digit in value for digit in "123456789") else None
    tag = _COMMENTS.get(container, "") or _tag(container, keyword, known)
    if blank(value):
        return None
    if (known in prompts.KEYWORDS and container == "PNG") or prompts.is_prompt(value):
        return Hit("text.prompt", tag, value)
    if container == "PNG" and known in _CODES:
        return Hit(_CODES[known], tag, value, 0.5 if known in _TOUCHED else 1.0)
    if container == "PNG" and known not in _NAMED_TEXT and (known in _HARMLESS or known.startswith(_TECHNICAL)):
        return None
    return Hit("text.free", tag, value) if free_text(value) else None


def _tag(container: Format, keyword: str, known: str) -> str:
    """A keyword that someone made up may itself be personal, so only known ones are named."""
    named = known in _CODES or known in _NAMED_TEXT or known in prompts.KEYWORDS
    return f"{container}:{keyword.strip() if named else 'Text'}"
