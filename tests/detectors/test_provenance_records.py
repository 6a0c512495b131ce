"""Records: columns and words to signals, and nothing from words that no table knows."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.provenance import Provenance, columns, verdict
from privacy_audit.detectors.provenance.table import table
from privacy_audit.types import TRAININGS, VISIBILITIES, Failure, Finding, Sample, Training, Visibility

PROVENANCE = Provenance()
COLUMNS = sorted(table().columns)


def findings(record: dict[str, object]) -> list[Finding]:
    parts = PROVENANCE.detect([Sample("0", "", record=record)])[0]
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Finding)]


def codes(record: dict[str, object]) -> set[str]:
    return {finding.code for finding in findings(record)}


VISIBILITY = [
    ({"visibility": "public"}, "public"),
    ({"Visibility": " PUBLIC "}, "public"),
    ({"privacy": "private"}, "private"),
    ({"privacyStatus": "unlisted"}, "restricted"),
    ({"audience": "friends & family"}, "private"),
    ({"audience": "FRIENDS_OF_FRIENDS"}, "restricted"),
    ({"audience": "followers-only"}, "restricted"),
    ({"visibility": "publik"}, "public"),
    ({"visibility": "ｐｒｉｖａｔｅ"}, "private"),
    ({"is_public": True}, "public"),
    ({"isPublic": "yes"}, "public"),
    ({"ispublic": 1}, "public"),
    ({"ispublic": 1.0}, "public"),
    ({"ispublic": "0"}, "private"),
    ({"ISPUBLIC": False}, "private"),
    ({"isfriend": 1}, "private"),
    ({"isfriend": 0, "isfamily": 0}, "unknown"),
    ({"private": True}, "private"),
    ({"private": False}, "unknown"),  # not private is not yet public
    ({"unlisted": "true"}, "restricted"),
    ({"photo.visibility.ispublic": 0}, "private"),
    ({"items[3].visibility": "public"}, "unknown"),  # `items` may be anything
    ({"owner.visibility": "public"}, "unknown"),
    ({"user.is_public": True}, "unknown"),
    ({"comments[0].visibility": "private"}, "unknown"),
    ({"visibility": "public", "privacy": "private"}, "private"),
    ({"visibility": ["public", "followers"]}, "restricted"),
    ({"visibility": "mostly public"}, "unknown"),
    ({"visibility": "pu\u200bblic"}, "unknown"),
    ({"visibility": None}, "unknown"),
    ({"visibility": ""}, "unknown"),
    ({"visibility": math.nan}, "unknown"),
    ({"visibility": "?"}, "unknown"),
    ({"visibility": 1}, "unknown"),
    ({"visibility": {"public": True}}, "unknown"),
    (
        {"url": "https://example.com/a.jpg", "source_url": "https://example.com", "page_url": "https://example.com"},
        "unknown",
    ),
    ({"source": "WhatsApp"}, "private"),
    ({"source": "google takeout"}, "private"),
    ({"platform": "telegram"}, "unknown"),
    ({"source": "signal"}, "unknown"),  # the messenger, or any signal
    ({"platform": "instagram"}, "unknown"),
    ({"X-Robots-Tag": "noindex"}, "restricted"),
    ({"license": "CC BY 4.0"}, "public"),
    ({"license": "All rights reserved"}, "unknown"),
    ({"license": "MIT"}, "unknown"),
    ({"license": "© Jane, CC BY 4.0"}, "unknown"),  # prose
    ({"dataset_license": "cc-by-4.0"}, "unknown"),
    ({"license": "CC BY 4.0", "visibility": "nur für mich"}, "unknown"),
    ({"license": "CC BY 4.0", "visibility": "private"}, "private"),
    ({"license": "CC BY 4.0", "visibility": "public"}, "public"),
]


@pytest.mark.parametrize(("record", "visibility"), VISIBILITY, ids=repr)
def test_visibility(record: dict[str, object], visibility: str) -> None:
    assert verdict(findings(record))[0] == visibility


TRAINING = [
    ({"consent": "yes"}, "allowed"),
    ({"has_consent": True}, "allowed"),
    ({"consent": "withdrawn"}, "denied"),
    ({"consent": "Opt-Out"}, "denied"),
    ({"consent": False}, "denied"),
    ({"consent": "pending"}, "unspecified"),
    ({"consent": None}, "unspecified"),
    ({"consent_to_train": "yes"}, "allowed"),
    ({"training_allowed": 0}, "denied"),
    ({"cawg.ai_training": "notAllowed"}, "denied"),
    ({"cawg.ai_training": "constrained"}, "constrained"),
    ({"opt_out": True}, "denied"),
    ({"opt_out": "opted out"}, "denied"),
    ({"opt_out": False}, "unspecified"),
    ({"Do Not Train": "1"}, "denied"),
    ({"anything.deep.do_not_train": True}, "denied"),
    ({"robots": "noai"}, "denied"),
    ({"x_robots_tag": "img2dataset: noimageai, noindex"}, "denied"),
    ({"headers.X-Robots-Tag": ["all", "noai"]}, "denied"),
    ({"robots": "index, follow"}, "unspecified"),
    ({"robots": "noindex"}, "unspecified"),
    ({"robots": "unavailable_after: 25 Jun 2010 15:00:00 PST"}, "unspecified"),
    ({"robots_allowed": False}, "denied"),
    ({"robots_allowed": True}, "unspecified"),
    ({"error_message": "Use of image disallowed by X-Robots-Tag directive"}, "denied"),
    ({"error_message": "HTTP Error 404"}, "unspecified"),
    ({"tdm-reservation": 1}, "denied"),
    ({"tdm_reservation": "1"}, "denied"),
    ({"tdm_reservation": 0.0}, "allowed"),
    ({"tdm_reservation": "2"}, "unspecified"),
    ({"tdm_reservation": "yes"}, "unspecified"),
    ({"Content-Usage": "train-ai=n"}, "denied"),
    ({"content_usage": "search=y, train-ai=y"}, "allowed"),
    ({"content_usage": "train-ai=y, train-ai=n"}, "denied"),
    ({"content_usage": "search=n"}, "unspecified"),
    ({"content-signal": "search=yes,ai-train=no"}, "denied"),
    ({"XMP-plus:DataMining": "Prohibited for AI/ML training"}, "denied"),
    ({"license": "CC BY-NC 4.0"}, "constrained"),
    ({"license": "CC BY-ND 4.0"}, "constrained"),
    ({"license": "CC BY 4.0"}, "unspecified"),
    ({"license": "CC BY 4.0, no AI training"}, "constrained"),
    ({"terms": "You may not use this picture to train AI systems."}, "constrained"),
    ({"terms": "Not for resale."}, "unspecified"),
    ({"consent": "yes", "opt_out": 1}, "denied"),
    ({"consent": "yes", "license": "CC BY-NC 2.0"}, "constrained"),
]


@pytest.mark.parametrize(("record", "training"), TRAINING, ids=repr)
def test_training(record: dict[str, object], training: str) -> None:
    assert verdict(findings(record))[1] == training


LICENSES = [
    ({"license": "https://creativecommons.org/licenses/by-nc-nd/2.0/"}, "CC-BY-NC-ND-2.0"),
    ({"photo.license.name": "Attribution-ShareAlike License"}, "CC-BY-SA"),
    ({"license": "cc0-1.0"}, "CC0-1.0"),
    ({"rights": "Public domain"}, "public-domain"),
    ({"license_id": 4}, "CC-BY-2.0"),
    ({"flickr_license": "10"}, "CC-PDM-1.0"),
    ({"flickr_license": 0}, "all-rights-reserved"),
    ({"license": 4}, None),  # a number is a Flickr licence only where the column says so
    ({"license_id": 11}, None),
    ({"license_id": True}, None),
    ({"license": "?"}, None),
    ({"license": "unknown"}, None),
    ({"license": ""}, None),
    ({"license": "ask us"}, None),
    ({"LICENSE": None}, None),
    ({"license": "No AI training"}, None),
]


@pytest.mark.parametrize(("record", "license_id"), LICENSES, ids=repr)
def test_license(record: dict[str, object], license_id: str | None) -> None:
    found = [finding.attributes["license"] for finding in findings(record) if "license" in finding.attributes]
    assert found == ([license_id] if license_id else [])
    assert ("provenance.no_license" in codes(record)) == (license_id is None)


def test_a_signal_is_one_finding_with_its_evidence() -> None:
    (finding,) = [part for part in findings({"Is Public": "no"}) if part.code == "provenance.private"]
    assert finding.channel == "record"
    assert finding.score == 0.9
    assert finding.attributes == {
        "signal": "audience",
        "evidence": "audience",
        "scope": "file",
        "confidence": "high",
        "visibility": "private",
        "value": "no",
        "field": "Is Public",
    }


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"visibility": "public"}, "provenance.public"),
        ({"visibility": "unlisted"}, "provenance.restricted"),
        ({"visibility": "private"}, "provenance.private"),
        ({"opt_out": True}, "provenance.opt_out"),
        ({"ai_generated": True}, "provenance.synthetic"),
        ({"digital_source_type": "trainedAlgorithmicMedia"}, "provenance.synthetic"),
        ({"source": "flickr"}, "provenance.platform"),
        ({"consent": True}, "rights"),
        (
            {"terms": "No AI training, please"},
            "rights",
        ),  # an opt-out is machine-readable; prose is for a person to read
        ({"cawg.ai_training": "constrained"}, "rights"),
        ({"license": "CC BY-NC 4.0"}, "rights"),
    ],
    ids=repr,
)
def test_code(record: dict[str, object], code: str) -> None:
    assert codes(record) - {"provenance.unknown", "provenance.no_license"} == {code}


@pytest.mark.parametrize(
    ("record", "reasons"),
    [
        ({}, {"provenance.unknown": "absent", "provenance.no_license": "absent"}),
        ({"visibility": "vip"}, {"provenance.unknown": "unrecognised", "provenance.no_license": "absent"}),
        ({"license": "ours"}, {"provenance.unknown": "absent", "provenance.no_license": "unrecognised"}),
        ({"visibility": "public", "license": "mit"}, {}),
    ],
    ids=repr,
)
def test_gaps_say_whether_something_was_there(record: dict[str, object], reasons: dict[str, str]) -> None:
    gaps = [finding for finding in findings(record) if "reason" in finding.attributes]
    assert {finding.code: finding.attributes["reason"] for finding in gaps} == reasons
    assert all(finding.score == 1 for finding in gaps)


def test_the_licence_of_a_dataset_has_its_scope() -> None:
    (finding,) = [part for part in findings({"dataset_license": "CC BY-NC 4.0"}) if part.code == "rights"]
    assert finding.attributes["scope"] == "dataset"
    assert finding.attributes["training"] == "constrained"


def test_equal_signals_are_reported_once() -> None:
    assert len([part for part in findings({"robots": ["noai"] * 500}) if part.code == "provenance.opt_out"]) == 1


def test_no_value_leaves_a_record() -> None:
    value = "no AI, says Zyxwvut Canary"
    record: dict[str, object] = dict.fromkeys(COLUMNS, value)
    assert findings(record)
    assert "zyxwvut" not in repr(findings(record)).casefold()


# ---- Flickr, YFCC, LAION -------------------------------------------------------------------------------------------


def yfcc(lead: int, prefix: str = "") -> dict[str, object]:
    """A row of YFCC100M without a header; releases have up to two columns more in front."""
    license_url = "http://creativecommons.org/licenses/by-nc/2.0/"
    row = ["1", "2@N00", "nick", "2010-01-01", "1262304000", "Camera", "title", "text", "tags", "", "", "", "16"]
    row += ["https://www.flickr.com/photos/2@N00/1/", "https://farm1.example.com/1_a.jpg"]
    row += ["Attribution-NonCommercial License", license_url, "1", "1", "a", "b", "jpg", "0"]
    return {f"{prefix}{number}": value for number, value in enumerate(["x"] * lead + row)}


@pytest.mark.parametrize("lead", [0, 1, 2])
@pytest.mark.parametrize("prefix", ["", "f", "_c", "column"])
def test_yfcc_without_a_header(lead: int, prefix: str) -> None:
    found = findings(yfcc(lead, prefix))
    assert verdict(found) == ("public", "constrained")
    assert {finding.attributes.get("field") for finding in found} == {"licensename", "licenseurl"}


@pytest.mark.parametrize(
    "record",
    [
        {str(number): "https://example.com/photos/1" for number in range(25)},
        {**yfcc(0), "owner": "x"},
        dict(list(yfcc(0).items())[:16]),
        {str(number): "" for number in range(25)} | {"24": "https://www.flickr.com/photos/a"},
    ],
)
def test_what_only_looks_like_yfcc(record: dict[str, object]) -> None:
    assert verdict(findings(record)) == ("unknown", "unspecified")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"LICENSE": "?", "NSFW": "UNLIKELY", "similarity": 0.3, "pwatermark": 0.1}, ("unknown", "unspecified")),
        ({"LICENSE": "CC BY-NC 4.0"}, ("public", "constrained")),
        ({"status": "success", "error_message": None}, ("unknown", "unspecified")),
        ({"status": "failed_to_download", "error_message": "HTTP Error 403"}, ("unknown", "unspecified")),
        ({"status": "Use of image disallowed by X-Robots-Tag directive"}, ("unknown", "denied")),
        ({"ispublic": 1, "isfriend": 0, "isfamily": 0, "license": "4"}, ("public", "unspecified")),
        ({"ispublic": 0, "isfriend": 1, "isfamily": 0}, ("private", "unspecified")),
        ({"ispublic": 1, "geo_is_public": 0, "geo_is_friend": 1}, ("public", "unspecified")),
        ({"geoperms.ispublic": 1}, ("unknown", "unspecified")),
    ],
    ids=repr,
)
def test_tables_of_the_web(record: dict[str, object], expected: tuple[str, str]) -> None:
    assert verdict(findings(record)) == expected


# ---- hostile records -------------------------------------------------------------------------------------------------

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | st.binary(max_size=8)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=4) | st.dictionaries(st.text(max_size=4), _SCALARS, max_size=2)
_KNOWN = st.sampled_from(sorted(COLUMNS))
_WORDS = st.sampled_from(["public", "CC BY 4.0", "yes", "noai", "1", "DMI-ALLOWED", "everyone", "CC0"])


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=40) | _KNOWN, _VALUES | _WORDS, max_size=8))
def test_no_record_raises_and_each_verdict_is_one(record: dict[str, object]) -> None:
    visibility, training = verdict(findings(record))
    assert visibility in get_args(Visibility)
    assert training in get_args(Training)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=40).filter(lambda key: columns.find(key) is None), _VALUES | _WORDS, max_size=8)
)
def test_without_a_known_column_nothing_is_stated(record: dict[str, object]) -> None:
    assert verdict(findings(record)) == ("unknown", "unspecified")
    assert codes(record) == {"provenance.unknown", "provenance.no_license"}


_PUBLIC = {"public", "publicly visible", "everyone", "everybody", "anyone", "world", "publik", "umum"}


@settings(deadline=None)
@given(st.text(max_size=40) | st.sampled_from(["PUBLIC", "Publicly visible", "ｐublic", "not public", "public?"]))
def test_an_audience_is_public_only_by_a_listed_word(word: str) -> None:
    bare = " ".join(re.sub(r"[\s_\-/+,.]", " ", unicodedata.normalize("NFKC", word).casefold()).split())
    found = findings({"visibility": word})
    assert (verdict(found)[0] == "public") == (bare in _PUBLIC)
    if found[0].attributes.get("reason") == "unrecognised":
        assert verdict(findings({"visibility": word, "license": "CC BY 4.0"}))[0] == "unknown"


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), float("inf"), 1e300, "a" * 1_000_000, "no AI " * 100_000, ["x"] * 100_000],
    ids=["integer", "negative", "infinite", "float", "word", "prose", "list"],
)
def test_large_values_are_bounded(value: object) -> None:
    assert verdict(findings(dict.fromkeys(COLUMNS, value)))[0] in {"unknown", "restricted"}


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_texts_about_licences_have_a_budget() -> None:
    flood = {f"license[{number}]": f"{number} " + "CC BY-NC 2.0 or no AI " * 100 for number in range(2_000)}
    parts = PROVENANCE.detect([Sample("0", "", record={**flood, "opt_out": True})])[0]
    assert isinstance(parts, list)
    (failure,) = [part for part in parts if isinstance(part, Failure)]
    assert (failure.stage, failure.kind) == ("provenance.record", "too_large")
    assert verdict([part for part in parts if isinstance(part, Finding)])[1] == "denied"  # flags are read all the same


def test_the_same_licence_again_costs_nothing() -> None:
    parts = PROVENANCE.detect([Sample("0", "", record={f"license[{n}]": "CC BY 4.0 " * 50 for n in range(5_000)})])[0]
    assert isinstance(parts, list)
    assert not [part for part in parts if isinstance(part, Failure)]


def test_long_column_names_are_passed_over() -> None:
    assert codes({"x" * 10_000_000 + ".do_not_train": True}) == {"provenance.unknown", "provenance.no_license"}


# ---- the verdict -----------------------------------------------------------------------------------------------------


def _stating(**attributes: str) -> Finding:
    return Finding("rights", "test", 1.0, "record", attributes=attributes)


@settings(deadline=None)
@given(st.lists(st.sampled_from(VISIBILITIES)), st.lists(st.sampled_from(TRAININGS)))
def test_the_strictest_wins_in_any_order(visibilities: list[Visibility], trainings: list[Training]) -> None:
    stated = [_stating(visibility=word) for word in visibilities] + [_stating(training=word) for word in trainings]
    assert verdict(stated) == (
        max(visibilities, key=VISIBILITIES.index, default="unknown"),
        max(trainings, key=TRAININGS.index, default="unspecified"),
    )


def test_words_that_are_no_verdict_state_nothing() -> None:
    assert verdict([_stating(visibility="open", training="maybe"), _stating()]) == ("unknown", "unspecified")
