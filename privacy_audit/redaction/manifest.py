"""The public note on a copy: of which files it consists. It holds nothing of the source, no masked name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from privacy_audit.errors import AuditError
from privacy_audit.sources.names import PUBLIC_MANIFEST
from privacy_audit.store.files import sha256, write_whole

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Files of a copy that are not as its manifest says, by name."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.added)


def write(path: Path, files: Mapping[str, str], tool_version: str) -> None:
    """Write the manifest of `files` (name to sha256). The same files give the same bytes."""
    facts = {
        "format_version": FORMAT_VERSION,
        "tool": "privacy-audit",
        "tool_version": tool_version,
        "note": "sha256 of every file of this redacted copy. Redaction is obfuscation, not anonymity.",
        "files": dict(sorted(files.items())),
    }
    write_whole(path, json.dumps(facts, indent=1) + "\n")


def beside(output: Path) -> tuple[Path, Path]:
    """The folder that names in the manifest start from, and the manifest, of a published copy."""
    if output.is_file():
        return output.parent, output.with_name(f"{output.name}.{PUBLIC_MANIFEST}")
    return output, output / PUBLIC_MANIFEST


def check(output: Path) -> FileChanges:
    """Compare a published copy with its manifest. Raises AuditError when there is none, or it is damaged."""
    root, path = beside(output)
    try:
        files = json.loads(path.read_bytes())["files"]
        names = {str(name): str(digest) for name, digest in files.items()}
    except FileNotFoundError:
        raise AuditError(f"{output} has no {path.name}: it is no copy that privacy-audit redact wrote.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AuditError(f"{path} is damaged ({type(error).__name__}).") from error
    there = {output.name} if output.is_file() else _files(root)
    changed = [name for name in names if name in there and _digest(root / name) != names[name]]
    return FileChanges(tuple(sorted(changed)), tuple(sorted(names.keys() - there)), tuple(sorted(there - names.keys())))


def _files(root: Path) -> set[str]:
    found = set()
    for folder, _, names in os.walk(root):
        found |= {(Path(folder) / name).relative_to(root).as_posix() for name in names}
    return found - {PUBLIC_MANIFEST}


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
