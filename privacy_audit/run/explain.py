"""Why an audit decided as it did: about one sample, or about one rule. Holds no value, preview or token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from privacy_audit.errors import AuditError
from privacy_audit.policy import effective, load
from privacy_audit.store.folder import AuditFolder
from privacy_audit.taxonomy import describe
from privacy_audit.types import ACTIONS, Action, Decision, Severity
from privacy_audit.yamlfile.wording import did_you_mean, hint, quote

COMBINATIONS = 10


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a pack says of a rule. All but the id is empty for a decision that no pack made."""

    rule_id: str
    title: str = ""
    why: str = ""
    match: str = ""
    severity: str = ""
    action: str = ""
    law: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionReason:
    """A rule that fired on the sample. `strongest`: nothing that was asked for is stronger than its action."""

    rule: RuleText
    severity: str
    action: Action
    codes: tuple[str, ...]
    strongest: bool


@dataclass(frozen=True, slots=True)
class SampleReasons:
    """Everything that decided about one sample. `findings`: code, channel and how many."""

    sample_id: str
    visibility: str
    training: str
    findings: tuple[tuple[str, str, int], ...]
    failures: tuple[tuple[str, str], ...]
    decisions: tuple[DecisionReason, ...]
    action: Action
    severity: str
    packs: tuple[str, ...]
    """Packs that asked for the strongest action."""


@dataclass(frozen=True, slots=True)
class RuleReasons:
    """A rule and what it did in the audit. Counts are samples.

    `alone`: no other rule asked for as strong an action there. `combinations`: the codes that it matched together.
    """

    rule: RuleText
    samples: int
    alone: int
    combinations: tuple[tuple[tuple[str, ...], int], ...]


@dataclass(frozen=True, slots=True)
class Against:
    """What speaks against using some samples: the code of a finding, or the rule that fired on their state.

    `files` are the ids of the first ones. `samples` counts all.
    """

    reason: str
    title: str
    severity: str
    samples: int
    files: tuple[str, ...]


def against(audit: AuditFolder, reason: str | None = None, limit: int = 20) -> list[Against]:
    """All reasons for which a rule asked for more than keeping a sample, the most severe first; or one of them."""
    rules = _rules(audit)
    severities = [severity.value for severity in Severity]
    rows = audit.sql(
        """
        WITH asked AS (
            SELECT sample_id, list_position($1, severity) AS rank,
                unnest(CASE WHEN len(codes) > 0 THEN codes ELSE [rule_id] END) AS reason
            FROM decisions WHERE action.kind <> 'keep'
        ), worst AS (SELECT reason, sample_id, max(rank) AS rank FROM asked GROUP BY ALL)
        SELECT reason, max(rank), count(*), list(sample_id ORDER BY sample_id)[1:$2]
        FROM worst WHERE $3 IS NULL OR reason = $3 GROUP BY reason ORDER BY 2 DESC, 3 DESC, 1
        """,
        [severities, limit, reason],
    )
    if reason is not None and not rows:
        raise AuditError(f"{quote(reason)} is the reason of no decision of this audit.")
    return [
        Against(
            found,
            rules[found].title if found in rules else describe(found).title,
            severities[rank - 1],
            samples,
            tuple(files),
        )
        for found, rank, samples, files in rows
    ]


def explain(audit: AuditFolder, what: str) -> SampleReasons | list[RuleReasons]:
    """About the sample with the id `what`, or else about the rule ("pack/rule", or "rule" in every pack that has one).

    Raises AuditError when there is neither.
    """
    rules = _rules(audit)
    if sample := _sample(audit, what, rules):
        return sample
    fired = {row[0] for row in audit.sql("SELECT DISTINCT rule_id FROM decisions")}
    ids = sorted(rules.keys() | fired)
    asked = [rule for rule in ids if what in (rule, rule.partition("/")[2])]
    if not asked:
        near = did_you_mean(what, [*ids, *(rule.partition("/")[2] for rule in ids)])
        raise AuditError(f"{quote(what)} is neither a sample nor a rule of this audit{hint(near)}.")
    return [_rule(audit, rules.get(rule, RuleText(rule))) for rule in asked]


