"""Croissant 1.1 with the RAI vocabulary 1.0: metadata of the dataset as JSON-LD.

Core fields are those that the publisher declares. A field that nobody stated is left out; only the name, which the
format requires, is then "to be provided". Files and records are not described: that is for who publishes them.
"""

from __future__ import annotations

import json
from typing import Any

from privacy_audit.report.exports.evidence import Evidence
from privacy_audit.report.exports.text import TO_BE_PROVIDED

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_CROISSANT = """
    arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format
    includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
    samplingRate separator source subField transform
"""
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _CROISSANT.split()},
}
_CORE = {
    "description": "description",
    "license": "license",
    "url": "url",
    "citeAs": "citation",
    "version": "version",
    "datePublished": "published",
}
_RAI = {
    "dataCollection": "collection",
    "dataCollectionRawData": "sources",
    "dataReleaseMaintenancePlan": "maintenance",
    "dataSocialImpact": "social_impact",
    "dataBiases": "biases",
    "dataUseCases": "uses",
}


def render(evidence: Evidence) -> str:
    """JSON-LD, validated by `mlcroissant` in the tests."""
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": evidence.said("name") or f"({TO_BE_PROVIDED})",
    }
    document |= {key: said for key, name in _CORE.items() if (said := evidence.said(name))}
    if publisher := evidence.said("publisher"):
        document["creator"] = document["publisher"] = {"@type": "sc:Organization", "name": publisher}
    if languages := evidence.said("languages"):
        document["inLanguage"] = languages
    document |= {f"rai:{key}": said for key, name in _RAI.items() if (said := evidence.said(name))}
    days = [day for name in ("collected_from", "collected_to") if (day := evidence.said(name))]
    lists = {
        "dataCollectionTimeframe": days,
        "personalSensitiveInformation": _personal(evidence),
        "dataManipulationProtocol": _manipulation(evidence),
        "dataPreprocessingProtocol": [said] if (said := evidence.said("preprocessing")) else [],
        "machineAnnotationTools": _tools(evidence),
        "dataLimitations": _limits(evidence),
    }
    document |= {f"rai:{key}": values for key, values in lists.items() if values}
    contact = evidence.said("contact")
    if contact and "rai:dataReleaseMaintenancePlan" not in document:
        document["rai:dataReleaseMaintenancePlan"] = f"Removal requests: {contact}"
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _personal(evidence: Evidence) -> list[str]:
    redaction = evidence.actions.redaction.value
    left = {row.code: row.after.text for row in redaction.residuals} if redaction and redaction.verified else {}
    rows = []
    for kind in evidence.findings.kinds.value or []:
        share = ""
        if kind.share is not None and kind.share_low is not None and kind.share_high is not None:
            share = f" ({kind.share:.2%}, 95 % interval {kind.share_low:.2%} to {kind.share_high:.2%})"
        text = f"{kind.title}: {kind.samples.text} of {kind.checked.text} samples checked{share}"
        if kind.dpv:
            text += f"; {kind.dpv}"
        if kind.code in left:
            text += f"; {left[kind.code]} findings left after redaction"
        rows.append(text)
    rows += [
        f"{row.title}: none found in {row.checked.text} samples checked"
        + (f" (at most {row.upper_bound:.2%} with 95 % confidence)" if row.upper_bound is not None else "")
        for row in evidence.findings.absent.value or []
    ]
    return rows


def _manipulation(evidence: Evidence) -> list[str]:
    facts = evidence.actions.redaction.value
    if facts is None:
        return []
    done = ", ".join(f"{row.name} {row.samples.text}" for row in facts.actions)
    state = "audited again" if facts.verified else "not audited again"
    return [f"Redaction by privacy-audit (obfuscation, not anonymisation), samples per action: {done}; copy {state}"]


def _tools(evidence: Evidence) -> list[str]:
    return [
        f"{evidence.audit.tool.value}: {row.name} {row.version}" + (f" ({row.thresholds})" if row.thresholds else "")
        for row in evidence.audit.detectors.value or []
    ]


def _limits(evidence: Evidence) -> list[str]:
    rows = [f"{row.name} misses: {row.limits}" for row in evidence.audit.detectors.value or []]
    unchecked = evidence.scope.unchecked.value
    if unchecked is not None and unchecked.high != 0:
        rows.append(f"{unchecked.text} samples could not be checked completely")
    rows += [
        f"Recall of {row.detector} ({row.variant}) for objects of {row.size}: {row.recall:.1%} "
        f"({row.recall_low:.1%} to {row.recall_high:.1%}), measured on {row.data}"
        for row in evidence.audit.recall.value or []
    ]
    if said := evidence.said("not_for"):
        rows.append(f"Not to be used for: {said}")
    return rows
