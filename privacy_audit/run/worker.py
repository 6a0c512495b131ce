"""A worker process: jobs come in on standard input as pickles, answers go out on what was standard output.

Not multiprocessing: its spawned children import the caller's main module again, so that a script without a
`if __name__ == "__main__"` guard would start itself over and over. `privacy_audit.scan()` has to work from any script.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from typing import IO, Literal

from privacy_audit.errors import AuditError, PrivacyAuditError

_FOLLOW_S = 1.0
Answer = tuple[Literal["at"], int] | tuple[Literal["done"], object] | tuple[Literal["error"], PrivacyAuditError]


def send(stream: IO[bytes], value: object) -> None:
    """Write one length-prefixed pickle."""
    data = pickle.dumps(value)
    stream.write(len(data).to_bytes(8, "big") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> object:
    """Read one length-prefixed pickle; raises EOFError when the other side is gone.

    Both sides are this package in processes of this user; nothing from a dataset is ever unpickled.
    """
    header = stream.read(8)
    if len(header) < 8:
        raise EOFError
    size = int.from_bytes(header, "big")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301


def main() -> None:
    """Serve jobs until standard input closes."""
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not break the protocol
    while True:
        try:
            job = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            result = job.run(lambda position: send(answers, ("at", position)))  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - the parent has to hear of it, whatever it is
            send(answers, ("error", explained(error)))
        else:
            send(answers, ("done", result))


def _follow(parent: int) -> None:
    """End with the parent, however it dies: a worker that is left behind would go on writing to the audit."""
    while os.getppid() == parent:
        time.sleep(_FOLLOW_S)
    os._exit(1)


def explained(error: Exception) -> PrivacyAuditError:
    """What to tell of an exception that ended a job. Its text may quote a sample, so only its kind goes out."""
    if isinstance(error, PrivacyAuditError):
        return error
    if isinstance(error, OSError):
        reason = error.strerror or "input/output error"
        return AuditError(f"the source cannot be read, or the results cannot be written: {reason}.")
    return AuditError(f"internal error ({type(error).__name__} in {_place(error)}). Please report it.")


def _place(error: BaseException) -> str:
    """Module and line where an exception arose: enough to find the fault, and nothing of the data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


if __name__ == "__main__":
    main()
