from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from privacy_audit.errors import CaseError
from privacy_audit.subject import copies, deadlines, letter, matching
from privacy_audit.subject.case import Case, Facts
from privacy_audit.subject.search import Match

HERE = Path(__file__).parent / "letters"
AT = "2026-11-26T10:00:00+00:00"
FACE = {"compares": "x", "threshold": 0.6, "unit": "x", "error_rates": matching.error_rates(0.6)}
NEAR = {"compares": "x", "threshold": 48, "unit": "x", "error_rates": copies.error_rates(48)}


def make(folder: Path, **changes: object) -> Case:
    received = datetime(2026, 11, 24, 9, tzinfo=timezone.utc)
    due = deadlines.due(received)
    fields: dict[str, object] = {
        "request_id": "R-7",
        "received": received.isoformat(),
        "searched": "2026-11-25T09:00:00+00:00",
        "tool_version": "0.1.0",
        "source_fingerprint": "f" * 64,
        "deadlines": [{name: getattr(entry, name) for name in entry.__dataclass_fields__} for entry in due],
        "photos": ["a" * 64],
        "listed": {"hashes": 0, "urls": 0},
        "methods": {"near": NEAR},
        "samples": 1000,
        "failed": 0,
        "without_picture": 0,
    }
    matches = [Match(f"canary-{n}.jpg", f"{n}" * 64, "near", float(n)) for n in range(3)]
    return Case.create(folder / "case", Facts(**{**fields, **changes}), matches, [])  # type: ignore[arg-type]


def handled(folder: Path) -> Case:
    """Everything that a letter can say."""
    case = make(
        folder,
        failed=4,
        without_picture=2,
        methods={"near": NEAR, "face": FACE},
        listed={"hashes": 1, "urls": 2},
        biometrics={"purpose": "to answer this request", "legal_basis": "your consent"},
        actions=[{"action": "drop", "at": AT, "samples": 3, "copies": 1, "audit": "f"}],
    )
    case.decide("confirmed", ["canary-0.jpg", "canary-1.jpg"])
    case.decide("rejected", ["canary-2.jpg"])
    letter.identify(case, method="canary method", by="canary person")
    case.record(identity={"method": "canary method", "by": "canary person", "at": "2026-11-24T12:00:00+00:00"})
    return case


@pytest.mark.parametrize("lang", letter.LANGUAGES)
@pytest.mark.parametrize("kind", ["full", "nothing"])
def test_letters_are_as_they_were(tmp_path: Path, lang: letter.Lang, kind: str) -> None:
    if kind == "full":
        case = handled(tmp_path)
    else:
        case = make(tmp_path, identity={"method": "x", "by": "y", "at": AT})
        case.decide("rejected", [row.sample_id for row in case.candidates])
    text = letter.render(case, lang, AT)
    assert "canary" not in text
    assert "  " not in text.replace("\n  ", "\n")
    assert "{" not in text
    assert max(map(len, text.splitlines())) <= 88
    assert text == (HERE / f"{kind}-{lang}.txt").read_text("utf-8")


def test_a_letter_waits_for_identity_and_decisions(tmp_path: Path) -> None:
    case = make(tmp_path)
    with pytest.raises(CaseError, match="identity"):
        letter.answer(case)
    letter.identify(case, method="seen in person", by="officer")
    with pytest.raises(CaseError, match="3 candidates wait"):
        letter.answer(case)
    case.decide("rejected", [row.sample_id for row in case.candidates])
    path = letter.answer(case, "id", tmp_path / "out" / "letter.txt")
    assert "Dengan hormat" in path.read_text("utf-8")
    assert Case(case.path).facts.answered


@pytest.mark.parametrize("text", ["", " ", "two\nlines", "x" * 501, "\x1b[31m"])
def test_identity_says_something_in_one_line(tmp_path: Path, text: str) -> None:
    case = make(tmp_path)
    with pytest.raises(CaseError, match="--method"):
        letter.identify(case, method=text, by="officer")
    with pytest.raises(CaseError, match="--by"):
        letter.identify(case, method="seen", by=text)


def test_the_record_holds_hashes_and_no_names(tmp_path: Path) -> None:
    case = handled(tmp_path)
    letter.answer(case)
    text = (case.path / letter.RECORD).read_text("utf-8")
    record = json.loads(text)
    assert "canary-" not in text
    assert [row["verdict"] for row in record["candidates"]] == ["confirmed", "confirmed", "rejected"]
    assert record["candidates"][1]["sha256"] == "1" * 64
    assert record["identity"]["method"] == "canary method"
    assert record["methods"]["face"]["threshold"] == 0.6
    assert record["actions"][0]["samples"] == 3
    assert {entry["name"] for entry in record["deadlines"]} == {"gdpr", "uu-pdp"}
    assert all(isinstance(entry["met"], bool) for entry in record["deadlines"])


@pytest.mark.parametrize(
    ("received", "law", "due", "extended"),
    [
        ("2026-01-31T12:00:00+00:00", "gdpr", "2026-02-28T12:00:00+00:00", "2026-04-28T12:00:00+00:00"),
        ("2026-12-15T00:00:00+00:00", "gdpr", "2027-01-15T00:00:00+00:00", "2027-03-15T00:00:00+00:00"),
        ("2026-11-24T09:30:00+00:00", "uu-pdp", "2026-11-27T09:30:00+00:00", ""),
        ("2026-11-24T00:00:00+00:00", "ccpa", "2027-01-08T00:00:00+00:00", "2027-02-22T00:00:00+00:00"),
        ("2026-11-24T00:00:00+00:00", "lgpd", "2026-12-09T00:00:00+00:00", ""),
        ("2026-11-24T00:00:00+00:00", "dpdp", "2027-02-22T00:00:00+00:00", ""),
    ],
)
def test_deadlines(received: str, law: str, due: str, extended: str) -> None:
    (found,) = deadlines.due(datetime.fromisoformat(received), (law,))
    assert (found.due, found.extended) == (due, extended)


def test_the_earliest_deadline_comes_first_and_every_law_is_complete() -> None:
    found = deadlines.due(datetime(2026, 11, 24, tzinfo=timezone.utc), tuple(deadlines.laws()))
    assert [entry.due for entry in found] == sorted(entry.due for entry in found)
    assert found[0].name == "uu-pdp"
    assert all(entry.law and entry.at and entry.note and entry.keep and entry.confidence in "SK" for entry in found)
