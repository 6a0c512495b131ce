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
    DetectorError,
    IncompleteAuditError,
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
    from privacy_audit.api import Audit, redact, report, scan, strip

__all__ = [
    "Action",
    "Audit",
    "AuditError",
    "Box",
    "Decision",
    "DetectorError",
    "Failure",
    "Finding",
    "IncompleteAuditError",
    "ModelError",
    "Needs",
    "PictureError",
    "PolicyError",
    "PrivacyAuditError",
    "Quad",
    "Sample",
    "Severity",
    "Skipped",
    "SourceError",
    "Span",
    "Tag",
    "Text",
    "__version__",
    "detectors",
    "redact",
    "report",
    "scan",
    "strip",
]

_LAZY = {"Audit", "redact", "report", "scan", "strip"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("privacy_audit.api"), name)
