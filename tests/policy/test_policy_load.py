"""Reading packs: every mistake at once, at its line and column, and nothing that harms."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.errors import PolicyError
from privacy_audit.policy import Pack, check, load, names
from privacy_audit.policy.load import MAX_BYTES
from privacy_audit.types import Channel

HEAD = """\
pack: mine
title: Mine
version: "1"
checked_on: 2026-01-31
confidence: K
disclaimer: Not legal advice.
description: A test.
"""
RULE = """\
  - id: faces
    title: A face
    why: It identifies.
    match: {code: face}
    severity: medium
    action: {fill: [face]}
    tests:
      - {given: [face], expect: medium}
      - {given: [], expect: none}
"""
GOOD = HEAD + "rules:\n" + RULE


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "pack.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """The mistakes of a pack as `line:column: what`."""
    path = write(tmp_path, text)
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert all(mistake.startswith(path + ":") for mistake in caught.value.mistakes)
    assert str(caught.value) == "\n".join(caught.value.mistakes)
    return [mistake[len(path) + 1 :] for mistake in caught.value.mistakes]


def test_a_good_pack(tmp_path: Path) -> None:
    pack = load(write(tmp_path, GOOD))
    assert isinstance(pack, Pack)
    assert (pack.pack, pack.checked_on.isoformat(), [rule.id for rule in pack.rules]) == (
        "mine",
        "2026-01-31",
        ["faces"],
    )
    assert check(pack) == []
    assert load(Path(write(tmp_path, GOOD))) == pack


def test_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(str(path)) == load(write(tmp_path, GOOD))


BROKEN = """\
pack: My Pack
title: 7
version: "1"
checked_on: 2026-02-30
confidence: K
disclaimer: Not legal advice.
descripton: A test.
rules:
  - id: faces
    title: A face
    why: It identifies.
    match: {code: fase}
    severity: hihg
    acton: {fill: [face]}
    tests:
      - {given: [face, gps.precice], expect: hgih}
      - {given: [{code: face, bnad: report}], expect: none}
  - id: faces
    title: Several faces
    title: Twice
    why: It identifies.
    match:
      all:
        - {cod: face}
        - {code: face, band: raport}
        - {code: face, attributes: {band: reprot}}
        - {code: contct.*, min_score: 2, channel: captoin}
        - count: {code: face, at_least: two, atleast: 3}
        - {visibility: privat}
        - {code: face, visibility: private}
        - {any: [{all: [{any: [{code: face}]}]}]}
    severity: high
    action: {fill: face, strip: corsen, msk: [face]}
    law: [{name: GDPR, at: "Art. 4(1)", confidence: X}]
    tests:
      - {given: [face], expect: high}
  - id: nothing
    title: Nothing
    why: No reason.
    match: face
    severity: high
    action: redact
  - {id: empty, title: E, why: E, match: {any: []}, severity: low, action: {}, tests: []}
  - {id: other, title: E, why: E, match: {gps: 1}, severity: low, action: remove, tests: [{given: [], expect: ~}]}
