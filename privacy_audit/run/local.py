"""Runs jobs on this machine, in worker processes that may die.

A crash or a hang in native code costs exactly the sample that caused it; the other results stand.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from privacy_audit.errors import AuditError
from privacy_audit.run.plan import Death
from privacy_audit.run.worker import explained, receive, send

DEFAULT_TIMEOUT_S = 120.0
_START_S = 120.0  # the first batch also pays for imports and models, on a slow disk perhaps
_MAX_CULPRITS = 64
_LOOK_S = 0.05

_THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS")
# glibc gives freed pixel buffers back to the system at once and faults them in again; a fifth of the time goes there.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "268435456", "MALLOC_TRIM_THRESHOLD_": "536870912"}


class Job(Protocol):
    """A piece of work that pickles. `culprits` and `cautious` are as in ShardJob."""

    @property
    def culprits(self) -> Any:
        """Positions that killed a worker."""
        ...

    @property
    def cautious(self) -> bool:
        """Whether to take one sample at a time."""
        ...

    def run(self, announce: Callable[[int], None]) -> Any:
        """Do the work, announcing the position of every batch before touching it."""
        ...


J = TypeVar("J", bound=Job)


class LocalRunner:
    """`jobs` worker processes with one thread each; 0 runs in this process, without any isolation."""

    def __init__(self, jobs: int, timeout_s: float = DEFAULT_TIMEOUT_S, memory_limit: int | None = None) -> None:
        self._jobs = jobs
        self._timeout_s = timeout_s
        self._memory_limit = memory_limit

    def map(self, jobs: Iterable[J]) -> Iterator[Any]:
        """Results in the order in which they finish. The first error ends the run."""
        if self._jobs == 0:
            yield from _in_this_process(jobs)
            return
        todo: queue.Queue[J | None] = queue.Queue(maxsize=2 * self._jobs)
        done: queue.Queue[tuple[str, Any]] = queue.Queue()
        stop = threading.Event()
        workers = [Worker(self._timeout_s, self._memory_limit) for _ in range(self._jobs)]
        threads = [threading.Thread(target=_serve, args=(worker, todo, done, stop), daemon=True) for worker in workers]
        feeder = threading.Thread(target=_feed, args=(jobs, todo, done, stop, self._jobs), daemon=True)
        try:
            for thread in [*threads, feeder]:
                thread.start()
            running = len(threads)
            while running:
                kind, value = done.get()
                if kind == "result":
                    yield value
                elif kind == "error":
                    raise value
                else:
                    running -= 1
        finally:
            stop.set()
            for worker in workers:
                worker.kill()
            with contextlib.suppress(queue.Empty):
                while True:
                    todo.get_nowait()


def _in_this_process(jobs: Iterable[Job]) -> Iterator[Any]:
    todo = iter(jobs)
    while True:
        try:
            job = next(todo, None)
            result = job.run(lambda _: None) if job is not None else None
        except OSError as error:
            raise explained(error) from error
        if job is None:
            return
        yield result


def _feed(
    jobs: Iterable[J], todo: queue.Queue[J | None], done: queue.Queue[Any], stop: threading.Event, n: int
) -> None:
    try:
        for job in jobs:
            if stop.is_set():
                return
            todo.put(job)
    except Exception as error:  # noqa: BLE001 - handed to the thread that reads results
        done.put(("error", explained(error) if isinstance(error, OSError) else error))
    for _ in range(n):
        todo.put(None)


def _serve(worker: Worker, todo: queue.Queue[J | None], done: queue.Queue[Any], stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            job = todo.get()
            if job is None:
                break
            done.put(("result", worker.supervised(job)))
        worker.close()
        done.put(("closed", None))
    except Exception as error:  # noqa: BLE001 - handed to the thread that reads results
        done.put(("error", error))


class Worker:
    """One worker process, started again when it dies. `memory_limit` is of its resident memory, in bytes."""

    def __init__(self, timeout_s: float, memory_limit: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._memory_limit = memory_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._lock = threading.Lock()

    def supervised(self, job: Any) -> Any:
        """Run `job`. A crash or hang is retried one sample at a time; what fails twice becomes a culprit."""
        deaths = Counter[int | None]()
        while True:
            at, kind, result = self._attempt(job)
            if kind is None:
                return result
            if self._killed:
                raise AuditError("interrupted")
            if job.cautious or at is None:
                deaths[at] += 1
            if deaths[None] > 1:
                raise AuditError(
                    "worker processes die before they can do any work. Try again with --jobs 0 to see why, or set "
                    "PRIVACY_AUDIT_DEBUG=1 to see what they print."
                )
            if at is not None and deaths[at] > 1:
                job = replace(job, culprits={**job.culprits, at: kind})
            job = replace(job, cautious=True)
            if len(job.culprits) > _MAX_CULPRITS or deaths.total() > 4 * _MAX_CULPRITS:
                raise AuditError(
                    "worker processes die on so many samples that something else must be wrong, such as too little "
                    "memory. Try again with fewer --jobs."
                )

    def _attempt(self, job: Any) -> tuple[int | None, Death | None, Any]:
        """Position that was being touched, what went wrong (None: nothing), and the result."""
        fresh = self._process is None or self._process.poll() is not None
        process = self._start() if fresh else self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        at: int | None = None
        watch = _Watch(process, self._timeout_s + (_START_S if fresh else 0.0), self._memory_limit)
        watch.start()
        try:
            send(process.stdin, job)
            while True:
                answer: Any = receive(process.stdout)
                if answer[0] == "at":
                    at = answer[1]
                    # A whole batch is announced at once, so it gets a whole batch's time
                    watch.allow(self._timeout_s)
                elif answer[0] == "done":
                    return at, None, answer[1]
                else:
                    raise answer[1]
        except (EOFError, BrokenPipeError):
            process.wait()
            with self._lock:  # `kill` may close them too, from another thread
                _close_pipes(process)
                self._process = None
            return at, watch.reason or "crash", None
        finally:
            watch.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **dict.fromkeys(_THREAD_SETTINGS, "1"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        for name, value in _KEEP_MEMORY.items():
            environment.setdefault(name, value)
        # What libraries print may quote a sample, so it goes nowhere unless a developer asks for it
        errors = None if os.environ.get("PRIVACY_AUDIT_DEBUG") else subprocess.DEVNULL
        with self._lock:  # a worker that starts while all are being ended would be left behind
            if self._killed:
                raise AuditError("interrupted")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "privacy_audit.run.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
            )
            return self._process

    def close(self) -> None:
        """Let the worker end by itself."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # its work is done; what holds it up at the end does not matter
                self._process.kill()
                self._process.wait()
            _close_pipes(self._process)

    def kill(self) -> None:
        """End the worker now."""
        with self._lock:
            self._killed = True
            process = self._process
        if process is not None:
            if process.poll() is None:
                process.kill()
                process.wait()
            with self._lock:
                _close_pipes(process)


class _Watch(threading.Thread):
    """Ends a process that takes too long, or too much memory; `reason` says which."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, memory_limit: int | None) -> None:
        super().__init__(daemon=True)
        self.reason: Death | None = None
        self._process, self._memory_limit = process, memory_limit
        self._stopped = threading.Event()
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """So long from now on."""
        self._deadline = time.monotonic() + seconds

    def stop(self) -> None:
        """Let the process be."""
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            if self._memory_limit is not None and resident_bytes(self._process.pid) > self._memory_limit:
                self.reason = "memory"
            elif time.monotonic() > self._deadline:
                self.reason = "timeout"
            else:
                continue
            if not self._stopped.is_set():
                self._process.kill()
            return


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, on Linux; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def can_limit_memory() -> bool:
    """Whether this system says how much memory a process has."""
    return Path("/proc/self/statm").exists()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was on its way to a dead process
                stream.close()
