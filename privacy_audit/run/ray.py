"""Runs jobs on a Ray cluster, under the same supervisor: a crash in native code costs one sample there too.

Each job is one task of Ray Core. Jobs carry names and ranges, workers write their own Parquet, results are counts: no
picture passes through Ray's object store. A worker or a node that is lost costs the shards it was at, which Ray runs
again elsewhere. All nodes must see the source and the audit folder under the same paths.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from privacy_audit.errors import AuditError, PrivacyAuditError
from privacy_audit.run.local import DEFAULT_TIMEOUT_S, Worker
from privacy_audit.run.plan import TOOL_VERSION
from privacy_audit.run.worker import explained

MAX_RETRIES = 3
"""How often Ray starts a shard again whose process or node died."""
_AHEAD = 2
"""Tasks handed to Ray per processor: enough that none waits for work, few enough that they need no memory."""
_WAIT_S = 5.0
_REACH_S = 5.0

_workers: dict[tuple[float, int | None], Worker] = {}  # one per process of Ray, so that models stay loaded


class RayRunner:
    """Runs jobs on the cluster at `address`: "auto" for the one of this machine (or RAY_ADDRESS), or "host:port".

    Raises PrivacyAuditError when ray is not installed, AuditError when there is no such cluster.
    """

    def __init__(
        self, address: str = "auto", timeout_s: float = DEFAULT_TIMEOUT_S, memory_limit: int | None = None
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise PrivacyAuditError("the engine 'ray' needs: pip install 'privacy-audit[ray]'") from None
        self._ray: Any = ray
        self._settings = (timeout_s, memory_limit)
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                _reach(address)
                ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=None)
            except (OSError, RuntimeError, ValueError) as error:
                raise AuditError(
                    f"there is no Ray cluster at '{address}' ({type(error).__name__}). Start one with "
                    "'ray start --head', or name one with --ray-address."
                ) from None

    def map(self, jobs: Iterable[Any]) -> Iterator[Any]:
        """Results in the order in which they finish. The first error ends the run."""
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(supervised)
        todo, pending = iter(jobs), set[Any]()
        more = True
        try:
            while True:
                while more and len(pending) < _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))):
                    job = next(todo, None)
                    more = job is not None
                    if more:
                        pending.add(task.remote(pickle.dumps(job), TOOL_VERSION, *self._settings))
                if not pending:
                    return
                done, _ = ray.wait(list(pending), num_returns=1, timeout=_WAIT_S)
                for reference in done:
                    pending.discard(reference)
                    yield self._result(reference)
        except OSError as error:
            raise explained(error) from error
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)
            if self._ours:
                ray.shutdown()

    def _result(self, reference: Any) -> Any:
        try:
            kind, value = pickle.loads(self._ray.get(reference))  # noqa: S301 - from this package in our own cluster
        except self._ray.exceptions.RayError as error:
            raise AuditError(
                f"the Ray cluster lost a shard {MAX_RETRIES + 1} times ({type(error).__name__}). "
                "Run the same command again: it goes on where it stopped."
            ) from None
        if kind == "error":
            raise value
        return value


def _reach(address: str) -> None:
    """Raises OSError when nothing answers at "host:port": Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()


def supervised(data: bytes, version: str, timeout_s: float, memory_limit: int | None) -> bytes:
    """The task: one job in a child process of the Ray worker. Gives ("done", result) or ("error", exception)."""
    try:
        if version != TOOL_VERSION:
            raise AuditError(f"a node of the Ray cluster has privacy-audit {TOOL_VERSION}, and this machine {version}.")
        job = pickle.loads(data)  # noqa: S301 - from the driver, which is this package
        output = getattr(job, "output", None)
        if output is not None and not output.is_dir():
            raise AuditError("a node of the Ray cluster does not see the audit folder. It must be on a shared disk.")
        worker = _workers.setdefault((timeout_s, memory_limit), Worker(timeout_s, memory_limit))
        return pickle.dumps(("done", worker.supervised(job)))
    except PrivacyAuditError as error:
        return pickle.dumps(("error", error))
