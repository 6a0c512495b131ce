"""Rule packs: from findings to decisions.

pack = load("baseline")                    # or the path of a YAML file
decisions = decide([pack], findings)       # one per rule that fires
action = effective(decisions)              # what is to be done with the sample
"""

from __future__ import annotations

from privacy_audit.policy.decide import (
    LookedAt,
    counted,
    decide,
    effective,
    fingerprint,
    looked_at,
    rated_rules,
    terms,
)
from privacy_audit.policy.load import builtin, load, names
from privacy_audit.policy.rates import rates, shares
from privacy_audit.policy.schema import Pack, Rule, json_schema
from privacy_audit.policy.testing import check, coverage

__all__ = [
    "LookedAt",
    "Pack",
    "Rule",
    "builtin",
    "check",
    "counted",
    "coverage",
    "decide",
    "effective",
    "fingerprint",
    "json_schema",
    "load",
    "looked_at",
    "names",
    "rated_rules",
    "rates",
    "shares",
    "terms",
]
