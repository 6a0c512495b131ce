"""privacy-audit claims"""

from __future__ import annotations

from pathlib import Path

import click


class _Group(click.Group):
    """`claims FILE` is short for `claims grade FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["grade", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def claims() -> None:
    """Grade what a publisher says of a dataset against an audit of it: `claims FILE --audit AUDIT`.

    Exit codes: 0 nothing contradicted or unsupported, 1 a claim is contradicted, 3 one is unsupported.
    """


@claims.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--audit", type=click.Path(path_type=Path), required=True, help="The audit to grade against.")
@click.option("--format", "form", type=click.Choice(["human", "json", "md"]), default="human", help="How to print it.")
@click.option("--lang", type=click.Choice(["en", "id"]), default="en", help="Language of people's formats.")
@click.option("--store/--no-store", default=True, help="Keep the grades in the audit, for its report. [store]")
def grade(file: Path, audit: Path, form: str, lang: str, store: bool) -> None:
    """Grade each claim of FILE."""
    from privacy_audit import api
    from privacy_audit.claims import results

    found = api.claims(file, audit=audit, store=store)
    if form == "json":
        click.echo(results.text(found), nl=False)
    else:
        click.echo((results.markdown if form == "md" else results.human)(found, lang), nl=False)
    raise SystemExit(found.exit_code)


@claims.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("claims.yaml"), show_default=True)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(output: Path, force: bool) -> None:
    """Write a commented claims.yaml to start from."""
    from privacy_audit.claims.schema import STARTER
    from privacy_audit.errors import PolicyError
    from privacy_audit.store.files import write_whole

    if output.exists() and not force:
        raise PolicyError(f"{output} is there already. Name another file with -o, or --force.")
    try:
        write_whole(output, STARTER)
    except OSError as error:
        raise PolicyError(f"{output}: cannot be written: {error.strerror or type(error).__name__}.") from error
    click.echo(str(output))


@claims.command()
def schema() -> None:
    """Print the JSON schema of claims.yaml, for editors."""
    from privacy_audit.claims.schema import json_schema

    click.echo(json_schema(), nl=False)
