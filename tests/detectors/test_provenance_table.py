"""The table of signals: it is sound, and each row has an example that shows what it finds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance_samples import copyright_in_exif, iptc, named, photoshop, png_text, record, xmp
from pydantic import ValidationError

from privacy_audit.detectors import Provenance
from privacy_audit.detectors.provenance import credentials, readers, schema, verdict
from privacy_audit.detectors.provenance.schema import Signals
from privacy_audit.detectors.provenance.table import load, table
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Sample

DST = "http://cv.iptc.org/newscodes/digitalsourcetype"
PROHIBITED = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
BESIDE: dict[str, dict[str, Any]] = {
    "tdmrep.json": {"reservations": [["/", 1]]},
    "card license": {"card": {"license": "cc-by-nc-4.0"}},
    "card gate": {"card": {"gated": "yes"}},
    "mapped audience": {"description": {"columns": {"visibility": {"column": "x", "values": {"7": "restricted"}}}}},
    "mapped license": {"description": {"columns": {"license": {"column": "x", "values": {"7": "CC0"}}}}},
    "mapped consent": {"description": {"columns": {"consent": {"column": "x", "values": {"7": "denied"}}}}},
    "published by subject": {
        "description": {"columns": {"published_by_subject": {"column": "x", "values": {"7": "yes"}}}}
    },
    "declared license": {"description": {"dataset": {"license": "CC BY 4.0"}}},
    "declared audience": {"description": {"defaults": {"visibility": "public", "evidence": "all from our own page"}}},
}
# Row: a sample that shows it, and what its finding says.
EXAMPLES: dict[str, tuple[Sample, dict[str, str]]] = {
    "audience": (record(privacy="friends"), {"visibility": "private"}),
    "audience.public": (record(ispublic=0), {"visibility": "private"}),
    "audience.private": (record(isfamily=1), {"visibility": "private"}),
    "audience.restricted": (record(unlisted=True), {"visibility": "restricted"}),
    "place audience": (record(geo_is_public=0), {"value": "private place", "suggests": "private"}),
    "place audience.closed": (
        Sample("a", "", record={"geoperms.isfriend": 1}),
        {"value": "private place", "suggests": "private"},
    ),
    "license": (record(LICENSE="CC BY 2.0"), {"license": "CC-BY-2.0", "visibility": "public"}),
    "license.flickr": (record(license_id=0), {"license": "all-rights-reserved"}),
    "license.dataset": (record(dataset_license="CC BY 4.0"), {"license": "CC-BY-4.0", "scope": "dataset"}),
    "consent": (record(consent="yes"), {"training": "allowed", "confidence": "medium"}),
    "consent.training": (record(consent_to_train="yes"), {"training": "allowed", "confidence": "high"}),
    "training permission": (record(training_allowed="constrained"), {"training": "constrained"}),
    "opt-out": (record(do_not_train=1), {"training": "denied"}),
    "robots": (record(x_robots_tag="noai"), {"training": "denied", "value": "noai"}),
    "robots.allowed": (record(robots_allowed=False), {"training": "denied", "scope": "domain"}),
    "robots.download": (
        record(status="Use of image disallowed by X-Robots-Tag directive"),
        {"training": "denied", "value": "img2dataset"},
    ),
    "tdm-reservation": (xmp("tdm:reservation", "1"), {"training": "denied"}),
    "tdmrep.json": (record(), {"training": "denied", "scope": "domain"}),
    "content-usage": (record(content_usage="train-ai=n"), {"training": "denied", "value": "train-ai=n"}),
    "plus:DataMining": (xmp("plus:DataMining", PROHIBITED), {"training": "denied", "value": "DMI-PROHIBITED"}),
    "cc:license": (xmp("cc:license", "CC BY 4.0"), {"license": "CC-BY-4.0", "visibility": "public"}),
    "xmpRights:WebStatement": (xmp("xmpRights:WebStatement", "CC0"), {"license": "CC0-1.0", "visibility": "public"}),
    "dc:rights": (xmp("dc:rights", "Jane, CC BY 4.0"), {"license": "CC-BY-4.0"}),
    "xmpRights:UsageTerms": (xmp("xmpRights:UsageTerms", "All rights reserved."), {"license": "all-rights-reserved"}),
    "plus:OtherConstraints": (xmp("plus:OtherConstraints", "Ask first"), {"confidence": "medium"}),
    "xmpRights:Marked": (xmp("xmpRights:Marked", "False"), {"license": "public-domain", "confidence": "low"}),
    "exif:Copyright": (copyright_in_exif("Jane, CC BY 4.0"), {"license": "CC-BY-4.0"}),
    "iptc:CopyrightNotice": (iptc(116, "Jane, CC BY 4.0"), {"license": "CC-BY-4.0"}),
    "photoshop:CopyrightFlag": (photoshop(0x040A, b"\x01"), {"value": "True"}),
    "text:rights": (png_text("Disclaimer", "All rights reserved"), {"license": "all-rights-reserved"}),
    "photoshop:Instructions": (xmp("photoshop:Instructions", "No AI"), {"training": "constrained", "signal": "notice"}),
    "iptc:SpecialInstructions": (iptc(40, "No AI"), {"training": "constrained", "signal": "notice"}),
    "notice": (copyright_in_exif("No AI"), {"training": "constrained", "confidence": "low"}),
    "Iptc4xmpExt:DigitalSourceType": (
        xmp("Iptc4xmpExt:DigitalSourceType", f"{DST}/algorithmicMedia"),
        {"value": "algorithmicMedia"},
    ),
    "synthetic": (record(ai_generated="yes"), {"value": "yes"}),
    "source": (record(source="instagram"), {"value": "instagram", "suggests": "restricted"}),
    "file name": (named("IMG-20240131-WA0007.jpg"), {"value": "whatsapp", "suggests": "private"}),
    "iptc:FBMD": (iptc(40, "FBMD01000a"), {"visibility": "restricted", "value": "facebook"}),
    "card license": (record(), {"license": "CC-BY-NC-4.0", "training": "constrained", "scope": "dataset"}),
    "card gate": (record(), {"visibility": "restricted", "scope": "dataset"}),
    "mapped audience": (record(x=7), {"visibility": "restricted", "field": "x"}),
    "mapped license": (record(x="7"), {"license": "CC0-1.0", "visibility": "public"}),
    "mapped consent": (record(x=7.0), {"training": "denied"}),
    "published by subject": (record(x=7), {"value": "yes"}),
    "declared license": (record(), {"license": "CC-BY-4.0", "scope": "dataset"}),
    "declared audience": (record(), {"visibility": "public", "confidence": "low", "scope": "dataset"}),
}
ELSEWHERE = {"opt-out list": "test_provenance_optout.py", "c2pa:training-mining": "test_provenance_credentials.py"}


def test_each_row_has_an_example() -> None:
    assert set(EXAMPLES) | set(ELSEWHERE) == set(table().rows)
    for row, file in ELSEWHERE.items():
        assert f'"{row}"' in (Path(__file__).parent / file).read_text("utf-8")


@pytest.mark.parametrize("row_id", EXAMPLES)
def test_row(row_id: str) -> None:
    sample, expected = EXAMPLES[row_id]
    row = table()[row_id]
    name = expected.get("signal") or row.signal or row.id
    found = Provenance(beside=json.dumps(BESIDE.get(row_id, {})))(sample)
    (says,) = [finding.attributes for finding in found if finding.attributes.get("signal") == name]
    by_row = {"evidence": row.evidence, "scope": row.scope, "confidence": row.confidence}
    assert (by_row | expected).items() <= says.items()


def test_each_reader_is_one() -> None:
    in_code = {"statement", "instructions", "resource", "file_name", "mark", "prose", "credential"}
    beside = {"opt_out", "tdmrep", "card", "mapped", "declared"}
    assert {row.read for row in table().rows.values()} == set(readers.READERS) | in_code | beside


def test_codes_are_declared() -> None:
    states = [state for row in table().rows.values() for state in (*row.states, row.yes, row.no) if state]
    used = {code for row in table().rows.values() for code in (row.code, *(s.code for s in states)) if code}
    assert used <= Provenance.codes <= set(CODES)


def _with(**changes: object) -> dict[str, Any]:
    row = {"id": "x", "title": "X", "evidence": "notice", "read": "words", "columns": ["x"], **changes}
    return {"signals": [row]}


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (_with(evidence="hearsay"), "evidence"),
        (_with(colums=["y"]), "colums"),
        (_with(read="nothing"), "read"),
        (_with(columns=["Is Public"]), "column name"),
        (_with(columns=[]), "nowhere"),
        (_with(code="no.such"), "code"),
        (_with(states=[{"visibility": "open", "words": ["a"]}]), "visibility"),
        ({"signals": [*_with()["signals"], *_with()["signals"]]}, "twice"),
    ],
)
def test_a_wrong_table_is_refused(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Signals.model_validate(wrong)


def test_the_table_as_it_ships_is_sound() -> None:
    assert Signals.model_validate(load("signals.yaml")).signals
    assert schema.Licences.model_validate(load("licenses.yaml")).flickr


def test_importing_the_detector_reads_no_table() -> None:
    heavy = "{'pydantic', 'ruamel.yaml', 'numpy', 'c2pa'} & set(sys.modules)"
    code = f"import sys; before = {heavy}; import privacy_audit.detectors.provenance.readers; print({heavy} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"set()", "{'numpy'}"}  # numpy: pixels.py


# ---- without a signal that is known, nothing is public ---------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.text(max_size=12), st.text(max_size=12) | st.integers(0, 9) | st.booleans(), max_size=5),
    st.sampled_from(["public", "1", "yes", "", "everyone"]),
)
def test_never_public_without_a_known_signal(values: dict[str, object], word: str) -> None:
    """Whatever a record says in columns that nobody knows, and whatever the dataset's other facts are."""
    plain = {re.sub(r"\W|_", "", key.casefold()): value for key, value in values.items()}
    unknown = {f"zz{key}": value for key, value in plain.items()} | {"zz": word}
    facts = {"card": {"license": "cc0-1.0", "gated": "yes"}, "description": {"dataset": {"license": "CC0"}}}
    for beside in ({}, facts):
        found = Provenance(beside=json.dumps(beside))(Sample("a", "", record=unknown))
        assert verdict(found)[0] != "public"


def test_the_extra_is_there_for_the_tests() -> None:
    assert credentials.installed()
