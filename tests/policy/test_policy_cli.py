"""`privacy-audit policy`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from privacy_audit.cli.policy import policy
from privacy_audit.policy import names
from privacy_audit.resources import folder

RULE = """\
pack: mine
title: Mine
version: "1"
checked_on: 2026-01-31
confidence: K
disclaimer: Not legal advice.
description: A test.
rules:
  - id: faces
    title: A face
    why: It identifies.
    match: {code: face, channel: pixels}
    severity: medium
    action: {fill: [face]}
    tests:
      - {given: [{code: face, channel: pixels}], expect: medium, action: redact}
      - {given: [face], expect: none}
"""
STATE = ", visibility unknown, training unspecified"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RULE, "utf-8")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


def test_list_is_a_table() -> None:
    result = run("list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["NAME", "TITLE", "VERSION", "SINCE", "CHECKED", "RULES", "LAW"]
    assert [line.split()[0] for line in lines[1:]] == names()
    assert all(re.search(r" 2026-11-22 +[0-9]+ +\S", line) for line in lines[1:])
    assert len({line.index(word) for line, word in zip(lines, ["CHECKED", *["2026-11-22"] * 13], strict=True)}) == 1


def test_validate_good(pack: Path) -> None:
    result = run("validate", pack, "gdpr")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == f"{pack}: ok, 1 rule"
    assert result.stdout.splitlines()[1].startswith("gdpr: ok, ")


def test_validate_reports_every_file_and_exits_2(pack: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RULE.replace("medium", "medum").replace("why:", "wyh:"), "utf-8")
    result = run("validate", wrong, tmp_path / "none.yaml", pack)
    assert result.exit_code == 2
    assert result.stdout == f"{pack}: ok, 1 rule\n"
    lines = result.stderr.splitlines()
    assert lines[0] == f"{wrong}:11:5: unknown key 'wyh' (did you mean 'why'?)"
    assert lines[1].startswith(f"{wrong}:13:15: unknown value 'medum' (did you mean 'medium'?)")
    assert lines[-1] == f"{tmp_path / 'none.yaml'}: there is no such file."


def test_validate_needs_a_file() -> None:
    assert run("validate").exit_code == 2


def test_test_runs_all_built_in_packs() -> None:
    result = run("test")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == names()
    assert all(line.endswith(", all passed") for line in result.stdout.splitlines())


def test_test_runs_a_file(pack: Path) -> None:
    result = run("test", pack)
    assert (result.exit_code, result.stdout) == (0, "mine: 1 rule, 2 tests, all passed\n")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "{given: [{code: face, channel: pixels}], expect: medium",
            "{given: [{code: face}], failed: [decode], expect: medium",
            "mine/faces, test 1: expected medium, found none for face in metadata, failed decode" + STATE,
        ),
        ("action: redact", "action: drop", "mine/faces, test 1: expected the action drop, found redact"),
        (
            "expect: medium",
            "expect: high",
            "mine/faces, test 1: expected high, found medium for face in pixels" + STATE,
        ),
    ],
)
def test_a_failing_test_is_named_and_exits_1(pack: Path, old: str, new: str, line: str) -> None:
    pack.write_text(RULE.replace(old, new), "utf-8")
    result = run("test", pack)
    assert result.exit_code == 1
    assert result.stderr == line + "\n"
    assert result.stdout == "mine: 1 rule, 2 tests, 1 failed\n"


def test_test_of_a_broken_or_unknown_pack_exits_2(pack: Path) -> None:
    pack.write_text(RULE.replace("severity", "severty"), "utf-8")
    result = run("test", pack)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'severity'?" in result.stderr
    assert run("test", "baselin").exit_code == 2


def test_schema_prints_what_the_repository_holds() -> None:
    result = run("schema")
    assert result.exit_code == 0
    assert result.stdout == folder("rules").joinpath("pack.schema.json").read_text("utf-8")


def test_help_is_cheap() -> None:
    code = (
        "import sys, privacy_audit.cli.policy; print(sorted({'pydantic', 'ruamel.yaml', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
