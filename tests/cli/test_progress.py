"""Progress where there is no terminal, and sizes as people write them."""

from __future__ import annotations

import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from privacy_audit.cli import main, terminal
from privacy_audit.cli.options import Bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 << 30), ("512M", 512 << 20), ("512mb", 512 << 20), ("1.5GiB", 3 << 29), ("100000000", 10**8)],
)
def test_sizes(text: str, size: int) -> None:
    assert Bytes().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "G", "2X", "-1G", "1", "63M", "1e9", "2GG"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"Write it as 512M or 2G"):
        Bytes().convert(text, None, None)


def test_a_log_file_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_LINE_EVERY_S", 0.05)
    bar = terminal.Bar("Auditing", "shard")
    bar.start(1000)
    bar.advance(300, 0)
    bar.advance(200, 2)
    told = ""
    deadline = time.monotonic() + 30
    while "2 shards, 2 failures" not in told and time.monotonic() < deadline:
        time.sleep(0.05)
        told += capsys.readouterr().err
    bar.stop()
    line = next(line for line in told.splitlines() if "2 shards" in line)
    assert line.startswith("Auditing 500 of 1,000, ")
    assert "/s, " in line
    assert " left, 2 shards, 2 failures" in line
    time.sleep(0.1)
    capsys.readouterr()
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (119, "119 s"), (600, "10 min"), (7199, "120 min"), (36_000, "10.0 h")]
)
def test_a_time_to_wait_is_as_exact_as_it_matters(seconds: float, text: str) -> None:
    assert terminal._duration(seconds) == text


def test_what_was_asked_for_wrongly_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for options, words in [
        (["--sample", "many"], "'many' is no sample"),
        (["--since", str(tmp_path)], "is not an audit"),
        (["--memory-limit", "1k"], "Write it as 512M"),
    ]:
        (tmp_path / "table.csv").write_text("id,caption\n1,a ball\n")
        arguments = ["scan", str(tmp_path / "table.csv"), "-o", str(tmp_path / "audit"), "--jobs", "1", *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert words in result.output