"""


POSITIVE = "one in which the rule fires (expect: its severity)"
NEGATIVE = "one in which it does not (expect: none)"


def test_every_mistake_is_reported_at_its_place(tmp_path: Path) -> None:
    assert mistakes(tmp_path, BROKEN) == [
        "1:7: 'My Pack' should be lower case letters, digits and single hyphens",
        "2:8: should be text (put it in quotes)",
        "4:13: should be a date such as 2026-11-22",
        "7:1: unknown key 'descripton' (did you mean 'description'?)",
        "12:19: unknown code 'fase' (did you mean 'face'?)",
        "13:15: unknown value 'hihg' (did you mean 'high'?); one of: info, low, medium, high, critical",
        "14:5: unknown key 'acton' (did you mean 'action'?)",
        "16:24: unknown code 'gps.precice' (did you mean 'gps.precise'?)",
        "16:46: unknown value 'hgih' (did you mean 'high'?); one of: none, info, low, medium, high, critical",
        "17:31: unknown key 'bnad' (did you mean 'band'?)",
        "18:9: a second rule with the id 'faces'; the first is on line 9",
        "20:5: the key 'title' again; it stands on line 19 already",
        "24:12: unknown key 'cod' (did you mean 'code'?)",
        "25:30: unknown value 'raport' (did you mean 'report'?); one of: report, review",
        "26:37: unknown band 'reprot' (did you mean 'report'?)",
        "27:18: unknown code family 'contct.*' (did you mean 'contact.*'?)",
        "27:39: should be less than or equal to 1",
        f"27:51: unknown value 'captoin' (did you mean 'caption'?); one of: {', '.join(get_args(Channel))}",
        "28:41: should be a whole number",
        "28:46: unknown key 'atleast' (did you mean 'at_least'?)",
        "29:24: unknown value 'privat' (did you mean 'private'?); one of: public, restricted, private, unknown",
        "30:11: a match has only one of: code, visibility; put several into {all: [...]}",
        "31:26: 'any' and 'all' go at most 3 deep; split the rule in two",
        "33:20: should be a list",
        "33:33: unknown value 'corsen' (did you mean 'coarsen'?); one of: all, private, coarsen",
        "33:41: unknown key 'msk' (did you mean 'mask'?)",
        "34:53: unknown value 'X'; one of: S, K",
        f"36:7: the tests lack {NEGATIVE}",
        "37:5: 'tests' is missing",
        "40:12: a match is a mapping, such as {code: face}",
        "42:13: say what to redact: a mapping such as {fill: [face]}, {mask: [contact.*]} or {strip: private}",
        "43:48: should not be empty",
        "43:76: a redaction needs one of: fill, pixelate, blur, strip, mask",
        f"43:87: the tests lack {POSITIVE} and {NEGATIVE}",
        "44:42: a match needs one of: code, visibility, training, failed, any, all, count, rate",
        "44:75: unknown value 'remove' (did you mean 'review'?); one of: keep, review, drop, quarantine",
        f"44:90: the tests lack {NEGATIVE}",
        "44:111: should be one of: none, info, low, medium, high, critical",
    ]


def test_fifty_mistakes_are_fifty_lines(tmp_path: Path) -> None:
    rule = """\
  - id: rule-{n}
    title: A face
    why: It identifies.
    match: {{code: fase}}
    severity: hihg
    acton: review
    law: [{{name: GDPR, at: "Art. 6", confidence: K, effective_form: 2026-01-01}}]
    tests:
      - {{given: [face], expect: hgih}}
      - {{given: [], visibilty: public, expect: none}}
