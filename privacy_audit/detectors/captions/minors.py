"""Words that say that a text is about a child, in English and Indonesian: a reason for a person to look, no more.

Boy and girl alone are no such words, because captions call adults so. Nothing is guessed from a picture.
"""

from __future__ import annotations

import re

from privacy_audit.detectors.captions.hits import Found

ENTITY = "MINOR"
_RECOGNIZER = "MinorWordsRecognizer"
_SCORE = 0.6

_ANIMALS = (
    r"animals?|bears?|birds?|calf|calves|cats?|chicks?|cows?|cubs?|deer|dogs?|ducks?|elephants?|foals?|giraffes?|goats?"
    r"|goose|geese|hippos?|horses?|kangaroos?|kittens?|lambs?|lions?|monkeys?|ostrich(?:es)?|owls?|pandas?|penguins?"
    r"|pigs?|pupp(?:y|ies)|rabbits?|rhinos?|seals?|sheep|swans?|tigers?|turtles?|zebras?"
)
_NO_BABY = rf"{_ANIMALS}|blue|pink|carrots?|corn|potato(?:es)?|spinach|grand|shower"
_NO_CHILD = (
    r"anak (?:perusahaan|tangga|panah|sungai|buah|kunci|muda|cabang|bukit|gunung|kucing|anjing|ayam|sapi|kambing)"
)
_NUMBER = (
    r"(?:1[0-7]|[1-9]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen)"
)
_NO_PERSON = r"(?:cars?|trucks?|trains?|buildings?|houses?|phones?|laptops?|computers?|wine|whisk[e]?y|scotch|cheese)"
_NUMBER_ID = r"(?:1[0-7]|[1-9]|satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh|sebelas)"

_ENGLISH = (
    r"child(?:ren)?|kids?|toddlers?|infants?|newborns?|preschoolers?|school ?(?:child(?:ren)?|kids?|boys?|girls?)"
    rf"|bab(?:y|ies)(?! (?:{_NO_BABY})\b)|kindergart(?:en|e?ners?)|pre-?school|teen(?:age)?(?:rs?|s| boys?| girls?)?"
    r"|(?:little|young|small) (?:boy|girl)s?|grand(?:child(?:ren)?|sons?|daughters?)|under-?age"
    r"|(?:elementary|primary|middle|nursery|high)[ -]school|(?:at|in|to|from) school"
    r"|school (?:class|play|trip|uniform|photo|picture|students?)|schoolyard|daycare"
    rf"|{_NUMBER}[ -]?(?:years?|yrs?|yr)[ -]old(?:s|(?! {_NO_PERSON}\b))|{_NUMBER} ?y/?o|aged? {_NUMBER}(?! ?[-\d%])"
    r"|\d{1,2}[ -](?:months?|weeks?)[ -]old"
)
_INDONESIAN = (
    rf"(?!{_NO_CHILD}\b)anak(?:[ -]anak|nya)?|kanak-kanak|balita|batita|bayi|murid(?:-murid)?|sekolah dasar"
    r"|(?:siswa|siswi|pelajar)(?: (?:sd|smp|sma|smk|tk))?|taman kanak-kanak|remaja|putr[ai]nya"
    rf"|(?:ber)?(?:usia|umur) {_NUMBER_ID} (?:tahun|thn|th|bulan|bln)"
)
_WORDS = re.compile(rf"(?<![\w'’-])(?:{_ENGLISH}|{_INDONESIAN})(?![\w-])", re.IGNORECASE)


def find(text: str) -> list[Found]:
    """The first mention of a child in `text`, if there is one: further ones would say no more."""
    match = _WORDS.search(text)
    return [Found(ENTITY, _RECOGNIZER, match.start(), match.end(), _SCORE)] if match else []
