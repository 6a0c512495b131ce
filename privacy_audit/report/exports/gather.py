"""Fills the evidence from the figures of a report, for one audience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from privacy_audit.report import disclosure
from privacy_audit.report.disclosure import Figure
from privacy_audit.report.exports.evidence import (
    FORMAT,
    AbsentFacts,
    ActionFacts,
    Audience,
    AuditFacts,
    Count,
    DetectorFacts,
    Evidence,
    Fact,
    FailureFacts,
    FindingFacts,
    FiredRule,
    IntegrityFacts,
    KindFacts,
    LinkFacts,
    NamedCount,
    PackFacts,
    PeopleFacts,
    ProvenanceFacts,
    RecallFacts,
    RedactionFacts,
    ResidualFacts,
    ScopeFacts,
    VisibilityFacts,
)
from privacy_audit.report.measure import summarise
from privacy_audit.report.publish import publish, total
from privacy_audit.report.summary import Summary
from privacy_audit.sources.description import Declared
from privacy_audit.store.manifest import DetectorEntry
from privacy_audit.taxonomy import CATEGORIES, describe
from privacy_audit.types import TRAININGS

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

V = TypeVar("V")
_OUTCOMES = ("changed", "unchanged", "dropped", "quarantined", "withheld")


def gather(folder: AuditFolder, audience: Audience = "public") -> Evidence:
    """The evidence of an audit."""
    return evidence_of(summarise(folder), audience)


def evidence_of(summary: Summary, audience: Audience = "public") -> Evidence:
    """The evidence of what was measured already."""
    return _Filler(publish(summary, audience)).evidence(audience)


def _count(figure: Figure) -> Count:
    return Count(text=figure.text, low=figure.low, high=figure.high)


def _failures(rows: Iterable[Any]) -> dict[tuple[str, str], Figure]:
    """Failed samples by stage and kind; a sample with two messages of one kind counts twice."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for row in rows:
        found.setdefault((row.stage, row.kind), []).append(row.samples)
    return {key: total(figures) for key, figures in found.items()}


def _measured(value: V) -> Fact[V]:
    return Fact(status="measured", value=value)


