"""Values of record columns to signals. Each reader returns None for a value that its table does not know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from privacy_audit.detectors.provenance import licenses, permissions
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.types import Training, Visibility

Scalar = str | bool | int
Signals = tuple[Signal, ...] | None
Read = Callable[[Scalar], Signals]

MAX_WORD_CHARS = 200

_YES = frozenset({"true", "t", "1", "yes", "y", "on", "ya"})
_NO = frozenset({"false", "f", "0", "no", "n", "off", "tidak"})

_AUDIENCES: dict[Visibility, tuple[str, ...]] = {
    "public": ("public", "publicly visible", "everyone", "everybody", "anyone", "world", "publik", "umum"),
    "restricted": (
        *("restricted", "limited", "custom", "unlisted", "link", "anyone with the link", "link only", "terbatas"),
        *("followers", "followers only", "subscribers", "members", "members only", "group", "community", "pengikut"),
        *("friends of friends", "login", "login required", "logged in", "registered", "registered users", "protected"),
        *("internal", "organization", "organisation", "company", "school", "paywall", "paid", "gated"),
    ),
    # Friends-only is private, as a message is: nobody outside a chosen circle was meant to see it.
    "private": (
        *("private", "only me", "onlyme", "me", "self", "nobody", "pribadi", "privat", "hidden", "draft", "archived"),
        *("friends", "friend", "friends only", "all friends", "close friends", "besties", "contacts", "teman"),
        *("family", "family only", "friends and family", "friend and family", "friends family", "keluarga"),
        *("direct", "direct message", "message", "messages", "dm", "chat"),
    ),
}
_VISIBILITY: dict[str, Visibility] = {word: level for level, words in _AUDIENCES.items() for word in words}

_CONSENT: dict[Training, tuple[str, ...]] = {
    "allowed": ("given", "granted", "obtained", "signed", "explicit", "opt in", "opted in", "consented", "agreed"),
    "denied": (
        *("denied", "refused", "declined", "rejected", "withdrawn", "revoked", "expired", "ditolak", "dicabut"),
        *("opt out", "opted out", "not given", "not granted"),
    ),
}
CONSENTS: dict[str, Training] = {word: training for training, words in _CONSENT.items() for word in words}
PERMISSIONS: dict[str, Training] = {
    "allowed": "allowed",
    "permitted": "allowed",
    "constrained": "constrained",
    "notallowed": "denied",
    "not allowed": "denied",
    "denied": "denied",
    "prohibited": "denied",
    "forbidden": "denied",
    "disallowed": "denied",
}
REFUSALS: dict[str, Training] = {"opt out": "denied", "opted out": "denied"}

_FLICKR = {str(number): known for number, known in licenses.FLICKR.items()}
# What img2dataset writes for a picture that it did not download; https://github.com/rom1504/img2dataset
_IMG2DATASET = "use of image disallowed by x-robots-tag directive"


def audience(value: Scalar) -> Signals:
    """A word for who may see a picture."""
    visibility = _VISIBILITY.get(_word(value))
    return (Signal("audience", visibility=visibility, value=visibility),) if visibility else None


def flag(name: str, yes: Signal | None, no: Signal | None = None, otherwise: Read = lambda _: None) -> Read:
    """A reader of yes and no; an answer whose signal is None states nothing. Other words go to `otherwise`."""

    def read(value: Scalar) -> Signals:
        word = _word(value)
        if word not in _YES and word not in _NO:
            return otherwise(value)
        signal, answer = (yes, "yes") if word in _YES else (no, "no")
        return (replace(signal, name=name, value=signal.value or answer),) if signal else ()

    return read


def words(name: str, table: Mapping[str, Training]) -> Read:
    """A reader of words about permission to train."""

    def read(value: Scalar) -> Signals:
        training = table.get(_word(value))
        return (Signal(name, training=training, value=training),) if training else None

    return read


def text(reader: Callable[[str], Signal | None]) -> Read:
    """A reader of text from a function that gives one signal."""

    def read(value: Scalar) -> Signals:
        signal = reader(value) if isinstance(value, str) else None
        return (signal,) if signal else None

    return read


def license_text(value: Scalar) -> Signals:
    """A licence that is the whole value is evidence of publication; one that prose mentions is a licence only."""
    if not isinstance(value, str):
        return None
    whole = licenses.recognise(value)
    known = whole or licenses.mentioned(value)
    signals = [_granted(known, publishes=whole is not None)] if known else []
    if permissions.prose(value):
        signals.append(Signal("notice", "low", training="constrained"))
    return tuple(signals) or None


def flickr_license(value: Scalar) -> Signals:
    """A Flickr licence number, or what `license_text` reads."""
    known = None if isinstance(value, bool) else _FLICKR.get(str(value))
    return (_granted(known, publishes=True),) if known else license_text(value)


def dataset_license(value: Scalar) -> Signals:
    """The licence of a whole dataset: it says nothing about where one picture comes from."""
    signals = license_text(value)
    return signals and tuple(replace(signal, scope="dataset", visibility=None) for signal in signals)


def robots(value: Scalar) -> Signals:
    """Robots directives."""
    return permissions.robots(value) if isinstance(value, str) else None


def tdm_reservation(value: Scalar) -> Signals:
    """TDMRep's 1 and 0, also as a boolean."""
    signal = permissions.tdm_reservation(value if isinstance(value, str) else str(int(value)))
    return (signal,) if signal else None


def download_error(value: Scalar) -> Signals:
    """img2dataset's note that a header forbade the download; other errors say nothing."""
    refused = isinstance(value, str) and value.casefold().rstrip(".") == _IMG2DATASET
    return (Signal("robots", training="denied", value="img2dataset"),) if refused else ()


def _granted(known: licenses.License, publishes: bool) -> Signal:
    training = known.training if known.training != "unspecified" else None
    return Signal("license", "medium", "public" if known.open and publishes else None, training, license=known.id)


def _word(value: Scalar) -> str:
    plain = unicodedata.normalize("NFKC", str(value)[:MAX_WORD_CHARS]).casefold().replace("&", " and ")
    return " ".join(re.sub(r"[\s_\-/+,.]+", " ", plain).split())
