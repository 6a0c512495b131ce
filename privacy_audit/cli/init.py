"""privacy-audit init"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path), default=Path(), metavar="[SOURCE]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="File to write. [SOURCE/dataset.yaml]"
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(*, source: Path, output: Path | None, force: bool) -> None:
    """Write a first dataset.yaml for the folder SOURCE, by a look at its columns.

    It proposes which columns hold captions, audiences, licences and consent, and leaves what their values mean to you:
    nothing is taken for public. Values are shown only where they are words that privacy-audit knows.
    """
    from privacy_audit import api

    proposal = api.init(source, output, force=force)
    for column in proposal.columns:
        click.echo(column.line())
    if not proposal.columns:
        click.echo("No table and no JSON beside a picture: there are no columns to map.")
    click.echo(f"Wrote {output if output is not None else source / 'dataset.yaml'}. Read it, fill it in, and scan.")
