from __future__ import annotations

from pathlib import Path

import picture_files as files
import pytest
from click.testing import CliRunner

import privacy_audit as pa
from privacy_audit.cli import main

NAME = "Quentin Testperson"
PRIVATE = files.jpeg(files.exif_segment(files.exif({0x013B: NAME})))
RAW = files.directories([(0xC612, 1, b"\1\4\0\0"), (0x013B, 2, NAME.encode() + b"\0")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    (root / "a.jpg").write_bytes(PRIVATE)
    (root / "deep" / "clean.png").write_bytes(files.png())
    (root / "deep" / "raw.dng").write_bytes(RAW)
    (root / "notes.txt").write_text("as it was")
    (root / "a.xmp").write_bytes(files.xmp(f'xmpRights:Marked="True" aux:OwnerName="{NAME}"'))
    (root / "link.jpg").symlink_to(root / "a.jpg")
    return root


def test_a_folder_is_copied_without_metadata(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    summary = pa.strip(folder, out)
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert written.keys() == {"a.jpg", "a.xmp", "deep/clean.png", "notes.txt"}
    assert written["deep/clean.png"] == files.png()
    assert written["notes.txt"] == b"as it was"
    assert not any(NAME.encode() in data for data in written.values())
    assert b"Marked" in written["a.xmp"]
    assert (summary.formats["JPEG"].stripped, summary.formats["PNG"].unchanged) == (1, 1)
    assert summary.formats["TIFF"].refused == summary.refused == 1
    assert summary.skipped == {"link (not followed)": 1}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_refused_pictures_are_copied_on_request(folder: Path, tmp_path: Path) -> None:
    pa.strip(folder, tmp_path / "out", copy_refused=True)
    assert (tmp_path / "out" / "deep" / "raw.dng").read_bytes() == RAW


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(pa.SourceError, match="exists"):
        pa.strip(folder / "a.jpg", folder / "notes.txt")
    with pytest.raises(pa.SourceError, match="inside"):
        pa.strip(folder, folder / "out")
    with pytest.raises(pa.SourceError, match="does not exist"):
        pa.strip(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(pa.PrivacyAuditError, match="keeps nothing"):
        pa.strip(folder, tmp_path / "out", mode="all", keep_credit=True)
    with pytest.raises(pa.PrivacyAuditError, match="no mode"):
        pa.strip(folder, tmp_path / "out", mode="some")
    assert not (tmp_path / "out").exists()


def test_the_command(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["strip", str(folder), "-o", str(tmp_path / "out"), "--mode", "coarsen"])
    assert result.exit_code == 3
    assert "1 refused: the metadata cannot be removed: a camera's raw file is not written here" in result.stdout
    assert NAME not in result.output
    one = CliRunner().invoke(main, ["strip", str(folder / "a.jpg"), "-o", str(tmp_path / "one.jpg"), "--mode", "all"])
    assert one.exit_code == 0
    assert (tmp_path / "one.jpg").read_bytes() == files.jpeg()
