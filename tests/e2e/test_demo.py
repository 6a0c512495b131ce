"""The demo finds and handles all that it plants, and says so from the audit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from privacy_audit import demo
from privacy_audit.cli import terminal
from privacy_audit.demo import check, dataset
from privacy_audit.errors import SourceError
from privacy_audit.store import redactions
from privacy_audit.store.folder import AuditFolder


def test_everything_planted_is_found_and_handled(demo_run: demo.Outcome) -> None:
    missed = [line for line in demo_run.lines if not line.good]
    assert missed == []
    assert len(demo_run.lines) >= 20


def test_the_verdict_comes_from_the_audit_not_from_the_list(demo_run: demo.Outcome, tmp_path: Path) -> None:
    """With the findings gone from the audit, the demo has to say that it found nothing."""
    hollow = tmp_path / "audit"
    shutil.copytree(demo_run.folder / "audit", hollow)
    for part in (hollow / "findings").glob("*.parquet"):
        part.unlink()
    plants = [
        dataset.Plant("GPS position", "camera/located.jpg", "gps.precise", "removed", channel="metadata"),
        dataset.Plant("Truncated file", "broken/truncated.jpg", "unreadable", "withheld"),
    ]
    folder = demo_run.folder
    lines = check.compare(plants, AuditFolder(hollow), folder / "dataset", folder / "clean", report="")
    assert [(line.what, line.found) for line in lines] == [("GPS position", 0), ("Truncated file", 1)]


def test_the_copy_is_verified_and_the_source_untouched(demo_run: demo.Outcome, tmp_path: Path) -> None:
    summary = redactions.read(demo_run.folder / "audit")
    assert summary is not None
    assert summary.verified
    assert summary.passed
    assert summary.withheld == 2
    assert summary.dropped == 2
    dataset.build(_made(tmp_path / "again"), image_text=demo_run.image_text)
    for path in sorted((tmp_path / "again").rglob("*")):
        if path.is_file():
            name = path.relative_to(tmp_path / "again")
            assert (demo_run.folder / "dataset" / name).read_bytes() == path.read_bytes(), name


def test_every_sample_has_one_row_and_every_detector_an_answer(demo_run: demo.Outcome) -> None:
    audit = AuditFolder(demo_run.folder / "audit")
    rows = list(audit.table("samples"))
    assert len(rows) == len({row["sample_id"] for row in rows}) == audit.manifest.counts["samples"]
    for row in rows:
        answered = {*row["checked"], *row["failed"], *dict(row["skipped"])}
        assert {"captions", "faces", "metadata", "provenance"} <= answered, row["sample_id"]


def test_the_manifest_lists_every_part_with_its_digest(demo_run: demo.Outcome) -> None:
    from privacy_audit.store.files import sha256

    folder = demo_run.folder / "audit"
    parts = json.loads((folder / "audit.json").read_text())["parts"]
    on_disk = {
        f"{p.parent.name}/{p.name}"
        for t in ("samples", "findings", "failures", "decisions")
        for p in (folder / t).iterdir()
    }
    assert set(parts) == on_disk
    assert all(sha256(folder / name) == digest for name, digest in parts.items())


def test_the_demo_says_when_it_leaves_text_in_pictures_out(
    demo_run: demo.Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    for image_text in (True, False):
        terminal.print_demo(replace(demo_run, image_text=image_text))
        assert ("Left out: text and codes inside pictures" in capsys.readouterr().out) != image_text


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SourceError, match="not made by the demo"):
        demo.run(tmp_path, jobs=0)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_importing_the_package_as_a_script_without_a_main_guard_works(tmp_path: Path) -> None:
    """Workers must not import the caller's main module again."""
    script = tmp_path / "script.py"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "note.txt").write_text("x")
    from PIL import Image

    Image.new("RGB", (32, 32), "red").save(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "a.txt").write_text("write to maria.example@example.com")
    script.write_text(
        "import privacy_audit as pa\n"
        "audit = pa.scan('photos', policy='gdpr', jobs=1)\n"
        "frame = audit.findings.to_pandas()\n"
        "print(sorted(frame.code))\n"
        "print(audit.report('report.html').name, audit.exit_code, audit)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "'contact.email'" in done.stdout
    assert "report.html 1 <Audit of 1 samples:" in done.stdout
    assert done.stderr == ""


def _made(path: Path) -> Path:
    path.mkdir()
    return path
