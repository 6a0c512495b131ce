"""privacy-audit why"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.cli.policy import FORMAT


@click.command()
@click.argument("audit", type=click.Path(path_type=Path), metavar="AUDIT")
@click.option("--reason", metavar="CODE", help="Only the files with this reason, such as gps.precise.")
@click.option("--limit", type=click.IntRange(1), default=20, metavar="N", help="At most so many files per reason. [20]")
@FORMAT
def why(audit: Path, reason: str | None, limit: int, form: str) -> None:
    """List the files of AUDIT by what speaks against using them, the most severe first.

    Of the findings, their kind is named and no value. A file may be listed for several reasons. For one file in detail:
    privacy-audit policy explain FILE --audit AUDIT.
    """
    from privacy_audit.api import Audit
    from privacy_audit.cli import reasons
    from privacy_audit.run.explain import against

    found = against(Audit(audit).folder, reason, limit)
    click.echo(reasons.against_json(found) if form == "json" else reasons.against_text(found))
