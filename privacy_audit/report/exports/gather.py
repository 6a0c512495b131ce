"""Fills the evidence from the figures of a report, for one audience."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from privacy_audit.report import disclosure
from privacy_audit.report.disclosure import Figure, Relation
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
from privacy_audit.report.measure import PART_CODES, summarise
from privacy_audit.report.summary import Part, Redaction, Summary
from privacy_audit.sources.description import Declared
from privacy_audit.stats import upper_bound_of_none
from privacy_audit.taxonomy import CATEGORIES, describe, matches
from privacy_audit.types import TRAININGS, Severity

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

V = TypeVar("V")
SAMPLES = ("samples",)


def gather(folder: AuditFolder, audience: Audience = "public") -> Evidence:
    """The evidence of an audit."""
    return evidence_of(summarise(folder), audience)


def evidence_of(summary: Summary, audience: Audience = "public") -> Evidence:
    """The evidence of what was measured already."""
    counts = _counts(summary)
    if audience == "internal":
        figures = disclosure.exactly(counts)
    else:
        relations = [relation for relation in _relations(summary, counts) if _holds(relation, counts)]
        figures = disclosure.suppress(counts, relations)
    return _Filler(summary, figures).evidence(audience)


def _counts(s: Summary) -> dict[Hashable, int]:
    """Every count that the evidence publishes, by a key of its own."""
    counts: dict[Hashable, int] = {
        SAMPLES: s.scope.samples,
        ("with_picture",): s.scope.with_picture,
        ("unchecked",): s.verdict.unchecked,
        ("found",): s.findings.samples,
        ("faces_not_public",): s.linkage.not_public,
    }
    counts |= {("format", row.name): row.samples for row in s.scope.formats.rows}
    for coverage in s.scope.coverage:
        outcome = {"checked": coverage.checked, "failed": coverage.failed, "skipped": coverage.skipped}
        counts |= {(name, coverage.stage): count for name, count in outcome.items()}
    counts |= {("severity", severity.severity): severity.samples for severity in s.findings.severities}
    for kind in s.findings.kinds.rows:
        counts |= {("kind", kind.code): kind.samples, ("sought", kind.code): kind.checked}
    counts |= {("sought", absent.code): absent.checked for absent in s.findings.absent.rows}
    counts |= {("link", link.parts): link.samples for link in s.linkage.named}
    for seen in s.provenance:
        counts[("visibility", seen.visibility)] = seen.samples
        counts |= {("training", seen.visibility, name): count for name, count in _trainings(seen.trainings)}
    counts |= {("action", name): count for name, count in s.decisions.actions}
    for (stage, kind_of), count in _failures(s).items():
        counts[("failure", stage, kind_of)] = count
    if s.redaction is not None:
        counts |= {("outcome", name): count for name, count in _outcomes(s.redaction).items()}
        counts |= {("done", name): count for name, count in s.redaction.summary.actions.items()}
        for residual in s.redaction.summary.residuals:
            counts |= {("before", residual.code): residual.before, ("after", residual.code): residual.after}
    if s.people is not None:
        people = s.people.people
        counts |= {("faces",): s.people.faces, ("people",): people.estimate}
        counts |= {("people_low",): people.low, ("people_high",): people.high}
    return counts


def _relations(s: Summary, counts: dict[Hashable, int]) -> Iterator[Relation]:
    """How the counts hang together, as far as somebody who reads them may know. Some may not hold: see `_holds`."""
    formats = [("format", row.name) for row in s.scope.formats.rows if row.name]
    without = [("format", "")] if ("format", "") in counts else []
    yield Relation((SAMPLES,), (("with_picture",), *without))
    yield Relation((("with_picture",),), tuple(formats), exact=not s.scope.formats.more)
    for coverage in s.scope.coverage:
        parts = tuple((name, coverage.stage) for name in ("checked", "failed", "skipped"))
        yield Relation((SAMPLES,), parts, exact=sum(counts[part] for part in parts) == counts[SAMPLES])
    graver = tuple(("severity", severity) for severity in Severity if severity is not Severity.INFO)
    yield Relation((("found",),), graver)
    yield Relation((SAMPLES,), (("found",), ("severity", Severity.INFO)), exact=False)
    kinds = [kind.code for kind in s.findings.kinds.rows]
    yield Relation(tuple(("kind", code) for code in kinds), (("found",),), exact=False)
    yield from _link_relations(s, kinds)
    visible = tuple(("visibility", row.visibility) for row in s.provenance)
    yield Relation((SAMPLES,), visible)
    for row in s.provenance:
        yield Relation((("visibility", row.visibility),), tuple(("training", row.visibility, t) for t in TRAININGS))
    if "face" in kinds:
        yield Relation((("faces_not_public",), ("visibility", "public")), (("kind", "face"),), exact=False)
        yield Relation((("kind", "face"),), (("faces_not_public",),), exact=False)
    yield Relation((SAMPLES,), tuple(("action", name) for name, _ in s.decisions.actions))
    failures = _failures(s)
    yield Relation(tuple(("failure", *key) for key in failures), (("unchecked",),), exact=False)
    for stage in sorted({stage for stage, _ in failures}):
        rows = tuple(("failure", *key) for key in failures if key[0] == stage)
        if ("failed", stage) in counts:
            yield Relation(rows, (("failed", stage),), exact=False)
    if s.redaction is not None:
        yield Relation((SAMPLES,), tuple(("outcome", name) for name in _outcomes(s.redaction)))


def _link_relations(s: Summary, kinds: list[str]) -> Iterator[Relation]:
    """A combination is no more than each of its parts, and no less than its parts must overlap."""
    codes = {
        part: [code for code in kinds if any(matches(pattern, code) for pattern in patterns)]
        for part, patterns in PART_CODES.items()
    }
    named: dict[frozenset[Part], Hashable] = {frozenset(link.parts): ("link", link.parts) for link in s.linkage.named}
    for parts, key in named.items():
        for part in parts:
            yield Relation(tuple(("kind", code) for code in codes[part]), (key,), exact=False)
            rest = parts - {part}
            others: list[Hashable] = [named[rest]] if rest in named else []
            if len(rest) == 1:
                others = [("kind", code) for code in codes[next(iter(rest))]]
            for other in others:
                for code in codes[part]:
                    yield Relation((SAMPLES, key), (other, ("kind", code)), exact=False)
            if rest in named:
                yield Relation((named[rest],), (key,), exact=False)


def _holds(relation: Relation, counts: dict[Hashable, int]) -> bool:
    """A damaged or unusual audit may break what holds for others; a false relation gives nothing away."""
    whole, parts = (sum(counts[key] for key in keys) for keys in (relation.whole, relation.parts))
    return bool(relation.whole and relation.parts) and (whole == parts if relation.exact else whole >= parts)


def _trainings(counts: Iterable[int]) -> Iterable[tuple[str, int]]:
    return zip(TRAININGS, counts, strict=True)


def _failures(s: Summary) -> dict[tuple[str, str], int]:
    """Failed samples by stage and kind; a sample with two messages of one kind counts twice."""
    found: dict[tuple[str, str], int] = {}
    for row in s.failures.rows:
        found[row.stage, row.kind] = found.get((row.stage, row.kind), 0) + row.samples
    return found


def _outcomes(redaction: Redaction) -> dict[str, int]:
    summary = redaction.summary
    return {name: getattr(summary, name) for name in ("changed", "unchanged", "dropped", "quarantined", "withheld")}


def _measured(value: V) -> Fact[V]:
    return Fact(status="measured", value=value)


@dataclass(frozen=True, slots=True)
class _Filler:
    s: Summary
    figures: dict[Hashable, Figure]

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

    def _count(self, *key: Hashable) -> Count:
        figure = self.figures[key]
        return Count(text=figure.text, low=figure.low, high=figure.high)

    def _named(self, kind: str, names: Iterable[str]) -> list[NamedCount]:
        return [NamedCount(name=name or "none", samples=self._count(kind, name)) for name in names]

    def _audit(self) -> AuditFacts:
        manifest, verdict = self.s.manifest, self.s.verdict
        return AuditFacts(
            tool=_measured(f"privacy-audit {manifest.tool_version}"),
            status=_measured(manifest.status),
            started=_measured(manifest.started),
            finished=_measured(manifest.finished),
            verdict=_measured(verdict.state),
            fail_on=_measured(verdict.fail_on.value if verdict.fail_on else "none"),
            detectors=_measured([self._detector(entry.name) for entry in self.s.detectors.rows]),
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

    def _detector(self, name: str) -> DetectorFacts:
        entry = next(row for row in self.s.detectors.rows if row.name == name)
        return DetectorFacts(
            name=name,
            version=entry.version,
            method=entry.method,
            limits=entry.limits,
            thresholds=entry.thresholds,
            accuracy=entry.measured,
            models=entry.models,
            checked=self._count("checked", name),
            failed=self._count("failed", name),
            skipped=self._count("skipped", name),
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
        return ScopeFacts(
            samples=_measured(self._count(*SAMPLES)),
            with_picture=_measured(self._count("with_picture")),
            formats=_measured(self._named("format", (row.name for row in self.s.scope.formats.rows))),
            unchecked=_measured(self._count("unchecked")),
            failures=_measured(
                [
                    FailureFacts(stage=stage, kind=kind, samples=self._count("failure", stage, kind))
                    for stage, kind in _failures(self.s)
                ]
            ),
        )

    def _findings(self) -> FindingFacts:
        findings, linkage = self.s.findings, self.s.linkage
        severities = [
            NamedCount(name=row.severity.value, samples=self._count("severity", row.severity))
            for row in findings.severities
        ]
        links = [
            LinkFacts(parts=list(link.parts), sought=link.sought, samples=self._count("link", link.parts))
            for link in linkage.named
        ]
        return FindingFacts(
            samples=_measured(self._count("found")),
            severities=_measured(severities),
            kinds=_measured([self._kind(row.code, row.severity) for row in findings.kinds.rows]),
            absent=_measured([self._absent(row.code) for row in findings.absent.rows]),
            not_sought=_measured(list(findings.not_sought)),
            linkage=_measured(links),
            faces_not_public=_measured(self._count("faces_not_public")),
            people=self._people(),
        )

    def _kind(self, code: str, severity: Severity) -> KindFacts:
        known, part, total = describe(code), self.figures["kind", code], self.figures["sought", code]
        interval = disclosure.interval(part, total)
        return KindFacts(
            code=code,
            title=known.title,
            category=CATEGORIES[known.category],
            severity=severity.value,
            dpv=known.dpv,
            samples=self._count("kind", code),
            checked=self._count("sought", code),
            share=disclosure.share(part, total),
            share_low=interval.low if interval else None,
            share_high=interval.high if interval else None,
        )

    def _absent(self, code: str) -> AbsentFacts:
        looked = self.figures["sought", code].exact
        bound = None if looked is None else upper_bound_of_none(looked)
        return AbsentFacts(
            code=code, title=describe(code).title, checked=self._count("sought", code), upper_bound=bound
        )

    def _people(self) -> Fact[PeopleFacts]:
        people = self.s.people
        if people is None:
            return Fact(status="missing")
        return _measured(
            PeopleFacts(
                purpose=people.purpose,
                legal_basis=people.legal_basis,
                method=people.method,
                faces=self._count("faces"),
                people=self._count("people"),
                people_low=self._count("people_low"),
                people_high=self._count("people_high"),
            )
        )

    def _provenance(self) -> ProvenanceFacts:
        rows = [
            VisibilityFacts(
                visibility=row.visibility,
                samples=self._count("visibility", row.visibility),
                training={name: self._count("training", row.visibility, name) for name in TRAININGS},
            )
            for row in self.s.provenance
        ]
        return ProvenanceFacts(visibility=_measured(rows), domains=Fact(status="missing"))

    def _actions(self) -> ActionFacts:
        decided = _measured(self._named("action", (name for name, _ in self.s.decisions.actions)))
        redaction = self.s.redaction
        if redaction is None:
            return ActionFacts(decisions=decided, redaction=Fact(status="missing"))
        summary = redaction.summary
        facts = RedactionFacts(
            current=redaction.current,
            verified=summary.verified,
            passed=summary.passed,
            outcomes=self._named("outcome", _outcomes(redaction)),
            actions=self._named("done", summary.actions),
            residuals=[
                ResidualFacts(
                    code=row.code,
                    title=describe(row.code).title,
                    before=self._count("before", row.code),
                    after=self._count("after", row.code),
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
