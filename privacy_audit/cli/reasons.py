"""What `policy explain` and `policy impact` print, for people and as JSON. No value, preview or token."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from privacy_audit.types import ACTIONS, Action, Severity

if TYPE_CHECKING:
    from privacy_audit.policy.impact import Impact, Outcome
    from privacy_audit.run.explain import Against, DecisionReason, RuleReasons, RuleText, SampleReasons

_WIDTH = 100
_SEVERITIES = ("none", *(severity.value for severity in Severity))


def sample_text(sample: SampleReasons) -> str:
    """Why one sample gets its action: what was found, who asked for what, and what was strongest."""
    asked = f", asked for by {', '.join(sample.packs)}" if sample.packs else ": no rule fired"
    lines = [
        f"{_printable(sample.sample_id)}: {_action(sample.action)}{asked}",
        f"  severity {sample.severity}, visibility {sample.visibility}, training {sample.training}",
        "",
        "Found",
        *(f"  {count:>5}  {code} in {channel}" for code, channel, count in sample.findings),
        *(f"         failed: {stage} ({kind})" for stage, kind in sample.failures),
    ]
    if not sample.findings and not sample.failures:
        lines.append("  nothing")
    lines += ["", "Decided (* is as strong as the action above)"]
    for reason in sample.decisions:
        lines += _reason_lines(reason)
    if not sample.decisions:
        lines.append("  nothing: the sample is kept")
    return "\n".join(lines)


def rules_text(rules: Iterable[RuleReasons]) -> str:
    """What each rule looks for, and what it did."""
    return "\n\n".join("\n".join(_rule_lines(rule)) for rule in rules)


def reasons_json(reasons: SampleReasons | Sequence[RuleReasons]) -> str:
    """The same as data: one sample, or a list of rules."""
    if isinstance(reasons, Sequence):
        return json.dumps({"rules": [asdict(rule) for rule in reasons]}, indent=1, ensure_ascii=False)
    found = asdict(reasons)
    found["findings"] = [
        {"code": code, "channel": channel, "count": count} for code, channel, count in reasons.findings
    ]
    found["failures"] = [{"stage": stage, "kind": kind} for stage, kind in reasons.failures]
    return json.dumps({"sample": found}, indent=1, ensure_ascii=False)


def against_text(found: Sequence[Against]) -> str:
    """Files below what speaks against using them."""
    if not found:
        return "Nothing speaks against using any file."
    blocks = []
    for entry in found:
        lines = [f"{entry.severity:<9} {entry.title} ({entry.reason}): {entry.samples:,}"]
        lines += [f"  {_printable(name)}" for name in entry.files]
        if entry.samples > len(entry.files):
            lines.append(f"  ... {entry.samples - len(entry.files):,} more: --reason {entry.reason} --limit N")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def against_json(found: Sequence[Against]) -> str:
    """The same as data."""
    return json.dumps({"reasons": [asdict(entry) for entry in found]}, indent=1, ensure_ascii=False)


def impact_text(impact: Impact) -> str:
    """The difference between two policies as tables."""
    same_kind = impact.changed - impact.stronger - impact.weaker
    changed = (
        f"{impact.changed:,} of {impact.samples:,} samples change: {impact.stronger:,} to a stronger action, "
        f"{impact.weaker:,} to a weaker one, {same_kind:,} in what is redacted or in severity."
    )
    lines = [changed, *_totals("Action", ACTIONS, impact.actions)]
    lines += _totals("Severity", _SEVERITIES, impact.severities)
    moves = [(old, new, count) for (old, new), count in impact.actions.most_common() if old != new]
    if moves:
        lines += ["", "Moves", *(f"  {old} -> {new}: {count:,}" for old, new, count in moves)]
    rows = [(name, r.old, r.new, r.lost, r.gained) for name, r in sorted(impact.rules.items()) if r.lost or r.gained]
    if rows:
        lines += ["", *_table(("Rule", "old", "new", "lost", "gained"), rows)]
    if impact.examples:
        lines.append("")
    for sample_id, old, new in impact.examples:
        lines.append(f"{_printable(sample_id)}: {old.action}, {old.severity} -> {new.action}, {new.severity}")
    return "\n".join(lines)


def impact_json(impact: Impact) -> str:
    """The same as data. Every rule that fires by either policy is listed, changed or not."""
    found = {
        "samples": impact.samples,
        "changed": impact.changed,
        "stronger": impact.stronger,
        "weaker": impact.weaker,
        "actions": _pairs(impact.actions),
        "severities": _pairs(impact.severities),
        "rules": {rule: asdict(counts) for rule, counts in sorted(impact.rules.items())},
        "examples": [
            {"sample_id": name, "old": _outcome(old), "new": _outcome(new)} for name, old, new in impact.examples
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _reason_lines(reason: DecisionReason) -> list[str]:
    mark = "*" if reason.strongest else " "
    because = f"because of {', '.join(reason.codes)}" if reason.codes else "because of its state, not of a finding"
    return [
        f"{mark} {reason.rule.rule_id}: {_action(reason.action)}, {reason.severity}",
        f"    {because}",
        *_said(reason.rule),
    ]


def _rule_lines(reasons: RuleReasons) -> list[str]:
    rule = reasons.rule
    lines = [rule.rule_id, *_said(rule)]
    if rule.match:
        lines += [
            click.wrap_text(f"match {rule.match}", _WIDTH, "    ", "      "),
            f"    severity {rule.severity}, action {rule.action}",
        ]
    if reasons.samples:
        alone = f"on {reasons.alone:,} of them no other rule asked for as strong an action"
        lines.append(f"  It fired on {reasons.samples:,} sample{'' if reasons.samples == 1 else 's'}; {alone}.")
    else:
        lines.append("  It did not fire.")
    lines += [f"  {count:>7,}  by {', '.join(codes) or 'state'}" for codes, count in reasons.combinations]
    return lines


def _said(rule: RuleText) -> list[str]:
    if not rule.title:
        return ["    not of a rule pack"]
    said = [click.wrap_text(f"{rule.title}. {rule.why}", _WIDTH, "    ", "    ")]
    return [*said, click.wrap_text("; ".join(rule.law), _WIDTH, "    ", "    ")] if rule.law else said


def _action(action: Action) -> str:
    hidden = "; ".join(f"{name} {value.replace(',', ', ')}" for name, value in sorted(action.parameters.items()))
    return f"{action.kind} ({hidden})" if hidden else action.kind


def _totals(title: str, names: Sequence[str], moves: Mapping[tuple[str, str], int]) -> list[str]:
    old, new = Counter[str](), Counter[str]()
    for (before, after), count in moves.items():
        old[before] += count
        new[after] += count
    rows = [(name, old[name], new[name], f"{new[name] - old[name]:+,}") for name in names if old[name] or new[name]]
    return ["", *_table((title, "old", "new", "change"), rows)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
    texts = [tuple(header), *(tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    ]


def _pairs(moves: Mapping[tuple[str, str], int]) -> list[dict[str, str | int]]:
    return [{"old": old, "new": new, "samples": count} for (old, new), count in sorted(moves.items())]


def _outcome(outcome: Outcome) -> dict[str, object]:
    return {
        "action": outcome.action,
        "parameters": dict(outcome.parameters),
        "severity": outcome.severity,
        "rules": sorted(outcome.rules),
    }


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
