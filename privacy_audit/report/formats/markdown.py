"""The gate's outcome as a comment on a pull request: short, inside the length that GitHub takes, nothing that acts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from privacy_audit.report.measure import summarise
from privacy_audit.taxonomy import describe

if TYPE_CHECKING:
    from privacy_audit.report.summary import Summary
    from privacy_audit.store.folder import AuditFolder

MAX_CHARS = 60_000
"""GitHub takes 65,536."""
ROWS = 15
_CELL_CHARS = 160
_HEADINGS = {0: "passed", 1: "failed", 3: "incomplete"}
_ACTING = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@:&$])")


def comment(audit: AuditFolder, exit_code: int) -> Iterator[str]:
    """Verdict, what was found, which rules fired, what people settled, what was not looked at."""
    summary = summarise(audit)
    parts = [
        f"## Privacy audit: {_HEADINGS[exit_code]}\n",
        _verdict(summary, exit_code),
        *_findings(summary),
        *_rules(summary),
        *_settled(summary),
        *_failures(summary),
        "\nFindings are leads, not proof of a violation, and no finding is no proof of safety.\n",
    ]
    text = "".join(parts)
    yield text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}\n\n(cut)\n"


def _verdict(summary: Summary, exit_code: int) -> str:
    samples, limit = summary.scope.samples, summary.manifest.options.get("fail_on", "high")
    if exit_code == 1:
        new = " new" if summary.settled is not None and summary.settled.baseline is not None else ""
        violating = f"{summary.verdict.violating:,} of {samples:,} samples"
        return f"{violating} have{new} decisions of severity {escaped(str(limit))} or above.\n"
    if exit_code == 3:
        return f"{summary.verdict.unchecked:,} of {samples:,} samples could not be checked by every detector.\n"
    return f"No decision that counts is of severity {escaped(str(limit))} or above, on {samples:,} samples.\n"


def _findings(summary: Summary) -> list[str]:
    kinds = summary.findings.kinds
    rows = [
        (describe(row.code).title, row.code, row.severity.value, f"{row.findings:,}", f"{row.samples:,}")
        for row in kinds.rows[:ROWS]
    ]
    more = len(kinds.rows) - len(rows) + kinds.more
    return _table(("Found", "Code", "Severity", "Findings", "Samples"), rows, more)


def _rules(summary: Summary) -> list[str]:
    rules = summary.decisions.rules
    rows = [
        (row.title, f"{row.pack}/{row.rule}", row.severity.value, ", ".join(row.actions), f"{row.samples:,}")
        for row in rules.rows[:ROWS]
    ]
    more = len(rules.rows) - len(rows) + rules.more
    return _table(("Rule that fired", "Id", "Severity", "Action", "Samples"), rows, more)


def _settled(summary: Summary) -> list[str]:
    settled = summary.settled
    if settled is None:
        return []
    active = sum(entry.active for entry in settled.suppressions)
    lines = [
        f"- {settled.suppressed:,} decisions suppressed, {settled.reviewed:,} taken away by reviews\n",
        f"- {active:,} suppressions active, {len(settled.suppressions) - active:,} expired\n",
    ]
    if settled.baseline is not None:
        lines.append(f"- {settled.baseline.findings:,} findings in the baseline, {settled.baseline.new:,} new\n")
    return ["\n", *lines]


def _failures(summary: Summary) -> list[str]:
    rows = [(row.stage, row.message, f"{row.samples:,}") for row in summary.failures.rows[:ROWS]]
    more = len(summary.failures.rows) - len(rows) + summary.failures.more
    return _table(("Not checked", "Why", "Samples"), rows, more)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], more: int) -> list[str]:
    if not rows:
        return []
    lines = ["\n", _row(head), "|" + " --- |" * len(head) + "\n"]
    lines += [_row(tuple(escaped(cell) for cell in row)) for row in rows]
    return lines + ([f"\nand {more:,} more\n"] if more else [])


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def escaped(text: str) -> str:
    """Text that is shown as it is: no markup, no mention, no link, no line end, no invisible character."""
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in text[:_CELL_CHARS])
    return _ACTING.sub(lambda match: f"&#{ord(match[1])};", plain)
