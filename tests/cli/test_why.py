"""From a download to the answer: the summary, and the list of files by reason."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from privacy_audit.cli import main

YEAR = "Takeout/Google Photos/Photos from 2020"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory, jpeg: Callable[..., bytes]) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("takeout")
    about = {
        "a.jpg": {"geoData": {"latitude": 48.208333, "longitude": 16.371667}},
        "b.jpg": {"description": "call +1 415 555 0132", "people": [{"name": "Jo"}]},
        "c.jpg": {},
    }
    with zipfile.ZipFile(root / "takeout.zip", "w") as archive:
        for name, more in about.items():
            archive.writestr(f"{YEAR}/{name}", jpeg("red"))
            record = {"title": name, "photoTakenTime": {"timestamp": "1600000000"}, **more}
            archive.writestr(f"{YEAR}/{name}.supplemental-metadata.json", json.dumps(record))
    arguments = ["--detectors", "metadata,captions,provenance", "--jobs", "0", "--names", "off"]
    result = CliRunner().invoke(main, ["scan", str(root / "takeout.zip"), "-o", str(root / "audit"), *arguments])
    assert result.exit_code == 1, result.output
    return root / "audit", result.output


def test_the_summary_names_audiences_and_the_next_step(audit: tuple[Path, str]) -> None:
    _, output = audit
    assert "Who may see them: private 3\n" in output
    assert "Something speaks against training on 3 of 3 pictures and records" in output
    assert "privacy-audit why" in output
    assert "privacy-audit redact" not in output


def test_files_by_reason(audit: tuple[Path, str]) -> None:
    result = CliRunner().invoke(main, ["why", str(audit[0])])
    assert result.exit_code == 0, result.output
    blocks = {block.split("(")[1].split(")")[0]: block for block in result.output.split("\n\n")}
    assert next(iter(blocks)) == "provenance.private"
    assert f"{YEAR}/a.jpg" in blocks["gps.precise"]
    assert f"{YEAR}/b.jpg" not in blocks["gps.precise"]
    assert f"{YEAR}/b.jpg" in blocks["contact.phone"]
    assert "555" not in result.output


def test_one_reason_with_a_limit_and_as_data(audit: tuple[Path, str]) -> None:
    arguments = ["why", str(audit[0]), "--reason", "provenance.private", "--limit", "2"]
    result = CliRunner().invoke(main, arguments)
    assert result.output.splitlines()[1:] == [
        f"  {YEAR}/a.jpg",
        f"  {YEAR}/b.jpg",
        "  ... 1 more: --reason provenance.private --limit N",
    ]
    (found,) = json.loads(CliRunner().invoke(main, [*arguments, "--format", "json"]).output)["reasons"]
    assert (found["reason"], found["samples"], len(found["files"])) == ("provenance.private", 3, 2)


def test_a_reason_that_is_none(audit: tuple[Path, str]) -> None:
    result = CliRunner().invoke(main, ["why", str(audit[0]), "--reason", "gps.precice"])
    assert result.exit_code == 2
    assert "is the reason of no decision" in result.output
