"""A redacted copy while it is made, in a hidden folder beside its place: what a run that dies leaves for the next one.

    .OUT.partial/
      plan.json          hash of all that shapes the copy
      shards/ID.json     one per finished shard: input, digests of its files, facts of the sink, notes on its samples
      pieces/            changed pictures of archives and tables, until those are written whole (`sinks.pieces`)
      OUT/               the copy itself, moved to its place when it is complete and checked

A marker is written after the files that it names, and counts only while they are as it says. So work that was cut short
anywhere is done again, and everything else is kept.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.redaction.sinks import pieces
from privacy_audit.store.files import sha256, write_whole

_PREFIX, _SUFFIX = ".", ".partial"
_PLAN = "plan.json"
_MARKERS = "shards"
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Marker:
    """What a finished shard notes. `files` are its files with their sha256, `rows` the notes on its samples.

    `again` is the digest of what a verification asked for besides. `pieces` are files that wait for `Sink.finish`, with
    their sha256.
    """

    input: str
    plan: str
    again: str
    files: Mapping[str, str]
    facts: Any
    rows: list[dict[str, Any]]
    routes: Mapping[str, int]
    carried: int
    pieces: Mapping[str, str] = field(default_factory=dict)


def place(output: Path) -> Path:
    """The draft's folder, beside `output`."""
    return output.with_name(f"{_PREFIX}{output.name}{_SUFFIX}")


def copy(draft: Path) -> Path:
    """Where the copy grows."""
    return draft / draft.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def prepare(draft: Path, plan: str) -> None:
    """Make the folder, or empty it when it was made for another plan."""
    with writing(draft):
        if not fits(draft, plan):
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True, mode=0o700)
            write_whole(draft / _PLAN, json.dumps({"plan": plan}) + "\n")


def fits(draft: Path, plan: str) -> bool:
    """Whether there is a draft, and it was made for this plan."""
    try:
        return bool(json.loads((draft / _PLAN).read_bytes())["plan"] == plan)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


def digest(value: object) -> str:
    """Hex sha256 of something small, by its repr."""
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()


def write_marker(draft: Path, shard: str, marker: Marker) -> None:
    """Note that a shard is complete."""
    write_whole(draft / _MARKERS / f"{shard}.json", json.dumps(asdict(marker), sort_keys=True) + "\n")


def read_marker(draft: Path, shard: str) -> Marker | None:
    """The note on a shard; None when there is none, or when a file that it names is not as it says."""
    try:
        marker = Marker(**json.loads((draft / _MARKERS / f"{shard}.json").read_bytes()))
        root, waiting = copy(draft), pieces.folder(copy(draft))
        whole = all(sha256(root / name) == digest for name, digest in marker.files.items())
        whole = whole and all(sha256(waiting / name) == digest for name, digest in marker.pieces.items())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return marker if whole else None


def sweep(draft: Path, files: Mapping[str, str]) -> None:
    """Remove from the copy what is not in `files`, and folders that this leaves empty."""
    root = copy(draft)
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()
        elif path.relative_to(root).as_posix() not in files:
            path.unlink()


@contextlib.contextmanager
def writing(draft: Path) -> Iterator[None]:
    """Faults of the disk in plain words; what is finished stays."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in _FULL else error.strerror or "input/output error"
        advice = "Make room and run" if error.errno in _FULL else "Run"
        raise AuditError(
            f"cannot write the copy, or read the source: {reason}. {advice} the same command again: it goes on where "
            f"it stopped. What is finished is kept in {draft}; delete that folder to give up."
        ) from error
