"""Content Credentials (C2PA): what a manifest says of training and of how a picture was made."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from privacy_audit.detectors.provenance import readers
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.table import table
from privacy_audit.types import TRAININGS, Training

TRUSTED = frozenset({"Valid", "Trusted"})
MAX_PARTS = 1000  # manifests, assertions, actions
_USES = ("ai_training", "ai_generative_training", "data_mining")  # ai_inference is no training
_MIME = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "tif": "image/tiff"}
# Nothing is fetched: neither manifests that are kept elsewhere nor certificates.
_SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


class CredentialError(Exception):
    """A manifest cannot be read. The text holds nothing of it."""


def installed() -> bool:
    """Whether the extra `c2pa` is there."""
    return importlib.util.find_spec("c2pa") is not None


def read(data: bytes, format_name: str) -> list[Signal] | None:
    """The signals of the manifest in a picture file; None when it has no C2PA manifest. Raises CredentialError."""
    import c2pa

    name = format_name.lower()
    try:
        reader = c2pa.Reader.try_create(_MIME.get(name, f"image/{name}"), io.BytesIO(data), context=_context())
        if reader is None:
            return None
        with reader:
            store, state = json.loads(reader.json()), reader.get_validation_state()
    except (c2pa.C2paError, ValueError, RecursionError, TypeError) as error:
        raise CredentialError(f"the manifest cannot be read ({type(error).__name__})") from None
    return signals(store, trusted=state in TRUSTED)


@lru_cache(maxsize=1)
def _context() -> Any:
    import c2pa

    return c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))


def signals(store: object, *, trusted: bool) -> list[Signal]:
    """The signals of a manifest store, as c2pa-python gives it in JSON. Never raises for what it holds.

    A refusal by a picture that went into this one counts, too; its permission does not. Where the signature does not
    hold, nothing has more than low confidence and nothing is permitted.
    """
    found: dict[Signal, None] = {}
    active = _mapping(store).get("active_manifest")
    manifests = _mapping(_mapping(store).get("manifests"))
    for name, manifest in islice(manifests.items(), MAX_PARTS):
        for signal in _manifest(manifest):
            if signal.training != "allowed" or (trusted and name == active):
                sure = replace(signal, confidence="medium" if name != active else signal.confidence)
                found[sure if trusted else replace(signal, confidence="low")] = None
    return list(found)


def _manifest(manifest: object) -> Iterator[Signal]:
    for assertion in islice(_list(_mapping(manifest).get("assertions")), MAX_PARTS):
        label = str(_mapping(assertion).get("label", ""))[:64].partition("__")[0]
        data = _mapping(_mapping(assertion).get("data"))
        if label in table()["c2pa:training-mining"].c2pa:
            if signal := _training(_mapping(data.get("entries"))):
                yield replace(signal, tag=f"C2PA:{label}")
        elif label in (row := table()["Iptc4xmpExt:DigitalSourceType"]).c2pa:
            for action in islice(_list(data.get("actions")), MAX_PARTS):
                kind = _mapping(action).get("digitalSourceType")
                for signal in readers.read(row, kind) or () if isinstance(kind, str) else ():
                    yield replace(signal, tag=f"C2PA:{label}")


def _training(entries: Mapping[str, object]) -> Signal | None:
    """The strictest of the uses that mean training. Constraints that are not given are a refusal, by the standard."""
    row = table()["c2pa:training-mining"]
    strictest: tuple[int, Training, str] | None = None
    for key, entry in islice(entries.items(), MAX_PARTS):
        use = key.rpartition(".")[2]
        word = str(_mapping(entry).get("use", ""))[:32].casefold()
        if word == "constrained" and not _mapping(entry).get("constraint_info"):
            word = "notallowed"
        state = row.known.get(word)
        if use not in _USES or state is None or state.training is None:
            continue
        if state.training == "allowed" and use == "data_mining":
            continue  # mining is less than training
        rank = TRAININGS.index(state.training)
        if strictest is None or rank > strictest[0]:
            strictest = (rank, state.training, f"{use}={state.training}")
    if strictest is None:
        return None
    return row.make(next(state for state in row.states if state.training == strictest[1]), strictest[2])


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
