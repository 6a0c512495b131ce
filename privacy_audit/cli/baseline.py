"""`privacy-audit baseline`: what is known, so that a gate fails on new findings only."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def baseline() -> None:
    """Take today's findings for known, so that a gate fails on new ones only."""


@baseline.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Where to write it."
)
def create(audit: Path, output: Path) -> None:
    """Write the findings of AUDIT to FILE: codes, hashes and counts, no name and no value.

    Give it to `scan --baseline FILE` or `decide --baseline FILE`. Values are compared by keyed tokens, so the later
    audit needs the same token key (--token-key).
    """
    from privacy_audit import api

    count = api.create_baseline(audit, output)
    click.echo(f"{output}: {count:,} {'finding' if count == 1 else 'findings'}")
