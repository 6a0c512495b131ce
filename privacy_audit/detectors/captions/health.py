"""Words that say something about a person's health, in English and Indonesian: counted, and no more by themselves.

The list is short on purpose. Hospitals, doctors, medicine and illness in general stand in captions that are about
nobody's health, and causes and campaigns are not a person: "cancer awareness ribbon".
"""

from __future__ import annotations

import re

from privacy_audit.detectors.captions.hits import Found

ENTITY = "HEALTH"
_RECOGNIZER = "HealthWordsRecognizer"
_SCORE = 0.6

_CONDITIONS = (
    r"cancer|leuk(?:a)?emia|lymphoma|tumou?r|diabet(?:es|ic)|epilep(?:sy|tic)|schizophreni[ac]|bipolar disorder"
    r"|dementia|alzheimer(?:['’]?s)?|parkinson['’]?s|autis(?:m|tic)|down['’]?s? syndrome|cerebral palsy"
    r"|multiple sclerosis|hepatitis|tuberculosis|hiv(?:[ -]positive)?|anorexia|bulimia|adhd|ptsd|asperger['’]?s"
    r"|cystic fibrosis|eating disorder|(?:clinical|postpartum|postnatal) depression|mental illness"
    r"|(?:kidney|heart) failure"
)
_STATES = (
    r"diagnosed (?:with|as)|tested positive|chemo(?:therapy)?|on dialysis|miscarriage|amputee|(?:quadri|para)plegic"
    r"|medical records?|wheelchair[ -]bound|in remission|transplant (?:patient|recipient)"
)
_INDONESIAN = (
    r"(?:peng|meng)idap|penderita|penyintas (?:kanker|stroke|covid)|penyandang disabilitas|kanker|kencing manis"
    r"|kemoterapi|cuci darah|gagal ginjal|sakit jantung|jantung koroner|epilepsi|skizofrenia|autis(?:me)?|sindrom down"
    r"|gangguan (?:jiwa|mental)|rekam medis|keguguran|tbc|kusta|tuna(?:netra|rungu|daksa|grahita)|positif (?:hiv|covid)"
    r"|didiagnosis"
)
_NO_PERSON = (
    r"(?! (?:awareness|research|charit(?:y|ies)|foundation|society|ribbons?|cent(?:er|re)s?|walk|run|day|campaign"
    r"|institute|zodiac|sign|horoscope|month|fund(?:raiser)?|prevention|conference|study|studies)\b)"
)
_WORDS_NEEDED = (  # no word above is without one of these: they are looked for in every caption
    "cancer leuk lymphoma tumo diabet epilep schizo bipolar dementia alzheimer parkinson autis syndrome palsy sclerosis"
    " hepatitis tubercul hiv anorexia bulimia adhd ptsd asperger fibrosis disorder depression mental failure diagnos"
    " positive chemo dialysis miscarriage amputee plegic medical wheelchair remission transplant idap penderita penyint"
    " penyandang kanker kencing kemoterapi cuci ginjal jantung skizo sindrom gangguan rekam keguguran tbc kusta tuna"
    " positif"
)
_NEEDED = tuple(_WORDS_NEEDED.split())
_WORDS = re.compile(
    rf"(?<![\w'’-])(?:(?:{_CONDITIONS}|{_INDONESIAN}){_NO_PERSON}|{_STATES})(?![\w-])",
    re.IGNORECASE,
)


def find(text: str) -> list[Found]:
    """The first health word in `text`, if there is one: further ones would say no more."""
    lowered = text.lower()
    if not any(word in lowered for word in _NEEDED):
        return []
    match = _WORDS.search(text)
    return [Found(ENTITY, _RECOGNIZER, match.start(), match.end(), _SCORE)] if match else []
