"""The crash suite: whatever a detector does to its process costs the sample it did it on, and is said so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plugins
import pytest

import privacy_audit as pa
from privacy_audit.errors import AuditError
from privacy_audit.run import local

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
def _odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plugins.install(tmp_path / "plugin")
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    yield
    sys.modules.pop("odd_detectors", None)


def scan(source: Path, output: Path, **options: Any) -> pa.Audit:
    settings = {"detectors": ["odd"], "jobs": 1, "timeout_s": 60.0, **options}
    return pa.scan(source, output=output, **settings)


def failures(audit: pa.Audit) -> dict[str, tuple[str, str, str]]:
    return {row["sample_id"]: (row["stage"], row["kind"], row["message"]) for row in audit.failures}


@pytest.mark.parametrize(
    ("what", "options", "stage", "kind", "message"),
    [
        ("segfault", {}, "picture", "crash", "a worker process died on this sample; it was left out"),
        ("hang", {"timeout_s": 6.0}, "picture", "timeout", "did not finish this sample in time"),
        ("memory", {"memory_limit": 400 << 20}, "picture", "crash", "more memory than --memory-limit allows"),
        ("raise", {}, "odd", "error", "the detector 'odd' failed: it raised ValueError"),
        ("short", {}, "odd", "error", "it returned the wrong number of outcomes"),
    ],
)
def test_what_a_detector_does_costs_one_sample(
    tmp_path: Path, jpeg: Callable[..., bytes], what: str, options: dict[str, Any], stage: str, kind: str, message: str
) -> None:
    source = plugins.photos(tmp_path / "photos", ["", "fine", "fine", what, "fine", "fine"], jpeg())
    audit = scan(source, tmp_path / "audit", **options)
    found = failures(audit)
    assert list(found) == ["0003.jpg"]
    assert found["0003.jpg"][:2] == (stage, kind)
    assert message in found["0003.jpg"][2]
    assert len(audit.samples) == 6
    assert {row["sample_id"] for row in audit.findings} == {f"{n:04d}.jpg" for n in (0, 1, 2, 4, 5)}
    assert audit.exit_code == 3


def test_a_worker_that_is_killed_from_outside_costs_nothing(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    source = plugins.photos(tmp_path / "photos", ["slow"] * 6, jpeg())
    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            for pid in workers():
                time.sleep(1.0)
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    audit = scan(source, tmp_path / "audit")
    thread.join()
    assert killed
    assert failures(audit) == {}
    assert len(audit.findings) == 6


def workers() -> list[int]:
    """Worker processes that this process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == os.getpid() and b"privacy_audit.run.worker" in command:
            found.append(int(path.name))
    return found


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    """Else it would go on writing to an audit that the next run takes over."""
    source = plugins.photos(tmp_path / "photos", ["slow"] * 200, jpeg())
    code = (
        "import sys, privacy_audit as pa\n"
        f"sys.path.insert(0, {str(tmp_path / 'plugin')!r})\n"
        f"pa.scan({str(source)!r}, output={str(tmp_path / 'audit')!r}, detectors=['odd'], jobs=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as parent:
        below = wait_for(lambda: children_of(parent.pid))
        parent.kill()
        parent.wait()
    wait_for(lambda: all(not Path(f"/proc/{pid}").exists() or is_zombie(pid) for pid in below))


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] or [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (result := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def test_memory_can_be_looked_up_here_and_a_process_that_is_gone_has_none() -> None:
    assert local.can_limit_memory() == sys.platform.startswith("linux")
    assert local.resident_bytes(os.getpid()) > 1 << 20
    assert local.resident_bytes(2**22 + 1) == 0


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_really_full(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    """A small tmpfs where the system lets us mount one, else a limit on the size of files, which fails the same way."""
    source = plugins.photos(tmp_path / "photos", ["fine"] * 40, jpeg())
    small = tmp_path / "small"
    small.mkdir()
    mounted = mount(small)
    try:
        output = small / "audit"
        (small / "ballast").write_bytes(b"x" * (90 << 10 if mounted else 0))
        code = (
            "import resource, sys, privacy_audit as pa\n"
            f"sys.path.insert(0, {str(tmp_path / 'plugin')!r})\n"
            f"{'' if mounted else 'resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))'}\n"
            "try:\n"
            f"    pa.scan({str(source)!r}, output={str(output)!r}, detectors=['odd'], jobs=1)\n"
            "except pa.AuditError as error:\n"
            "    print(error)\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert "No space left on device" in done.stdout or "File too large" in done.stdout, done.stdout + done.stderr
        assert list(output.rglob("*.tmp")) == []
        (small / "ballast").unlink()
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        assert len(scan(source, output).findings) == 40
    finally:
        if mounted:
            subprocess.run(["umount", str(small)], check=True)


def mount(folder: Path) -> bool:
    """Whether a tmpfs of 128 kB stands at `folder` now."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_an_output_that_becomes_unwritable_ends_the_run_in_plain_words(
    tmp_path: Path, jpeg: Callable[..., bytes]
) -> None:
    source = plugins.photos(tmp_path / "photos", ["fine"] * 4, jpeg())
    audit = scan(source, tmp_path / "audit")
    shutil.rmtree(audit.path / "findings")
    (audit.path / "findings").write_text("in the way")
    with pytest.raises(AuditError, match=r"cannot be written|cannot write"):
        scan(source, audit.path)


# --- a source that changes --------------------------------------------------------------------------------------------


def test_a_picture_that_changes_while_it_is_read_is_no_complete_audit(
    tmp_path: Path, jpeg: Callable[..., bytes]
) -> None:
    source = plugins.photos(tmp_path / "photos", ["slow"] * 4, jpeg())

    class Changing:
        def start(self, total: int) -> None:
            """Nothing."""

        def advance(self, samples: int, failures: int) -> None:
            (source / "0000.jpg").write_bytes(jpeg("red") + b"longer")

        def stop(self) -> None:
            """Nothing."""

    with pytest.raises(AuditError, match="the source changed while it was scanned"):
        scan(source, tmp_path / "audit", progress=Changing())
    assert len(scan(source, tmp_path / "audit").samples) == 4
