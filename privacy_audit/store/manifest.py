"""audit.json: what ran, with which versions and options, over what, and the digest of every part it wrote."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from privacy_audit.errors import AuditError
from privacy_audit.store.files import write_whole

NAME = "audit.json"
CLUSTER_END = "-"
"""What ends the number of the cluster in the id of a shard, where whole clusters were drawn."""
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DetectorEntry:
    """A detector that ran. `models` maps a model's name to its sha256; `tables` are measured rates by size."""

    name: str
    version: str
    distribution: str
    codes: list[str]
    method: str
    limits: str
    thresholds: str = ""
    measured: str = ""
    models: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PackEntry:
    """A rule pack that decided."""

    pack: str
    title: str
    version: str
    law: str = ""
    checked_on: str = ""
    disclaimer: str = ""
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    """Rule id to {"title", "why", "severity", "law", "dpv"}: what the report prints beside a decision, and terms of the
    W3C Data Privacy Vocabulary, separated by spaces."""
    effective_from: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    """The title in other languages, by key: {"title_id": ...}. A rule has such keys beside its title."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of audit.json. Times are ISO 8601 in UTC. Holds no personal value and no path of the source,
    but for what the publisher declares.
    """

    tool_version: str
    status: Literal["complete", "partial"]
    started: str
    finished: str
    source_kind: str
    source_name: str
    source_fingerprint: str
    plan_hash: str
    policy_hash: str
    token_key_id: str
    options: dict[str, Any]
    detectors: list[DetectorEntry]
    packs: list[PackEntry]
    counts: dict[str, int]
    """samples, findings, failures, decisions, skipped_members, shards."""
    skipped_members: dict[str, int] = field(default_factory=dict)
    """Members of the source that are no samples, by reason."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Worker seconds per stage."""
    parts: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    """What dataset.yaml declares of the dataset: name, publisher, contact, license, url and more."""
    integrity: dict[str, Any] = field(default_factory=dict)
    """The Merkle tree over the contents: root, salt, contents, without_content. Empty until a scan is complete."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """How samples were drawn: method (random | clusters), seed, asked, margin, units, of_units, members, population.

    Empty when all were audited.
    """
    reused: int = 0
    """Samples whose rows were taken over from an earlier audit (`--since`)."""
    format_version: int = FORMAT_VERSION

    @property
    def drawn(self) -> float:
        """The share of the source's units (samples, or whole clusters) that was audited; 1 for all."""
        return self.sampling["units"] / self.sampling["of_units"] if self.sampling else 1.0

    @property
    def clustered(self) -> bool:
        """Whether whole clusters (archives) were drawn."""
        return bool(self.sampling) and self.sampling["method"] == "clusters"


def write(folder: Path, manifest: Manifest) -> None:
    """Write audit.json whole."""
    write_whole(folder / NAME, json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read(folder: Path) -> Manifest:
    """Read audit.json; raises AuditError in plain words."""
    path = folder / NAME
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise AuditError(
            f"{folder} is not an audit: it has no {NAME}. Make one with: privacy-audit scan SOURCE -o {folder}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise AuditError(
            f"{path} cannot be read as an audit's manifest ({type(error).__name__}). Scan again."
        ) from error
    if not isinstance(raw, dict) or raw.get("format_version") != FORMAT_VERSION:
        raise AuditError(f"{path} was written by another version of privacy-audit. Scan again, or use that version.")
    try:
        raw["detectors"] = [DetectorEntry(**entry) for entry in raw["detectors"]]
        raw["packs"] = [PackEntry(**entry) for entry in raw["packs"]]
        found = Manifest(**raw)
    except (TypeError, KeyError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Scan again.") from error
    plain = (found.options, found.counts, found.skipped_members, found.seconds, found.parts, found.declared)
    for value in (*plain, found.integrity, found.sampling):
        if not isinstance(value, dict):
            raise AuditError(f"{path} is damaged. Scan again.")
    if found.sampling and not _is_design(found.sampling):
        raise AuditError(f"{path} is damaged. Scan again.")
    return found


def _is_design(sampling: dict[str, Any]) -> bool:
    numbers = [sampling.get(name) for name in ("units", "of_units", "members", "population", "seed")]
    if sampling.get("method") not in {"random", "clusters"} or not all(isinstance(number, int) for number in numbers):
        return False
    return bool(0 < sampling["units"] <= sampling["of_units"])
