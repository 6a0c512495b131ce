"""The closed list of what can be claimed: which detectors it needs, and what contradicts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Proof = Literal["absence", "visibility", "license"]
"""`absence`: nothing was found. The others need a statement on each sample."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of claim.

    All detectors in `needs` must have looked at a sample. `codes` (patterns) contradict it where they are found, in
    these `channels` only if any are named. `capped`: evidence of this kind can support it partly at most.
    """

    name: str
    needs: tuple[str, ...]
    codes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    proof: Proof = "absence"
    capped: bool = False


_TEXT_CODES = ("name.*", "contact.*", "id.*", "person.*", "net.*", "secret", "url.personal")
_KINDS = (
    Kind("only-public", ("provenance",), proof="visibility"),
    Kind("no-children", ("captions", "faces"), ("person.minor",), capped=True),
    Kind("faces-blurred", ("faces",), ("face",)),
    Kind("licences", ("provenance",), proof="license"),
    Kind("gps-removed", ("metadata",), ("gps.precise", "gps.coarse"), ("metadata",)),
    Kind("metadata-removed", ("metadata",), ("gps.*", "device.*", "name.*", "contact.*", "time"), ("metadata",)),
    Kind("opt-outs-honoured", ("provenance",), ("provenance.opt_out",), capped=True),
    Kind("no-personal-data-in-captions", ("captions",), _TEXT_CODES, ("caption",)),
    Kind("no-identifiers-in-pictures", ("image_text", "barcodes"), ("id.*", "contact.*"), ("image_text", "barcode")),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
