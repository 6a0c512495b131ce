"""No network is touched: sockets are blocked in this process and in every worker, and the whole way is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_BLOCK = """
import os, socket, sys

def _refuse(*args, **kwargs):
    with open(os.environ["NETWORK_LOG"], "a") as log:
        log.write("touched\\n")
    raise OSError("network is blocked")

socket.getaddrinfo = _refuse
socket.gethostbyname = _refuse
socket.create_connection = _refuse
socket.socket.connect = _refuse
socket.socket.connect_ex = _refuse
socket.socket.sendto = _refuse
with open(os.environ["BLOCKED_LOG"], "a") as log:
    log.write("blocked\\n")
"""


def test_scan_redact_and_report_touch_no_network(tmp_path: Path) -> None:
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(_BLOCK)
    touched, blocked = tmp_path / "touched.log", tmp_path / "blocked.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "block"),
        "NETWORK_LOG": str(touched),
        "BLOCKED_LOG": str(blocked),
        "HOME": str(tmp_path),  # no cached suffix list or model of the developer helps
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    command = [sys.executable, "-m", "privacy_audit", "demo", "-o", str(tmp_path / "demo"), "--jobs", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not touched.exists()
    assert blocked.read_text().count("blocked") >= 3  # the command and its workers


def test_the_block_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_BLOCK)
    log = tmp_path / "touched.log"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NETWORK_LOG": str(log), "BLOCKED_LOG": os.devnull}
    code = "import urllib.request\ntry: urllib.request.urlopen('http://example.com')\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert log.exists()
