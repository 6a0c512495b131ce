"""The evidence: everything that an audit can say of a dataset, each field marked measured, declared or missing.

Every public export is built from it and from nothing else (`gather` fills it in). It holds no sample id, path, file
name, preview or token. Measured is what this audit counted; declared is what the publisher states in dataset.yaml, word
for word; missing is what neither says.
"""

from __future__ import annotations

import json
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from privacy_audit.sources.description import Declared

Audience = Literal["public", "internal"]
AUDIENCES: tuple[Audience, ...] = ("public", "internal")
FORMAT: Literal["privacy-audit/evidence/1"] = "privacy-audit/evidence/1"
V = TypeVar("V")


class Strict(BaseModel):
    """Frozen, and complete: there is no other key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Count(Strict):
    """A count, or the range in which it lies when it is not published as it is."""

    text: str = Field(description='in plain English: "1,234", "<10", "10-19"')
    low: int = Field(description="least value")
    high: int | None = Field(description="greatest value; null is no upper end")

    @property
    def exact(self) -> int | None:
        """The count, when it is published as it is."""
        return self.low if self.low == self.high else None


class Fact(Strict, Generic[V]):
    """A value and where it is from. `missing` has no value: neither the audit nor the publisher says it."""

    status: Literal["measured", "declared", "missing"]
    value: V | None = None


class DetectorFacts(Strict):
    """A detector that ran."""

    name: str
    version: str
    method: str
    limits: str = Field(description="what it misses")
    thresholds: str
    accuracy: str = Field(description="what was measured of it, on other data than this")
    models: dict[str, str] = Field(description="model to sha256")
    checked: Count = Field(description="samples that it looked at")
    failed: Count = Field(description="samples that it failed on")
    skipped: Count = Field(description="samples that it did not look at, as planned")


class FiredRule(Strict):
    """A rule that fired on at least one sample."""

    rule: str
    title: str
    severity: str
    law: str
    actions: list[str]


class PackFacts(Strict):
    """A rule pack that decided, and its rules that fired."""

    pack: str
    title: str
    version: str
    law: str
    checked_on: str
    disclaimer: str
    fired: list[FiredRule]


class KindFacts(Strict):
    """One kind of finding: samples that have it, among those that a detector of this kind looked at."""

    code: str
    title: str
    category: str
    severity: str
    dpv: str | None = Field(description="term of the W3C Data Privacy Vocabulary")
    samples: Count
    checked: Count
    share: float | None = Field(description="samples / checked; null where a count is a range")
    share_low: float | None = Field(description="lower end of its 95 % interval (Wilson)")
    share_high: float | None = Field(description="upper end of its 95 % interval (Wilson)")


class AbsentFacts(Strict):
    """A kind that was looked for and not found."""

    code: str
    title: str
    checked: Count
    upper_bound: float | None = Field(description="rate that is excluded with 95 % confidence; null where hidden")


class LinkFacts(Strict):
    """What stands together on one sample."""

    parts: list[str]
    sought: bool = Field(description="false: no detector looked for one of the parts")
    samples: Count


class VisibilityFacts(Strict):
    """Samples by who could see them, on evidence, and by permission to train."""

    visibility: str
    samples: Count
    training: dict[str, Count]


class NamedCount(Strict):
    """A name and a count."""

    name: str
    samples: Count


class FailureFacts(Strict):
    """Samples that a stage could not check."""

    stage: str
    kind: str
    samples: Count


class RecallFacts(Strict):
    """Measured recall of a detector by size of object, on other data than this."""

    detector: str
    variant: str
    data: str
    measured_on: str
    size: str
    objects: int
    recall: float
    recall_low: float
    recall_high: float


class ResidualFacts(Strict):
    """Findings of a kind that redaction was to remove: before, and in the audit of the copy."""

    code: str
    title: str
    before: Count
    after: Count


class RedactionFacts(Strict):
    """The last redaction. `current` is false when audit or rules changed since."""

    current: bool
    verified: bool
    passed: bool
    outcomes: list[NamedCount]
    actions: list[NamedCount]
    residuals: list[ResidualFacts]


class PeopleFacts(Strict):
    """Estimated number of distinct people, by comparing faces, as asked for with a purpose and a legal basis."""

    purpose: str
    legal_basis: str
    method: str
    faces: Count
    people: Count
    people_low: Count
    people_high: Count


class AuditFacts(Strict):
    """What ran."""

    tool: Fact[str]
    status: Fact[str] = Field(description="complete or partial")
    started: Fact[str]
    finished: Fact[str]
    verdict: Fact[str] = Field(description="pass, violated, incomplete, or unjudged")
    fail_on: Fact[str] = Field(description="severity from which a decision is a violation")
    detectors: Fact[list[DetectorFacts]]
    recall: Fact[list[RecallFacts]]
    packs: Fact[list[PackFacts]]


class ScopeFacts(Strict):
    """What there was to look at."""

    samples: Fact[Count]
    with_picture: Fact[Count]
    formats: Fact[list[NamedCount]] = Field(description="file formats by content; `none` is no readable picture")
    unchecked: Fact[Count] = Field(description="samples that something failed on")
    failures: Fact[list[FailureFacts]]


class FindingFacts(Strict):
    """What was found, what was not, and what nobody looked for."""

    samples: Fact[Count] = Field(description="samples with a finding that is more than a fact about rights")
    severities: Fact[list[NamedCount]] = Field(description="samples by their strongest finding or decision")
    kinds: Fact[list[KindFacts]]
    absent: Fact[list[AbsentFacts]]
    not_sought: Fact[list[str]] = Field(description="kinds that no detector of this audit looks for")
    linkage: Fact[list[LinkFacts]]
    faces_not_public: Fact[Count] = Field(description="samples with a face and no evidence that they were public")
    people: Fact[PeopleFacts]


class ProvenanceFacts(Strict):
    """Who could see the samples, and whether they may be trained on."""

    visibility: Fact[list[VisibilityFacts]]
    domains: Fact[list[str]] = Field(description="domains that samples came from; not measured")


class ActionFacts(Strict):
    """What is to be done, and what was done."""

    decisions: Fact[list[NamedCount]] = Field(description="samples by the strongest action that rules ask for")
    redaction: Fact[RedactionFacts]


class IntegrityFacts(Strict):
    """What a reader needs to check that nothing was changed."""

    root: Fact[str] = Field(description="root of the tree over all contents; `privacy-audit prove` checks against it")
    manifest_sha256: Fact[str]
    source_fingerprint: Fact[str]
    plan_hash: Fact[str]
    policy_hash: Fact[str]


def _declared_keys(schema: dict[str, Any]) -> None:
    fact = schema.pop("additionalProperties")
    schema["properties"] = {
        name: {**fact, "description": info.description} for name, info in Declared.model_fields.items()
    }
    schema.update(required=list(Declared.model_fields), additionalProperties=False)


class Evidence(Strict):
    """One audit as evidence, for one audience."""

    format: Literal["privacy-audit/evidence/1"]
    audience: Audience
    dataset: dict[str, Fact[str]] = Field(
        description="what the publisher states in dataset.yaml, word for word", json_schema_extra=_declared_keys
    )
    audit: AuditFacts
    scope: ScopeFacts
    findings: FindingFacts
    provenance: ProvenanceFacts
    actions: ActionFacts
    integrity: IntegrityFacts

    def said(self, key: str) -> str | None:
        """What the publisher declares under `key`, or None."""
        return self.dataset[key].value


def json_schema() -> str:
    """The JSON schema of the evidence; `reports/schemas/evidence.schema.json` holds it."""
    schema = Evidence.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "Evidence of a privacy audit. Every Fact says whether it was measured, declared, or is missing.",
    }
    return json.dumps({**schema, **head}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
