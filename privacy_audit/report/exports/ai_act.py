"""The EU's public summary of training content (AI Act, Art. 53(1)(d)): its sections, prefilled where measured.

The summary is about a model, an audit about one dataset: this is the part that the dataset gives to it. Yes and no are
attestations of the provider and are never filled in. Section numbers are those of the template of July 2025.
"""

from __future__ import annotations

from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Count, Evidence

_BINS = [(1_000_000, "less than 1 million images"), (1_000_000_000, "1 million to 1 billion images")]


def render(evidence: Evidence) -> str:
    """Markdown."""
    provide, declared = text.provide, text.declared
    sections = [
        ("Header", text.bullets([provide("Version of the summary"), provide("Last update")])),
        (
            "1.1 Provider",
            text.bullets(
                [
                    provide("Provider name and contact"),
                    provide("Authorised representative"),
                    f"Publisher of this dataset: {declared(evidence, 'publisher')}",
                ]
            ),
        ),
        ("1.2 Model", text.bullets([provide("Versioned model names"), provide("Date of placement on the market")])),
        ("1.3 Modalities, size and content", _content(evidence)),
        (
            "2.1 Publicly available datasets",
            text.bullets(
                [
                    provide("Used, yes or no"),
                    f"This dataset: {declared(evidence, 'name')}, {declared(evidence, 'url')}",
                    f"Description: {declared(evidence, 'description')}",
                    f"Licence: {declared(evidence, 'license')}",
                ]
            ),
        ),
        (
            "2.2 Private datasets of third parties",
            text.bullets([provide("2.2.1 Commercially licensed, yes or no"), provide("2.2.2 Other, yes or no")]),
        ),
        (
            "2.3 Data crawled and scraped",
            text.bullets(
                [
                    provide("Used, yes or no"),
                    provide("Crawlers, their purposes and behaviour"),
                    f"Period: {declared(evidence, 'collected_from')} to {declared(evidence, 'collected_to')}",
                    f"How: {declared(evidence, 'collection')}",
                    f"Sources: {declared(evidence, 'sources')}",
                    provide("List of the top 10 % of domains by size (not measured)"),
                ]
            ),
        ),
        (
            "2.4 User data",
            text.bullets(
                [
                    provide("Data from interactions with the model, yes or no"),
                    provide("Data from other services of the provider (such as social networks), yes or no, and which"),
                ]
            )
            + "\n\nWho could see the samples, as far as records and files show it:\n\n"
            + text.visibility(evidence),
        ),
        (
            "2.5 Synthetic data",
            text.bullets(
                [
                    provide("Used, yes or no"),
                    "Samples that their files or records mark as synthetic: "
                    + text.of_kind(evidence, "provenance.synthetic"),
                ]
            ),
        ),
        ("2.6 Other sources", text.bullets([provide("Other sources")])),
        (
            "3.1 Rights reservations",
            text.bullets(
                [
                    provide("Signatory of the Code of Practice, yes or no"),
                    provide("Measures to respect reservations"),
                    f"Samples with a training opt-out: {text.of_kind(evidence, 'provenance.opt_out')}",
                    "Samples with a missing or unclear licence: " + text.of_kind(evidence, "provenance.no_license"),
                ]
            ),
        ),
        ("3.2 Removal of illegal content", text.bullets([provide("Measures")])),
        ("3.3 Other information: personal data", _personal(evidence)),
    ]
    note = "Draft of the sections of the EU's template that this dataset bears on. It is no attestation."
    return text.document("Public summary of training content: this dataset's part", evidence, sections, note)


def _content(evidence: Evidence) -> str:
    scope = evidence.scope
    with_picture = scope.with_picture.value
    has_pictures = with_picture is not None and with_picture.low > 0
    formats = ", ".join(f"{text.escape(row.name)} {row.samples.text}" for row in scope.formats.value or [])
    return text.bullets(
        [
            f"Image: {text.measured('yes') if has_pictures else text.measured('no picture that could be read')}",
            text.provide("Text, audio, video"),
            f"Size: {text.measured(_size(with_picture))}" if has_pictures else text.provide("Size"),
            f"Samples: {text.count(scope.samples)}; with a picture: {text.count(scope.with_picture)}",
            f"File formats: {text.measured(formats)}",
            text.provide("Types of content (photography, visual art, infographics, social media images)"),
            f"Latest acquisition: {text.declared(evidence, 'collected_to')}",
            text.provide("Continuous collection, yes or no"),
            f"Languages: {text.declared(evidence, 'languages')}",
        ]
    )


def _size(pictures: Count | None) -> str:
    if pictures is None or pictures.high is None:
        return text.TO_BE_PROVIDED
    return next((name for limit, name in _BINS if pictures.high < limit), "more than 1 billion images")


def _personal(evidence: Evidence) -> str:
    parts = [text.kinds_table(evidence), text.links(evidence), text.bullets(text.redactions(evidence))]
    parts.append(text.bullets(text.limits(evidence)))
    return "\n\n".join(part for part in parts if part)
