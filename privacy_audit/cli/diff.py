"""privacy-audit diff"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("before", type=click.Path(path_type=Path), metavar="A")
@click.argument("after", type=click.Path(path_type=Path), metavar="B")
@click.option("--format", "kind", type=click.Choice(["human", "json"]), default="human", help="How to print. [human]")
def diff(*, before: Path, after: Path, kind: str) -> None:
    """Compare the audits A and B: a dataset before and after redaction, or two versions of it.

    Samples are matched by content, findings by value where both audits were made with one token key, else by number.
    Shares of samples come with their 95 % interval.
    """
    import json

    from privacy_audit import api
    from privacy_audit.cli import terminal

    found = api.diff(before, after)
    if kind == "json":
        click.echo(json.dumps(found.to_json(), indent=1))
    else:
        terminal.print_diff(found)
