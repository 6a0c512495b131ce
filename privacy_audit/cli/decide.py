"""privacy-audit decide"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.cli.formats import finish, format_option
from privacy_audit.cli.options import fail_on_option, settling_options


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option(
    "--policy", "packs", multiple=True, metavar="PACK", help="Rule pack: a name or a file. Again for more. [as before]"
)
@fail_on_option
@settling_options
@format_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
def decide(
    *,
    audit: Path,
    packs: tuple[str, ...],
    fail_on: str | None,
    baseline: Path | None,
    suppressions: Path | None,
    shape: str,
    exit_zero: bool,
) -> None:
    """Write the decisions of AUDIT anew, without a look at its source.

    By other rules, with the findings of a baseline known, with suppressions, and with the verdicts of reviews. All
    decisions are written, or none. What is not named again does not hold any more, apart from reviews.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    decided = api.decide(
        audit,
        policy=packs or None,
        fail_on=fail_on,
        baseline=baseline,
        suppressions=suppressions,
        progress=terminal.Bar("Deciding"),
    )
    finish(decided, shape, exit_zero=exit_zero)
