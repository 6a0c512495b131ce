"""Replaces several files of an audit as one: all of them, or none.

The new files are written to a draft folder inside the audit, which is then renamed: from that moment on they count.
They are moved to their places at once, or, when that was interrupted, by whoever opens the audit next. An interruption
before the rename leaves the audit as it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.store import manifest, settled
from privacy_audit.store.files import sync

DRAFT = ".draft"
COMMITTED = ".committed"
_REMOVE = "remove.json"
_FOLDERS = ("decisions", "settled", "shards", "packs")
_MAX_LIST_BYTES = 256 << 20


@contextlib.contextmanager
def draft(audit: Path) -> Iterator[Path]:
    """An empty folder for the new files, below the names that they have in the audit; gone when the block raises."""
    folder = audit / DRAFT
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(audit: Path, remove: Sequence[str]) -> None:
    """Let the files of the draft replace those of the audit, and take the files `remove` away."""
    folder = audit / DRAFT
    (folder / _REMOVE).write_text(json.dumps(list(remove)), encoding="utf-8")
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)
    os.replace(folder, audit / COMMITTED)
    sync(audit)
    recover(audit)


def recover(audit: Path) -> None:
    """Finish a replacement that was interrupted; nothing when there is none. Raises AuditError when it cannot."""
    folder = audit / COMMITTED
    if not folder.is_dir() or folder.is_symlink():
        return
    try:
        for name in _FOLDERS:
            _move(audit, name)
        _remove(audit, folder / _REMOVE)
        for path in sorted(folder.iterdir(), key=lambda path: path.name == manifest.NAME):  # the manifest comes last
            if path.is_file() and not path.is_symlink() and path.name != _REMOVE:
                _replace(path, audit / path.name)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not folder.exists():
            return  # another process finished it
        raise AuditError(
            f"a change to {audit} was interrupted and cannot be finished: {error.strerror or 'input/output error'}. "
            "Make the folder writable and try again."
        ) from error


def _move(audit: Path, name: str) -> None:
    source, target = audit / COMMITTED / name, audit / name
    if not source.is_dir() or source.is_symlink():
        return
    if target.is_symlink():  # an audit from a stranger must not write elsewhere
        raise AuditError(f"{target} is a link. Scan again.")
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and not path.is_symlink():
            _replace(path, target / path.name)
    sync(target)


def _replace(path: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process finishes the same replacement
        os.replace(path, target)


def _remove(audit: Path, listed: Path) -> None:
    try:
        with listed.open("rb") as file:
            names: Any = json.loads(file.read(_MAX_LIST_BYTES))
    except FileNotFoundError:
        return
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list):
        raise AuditError(f"{listed} is damaged. Scan again.")
    for name in names:
        parts = name.split("/") if isinstance(name, str) else []
        if name == settled.NAME:
            (audit / settled.NAME).unlink(missing_ok=True)
        if len(parts) == 2 and parts[0] in _FOLDERS and _is_plain(parts[1]):
            (audit / parts[0] / parts[1]).unlink(missing_ok=True)


def _is_plain(name: str) -> bool:
    return name not in {"", ".", ".."} and "\0" not in name and Path(name).name == name
