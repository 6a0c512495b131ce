"""What the documents tell people to type exists, and runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from privacy_audit.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))  # a command may run on in the next line
        for line in text.splitlines():
            match = re.match(r"(?: {4}|\$ )(?:pip install uv && )?(?:uv run )?privacy-audit (.*)", line)
            if match:
                found.append((page.name, match[1].split("  #")[0].split("#")[0].strip()))
    return found


@pytest.mark.parametrize(("page", "command"), commands())
def test_every_command_in_the_documents_exists(page: str, command: str) -> None:
    result = CliRunner().invoke(main, [*shlex.split(command), "--help"])
    assert result.exit_code == 0, result.output


def test_there_are_commands_to_check() -> None:
    assert len([page for page, _ in commands() if page == "README.md"]) >= 5


def test_every_file_that_a_document_names_is_there() -> None:
    for page in [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "MODELS.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)|\b(docs/[\w-]+\.\w+|benchmarks/\w+\.py)\b", page.read_text("utf-8")):
            name = target[0] or target[1]
            assert (page.parent / name).exists() or (ROOT / name).exists(), f"{page.name}: {name}"


def test_the_readmes_python_runs(tmp_path: Path, face: Image.Image) -> None:
    (tmp_path / "photos").mkdir()
    face.save(tmp_path / "photos" / "a.jpg")
    face.save(tmp_path / "photo.jpg")
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "snippet.py").write_text(snippet)
    done = subprocess.run([sys.executable, "snippet.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "photos-clean" / "a.jpg").exists()


def test_the_models_page_lists_every_model_with_its_digest() -> None:
    from privacy_audit.detectors import registry
    from privacy_audit.detectors.base import models_of

    page = (ROOT / "MODELS.md").read_text("utf-8")
    for entry in registry.listing():
        for model in models_of(entry.detector) if entry.detector else ():
            assert model.sha256 in page


def test_every_dependency_is_explained() -> None:
    names = re.findall(r'^    "([A-Za-z0-9_.-]+)[><=~]', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    assert [name for name in names if name.lower() not in page] == []
