"""Looks at a few picture files in this process, and writes nothing: for a hook that runs before every commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from privacy_audit.containers import sniff
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Picture
from privacy_audit.policy import Pack, decide
from privacy_audit.run.plan import DetectorSpec
from privacy_audit.run.shard import BATCH, Check, Clock, build, examine
from privacy_audit.sources import Item
from privacy_audit.sources.folder import PATH_FIELD
from privacy_audit.sources.names import PICTURE_SUFFIXES, safe_name
from privacy_audit.types import Decision, Sample, Text


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: the rules that fired, how often each code was found, and what could not be looked at."""

    file: Path
    decisions: tuple[Decision, ...] = ()
    codes: tuple[tuple[str, int], ...] = ()
    failures: tuple[str, ...] = ()
    is_picture: bool = True


def check(files: Sequence[Path], detectors: Sequence[DetectorSpec], packs: Sequence[Pack]) -> Iterator[Checked]:
    """Look at files in their order; one that is no picture by content or name is passed over.

    Raises SourceError for a file that is not there.
    """
    built = build(detectors)
    todo = iter(files)
    while batch := list(islice(todo, BATCH)):
        checks = {path: Check(Item(_sample(path))) for path in batch if _is_picture(path)}
        examine(list(checks.values()), built, Clock())
        for path in batch:
            yield _checked(path, checks[path], packs) if path in checks else Checked(path, is_picture=False)


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    except ValueError as error:
        raise SourceError("one of the arguments is not the name of a file.") from error
    return sniff(head) is not None or path.suffix.lower() in PICTURE_SUFFIXES


def _sample(path: Path) -> Sample:
    """A picture with its name as the only text. Of the path, only what is below the working folder is the dataset's."""
    name = safe_name(path.name if path.is_absolute() else PurePath(path).as_posix())
    return Sample(name, "", Picture(path), (Text("filename", PATH_FIELD, name),))


def _checked(path: Path, check: Check, packs: Sequence[Pack]) -> Checked:
    decisions = decide(packs, check.findings, check.failures)
    codes = Counter(finding.code for finding in check.findings)
    failures = tuple(f"{failure.stage}: {failure.message}" for failure in check.failures)
    return Checked(path, tuple(decisions), tuple(sorted(codes.items())), failures)
