"""What the copy of a dataset in one file is: a file when it is named like one, else a new folder with the file."""

from __future__ import annotations

import os
from pathlib import Path

from privacy_audit.errors import SourceError
from privacy_audit.redaction.sinks.base import OWN_FILES, Files
from privacy_audit.sources.names import PUBLIC_MANIFEST


class Shape:
    """`name` is the file's, None for a dataset of several files. `own` are endings of its kind, `known` of all kinds.

    Raises SourceError when the copy is named like a file of another kind.
    """

    def __init__(self, name: str | None, output: Path, own: tuple[str, ...], known: tuple[str, ...]) -> None:
        lowered = output.name.lower()
        self.alone = name is not None and lowered.endswith(own)
        if name is not None and not self.alone and lowered.endswith(known):
            stem = output.name[: -max(len(ending) for ending in known if lowered.endswith(ending))]
            raise SourceError(f"the copy of a {own[0]} file is one too: name it {stem}{own[0]}.")
        self.name = output.name if self.alone else name
        self.manifest = f"{self.name}.{PUBLIC_MANIFEST}" if self.alone else PUBLIC_MANIFEST

    def named(self, name: str) -> str:
        """What a file of the source is called in the copy."""
        return self.name if self.alone and self.name is not None else name

    def scanned(self, copy: Path) -> Path:
        """What to scan in the folder `copy`: the file, which may be recognised only when it is named."""
        return copy / self.name if self.name is not None else copy

    def publish(self, copy: Path, output: Path) -> None:
        """Move the file and the manifest beside it, or the folder."""
        if not self.alone or self.name is None:
            if output.exists():
                output.rmdir()
            os.replace(copy, output)
            return
        if (copy / self.manifest).exists():
            os.replace(copy / self.manifest, output.with_name(self.manifest))
        os.replace(copy / self.name, output)


def carry_own_files(root: Path, files: Files) -> None:
    """Copy what the publisher says of a whole dataset. Other files beside archives and tables stay out, unchecked."""
    for name in OWN_FILES:
        if (root / name).is_file() and not (root / name).is_symlink():
            files.copy(root / name, name)
