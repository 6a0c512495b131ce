"""Hands the confirmed pictures of a case to redaction: decisions with the action `drop` in the audit's own tables.

So `redact` leaves the pictures out, and exit code and report count them, by the ways that every decision takes. Exact
copies of a confirmed picture go too, wherever they stand in the dataset.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from privacy_audit.errors import AuditError, CaseError
from privacy_audit.run.scan import locked
from privacy_audit.store import manifest as manifests
from privacy_audit.store import schema, shards
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.manifest import Manifest, PackEntry
from privacy_audit.subject.case import now, optout, write_optout
from privacy_audit.subject.find import CONTENT
from privacy_audit.types import Action, Decision, Severity

if TYPE_CHECKING:
    from privacy_audit.subject.case import Candidate, Case

PACK = "subject"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure asked for: samples to be dropped, `copies` of which are no candidates but have the same bytes."""

    samples: int
    copies: int


def erase(case: Case, audit: AuditFolder) -> Erasure:
    """Add the decisions to `audit`, the contents to the opt-out list, and the deed to the case; may be repeated.

    Raises CaseError when nothing is confirmed, AuditError when the audit is not finished or not of the same pictures.
    """
    confirmed = case.confirmed()
    if not confirmed:
        raise CaseError("no candidate of this case is confirmed. Decide with: privacy-audit subject confirm")
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    with locked(audit.path):
        samples = _samples(confirmed, audit)
        rule = f"{PACK}/{case.facts.request_id}"
        by_shard: dict[str, list[str]] = defaultdict(list)
        for sample, shard in samples.items():
            by_shard[shard].append(sample)
        parts = dict(audit.manifest.parts)
        for shard, names in sorted(by_shard.items()):
            decision = Decision(rule, Severity.CRITICAL, Action("drop"))
            rows = [schema.decision_row(name, decision) for name in sorted(names)]
            parts |= shards.add_decisions(audit.path, shard, rows)["parts"]
        decisions = AuditFolder(audit.path).sql("SELECT count(*) FROM decisions")[0][0]
        counts = {**audit.manifest.counts, "decisions": decisions}
        manifest = replace(audit.manifest, counts=counts, parts=dict(sorted(parts.items())))
        manifests.write(audit.path, _with_rule(manifest, rule))
    candidates = {candidate.sample_id for candidate in confirmed}
    erasure = Erasure(len(samples), len(samples.keys() - candidates))
    contents = [CONTENT + candidate.sha256 for candidate in confirmed if candidate.sha256]
    write_optout(case.path, [*optout(case.path), *contents])
    deed = {"action": "drop", "at": now(), "samples": erasure.samples, "copies": erasure.copies}
    case.record(actions=[*case.facts.actions, {**deed, "audit": audit.manifest.source_fingerprint}])
    return erasure


def _samples(confirmed: list[Candidate], audit: AuditFolder) -> dict[str, str]:
    """Samples to drop, with their shards."""
    ids = [candidate.sample_id for candidate in confirmed]
    contents = [candidate.sha256 for candidate in confirmed if candidate.sha256]
    rows = audit.sql(
        "SELECT sample_id, coalesce(sha256, ''), shard FROM samples "
        "WHERE sample_id IN (SELECT unnest(?::TEXT[])) OR sha256 IN (SELECT unnest(?::TEXT[]))",
        [ids, contents],
    )
    there = {sample: sha256 for sample, sha256, _ in rows}
    lost = sum(there.get(candidate.sample_id) != candidate.sha256 for candidate in confirmed)
    if lost:
        raise AuditError(
            f"{lost} of {len(confirmed)} confirmed samples are not in the audit as they were when they were found. "
            "Scan the dataset again, and search it again if it changed."
        )
    return {sample: shard for sample, _, shard in rows}


def _with_rule(manifest: Manifest, rule: str) -> Manifest:
    """The manifest that knows the rule, with a new policy hash, so that an earlier redaction is seen to be outdated."""
    known = {entry.pack: entry for entry in manifest.packs}
    entry = known.get(PACK) or PackEntry(PACK, "Requests of people", "1")
    if rule in entry.rules:
        return manifest
    facts = {
        "title": "A person asked for erasure",
        "why": "A person recognised themselves, and somebody confirmed it. The case holds the reasons.",
        "severity": Severity.CRITICAL.value,
        "law": "GDPR Art. 17 [K]; UU PDP 27/2022 Art. 8, 43 [K]",
    }
    known[PACK] = replace(entry, rules={**entry.rules, rule: facts})
    policy = hashlib.sha256(f"{manifest.policy_hash}\n{rule}".encode()).hexdigest()
    return replace(manifest, packs=list(known.values()), policy_hash=policy)