@dataclass(frozen=True, slots=True)
class _Filler:
    s: Any
    """As `publish` gives it: counts are figures."""

    def evidence(self, audience: Audience) -> Evidence:
        said = self.s.manifest.declared
        return Evidence(
            format=FORMAT,
            audience=audience,
            dataset={
                key: Fact(status="declared", value=said[key]) if said.get(key) else Fact(status="missing")
                for key in Declared.model_fields
            },
            audit=self._audit(),
            scope=self._scope(),
            findings=self._findings(),
            provenance=self._provenance(),
            actions=self._actions(),
            integrity=self._integrity(),
        )

    def _named(self, rows: Iterable[tuple[str, Figure]]) -> list[NamedCount]:
        return [NamedCount(name=name or "none", samples=_count(figure)) for name, figure in rows]

    def _audit(self) -> AuditFacts:
        manifest, verdict = self.s.manifest, self.s.verdict
        return AuditFacts(
            tool=_measured(f"privacy-audit {manifest.tool_version}"),
            status=_measured(manifest.status),
            started=_measured(manifest.started),
            finished=_measured(manifest.finished),
            verdict=_measured(verdict.state),
            fail_on=_measured(verdict.fail_on.value if verdict.fail_on else "none"),
            detectors=_measured([self._detector(entry) for entry in self.s.detectors.rows]),
            recall=_measured(
                [
                    RecallFacts(
                        detector=table.detector,
                        variant=table.variant,
                        data=table.data,
                        measured_on=table.measured_on,
                        size=row.size,
                        objects=row.faces,
                        recall=rate.share,
                        recall_low=rate.low,
                        recall_high=rate.high,
                    )
                    for table in self.s.recall
                    for row in table.rows
                    if (rate := row.report or row.keep) is not None
                ]
            ),
            packs=_measured(self._packs()),
        )

    def _detector(self, entry: DetectorEntry) -> DetectorFacts:
        coverage = next(row for row in self.s.scope.coverage if row.stage == entry.name)
        return DetectorFacts(
            name=entry.name,
            version=entry.version,
            method=entry.method,
            limits=entry.limits,
            thresholds=entry.thresholds,
            accuracy=entry.measured,
            models=entry.models,
            checked=_count(coverage.checked),
            failed=_count(coverage.failed),
            skipped=_count(coverage.skipped),
        )

    def _packs(self) -> list[PackFacts]:
        fired: dict[str, list[FiredRule]] = {}
        for row in self.s.decisions.rules.rows:
            fired.setdefault(row.pack, []).append(
                FiredRule(
                    rule=row.rule, title=row.title, severity=row.severity.value, law=row.law, actions=list(row.actions)
                )
            )
        return [
            PackFacts(
                pack=pack.pack,
                title=pack.title,
                version=pack.version,
                law=pack.law,
                checked_on=pack.checked_on,
                disclaimer=pack.disclaimer,
                fired=fired.get(pack.pack, []),
            )
            for pack in (row.pack for row in self.s.packs.rows)
        ]

    def _scope(self) -> ScopeFacts:
        scope = self.s.scope
        return ScopeFacts(
            samples=_measured(_count(scope.samples)),
            with_picture=_measured(_count(scope.with_picture)),
            formats=_measured(self._named((row.name, row.samples) for row in scope.formats.rows)),
            unchecked=_measured(_count(self.s.verdict.unchecked)),
            failures=_measured(
                [
                    FailureFacts(stage=stage, kind=kind, samples=_count(figure))
                    for (stage, kind), figure in _failures(self.s.failures.rows).items()
                ]
            ),
        )

    def _findings(self) -> FindingFacts:
        findings, linkage = self.s.findings, self.s.linkage
        severities = self._named((row.severity.value, row.samples) for row in findings.severities)
        links = [
            LinkFacts(parts=list(link.parts), sought=link.sought, samples=_count(link.samples))
            for link in linkage.named
        ]
        return FindingFacts(
            samples=_measured(_count(findings.samples)),
            severities=_measured(severities),
            kinds=_measured([self._kind(row) for row in findings.kinds.rows]),
            absent=_measured([self._absent(row) for row in findings.absent.rows]),
            not_sought=_measured(list(findings.not_sought)),
            linkage=_measured(links),
            faces_not_public=_measured(_count(linkage.not_public)),
            people=self._people(),
        )

    def _kind(self, row: Any) -> KindFacts:
        known = describe(row.code)
        interval = disclosure.interval(row.samples, row.checked)
        return KindFacts(
            code=row.code,
            title=known.title,
            category=CATEGORIES[known.category],
            severity=row.severity.value,
            dpv=known.dpv,
            samples=_count(row.samples),
            checked=_count(row.checked),
            share=disclosure.share(row.samples, row.checked),
            share_low=interval.low if interval else None,
            share_high=interval.high if interval else None,
        )

    def _absent(self, row: Any) -> AbsentFacts:
        title = describe(row.code).title
        return AbsentFacts(code=row.code, title=title, checked=_count(row.checked), upper_bound=row.upper_bound)

    def _people(self) -> Fact[PeopleFacts]:
        people = self.s.people
        if people is None:
            return Fact(status="missing")
        return _measured(
            PeopleFacts(
                purpose=people.purpose,
                legal_basis=people.legal_basis,
                method=people.method,
                faces=_count(people.faces),
                people=_count(people.people.estimate),
                people_low=_count(people.people.low),
                people_high=_count(people.people.high),
            )
        )

    def _provenance(self) -> ProvenanceFacts:
        rows = [
            VisibilityFacts(
                visibility=row.visibility,
                samples=_count(row.samples),
                training={name: _count(figure) for name, figure in zip(TRAININGS, row.trainings, strict=True)},
            )
            for row in self.s.provenance
        ]
        return ProvenanceFacts(visibility=_measured(rows), domains=Fact(status="missing"))

    def _actions(self) -> ActionFacts:
        decided = _measured(self._named(self.s.decisions.actions))
        redaction = self.s.redaction
        if redaction is None:
            return ActionFacts(decisions=decided, redaction=Fact(status="missing"))
        summary = redaction.summary
        facts = RedactionFacts(
            current=redaction.current,
            verified=summary.verified,
            passed=summary.passed,
            outcomes=self._named((name, getattr(summary, name)) for name in _OUTCOMES),
            actions=self._named(summary.actions.items()),
            residuals=[
                ResidualFacts(
                    code=row.code,
                    title=describe(row.code).title,
                    before=_count(row.before),
                    after=_count(row.after),
                )
                for row in summary.residuals
            ],
        )
        return ActionFacts(decisions=decided, redaction=_measured(facts))

    def _integrity(self) -> IntegrityFacts:
        manifest = self.s.manifest
        root = manifest.integrity.get("root")
        return IntegrityFacts(
            root=_measured(str(root)) if root else Fact(status="missing"),
            manifest_sha256=_measured(self.s.integrity.manifest_sha256),
            source_fingerprint=_measured(manifest.source_fingerprint),
            plan_hash=_measured(manifest.plan_hash),
            policy_hash=_measured(manifest.policy_hash),
        )
