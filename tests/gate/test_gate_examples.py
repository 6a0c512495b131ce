"""The examples are run as people would copy them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from privacy_audit.cli import main

ROOT = Path(__file__).resolve().parents[2]


def run_example(folder: Path, dataset: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "examples" / "test_my_dataset.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_dataset.py"],
        cwd=folder,
        env={**os.environ, "DATASET": str(dataset)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("caption", "outcome"), [("A teal rectangle", "7 passed"), ("write to a.example@example.com", "2 failed, 5 passed")]
)
def test_the_pytest_example(tmp_path: Path, jpeg: Callable[..., bytes], caption: str, outcome: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(jpeg())
    (photos / "a.txt").write_text(caption)
    done = run_example(tmp_path, photos)
    assert outcome in done.stdout, done.stdout
    assert "a.example@" not in done.stdout


def test_the_hook_runs_a_command_that_exists(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    (hook,) = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = shlex.split(hook["entry"])
    assert program == "privacy-audit"
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg())
    result = CliRunner().invoke(main, [*arguments, str(picture)])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""


def test_the_actions_commands_exist() -> None:
    text = (ROOT / "examples" / "github-action.yml").read_text()
    steps = YAML(typ="safe").load(text)["jobs"]["audit"]["steps"]
    scripts = "\n".join(step.get("run", "") for step in steps)
    commands = re.findall(r"privacy-audit (\w[^\n>]*)", scripts)
    assert len(commands) == 2
    for command in commands:
        result = CliRunner().invoke(main, [*shlex.split(command), "--help"])
        assert result.exit_code == 0, result.output
    expressions = re.findall(r"\${{.*?}}", scripts)
    assert expressions == [], "what others wrote must not be pasted into a shell"
