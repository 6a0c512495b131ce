"""What a run does, apart from where, and a hash of all that shapes results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from privacy_audit.detectors import registry
from privacy_audit.detectors.base import Detector, described
from privacy_audit.evidence import key_id
from privacy_audit.policy import Pack, fingerprint
from privacy_audit.version import __version__

Death = Literal["crash", "timeout", "memory"]
"""How a worker process ended before it was done."""
TOOL_VERSION = __version__


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """A detector by name, with the options of its constructor."""

    name: str
    options: Mapping[str, str | bool | float] = field(default_factory=dict)

    def build(self) -> Detector:
        """Construct it: loads its model."""
        return registry.find(self.name)(**self.options)


@dataclass(frozen=True, slots=True)
class Plan:
    """The same for every shard of a run."""

    detectors: tuple[DetectorSpec, ...]
    packs: tuple[Pack, ...]
    token_key: bytes
    source_options: Mapping[str, object] = field(default_factory=dict)
    not_asked: tuple[str, ...] = ()
    """Optional detectors that could have run: what they look for is not looked for, and each sample says so."""
    sampling: Mapping[str, object] = field(default_factory=dict)
    """How the samples were drawn; empty when all are audited."""

    def hash(self) -> str:
        """Hex sha256 over tool, detectors with versions and models, rules, key and options."""
        detectors = []
        for spec in self.detectors:
            detector = registry.find(spec.name)
            says = described(detector, spec.options)
            detectors.append([spec.name, detector.version, dict(says.options), dict(says.models)])
        facts = {
            "tool": TOOL_VERSION,
            "detectors": sorted(detectors, key=lambda entry: str(entry[0])),
            "policy": fingerprint(self.packs),
            "key": key_id(self.token_key),
            "source": dict(self.source_options),
            "not_asked": sorted(self.not_asked),
            **({"sampling": dict(self.sampling)} if self.sampling else {}),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What came out of one shard: counts only."""

    shard: str
    counts: Mapping[str, int]
    skipped_members: Mapping[str, int]
    seconds: Mapping[str, float]
