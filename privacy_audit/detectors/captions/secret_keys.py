"""Keys, tokens and passwords: well-known shapes anywhere, other values right after a word for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from privacy_audit.detectors.captions.hits import Hit

_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,64}"  # GitHub, GitLab
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,200}"  # Slack
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,200}"  # Stripe
    r"|sk-(?=[a-z_-]{0,60}[A-Z0-9])[A-Za-z0-9_-]{20,200}"  # OpenAI, Anthropic
    r"|hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"
    r"|ya29\.[A-Za-z0-9_-]{20,500}|GOCSPX-[A-Za-z0-9_-]{28}"  # Google sign-in
    r"|shp(?:at|ca|pa|ss)_[a-f0-9]{32}|dop_v1_[a-f0-9]{64}|pypi-AgEI[A-Za-z0-9_-]{40,400}|whsec_[A-Za-z0-9]{24,64}"
    r"|sq0(?:csp|atp)-[A-Za-z0-9_-]{22,43}|lin_api_[A-Za-z0-9]{40}|AGE-SECRET-KEY-1[A-Z0-9]{58}"
    r"|\d{8,10}:AA[A-Za-z0-9_-]{33}"  # Telegram bot
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,2000}"  # JSON Web Token
    r")"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[A-Za-z0-9+/=:,.\s-]{0,8000}?-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_WEBHOOK = re.compile(
    r"hooks\.slack\.com/(?:services|workflows)/(T[A-Za-z0-9]{6,12}/[A-Za-z0-9]{6,12}/[A-Za-z0-9/]{16,64})"
    r"|discord(?:app)?\.com/api/webhooks/(\d{15,21}/[\w-]{40,100})"
)
_USER_INFO = re.compile(r"[a-z][a-z0-9+.-]{1,15}://([^\s/@:]{0,64}:[^\s/@:]{1,128})@[\w.-]", re.IGNORECASE)
WORD_START = r"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"  # also inside dbPassword
_QUOTE = r"[\"'`]?"
_LINK = r"(?P<link>\s{0,3}(?:[:=]|:=|=>)\s{0,3}|\s{1,3}(?:is|was|adalah|ialah|yaitu|nya(?:\s?:)?)\s{1,3}|\s)"
_PASSWORD = re.compile(
    rf"{WORD_START}(?:pass(?:word|wd|code|phrase|_?key)?|pwd|pw|kata sandi|sandi"
    r"|wpa[23]?(?:-psk)?(?: key)?|network key|psk)(?:-?nya)?"
    rf"(?:[ _](?:wi-?fi|akun|atm|saya|email|login|admin|ig|fb)(?:-?nya)?){{0,2}}{_QUOTE}"
    rf"{_LINK}(?:(?P<quote>[\"'`])(?P<quoted>[^\n\"'`]{{3,128}})(?P=quote)|(?P<bare>[^\s\"'`<>,;|&]{{3,128}}))",
    re.IGNORECASE,
)
_CODE = re.compile(  # codes of doors, safes, networks; the value has a digit
    rf"{WORD_START}(?:(?:(?:front |back |main )?(?:door|gate|alarm|lock ?box|lock|safe|vault|entry|entrance|access"
    r"|building|garage|key ?pad|wi-?fi|security|unlock|locker|elevator|airbnb|voicemail|verification"
    r"|login|sim)[ _-](?:access[ _-])?(?:code|pin|combo|combination)|passcode|pass code|otp(?: code)?"
    r"|kode (?:pintu|pagar|gerbang|akses|alarm|brankas|masuk|keamanan|gembok|kunci|wi-?fi|otp|verifikasi|loker|lift)"
    r"(?: (?:pintu|pagar|gerbang|rumah|utama|depan|gedung|kost?|apartemen|wi-?fi|saya))?)(?: (?:anda|kamu|saya)|-?nya)?"
    rf"(?: \d-?digit)?){_QUOTE}{_LINK}{_QUOTE}(?P<bare>[A-Za-z0-9#*@!_-]{{3,24}})",
    re.IGNORECASE,
)
_WIFI_NEAR = re.compile(r"\bwi-?fi\b", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"{WORD_START}(?:api[ _-]?key|api[ _-]?token|secret(?:[ _-]?key)?|access[ _-]?(?:key|token)|auth[ _-]?token|token"
    r"|client[ _-]?secret|account[ _-]?key|shared[ _-]?(?:access[ _-]?)?key|kunci api|credentials?"
    r"|private[ _-]?key|bearer|key|signature|sig)"
    rf"{_QUOTE}(\s{{0,3}}(?:[:=]|:=|=>)\s{{0,3}}|\s){_QUOTE}([A-Za-z0-9_\-./+=~]{{12,512}})",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"(?<![A-Za-z])(PIN|[Pp]in|[Kk]ode [Pp][Ii][Nn])(?P<of>(?: (?:[Aa][Tt][Mm]|[Cc]ode|saya|kartu|bank|[Hh][Pp])){0,2})"
    r"(?:-?nya)?\s{0,3}"
    r"([:=]|\bis\b|\badalah\b|\b)\s{0,3}(\d{4}|\d{6})(?![\w.,/-]?\d)"
)
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_FEW_WORDS = re.compile(r"\w{2,20}(?: \w{2,20}){1,3}(?=\s*(?:$|[\n,;|.]))")
END_OF_CLAUSE = re.compile(r"[\"'`.)\]]?\s*(?:$|[\n,;|/&<)\]])")
_NEEDED = (  # nothing below matches a text without one of these, in small letters
    "akia asia ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox aiza k_live_ k_test_ sk- hf_ npm_ sg. :aa eyj -----begin ://"
    " pass pwd pw sandi pin key"
    " token secret bearer sig ya29. gocspx- shp dop_v1_ pypi- whsec_ sq0 lin_api_ slack.com/ webhooks/"
    " code kode otp combo combination kunci credential wpa psk"
)
_WORDS = tuple(_NEEDED.split())


def may_hold(lowered: str) -> bool:
    """A necessary condition for `find`; `lowered` is the text in small letters."""
    return any(word in lowered for word in _WORDS)


def find(text: str) -> Iterator[Hit]:
    """Secrets in `text`."""
    for match in _SHAPES.finditer(text):
        yield Hit(*match.span(), 0.95)
    for match in _PRIVATE_KEY.finditer(text):
        yield Hit(*match.span(), 1.0)
    for match in _USER_INFO.finditer(text):
        yield Hit(*match.span(1), 0.9)
    for match in _WEBHOOK.finditer(text):
        yield Hit(*match.span(match.lastindex or 0), 0.95)
    for match in _PASSWORD.finditer(text):
        start, end = match.span("quoted") if match["quoted"] else match.span("bare")
        value = text[start:end].rstrip(".!?)")
        if _is_password(text, match, value):
            yield Hit(start, start + len(value), 0.8, cue=True)
        elif match["bare"] and match["link"].strip() and _WIFI_NEAR.search(text, max(0, match.start() - 40), start):
            words = _FEW_WORDS.match(text, start)  # "wifi password: blue horse"
            if words and _is_password(text, match, words.group().replace(" ", "-")):
                yield Hit(*words.span(), 0.7, cue=True)
    for match in _CODE.finditer(text):
        if _is_code(match):
            yield Hit(*match.span("bare"), 0.75, cue=True)
    for match in _ASSIGNED.finditer(text):
        if _is_random(match.group(2)) and (match.group(1).strip() or "bearer" in match.group().lower()):
            yield Hit(*match.span(2), 0.75, cue=True)
    for match in _PIN.finditer(text):
        capitals = match.group(1).upper() == match.group(1)
        linked = bool(match.group(3)) or (bool(match["of"]) and not _YEAR.fullmatch(match.group(4)))
        if linked and (capitals or not _YEAR.fullmatch(match.group(4))):
            yield Hit(*match.span(4), 0.75, cue=True)


def _is_code(match: re.Match[str]) -> bool:
    """A code of a door: mostly digits; after a mere space neither a year nor a word with one digit."""
    value, link = match["bare"], match["link"].strip()
    digits = sum(map(str.isdigit, value))
    if digits == 0 or (value.startswith("#") and len(value) == 7):
        return False
    if link:
        return digits >= 3 or len(value) >= 6
    return digits >= 4 and not _YEAR.fullmatch(value)


def _is_password(text: str, match: re.Match[str], value: str) -> bool:
    """Prose goes on after "password is"; a password stands alone or in quotes, or does not look like a word."""
    link = match["link"].strip()
    if len(value) < 3 or len(set(value)) == 1 or value.startswith(("{", "$", "%", "//")):
        return False
    wordlike = value.isalpha() and (value.islower() or value.istitle() or value.isupper())
    if link in (":", "=", ":=", "=>"):
        return bool(match["quoted"]) or not wordlike or bool(END_OF_CLAUSE.match(text, match.end()))
    near_wifi = bool(link) or bool(_WIFI_NEAR.search(text, max(0, match.start() - 40), match.end("link")))
    return (
        _mixed(value)
        if not near_wifi
        else any(map(str.isdigit, value)) or not (wordlike or "-" in value or "/" in value)
    )


def _mixed(value: str) -> bool:
    """Letters and two digits or signs in one word, as in qwerty123."""
    digits, letters = sum(map(str.isdigit, value)), sum(map(str.isalpha, value))
    marks = sum(mark in "#!@$^&*?+" for mark in value)
    return letters >= 3 and digits >= 1 and digits + letters + marks == len(value) and digits + marks >= 2


def _is_random(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    mixed = not value.islower() and not value.isupper()
    enough = digits >= 2 or (digits == 1 and mixed and len(value) >= 20)
    return enough and any(map(str.isalpha, value)) and len(set(value)) >= 8 and "//" not in value
