"""settled.json: what a person settled about an audit's findings, and how much of them it covers. Names no sample."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from privacy_audit.errors import AuditError

NAME = "settled.json"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A finding that was accepted. `findings` it covers, or would cover again when it has expired."""

    code: str
    rule: str
    one_sample: bool
    reason: str
    by: str
    expires: str
    active: bool
    findings: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """The baseline that an audit was compared with. `findings` are in it, `new` are not; suppressed: neither."""

    created: str
    entries: int
    findings: int
    new: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The whole file. `suppressed`, `reviewed` and `known` count decisions; the first two are not in `decisions`."""

    as_of: str
    """The day for which it was decided what has expired."""
    suppressed: int = 0
    reviewed: int = 0
    known: int = 0
    baseline: Known | None = None
    suppressions: list[Suppression] = field(default_factory=list)


def text(settled: Settled) -> str:
    """The file's content."""
    return json.dumps(asdict(settled), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read(audit: Path) -> Settled | None:
    """What settled.json says, or None when nothing was settled; raises AuditError when it is damaged."""
    path = audit / NAME
    try:
        raw = json.loads(path.read_bytes())
        if raw["baseline"] is not None:
            raw["baseline"] = Known(**raw["baseline"])
        raw["suppressions"] = [Suppression(**entry) for entry in raw["suppressions"]]
        return Settled(**raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Decide again: privacy-audit decide") from error
