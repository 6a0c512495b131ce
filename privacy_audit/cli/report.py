"""privacy-audit report"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from privacy_audit.report.language import names

_POLL_S = 0.5


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it. [AUDIT/report.html]"
)
@click.option("--audience", type=click.Choice(["public", "internal"]), default="public", help="For whom. [public]")
@click.option("--lang", "language", type=click.Choice(names()), default="en", help="Language. [en]")
@click.option("--since", type=click.Path(path_type=Path), metavar="AUDIT", help="An earlier audit: say what changed.")
@click.option(
    "--source", type=click.Path(path_type=Path), metavar="SRC", help="Internal: what was audited, to link to its files."
)
@click.option("--crops", is_flag=True, help="Internal: show regions with what was found made coarse. Needs --source.")
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.option("--watch", is_flag=True, help="Write it again whenever a template, the style or a catalogue changes.")
def report(  # noqa: PLR0917 - one parameter per option
    audit: Path,
    output: Path | None,
    audience: str,
    language: str,
    since: Path | None,
    source: Path | None,
    crops: bool,
    show: bool,
    watch: bool,
) -> None:
    """Write the transparency report of AUDIT: one HTML file, without scripts, that opens from disk.

    The public one holds counts and reasons: no file name, caption or personal value, and no count under 10 or anything
    that gives one away. The internal one names samples; keep it where the data is kept.
    """
    from privacy_audit import api

    def write() -> Path:
        return api.report(audit, output, audience=audience, language=language, since=since, source=source, crops=crops)

    path = write()
    click.echo(str(path))
    if show:
        click.launch(path.resolve().as_uri())
    if watch:
        click.echo("Watching the templates; stop with Ctrl-C.", err=True)
        _watch(write)


def _watch(write: Callable[[], Path]) -> None:
    from privacy_audit.resources import folder

    root = Path(str(folder("reports")))
    seen = _state(root)
    while True:
        time.sleep(_POLL_S)
        now = _state(root)
        if now == seen:
            continue
        seen = now
        try:
            click.echo(str(write()))
        except Exception as error:  # noqa: BLE001 - a template that is being written may be broken in any way
            click.echo(f"{type(error).__name__}: {error}", err=True)


def _state(root: Path) -> dict[str, float]:
    """When each file was changed."""
    return {str(path): path.stat().st_mtime for path in sorted(root.rglob("*")) if path.is_file()}
