"""docs/requests.md tells the truth: its commands and options exist, and its figures are those in the code."""

from __future__ import annotations

import re
from pathlib import Path

import click

from privacy_audit.cli import main
from privacy_audit.subject import copies, matching

GUIDE = (Path(__file__).parents[2] / "docs" / "requests.md").read_text("utf-8")


def test_commands_and_options_exist() -> None:
    lines = re.findall(r"^    privacy-audit (.*)", GUIDE.replace("\\\n", ""), re.MULTILINE)
    assert len(lines) >= 10
    for line in lines:
        words = line.split()
        context = click.Context(main)
        command = main.get_command(context, words[0])
        if isinstance(command, click.Group):
            command = command.get_command(context, words[1])
        assert command is not None, line
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if re.fullmatch(r"--?[a-z-]+", word)} <= known, line


def test_every_subject_command_is_described() -> None:
    group = main.get_command(click.Context(main), "subject")
    assert isinstance(group, click.Group)
    assert {name for name in group.commands if f"subject {name}" not in GUIDE} == set()


def test_figures_are_those_that_were_measured() -> None:
    assert f"{copies.THRESHOLD} of {copies.BITS} bits" in GUIDE
    assert f"0 of {copies.FALSE_MATCHES.total:,} pairs" in GUIDE
    for rate in copies.MISSED.values():
        assert f"{rate.hits} of {rate.total}" in GUIDE
    easy, street = matching.FALSE_MATCHES[0.6]
    assert f"{easy.hits} of {easy.total} such pairs; up to {street.hits} of {street.total:,}" in GUIDE
    fewer = ", ".join(str(matching.FALSE_MATCHES[threshold][0].hits) for threshold in (0.5, 0.4))
    assert f"up to {fewer} of {street.total:,}" in GUIDE
