"""The graded claims as plain data, in the audit as claims.json, and printed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from privacy_audit.claims import words
from privacy_audit.claims.evidence import gather
from privacy_audit.claims.grade import GRADES, Evidence, Grade, Graded, Reason, grade
from privacy_audit.claims.kinds import KINDS
from privacy_audit.errors import AuditError
from privacy_audit.store.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from privacy_audit.claims.schema import Claim
    from privacy_audit.store.folder import AuditFolder
    from privacy_audit.store.manifest import Manifest

NAME = "claims.json"
FORMAT = 1
HELD, CONTRADICTED, INCONCLUSIVE = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Result:
    """One claim, its grade, and what that rests on."""

    kind: str
    said: str
    graded: Graded
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Results:
    """All claims of a file against one audit. `of` names the state of the audit's findings."""

    results: tuple[Result, ...]
    of: str

    @property
    def exit_code(self) -> int:
        """1 when a claim is contradicted, else 3 when one is unsupported, else 0."""
        grades = {result.graded.grade for result in self.results}
        return CONTRADICTED if "contradicted" in grades else INCONCLUSIVE if "unsupported" in grades else HELD

    def count(self, name: Grade) -> int:
        """Claims of this grade."""
        return sum(result.graded.grade == name for result in self.results)


def judge(audit: AuditFolder, claims: Sequence[Claim]) -> Results:
    """Grade claims against a finished audit. Raises AuditError when it is not finished, or damaged."""
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    results = []
    for claim in claims:
        evidence = gather(audit, KINDS[claim.kind], claim)
        results.append(
            Result(claim.kind, claim.said or "", grade(KINDS[claim.kind], claim.coverage, evidence), evidence)
        )
    return Results(tuple(results), state(audit.manifest))


def state(manifest: Manifest) -> str:
    """A digest of the tables that claims are graded on; decisions do not count."""
    parts = [f"{name} {digest}" for name, digest in sorted(manifest.parts.items()) if not name.startswith(_OTHER)]
    return hashlib.sha256("\n".join([manifest.plan_hash, *parts]).encode()).hexdigest()


_OTHER = ("decisions/", "settled")


def data(results: Results) -> dict[str, Any]:
    """Plain data, as claims.json holds it and `--format json` prints it."""
    rows = [asdict(result) for result in results.results]
    for row in rows:
        for reason in row["graded"]["reasons"]:
            reason["numbers"] = dict(reason["numbers"])
            reason["text"] = words.reason(Reason(reason["name"], tuple(reason["numbers"].items())))
    return {"format_version": FORMAT, "exit_code": results.exit_code, "of": results.of, "claims": rows}


def text(results: Results) -> str:
    """The same as JSON."""
    return json.dumps(data(results), indent=1, ensure_ascii=False) + "\n"


def write(audit: Path, results: Results) -> None:
    """Store the results in the audit; its report then shows them."""
    try:
        write_whole(audit / NAME, text(results))
    except OSError as error:
        raise AuditError(f"cannot write to {audit}: {error.strerror or 'input/output error'}.") from error


def read(audit: Path, manifest: Manifest) -> Results | None:
    """What was stored, or None when there is nothing, or it is of other findings than the audit holds now.

    Raises AuditError when the file is damaged.
    """
    path = audit / NAME
    try:
        raw = json.loads(path.read_bytes())
        if raw["format_version"] != FORMAT or raw["of"] != state(manifest):
            return None
        return Results(tuple(map(_result, raw["claims"])), raw["of"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}). Grade the claims again.") from error


def _result(raw: dict[str, Any]) -> Result:
    graded, evidence = raw["graded"], raw["evidence"]
    reasons = tuple(Reason(entry["name"], tuple(entry["numbers"].items())) for entry in graded["reasons"])
    found = Graded(graded["grade"], graded["coverage"], graded["low"], graded["high"], reasons)
    if found.grade not in GRADES or raw["kind"] not in KINDS:
        raise ValueError("another version")
    for reason in reasons:
        words.reason(reason)  # a sentence that cannot be written is a damage, too
    return Result(raw["kind"], str(raw["said"]), found, Evidence(**{**evidence, "not_run": tuple(evidence["not_run"])}))


def human(results: Results, language: str = "en") -> str:
    """Lines for a terminal."""
    lines = []
    for result in results.results:
        lines.append(f"{words.grade(result.graded.grade, language).upper()}  {words.kind(result.kind, language)}")
        if result.said:
            lines.append(f'  "{_plain(result.said)}"')
        lines += [f"  {words.reason(reason, language)}" for reason in result.graded.reasons]
    return "\n".join(lines) + "\n"


def markdown(results: Results, language: str = "en") -> str:
    """A table for a README or a pull request."""
    head = {"en": "| Claim | Grade | Why |", "id": "| Klaim | Penilaian | Alasan |"}[language]
    rows = [
        f"| {words.kind(result.kind, language)} | **{words.grade(result.graded.grade, language)}** "
        f"| {' '.join(words.reason(reason, language) for reason in result.graded.reasons)} |"
        for result in results.results
    ]
    return "\n".join([head, "|---|---|---|", *rows]) + "\n"


def _plain(value: str) -> str:
    return "".join(character if character.isprintable() else " " for character in value)
