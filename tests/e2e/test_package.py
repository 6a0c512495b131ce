"""The wheel, installed into an empty environment, scans from there: rules and report templates are inside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = "imageio-ffmpeg; python_version < '3'\nopencv-python; python_version < '3'\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as a package index would."""
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--out-dir", str(out), str(ROOT))
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.package
def test_the_wheel_holds_rules_and_report_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "_data/rules/baseline.yaml",
        "_data/rules/gdpr.yaml",
        "_data/rules/uu-pdp.yaml",
        "_data/rules/articles.yaml",
        "_data/rules/starter.txt",
        "py.typed",
    ):
        assert f"privacy_audit/{wanted}" in names
    assert "privacy_audit/detectors/provenance/signals.yaml" in names
    assert any(name.startswith("privacy_audit/_data/reports/templates/") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


@pytest.mark.package
def test_a_fresh_environment_can_scan_redact_and_report(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    uv("venv", "--quiet", "--python", sys.executable, str(environment))
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (tmp_path / "overrides.txt").write_text(OVERRIDES)
    uv(
        *("pip", "install", "--quiet", "--python", str(python), "--overrides", str(tmp_path / "overrides.txt")),
        str(wheel),
        cwd=tmp_path,
    )
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python), "-m", "privacy_audit", *arguments],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )

    where = subprocess.run(
        [str(python), "-c", "import privacy_audit; print(privacy_audit.__file__)"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(environment) in where.stdout
    demo = command("demo", "-o", "demo", "--jobs", "1")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000
    packs = command("policy", "list")
    assert "uu-pdp" in packs.stdout


def uv(*arguments: str, cwd: Path | None = None) -> None:
    """Run uv, the tool that builds and installs this project."""
    found = shutil.which("uv")
    tool = [found] if found else [sys.executable, "-m", "uv"]
    subprocess.run([*tool, *arguments], check=True, cwd=cwd)
