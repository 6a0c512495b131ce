"""Markdown made of facts: what the publisher or the data say is text and never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from privacy_audit.report.exports.evidence import Count, DetectorFacts, Evidence, Fact, KindFacts

TO_BE_PROVIDED = "to be provided"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&$])")
_BLOCK = re.compile(r"^([-+#=]|\d+(?=[.)](\s|$)))")


def escape(text: str) -> str:
    """`text` on one line, so that Markdown and HTML show it as it is written."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    plain = _SPECIAL.sub(r"\\\1", " ".join(plain.split()))
    block = _BLOCK.match(plain)
    if block is None:
        return plain
    return f"\\{plain}" if not block[1].isdigit() else f"{block[1]}\\{plain[block.end() :]}"


def declared(evidence: Evidence, key: str) -> str:
    """What the publisher declares, marked as such, or "to be provided"."""
    value = evidence.said(key)
    return f"{escape(value)} *(declared)*" if value else f"*{TO_BE_PROVIDED}*"


def measured(text: str) -> str:
    """A text that this audit measured, marked as such."""
    return f"{text} *(measured)*"


def count(fact: Fact[Count]) -> str:
    """A measured count, marked as such."""
    return measured(fact.value.text) if fact.value is not None else f"*{TO_BE_PROVIDED}*"


def number(fact: Fact[Count]) -> str:
    """A count as it is published, without a mark."""
    return fact.value.text if fact.value is not None else TO_BE_PROVIDED


def of_kind(evidence: Evidence, code: str) -> str:
    """Samples with a finding of one kind, marked as measured, or that nobody looked for it."""
    if code in (evidence.findings.not_sought.value or []):
        return "*not looked for*"
    counts = {row.code: row.samples.text for row in evidence.findings.kinds.value or []}
    return measured(counts.get(code, "0"))


def provide(what: str) -> str:
    """A line for something that only a person can say."""
    return f"{what}: *{TO_BE_PROVIDED}*"


def bullets(rows: Iterable[str]) -> str:
    """A list, one item a row."""
    return "\n".join(f"- {row}" for row in rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def document(title: str, evidence: Evidence, sections: Iterable[tuple[str, str]], note: str) -> str:
    """A whole document. The first lines say what the marks mean."""
    marks = (
        "Every line is marked: *(measured)* was counted by the audit, *(declared)* is what the publisher states, "
        f"*{TO_BE_PROVIDED}* is for a person to fill in. Counts under 10 are not published."
    )
    if evidence.audience == "internal":
        marks = marks.replace(" Counts under 10 are not published.", " For internal use.")
    parts = [f"# {title}", f"{note} {marks}", *(f"## {head}\n\n{body}" for head, body in sections if body)]
    return "\n\n".join(parts) + "\n"


def kinds_table(evidence: Evidence, kinds: Sequence[KindFacts] | None = None) -> str:
    """Kinds of finding with counts, shares and what redaction left."""
    rows = evidence.findings.kinds.value or [] if kinds is None else kinds
    if not rows:
        return measured("No finding.")
    redaction = evidence.actions.redaction.value
    left = {row.code: row.after.text for row in redaction.residuals} if redaction and redaction.verified else {}
    head = ["Kind", "Samples", "Of checked", "Share (95 % interval)", "Severity", "Findings left after redaction"]
    return table(
        head,
        [
            [
                escape(row.title),
                row.samples.text,
                row.checked.text,
                share(row),
                row.severity,
                left.get(row.code, "not redacted or not verified"),
            ]
            for row in rows
        ],
    )


def share(row: KindFacts) -> str:
    """A share with its interval; a dash where a count is a range."""
    if row.share is None or row.share_low is None or row.share_high is None:
        return "-"
    return f"{percent(row.share)} ({percent(row.share_low)} to {percent(row.share_high)})"


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def limits(evidence: Evidence) -> list[str]:
    """What the audit cannot say, one sentence each."""
    found, scope = evidence.findings, evidence.scope
    rows = [f"{escape(row.name)} {escape(row.version)}: {escape(row.limits)}" for row in _detectors(evidence)]
    if found.not_sought.value:
        rows.append("Not looked for: " + ", ".join(escape(code) for code in found.not_sought.value) + ".")
    if scope.unchecked.value is not None and scope.unchecked.value.high != 0:
        rows.append(f"{scope.unchecked.value.text} samples could not be checked completely.")
    rows += [
        f"{escape(row.name)} did not look at {row.skipped.text} samples, as planned."
        for row in _detectors(evidence)
        if row.skipped.high != 0
    ]
    rows += [
        f"Recall of {escape(row.detector)} ({escape(row.variant)}) for objects of {escape(row.size)}: "
        f"{percent(row.recall)} ({percent(row.recall_low)} to {percent(row.recall_high)}), on {escape(row.data)}."
        for row in evidence.audit.recall.value or []
    ]
    return [measured(row) for row in rows]


def tools(evidence: Evidence) -> list[str]:
    """The detectors that ran, one sentence each."""
    return [
        measured(
            f"{escape(row.name)} {escape(row.version)}: {escape(row.method)}"
            + (f" Thresholds: {escape(row.thresholds)}" if row.thresholds else "")
            + f" Checked {row.checked.text} samples, failed on {row.failed.text}, skipped {row.skipped.text}."
        )
        for row in _detectors(evidence)
    ]


def redactions(evidence: Evidence) -> list[str]:
    """What redaction did, one sentence each; empty when there was none."""
    facts = evidence.actions.redaction.value
    if facts is None:
        return []
    done = ", ".join(f"{escape(row.name)} {row.samples.text}" for row in facts.actions) or "nothing"
    outcomes = ", ".join(f"{escape(row.name)} {row.samples.text}" for row in facts.outcomes)
    verified = "was audited again" if facts.verified else "was not audited again"
    rows = [f"Samples by what was done: {done}. Samples by outcome: {outcomes}.", f"The copy {verified}."]
    if facts.verified:
        rows.append(
            "Nothing that was to be removed was found again." if facts.passed else "Some of it was found again."
        )
    if not facts.current:
        rows.append("Audit or rules changed since.")
    rows.append("Redaction is obfuscation, not anonymisation: bodies, clothes and places still identify.")
    return [measured(row) for row in rows]


def visibility(evidence: Evidence) -> str:
    """Who could see the samples, and whether they may be trained on, as a table."""
    rows = evidence.provenance.visibility.value or []
    names = list(rows[0].training) if rows else []
    return table(
        ["Visibility, on evidence", "Samples", *(f"training {name}" for name in names)],
        [[row.visibility, row.samples.text, *(row.training[name].text for name in names)] for row in rows],
    )


def links(evidence: Evidence) -> str:
    """What stands together on one sample, as a table."""
    rows = [row for row in evidence.findings.linkage.value or [] if row.sought]
    return table(["Together on one sample", "Samples"], [[" + ".join(row.parts), row.samples.text] for row in rows])


def _detectors(evidence: Evidence) -> list[DetectorFacts]:
    return evidence.audit.detectors.value or []
