"""Personal data in captions, string fields, file names and URLs.

normalise   one spelling for the many ways to write a character, with the way back to the stored text
cues        the words beside a value that say what it is, in English and Indonesian
numbers     card, bank account, IP and MAC address: what the shape alone does not settle
phones, contacts, secret_keys, indonesia, national_ids, health, minors    pure finders: text in, hits out
recognizers the finders as presidio recognizers
gate        which recognizers can find anything at all in a text
engine      presidio, offline
paths       file names and URLs
language    whether the English name model applies
profile     entity to finding code, threshold, tier
detector    the detector
"""

from __future__ import annotations

from privacy_audit.detectors.captions.detector import Captions

__all__ = ["Captions"]
