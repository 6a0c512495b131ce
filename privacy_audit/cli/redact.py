"""privacy-audit redact"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from privacy_audit.cli.options import second_look_options

if TYPE_CHECKING:
    from privacy_audit.api import VerifyFaces
    from privacy_audit.redaction.regions import Method


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--audit", type=click.Path(path_type=Path), required=True, help="The audit of SOURCE.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="New folder for the copy; of one file, a file like it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, per action and rule, and write nothing.")
@click.option(
    "--method",
    type=click.Choice(["fill", "pixelate", "blur"]),
    help="Cover all regions like this. Blur is weak. [as the rules say]",
)
@click.option("--pseudonyms", is_flag=True, help="Mask as <PERSON-7F3A2C>, equal values alike, not as <PERSON>.")
@click.option("--verify/--no-verify", default=True, help="Audit the copy, and leave out what fails. [yes]")
@second_look_options
def redact(
    *,
    source: Path,
    audit: Path,
    output: Path | None,
    dry_run: bool,
    method: Method | None,
    pseudonyms: bool,
    verify: bool,
    verify_faces: VerifyFaces,
    jobs: int | None,
    timeout: float,
    faces_model: Path | None,
    recognizers: Path | None,
    token_key: Path | None,
) -> None:
    """Write a clean copy of SOURCE to OUT, as the decisions in AUDIT say, and audit the copy.

    Faces are filled or pixelated, metadata stripped, values masked wherever they stand, dropped samples absent; all
    else is the same byte for byte. What could not be checked, redacted safely or verified is left out. SOURCE is never
    written to. Interrupted, the same command goes on where it stopped.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    if dry_run:
        terminal.print_preview(api.plan_redaction(source, audit=audit, method=method))
        return
    if output is None:
        raise click.UsageError("name the copy with -o OUT, or use --dry-run.")
    summary = api.redact(
        source,
        audit=audit,
        output=output,
        jobs=jobs,
        timeout_s=timeout,
        verify=verify,
        verify_faces=verify_faces,
        method=method,
        pseudonyms=pseudonyms,
        faces_model=faces_model,
        recognizers=recognizers,
        token_key=token_key,
        progress=terminal.Bar("Redacting"),
    )
    terminal.print_redaction(summary, str(output))
    raise SystemExit(0 if summary.passed or not verify else 1)
