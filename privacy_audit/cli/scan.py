"""privacy-audit scan"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from privacy_audit.cli.formats import finish, format_option
from privacy_audit.cli.options import Bytes, biometric_options, biometrics_of, settling_options
from privacy_audit.types import SOURCE_KINDS, Severity


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
@click.option("--detectors", metavar="A,B", help="Only these detectors. [all that are installed and not optional]")
@click.option(
    "--image-text", is_flag=True, help="Also read text and codes inside the pictures: slower, needs the extra 'ocr'."
)
@click.option(
    "--caption-column", "captions", multiple=True, metavar="NAME", help="A further table column that holds captions."
)
@click.option(
    "--faces",
    type=click.Choice(["fast", "default", "thorough"]),
    default="default",
    help="How closely to look for faces: time against recall, which the report prints. [default]",
)
@click.option(
    "--faces-backend",
    default="centerface",
    metavar="NAME",
    help="Network that finds faces: centerface, face_recognition-hog, face_recognition-cnn, yunet. [centerface]",
)
@click.option(
    "--faces-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Model file of a network that comes without one (yunet).",
)
@click.option("--text-noise", is_flag=True, help="Report also dates, single-word names ...: mostly noise.")
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
@click.option(
    "--memory-limit", type=Bytes(), metavar="SIZE", help="Memory per worker process, such as 2G; Linux only. [none]"
)
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", help="Where to run: ray needs the extra. [local]"
)
@click.option(
    "--ray-address", default="auto", metavar="ADDR", help="The Ray cluster; it is never started for you. [auto]"
)
@click.option(
    "--since",
    type=click.Path(path_type=Path),
    metavar="AUDIT",
    help="An earlier audit: only samples that are new or changed since are looked at again.",
)
@click.option("--timeout", type=click.FloatRange(min=1), default=120.0, metavar="S", help="Seconds per batch. [120]")
@click.option(
    "--fail-on",
    type=click.Choice([*(severity.value for severity in Severity), "none"]),
    default="high",
    help="Exit with 1 when a rule of this severity or a higher one fires; none: never. [high]",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option(
    "--token-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Key for the tokens that stand for values; shared by audits that are to be compared.",
)
@click.option(
    "--opt-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="List of what must not be used: one sha256, URL or domain per line.",
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the columns mean and who publishes. [SOURCE/dataset.yaml; see privacy-audit init]",
)
@click.option(
    "--source",
    "source_kind",
    type=click.Choice(SOURCE_KINDS),
    help="What SOURCE is, when it is not what it looks like. [seen from its content]",
)
@click.option(
    "--sample", metavar="N|P%|auto", help="Audit a random sample only; rates carry their 95 % interval. [all]"
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.01,
    metavar="R",
    help="With --sample auto: half the width of the interval at most. [0.01]",
)
@click.option("--seed", type=int, default=0, metavar="S", help="Draws another sample, or the same again. [0]")
@settling_options
@format_option
@biometric_options
def scan(
    *,
    source: Path,
    output: Path,
    packs: tuple[str, ...],
    detectors: str | None,
    image_text: bool,
    captions: tuple[str, ...],
    faces: str,
    faces_backend: str,
    faces_model: Path | None,
    text_noise: bool,
    recognizers: Path | None,
    names: Literal["all", "sample", "off"] | None,
    jobs: int | None,
    memory_limit: int | None,
    engine: Literal["local", "ray"],
    ray_address: str,
    since: Path | None,
    timeout: float,
    fail_on: str,
    exit_zero: bool,
    token_key: Path | None,
    opt_out: Path | None,
    dataset: Path | None,
    source_kind: str | None,
    baseline: Path | None,
    suppressions: Path | None,
    shape: str,
    sample: str | None,
    margin: float,
    seed: int,
    enable_biometrics: bool,
    purpose: str | None,
    legal_basis: str | None,
) -> None:
    """Audit the dataset SOURCE and write findings, decisions and a manifest to AUDIT.

    SOURCE is a folder of pictures, nested as it comes. Captions and records are read from metadata.csv, .jsonl or
    .parquet (column file_name) and from same-named .txt and .json files. Or SOURCE is a ZIP archive of those,
    WebDataset shards (a .tar, a folder of them, 'shards/{000..999}.tar'), Parquet with pictures, a dataset saved by
    datasets, a COCO file, or a table (.csv, .tsv, .jsonl, .parquet) of texts or of paths to pictures beside it.
    Or it is what Google Takeout, Instagram, Facebook or Flickr gave you of your own photos, packed or unpacked.
    Nothing in SOURCE is written to, and nothing is unpacked to disk.

    With --enable-biometrics, --purpose and --legal-basis faces are compared, in memory only, and the audit says how
    many distinct people appear, as an estimate. That makes biometric data: find out first whether you may.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    audit = api.scan(
        source,
        output=output,
        policy=packs or ("baseline",),
        detectors=[name.strip() for name in detectors.split(",") if name.strip()] if detectors is not None else None,
        image_text=image_text,
        caption_columns=captions,
        faces=faces,
        faces_backend=faces_backend,
        faces_model=faces_model,
        text_noise=text_noise,
        recognizers=recognizers,
        names=names,
        fail_on=fail_on,
        token_key=token_key,
        opt_out=opt_out,
        dataset=dataset,
        jobs=jobs,
        timeout_s=timeout,
        source_kind=source_kind,
        biometrics=biometrics_of(enable_biometrics, purpose, legal_basis),
        baseline=baseline,
        suppressions=suppressions,
        memory_limit=memory_limit,
        engine=engine,
        ray_address=ray_address,
        since=since,
        sample=sample,
        margin=margin,
        seed=seed,
        progress=terminal.Bar("Auditing", "shard"),
    )
    finish(audit, shape, source=str(source), exit_zero=exit_zero)
