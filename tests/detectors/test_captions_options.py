"""Settings of the captions detector: noise, recognizers of the user, where names are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from presidio_analyzer import Pattern, PatternRecognizer

from privacy_audit.detectors.captions import Captions, custom
from privacy_audit.detectors.captions.detector import MAX_CHARACTERS
from privacy_audit.detectors.captions.profile import PATTERN_ENTITIES
from privacy_audit.errors import DetectorError
from privacy_audit.run.plan import DetectorSpec, Plan
from privacy_audit.run.shard import build
from privacy_audit.types import Failure, Finding, Outcome, Sample, Skipped, Text

YAML = """\
recognizers:
  - name: Employee number
    supported_entity: EMPLOYEE_ID
    patterns: [{name: six digits, regex: 'EMP-\\d{6}', score: 0.4}]
    context: [employee]
  - name: Titles
    supported_language: de
    supported_entity: TITLE
    deny_list: [Prof.]
codes:
  EMPLOYEE_ID: id.national
"""


@pytest.fixture(scope="module")
def noisy() -> Captions:
    return Captions(noise=True)


@pytest.fixture(scope="module")
def quiet() -> Captions:
    return Captions()


def _codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("taken on 12/03/2020", "time"),
        ("licence B1234567", "custom.us_driver_license"),
        ("ISBN 0306406152", "custom.uk_nhs"),
        ("see example.com for more", "custom.url"),
        ("A portrait of John in the park", "name.person"),
    ],
)
def test_noise_is_off_and_one_setting_turns_it_on(noisy: Captions, quiet: Captions, value: str, code: str) -> None:
    assert _codes(quiet(value)) == []
    found = [one for one in noisy(value) if one.code == code]
    assert found
    assert {one.attributes["tier"] for one in found} == {"contextual"}


def test_noise_leaves_direct_identifiers_as_they_are(noisy: Captions, quiet: Captions) -> None:
    value = "NIK 3273061203900004, call +1 415 555 0132 or jane@example.com, SSN 536-90-4399"
    direct = [one for one in noisy(value) if one.attributes["tier"] == "direct"]
    assert direct == quiet(value)


def test_recognizers_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(YAML)
    captions = Captions(recognizers=file)
    found = captions("employee EMP-123456 and Prof. Smith, EMP-654321.jpg")
    assert _codes(found) == ["id.national", "custom.title", "name.person", "id.national"]
    assert [one.attributes["tier"] for one in found] == ["direct", "contextual", "contextual", "direct"]
    assert found[0].score > 0.4  # a context word of the user's stands near
    assert found[0].attributes["recognizer"] == "Employee number"
    assert _codes(captions(Sample("a", "", texts=(Text("filename", "path:", "x/EMP-123456.jpg"),)))) == ["id.national"]


def test_recognizers_as_objects() -> None:
    own = PatternRecognizer("BADGE", patterns=[Pattern("badge", r"BDG\d{4}", 0.9)])
    assert _codes(Captions(recognizers=[own])("a badge BDG1234 and jane@example.com")) == [
        "custom.badge",
        "contact.email",
    ]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("recognizers: [", ["own.yaml:1: not valid YAML"]),
        ("a: 1", ["expected a mapping with a list 'recognizers'"]),
        ("recognizers: []", ["own.yaml:1: the list of recognizers is empty"]),
        ("recognizers:\n - x", ["own.yaml:2: a recognizer is a mapping"]),
        (
            "recognizers:\n - name: a\n   supported_entity: A\n   patern: b\n",
            ["own.yaml:4: a recognizer has no 'patern' (did you mean 'patterns'?)", "needs 'patterns'"],
        ),
        (
            "recognizers:\n- {name: a, supported_entity: A,\n patterns: [{name: b, regex: (, score: 2}]}\ncodes: {B: }",
            ["own.yaml:3: the regex is not valid", "own.yaml:3: 'score'", "own.yaml:4: no recognizer here finds 'B'"],
        ),
        ("recognizers:\n - {name: a, supported_entity: A, deny_list: [b]}\ncodes: {A: Id No}", ["own.yaml:3: 'Id No'"]),
        ("recognizers:\n - {name: Nope, type: predefined}", ["presidio does not take these recognizers"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_explained_by_line(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(DetectorError) as caught:
        Captions(recognizers=file)
    for mistake in mistakes:
        assert mistake in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="cannot read the recognizers"):
        custom.read(tmp_path / "none.yaml")


def test_every_setting_is_in_the_plan_hash() -> None:
    options: list[dict[str, str | bool | float]] = [
        {},
        {"noise": True},
        {"recognizers": YAML},
        {"recognizers": YAML + "# more"},
        {"names": "off"},
        {"names": "sample", "names_rate": 0.5},
    ]
    hashes = {Plan((DetectorSpec("captions", one),), (), b"k" * 32).hash() for one in options}
    assert len(hashes) == len(options)
    assert build([DetectorSpec("captions", {"recognizers": YAML})])[0].name == "captions"


def _samples(count: int) -> list[Sample]:
    value = "A portrait of Alice Johnson in the park"
    return [Sample(f"{n}.jpg", "", texts=(Text("caption", "text", value),)) for n in range(count)]


def _named(outcomes: list[Outcome]) -> list[bool]:
    return [any(isinstance(part, Finding) for part in outcome) for outcome in outcomes]  # type: ignore[union-attr]


def test_names_in_a_sample() -> None:
    outcomes = Captions(names="sample", names_rate=0.25).detect(_samples(400))
    named = _named(outcomes)
    assert 70 <= sum(named) <= 130
    assert outcomes[named.index(False)] == [Skipped("captions.names", "names: not in the sample")]
    again = Captions(names="sample", names_rate=0.25).detect(_samples(400)[::-1])
    assert _named(again)[::-1] == named


def test_names_off_and_wrong_settings() -> None:
    captions = Captions(names="off")
    plain = Sample("p", "", texts=(Text("caption", "text", "a dog"),))
    foreign = Sample("f", "", texts=(Text("caption", "text", "foto Budi Santoso di rumah"),))
    assert captions.detect([*_samples(1), plain, foreign]) == [
        [Skipped("captions.names", "names: off")],
        [Skipped("captions.names", "names: off")],
        [Skipped("captions.names", "language: id")],
    ]
    for wrong in ({"names": "some"}, {"names": "sample", "names_rate": 2.0}):
        with pytest.raises(DetectorError, match="names"):
            Captions(**wrong)  # type: ignore[arg-type]


# -- hostile texts ----------------------------------------------------------------------------------------------------

HOSTILE = [
    *("phone 12 34 56 78 ", "+1 2 3 4 5 6 7 ", "+1", "call 12345678 wa ", "1.2.3.4 a.b.c.d ", "ab-ab-ab-", "de89 "),
    *("Jl. Melati no ", "a@ b . c ", "a at b dot ", "pin 1234 code door code ", "key=abcDEF123456 ", "born 12 ", "@a "),
    *("12 Main Street 5 Big ", "1 ", "62 812 62 812 ", "passport 1 ", "nik 1 2 3 ", "Aa Bb ", "sk-a", "plate A 1 "),
    *("://a:b", "0049 30 0049 "),
]


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("channel", ["caption", "url"])
def test_time_is_linear_in_the_length(quiet: Captions, piece: str, channel: str) -> None:
    value = piece * (40_000 // len(piece))
    quiet.detect([Sample("a", "", texts=(Text(channel, "text", value),))])  # type: ignore[arg-type]


@settings(max_examples=60, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), min_size=1, max_size=4), st.integers(1, 3_000))
def test_repetition_is_no_catastrophe(quiet: Captions, pieces: list[str], times: int) -> None:
    value = ("".join(pieces) * times)[:6_000]
    outcome = quiet.detect([Sample("a", "", texts=(Text("caption", "text", value),))])[0]
    assert not isinstance(outcome, Failure)
    assert not [part for part in outcome if isinstance(part, Failure) and part.kind == "error"]


# What each recognizer repeats or takes apart, so that a text of it comes near to a match again and again.
CATASTROPHIC = {
    "EMAIL_ADDRESS": ["a", ".", "@", "-", "a@a.", "%40"],
    "DISGUISED_EMAIL": ["a", " ", "(at)", " at ", "[dot]", " dot ", "@", "."],
    "PHONE_NUMBER": ["0", "08", "+62", " ", "-", "(", ")", "wa.me/", "call ", "hp "],
    "ID_NIK": ["3", "3273016203930012", " ", ".", "-", "nik "],
    "ID_KK": ["3", "kk ", "no ", " ", "-"],
    "ID_NPWP": ["01", ".", "-", "npwp ", "013121660091000"],
    "ID_SIM": ["1", "sim a ", "A-", "driving licence ", " "],
    "NATIONAL_ID": ["A", "1", "aadhaar ", "no ", "ic no ", "-"],
    "PASSPORT": ["A", "1", "passport ", "no ", " "],
    "PLATE": ["B", "1", " ", "plat ", "nopol no "],
    "FOREIGN_PLATE": ["A", "1", "-", "license plate ", "no "],
    "CREDIT_CARD": ["4111", " ", "-", ".", "1"],
    "IBAN_CODE": ["DE89", "DE", "3704 ", "-", " "],
    "BANK_ACCOUNT": ["rekening ", "bca ", "1", " ", "no "],
    "US_ITIN": ["9", "12", "-", " ", "itin "],
    "US_SSN": ["2", "19", "-", " ", "ssn "],
    "IP_ADDRESS": ["1", ".", ":", "::", "10.0.0.1", "f"],
    "MAC_ADDRESS": ["00", "-", ":", "a", "."],
    "SECRET": ["password is ", "sk-", "eyJ", ".", "a1B", "://", ":", "key=", "-----BEGIN PRIVATE KEY-----", "\n"],
    "STREET_ADDRESS": ["12 ", "Main ", "Street ", "Jl. ", "no ", "rt ", "rw ", "1", "kel Aa "],
    "BIRTH_DATE": ["born ", "lahir ", "a, ", "1", "/", "may "],
    "USERNAME": ["@", "a", "ig: ", ".", "_", "follow "],
}


def test_every_recognizer_has_its_alphabet() -> None:
    assert set(CATASTROPHIC) == set(PATTERN_ENTITIES)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks/hostile_texts.py tells
@pytest.mark.parametrize("entity", CATASTROPHIC)
def test_no_recognizer_is_stuck(quiet: Captions, entity: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.sampled_from(CATASTROPHIC[entity]), min_size=1, max_size=5), st.integers(1, 4_000))
    def check(pieces: list[str], times: int) -> None:
        value = ("".join(pieces) * times)[:8_000]
        for one in quiet._engine.direct(value, gated=False):
            assert 0 <= one.start < one.end <= len(value)

    check()


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_a_hostile_text_of_two_million_characters_takes_seconds(quiet: Captions) -> None:
    value = "phone 12 34 56 78 call +1 415 1.2.3.4 " * 55_000
    assert len(value) > 2_000_000 > MAX_CHARACTERS
    outcome = quiet.detect([Sample("a", "", texts=(Text("caption", "text", value),))])[0]
    assert [part.stage for part in outcome if isinstance(part, Failure)] == ["captions.length"]  # type: ignore[union-attr]
