"""privacy-audit review"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from privacy_audit.gate.review import Case
    from privacy_audit.store.reviews import Answer, Chosen

_KEYS: dict[str, tuple[Answer, Chosen]] = {
    "y": ("true_positive", ""),
    "n": ("false_positive", ""),
    "u": ("unsure", ""),
    "k": ("true_positive", "keep"),
    "r": ("true_positive", "redact"),
    "d": ("true_positive", "drop"),
    "a": ("true_positive", "quarantine"),
}
_SKIP, _QUIT = "s", "q"
_HELP = (
    "y right, n wrong, u unsure; right, and: k keep it, r redact it, d drop the sample, a set the sample aside; "
    "s skip, q quit"
)


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option("--code", metavar="CODE", help="Findings of this code, whether a rule asks for a review or not.")
@click.option("--limit", type=click.IntRange(1, 2000), default=100, metavar="N", help="So many at most. [100]")
@click.option("--by", metavar="PERSON", help="Who judges: a name or a role.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write a page to judge them on.")
@click.option(
    "--source", type=click.Path(path_type=Path), metavar="SRC", help="The dataset, for concealed crops on the page."
)
@click.option(
    "--import", "taken", type=click.Path(path_type=Path), metavar="FILE", help="Take in verdicts that the page saved."
)
def review(
    *,
    audit: Path,
    code: str | None,
    limit: int,
    by: str | None,
    page: Path | None,
    source: Path | None,
    taken: Path | None,
) -> None:
    """Judge findings of AUDIT on which a rule asks for a person's review.

    In the terminal, which shows masked previews, or on a local page, which shows crops with all that was found made
    coarse. Verdicts are kept in AUDIT/reviews. They count after `privacy-audit decide AUDIT`, and the report says from
    them how often detectors are right. Away from a terminal nothing is asked.
    """
    from privacy_audit import api

    if page is not None and taken is not None:
        raise click.UsageError("--html writes a page, --import takes in what was saved there: use one of them.")
    if source is not None and page is None:
        raise click.UsageError("--source goes with --html: the terminal shows no pictures.")
    if taken is not None:
        count, unknown = api.import_verdicts(audit, taken)
        click.echo(f"Took in {count:,} verdicts." + (f" {unknown:,} are of no finding here." if unknown else ""))
        _next(audit)
    elif page is not None:
        count = api.review_page(audit, page, source=source, code=code, limit=limit)
        click.echo(f"{page}: {count:,} findings. It is personal data: keep it where you keep the pictures.")
    else:
        _walk(audit, code, limit, by)


def _walk(audit: Path, code: str | None, limit: int, by: str | None) -> None:
    from privacy_audit.gate import review as reviewing
    from privacy_audit.store.folder import AuditFolder
    from privacy_audit.store.reviews import new_sitting

    folder = AuditFolder(audit)
    left = reviewing.waiting(folder, code)
    click.echo(f"{left:,} findings wait for a review.")
    if not left or not is_terminal():
        return
    if by is None or not by.strip():
        raise click.UsageError("say who judges: --by PERSON")
    cases = reviewing.cases(folder, limit, code)
    verdicts, sitting = [], ""
    click.echo(_HELP)
    for number, case in enumerate(cases, 1):
        _show(case, number, len(cases))
        answer = click.prompt("", type=click.Choice([*_KEYS, _SKIP, _QUIT]), prompt_suffix="> ", show_choices=False)
        if answer == _QUIT:
            break
        if answer == _SKIP:
            continue
        verdicts.append(case.judged(*_KEYS[answer], by.strip()))
        sitting = sitting or new_sitting(verdicts[0].at)
        reviewing.save(folder, verdicts, sitting)  # after each, so that an interruption costs nothing
    click.echo(f"{len(verdicts):,} verdicts kept.")
    if verdicts:
        _next(audit)


def is_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _show(case: Case, number: int, total: int) -> None:
    from privacy_audit.taxonomy import describe

    sample, tag = (_printable(text) for text in (case.sample_id, case.tag))
    click.echo(f"\n{number} of {total}  {click.style(describe(case.code).title, bold=True)}  {sample}")
    where = f"{case.channel} {tag}".strip()
    if case.box is not None:
        x, y, width, height = case.box
        where += f" at {x:.0f}, {y:.0f}, {width:.0f} x {height:.0f} px"
    preview = f", {_printable(case.preview)}" if case.preview else ""
    click.echo(f"  {case.detector}, {where}, score {case.score:.2f}{preview}")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _next(audit: Path) -> None:
    import shlex

    click.echo(f"\nNext:\n  privacy-audit decide {shlex.quote(str(audit))}")
