"""A datasheet for the dataset (Gebru et al.): its seven sections, with what was measured and what is declared."""

from __future__ import annotations

from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Evidence


def render(evidence: Evidence) -> str:
    """Markdown."""
    declared = text.declared
    formats = ", ".join(f"{text.escape(row.name)} {row.samples.text}" for row in evidence.scope.formats.value or [])

    def answers(**rows: str) -> str:
        return text.bullets(f"{label.replace('_', ' ')}: {declared(evidence, key)}" for label, key in rows.items())

    sections = [
        ("Motivation", answers(Purpose="purposes", Created_by="publisher", What_it_is="description")),
        (
            "Composition",
            "\n\n".join(
                [
                    text.bullets(
                        [
                            f"Samples: {text.count(evidence.scope.samples)}",
                            f"With a picture: {text.count(evidence.scope.with_picture)}",
                            f"File formats: {text.measured(formats)}",
                            f"Languages: {declared(evidence, 'languages')}",
                            f"Known biases: {declared(evidence, 'biases')}",
                        ]
                    ),
                    "**Can people be identified, and is there data that is sensitive or confidential?**",
                    text.kinds_table(evidence),
                    text.links(evidence),
                    "**Who could see the samples before?**",
                    text.visibility(evidence),
                ]
            ),
        ),
        (
            "Collection process",
            answers(
                How="collection",
                Sources="sources",
                From="collected_from",
                To="collected_to",
                Notice_and_consent="notice",
            )
            + "\n"
            + text.bullets([text.provide("Consent, and how it can be revoked"), text.provide("Impact assessment")]),
        ),
        (
            "Preprocessing, cleaning, labelling",
            text.bullets([f"Before the audit: {declared(evidence, 'preprocessing')}", *text.redactions(evidence)]),
        ),
        ("Uses", answers(Intended="uses", Not_to_be_used_for="not_for", Likely_effects_on_people="social_impact")),
        ("Distribution", answers(Licence="license", Page="url", Version="version", Published="published")),
        ("Maintenance", answers(Contact="contact", Updates_and_removal="maintenance", Citation="citation")),
        ("How this was measured", text.bullets([*text.tools(evidence), *text.limits(evidence)])),
    ]
    return text.document("Datasheet", evidence, sections, "A datasheet for this dataset.")
