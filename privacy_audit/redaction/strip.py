"""Metadata out of the pictures of a folder: a copy in which all other files are the same, byte for byte."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from privacy_audit.containers import Format, sniff
from privacy_audit.containers.blocks import MAX_BLOCK_BYTES
from privacy_audit.containers.sniff import HEAD_BYTES
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Limits
from privacy_audit.redaction.kept import Mode
from privacy_audit.redaction.metadata import StripRefused, strip, strip_sidecar
from privacy_audit.store.files import write_whole

SIDECAR_SUFFIX = ".xmp"


@dataclass(slots=True)
class FormatSummary:
    """Pictures of one format. `reasons` counts why files were refused; `named` those with a name left in a notice."""

    stripped: int = 0
    unchanged: int = 0
    refused: int = 0
    named: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class StripSummary:
    """What became of a folder's files. `others` are files that are no picture.

    `sidecars` counts XMP files that were written anew, and those of which nothing stayed ("left out").
    """

    formats: dict[Format, FormatSummary] = field(default_factory=dict)
    others: int = 0
    sidecars: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused_copied: bool = False

    @property
    def refused(self) -> int:
        """Pictures whose metadata could not be removed."""
        return sum(entry.refused for entry in self.formats.values())


def strip_tree(source: Path, output: Path, mode: Mode, *, keep_credit: bool, copy_refused: bool) -> StripSummary:
    """Write `source` (a file or a folder) without metadata to `output`, which must not exist (a folder may be empty).

    A refused picture is not written unless `copy_refused`. XMP sidecars are written anew with what `mode` keeps.
    The copy of a folder appears whole or not at all. Raises SourceError.
    """
    if not source.exists():
        raise SourceError(f"{source} does not exist.")
    if output.exists() and (source.is_file() or not output.is_dir() or any(output.iterdir())):
        raise SourceError(f"{output} exists. Name a new file or folder with -o; nothing is ever overwritten.")
    summary = StripSummary(refused_copied=copy_refused)
    job = _Job(mode, keep_credit, copy_refused, summary)
    if source.is_file():
        job.file(source, output)
        return summary
    draft = output.with_name(f".{output.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        for path in _files(source, summary):
            job.file(path, draft / path.relative_to(source))
        if output.exists():
            output.rmdir()
        os.replace(draft, output)
    except OSError as error:
        raise SourceError(f"cannot write {output}: {error.strerror or 'input/output error'}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return summary


@dataclass(frozen=True, slots=True)
class _Job:
    mode: Mode
    keep_credit: bool
    copy_refused: bool
    summary: StripSummary

    def file(self, path: Path, target: Path) -> None:
        """Strip or copy one file."""
        try:
            with path.open("rb") as opened:
                kind = sniff(opened.read(HEAD_BYTES))
        except OSError:
            self.summary.skipped["file that cannot be opened"] += 1
            return
        if kind is None:
            if path.suffix.lower() == SIDECAR_SUFFIX:
                self._sidecar(path, target)
                return
            self.summary.others += 1
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            return
        entry = self.summary.formats.setdefault(kind, FormatSummary())
        try:
            if path.stat().st_size > Limits().max_bytes:
                raise StripRefused("the file is larger than the limit")
            data = path.read_bytes()
            result = strip(data, self.mode, keep_credit=self.keep_credit)
        except (StripRefused, OSError) as error:
            entry.refused += 1
            entry.reasons[str(error) if isinstance(error, StripRefused) else "the file cannot be read"] += 1
            if self.copy_refused:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            return
        entry.stripped += bool(result.removed)
        entry.unchanged += not result.removed
        entry.named += bool(result.named)
        write_whole(target, result.data)

    def _sidecar(self, path: Path, target: Path) -> None:
        try:
            packet = strip_sidecar(path.read_bytes()[:MAX_BLOCK_BYTES], self.mode, keep_credit=self.keep_credit)
        except (StripRefused, OSError):
            packet = b""
        self.summary.sidecars["rewritten" if packet else "left out"] += 1
        if packet:
            write_whole(target, packet)


def _files(root: Path, summary: StripSummary) -> Iterator[Path]:
    """The regular files below `root` in a fixed order; links and devices are counted and left out."""
    stack = [root]
    while stack:
        try:
            entries = sorted(os.scandir(stack.pop()), key=lambda entry: entry.name)
        except OSError:
            summary.skipped["folder that cannot be opened"] += 1
            continue
        folders = []
        for entry in entries:
            if entry.is_symlink():
                summary.skipped["link (not followed)"] += 1
            elif entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            else:
                summary.skipped["device, pipe or socket"] += 1
        stack.extend(reversed(folders))
