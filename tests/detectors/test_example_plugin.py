"""The example detector, installed for real beside privacy-audit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from privacy_audit.policy.load import load
from privacy_audit.policy.testing import check

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "badge-detector"
PROGRAM = """
import dataclasses, json
from privacy_audit.detectors import registry
badge = registry.find("badge")()
finding, = badge("Ask Jane, EMP-123456, at the gate")
row, = [row for row in registry.listing() if row.name == "badge"]
print(json.dumps({
    "names": registry.names(),
    "finding": dataclasses.asdict(finding),
    "row": [row.distribution, row.problem],
    "none": [badge(text) for text in ("EMP-12345", "EMP-1234567", "TEMP-123456", "")],
}))
"""


def _uv() -> list[str]:
    found = shutil.which("uv")
    return [found] if found else [sys.executable, "-m", "uv"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the example as `pip install` would put it there."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "badge-detector")
    target = tmp_path_factory.mktemp("target")
    command = [*_uv(), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(target)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.package
def test_an_installed_detector_is_found_and_works(installed: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "badge" in result["names"]
    assert result["row"] == ["badge-detector", None]
    assert result["none"] == [[], [], [], []]
    finding = result["finding"]
    assert (finding["code"], finding["channel"], finding["where"]) == (
        "badge.number",
        "caption",
        {"start": 10, "end": 20},
    )
    assert finding["attributes"] == {"field": "text"}
    assert "123456" not in done.stdout


@pytest.mark.parametrize("file", ["src/badge_detector/__init__.py", "pyproject.toml", "badge.yaml"])
def test_the_guide_shows_the_example_as_it_is(file: str) -> None:
    guide = (ROOT / "docs" / "detectors.md").read_text("utf-8")
    blocks = [block.partition("\n")[2].strip() for block in guide.split("```")[1::2]]
    assert (EXAMPLE / file).read_text("utf-8").strip() in blocks


def test_its_policy_pack_is_valid_and_does_what_it_says() -> None:
    assert check(load(EXAMPLE / "badge.yaml")) == []
