"""The Ray engine keeps the promises of the local runner, also while a process and a node of the cluster die."""

from __future__ import annotations

import os
import signal
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

pytestmark = [
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SAMPLES = 72  # nine shards


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The detector that does what captions ask for, for this process and all that it starts."""
    folder = tmp_path_factory.mktemp("odd") / "plugin"
    plugins.install(folder)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(folder))
    patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
    yield folder
    patch.undo()
    sys.modules.pop("odd_detectors", None)


@pytest.fixture(scope="module")
def cluster(plugin: Path) -> Iterator[Any]:
    """Two nodes of one processor on this machine, without a dashboard."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    started = Cluster(initialize_head=True, head_node_args=node)
    second = started.add_node(**node)
    yield started, second
    started.shutdown()


def scan(source: Path, output: Path, **options: Any) -> pa.Audit:
    return pa.scan(source, output=output, detectors=["odd", "metadata"], timeout_s=60.0, **options)


def tables(audit: pa.Audit) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: audit.folder.sql(f"SELECT * FROM {table} ORDER BY ALL")
        for table in ("samples", "findings", "failures", "decisions")
    }


def test_a_cluster_that_is_not_there_is_said_in_plain_words(
    tmp_path: Path, plugin: Path, jpeg: Callable[..., bytes]
) -> None:
    source = plugins.photos(tmp_path / "photos", ["fine"], jpeg())
    with pytest.raises(AuditError, match="there is no Ray cluster at"):
        scan(source, tmp_path / "audit", engine="ray", ray_address="127.0.0.1:1")


def test_a_crash_costs_one_sample_and_a_killed_process_and_node_cost_none(
    tmp_path: Path, cluster: Any, jpeg: Callable[..., bytes]
) -> None:
    """The same tables as on this machine, byte for byte, though a process of Ray and then a node die meanwhile."""
    started, second = cluster
    captions = ["slow"] * SAMPLES
    captions[5] = "segfault"
    source = plugins.photos(tmp_path / "photos", captions, jpeg())
    here = scan(source, tmp_path / "local", jobs=2)
    done: list[str] = []

    def sabotage() -> None:
        wait_for(lambda: len(list((tmp_path / "ray" / "shards").glob("*.json"))) >= 1)
        os.kill(wait_for(tasks)[0], signal.SIGKILL)
        done.append("process")
        wait_for(lambda: len(list((tmp_path / "ray" / "shards").glob("*.json"))) >= 3)
        started.remove_node(second, allow_graceful=False)
        done.append("node")

    thread = threading.Thread(target=sabotage)
    thread.start()
    there = scan(source, tmp_path / "ray", engine="ray", ray_address=started.address)
    thread.join()
    assert done == ["process", "node"]
    assert tables(there) == tables(here)
    assert there.folder.manifest.parts == here.folder.manifest.parts
    assert [(row["sample_id"], row["kind"]) for row in there.failures] == [("0005.jpg", "crash")]
    again = scan(source, tmp_path / "ray", engine="ray", ray_address=started.address)
    assert tables(again) == tables(here)


def tasks() -> list[int]:
    """Processes of Ray that have a worker of ours below them."""
    return [parent for path in Path("/proc").glob("[0-9]*") if (parent := _above(path))]


def _above(path: Path) -> int:
    """The process of Ray above a worker of ours; 0 when this is none."""
    try:
        if b"privacy_audit.run.worker" in (path / "cmdline").read_bytes():
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            return parent if b"ray::" in Path(f"/proc/{parent}/cmdline").read_bytes() else 0
    except (OSError, ValueError):
        pass
    return 0


def wait_for(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 200
    while not (result := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def test_an_error_ends_the_run_as_it_does_here(tmp_path: Path, cluster: Any, jpeg: Callable[..., bytes]) -> None:
    started, _ = cluster
    source = plugins.photos(tmp_path / "photos", ["fine"] * 3, jpeg())
    audit = scan(source, tmp_path / "audit", jobs=0)
    for table in ("findings", "shards"):
        for path in (audit.path / table).iterdir():
            path.unlink()
    (audit.path / "findings").rmdir()
    (audit.path / "findings").write_text("in the way")
    with pytest.raises(AuditError, match=r"cannot be written|cannot write"):
        scan(source, audit.path, engine="ray", ray_address=started.address)


def test_the_engine_is_named_and_needs_its_package(
    tmp_path: Path, jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = plugins.photos(tmp_path / "photos", ["fine"], jpeg())
    with pytest.raises(pa.PrivacyAuditError, match="is no engine; use one of local, ray"):
        pa.scan(source, detectors=["metadata"], engine="spark")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(pa.PrivacyAuditError, match=r"pip install 'privacy-audit\[ray\]'"):
        pa.scan(source, detectors=["metadata"], engine="ray")
    with pytest.raises(pa.PrivacyAuditError, match="with --jobs 0 there is none"):
        pa.scan(source, detectors=["metadata"], jobs=0, memory_limit=1 << 30)
    monkeypatch.setattr(local, "can_limit_memory", lambda: False)
    with pytest.raises(pa.PrivacyAuditError, match="on Linux only"):
        pa.scan(source, detectors=["metadata"], jobs=1, memory_limit=1 << 30)
