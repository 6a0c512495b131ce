"""`privacy-audit policy`: start, check and test rule packs, and see what they do to an audit."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from privacy_audit.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from privacy_audit.policy import Pack

EXIT_FAILED = 1
EXIT_USAGE = 2
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["human", "json"]),
    default="human",
    show_default=True,
    help="How to print it.",
)


@click.group()
def policy() -> None:
    """Start, check and test rule packs, and see what they do to an audit."""


@policy.command("list")
def list_packs() -> None:
    """List the packs that come with privacy-audit."""
    from privacy_audit.policy import builtin

    header = ("NAME", "TITLE", "VERSION", "SINCE", "CHECKED", "RULES", "LAW")
    rows = [header, *(_row(pack) for pack in _loaded(builtin))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(pack: Pack) -> tuple[str, ...]:
    since = pack.effective_from.isoformat() if pack.effective_from else "-"
    checked = pack.checked_on.isoformat()
    return pack.pack, pack.title, pack.version, since, checked, str(len(pack.rules)), pack.law or "-"


@policy.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", default=Path("my-pack.yaml"), show_default=True
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(output: Path, force: bool) -> None:
    """Write a commented rule pack to start from, with a rule of each form. It passes its own tests.

    The pack is called as the file is.
    """
    from privacy_audit.policy.starter import starter
    from privacy_audit.store.files import write_whole

    if output.exists() and not force:
        raise PolicyError(f"{output} exists. Write over it with --force, or name another file with -o.")
    try:
        write_whole(output, starter(output, datetime.now(timezone.utc).date()))
    except OSError as error:
        raise PolicyError(f"cannot write {output}: {error.strerror}. Name another file with -o.") from error
    click.echo(f"Wrote {output}. Change it, then: privacy-audit policy test --coverage {output}")


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
@click.option(
    "--coverage", "with_coverage", is_flag=True, help="Also fail on what no test asserts: a rule, an action, a branch."
)
def run_tests(packs: tuple[str, ...], with_coverage: bool) -> None:
    """Run the rules' own tests in each PACK, a name or a file. Exits 1 when one fails.

    Without a PACK, those of all built-in packs. With --coverage every rule needs a test in which it fires, one in which
    it does not, one that asserts its action, and one for each alternative of its match.
    """
    from privacy_audit.policy import builtin, check, load

    failed = False
    for pack in _loaded(lambda: [load(name) for name in packs] if packs else builtin()):
        failures = check(pack)
        tests = _count(sum(len(rule.tests) for rule in pack.rules), "test")
        outcome = f"{len(failures)} failed" if failures else "all passed"
        covered, missing = _coverage(pack) if with_coverage else ("", [])
        for line in (*failures, *missing):
            click.echo(line, err=True)
        click.echo(f"{pack.pack}: {_count(len(pack.rules), 'rule')}, {tests}, {outcome}{covered}")
        failed = failed or bool(failures) or bool(missing)
    if failed:
        raise SystemExit(EXIT_FAILED)


def _coverage(pack: Pack) -> tuple[str, Sequence[str]]:
    from privacy_audit.policy import coverage

    found = coverage(pack)
    return f", coverage {math.floor(found.percent)} %", found.missing


@policy.command()
@click.argument("what", metavar="SAMPLE|RULE")
@click.option("--audit", required=True, type=click.Path(path_type=Path), metavar="AUDIT", help="Folder of an audit.")
@FORMAT
def explain(what: str, audit: Path, form: str) -> None:
    """Why AUDIT decided as it did about a sample, or what a rule did in it.

    SAMPLE is its id, RULE is "pack/rule", or "rule" for those of all packs. Findings are named by kind: no value, no
    preview.
    """
    from privacy_audit.api import Audit
    from privacy_audit.cli import reasons
    from privacy_audit.run.explain import SampleReasons

    found = Audit(audit).explain(what)
    if form == "json":
        click.echo(reasons.reasons_json(found))
    elif isinstance(found, SampleReasons):
        click.echo(reasons.sample_text(found))
    else:
        click.echo(reasons.rules_text(found))


@policy.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--audit", required=True, type=click.Path(path_type=Path), metavar="AUDIT", help="Folder of an audit.")
@click.option("--with", "beside", multiple=True, metavar="PACK", help="Decides beside both. Again for more.")
@click.option("--samples", default=0, type=click.IntRange(0), metavar="N", help="Also name the first N that change.")
@FORMAT
def impact(*, old: str, new: str, audit: Path, beside: tuple[str, ...], samples: int, form: str) -> None:
    """What the pack NEW would change in AUDIT, compared with OLD: counts by action, severity and rule.

    Decides again on the stored findings; nothing is scanned, and AUDIT stays as it is.
    """
    from privacy_audit.api import Audit
    from privacy_audit.cli import reasons

    found = Audit(audit).impact([old, *beside], [new, *beside], examples=samples)
    click.echo(reasons.impact_json(found) if form == "json" else reasons.impact_text(found))


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
