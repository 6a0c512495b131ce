"""File names and URLs: no prose, many numbers. A bare number is an image id until a key beside it says otherwise.

Names of people are not looked for here: "rose_garden" and "Rose Garden" are one to a file name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from privacy_audit.detectors.captions import cues, secret_keys
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.detectors.captions.normalise import Mapped, normalise, percent_decode

MAX_URL = 8_000  # code points; what browsers and servers take

_PATH = r"[^\s<>\"'`\u3000]"
_SUFFIX = (
    r"(?:com|net|org|edu|gov|id|co|io|me|tv|uk|de|fr|jp|cn|in|au|us|ca|nl|it|es|br|ru|my|sg|info|app|dev|xyz|link|page"
    r"|site|ly)"
)
_LINK = re.compile(  # in running text
    rf"(?:https?://|ftp://|www\.){_PATH}{{1,{MAX_URL}}}"
    rf"|(?<![\w@./:-])(?:[a-z0-9-]{{1,63}}\.){{1,4}}{_SUFFIX}/{_PATH}{{1,{MAX_URL}}}",
    re.IGNORECASE,
)
_IS_URL = re.compile(rf"\s*(?:https?|ftp|s3|gs|file)://{_PATH}+\s*", re.IGNORECASE)
_HOST = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://(?:[^\s/@]{1,200}@)?[^\s/?#]{1,255}|^www\.[^\s/?#]{1,255}", re.IGNORECASE
)
_EXTENSION = re.compile(
    r"\.(?=(?:jpe?g|png|gif|webp|tiff?|bmp|heic|heif|avif|jxl|svg|raw|dng|txt|json|xml|html?|pdf|docx?|xlsx?|eml|php|mp4|mov|csv|parquet|tar|zip)\b)",
    re.IGNORECASE,
)
_SEPARATORS = str.maketrans({"/": "\n", "\\": "\n", "&": " ", "?": " ", ";": " ", "#": " ", "|": " ", ",": " "})
_KEEPS_LOW_LINE = re.compile(r"[@=]|[\[({]at[\])}]", re.IGNORECASE)
_TOKEN = re.compile(r"\S+")
# "jane@example.com_portrait", "jane@example.com-2": a host ends at "_", and at "-" when no dot follows
_AFTER_HOST = re.compile(r"(@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24})(?:_|-(?![\w-]{0,63}\.[a-z]))", re.IGNORECASE)
_NAME = r"(@?[\w.-]{2,40})(?![\w@])"
_PROFILE_URL = re.compile(
    r"(?<![\w.-])(?:(?:www|m|web|mobile|[a-z]{2}(?:-[a-z]{2})?)\.)?(?:"
    rf"(?:instagram|facebook|twitter|x|threads|pinterest|github|gitlab|vk|behance|twitch|patreon|soundcloud|onlyfans"
    rf"|deviantart|dribbble|snapchat)\.(?:com|net|tv)/{_NAME}"
    rf"|(?:tiktok|youtube|medium)\.com/(@[\w.-]{{2,40}})"
    rf"|flickr\.com/(?:photos|people)/{_NAME}|linkedin\.com/in/{_NAME}|(?:t\.me|telegram\.me|fb\.com|snapchat\.com/add)/{_NAME}"
    rf"|reddit\.com/(?:u|user)/{_NAME}|bsky\.app/profile/{_NAME}|weibo\.com/u/{_NAME}|youtube\.com/(?:user|c)/{_NAME}"
    rf"|[\w.-]{{3,60}}/(@[A-Za-z][\w.-]{{2,39}})(?=[/?#\s]|$)"  # Mastodon and its like
    r")",
    re.IGNORECASE,
)
_NO_PROFILE = re.compile(
    r"p|reel|reels|explore|stories|tv|accounts|about|legal|developer|photo|photos|photo\.php|groups|pages|"
    r"events|watch|hashtag|sharer|sharer\.php|share|share\.php|story\.php|permalink\.php|profile\.php|"
    r"marketplace|gaming|help|policies|login|home|search|intent|i|settings|notifications|messages|tos|privacy|"
    r"public|tags|dialog|plugins|tr|media|video|videos|s|joinchat|addstickers|c|v|proxy|index\.php|index\.html|"
    r"web|download|static|images|img|seo|features|topics|pricing|orgs|sponsors|collections|trending|security|enterprise|"
    r"apps|signup|join|pin|ideas|directory|jobs|feed|feeds|discover|tag|popular|add|blog|press|team|business|today|user|u",
    re.IGNORECASE,
)
_MADE_BY_MACHINE = re.compile(r"[\w.-]+\.(?:jpe?g|png|gif|webp|php|html?|js|css|svg|mp4)", re.IGNORECASE)

_LINK_TO_PHONE = re.compile(r"wa\.me/|tel:", re.IGNORECASE)
_WRITTEN_OUT = re.compile(r"\(\d{3}\) ?\d{3}-\d{4}")
_PICTURE_ID = re.compile(r"(?<![A-Za-z])(?:id|img|image|photo|pid|fbid|file|item|sku|v|ts?)=$", re.IGNORECASE)
_ALWAYS = frozenset(
    {"EMAIL_ADDRESS", "DISGUISED_EMAIL", "SECRET", "BIRTH_DATE", "STREET_ADDRESS", "IBAN_CODE", "BANK_ACCOUNT"}
)
_NIK_BY_DISTRICT = 0.75
_NPWP_BY_CHECK_DIGIT = 0.8


def is_url(text: str) -> bool:
    """Whether all of `text` is one URL."""
    return bool(_IS_URL.fullmatch(text[: MAX_URL + 10]))


def readable(text: str | Mapped) -> Mapped:
    """A file name or URL without percent-encoding, normalised."""
    return normalise(percent_decode(text))


def split_links(text: str) -> tuple[str, str]:
    """`text` with its links blanked, and its links with all else blanked ("" without any); the same length each."""
    spans = [match.span() for match in _LINK.finditer(text)]
    if not spans:
        return text, ""
    prose: list[str] = []
    links: list[str] = []
    position = 0
    for start, end in [*spans, (len(text), len(text))]:
        prose += [text[position:start], " " * (end - start)]
        links += ["\n" * (start - position), text[start:end]]
        position = end
    return "".join(prose), "".join(links)


def find(text: str, direct: Callable[[str], list[Found]]) -> list[Found]:
    """Personal data in a readable file name or URL. `direct` finds identifiers in running text."""
    words = _as_words(text)
    found = [one for one in direct(text) if _needs_slashes(text, one)] if _may_need_slashes(text) else []
    found += [one for one in direct(words) if _is_sure(words, one)]
    return [*_profiles(text), *found]


def _profiles(text: str) -> Iterator[Found]:
    for match in _PROFILE_URL.finditer(text):
        group = match.lastindex
        assert group is not None  # every branch has one
        start = match.start(group)
        name = match.group(group)
        if name.startswith("@"):
            start, name = start + 1, name[1:]
        stripped = name.rstrip(".-")
        if len(stripped) < 2 or _NO_PROFILE.fullmatch(stripped) or _MADE_BY_MACHINE.fullmatch(stripped):
            continue
        yield Found("USERNAME", "ProfileUrlRecognizer", start, start + len(stripped), 0.8, cue=True)


def _as_words(text: str) -> str:
    """The same text, character for character, with separators as white space and without the host."""
    text = _HOST.sub(lambda match: " " * len(match.group()), text)
    text = _EXTENSION.sub(" ", text).translate(_SEPARATORS)
    text = _AFTER_HOST.sub(r"\1 ", text)
    return _TOKEN.sub(
        lambda match: match.group() if _KEEPS_LOW_LINE.search(match.group()) else match.group().replace("_", " "),
        text,
    )


def _may_need_slashes(text: str) -> bool:
    """A necessary condition for `_needs_slashes`, which saves half the time on most URLs."""
    return "@" in text or bool(_LINK_TO_PHONE.search(text) or secret_keys.may_hold(text.replace("://", "").lower()))


def _needs_slashes(text: str, found: Found) -> bool:
    """Whether this is found only while slashes stand: https://name:password@host, wa.me/..."""
    link = text[max(0, found.start - 6) : found.start].lower().endswith(("wa.me/", "tel:"))
    return found.entity == "SECRET" or (found.entity == "PHONE_NUMBER" and link)


def _is_sure(text: str, found: Found) -> bool:
    entity, score = found.entity, found.score
    if found.code:
        return True
    if entity in _ALWAYS:
        return True
    if entity in ("ID_SIM", "FOREIGN_PLATE", "NATIONAL_ID"):  # found right after a word for one, or not at all
        return True
    if entity in cues.ENTITIES and cues.adjacent(text, found.start, entity):
        return True
    if entity == "USERNAME":
        return found.cue and text[found.start - 1 : found.start] == "="
    if entity == "PHONE_NUMBER":
        return text[found.start] == "+" or bool(_WRITTEN_OUT.fullmatch(text[found.start : found.end]))
    if entity == "ID_NIK":
        return score >= _NIK_BY_DISTRICT and not _PICTURE_ID.search(text, 0, found.start)
    if entity == "ID_NPWP":
        return score >= _NPWP_BY_CHECK_DIGIT
    if entity == "MAC_ADDRESS":
        value = text[found.start : found.end]
        return ":" in value or (any(map(str.isalpha, value)) and any(map(str.isdigit, value)))
    return False
