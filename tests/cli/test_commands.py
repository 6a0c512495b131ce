"""The command line as people meet it: help, exit codes, and what it says to bad input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from privacy_audit.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg())
    (folder / "a.txt").write_text("A teal rectangle")
    return folder


def scan(photos: Path, *more: str) -> Result:
    """Without faces, so that it takes no time."""
    audit = photos.parent / "audit"
    return run("scan", photos, "-o", audit, "--jobs", "0", "--detectors", "captions,metadata,provenance", *more)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from privacy_audit.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = 'numpy pandas pyarrow onnxruntime onnx PIL duckdb spacy presidio_analyzer pydantic'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command", [[], *([name] for name in ("scan", "report", "redact", "policy", "detectors", "demo", "subject"))]
)
def test_every_command_has_help(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_a_scan_that_finds_nothing_bad_passes(photos: Path) -> None:
    result = scan(photos)
    assert result.exit_code == 0, result.output
    assert "PASS  1 sample against baseline" in result.stdout
    assert "privacy-audit report" in result.stdout


def test_a_direct_identifier_violates_the_baseline(photos: Path) -> None:
    (photos / "a.txt").write_text("write to maria.example@example.com")
    result = scan(photos)
    assert result.exit_code == 1
    assert "POLICY VIOLATED" in result.stdout
    assert "E-mail address" in result.stdout
    assert "maria" not in result.output


@pytest.mark.parametrize(
    ("options", "code"), [(["--fail-on", "critical"], 0), (["--fail-on", "medium"], 1), (["--exit-zero"], 0)]
)
def test_fail_on_moves_the_threshold(photos: Path, options: list[str], code: int) -> None:
    (photos / "a.txt").write_text("write to maria.example@example.com")
    assert scan(photos, *options).exit_code == code


def test_a_failure_makes_it_incomplete(photos: Path) -> None:
    (photos / "b.jpg").write_text("<html>")
    result = scan(photos)
    assert result.exit_code == 3
    assert "INCOMPLETE  2 samples" in result.stdout
    assert "picture: the content is no picture" in result.stdout


def test_a_violation_beats_incompleteness(photos: Path) -> None:
    (photos / "a.txt").write_text("write to maria.example@example.com")
    (photos / "b.jpg").write_text("<html>")
    assert scan(photos).exit_code == 1


def test_the_policy_that_empties_a_dataset_is_warned_about(photos: Path) -> None:
    (photos / "metadata.csv").write_text("file_name,visibility\na.jpg,private\n")
    result = scan(photos)
    assert "would take 1 of 1 samples out" in result.stdout


def bad(tmp_path: Path, photos: Path) -> dict[str, tuple[list[str | Path], str]]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    (tmp_path / "pack.yaml").write_text("pack: x\nrules:\n  - id: a\n    severty: high\n")
    out = tmp_path / "out"
    return {
        "no such source": (["scan", tmp_path / "nowhere", "-o", out], "does not exist"),
        "source is a file": (["scan", photos / "a.jpg", "-o", out], "is a file"),
        "empty folder": (["scan", tmp_path / "empty", "-o", out], "nothing to audit"),
        "audit inside source": (["scan", photos, "-o", photos / "audit"], "cannot be inside"),
        "output not empty": (["scan", photos, "-o", tmp_path / "full"], "not empty and is not an audit"),
        "output is a file": (["scan", photos, "-o", photos.parent / "pack.yaml"], "is a file"),
        "unknown pack": (["scan", photos, "-o", out, "--policy", "gdrp"], "did you mean 'gdpr'"),
        "broken pack": (["scan", photos, "-o", out, "--policy", tmp_path / "pack.yaml"], "pack.yaml:4:"),
        "unknown detector": (["scan", photos, "-o", out, "--detectors", "facs"], "Did you mean 'faces'"),
        "unknown severity": (["scan", photos, "-o", out, "--fail-on", "bad"], "Invalid value"),
        "report of nothing": (["report", tmp_path / "nowhere"], "is not an audit"),
        "redact without audit": (["redact", photos, "--audit", tmp_path / "full", "-o", out], "is not an audit"),
        "unknown command": (["scna"], "No such command"),
    }


def test_bad_input_gets_a_clear_message(tmp_path: Path, photos: Path) -> None:
    for name, (arguments, message) in bad(tmp_path, photos).items():
        result = run(*arguments)
        assert result.exit_code == 2, name
        assert message in result.output, name
        assert "Traceback" not in result.output, name


def test_an_unknown_caption_column_names_the_known_ones(photos: Path) -> None:
    (photos / "metadata.csv").write_text("file_name,words\na.jpg,x\n")
    result = scan(photos, "--caption-column", "wrods")
    assert result.exit_code == 2
    assert "no table has the caption column 'wrods'. Columns: file_name, words." in result.output


def test_a_caption_column_is_read_as_captions(photos: Path) -> None:
    from privacy_audit import Audit

    (photos / "metadata.csv").write_text("file_name,words\na.jpg,call +1 415 555 0132\n")
    scan(photos, "--caption-column", "words")
    rows = list(Audit(photos.parent / "audit").findings.where("code = 'contact.phone'"))
    assert [(row["channel"], dict(row["attributes"])["field"]) for row in rows] == [("caption", "words")]


def test_redacting_a_source_that_changed_is_refused(photos: Path, jpeg: Callable[..., bytes]) -> None:
    scan(photos)
    (photos / "new.jpg").write_bytes(jpeg())
    result = run("redact", photos, "--audit", photos.parent / "audit", "-o", photos.parent / "clean", "--jobs", "0")
    assert result.exit_code == 2
    assert "is not what was audited" in result.output
    assert not (photos.parent / "clean").exists()


def test_an_unforeseen_error_shows_no_traceback(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from privacy_audit import api

    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("a caption that must not be printed")

    monkeypatch.setattr(api, "scan", explode)
    monkeypatch.delenv("PRIVACY_AUDIT_DEBUG", raising=False)
    result = run("scan", photos, "-o", photos.parent / "audit")
    assert result.exit_code == 2
    assert "Internal error (RuntimeError)" in result.output
    assert "caption that" not in result.output


def test_interrupting_says_how_to_go_on(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from privacy_audit import api

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "scan", interrupt)
    result = run("scan", photos, "-o", photos.parent / "audit")
    assert result.exit_code == 130
    assert "Run the same command again" in result.output


def test_detectors_are_listed_with_their_models() -> None:
    result = run("detectors")
    assert result.exit_code == 0
    for name in ("faces", "metadata", "captions", "provenance", "CenterFace", "sha256"):
        assert name in result.stdout


def test_the_exported_names_are_the_public_api() -> None:
    import privacy_audit as pa

    assert all(getattr(pa, name) is not None for name in pa.__all__)
    assert {"scan", "redact", "Audit", "detectors"} <= set(pa.__all__)
