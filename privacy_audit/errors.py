"""What can go wrong for a user. Every message says what failed and what to do next, and holds no personal value.

    PrivacyAuditError
    +-- SourceError          the dataset cannot be opened or understood
    +-- PolicyError          file:line:column of every mistake, with "did you mean"
    +-- ModelError           which package should hold the model, which sha256 was expected
    +-- DetectorError        a detector or plug-in cannot be loaded, or failed when used alone
    +-- PictureError         one picture cannot be read; inside a scan it becomes a row in `failures`
    +-- AuditError           the audit folder is not one, is in use, or does not fit the request
    |   +-- IncompleteAuditError  what is missing, and the command that finishes it
    +-- IntegrityError       a signature or a proof does not hold
    +-- CaseError            the case of a person's request is not one, or is not ready for what was asked

A fault in one sample is not an exception for the user: it is a `Failure` row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy_audit.types import FailureKind


class PrivacyAuditError(Exception):
    """Base of every error that privacy-audit raises on purpose."""


class SourceError(PrivacyAuditError):
    """The dataset cannot be opened or understood."""


class PolicyError(PrivacyAuditError):
    """A rule pack is wrong. `mistakes` holds one `file:line:column: what` per mistake."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ModelError(PrivacyAuditError):
    """A model file is missing or is not the one that was expected."""


class DetectorError(PrivacyAuditError):
    """A detector cannot be loaded, or failed when it was called alone."""


class PictureError(PrivacyAuditError):
    """One picture cannot be read. `kind` is the kind of the failure row that it becomes in a scan."""

    def __init__(self, message: str, kind: FailureKind = "unreadable") -> None:
        super().__init__(message)
        self.kind: FailureKind = kind


class AuditError(PrivacyAuditError):
    """The audit folder is not one, is in use, or does not fit the request."""


class IncompleteAuditError(AuditError):
    """An audit was interrupted; the message names the command that finishes it."""


class IntegrityError(PrivacyAuditError):
    """A signature or a proof does not hold: something was changed, or belongs elsewhere."""


class CaseError(PrivacyAuditError):
    """The case of a person's request is not one, or is not ready for what was asked."""
