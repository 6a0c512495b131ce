"""privacy-audit: audits image training datasets for privacy.

import privacy_audit as pa

audit = pa.scan("photos", policy="gdpr")
audit.findings.to_pandas()
audit.report("report.html")
pa.detectors.Faces()("photo.jpg")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from privacy_audit import detectors
from privacy_audit.errors import (
    AuditError,
    CaseError,
    DetectorError,
    IncompleteAuditError,
    IntegrityError,
    ModelError,
    PictureError,
    PolicyError,
    PrivacyAuditError,
    SourceError,
)
from privacy_audit.types import (
    Action,
    Box,
    Decision,
    Failure,
    Finding,
    Needs,
    Quad,
    Sample,
    Severity,
    Skipped,
    Span,
    Tag,
    Text,
)
from privacy_audit.version import __version__

if TYPE_CHECKING:
    from privacy_audit.api import (
        Audit,
        check,
        check_proof,
        decide,
        diff,
        erase_subject,
        export,
        find_subject,
        plan_redaction,
        prove,
        redact,
        scan,
        sign,
        strip,
        verify,
        verify_signature,
    )
    from privacy_audit.subject.biometrics import Biometrics
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.find import Request

__all__ = [
    "Action",
    "Audit",
    "AuditError",
    "Biometrics",
    "Box",
    "Case",
    "CaseError",
    "Decision",
    "DetectorError",
    "Failure",
    "Finding",
    "IncompleteAuditError",
    "IntegrityError",
    "ModelError",
    "Needs",
    "PictureError",
    "PolicyError",
    "PrivacyAuditError",
    "Quad",
    "Request",
    "Sample",
    "Severity",
    "Skipped",
    "SourceError",
    "Span",
    "Tag",
    "Text",
    "__version__",
    "check",
    "check_proof",
    "decide",
    "detectors",
    "diff",
    "erase_subject",
    "export",
    "find_subject",
    "plan_redaction",
    "prove",
    "redact",
    "scan",
    "sign",
    "strip",
    "verify",
    "verify_signature",
]

_API = (
    "Audit",
    "check",
    "check_proof",
    "decide",
    "diff",
    "erase_subject",
    "export",
    "find_subject",
    "plan_redaction",
    "prove",
    "redact",
    "scan",
    "sign",
    "strip",
    "verify",
    "verify_signature",
)
_LAZY = {
    **dict.fromkeys(_API, "privacy_audit.api"),
    "Biometrics": "privacy_audit.subject.biometrics",
    "Case": "privacy_audit.subject.case",
    "Request": "privacy_audit.subject.find",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
