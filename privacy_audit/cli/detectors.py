"""privacy-audit detectors"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from privacy_audit.detectors.faces.bench import Labelled
    from privacy_audit.detectors.faces.recall import Rate, Table

_PROFILES = ("fast", "default", "thorough")


@click.group(invoke_without_command=True)
@click.pass_context
def detectors(context: click.Context) -> None:
    """List the detectors that are installed: what they find, what they need, and whether they can run here."""
    if context.invoked_subcommand is None:
        _print_listing()


def _print_listing() -> None:
    from privacy_audit.detectors import registry
    from privacy_audit.detectors.base import about, is_optional, models_of
    from privacy_audit.types import Needs

    for entry in registry.listing():
        state = click.style("ready", fg="green") if entry.problem is None else click.style("not available", fg="red")
        asked = ", when asked for" if entry.detector is not None and is_optional(entry.detector) else ""
        click.echo(f"{click.style(entry.name, bold=True)}  {state}{asked}  ({entry.distribution})")
        if entry.problem is not None:
            click.echo(click.wrap_text(entry.problem, 100, "  problem: ", "           "))
        if entry.detector is None:
            continue
        needs = " or ".join(str(need.name).lower() for need in Needs if need in entry.detector.needs)
        click.echo(f"  version: {entry.detector.version}   needs: {needs}")
        click.echo(click.wrap_text(", ".join(sorted(entry.detector.codes)), 100, "  finds:   ", "           "))
        click.echo(click.wrap_text(about(entry.detector).method, 100, "  method:  ", "           "))
        click.echo(click.wrap_text(about(entry.detector).limits, 100, "  limits:  ", "           "))
        for model in models_of(entry.detector):
            click.echo(
                f"  model:   {model.name}, {model.license}, in {model.distribution}, sha256 {model.sha256[:16]}..."
            )


@detectors.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--profile", "profiles", multiple=True, type=click.Choice(_PROFILES), help="Only this one. Again for more."
)
@click.option(
    "--backend", "wanted", multiple=True, metavar="NAME", help="Only this one. Again for more. [all installed]"
)
@click.option("--faces-model", type=click.Path(path_type=Path), metavar="FILE", help="Model file of the backend yunet.")
@click.option("--turned", is_flag=True, help="Also with the pixels turned by 90, 180 and 270 degrees.")
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE", help="Put the figures into this recall.json.")
@click.option("--data", metavar="TEXT", help="What the pictures are, as the report names them. [the name of DIR]")
def bench(
    *,
    folder: Path,
    profiles: tuple[str, ...],
    wanted: tuple[str, ...],
    faces_model: Path | None,
    turned: bool,
    write: Path | None,
    data: str | None,
) -> None:
    """Measure the face detector on the labelled pictures in DIR, for every backend and profile that can run here.

    DIR holds annotations.json, a list of {"file": name, "boxes": [[x1, y1, x2, y2], ...]} in pixels of the upright
    picture, and the pictures, beside it or in DIR/images. A picture without boxes counts as face-free. Printed are
    recall by size of face (square root of its area in stored pixels), precision, false alarms per face-free picture,
    all at both thresholds, and pictures per second of one core's CPU time.
    """
    from privacy_audit.detectors.faces import backends, bench, recall
    from privacy_audit.errors import ModelError
    from privacy_audit.store.files import write_whole

    pictures = bench.load(folder)
    old = _text(write) if write is not None else None
    recall.merged(old, [])  # before an hour of work: is it such a file?
    tables: list[Table] = []
    for backend in wanted or backends.NAMES:
        for profile in profiles or _PROFILES:
            options = {"profile": profile, "backend": backend}
            if faces_model is not None and backends.find(backend).needs_file:
                options["model"] = str(faces_model)
            try:
                tables += _measure(pictures, options, data or folder.resolve().name, turned=turned)
            except ModelError as error:
                if wanted:
                    raise
                click.echo(f"\n{backend}: not available. {error}")
                break
    if write is not None:
        write_whole(write, recall.merged(old, tables))
        click.echo(f"\nWrote {write}", err=True)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} cannot be read ({type(error).__name__}).") from error


def _measure(pictures: list[Labelled], options: dict[str, str], data: str, *, turned: bool) -> list[Table]:
    """Measure one backend and profile and print it; only what was measured on upright pictures is for the file."""
    from datetime import datetime, timezone

    from privacy_audit.cli.terminal import Bar
    from privacy_audit.detectors.faces import Faces, bench

    faces = Faces(**options)  # type: ignore[arg-type]
    today = datetime.now(timezone.utc).date().isoformat()
    upright: list[Table] = []
    for quarters in range(4 if turned else 1):
        bar = Bar("Looking")
        bar.start(len(pictures))
        try:
            looked = bench.measure(faces, pictures, quarters, lambda bar=bar: bar.advance(1, 0))  # type: ignore[misc]
        finally:
            bar.stop()
        table = bench.table(faces, looked, data, today)
        _print(table, 90 * quarters)
        upright += [table] if not quarters else []
    return upright


def _print(table: Table, degrees: int) -> None:
    note = f" ({table['note']})" if table["note"] else ""
    turn = f", pixels turned by {degrees} degrees" if degrees else ""
    head = click.style(f"{table['backend']}, profile {table['profile']}", bold=True)
    click.echo(f"\n{head}{note}{turn}: {table['images_per_s']} pictures/s of CPU time")
    click.echo(f"  {'face size':<10}{'faces':>7}   {'recall, kept':<22}{'recall, counted':<22}")
    for row in table["rows"]:
        cells = "".join(f"{_rate(cell):<22}" for cell in (row["keep"], row["report"]))
        click.echo(f"  {row['size'] + ' px':<10}{row['faces']:>7,}   {cells}".rstrip())
    both = "".join(f"{_number(value):<22}" for value in table["precision"].values())
    click.echo(f"  {'precision, at least':<20}{both}".rstrip())
    alarms = "".join(f"{_number(value):<22}" for value in table["false_alarms"].values())
    click.echo(f"  {'false alarms':<20}{alarms}".rstrip())
    click.echo(f"  {'':<20}per picture of {table['face_free']:,} without a face; {table['pictures']:,} pictures in all")


def _rate(cell: Rate | None) -> str:
    return f"{cell[0]:.3f} ({cell[1]:.3f}-{cell[2]:.3f})" if cell is not None else "-"


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else "-"
