"""privacy-audit gate"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.cli.formats import finish, format_option
from privacy_audit.cli.options import fail_on_option


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@fail_on_option
@format_option
def gate(*, audit: Path, fail_on: str | None, shape: str) -> None:
    """Print the verdict of AUDIT once more, in another format or for another severity; nothing is written.

    Refused when a suppression has expired since: decide again first.
    """
    from privacy_audit import api

    finish(api.gate(audit, fail_on=fail_on), shape)
