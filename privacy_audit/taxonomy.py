"""Every finding code: title, category, default severity, W3C Data Privacy Vocabulary term.

Codes are dotted and lower case. Add freely; never rename, because audits, packs and baselines outlive a release.
DPV terms were checked against DPV 2.3; a code without a fitting term has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privacy_audit.types import Severity

Category = Literal["people", "location", "identity", "contact", "identifiers", "device", "hidden", "text", "provenance"]
Tier = Literal["direct", "contextual"]

CATEGORIES: dict[Category, str] = {
    "people": "People in the picture",
    "location": "Where and when",
    "identity": "Names",
    "contact": "Contact details",
    "identifiers": "Identifiers and secrets",
    "device": "Devices",
    "hidden": "Hidden pictures and data",
    "text": "Free text",
    "provenance": "Provenance and permission",
}

_PD = "https://w3id.org/dpv/pd#"
_DPV = "https://w3id.org/dpv#"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. `tier` tells values that identify on their own from those that need context."""

    code: str
    title: str
    category: Category
    severity: Severity
    dpv: str | None = None
    tier: Tier = "contextual"


def _codes() -> dict[str, Code]:
    info, low, medium = Severity.INFO, Severity.LOW, Severity.MEDIUM
    high, critical = Severity.HIGH, Severity.CRITICAL
    table: tuple[Code, ...] = (
        Code("face", "Face", "people", medium, _PD + "Picture"),
        Code("person.match", "Same person on several pictures", "people", critical, _PD + "FacialPrint"),
        Code("person.birth_date", "Birth date", "people", medium, _PD + "BirthDate"),
        Code("person.health", "Health information", "people", high, _PD + "Health"),
        Code("person.minor", "Child mentioned", "people", high, _DPV + "Child"),
        Code("gps.precise", "Precise location", "location", high, _PD + "GPSCoordinate", "direct"),
        Code("gps.coarse", "Coarse location", "location", low, _PD + "GPSCoordinate"),
        Code("place", "Place name", "location", low, _PD + "City"),
        Code("time", "Time of capture", "location", low),
        Code("name.owner", "Owner's name", "identity", medium, _PD + "Name", "direct"),
        Code("name.creator", "Creator's name", "identity", medium, _PD + "Name", "direct"),
        Code("name.person", "Person's name", "identity", medium, _PD + "Name"),
        Code("name.region", "Name on a face region", "identity", high, _PD + "Name", "direct"),
        Code("contact.email", "E-mail address", "contact", high, _PD + "EmailAddress", "direct"),
        Code("contact.phone", "Phone number", "contact", high, _PD + "TelephoneNumber", "direct"),
        Code("contact.address", "Postal address", "contact", high, _PD + "PhysicalAddress", "direct"),
        Code("contact.username", "User name", "contact", medium, _PD + "Username", "direct"),
        Code("id.national", "National identity number", "identifiers", critical, _PD + "OfficialID", "direct"),
        Code("id.tax", "Tax number", "identifiers", critical, _PD + "OfficialID", "direct"),
        Code("id.passport", "Passport number", "identifiers", critical, _PD + "Passport", "direct"),
        Code("id.mrz", "Machine-readable zone", "identifiers", critical, _PD + "OfficialID", "direct"),
        Code("id.card", "Payment card number", "identifiers", critical, _PD + "PaymentCardNumber", "direct"),
        Code("id.iban", "Bank account number", "identifiers", critical, _PD + "FinancialAccountNumber", "direct"),
        Code("id.ssn", "Social security number", "identifiers", critical, _PD + "OfficialID", "direct"),
        Code("id.plate", "Licence plate", "identifiers", medium, _PD + "VehicalLicenseNumber", "direct"),
        Code("net.ip", "IP address", "identifiers", medium, _PD + "IPAddress", "direct"),
        Code("net.mac", "MAC address", "identifiers", medium, _PD + "MACAddress", "direct"),
        Code("secret", "Key, token or password", "identifiers", critical, None, "direct"),
        Code("url.personal", "Personal URL", "contact", medium, None, "direct"),
        Code("device.serial", "Device serial number", "device", medium, _PD + "UID", "direct"),
        Code("device.uid", "Unique image or device id", "device", medium, _PD + "UID", "direct"),
        Code("device.makernote", "Vendor block that may hold serials or names", "device", low, _PD + "DeviceBased"),
        Code("embedded.thumbnail", "Embedded thumbnail", "hidden", medium, _PD + "Picture"),
        Code("embedded.second_image", "Second picture in the file", "hidden", medium, _PD + "Picture"),
        Code("embedded.trailer", "Data after the end of the picture", "hidden", medium),
        Code("embedded.video", "Video in the file", "hidden", medium),
        Code("embedded.depth", "Depth map in the file", "hidden", low),
        Code("text.free", "Free text in metadata", "text", low),
        Code("text.prompt", "Generator prompt", "text", low),
        Code("text.unread", "Text that could not be read", "text", low),
        Code("history", "Edit history", "text", low),
        Code("rights", "Rights or licence statement", "provenance", info),
        Code("provenance.public", "Evidence of being public", "provenance", info, _DPV + "PublicDataSource"),
        Code("provenance.private", "Private source", "provenance", critical, _DPV + "NonPublicDataSource"),
        Code("provenance.restricted", "Restricted audience", "provenance", high, _DPV + "NonPublicDataSource"),
        Code("provenance.unknown", "No evidence of visibility", "provenance", medium),
        Code("provenance.opt_out", "Training opt-out", "provenance", high, _DPV + "ConsentRefused"),
        Code("provenance.no_license", "Missing or unclear licence", "provenance", medium),
        Code("provenance.platform", "Passed through a platform", "provenance", low),
        Code("provenance.synthetic", "Marked as synthetic", "provenance", info, _DPV + "SyntheticData"),
    )
    return {entry.code: entry for entry in table}


CODES: dict[str, Code] = _codes()


def describe(code: str) -> Code:
    """The entry for `code`; the unknown code of a plug-in gets a neutral one, so that nothing is lost for its name."""
    known = CODES.get(code)
    return known or Code(code, code.replace(".", " ").replace("_", " ").capitalize(), "text", Severity.MEDIUM)


def matches(pattern: str, code: str) -> bool:
    """Whether `code` is named by `pattern`: the code itself, `gps.*` for a family, or `*` for all."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return code == pattern[:-2] or code.startswith(pattern[:-1])
    return code == pattern
