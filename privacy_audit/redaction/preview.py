"""What a redaction would do, counted from the audit alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from privacy_audit.redaction import orders
from privacy_audit.redaction.orders import TEXT_CHANNELS, Orders
from privacy_audit.redaction.regions import Method
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Span


@dataclass(slots=True)
class Preview:
    """Counts of samples, but for `places`: regions to cover and stretches of text to mask, per action.

    `outcomes` are redact, keep, review, drop, quarantine, and withheld (what could not be checked). `rules` maps an
    action to the rules that ask for it, with the samples on which they do.
    """

    samples: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    rules: dict[str, Counter[str]] = field(default_factory=dict)


def preview(audit: AuditFolder, method: Method | None = None) -> Preview:
    """Count what the decisions of an audit ask for."""
    result = Preview()
    detectors = {entry.name for entry in audit.manifest.detectors}
    for shard in orders.every(audit.path, audit.manifest.parts):
        for order in shard.values():
            _add(result, order.covering(method), detectors)
    return result


def _add(result: Preview, order: Orders, detectors: set[str]) -> None:
    kind = order.action.kind
    result.samples += 1
    unchecked = order.failed & detectors or any(failure.stage == "picture" for failure in order.failures)
    if unchecked and kind not in {"drop", "quarantine"}:
        result.outcomes["withheld"] += 1
        return
    result.outcomes[kind] += 1
    if kind != "keep":
        result.rules.setdefault(kind, Counter()).update(order.rules)
    if kind != "redact":
        return
    for region in order.regions():
        result.places[region.method] += 1
    result.actions.update({region.method for region in order.regions()})
    texts = sum(f.channel in TEXT_CHANNELS and isinstance(f.where, Span) for f in order.wanted("mask"))
    result.places["mask"] += texts
    result.actions["mask"] += texts > 0
    result.actions["strip"] += "strip" in order.action.parameters
