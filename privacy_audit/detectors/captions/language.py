"""Whether a text is English, by its small words: the name model knows no other language.

Latin script without any small word of another language counts as English, because captions are often bare noun phrases.
"""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "id", "other", "unknown script", "none"]

_WORD = re.compile(r"[^\W\d_]+")
_READ = 2_000  # code points
_LATIN_END = "\u024f"
_CAPITALISED = 0.5

_WORDS: dict[Language, str] = {
    "en": (
        "the and of to with for on is are was were by at from this that it his her their who which has have not you"
        " your we our they he she be or as into over near while its an there some my our will can about after"
    ),
    "id": (  # shared with Malay
        "yang dan di ke dari ini itu dengan untuk pada adalah tidak akan sudah telah bisa juga saya kami kita"
        " mereka anda kamu dia nya atau oleh karena seorang sebuah seekor dua tiga orang anak ada sedang dalam saat"
        " ketika tahun bersama foto gambar rumah jalan lagi aku hari banyak sangat lahir alamat nomor hubungi ibu"
        " bapak pria wanita"
    ),
    "other": (  # German, French, Spanish, Portuguese, Italian, Dutch: words that are none in English
        "der das und ist mit von auf ein eine den dem nicht für zum zur bei im les des une est dans pour avec sur du"
        " et aux nous vous las una del con para por está que los um uma não dos em você gli della nel sono het een voor"
        " niet"
    ),
}
_VOTES: dict[str, Language] = {word: name for name in ("other", "id", "en") for word in _WORDS[name].split()}
FOREIGN_WORDS = frozenset(word for word, name in _VOTES.items() if name != "en")
"""A text of plain letters without any of these counts as English."""


def language_of(text: str) -> Language:
    """The language of the beginning of `text`; "none" when it holds no letters."""
    words = _WORD.findall(text[:_READ])
    if not words:
        return "none"
    letters = "".join(words)
    if 2 * sum(letter <= _LATIN_END for letter in letters) < len(letters):
        return "unknown script"
    votes: dict[Language, float] = {"en": 0, "id": 0, "other": 0}
    for word in words:
        name = _VOTES.get(word.lower())
        if name:
            votes[name] += 1 if word.islower() else _CAPITALISED  # Dan Brown and Ada Lovelace are no Indonesian words
    best = max(votes, key=lambda name: votes[name])  # the first of equals, which is English
    return best if votes[best] >= 1 else "en"
