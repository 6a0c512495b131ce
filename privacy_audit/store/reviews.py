"""AUDIT/reviews/: what people said of single findings, one file per sitting. The last word on a finding counts."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from privacy_audit.errors import AuditError
from privacy_audit.store.files import write_whole

FOLDER = "reviews"
MAX_BYTES = 256 << 20
MAX_CHARS = 500
Answer = Literal["true_positive", "false_positive", "unsure"]
Chosen = Literal["", "keep", "redact", "drop", "quarantine"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
CHOSEN: tuple[Chosen, ...] = get_args(Chosen)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person said of one finding, and when (ISO 8601). `action` is empty where that of the rules stands.

    `finding` is the key that `finding_key` gives, `content` what `content_of` does; `detector` is name and
    version, so that precision is that of one.
    """

    finding: str
    content: str
    code: str
    detector: str
    verdict: Answer
    action: Chosen
    by: str
    at: str


def content_of(sample_id: str, sha256: str | None) -> str:
    """What stands for a sample when it is recognised: its picture's digest, or that of its id when it has none."""
    return sha256 or f"id:{hashlib.sha256(sample_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def finding_key(content: str, row: Mapping[str, Any]) -> str:
    """Names a row of `findings` by content, so that it is the same in a later audit, wherever its picture moved."""
    where = [_whole(row[name]) for name in ("x", "y", "w", "h", "start", "end")]
    parts = [content, row["code"], row["channel"], row["where"] or "", *where, row["tag"] or "", row["token"] or ""]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _whole(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else str(round(value))


def add(audit: Path, verdicts: Iterable[Verdict], sitting: str) -> Path:
    """Write the verdicts of one sitting, whole; again with more of them as it goes on."""
    path = audit / FOLDER / f"{sitting}.jsonl"
    write_whole(path, "".join(json.dumps(asdict(verdict), ensure_ascii=False) + "\n" for verdict in verdicts))
    return path


def new_sitting(now: str) -> str:
    """A name for a sitting, in the order of time."""
    return f"{''.join(character for character in now if character.isalnum())}-{secrets.token_hex(4)}"


def read(audit: Path) -> dict[str, Verdict]:
    """The last verdict on each finding, by its key. Raises AuditError when a file is damaged."""
    found: dict[str, Verdict] = {}
    folder = audit / FOLDER
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        for verdict in read_file(path):
            earlier = found.get(verdict.finding)
            if earlier is None or earlier.at <= verdict.at:
                found[verdict.finding] = verdict
    return found


def read_file(path: Path) -> Iterator[Verdict]:
    """The verdicts in one file; raises AuditError with the line that is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AuditError(f"{path} is too large for a file of verdicts.")
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _verdict(line, path, number)
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error


def _verdict(line: bytes, path: Path, number: int) -> Verdict:
    try:
        raw = json.loads(line)
        verdict = Verdict(**raw)
    except (ValueError, TypeError, RecursionError):
        raise AuditError(f"{path}:{number}: is no verdict.") from None
    texts = (verdict.finding, verdict.content, verdict.code, verdict.detector, verdict.by, verdict.at)
    sound = all(isinstance(text, str) and text.isprintable() and len(text) <= MAX_CHARS for text in texts)
    if not sound or verdict.verdict not in ANSWERS or verdict.action not in CHOSEN or not verdict.by.strip():
        raise AuditError(f"{path}:{number}: is no verdict.")
    return verdict
