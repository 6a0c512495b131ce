"""What has to be said, and is recorded, before faces are compared: the purpose and the legal basis."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from privacy_audit.errors import PrivacyAuditError

MAX_CHARS = 500


@dataclass(frozen=True, slots=True)
class Biometrics:
    """Permission to compare faces, given by the person who runs the tool. Both texts end up in the audit or case.

    Raises PrivacyAuditError when one of them says nothing.
    """

    purpose: str
    legal_basis: str

    def __post_init__(self) -> None:
        for text, option in ((self.purpose, "--purpose"), (self.legal_basis, "--legal-basis")):
            if not text.strip() or len(text) > MAX_CHARS or not text.isprintable():
                raise PrivacyAuditError(
                    f"{option} must say, in one line of at most {MAX_CHARS} characters, why faces may be compared."
                )

    def facts(self) -> dict[str, str]:
        """The two texts as they stand in audit.json and case.json."""
        return asdict(self)
