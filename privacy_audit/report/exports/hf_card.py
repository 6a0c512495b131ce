"""For a Hugging Face dataset card: a patch of its front matter, and the sections on personal information."""

from __future__ import annotations

import json
import re

from privacy_audit.detectors.provenance.licenses import recognise
from privacy_audit.report.exports import text
from privacy_audit.report.exports.evidence import Count, Evidence
from privacy_audit.report.exports.text import TO_BE_PROVIDED

_SIZES = [
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
]
_HUB_LICENSES = re.compile(r"(cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.0|apache-2\.0|mit|pddl|odbl|odc-by)")


def render(evidence: Evidence) -> str:
    """Markdown with a front matter: merge its keys into the card's, and put the sections in place of the card's."""
    sections = [
        ("## Personal and Sensitive Information", _personal(evidence)),
        ("### Source Data Producers", text.declared(evidence, "sources") + "\n\n" + text.visibility(evidence)),
        ("### Data Collection", _collection(evidence)),
        ("## Bias, Risks, and Limitations", _limits(evidence)),
    ]
    body = "\n\n".join(f"{head}\n\n{content}" for head, content in sections)
    return f"{_front_matter(evidence)}\n{body}\n"


def _front_matter(evidence: Evidence) -> str:
    lines = ["---"]
    if name := evidence.said("name"):
        lines.append(f"pretty_name: {json.dumps(name, ensure_ascii=False)}")
    if licence := evidence.said("license"):
        lines += _license(licence)
    if size := _size(evidence.scope.samples.value):
        lines += ["size_categories:", f"- {size}"]
    return "\n".join([*lines, "tags:", "- privacy-audit", "---", ""])


def _license(declared: str) -> list[str]:
    """The Hub's word for a licence; one that it does not know is `other`, with its name."""
    known = recognise(declared)
    word = (known.id if known else declared).strip().lower()
    if _HUB_LICENSES.fullmatch(word):
        return [f"license: {word}"]
    return ["license: other", f"license_name: {json.dumps(declared, ensure_ascii=False)}"]


def _size(samples: Count | None) -> str | None:
    if samples is None or samples.high is None:
        return None
    bins = {next((name for limit, name in _SIZES if end < limit), "n>1B") for end in (samples.low, samples.high)}
    return bins.pop() if len(bins) == 1 else None


def _personal(evidence: Evidence) -> str:
    audit, scope = evidence.audit, evidence.scope
    intro = (
        f"Audited with {text.escape(audit.tool.value or '')} on {text.escape((audit.finished.value or '')[:10])}: "
        f"{text.number(scope.samples)} samples, {text.number(scope.unchecked)} of them not completely checked."
    )
    if evidence.audience == "public":
        intro += " Counts under 10, and others that would give them away, are ranges."
    lines = [intro, text.kinds_table(evidence)]
    lines.append(
        f"Samples whose texts mention a child: {text.of_kind(evidence, 'person.minor')}. "
        "The age of people in pictures is not guessed."
    )
    lines.append(text.links(evidence))
    done = text.redactions(evidence)
    lines.append(text.bullets(done) if done else "The data was not redacted with this tool.")
    lines.append(f"Objections and removal requests: {text.declared(evidence, 'contact')}")
    lines.append(f"How removal is carried out: {text.declared(evidence, 'maintenance')}")
    return "\n\n".join(lines)


def _collection(evidence: Evidence) -> str:
    rows = {"How": "collection", "From": "collected_from", "To": "collected_to", "How people were told": "notice"}
    return text.bullets(f"{label}: {text.declared(evidence, key)}" for label, key in rows.items())


def _limits(evidence: Evidence) -> str:
    declared = [text.declared(evidence, key) for key in ("biases", "not_for") if evidence.said(key)]
    return text.bullets([*declared, *text.limits(evidence)]) or f"*{TO_BE_PROVIDED}*"
