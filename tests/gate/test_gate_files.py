"""Files that people write or that strangers hand over: every mistake is said, and none does harm."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from gate_audits import EMAIL, FACE, KEY_ID, One, build

from privacy_audit.errors import AuditError, PolicyError
from privacy_audit.gate import baseline, review, suppressions
from privacy_audit.store import journal, reviews, settled
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.reviews import Verdict

TODAY = date(2026, 11, 24)
HEADER = json.dumps({"privacy_audit_baseline": 1, "created": "2026-11-24", "token_key_id": KEY_ID}) + "\n"
GOOD = "suppressions:\n  - {code: face, reason: r, by: b, expires: 2027-01-01}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: is no baseline entry"),
        ("[]\n", ":1: is no baseline entry"),
        ("not json\n", ":1: is no baseline entry"),
        ("[" * 390 + "\n", ":1: is no baseline entry"),
        ("x" * 401, ":1: the line is longer"),
        ('{"privacy_audit_baseline": 2}\n', "another version"),
        ('{"privacy_audit_baseline": 1, "created": 7, "token_key_id": "k"}\n', ":1: is no"),
        ('{"privacy_audit_baseline": 1, "created": "x", "token_key_id": "\\u001b[31m"}\n', ":1: is no"),
        (HEADER + '["face", "zz", 1]\n', ":2: is no baseline entry"),
        (HEADER + f'["face", "{"0" * 32}", 0]\n', ":2: is no baseline entry"),
        (HEADER + f'["face", "{"0" * 32}", true]\n', ":2: is no baseline entry"),
        (HEADER + f'["face", "{"0" * 32}", 1.5]\n', ":2: is no baseline entry"),
        (HEADER + f'["face", "{"0" * 32}"]\n', ":2: is no baseline entry"),
        (HEADER + f'[7, "{"0" * 32}", 1]\n', ":2: is no baseline entry"),
        (HEADER + '{"a": 1}\n', ":2: is no baseline entry"),
    ],
)
def test_a_wrong_baseline_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text(text)
    with pytest.raises(AuditError, match=said):
        baseline.load(file)


def test_a_baseline_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MAX_ENTRIES", 3)
    file = tmp_path / "b.jsonl"
    entry = f'["face", "{"0" * 32}", 1]\n'
    file.write_text(HEADER + entry * 3)
    assert sum(baseline.load(file).left.values()) == 3
    file.write_text(HEADER + entry * 4)
    with pytest.raises(AuditError, match="more than 3 entries"):
        baseline.load(file)


@pytest.mark.parametrize("path", ["nowhere", ".", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    with pytest.raises(AuditError, match=r"cannot be read|not the name"):
        baseline.load(tmp_path / path)
    with pytest.raises(PolicyError, match=r"cannot be read|not the name"):
        suppressions.load(tmp_path / path)


MANY = """\
suppressions:
  - code: contact.emial
    reason: r
    by: b
    expires: 2027-01-01
  - cod: face
    reason: ''
    expires: 2027-02-30
  - code: face
    sha256: ABC
    rule: not a rule
    reason: r
    by: [b]
    expires: soon
  - reason: r
    by: b
    expires: 2027-01-01
