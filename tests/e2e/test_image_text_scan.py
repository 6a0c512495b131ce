"""Text and codes inside pictures, from the flag to the clean copy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import privacy_audit as pa
from privacy_audit.cli import main
from privacy_audit.demo.scenery import landscape, sign, with_code
from privacy_audit.detectors import Barcodes, ImageText, registry

VCARD = "BEGIN:VCARD\nN:Doe;Jane;;;\nTEL:+14155550137\nEMAIL:jane@example.com\nEND:VCARD"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    board = sign(landscape(1, 800, 533), "Rooms to let", "jane.doe@example.com", "+1 415 555 0137")
    board.rotate(14, expand=True, fillcolor=(90, 140, 90)).save(folder / "tilted.jpg", quality=90)
    with_code(landscape(2, 800, 600), VCARD).save(folder / "code.png")
    sign(landscape(3, 800, 533), "Open daily").save(folder / "harmless.jpg", quality=90)
    (folder / "table.csv").write_text("file_name,text\nharmless.jpg,Open daily\n")
    return folder


@pytest.fixture(scope="module")
def audit(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Audit:
    return pa.scan(photos, output=tmp_path_factory.mktemp("audit"), image_text=True, detectors=[], jobs=1)


def test_what_is_found(audit: pa.Audit) -> None:
    query = "SELECT sample_id, code, channel FROM findings WHERE code <> 'text.unread' ORDER BY ALL"
    assert audit.folder.sql(query) == [
        ("code.png", "contact.email", "barcode"),
        ("code.png", "contact.phone", "barcode"),
        ("code.png", "name.person", "barcode"),
        ("tilted.jpg", "contact.email", "image_text"),
        ("tilted.jpg", "contact.phone", "image_text"),
    ]
    assert audit.exit_code == 1


def test_the_copy_shows_none_of_it_and_the_rest_as_it_was(audit: pa.Audit, photos: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    summary = audit.redact(photos, clean, jobs=1)
    assert summary.passed
    assert summary.changed == 2
    assert Barcodes()(clean / "code.png") == []
    assert [f.code for f in ImageText()(clean / "tilted.jpg") if f.code != "text.unread"] == []
    assert (clean / "harmless.jpg").read_bytes() == (photos / "harmless.jpg").read_bytes()
    with Image.open(photos / "tilted.jpg") as before, Image.open(clean / "tilted.jpg") as after:
        changed = np.asarray(before.convert("L")) != np.asarray(after.convert("L"))
    assert 0.02 < changed.mean() < 0.25  # two tilted lines, not the boxes around them


def test_unless_it_is_asked_for_every_sample_says_that_it_was_not_looked_at(photos: Path, tmp_path: Path) -> None:
    audit = pa.scan(photos, output=tmp_path / "audit", detectors=["metadata"], jobs=0)
    skipped = [dict(row["skipped"]) for row in audit.samples]
    assert skipped
    assert all(row == {"barcodes": "not asked for", "image_text": "not asked for"} for row in skipped)
    page = audit.report().read_text("utf-8")
    assert "Text and codes inside the pictures were not read" in page
    assert "Tattoos, handwritten signatures, fingerprints" in page
    assert [spec["name"] for spec in _manifest(audit)] == ["metadata"]


def test_the_report_of_an_audit_that_read_it(audit: pa.Audit) -> None:
    page = audit.report().read_text("utf-8")
    assert "Text and codes inside the pictures were not read" not in page
    for value in ("jane", "5550137", "555 0137", "Doe"):
        assert value not in page


def test_the_flag(photos: Path, tmp_path: Path) -> None:
    arguments = ["scan", str(photos), "-o", str(tmp_path / "audit"), "--detectors", "metadata", "--image-text"]
    result = CliRunner().invoke(main, [*arguments, "--jobs", "1", "--exit-zero"])
    assert result.exit_code == 0, result.output
    assert [entry["name"] for entry in _manifest(pa.Audit(tmp_path / "audit"))] == [
        "barcodes",
        "image_text",
        "metadata",
    ]


def test_without_the_extra_the_flag_says_what_to_install(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageText, "packages", {"no_such_package": "pip install 'privacy-audit[ocr]'"})
    arguments = ["scan", str(photos), "-o", str(tmp_path / "audit"), "--image-text"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "pip install 'privacy-audit[ocr]'" in result.output
    rows = {row.name: row for row in registry.listing()}
    assert "no_such_package" in (rows["image_text"].problem or "")
    assert rows["barcodes"].problem is None


def test_the_area_of_a_tilted_line_is_tilted(audit: pa.Audit) -> None:
    rows = audit.folder.sql("SELECT attributes FROM findings WHERE code = 'contact.email' AND channel = 'image_text'")
    corners = [tuple(map(float, pair.split(","))) for pair in dict(rows[0][0])["corners"].split()]
    (ax, ay), (bx, by) = corners[:2]
    assert math.degrees(math.atan2(by - ay, bx - ax)) == pytest.approx(-14, abs=3)


def _manifest(audit: pa.Audit) -> list[dict[str, str]]:
    return [{"name": entry.name} for entry in audit.folder.manifest.detectors]
