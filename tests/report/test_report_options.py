from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from report_audits import Item, build, face

from privacy_audit.cli.report import report


def test_audiences_and_languages_have_files_of_their_own(tmp_path: Path) -> None:
    build(tmp_path, [Item("canary.jpg", [face()])])
    for options in ([], ["--audience", "internal"], ["--lang", "id", "-o", str(tmp_path / "laporan.html")]):
        done = CliRunner().invoke(report, [str(tmp_path), *options])
        assert done.exit_code == 0, done.output
    assert "canary.jpg" not in (tmp_path / "report.html").read_text("utf-8")
    assert "canary.jpg" in (tmp_path / "report.internal.html").read_text("utf-8")
    assert '<html lang="id">' in (tmp_path / "laporan.html").read_text("utf-8")


@pytest.mark.parametrize("options", [["--crops"], ["--source", "x"], ["--audience", "internal", "--crops"]])
def test_what_would_leak_or_cannot_be_done_is_refused(tmp_path: Path, options: list[str]) -> None:
    build(tmp_path, [Item("a", [face()])])
    assert CliRunner().invoke(report, [str(tmp_path), *options]).exit_code != 0
    assert not (tmp_path / "report.html").exists()
