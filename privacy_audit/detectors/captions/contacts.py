"""E-mail addresses in disguise, postal addresses, birth dates, user names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from privacy_audit.detectors.captions import cues
from privacy_audit.detectors.captions.hits import Hit
from privacy_audit.detectors.captions.secret_keys import END_OF_CLAUSE, WORD_START

# -- e-mail -----------------------------------------------------------------------------------------------------------

_TOP = r"(?:com|net|org|edu|gov|info|biz|dev|app|xyz|[a-z]{2})"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?"
EMAIL = (  # bounded, so that a long run of letters and dots before no "@" costs linear time
    r"(?<![\w.+%-])(?:\w[\w.%'+-]{0,62})?\w@(?:[\w-]{1,63}\.){1,8}\w[\w-]{0,61}\w(?!\w)"
)
_AT_MARK = r"(?:[\[({<]\s?(?:at|@|et)\s?[\])}>])"
_DOT_MARK = r"(?:[\[({<]\s?(?:dot|titik|punkt|\.)\s?[\])}>])"
_BRACKETED = re.compile(
    rf"(?<![\w.+-])({_LOCAL})\s?{_AT_MARK}\s?({_LABEL}(?:\s?(?:{_DOT_MARK}|\bdot\b|\btitik\b|\.)\s?{_LABEL}){{1,4}})(?![\w-])",
    re.IGNORECASE,
)
_DOTS_ONLY = re.compile(
    rf"(?<![\w.+-])({_LOCAL})@({_LABEL}(?:(?:\s?{_DOT_MARK}\s?|\s(?:dot|titik)\s){_LABEL}){{1,4}})(?![\w-])",
    re.IGNORECASE,
)
_SPELLED = re.compile(rf"(?<![\w.+-])({_LOCAL}) AT ({_LABEL}(?: DOT {_LABEL}){{1,4}})(?![\w-])")
_SPOKEN = re.compile(
    rf"(?<![\w.+-])({_LOCAL}(?: (?:dot|titik|underscore|dash|hyphen) {_LOCAL}){{0,2}}) (?:at|et)"
    rf" ({_LABEL}(?: (?:dot|titik) {_LABEL}){{1,4}})(?![\w-])",
    re.IGNORECASE,
)
_SPOKEN_MARKS = {"dot": ".", "titik": ".", "underscore": "_", "dash": "-", "hyphen": "-"}
_SPOKEN_MARK = re.compile(r" (dot|titik|underscore|dash|hyphen) ", re.IGNORECASE)
_SPACED = re.compile(  # jane@ example . com, jane @ example.com
    rf"(?<![\w.+-])({_LOCAL})(?: ?@ | @ ?)({_LABEL}(?:\s?\.\s?{_LABEL}){{0,3}}\s?\.\s?{_TOP})(?![\w-])(?!\.\w)|"
    rf"(?<![\w.+-])({_LOCAL})@({_LABEL}(?:\s\.\s?|\.\s){_TOP})(?![\w-])(?!\.\w)",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"(?:gmail|googlemail|yahoo|ymail|hotmail|outlook|live|icloud|proton(?:mail)?|aol|gmx|mail|yandex|zoho)\b", re.I
)
_DOT = re.compile(r"\s?(?:[\[({<]\s?(?:dot|titik|punkt|\.)\s?[\])}>]|\bdot\b|\btitik\b)\s?|\s?\.\s?", re.IGNORECASE)


def may_disguise(text: str, lowered: str) -> bool:
    """A necessary condition for `find_disguised_email`; `lowered` is the text in small letters."""
    if "@" in text or " dot " in lowered or " titik " in lowered:
        return True
    return any(mark in text for mark in "[({<") and any(word in lowered for word in ("at", "et"))


def find_disguised_email(text: str) -> Iterator[Hit]:
    """`name [at] host (dot) com`, `name AT host DOT com`, `name at host dot com`, `name@ host . com`."""
    for pattern in (_BRACKETED, _DOTS_ONLY, _SPELLED):
        for match in pattern.finditer(text):
            yield Hit(match.start(1), match.end(2), 0.8)
    for pattern in (_SPOKEN, _SPACED):
        for match in pattern.finditer(text):
            group = 1 if match.group(1) else 3
            start, end = match.start(group), match.end(group + 1)
            if _is_name(match.group(group), match.group(group + 1)) or cues.near(text, start, end, "EMAIL"):
                yield Hit(start, end, 0.75)


def _is_name(local: str, host: str) -> bool:
    """Whether the words around a loose "at" can hardly be anything but an address."""
    loose = any(map(str.isdigit, local)) or "_" in local or "." in local
    return loose or bool(_SPOKEN_MARK.search(local) or _PROVIDER.match(host))


def plain_email(value: str) -> str:
    """A disguised address in its usual spelling, so that both get one token."""
    local, _, host = re.sub(rf"\s?(?:{_AT_MARK}|\b(?:at|et)\b|@)\s?", "@", value, count=1, flags=re.I).partition("@")
    local = _SPOKEN_MARK.sub(lambda match: _SPOKEN_MARKS[match.group(1).lower()], local)
    return f"{local}@{_DOT.sub('.', host)}"


# -- postal address ---------------------------------------------------------------------------------------------------

_SURE = r"Street|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Terrace|Drive|Dr|Crescent|Parkway|Pkwy|Highway|Hwy|St"
_UNSURE = r"Court|Ct|Way|Place|Pl|Square|Sq|Circle|Cir|Trail|Close|Row|Mews|Loop|Alley"
_SMALL = (  # words that follow a number in a heading: "10 Best Things On Main Street"
    r"(?!(?:A|An|And|At|Away|Bed|Bedroom|Best|By|Cars?|Days?|Down|Floor|For|From|Great|Hours?|Images|In|Into|Km|Lane|Man|Men"
    r"|Miles?|Minutes?|New|Of|Off|Old|On|Or|Antique|Pack|People|Person|Photos?|Pictures|Piece|Rare|Star|Stories|The|Things"
    r"|Tips|To|Top|Up|Vintage|Ways?|With|Wom[ae]n|Years?)\b)"
)
_WORD = rf"{_SMALL}(?:[A-Z][A-Za-z'.-]{{1,20}}|\d{{1,3}}(?:st|nd|rd|th))"
_TAIL = (
    r"(?:,? (?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor|#)\.? ?#?\w{1,6})?"
    r"(?:,? [A-Z][A-Za-z.'-]{1,20}(?: [A-Z][A-Za-z.'-]{1,20}){0,2})?(?:,? [A-Z]{2})?(?:,? \d{5}(?:-\d{4})?)?"
)
_STREET = re.compile(
    rf"(?<![\w$.,:/#-])(\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? |North |South |East |West )?{_WORD}(?: {_WORD}){{0,2}}"
    rf" (?:({_SURE})|({_UNSURE}))\b(?!['\u2019]s)\.?)({_TAIL})"
)
_ADDRESS_TAIL = re.compile(r",? (?:Apt|Apartment|Unit|Suite|Ste|Flat|#)\b|\b[A-Z]{2},? \d{5}\b|\b\d{5}$")
_ADDRESS_BEFORE = re.compile(
    r"\b(?:address|alamat|live[sd]? at|living at|resid(?:es|ing) at|located at|home(?: is)? at|mail(?:ed)? to"
    r"|ship(?:ped)? to|rumah)\b.{0,20}$",
    re.IGNORECASE,
)
_YEAR_LIKE = re.compile(r"(?:1[6-9]|20)\d\d ")
_NUMBERED = r"(?:no|nomor|blok|kav|kavling)\b\.? ?[A-Za-z]?\d{1,4}[A-Za-z]?(?:[/-]\w{1,4})?"
_NAME_AND_NUMBER = (
    r"(?:(?-i:[A-Z])[\w'.-]{1,30} ){1,4}?\d{1,3}[A-Za-z]?\b(?! ?(?:km|m|meter|menit|jam|tahun|orang|hari)\b)"
)
_JALAN = re.compile(
    rf"\b(?:jl|jln|jalan|gg|gang|perum|perumahan|kompleks?)\b\.? ?"
    rf"(?:(?:[\w'.-]{{1,30}},? ){{1,5}}?{_NUMBERED}|{_NAME_AND_NUMBER})"
    r"(?:[, ]{1,2}(?:no|nomor|blok|kav)\b\.? ?\w{1,5})?"
    r"(?:[, ]{1,2}rt\.? ?\d{1,3})?(?:[ ,/]{0,3}rw\.? ?\d{1,3}|/\d{1,3})?"
    r"(?:[, ]{1,2}(?:kel|kelurahan|desa|kec|kecamatan|kab|kabupaten|kota)\b\.? ?"
    r"(?-i:[A-Z])[\w'-]{1,20}(?: (?-i:[A-Z])[\w'-]{1,20})?){0,4}"
    r"(?:[, ]{1,2}\d{5}\b)?",
    re.IGNORECASE,
)
_RT_RW = re.compile(r"\brt\.? ?\d{1,3}(?:[ ,/]{0,3}rw\.? ?|/)\d{1,3}\b", re.IGNORECASE)


def find_address(text: str) -> Iterator[Hit]:
    """Street addresses with a house number, in English and Indonesian, and RT/RW neighbourhood numbers."""
    for match in _STREET.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        announced = bool(_ADDRESS_BEFORE.search(before))
        complete = bool(_ADDRESS_TAIL.search(match.group(4)))
        if not (announced or complete) and (match.group(3) or _YEAR_LIKE.match(match.group())):
            continue
        end = match.end() if complete else match.end(1)
        yield Hit(match.start(), end, 0.75 if announced or complete else 0.6, announced)
    for pattern, score in ((_JALAN, 0.75), (_RT_RW, 0.6)):
        for match in pattern.finditer(text):
            yield Hit(*match.span(), score)


# -- birth date -------------------------------------------------------------------------------------------------------

_MONTH = (
    r"(?:jan(?:uary|uari)?|feb(?:ruary|ruari)?|mar(?:ch|et)?|apr(?:il)?|may|mei|june?|juni|july?|juli|aug(?:ust)?|agu(?:stus)?"
    r"|agt|sep(?:t|tember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cs](?:ember)?)\.?"
)
_DATE = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/. ]\d{{1,2}}[-/. ](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -]{_MONTH},?[ -]\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|(?:19|20)\d{{6}})"
)
_BORN = re.compile(
    r"(?<![A-Za-z])(?:born|d\.?o\.?b\.?|date[ _]of[ _]birth|birth[ _]?date|birthday(?=[ ]?[:=]| is)|\(b\.|t\.?t\.?l\.?"
    r"|(?:tgl|tanggal)\.?[ _]lahir|lahir|kelahiran)[\"'`)]?[\s:=\"'`,]{0,5}"
    rf"(?:[A-Za-z]{{1,20}}[, /]{{1,3}}){{0,4}}?({_DATE})(?!\d)",
    re.IGNORECASE,
)


def find_birth_date(text: str) -> Iterator[Hit]:
    """Dates right after "born", "DOB", "lahir", "TTL: Jakarta, ..."; the hit is the date."""
    for match in _BORN.finditer(text):
        yield Hit(*match.span(1), 0.85, cue=True)


# -- user names -------------------------------------------------------------------------------------------------------

_NETWORKS = (
    r"instagram|insta|ig|twitter|tiktok|tik tok|snapchat|snap|telegram|tg|facebook|fb|line id|id line|discord|skype"
    r"|wechat|kik|user ?name|user|login|nama pengguna"
)
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{1,30}[A-Za-z0-9_])"
_HANDLE_AFTER_CUE = re.compile(
    rf"{WORD_START}(?:{_NETWORKS})(?:[\"'`]?\s{{0,2}}(?:[:=]|:=|=>)\s{{0,2}}[\"'`]?@?|\s{{1,2}}@)({_NAME})(?![@\w])"
    rf"|(?<![A-Za-z])(?:follow(?: us| me)?(?: on [A-Za-z]{{1,12}})?"
    rf"|ikuti(?: akun| kami| saya| ig| instagram){{0,2}}):? @({_NAME})(?![@\w])",
    re.IGNORECASE,
)
_BARE_HANDLE = re.compile(rf"(?<![\w@./:%+-])@({_NAME})(?![@\w])")
_NOT_A_NAME = re.compile(
    r"home|work|school|night|the|this|that|all|media|gmail|yahoo|import|here|null|none|true|false|unknown|admin|root|user"
    r"|anonymous|https?|www|param|rumah",
    re.IGNORECASE,
)


def find_handle(text: str) -> Iterator[Hit]:
    """User names after a network's name, "user:" or "follow", and any other @name at a lower score."""
    for match in _HANDLE_AFTER_CUE.finditer(text):
        group = 1 if match.group(1) else 2
        start, end = match.span(group)
        name = match.group(group)
        marked = text[start - 1] == "@" or not name.isalpha()
        if _is_handle(name) and (marked or (name.islower() and END_OF_CLAUSE.match(text, end))):
            yield Hit(start, end, 0.75, cue=True)
    for match in _BARE_HANDLE.finditer(text):
        if _is_handle(match.group(1)):
            yield Hit(*match.span(1), 0.5)


def _is_handle(name: str) -> bool:
    return len(name) >= 3 and any(map(str.isalpha, name)) and not _NOT_A_NAME.fullmatch(name)
