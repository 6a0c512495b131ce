"""California AB 2013 (Civil Code 3111): the twelve points of the documentation of training data, for this dataset."""

from __future__ import annotations

from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Evidence


def render(evidence: Evidence) -> str:
    """Markdown."""
    declared, provide = text.declared, text.provide
    formats = ", ".join(f"{text.escape(row.name)} {row.samples.text}" for row in evidence.scope.formats.value or [])
    points = [
        ("1. Sources or owners", f"{declared(evidence, 'sources')}; publisher: {declared(evidence, 'publisher')}"),
        ("2. How the dataset furthers the intended purpose", declared(evidence, "uses")),
        ("3. Number of data points", text.count(evidence.scope.samples)),
        (
            "4. Types of data points",
            text.bullets([f"With a picture: {text.count(evidence.scope.with_picture)}", text.measured(formats)]),
        ),
        (
            "5. Copyright, trademark, patent, or public domain",
            text.bullets(
                [
                    f"Licence of the collection: {declared(evidence, 'license')}",
                    "Samples with a missing or unclear licence: " + text.of_kind(evidence, "provenance.no_license"),
                    f"Samples with a training opt-out: {text.of_kind(evidence, 'provenance.opt_out')}",
                    provide("Whether data is protected or entirely in the public domain"),
                ]
            ),
        ),
        ("6. Purchased or licensed", f"*{text.TO_BE_PROVIDED}*"),
        ("7. Personal information (1798.140(v))", text.kinds_table(evidence) + "\n\n" + text.links(evidence)),
        ("8. Aggregate consumer information (1798.140(b))", f"*{text.TO_BE_PROVIDED}*"),
        (
            "9. Cleaning, processing or other modification",
            text.bullets([f"Before the audit: {declared(evidence, 'preprocessing')}", *text.redactions(evidence)]),
        ),
        (
            "10. Time of collection",
            text.bullets(
                [
                    f"From {declared(evidence, 'collected_from')} to {declared(evidence, 'collected_to')}",
                    provide("Whether collection goes on"),
                ]
            ),
        ),
        ("11. First used in development", f"*{text.TO_BE_PROVIDED}*"),
        (
            "12. Synthetic data generation",
            text.bullets(
                [
                    "Samples that their files or records mark as synthetic: "
                    + text.of_kind(evidence, "provenance.synthetic"),
                    provide("Its purpose"),
                ]
            ),
        ),
        ("What the audit cannot say", text.bullets(text.limits(evidence))),
    ]
    note = "Draft of the documentation that the law asks of a developer, for this dataset. It is no legal advice."
    return text.document("Training data documentation (California AB 2013)", evidence, points, note)
