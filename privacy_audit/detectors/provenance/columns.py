"""The record columns that speak of provenance, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from privacy_audit.detectors.provenance import names, permissions, sources, values
from privacy_audit.detectors.provenance.signals import Signal

Subject = Literal["audience", "license", "other"]


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is read. `anywhere`: its name is clear at any depth of a record, whatever its parents are."""

    read: values.Read
    subject: Subject = "other"
    anywhere: bool = False


_PUBLIC, _PRIVATE = Signal("", visibility="public"), Signal("", visibility="private")
_RESTRICTED = Signal("", visibility="restricted")
_ALLOWED, _DENIED = Signal("", training="allowed"), Signal("", training="denied")
_CONSENT_WORDS = values.words("consent", values.CONSENTS)

# Names without case and separators; one row per way of reading.
_TABLE: tuple[tuple[Column, tuple[str, ...]], ...] = (
    (
        Column(values.audience, "audience"),
        (
            *("visibility", "visibilitylevel", "visibilitysetting", "privacy", "privacylevel", "privacysetting"),
            *(
                "privacysettings",
                "privacystatus",
                "audience",
                "audiencetype",
                "sharing",
                "sharingsetting",
                "sharedwith",
            ),
        ),
    ),
    (
        Column(values.flag("audience", _PUBLIC, _PRIVATE, values.audience), "audience"),
        ("public", "ispublic", "publiclyvisible", "ispubliclyvisible", "publiclyavailable", "ispubliclyavailable"),
    ),
    (
        Column(values.flag("audience", _PRIVATE, None, values.audience), "audience"),
        ("private", "isprivate", "isfriend", "isfriends", "isfamily", "friendsonly", "familyonly", "inlockedfolder"),
    ),
    (
        Column(values.flag("audience", _RESTRICTED, None, values.audience), "audience"),
        (
            *("isrestricted", "unlisted", "isunlisted", "followersonly", "membersonly", "loginrequired"),
            *("requireslogin", "paywalled", "ispaywalled"),
        ),
    ),
    (
        Column(values.license_text, "license"),
        (
            *("license", "licenseurl", "licensename", "licenselink", "licensetype", "licensetitle", "licensecode"),
            *("licence", "licenceurl", "licencename", "licencelink", "licencetype", "licencetitle", "licencecode"),
            *("licensetext", "imagelicense", "imagelicence", "rights", "rightsurl", "rightsstatement", "usageterms"),
            *("usagerights", "webstatement", "copyright", "copyrightstatus", "copyrightnotice", "terms", "termsofuse"),
        ),
    ),
    (
        Column(values.flickr_license, "license"),
        ("licenseid", "licenceid", "flickrlicense", "flickrlicence", "flickrlicenseid", "flickrlicenceid"),
    ),
    (
        Column(values.dataset_license, "license"),
        ("datasetlicense", "datasetlicence", "datasetlicenseurl", "datasetlicenceurl"),
    ),
    # A bare "consent: yes" does not say to what; a refusal of anything is one.
    (
        Column(values.flag("consent", replace(_ALLOWED, confidence="medium"), _DENIED, _CONSENT_WORDS)),
        ("consent", "hasconsent", "consented", "consentgiven", "consentstatus"),
    ),
    (
        Column(values.flag("consent", _ALLOWED, _DENIED, _CONSENT_WORDS), anywhere=True),
        ("consenttotrain", "consenttotraining", "consenttraining", "trainingconsent", "aiconsent", "consentai"),
    ),
    (
        Column(
            values.flag(
                "training permission", _ALLOWED, _DENIED, values.words("training permission", values.PERMISSIONS)
            ),
            anywhere=True,
        ),
        (
            *("trainingallowed", "allowtraining", "allowstraining", "aitrainingallowed", "allowaitraining"),
            *("aitraining", "trainingpermission", "trainingpermitted", "trainai"),
        ),
    ),
    (
        Column(values.flag("opt-out", _DENIED, None, values.words("opt-out", values.REFUSALS)), anywhere=True),
        (
            *("optout", "optedout", "hasoptedout", "aioptout", "optoutai", "trainingoptout", "optouttraining"),
            *("donottrain", "donottrainai", "noai", "noaitraining", "noimageai", "notraining"),
        ),
    ),
    (
        Column(values.robots, anywhere=True),
        ("robots", "robotstag", "xrobotstag", "metarobots", "robotsmeta", "robotsheader", "robotsdirectives"),
    ),
    (
        Column(values.flag("robots", None, _DENIED), anywhere=True),
        ("robotsallowed", "robotstxtallowed", "allowedbyrobots"),
    ),
    (Column(values.download_error), ("errormessage",)),
    (Column(values.tdm_reservation, anywhere=True), ("tdmreservation", "tdmreserved")),
    (
        Column(values.text(permissions.content_usage), anywhere=True),
        ("contentusage", "aipref", "contentsignal", "contentsignals"),
    ),
    (
        Column(values.text(permissions.plus_data_mining), anywhere=True),
        ("datamining", "plusdatamining", "xmpdatamining"),
    ),
    (
        Column(values.text(names.in_source)),
        ("source", "sourceplatform", "sourceapp", "platform", "origin", "service"),
    ),
    (Column(values.text(sources.digital_source), anywhere=True), ("digitalsourcetype", "digitalsourcefiletype")),
    (
        Column(values.flag("synthetic", sources.synthetic("yes")), anywhere=True),
        ("synthetic", "issynthetic", "aigenerated", "isaigenerated", "generatedbyai"),
    ),
)
COLUMNS: dict[str, Column] = {name: column for column, listed in _TABLE for name in listed}

# A column inside any other object may speak of a person, a place or a comment: `owner.visibility` is not the picture's.
_PARENTS = frozenset(
    (
        *("photo", "photos", "image", "images", "picture", "media", "medium", "asset", "file", "item", "post"),
        *("record", "sample", "metadata", "meta", "info", "data", "json", "attributes", "flickr", "yfcc"),
        *("visibility", "privacy", "audience", "license", "licence", "rights", "consent", "permissions", "provenance"),
        *("http", "headers", "header", "responseheaders", "httpheaders", "response"),
        *("exif", "ifd0", "xmp", "iptc", "dc", "dcterms", "cc", "plus", "xmprights"),
        *("xmpdc", "xmpdcterms", "xmpcc", "xmpplus", "xmpxmprights"),  # as ExifTool writes them: "XMP-dc:Rights"
    )
)


@lru_cache(maxsize=4096)
def find(key: str) -> tuple[str, Column] | None:
    """The column that `key` (a name or a dotted path) names, and the part of `key` that names it."""
    parts = [part for part in re.split(r"[.:/]", re.sub(r"\[\d*\]", "", key)) if part]
    plain = ["".join(character for character in part.casefold() if character.isalnum()) for part in parts]
    for width in (1, 2):  # "visibility"; "license.name"
        column = COLUMNS.get("".join(plain[-width:])) if len(plain) >= width else None
        if column is not None and (column.anywhere or _PARENTS.issuperset(plain[:-width])):
            return ".".join(parts[-width:]), column
    return None
