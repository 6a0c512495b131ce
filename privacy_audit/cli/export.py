"""privacy-audit export"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.report.exports.registry import EXPORTS

_LIST = "\n".join(f"  {name:<10} {entry.title}{' *' if entry.internal_only else ''}" for name, entry in EXPORTS.items())
_HELP = f"""Write what AUDIT found in a form that others read.

\b
{_LIST}

The audience is public unless you say otherwise: no sample, path or preview is named, and counts under 10, with those
that would give them away, are ranges. What is marked * names samples and exists for internal use only. Declared facts
come from dataset.yaml; what nobody stated stays "to be provided".
"""


def _print_schema(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from privacy_audit.report.exports.evidence import json_schema

    click.echo(json_schema(), nl=False)
    ctx.exit()


@click.command(help=_HELP)
@click.argument("audit", type=click.Path(path_type=Path))
@click.option("--to", "kind", type=click.Choice(list(EXPORTS)), required=True, help="What to write.", metavar="KIND")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it. [AUDIT/exports/...]"
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the schema of the evidence.",
)
@click.option("--audience", type=click.Choice(["public", "internal"]), default="public", help="For whom. [public]")
def export(audit: Path, kind: str, output: Path | None, audience: str) -> None:
    from privacy_audit import api

    click.echo(str(api.export(audit, kind, output, audience=audience)))
