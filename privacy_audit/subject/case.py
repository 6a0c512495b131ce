"""A person's request on disk: what was asked, what was found, what a human decided, what was done.

    CASE/case.json           facts; of a photo only its sha256, of an embedding nothing
    CASE/candidates.parquet  samples that may be the person's, surest first, each with a human's verdict
    CASE/optout.txt          what is to be kept out from now on: hashes of contents and of URLs

The folder is readable by its owner only. It names samples of the dataset, so it is personal data itself.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from privacy_audit.errors import CaseError
from privacy_audit.store.files import whole, write_whole
from privacy_audit.subject.search import METHODS, Match

if TYPE_CHECKING:
    import pyarrow as pa

FACTS = "case.json"
CANDIDATES = "candidates.parquet"
OPTOUT = "optout.txt"
FORMAT_VERSION = 1
Verdict = Literal["pending", "confirmed", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
EXACT = frozenset({"exact", "hash", "url"})
"""Methods that leave nothing for a human to compare."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample that may be the person's. `decided_at` is empty while nobody decided."""

    sample_id: str
    sha256: str
    method: str
    distance: float
    verdict: Verdict = "pending"
    decided_at: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The content of case.json. Times are ISO 8601 in UTC."""

    request_id: str
    received: str
    searched: str
    tool_version: str
    source_fingerprint: str
    deadlines: list[dict[str, str]]
    """Per law, the earliest first: name, law, at, due, extended, note, keep, confidence."""
    photos: list[str]
    """sha256 of the photos that the person gave."""
    listed: dict[str, int]
    """Entries of the lists that the person gave: hashes, urls."""
    methods: dict[str, dict[str, Any]]
    """What was compared, with its threshold and its known error rates."""
    samples: int
    failed: int
    """Samples that could not be searched: nothing is known of them."""
    without_picture: int
    biometrics: dict[str, str] | None = None
    """Purpose and legal basis, when faces were compared."""
    identity: dict[str, str] | None = None
    """How the requester's identity was checked: method, by, at."""
    actions: list[dict[str, Any]] = field(default_factory=list)
    answered: str = ""
    format_version: int = FORMAT_VERSION


class Case:
    """A case on disk. Every change is written at once."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts = _read_facts(self.path)
        self.candidates = _read_candidates(self.path)

    def __repr__(self) -> str:
        return f"<Case {self.facts.request_id}: {len(self.candidates):,} candidates>"

    @classmethod
    def create(cls, path: Path, facts: Facts, matches: Iterable[Match], keep_out: Iterable[str]) -> Case:
        """Write a new case. `keep_out` are lines for the opt-out list. Raises CaseError when it cannot be written."""
        check_new(path)
        rows = [Candidate(m.sample_id, m.sha256, m.method, m.distance) for m in sorted(matches, key=lambda m: m.rank)]
        try:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
            _write_candidates(path, rows)
            write_optout(path, keep_out)
            _write_facts(path, facts)
        except OSError as error:
            raise CaseError(f"cannot write to {path}: {error.strerror or 'input/output error'}.") from error
        return cls(path)

    def counts(self) -> dict[Verdict, int]:
        """Candidates per verdict."""
        found = Counter(candidate.verdict for candidate in self.candidates)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def confirmed(self) -> list[Candidate]:
        """What a human says is the person's."""
        return [candidate for candidate in self.candidates if candidate.verdict == "confirmed"]

    def decide(self, verdict: Verdict, samples: Sequence[str] = (), *, all_exact: bool = False) -> int:
        """Record a human's verdict on these samples; `all_exact` adds those found by their very bytes or address.

        Returns how many now have it. Raises CaseError, and changes nothing, when one is no candidate.
        """
        wanted = set(samples)
        unknown = wanted - {candidate.sample_id for candidate in self.candidates}
        if unknown:
            raise CaseError(
                f"{len(unknown)} of {len(wanted)} samples are no candidates of this case. "
                f"They are listed by: privacy-audit subject show {self.path}"
            )
        if all_exact:
            wanted |= {candidate.sample_id for candidate in self.candidates if candidate.method in EXACT}
        at = now()
        rows = [
            replace(candidate, verdict=verdict, decided_at=at) if candidate.sample_id in wanted else candidate
            for candidate in self.candidates
        ]
        _write_candidates(self.path, rows)
        self.candidates = rows
        return len(wanted)

    def record(self, **changes: Any) -> None:
        """Replace fields of the facts, and write them."""
        self.facts = replace(self.facts, **changes)
        _write_facts(self.path, self.facts)


def check_new(path: Path) -> None:
    """Raise CaseError when a new case cannot stand at `path`."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CaseError(f"{path} exists and is not empty. Name a new folder for the case with -o.")


def request_id(given: str | None = None) -> str:
    """A name for a request: the given one, or one that says nothing of the person."""
    if given is None:
        return f"request-{datetime.now(timezone.utc):%Y%m%d}-{secrets.token_hex(3)}"
    if not _ID.fullmatch(given):
        raise CaseError(
            "a request id has 1 to 64 letters, digits, dots, hyphens and underscores, and no personal data."
        )
    return given


def now() -> str:
    """The time, as it is written."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def optout(path: Path) -> list[str]:
    """The lines of the opt-out list, sorted."""
    try:
        text = (path / OPTOUT).read_text("ascii")
    except (OSError, ValueError) as error:
        raise CaseError(f"{path / OPTOUT} cannot be read ({type(error).__name__}).") from error
    return sorted(line for line in text.splitlines() if line and not line.startswith("#"))


def write_optout(path: Path, lines: Iterable[str]) -> None:
    """Write the opt-out list."""
    head = (
        "# sha256 of contents and of URLs that are to be kept out. Personal data: keep it as short as it is needed.\n"
    )
    write_whole(path / OPTOUT, head + "".join(f"{line}\n" for line in sorted(set(lines))))


def _write_facts(path: Path, facts: Facts) -> None:
    write_whole(path / FACTS, json.dumps(asdict(facts), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _read_facts(path: Path) -> Facts:
    try:
        raw = json.loads((path / FACTS).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise CaseError(
            f"{path} is not a case: it has no {FACTS}. Make one with: privacy-audit subject find SOURCE -o {path}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CaseError(f"{path / FACTS} cannot be read ({type(error).__name__}).") from error
    if not isinstance(raw, dict) or raw.get("format_version") != FORMAT_VERSION:
        raise CaseError(f"{path / FACTS} was written by another version of privacy-audit, or is no case.")
    try:
        facts = Facts(**raw)
    except TypeError as error:
        raise CaseError(f"{path / FACTS} is damaged.") from error
    lists = (facts.deadlines, facts.photos, facts.actions)
    maps = (facts.listed, facts.methods)
    if not all(isinstance(value, list) for value in lists) or not all(isinstance(value, Mapping) for value in maps):
        raise CaseError(f"{path / FACTS} is damaged.")
    return facts


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            *((name, text) for name in ("sample_id", "sha256", "method")),
            ("distance", pa.float32()),
            *((name, text) for name in ("verdict", "decided_at")),
        ]
    )


def _write_candidates(path: Path, rows: Sequence[Candidate]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole(path / CANDIDATES) as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_schema()), temporary)


def _read_candidates(path: Path) -> list[Candidate]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path / CANDIDATES).read()
        rows = [Candidate(**row) for row in table.to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise CaseError(f"{path / CANDIDATES} is missing or damaged ({type(error).__name__}).") from error
    if not all(row.verdict in VERDICTS and row.method in METHODS for row in rows):
        raise CaseError(f"{path / CANDIDATES} is damaged.")
    return rows
