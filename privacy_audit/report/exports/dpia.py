"""An annex to a data protection impact assessment (GDPR Art. 35(7)): the measured facts that it can rest on."""

from __future__ import annotations

from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Evidence


def render(evidence: Evidence) -> str:
    """Markdown."""
    declared, provide = text.declared, text.provide
    audit = evidence.audit
    sections = [
        (
            "(a) Description of the processing",
            text.bullets(
                [
                    f"Dataset: {declared(evidence, 'name')}: {declared(evidence, 'description')}",
                    f"Controller: {declared(evidence, 'controller')}",
                    f"Data protection officer: {declared(evidence, 'dpo')}",
                    f"Purposes: {declared(evidence, 'purposes')}",
                    f"Sources: {declared(evidence, 'sources')}",
                    f"Recipients: {declared(evidence, 'recipients')}",
                    f"Retention: {declared(evidence, 'retention')}",
                    f"Samples: {text.count(evidence.scope.samples)}",
                ]
            )
            + "\n\nCategories of personal data that were found:\n\n"
            + text.kinds_table(evidence),
        ),
        (
            "(b) Necessity and proportionality",
            text.bullets(
                [
                    f"Legal basis: {declared(evidence, 'legal_basis')}",
                    f"Necessity: {declared(evidence, 'necessity')}",
                    f"How people are told: {declared(evidence, 'notice')}",
                    f"Where people object: {declared(evidence, 'contact')}",
                    provide("Balancing of interests, where the basis is a legitimate interest"),
                ]
            ),
        ),
        (
            "(c) Facts on risks to people",
            "\n\n".join(
                [
                    "What stands together says more than its parts:",
                    text.links(evidence),
                    "A face without evidence that the picture was public: "
                    + text.count(evidence.findings.faces_not_public)
                    + " samples.",
                    text.visibility(evidence),
                    _rules(evidence),
                    provide("Likelihood and severity for people"),
                ]
            ),
        ),
        (
            "(d) Measures",
            text.bullets(
                [
                    *(
                        f"Decided, {text.escape(row.name)}: {text.measured(row.samples.text)} samples"
                        for row in evidence.actions.decisions.value or []
                    ),
                    *text.redactions(evidence),
                    f"Security: {declared(evidence, 'security')}",
                    f"Updates and removal: {declared(evidence, 'maintenance')}",
                    provide("Residual risk, and who accepts it"),
                ]
            ),
        ),
        (
            "Consultation and sign-off",
            text.bullets([provide("Views of people concerned"), provide("Advice of the officer"), provide("Outcome")]),
        ),
        (
            "How this was measured",
            text.bullets(
                [
                    text.measured(f"{text.escape(audit.tool.value or '')}, {text.escape(audit.finished.value or '')}"),
                    *text.tools(evidence),
                    *text.limits(evidence),
                    text.measured(f"Digest of the audit: {evidence.integrity.manifest_sha256.value}"),
                ]
            ),
        ),
    ]
    note = "Annex of measured facts. The assessment itself is for the controller; this is no legal advice."
    return text.document("DPIA annex: measured facts", evidence, sections, note)


def _rules(evidence: Evidence) -> str:
    rows = [
        [text.escape(rule.title), rule.severity, text.escape(rule.law), ", ".join(rule.actions)]
        for pack in evidence.audit.packs.value or []
        for rule in pack.fired
    ]
    if not rows:
        return text.measured("No rule fired.")
    return text.table(["Rule that fired", "Severity", "Law", "Action"], rows)
