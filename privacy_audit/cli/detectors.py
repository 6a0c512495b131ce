"""privacy-audit detectors"""

from __future__ import annotations

import click


@click.command()
def detectors() -> None:
    """List the detectors that are installed: what they find, what they need, and whether they can run here."""
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
