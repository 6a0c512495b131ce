"""privacy-audit scan"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from privacy_audit.types import Severity


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="AUDIT",
    help="Folder for the audit; created, or gone on with when it was interrupted.",
)
@click.option(
    "--policy", "packs", multiple=True, metavar="PACK", help="Rule pack: a name or a file. Again for more. [baseline]"
)
@click.option("--detectors", metavar="A,B", help="Only these detectors. [all that are installed]")
@click.option(
    "--caption-column", "captions", multiple=True, metavar="NAME", help="A further table column that holds captions."
)
@click.option("--text-noise", is_flag=True, help="Report also dates, places, single-word names ...: mostly noise.")
@click.option(
    "--recognizers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Presidio recognizers to add, in presidio's YAML format.",
)
@click.option(
    "--names",
    type=click.Choice(["all", "sample", "off"]),
    help="Where to look for names of people in texts. [all; a sample of 20,000 in larger datasets]",
)
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Worker processes. [one per core]")
@click.option("--timeout", type=click.FloatRange(min=1), default=120.0, metavar="S", help="Seconds per batch. [120]")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default="high",
    help="Exit with 1 when a rule of this severity or a higher one fires. [high]",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option(
    "--token-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Key for the tokens that stand for values; shared by audits that are to be compared.",
)
def scan(
    *,
    source: Path,
    output: Path,
    packs: tuple[str, ...],
    detectors: str | None,
    captions: tuple[str, ...],
    text_noise: bool,
    recognizers: Path | None,
    names: Literal["all", "sample", "off"] | None,
    jobs: int | None,
    timeout: float,
    fail_on: str,
    exit_zero: bool,
    token_key: Path | None,
) -> None:
    """Audit the dataset SOURCE and write findings, decisions and a manifest to AUDIT.

    SOURCE is a folder of pictures, nested as it comes. Captions and records are read from metadata.csv, .jsonl or
    .parquet (column file_name) and from same-named .txt and .json files. Or SOURCE is one table of texts (.csv, .tsv,
    .jsonl, .parquet), whose pictures are not opened. Nothing in SOURCE is written to.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    audit = api.scan(
        source,
        output=output,
        policy=packs or ("baseline",),
        detectors=[name.strip() for name in detectors.split(",") if name.strip()] if detectors is not None else None,
        caption_columns=captions,
        text_noise=text_noise,
        recognizers=recognizers,
        names=names,
        fail_on="none" if exit_zero else fail_on,
        token_key=token_key,
        jobs=jobs,
        timeout_s=timeout,
        progress=terminal.Bar("Auditing"),
    )
    terminal.print_audit(audit, str(source))
    raise SystemExit(0 if exit_zero else audit.exit_code)