"""
    text = HEAD.replace("title: Mine", "title: [Mine]") + "rules:\n" + "".join(rule.format(n=n) for n in range(8))
    found = mistakes(tmp_path, text + rule.format(n=8).replace("hihg", "high").replace("fase", "face"))
    assert len(found) == 53
    lines = [int(mistake.split(":")[0]) for mistake in found]
    assert lines == sorted(lines)
    assert sum("did you mean" in mistake for mistake in found) == 52


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{rate: {code: face, at_least: 0}}", ["12:42: should be greater than 0"]),
        ("{rate: {code: face, at_least: 1.5}}", ["12:42: should be less than or equal to 1"]),
        ("{rate: {code: face, at_least: '5 %'}}", ["12:42: should be a number"]),
        ("{rate: {code: face}}", ["12:19: 'at_least' is missing"]),
        ("{rate: {cod: face, at_least: 0.1}}", ["12:20: unknown key 'cod' (did you mean 'code'?)"]),
        ("{rate: face}", ["12:19: should be a mapping (key: value)"]),
        ("{rte: {code: face, at_least: 0.1}}", ["12:13: unknown key 'rte' (did you mean 'rate'?)"]),
        ("{code: face, count: {code: face, at_least: 2}}", [
            "12:12: a match has only one of: code, count; put several into {all: [...]}",
        ]),
        ("{code: face, tier: drect}", [
            "12:31: unknown value 'drect' (did you mean 'direct'?); one of: direct, contextual",
        ]),
        ("{code: 'f(a+)+$'}", ["12:19: unknown code 'f(a+)+$'"]),
        ("{code: face, attributes: {band: [report]}}", ["12:44: should be text (put it in quotes)"]),
    ],
)  # fmt: skip
def test_a_mistaken_match(tmp_path: Path, match: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, GOOD.replace("{code: face}", match)) == expected


@pytest.mark.parametrize(
    ("term", "good"),
    [
        ("https://w3id.org/dpv/pd#Name", True),
        ("https://w3id.org/dpv#Child", True),
        ("https://w3id.org/dpv/legal/eu/gdpr#A9-2-a", True),
        ("http://w3id.org/dpv/pd#Name", False),
        ("pd:Name", False),
        ("https://w3id.org/dpv/pd", False),
    ],
)
def test_a_term_is_one_of_the_privacy_vocabulary(tmp_path: Path, term: str, good: bool) -> None:
    text = GOOD.replace("    severity: ", f'    dpv: ["{term}"]\n    severity: ')
    if good:
        assert load(write(tmp_path, text)).rules[0].dpv == (term,)
    else:
        what = "no term of the W3C Data Privacy Vocabulary: https://w3id.org/dpv/pd#Name, say"
        assert mistakes(tmp_path, text) == [f"13:11: '{term}' is {what}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: the file is empty"]),
        ("# only a comment\n", ["1:1: the file is empty"]),
        ("just text", ["1:1: should be a mapping (key: value)"]),
        ("- a", ["1:1: should be a mapping (key: value)"]),
        (GOOD + "rules: []\n", ["18:1: the key 'rules' again; it stands on line 8 already"]),
        (GOOD + "---\n" + GOOD, ["18:1: a second document: one file holds one"]),
        ("%YAML 1.1\n---\n" + GOOD, ["1:1: directives (%...) are not allowed; this is YAML 1.2"]),
        (GOOD.replace("A face", "&a A face"), ["10:12: anchors and aliases are not allowed: write the value again"]),
        (
            GOOD.replace("title: A face", "title: *a"),
            [
                "10:12: anchors and aliases are not allowed: write the value again",
                "10:12: should be text (put it in quotes)",
            ],
        ),
        (GOOD.replace("A face", "!!python/name:os.system x"), ["10:12: tags (!...) are not allowed"]),
        (GOOD.replace("A face", "!x A face"), ["10:12: tags (!...) are not allowed"]),
        (GOOD.replace("version: \"1\"", "version: 1.0"), ["3:10: should be text (put it in quotes)"]),
        (GOOD.replace("    why: It identifies.\n", "    why: ''\n"), ["11:10: should not be empty"]),
        (HEAD + "rules: []\n", ["8:8: should not be empty"]),
        (HEAD, ["1:1: 'rules' is missing"]),
        (GOOD.replace("{code: face}", "{code: face, known: 1}"), ["12:32: should be true or false"]),
        (GOOD.replace("{code: face}", "{code: face, min_score: .nan}"), ["12:36: should be a number"]),
        (GOOD.replace("{code: face}", "{code: []}"), ["12:19: should not be empty"]),
        (
            GOOD.replace("{code: face}", "{code: face, band: report, attributes: {band: review}}"),
            ["12:25: 'band' stands here twice: as a key of its own and in 'attributes'"],
        ),
        (GOOD.replace("{code: face}", "{code: '\\e[31m'}"), ["12:19: unknown code '\\e[31m'"]),
        (GOOD.replace("{code: face}", '{code: "\\e[31m"}'), ["12:19: unknown code '?[31m'"]),
        ("codes: [face, 'Not A Code']\n" + GOOD, [
            "1:9: 'face' is a code of privacy-audit already; 'codes' lists only those of other detectors",
            "1:15: 'Not A Code' is not a code: dotted, lower case words such as 'body.tattoo'",
        ]),
    ],
)  # fmt: skip
def test_mistake(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, text) == expected


@pytest.mark.parametrize("text", ["a: [", "a: 'x", "a: b: c", "\t- a", "}", "a\x00b: 1", "- a\nb", "{" * 500, "%"])
def test_a_syntax_error_has_its_place(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes(tmp_path, text) if text != "{" * 500 else mistakes(tmp_path, text)[-1:]
    assert mistake.split(":")[0].isdigit()
    assert "this is not YAML" in mistake or "too deeply nested" in mistake


def test_yaml_1_2_reads_no_as_text(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD.replace("A face", "NO"))).rules[0].title == "NO"


def test_codes_of_other_detectors_are_declared(tmp_path: Path) -> None:
    text = "codes: [body.tattoo]\n" + GOOD.replace("{code: face}", "{code: [face, body.*, body.tattoo]}")
    assert load(write(tmp_path, text)).codes == ("body.tattoo",)
    assert mistakes(tmp_path, text.replace("body.tattoo]}", "body.tatoo]}")) == [
        "13:34: unknown code 'body.tatoo' (did you mean 'body.tattoo'?)"
    ]


# Files


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(PolicyError) as caught:
        load("gdrp")
    assert str(caught.value) == (
        "no rule pack is called 'gdrp' (did you mean 'gdpr'?). "
        f"Built in: {', '.join(names())}; anything else is the path of a YAML file."
    )


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"pack: caf\xe9\n")
    (tmp_path / "wide.yaml").write_bytes(GOOD.encode("utf-16"))
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")
    for name, what in {
        "": "is a folder",
        "missing.yaml": "there is no such file",
        "pipe.yaml": "there is no such file",
        "latin.yaml": r"is not UTF-8 text \(byte 9\)",
        "wide.yaml": r"is not UTF-8 text \(byte 0\)",
        "large.yaml": r"is larger than a rule pack may be \(1024 KiB\)",
        "nul\0.yaml": "file",
        "x" * 5000 + ".yaml": r"cannot be read|no such file",
    }.items():
        with pytest.raises(PolicyError) as caught:
            load(str(tmp_path / name))
        assert re.search(what, str(caught.value))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, GOOD)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PolicyError, match=r"cannot be read: Permission denied\."):
        load(path)


# Hostile input


BILLION_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BILLION_LAUGHS,
        "[" * 5000,
        "{a: " * 5000,
        "- " * 5000,
        "!" * 100_000,
        "&" + "a" * 100_000,
        "- a\n" * 200_000,
        "a: 1" + "0" * 9000,
        "".join(f"key{number}: 1\n" for number in range(10_000)),
        HEAD + "rules:\n- {id: a, match: {code: [" + ",\n".join(f"gps.precisx{n}" for n in range(10_000)) + "]}}",
        "codes: [" + ",\n".join(f"a{n}.b" for n in range(5000)) + "]\n" + GOOD,
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_bombs_are_refused_in_time_and_in_few_words(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert len(caught.value.mistakes) <= 101
    assert all(len(mistake) < 400 + len(path) for mistake in caught.value.mistakes)


TOKENS = st.sampled_from(
    """pack:_|rules:#|__-_|id:_x#|match:_|{|}|[|]|code:_|face|,_|#|all:_|any:_|count:_|tests:_|given:_|expect:_none|action:_
    |fill:_|~|1|'|"|?_|:_|!t_|&a_|*a_|law:_|attributes:_|band:_|codes:_|true|<code>:_|____|---#|\x00|é|<<:_|>_|%""".replace(
        "\n    ", ""
    )
    .replace("_", " ")
    .replace("#", "\n")
    .split("|")
)


@settings(max_examples=300, deadline=None)
@given(text=st.lists(TOKENS, max_size=40).map("".join))
def test_no_text_causes_another_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(HEAD + text, "utf-8")
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert caught.value.mistakes


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 20),
    inserted=st.lists(TOKENS, max_size=3).map("".join),
)
def test_a_damaged_pack_is_a_pack_or_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, inserted: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(GOOD[:start] + inserted + GOOD[start + length :], "utf-8")
    with contextlib.suppress(PolicyError):
        assert load(path).rules
