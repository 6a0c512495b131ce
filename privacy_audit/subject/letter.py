"""The answer to the person, in English or Indonesian, and the record that shows that the request was handled."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from privacy_audit.errors import CaseError
from privacy_audit.resources import folder
from privacy_audit.store.files import write_whole
from privacy_audit.subject.case import now

if TYPE_CHECKING:
    from privacy_audit.subject.case import Case

Lang = Literal["en", "id"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)
RECORD = "record.json"
_WIDTH = 88
_MONTHS: dict[Lang, str] = {
    "en": "January February March April May June July August September October November December",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
}


def identify(case: Case, *, method: str, by: str) -> None:
    """Record how the requester's identity was checked, and by whom. Raises CaseError when one of them says nothing."""
    for text, option in ((method, "--method"), (by, "--by")):
        if not text.strip() or len(text) > 500 or not text.isprintable():
            raise CaseError(f"{option} must be one line of 1 to 500 characters.")
    case.record(identity={"method": method, "by": by, "at": now()})


def answer(case: Case, lang: Lang = "en", output: Path | None = None) -> Path:
    """Write the letter (default CASE/letter-LANG.txt) and CASE/record.json; returns the letter's path.

    The letter names no file and quotes nothing of the dataset. Raises CaseError until the identity was checked and
    every candidate was decided on.
    """
    if case.facts.identity is None:
        raise CaseError(
            "it is not recorded how the requester's identity was checked: a letter to the wrong person is a breach. "
            "Record it with: privacy-audit subject identity CASE --method TEXT --by TEXT"
        )
    pending = case.counts()["pending"]
    if pending:
        raise CaseError(f"{pending} candidates wait for a decision: privacy-audit subject confirm, or reject.")
    at = now()
    text = render(case, lang, at)
    target = output or case.path / f"letter-{lang}.txt"
    try:
        write_whole(target, text)
    except OSError as error:
        raise CaseError(f"cannot write {target}: {error.strerror or 'input/output error'}.") from error
    case.record(answered=at)
    write_whole(case.path / RECORD, json.dumps(_record(case), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return target


def render(case: Case, lang: Lang, at: str) -> str:
    """The text of the letter, dated `at`."""
    import jinja2

    source = folder("reports").joinpath("letters", f"{lang}.txt").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - plain text
    )
    environment.filters.update(
        date=lambda iso: _date(iso, lang),
        percent=lambda rate: f"{100 * rate:.2g}".replace(".", "." if lang == "en" else ","),
    )
    facts = case.facts
    counts = case.counts()
    text = environment.from_string(source).render(
        case=facts,
        at=at,
        confirmed=counts["confirmed"],
        rejected=counts["rejected"],
        searched=facts.samples - facts.failed,
        dropped=max((int(deed["samples"]) for deed in facts.actions), default=0),
        face=facts.methods.get("face"),
        near=facts.methods.get("near"),
    )
    return "\n\n".join(_wrapped(block) for block in re.split(r"\n{2,}", text.strip())) + "\n"


def _wrapped(block: str) -> str:
    """Each line of a block folded; what begins with a hyphen keeps its indent."""
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  " if line.startswith("- ") else "")
        for line in block.split("\n")
    )


def _date(iso: str, lang: Lang) -> str:
    moment = datetime.fromisoformat(iso)
    return f"{moment.day} {_MONTHS[lang].split()[moment.month - 1]} {moment.year}"


def _record(case: Case) -> dict[str, Any]:
    """What there is to keep: hashes and decisions, no photo, no name of a file."""
    facts = asdict(case.facts)
    answered = datetime.fromisoformat(case.facts.answered)
    due = [
        {**deadline, "met": answered <= datetime.fromisoformat(deadline["due"])} for deadline in case.facts.deadlines
    ]
    decided = [
        {name: value for name, value in asdict(candidate).items() if name != "sample_id"}
        for candidate in case.candidates
    ]
    return {**facts, "deadlines": due, "candidates": decided}
