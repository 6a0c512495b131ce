"""Jobs for worker processes: they import this module by name, so it stands in a file of its own."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from privacy_audit.types import FailureKind

BATCH = 4


@dataclass(frozen=True, slots=True)
class Trouble:
    """A piece of work over `size` positions, some of which do something bad. `notes` is where each run is noted."""

    name: str
    size: int = 10
    bad: Mapping[int, str] = field(default_factory=dict)
    notes: Path | None = None
    culprits: Mapping[int, FailureKind] = field(default_factory=dict)
    cautious: bool = False

    def run(self, announce: Callable[[int], None]) -> dict[str, object]:
        """The positions that were worked on, and the culprits that were left out."""
        if self.notes is not None:
            with (self.notes / self.name).open("a") as file:
                file.write(f"{os.getpid()}\n")
        print("a library that prints")  # must not break the protocol
        done = []
        step = 1 if self.cautious else BATCH
        for start in range(0, self.size, step):
            announce(start)
            for position in range(start, min(start + step, self.size)):
                if position not in self.culprits:
                    _suffer(self.bad.get(position, ""), self.notes)
                    done.append(position)
        return {"name": self.name, "done": done, "culprits": dict(self.culprits)}


def _suffer(what: str, notes: Path | None) -> None:
    if what == "segfault":
        ctypes.string_at(0)
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "exit":
        os._exit(0)
    elif what == "once":
        assert notes is not None
        if not (notes / "died").exists():
            (notes / "died").touch()
            os._exit(1)
    elif what == "hang":
        time.sleep(600)
    elif what == "disk full":
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/zq@example.com")
    elif what == "raise":
        raise ValueError("zq@example.com")
    elif what == "system exit":
        raise SystemExit(3)
    elif what == "recursion":
        _suffer(what, notes)


@dataclass(frozen=True)
class Unreadable(Trouble):
    """A job that a worker cannot read."""

    def __reduce__(self) -> tuple[object, ...]:
        return (_refuse, ())


def _refuse() -> None:
    if os.environ.get("RUNNER_JOBS_PARENT") != str(os.getpid()):
        raise ImportError("no such module in the worker")
