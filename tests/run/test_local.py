"""The local runner: a crash or a hang costs the sample that caused it, and nothing is left running."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runner_jobs import Trouble, Unreadable

from privacy_audit.errors import AuditError, SourceError
from privacy_audit.run import local
from privacy_audit.run.local import LocalRunner, Worker


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    before = children()
    yield
    deadline = time.monotonic() + 5
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children() - before == set()


def children() -> set[int]:
    """Processes that this one started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(path.parent.name))
    return found


def test_every_job_gives_its_result() -> None:
    jobs = [Trouble(str(number), size=number) for number in range(12)]
    for runner in (LocalRunner(0), LocalRunner(1), LocalRunner(2)):
        results = sorted(runner.map(jobs), key=lambda result: int(result["name"]))
        assert results == [{"name": str(n), "done": list(range(n)), "culprits": {}} for n in range(12)]


def test_no_jobs_is_no_work() -> None:
    assert list(LocalRunner(2).map([])) == []


@pytest.mark.parametrize("what", ["segfault", "kill", "exit", "system exit"])
def test_what_kills_a_worker_is_left_out_and_the_rest_stands(what: str) -> None:
    jobs = [Trouble("a", bad={6: what}), Trouble("b"), Trouble("c", bad={0: what, 9: what})]
    results = {result["name"]: result for result in LocalRunner(2).map(jobs)}
    assert results["a"] == {"name": "a", "done": [0, 1, 2, 3, 4, 5, 7, 8, 9], "culprits": {6: "crash"}}
    assert results["b"] == {"name": "b", "done": list(range(10)), "culprits": {}}
    assert results["c"] == {"name": "c", "done": list(range(1, 9)), "culprits": {0: "crash", 9: "crash"}}


def test_a_hang_is_ended_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    (result,) = LocalRunner(1, timeout_s=1.0).map([Trouble("a", bad={2: "hang", 5: "segfault"})])
    assert result == {"name": "a", "done": [0, 1, 3, 4, 6, 7, 8, 9], "culprits": {2: "timeout", 5: "crash"}}
    assert time.monotonic() - started < 60


def test_a_crash_that_does_not_come_again_costs_nothing(tmp_path: Path) -> None:
    (result,) = LocalRunner(1).map([Trouble("a", bad={6: "once"}, notes=tmp_path)])
    assert result == {"name": "a", "done": list(range(10)), "culprits": {}}


