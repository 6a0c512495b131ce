"""privacy-audit suppress"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option("--code", metavar="CODE", help="Findings of this code; a family as id.*")
@click.option("--rule", metavar="PACK/RULE", help="What this rule makes of them, not other rules.")
@click.option("--sample", metavar="ID", help="On this sample only, as long as its picture stays the same.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is accepted. The report prints it.")
@click.option("--by", required=True, metavar="PERSON", help="Who accepts it: a name or a role. The report prints it.")
@click.option("--expires", required=True, metavar="DATE", help="The day on which it counts again, as YYYY-MM-DD.")
@click.option(
    "--file",
    "output",
    type=click.Path(path_type=Path),
    default=Path("suppressions.yaml"),
    metavar="FILE",
    help="File that it is added to. [suppressions.yaml]",
)
def suppress(
    *,
    audit: Path,
    code: str | None,
    rule: str | None,
    sample: str | None,
    reason: str,
    by: str,
    expires: str,
    output: Path,
) -> None:
    """Accept findings of AUDIT until a day, by an entry in FILE.

    An accepted finding orders no action and fails no gate; the report counts it apart. Nothing changes before
    `privacy-audit decide AUDIT --suppressions FILE`, or the next scan with it.
    """
    from privacy_audit import api

    covered = api.suppress(audit, output, code=code, rule=rule, sample=sample, reason=reason, by=by, expires=expires)
    click.echo(f"{output}: covers {covered:,} {'finding' if covered == 1 else 'findings'} of this audit")
