"""`privacy-audit subject`: answer a person who asks for pictures of themselves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from privacy_audit.cli.options import biometric_options, biometrics_of

_PATH = click.Path(path_type=Path)
_SHOWN = 20
INCOMPLETE = 3


@click.group()
def subject() -> None:
    """Answer a person who asks for pictures of themselves: find, confirm, erase, letter.

    docs/requests.md goes through it step by step.
    """


@subject.command()
@click.argument("source", type=_PATH)
@click.option(
    "--photo", "photos", type=_PATH, multiple=True, metavar="FILE", help="A photo from the person. Again for more."
)
@click.option("--hashes", "hashes", type=_PATH, multiple=True, metavar="FILE", help="A list of sha256, one per line.")
@click.option("--urls", "urls", type=_PATH, multiple=True, metavar="FILE", help="A list of URLs, one per line.")
@click.option("-o", "--output", type=_PATH, required=True, metavar="CASE", help="New folder for the case.")
@click.option(
    "--match",
    type=click.Choice(["copies", "face"]),
    default="copies",
    help="Look for copies of the photos, or for the face on them too. [copies]",
)
@biometric_options
@click.option("--face", type=click.IntRange(min=1), metavar="N", help="The person among several faces, from the left.")
@click.option(
    "--max-distance", type=float, metavar="D", help="Instead of the default threshold: bits, or distance of faces."
)
@click.option(
    "--law", "laws", multiple=True, metavar="NAME", help="Whose deadline holds. Again for more. [gdpr, uu-pdp]"
)
@click.option("--received", metavar="TIME", help="When the request came in, ISO 8601. [now]")
@click.option("--request-id", metavar="ID", help="Your reference, without personal data. [made up]")
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Worker processes. [one per core]")
@click.option("--timeout", type=click.FloatRange(min=1), default=120.0, metavar="S", help="Seconds per sample. [120]")
def find(
    *,
    source: Path,
    photos: tuple[Path, ...],
    hashes: tuple[Path, ...],
    urls: tuple[Path, ...],
    output: Path,
    match: Any,
    enable_biometrics: bool,
    purpose: str | None,
    legal_basis: str | None,
    face: int | None,
    max_distance: float | None,
    laws: tuple[str, ...],
    received: str | None,
    request_id: str | None,
    jobs: int | None,
    timeout: float,
) -> None:
    """Search SOURCE for a person's pictures and write the candidates to CASE, for you to confirm or reject.

    CASE is readable by you only. It keeps no copy of the photos and no embedding. Exits with 3 when a sample could not
    be searched.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal
    from privacy_audit.subject.deadlines import DEFAULT_LAWS
    from privacy_audit.subject.find import Request

    request = Request(
        photos=photos,
        compare=match,
        biometrics=biometrics_of(enable_biometrics, purpose, legal_basis),
        lists=(*hashes, *urls),
        face=face,
        max_distance=max_distance,
        received=_time(received),
        laws=laws or DEFAULT_LAWS,
        id=request_id,
    )
    case = api.find_subject(
        source, request, output=output, jobs=jobs, timeout_s=timeout, progress=terminal.Bar("Searching")
    )
    terminal.print_case(case, _SHOWN)
    raise SystemExit(INCOMPLETE if case.facts.failed else 0)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise click.UsageError("--received must be a date or time in ISO 8601, such as 2026-11-24.") from None
    return moment.astimezone()


@subject.command()
@click.argument("case", type=_PATH)
def show(case: Path) -> None:
    """Show CASE: deadlines, how sure the search is, and every candidate, surest first."""
    from privacy_audit.cli import terminal
    from privacy_audit.subject.case import Case

    terminal.print_case(Case(case))


@subject.command()
@click.argument("case", type=_PATH)
@click.argument("samples", nargs=-1, metavar="SAMPLE...")
@click.option("--all-exact", is_flag=True, help="All that were found by their very bytes or address.")
def confirm(case: Path, samples: tuple[str, ...], all_exact: bool) -> None:
    """Record that these candidates of CASE show the person, or are theirs. Only you can know."""
    _decide(case, "confirmed", samples, all_exact)


@subject.command()
@click.argument("case", type=_PATH)
@click.argument("samples", nargs=-1, required=True, metavar="SAMPLE...")
def reject(case: Path, samples: tuple[str, ...]) -> None:
    """Record that these candidates of CASE do not show the person."""
    _decide(case, "rejected", samples, all_exact=False)


def _decide(path: Path, verdict: Any, samples: tuple[str, ...], all_exact: bool) -> None:
    from privacy_audit.subject.case import Case

    if not samples and not all_exact:
        raise click.UsageError("name samples, or use --all-exact.")
    case = Case(path)
    count = case.decide(verdict, samples, all_exact=all_exact)
    click.echo(f"{verdict} {count:,}; {case.counts()['pending']:,} pending")


@subject.command()
@click.argument("case", type=_PATH)
@click.option("--audit", type=_PATH, required=True, help="The audit of the dataset that was searched.")
def erase(case: Path, audit: Path) -> None:
    """Have the confirmed samples of CASE, and exact copies of them, dropped by the next redaction of the audit.

    Their content hashes go into CASE/optout.txt, which --hashes takes to find them again.
    """
    from privacy_audit import api

    done = api.erase_subject(case, audit=audit)
    noun = "sample" if done.samples == 1 else "samples"
    click.echo(f"To be dropped: {done.samples:,} {noun}, {done.copies:,} of them exact copies elsewhere.")
    click.echo(f"Next: privacy-audit redact SOURCE --audit {audit} -o CLEAN_COPY")


@subject.command()
@click.argument("case", type=_PATH)
@click.option("--method", required=True, metavar="TEXT", help="How: no copy of a document, no number.")
@click.option("--by", required=True, metavar="TEXT", help="Who checked it.")
def identity(case: Path, method: str, by: str) -> None:
    """Record in CASE how the identity of the person who asks was checked."""
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.letter import identify

    identify(Case(case), method=method, by=by)
    click.echo("recorded")


@subject.command()
@click.argument("case", type=_PATH)
@click.option("--lang", type=click.Choice(["en", "id"]), default="en", help="English or Indonesian. [en]")
@click.option("-o", "--output", type=_PATH, metavar="FILE", help="Where to write it. [CASE/letter-LANG.txt]")
def letter(case: Path, lang: Any, output: Path | None) -> None:
    """Write the answer to the person, and CASE/record.json, which shows that the request was handled.

    Refuses until the identity check is recorded and every candidate was decided on. Fill in what stands in brackets.
    """
    from privacy_audit.subject.case import Case
    from privacy_audit.subject.letter import answer

    click.echo(str(answer(Case(case), lang, output)))
