"""A redaction that is killed and run again ends in the same bytes; nothing half done shows; the source stays."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import privacy_audit as pa
from privacy_audit.cli import main
from privacy_audit.redaction import draft, shard
from privacy_audit.store import redactions

Make = Callable[..., bytes]
DETECTORS = ("captions", "metadata", "provenance")
RUN = """
import os, sys
from privacy_audit.cli import main
from privacy_audit.redaction import draft, run
from privacy_audit.redaction.sinks import folder
die_at, seen = int(sys.argv[1]), 0
def dying(function):
    def wrapped(*args, **kwargs):
        global seen
        seen += 1
        if seen == die_at:
            os.kill(os.getpid(), 9)
        return function(*args, **kwargs)
    return wrapped
steps = [(folder.FolderWriter, "put"), (draft, "write_marker"), (folder.FolderSink, "finish"), (run, "_summary")]
steps += [(run.redactions, "write"), (folder.FolderSink, "publish"), (run.shutil, "rmtree")]
for owner, name in steps:
    setattr(owner, name, dying(getattr(owner, name)))
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, jpeg: Make) -> Path:
    """A folder with the dataset `source` and its `audit`."""
    folder = tmp_path_factory.mktemp("resume")
    source = folder / "source"
    source.mkdir()
    rows = ["file_name,text"]
    for number in range(20):
        name = f"maria{number}@example.com.jpg" if number % 5 == 0 else f"{number:02d}.jpg"
        (source / name).write_bytes(jpeg((number, 0, 0)))
        (source / f"{number:02d}.txt").write_text(f"picture {number}, mail maria{number}@example.com")
        rows += [f"{name},mail maria{number}@example.com"] if number < 10 else []
    (source / "metadata.csv").write_text("\n".join(rows) + "\n")
    (source / "notes.md").write_text("carried as it is")
    pa.scan(source, output=folder / "audit", detectors=DETECTORS, jobs=0)
    return folder


def state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contents(folder: Path) -> dict[str, str]:
    return {name: digest for name, (digest, _) in state(folder).items()}


def arguments(folder: Path, output: Path) -> list[str]:
    return ["redact", str(folder / "source"), "--audit", str(folder / "audit"), "-o", str(output), "--jobs", "0"]


@pytest.fixture(scope="module")
def whole(audited: Path) -> dict[str, str]:
    """The copy of an uninterrupted run."""
    result = CliRunner().invoke(main, arguments(audited, audited / "whole"))
    assert result.exit_code == 0, result.output
    return contents(audited / "whole")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("die_at", [2, 17, 26, 27, 28, 29, 30])
def test_killed_at_any_step_and_run_again(audited: Path, whole: dict[str, str], tmp_path: Path, die_at: int) -> None:
    before = state(audited / "source")
    command = arguments(audited, tmp_path / "clean")
    killed = subprocess.run([sys.executable, "-c", RUN, str(die_at), *command], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "clean").exists() or contents(tmp_path / "clean") == whole
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0, again.output
    assert contents(tmp_path / "clean") == whole
    assert state(audited / "source") == before
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


@pytest.mark.timeout(120)
def test_workers_and_parent_killed_while_they_work(audited: Path, whole: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "privacy_audit", *arguments(audited, tmp_path / "clean")[:-1], "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    markers = draft.place(tmp_path / "clean") / "shards"
    while process.poll() is None and not (markers.is_dir() and any(markers.iterdir())):
        time.sleep(0.01)
    process.kill()
    process.wait()
    again = CliRunner().invoke(main, arguments(audited, tmp_path / "clean"))
    assert again.exit_code == 0, again.output
    assert contents(tmp_path / "clean") == whole


def test_what_is_done_is_not_done_again(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the second shard: exit code 130, one line, and the third shard is where it goes on."""
    worked: list[str] = []
    original = shard.redact_shard

    def counted(job: shard.RedactJob, announce: Callable[[int], None]) -> shard.Done:
        if len(worked) == 2:
            raise KeyboardInterrupt
        worked.append(job.shard.id)
        return original(job, announce)

    monkeypatch.setattr(shard, "redact_shard", counted)
    stopped = CliRunner().invoke(main, arguments(audited, tmp_path / "clean"))
    assert stopped.exit_code == 130
    assert "goes on where it stopped" in stopped.stderr
    assert not (tmp_path / "clean").exists()
    monkeypatch.setattr(
        shard, "redact_shard", lambda job, announce: worked.append(job.shard.id) or original(job, announce)
    )
    assert CliRunner().invoke(main, arguments(audited, tmp_path / "clean")).exit_code == 0
    assert len(worked) == len(set(worked)) > 2


def test_other_options_start_over(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("privacy_audit.redaction.run._summary", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert CliRunner().invoke(main, arguments(audited, tmp_path / "clean")).exit_code == 130
    assert CliRunner().invoke(main, [*arguments(audited, tmp_path / "clean"), "--pseudonyms"]).exit_code == 0
    assert "<EMAIL-" in (tmp_path / "clean" / "01.txt").read_text()


def test_a_damaged_file_of_a_draft_is_made_anew(
    audited: Path, whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("privacy_audit.redaction.run._summary", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        CliRunner().invoke(main, arguments(audited, tmp_path / "clean"))
    copy = draft.copy(draft.place(tmp_path / "clean"))
    (copy / "01.jpg").write_bytes(b"cut")
    (copy / ".half.tmp").write_bytes(b"left by a run that died")
    assert CliRunner().invoke(main, arguments(audited, tmp_path / "clean")).exit_code == 0
    assert contents(tmp_path / "clean") == whole


def test_a_full_disk_is_said_and_can_be_gone_on_from(
    audited: Path, whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = draft.write_marker, 0

    def full(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(draft, "write_marker", full)
        result = CliRunner().invoke(main, arguments(audited, tmp_path / "clean"))
    assert result.exit_code == 2
    assert "the disk is full. Make room and run the same command again" in result.stderr
    assert not (tmp_path / "clean").exists()
    assert CliRunner().invoke(main, arguments(audited, tmp_path / "clean")).exit_code == 0
    assert contents(tmp_path / "clean") == whole


def test_the_copy_says_nothing_of_its_source(audited: Path, whole: dict[str, str]) -> None:
    assert whole
    originals = {digest for digest, _ in state(audited / "source").values()}
    changed = {row["sample_id"] for row in redactions.rows(audited / "audit") if "rename" in row["actions"]}
    assert changed
    manifest = (audited / "whole" / "privacy-audit-manifest.json").read_text()
    assert not any(name in manifest for name in changed)
    unchanged = set(whole.values())
    assert not any(digest in manifest for digest in originals - unchanged)
