"""The words beside a value that say what it is, in English and Indonesian."""

from __future__ import annotations

import re
from collections.abc import Iterator

BEFORE = 60
AFTER = 25

_WORDS: dict[str, str] = {
    "EMAIL": r"e-?mails?|mail|mailto|surel|gmail|contact|kontak|write|reach|inquir(?:y|ies)|enquir(?:y|ies)|kirim",
    "PHONE_NUMBER": (
        r"phones?|[tmf](?=:)|tele?phones?|tel|cell|cellphone|mobile|mob|ph|call|ring|dial|fax|whats?app|wa|sms"
        r"|text(?: me| us)?(?: at| on)|contact|hotline|cp|contact person|reach (?:me|us)|no\.? ?hp|nohp|hp|handphone"
        r"|ponsel|telp|tlpn?|telepon|telpon|hubungi|hub|kontak|nomor telepon|japri|chat"
    ),
    "CREDIT_CARD": (
        r"credit|debit|cards?|visa|master ?card|amex|american express|cc|cvv"
        r"|kartu kredit|kartu debit|kartu(?! keluarga| tanda| nama| pelajar)|kredit|payment"
    ),
    "IBAN_CODE": r"iban|bank|account|transfer|rekening",
    "US_SSN": r"ssns?|social security|soc\.? ?sec\.?|ss ?#|socials?(?! media)",
    "US_ITIN": r"itin|taxpayer|tax(?:payer)? id|tin|tax",
    "IP_ADDRESS": r"ip|ipv4|ipv6|ip address|server|host|gateway|dns|ping|ssh|subnet|alamat ip",
    "MAC_ADDRESS": r"mac|mac address|bssid|ethernet|hardware address|physical address|wifi|wi-fi",
    "ID_NIK": r"nik|e-?ktp|ktp|nomor induk|no\.? ?induk|kependudukan|penduduk",
    "ID_KK": r"kk|kartu keluarga",
    "ID_NPWP": r"npwp|nomor pokok wajib pajak|wajib pajak|pajak",
    "ID_SIM": r"sim(?: (?:a|b|b1|b2|bi|bii|c|d)(?: umum)?)?|surat izin mengemudi",
    "DRIVING_LICENCE": (
        r"driv(?:er'?s?|ing)[ _-]licen[cs]e|driv(?:er'?s?|ing) permit|\bdl(?= ?[#:]| ?no\b| ?num)|sim internasional"
    ),
    "PASSPORT": r"passports?|paspor",
    "PLATE": (
        r"pell?at|plat|plat nomor|nopol|no\.? ?pol|(?:no|nomor)\.? ?polisi|licen[cs]e[ _-]plates?|number plate"
        r"|plate(?: (?:number|no|nr)| ?(?=#))"
        r"|reg(?:istration)?\.? (?:number|plate|no)|vehicle registration|(?:no|nomor)\.? kendaraan|plat kendaraan|tnkb"
    ),
}
_NEAR = {
    # A name may be glued to a digit or an underscore ("hp0812", "ktp_3273"), never to another letter.
    entity: re.compile(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])", re.IGNORECASE)
    for entity, words in _WORDS.items()
}
_MARKS = r"[\s\"'`=:#_.()-]"
_FILLER = (  # "phone number: ", "NPWP saya adalah ", "call me at "
    rf"(?:{_MARKS}{{0,3}}(?<![^\W\d_])(?:no|nr|num|number|nomor|nomer|id|is|was|adalah|ialah|yaitu|saya|aku|kami|dia|my|our"
    rf"|kantor|rumah|baru|1[56] digits?|at|me|us|ke|on|to|nya)(?![^\W\d_])){{0,4}}{_MARKS}{{0,4}}"
)
_ADJACENT = {
    entity: re.compile(
        rf"(?<![^\W\d_])(?:{words}){_FILLER}$",
        re.IGNORECASE,
    )
    for entity, words in _WORDS.items()
}
ENTITIES = frozenset(_WORDS)


def near(text: str, start: int, end: int, entity: str) -> bool:
    """Whether a cue for `entity` stands within 60 characters before or 25 after `text[start:end]`."""
    pattern = _NEAR[entity]
    if pattern.search(text, max(0, start - BEFORE), start):
        return True
    # One character more than asked for, so that a word is not mistaken for another where the window ends.
    return any(match.end() <= end + AFTER for match in pattern.finditer(text, end, end + AFTER + 1))


def adjacent(text: str, start: int, entity: str) -> bool:
    """Whether a cue for `entity` stands immediately before `start`: "phone=", "NIK: ", "wa_"."""
    return bool(_ADJACENT[entity].search(text, max(0, start - BEFORE), start))


def anywhere(text: str, entity: str) -> bool:
    """Whether `text` holds a cue for `entity` at all."""
    return bool(_NEAR[entity].search(text))


def surroundings(text: str, entity: str, longest: int) -> Iterator[tuple[int, int]]:
    """The stretches of `text` in which a value of up to `longest` characters can have a cue; they do not overlap."""
    begin = stop = -1
    for match in _NEAR[entity].finditer(text):
        first, last = max(0, match.start() - AFTER - longest), min(len(text), match.end() + BEFORE + longest)
        if first <= stop:
            stop = max(stop, last)
            continue
        if stop > 0:
            yield begin, stop
        begin, stop = first, last
    if stop > 0:
        yield begin, stop
