"""privacy-audit redact"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--audit", type=click.Path(path_type=Path), required=True, help="The audit of SOURCE.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="OUT",
    help="New folder for the copy; of a table, a file.",
)
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Worker processes. [one per core]")
@click.option("--timeout", type=click.FloatRange(min=1), default=120.0, metavar="S", help="Seconds per sample. [120]")
@click.option("--verify/--no-verify", default=True, help="Audit the copy and say what is left. [yes]")
@click.option(
    "--faces-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The model file that the audit was made with.",
)
@click.option(
    "--recognizers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The recognizers that the audit was made with.",
)
@click.option(
    "--token-key", type=click.Path(path_type=Path), metavar="FILE", help="The key that the audit was made with."
)
def redact(
    *,
    source: Path,
    audit: Path,
    output: Path,
    jobs: int | None,
    timeout: float,
    verify: bool,
    faces_model: Path | None,
    recognizers: Path | None,
    token_key: Path | None,
) -> None:
    """Write a clean copy of SOURCE to OUT, as the decisions in AUDIT say, and audit the copy.

    Faces are filled or pixelated, metadata stripped, captions masked in their own files, dropped samples absent; all
    else is the same byte for byte. A picture that could not be checked or redacted safely is left out. SOURCE is never
    written to.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    summary = api.redact(
        source,
        audit=audit,
        output=output,
        jobs=jobs,
        timeout_s=timeout,
        verify=verify,
        faces_model=faces_model,
        recognizers=recognizers,
        token_key=token_key,
        progress=terminal.Bar("Redacting"),
    )
    terminal.print_redaction(summary, str(output))
    raise SystemExit(0 if summary.passed or not verify else 1)
