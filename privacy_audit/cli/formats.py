"""How commands that end with a verdict print it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from privacy_audit.api import Audit

F = TypeVar("F", bound=Callable[..., object])
HUMAN, QUIET = "human", "quiet"
NAMES = (HUMAN, "json", "jsonl", "md", "sarif", QUIET)


def format_option(command: F) -> F:
    """--format."""
    return click.option(
        "--format",
        "shape",
        type=click.Choice(NAMES),
        default=HUMAN,
        help="What is printed on stdout; quiet prints nothing. [human]",
    )(command)


def finish(audit: Audit, shape: str, *, source: str | None = None, exit_zero: bool = False) -> None:
    """Print the verdict of an audit and exit with its code."""
    code = audit.exit_code
    if shape == HUMAN:
        from privacy_audit.cli import terminal

        terminal.print_audit(audit, source)
    elif shape != QUIET:
        from privacy_audit.report.formats import WRITERS

        for piece in WRITERS[shape](audit.folder, code):
            click.echo(piece, nl=False)
    raise SystemExit(0 if exit_zero else code)
