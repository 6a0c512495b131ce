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
    r"|\d{8,10}:AA[A-Za-z0-9_-]{33}"  # Telegram bot
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,2000}"  # JSON Web Token
    r")"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[A-Za-z0-9+/=:,.\s-]{0,8000}?-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_USER_INFO = re.compile(r"[a-z][a-z0-9+.-]{1,15}://([^\s/@:]{1,64}:[^\s/@:]{1,128})@[\w.-]", re.IGNORECASE)
WORD_START = r"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"  # also inside dbPassword
_QUOTE = r"[\"'`]?"
_PASSWORD = re.compile(
    rf"{WORD_START}(?:pass(?:word|wd|code|phrase|_?key)?|pwd|pw|kata sandi|sandi)(?:[ _](?:wi-?fi|akun|atm))?{_QUOTE}"
    r"(?P<link>\s{0,3}(?:[:=]|:=|=>)\s{0,3}|\s{1,3}(?:is|was|adalah|nya)\s{1,3}|\s)"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\n\"'`]{3,128})(?P=quote)|(?P<bare>[^\s\"'`<>,;|&]{3,128}))",
    re.IGNORECASE,
)
_WIFI_NEAR = re.compile(r"\bwi-?fi\b", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"{WORD_START}(?:api[ _-]?key|api[ _-]?token|secret(?:[ _-]?key)?|access[ _-]?(?:key|token)|auth[ _-]?token|token"
    r"|client[ _-]?secret|private[ _-]?key|bearer|key|signature|sig)"
    rf"{_QUOTE}(\s{{0,3}}(?:[:=]|:=|=>)\s{{0,3}}|\s){_QUOTE}([A-Za-z0-9_\-./+=~]{{12,512}})",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"(?<![A-Za-z])(PIN|[Pp]in|[Kk]ode [Pp][Ii][Nn])(?: (?:[Aa][Tt][Mm]|[Cc]ode))?\s{0,3}"
    r"([:=]|\bis\b|\badalah\b)\s{0,3}(\d{4}|\d{6})(?![\w.,/-]?\d)"
)
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
END_OF_CLAUSE = re.compile(r"[\"'`.)\]]?\s*(?:$|[\n,;|/&<)\]])")
MAY_HOLD = re.compile(  # nothing below matches a text in which this does not
    r"akia|asia|gh[pousr]_|github_pat_|glpat-|xox|aiza|[rsp]k_|sk-|hf_|npm_|sg\.|:aa|eyj|-----begin|://|pass|pwd|pw|sandi"
    r"|pin|key|token|secret|bearer|sig",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Hit]:
    """Secrets in `text`."""
    for match in _SHAPES.finditer(text):
        yield Hit(*match.span(), 0.95)
    for match in _PRIVATE_KEY.finditer(text):
        yield Hit(*match.span(), 1.0)
    for match in _USER_INFO.finditer(text):
        yield Hit(*match.span(1), 0.9)
    for match in _PASSWORD.finditer(text):
        start, end = match.span("quoted") if match["quoted"] else match.span("bare")
        value = text[start:end].rstrip(".!?)")
        if _is_password(text, match, value):
            yield Hit(start, start + len(value), 0.8, cue=True)
    for match in _ASSIGNED.finditer(text):
        if _is_random(match.group(2)) and (match.group(1).strip() or "bearer" in match.group().lower()):
            yield Hit(*match.span(2), 0.75, cue=True)
    for match in _PIN.finditer(text):
        if match.group(1).upper() == match.group(1) or not _YEAR.fullmatch(match.group(3)):
            yield Hit(*match.span(3), 0.75, cue=True)


def _is_password(text: str, match: re.Match[str], value: str) -> bool:
    """Prose goes on after "password is"; a password stands alone or in quotes, or does not look like a word."""
    link = match["link"].strip()
    if len(value) < 3 or len(set(value)) == 1 or value.startswith(("{", "$", "%", "//")):
        return False
    wordlike = value.isalpha() and (value.islower() or value.istitle() or value.isupper())
    if link in (":", "=", ":=", "=>"):
        return bool(match["quoted"]) or not wordlike or bool(END_OF_CLAUSE.match(text, match.end()))
    if not link and not _WIFI_NEAR.search(text, max(0, match.start() - 40), match.end("link")):
        return False
    return any(map(str.isdigit, value)) or not (wordlike or "-" in value or "/" in value)


def _is_random(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    mixed = not value.islower() and not value.isupper()
    enough = digits >= 2 or (digits == 1 and mixed and len(value) >= 20)
    return enough and any(map(str.isalpha, value)) and len(set(value)) >= 8 and "//" not in value
