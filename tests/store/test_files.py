"""Files appear whole or not at all, and nothing else is left in their folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from privacy_audit.store.files import sha256, whole, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_under_its_name_only_when_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "file"
    with whole(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
        assert temporary.parent == path.parent  # so that the rename stays on one file system
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("before", [None, b"before"])
def test_an_exception_leaves_what_was_there(tmp_path: Path, error: type[BaseException], before: bytes | None) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)

    def work() -> None:
        with whole(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        work()
    assert names(tmp_path) == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["file"]


def test_nothing_written_is_an_error_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole(tmp_path / "file"):
        pass
    assert names(tmp_path) == []


def test_it_is_synced_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (done.append("sync"), real_sync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("rename"), real_replace(old, new))[1])
    write_whole(tmp_path / "file", b"x")
    assert done == ["sync", "rename", "sync"]


@pytest.mark.parametrize("name", ["x" * 255, "\U0001f642" * 63, "中" * 85, "caf\udce9", ".tmp"])
def test_names_as_long_as_a_file_system_takes(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, b"x")
    assert names(tmp_path) == [name]


def test_text_is_utf_8_with_plain_line_ends(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "é\r\nx\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\r\nx\n"


def test_sha256(tmp_path: Path) -> None:
    data = b"x" * 3_000_001
    (tmp_path / "file").write_bytes(data)
    assert sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()
