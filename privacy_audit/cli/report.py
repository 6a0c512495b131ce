"""privacy-audit report"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it. [AUDIT/report.html]"
)
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
def report(audit: Path, output: Path | None, show: bool) -> None:
    """Write the transparency report of AUDIT: one HTML file, without scripts, that opens from disk.

    It holds counts and reasons, no file name, caption or personal value.
    """
    from privacy_audit import api

    path = api.report(audit, output)
    click.echo(str(path))
    if show:
        click.launch(path.resolve().as_uri())