def _rules(audit: AuditFolder) -> dict[str, RuleText]:
    found = {}
    for path in audit.packs():
        pack = load(path)
        for rule in pack.rules:
            said = rule.model_dump(mode="json", exclude_defaults=True)
            found[f"{pack.pack}/{rule.id}"] = RuleText(
                rule_id=f"{pack.pack}/{rule.id}",
                title=rule.title,
                why=rule.why,
                match=_flow(said["match"]),
                severity=rule.severity.value,
                action=_flow(said["action"]),
                law=tuple(law.text() for law in rule.law),
            )
    return found


def _flow(value: object) -> str:
    """Plain data in the flow style of YAML, as packs are written."""
    if isinstance(value, Mapping):
        code_first = sorted(value.items(), key=lambda entry: entry[0] != "code")
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in code_first) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) and value != "*" else json.dumps(value)


def _sample(audit: AuditFolder, sample_id: str, rules: Mapping[str, RuleText]) -> SampleReasons | None:
    rows = audit.sql("SELECT visibility, training FROM samples WHERE sample_id = ?", [sample_id])
    if not rows:
        return None
    findings = audit.sql(
        "SELECT code, channel, count(*) FROM findings WHERE sample_id = ? GROUP BY 1, 2 ORDER BY 1, 2", [sample_id]
    )
    failures = audit.sql("SELECT stage, kind FROM failures WHERE sample_id = ? ORDER BY 1, 2", [sample_id])
    decisions = [
        Decision(rule, Severity(severity), Action(action["kind"], dict(action["parameters"] or {})), tuple(codes or ()))
        for rule, severity, action, codes in audit.sql(
            "SELECT rule_id, severity, action, codes FROM decisions WHERE sample_id = ? ORDER BY rule_id", [sample_id]
        )
    ]
    action = effective(decisions)
    worst = max((decision.severity for decision in decisions), key=lambda severity: severity.rank, default=None)
    reasons = [
        DecisionReason(
            rules.get(decision.rule_id, RuleText(decision.rule_id)),
            decision.severity.value,
            decision.action,
            decision.codes,
            decision.action.kind == action.kind,
        )
        for decision in decisions
    ]
    reasons.sort(key=lambda reason: (not reason.strongest, -Severity(reason.severity).rank, reason.rule.rule_id))
    packs = sorted({reason.rule.rule_id.partition("/")[0] for reason in reasons if reason.strongest})
    return SampleReasons(
        sample_id,
        visibility=rows[0][0],
        training=rows[0][1],
        findings=tuple(findings),
        failures=tuple(failures),
        decisions=tuple(reasons),
        action=action,
        severity=worst.value if worst else "none",
        packs=tuple(packs),
    )


def _rule(audit: AuditFolder, rule: RuleText) -> RuleReasons:
    ((samples, alone),) = audit.sql(
        """
        WITH strength AS (
            SELECT sample_id, rule_id, list_position($2, action.kind) AS rank FROM decisions
        ), others AS (SELECT sample_id, max(rank) AS rank FROM strength WHERE rule_id <> $1 GROUP BY sample_id)
        SELECT count(DISTINCT s.sample_id), count(DISTINCT s.sample_id) FILTER (s.rank > coalesce(o.rank, 0))
        FROM strength s LEFT JOIN others o USING (sample_id) WHERE s.rule_id = $1
        """,
        [rule.rule_id, list(ACTIONS)],
    )
    combinations = audit.sql(
        "SELECT codes, count(*) AS n FROM decisions WHERE rule_id = ? GROUP BY codes ORDER BY n DESC, codes LIMIT ?",
        [rule.rule_id, COMBINATIONS],
    )
    return RuleReasons(rule, samples, alone, tuple((tuple(codes or ()), count) for codes, count in combinations))