def test_crashes_in_ever_other_places_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory kills workers wherever they are."""
    worker, places = Worker(1.0), iter(range(10_000))
    monkeypatch.setattr(worker, "_attempt", lambda job: (next(places), "crash", None))
    with pytest.raises(AuditError, match="too little memory"):
        worker.supervised(Trouble("a"))
    assert next(places) < 1_000


def test_a_piece_in_which_every_sample_crashes_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(1.0)

    def attempt(job: Trouble) -> tuple[int, str, None]:
        return next(place for place in range(10_000) if place not in job.culprits), "crash", None

    monkeypatch.setattr(worker, "_attempt", attempt)
    with pytest.raises(AuditError, match="on so many samples"):
        worker.supervised(Trouble("a"))


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_full_disk_ends_the_run_in_plain_words(jobs: int) -> None:
    with pytest.raises(AuditError) as caught:
        list(LocalRunner(jobs).map([Trouble("a", bad={3: "disk full"})]))
    assert str(caught.value) == (
        "the source cannot be read, or the results cannot be written: No space left on device."
    )


@pytest.mark.parametrize(("what", "kind"), [("raise", "ValueError"), ("recursion", "RecursionError")])
def test_an_internal_error_names_its_kind_and_place_and_quotes_nothing(what: str, kind: str) -> None:
    with pytest.raises(AuditError, match=rf"internal error \({kind} in runner_jobs:\d+\)") as caught:
        list(LocalRunner(1).map([Trouble("a", bad={3: what})]))
    assert "zq" not in str(caught.value)


def test_a_worker_that_never_starts_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AuditError, match="die before they can do any work"):
        list(LocalRunner(2).map([Trouble("a"), Trouble("b")]))


def test_a_worker_that_does_not_know_the_job_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_JOBS_PARENT", str(os.getpid()))
    with pytest.raises(AuditError, match="die before they can do any work"):
        list(LocalRunner(1).map([Unreadable("a")]))


def test_a_worker_that_answers_half_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "half"
    script.write_text("#!/bin/sh\nprintf '\\0\\0\\0\\0\\0\\0\\0\\100half'\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(AuditError, match="die before they can do any work"):
        list(LocalRunner(1).map([Trouble("a")]))


@pytest.mark.parametrize("jobs", [0, 1, 2])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SourceError("gone"), SourceError),
        (OSError(5, "Input/output error", "/zq"), AuditError),
        (ValueError("a fault of the source"), ValueError),
    ],
)
def test_an_error_of_the_source_ends_the_run_and_never_hangs(
    jobs: int, error: Exception, expected: type[Exception]
) -> None:
    def broken() -> Iterator[Trouble]:
        yield Trouble("a")
        raise error

    def run() -> list[object]:
        return list(LocalRunner(jobs).map(broken()))

    with pytest.raises(expected) as caught:
        run()
    assert "/zq" not in str(caught.value)


def test_closing_early_ends_the_workers(tmp_path: Path) -> None:
    results = LocalRunner(2).map(Trouble(str(n), bad={5: "hang"} if n else {}, notes=tmp_path) for n in range(100))
    assert next(results)["name"] == "0"
    wait_for((tmp_path / "1").exists)
    results.close()


def test_an_interrupt_ends_the_workers(tmp_path: Path) -> None:
    def interrupted() -> None:
        for _ in LocalRunner(2).map([Trouble("a"), Trouble("b", bad={5: "hang"}, notes=tmp_path)]):
            wait_for((tmp_path / "b").exists)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_a_worker_is_not_started_once_all_are_being_ended() -> None:
    worker = Worker(1.0)
    worker.kill()
    with pytest.raises(AuditError, match="interrupted"):
        worker.supervised(Trouble("a"))


def test_a_worker_that_does_not_want_to_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(60.0)
    worker.supervised(Trouble("a"))
    process = worker._process
    assert process is not None
    real, waits = subprocess.Popen.wait, 0

    def wait(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        nonlocal waits
        waits += 1
        if waits == 1:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return real(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait)
    worker.close()
    assert process.returncode is not None


def test_a_slow_source_does_not_leave_a_worker_behind() -> None:
    """The consumer leaves while the feeder still thinks about the next job."""
    thinking, going_on = threading.Event(), threading.Event()

    def slow() -> Iterator[Trouble]:
        yield Trouble("a")
        thinking.set()
        going_on.wait(10)
        yield Trouble("b")

    results = LocalRunner(2).map(slow())
    next(results)
    thinking.wait(10)
    results.close()
    going_on.set()
    time.sleep(0.3)


def test_workers_use_one_thread_and_do_not_inherit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    real = subprocess.Popen

    def popen(*arguments: object, **options: object) -> object:
        seen.update(options)
        return real(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(local.subprocess, "Popen", popen)
    list(LocalRunner(1).map([Trouble("a")]))
    environment = seen["env"]
    assert isinstance(environment, dict)
    assert {environment[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")} == {"1"}
    assert seen["stderr"] == subprocess.DEVNULL
    assert seen["start_new_session"] is True


def test_a_script_without_a_main_guard_can_run_jobs(tmp_path: Path) -> None:
    """multiprocessing would start the script again in every worker."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from runner_jobs import Trouble\n"
        "from privacy_audit.run.local import LocalRunner\n"
        "print([result['name'] for result in LocalRunner(1).map([Trouble('a')])])\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "['a']\n"


def wait_for(happened: object) -> None:
    deadline = time.monotonic() + 30
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
