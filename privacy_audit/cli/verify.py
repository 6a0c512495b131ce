"""privacy-audit verify"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from privacy_audit.cli.options import second_look_options

if TYPE_CHECKING:
    from privacy_audit.api import VerifyFaces


@click.command()
@click.argument("output", type=click.Path(path_type=Path, exists=True), metavar="OUT")
@click.option("--audit", type=click.Path(path_type=Path), required=True, help="The audit that OUT was redacted by.")
@second_look_options
def verify(
    *,
    output: Path,
    audit: Path,
    verify_faces: VerifyFaces,
    jobs: int | None,
    timeout: float,
    faces_model: Path | None,
    recognizers: Path | None,
    token_key: Path | None,
) -> None:
    """Check the redacted copy OUT again, on this or another machine.

    Compares its files with its manifest, and what a fresh scan finds with what AUDIT says was to be removed. Without
    the audit's key, values are not searched for, which is said.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    found = api.verify(
        output,
        audit=audit,
        verify_faces=verify_faces,
        faces_model=faces_model,
        recognizers=recognizers,
        token_key=token_key,
        jobs=jobs,
        timeout_s=timeout,
        progress=terminal.Bar("Verifying"),
    )
    terminal.print_verification(found, str(output))
    raise SystemExit(0 if found.passed else 1)
