"""`privacy-audit demo`: a small dataset with planted personal data, audited, redacted, checked and reported."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_audit.errors import SourceError

if TYPE_CHECKING:
    from privacy_audit.demo.check import Line
    from privacy_audit.run.scan import Progress

MARKER = ".privacy-audit-demo"
_PARTS = ("dataset", "audit", "clean")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the demo's results are, and how each planted thing fared."""

    folder: Path
    report: Path
    lines: list[Line]
    image_text: bool
    """Whether text inside pictures was planted too, which takes the extra `ocr`."""

    @property
    def good(self) -> bool:
        """Everything planted was found and handled."""
        return all(line.good for line in self.lines)


def run(folder: Path, *, jobs: int | None = None, progress: Progress | None = None) -> Outcome:
    """Build the dataset in `folder`, audit it, redact it, write the report, and compare with what was planted."""
    from privacy_audit import api
    from privacy_audit.demo import check, dataset
    from privacy_audit.detectors import registry

    _prepare(folder)
    source, notes, copy = (folder / part for part in _PARTS)
    source.mkdir()
    image_text = not any(registry.problem(registry.find(name)) for name in api.IMAGE_TEXT)
    plants = dataset.build(source, image_text=image_text)
    key = folder / "token.key"
    audit = api.scan(source, output=notes, image_text=image_text, jobs=jobs, token_key=key, progress=progress)
    api.redact(source, audit=audit, output=copy, jobs=jobs, token_key=key, progress=progress)
    report = audit.report(folder / "report.html")
    lines = check.compare(plants, audit.folder, source, copy, report.read_text(encoding="utf-8"))
    return Outcome(folder, report, lines, image_text)


def _prepare(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARKER).exists())):
        raise SourceError(f"{folder} exists and was not made by the demo. Name another folder with -o.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
        for part in _PARTS:
            shutil.rmtree(folder / part, ignore_errors=True)
    except OSError as error:
        raise SourceError(f"cannot write to {folder}: {error.strerror}.") from error
