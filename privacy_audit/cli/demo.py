"""privacy-audit demo"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("privacy-audit-demo"),
    metavar="DIR",
    help="Where to build it. [privacy-audit-demo]",
)
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Worker processes. [one per core]")
def demo(output: Path, jobs: int | None) -> None:
    """Build a small dataset with planted personal data, audit it, redact it, and compare.

    Needs no network and no data of yours. Exits with 0 when everything planted was found and handled, else with 1.
    """
    from privacy_audit import demo as demonstration
    from privacy_audit.cli import terminal

    click.echo(
        "Building a dataset with planted personal data, auditing it, redacting it, auditing the copy ...", err=True
    )
    outcome = demonstration.run(output, jobs=jobs, progress=terminal.Bar("Working"))
    terminal.print_demo(outcome)
    raise SystemExit(0 if outcome.good else 1)
