"""An entry for the record of processing activities (GDPR Art. 30(1)): points (a) to (g)."""

from __future__ import annotations

from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Evidence


def render(evidence: Evidence) -> str:
    """Markdown."""
    declared = text.declared
    kinds = [
        f"{text.escape(row.category)}: {text.escape(row.title)}"
        + (f" (`{row.dpv}`)" if row.dpv else "")
        + f": {text.measured(row.samples.text)} samples"
        for row in evidence.findings.kinds.value or []
    ]
    sections = [
        (
            "(a) Controller",
            text.bullets(
                [
                    f"Controller: {declared(evidence, 'controller')}",
                    f"Representative: {declared(evidence, 'representative')}",
                    f"Data protection officer: {declared(evidence, 'dpo')}",
                    f"Contact: {declared(evidence, 'contact')}",
                ]
            ),
        ),
        ("(b) Purposes", declared(evidence, "purposes")),
        (
            "(c) Data subjects and categories of personal data",
            text.bullets([text.provide("Categories of data subjects"), *(kinds or [text.measured("No finding.")])]),
        ),
        ("(d) Recipients", declared(evidence, "recipients")),
        ("(e) Transfers to third countries", declared(evidence, "transfers")),
        ("(f) Time limits for erasure", declared(evidence, "retention")),
        ("(g) Security measures", text.bullets([declared(evidence, "security"), *text.redactions(evidence)])),
        (
            "Beyond Art. 30",
            text.bullets(
                [
                    f"Legal basis: {declared(evidence, 'legal_basis')}",
                    f"Source of the data: {declared(evidence, 'sources')}",
                    f"Samples: {text.count(evidence.scope.samples)}",
                ]
            ),
        ),
    ]
    note = "Entry for the record of processing activities, for this dataset. It is no legal advice."
    return text.document("Record of processing: this dataset", evidence, sections, note)
