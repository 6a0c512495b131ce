"""privacy-audit check"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.types import Severity


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--policy", "packs", multiple=True, metavar="PACK", help="Rule pack: a name or a file. Again for more. [baseline]"
)
@click.option("--detectors", metavar="A,B", default="captions,faces,metadata", help="[captions,faces,metadata]")
@click.option(
    "--fail-on",
    type=click.Choice([*(severity.value for severity in Severity), "none"]),
    default="high",
    help="Exit with 1 when a rule of this severity or a higher one fires. [high]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code says it.")
def check(*, files: tuple[Path, ...], packs: tuple[str, ...], detectors: str, fail_on: str, quiet: bool) -> None:
    """Look at a few picture FILEs before they are committed, in one process, and write nothing.

    Faces, metadata and file names are looked at; captions, records and names of people are not: that takes a scan.
    Files that are no pictures are passed over.
    """
    from privacy_audit import api

    names = [name.strip() for name in detectors.split(",") if name.strip()]
    result = api.check(files, policy=packs or ("baseline",), detectors=names, fail_on=fail_on)
    if not quiet:
        for line in result.lines():
            click.echo(line)
    raise SystemExit(result.exit_code)
