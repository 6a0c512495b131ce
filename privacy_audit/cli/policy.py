"""`privacy-audit policy`: list, validate and test rule packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from privacy_audit.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from privacy_audit.policy import Pack

EXIT_FAILED = 1
EXIT_USAGE = 2


@click.group()
def policy() -> None:
    """List, validate and test rule packs."""


@policy.command("list")
def list_packs() -> None:
    """List the packs that come with privacy-audit."""
    from privacy_audit.policy import builtin

    header = ("NAME", "TITLE", "VERSION", "LAW", "CHECKED", "RULES")
    rows = [header, *(_row(pack) for pack in _loaded(builtin))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(pack: Pack) -> tuple[str, ...]:
    return pack.pack, pack.title, pack.version, pack.law or "-", pack.checked_on.isoformat(), str(len(pack.rules))


@policy.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(files: tuple[str, ...]) -> None:
    """Report every mistake in each FILE, with its line and column. Exits 2 when there is one."""
    valid = [_is_valid(file) for file in files]
    if not all(valid):
        raise SystemExit(EXIT_USAGE)


def _is_valid(file: str) -> bool:
    from privacy_audit.policy import load

    try:
        pack = load(file)
    except PolicyError as error:
        click.echo(str(error), err=True)
        return False
    click.echo(f"{file}: ok, {_count(len(pack.rules), 'rule')}")
    return True


@policy.command("test")
@click.argument("packs", nargs=-1, metavar="[PACK...]")
def run_tests(packs: tuple[str, ...]) -> None:
    """Run the rules' own tests in each PACK, a name or a file. Exits 1 when one fails.

    Without a PACK, those of all built-in packs.
    """
    from privacy_audit.policy import builtin, check, load

    failed = False
    for pack in _loaded(lambda: [load(name) for name in packs] if packs else builtin()):
        failures = check(pack)
        failed = failed or bool(failures)
        for line in failures:
            click.echo(line, err=True)
        tests = _count(sum(len(rule.tests) for rule in pack.rules), "test")
        outcome = f"{len(failures)} failed" if failures else "all passed"
        click.echo(f"{pack.pack}: {_count(len(pack.rules), 'rule')}, {tests}, {outcome}")
    if failed:
        raise SystemExit(EXIT_FAILED)


@policy.command()
def schema() -> None:
    """Print the JSON schema of a pack, for editors that complete and check YAML."""
    from privacy_audit.policy import json_schema

    click.echo(json_schema(), nl=False)


def _loaded(packs: Callable[[], list[Pack]]) -> list[Pack]:
    try:
        return packs()
    except PolicyError as error:
        click.echo(str(error), err=True)
        raise SystemExit(EXIT_USAGE) from error


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