"""


def test_all_mistakes_of_a_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(MANY)
    with pytest.raises(PolicyError) as error:
        suppressions.load(file)
    said = str(error.value).replace(f"{file}:", "")
    for expected in (
        "2:11: unknown code 'contact.emial' (did you mean 'contact.email'?)",
        "6:5: unknown key 'cod' (did you mean 'code'?)",
        "7:13: should not be empty",
        "8:14: there is no such day",
        "6:5: 'by' is missing",
        "10:13: should be 64 hexadecimal digits in lower case",
        "11:11: should be a rule's id, pack/rule",
        "13:9: should be text (put it in quotes)",
        "14:14: should be a day as YYYY-MM-DD",
        "15:5: a suppression needs a 'code' or a 'rule'",
    ):
        assert expected in said, said


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: *a\n",
        "suppressions: !!python/object:os.system {}\n",
        "suppressions: []\nsuppressions: []\n",
        "- 1\n",
        "suppressions: 7\n",
        "[" * 100,
        "suppressions:\n" + "  - {code: face}\n" * 10_001,
        "\x00",
        "",
    ],
)
def test_yaml_that_is_odd_or_a_bomb_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError):
        suppressions.load(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="UTF-8"):
        suppressions.load(file)


@pytest.mark.parametrize(
    "before",
    [None, GOOD, "# mine\n" + GOOD + "  # the end\n", "suppressions: []\n", "suppressions:   [ ]  \n", GOOD.rstrip()],
)
def test_a_suppression_is_appended_and_comments_stay(tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "s.yaml"
    if before is not None:
        file.write_text(before)
    count = len(suppressions.load(file)) if before is not None else 0
    entry = suppressions.made(
        code="face", reason='a "quoted": # reason\nå 😀', by="b", expires="2027-01-01", sample="a: b#1", today=TODAY
    )
    assert suppressions.add(file, entry) == count + 1
    assert suppressions.load(file)[-1] == entry
    assert before is None or ("# mine" in file.read_text()) == ("# mine" in before)


def test_a_file_in_flow_style_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = "suppressions: [{code: face, reason: r, by: b, expires: 2027-01-01}]\n"
    file.write_text(text)
    entry = suppressions.made(code="face", reason="r", by="b", expires="2027-01-01", today=TODAY)
    with pytest.raises(PolicyError, match="Add this to its list"):
        suppressions.add(file, entry)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code": "fcae"}, "--code: should|--code: unknown|audit holds nothing"),
        ({"code": "contact.emial"}, "did you mean 'contact.email'"),
        ({}, "needs a 'code' or a 'rule'"),
        ({"code": "face", "expires": "2026-11-24"}, "is today or past"),
        ({"code": "face", "expires": "tomorrow"}, "--expires: should be a day"),
        ({"code": "face", "reason": ""}, "--reason"),
        ({"code": "face", "sample": "unknown.jpg"}, "no such sample"),
        ({"rule": "baseline/face"}, "did you mean 'baseline/faces'"),
        ({"code": "id.iban"}, "holds nothing that this would cover"),
    ],
)
def test_a_suppression_of_nothing_is_refused(tmp_path: Path, given: dict[str, str], said: str) -> None:
    from privacy_audit import api

    build(tmp_path / "audit", [One("a.jpg", [FACE, EMAIL])])
    with pytest.raises(PolicyError, match=said):
        api.suppress(
            tmp_path / "audit", tmp_path / "s.yaml", **{"reason": "r", "by": "b", "expires": "2999-01-01", **given}
        )
    assert not (tmp_path / "s.yaml").exists()


VERDICT = {
    "finding": "f" * 32,
    "content": "0" * 64,
    "code": "face",
    "detector": "faces 1",
    "verdict": "true_positive",
    "action": "",
    "by": "me",
    "at": "2026-11-24T00:00:00+00:00",
}


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "[]",
        "[" * 100_000,
        json.dumps({**VERDICT, "verdict": "maybe"}),
        json.dumps({**VERDICT, "verdict": ["true_positive"]}),
        json.dumps({**VERDICT, "action": "burn"}),
        json.dumps({**VERDICT, "by": " "}),
        json.dumps({**VERDICT, "by": "\u001b[31m"}),
        json.dumps({**VERDICT, "at": 7}),
        json.dumps({**VERDICT, "code": "c" * 501}),
        json.dumps({**VERDICT, "more": 1}),
        json.dumps({key: value for key, value in VERDICT.items() if key != "by"}),
    ],
)
def test_a_file_of_verdicts_that_is_wrong_names_its_line(tmp_path: Path, line: str) -> None:
    audit = build(tmp_path / "audit", [One("a.jpg", [FACE])])
    file = tmp_path / "v.jsonl"
    file.write_text(json.dumps(VERDICT) + "\n\n" + line + "\n")
    with pytest.raises(AuditError, match=r"v\.jsonl:3: is no verdict"):
        review.take(audit, file)
    assert not (audit.path / reviews.FOLDER).exists()


def test_verdicts_on_unknown_findings_are_counted_or_refused(tmp_path: Path) -> None:
    audit = build(tmp_path / "audit", [One("a.jpg", [FACE])])
    file = tmp_path / "v.jsonl"
    file.write_text(json.dumps(VERDICT) + "\n")
    with pytest.raises(AuditError, match="no verdict on a finding"):
        review.take(audit, file)
    (case,) = review.cases(audit, 5, "face")
    right = case.judged("true_positive", "", "me")
    lines = [VERDICT, *({name: getattr(right, name) for name in VERDICT},)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert review.take(audit, file) == (1, 1)
    assert list(reviews.read(audit.path)) == [right.finding]


def test_too_many_verdicts_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "MAX_BYTES", 10)
    (tmp_path / "v.jsonl").write_text(json.dumps(VERDICT))
    with pytest.raises(AuditError, match="too large"):
        list(reviews.read_file(tmp_path / "v.jsonl"))


def test_the_last_word_counts(tmp_path: Path) -> None:
    first = Verdict(**VERDICT)  # type: ignore[arg-type]
    second = Verdict(**{**VERDICT, "verdict": "false_positive", "at": "2026-11-25T00:00:00+00:00"})  # type: ignore[arg-type]
    reviews.add(tmp_path, [second], "a")
    reviews.add(tmp_path, [first], "b")
    assert reviews.read(tmp_path) == {first.finding: second}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"as_of": "x", "baseline": 7, "suppressions": []}', "[" * 100_000])
def test_a_damaged_summary_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / settled.NAME).write_text(text)
    with pytest.raises(AuditError, match="damaged"):
        settled.read(tmp_path)


def test_a_replacement_from_a_stranger_stays_inside_the_audit(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("x")
    folder = tmp_path / "audit"
    build(folder, [One("a.jpg", [FACE])])
    committed = folder / journal.COMMITTED
    committed.mkdir()
    (committed / "packs").symlink_to(outside)
    (committed / "audit.json").symlink_to(outside / "mine")
    names = ["../outside/mine", "packs/../../outside/mine", "packs/..", "audit.json", "samples/000000.parquet", 7]
    (committed / "remove.json").write_text(json.dumps(names))
    AuditFolder(folder)
    assert (outside / "mine").read_text() == "x"
    assert (folder / "samples" / "000000.parquet").exists()
    assert not committed.exists()


@pytest.mark.parametrize("listed", ["", "{}", "7", "[" * 100_000])
def test_a_damaged_replacement_is_said(tmp_path: Path, listed: str) -> None:
    folder = tmp_path / "audit"
    build(folder, [One("a.jpg", [FACE])])
    (folder / journal.COMMITTED).mkdir()
    (folder / journal.COMMITTED / "remove.json").write_text(listed)
    with pytest.raises(AuditError, match="damaged"):
        AuditFolder(folder)


def test_a_target_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    build(folder, [One("a.jpg", [FACE])])
    (tmp_path / "outside").mkdir()
    (folder / "settled").symlink_to(tmp_path / "outside")
    (folder / journal.COMMITTED / "settled").mkdir(parents=True)
    with pytest.raises(AuditError, match="is a link"):
        AuditFolder(folder)
