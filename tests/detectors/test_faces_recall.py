"""What was measured, the bench that measures it, and the options of a scan that decide which of it counts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import privacy_audit as pa
from privacy_audit.cli import main
from privacy_audit.detectors.faces import Faces, backends, bench, recall
from privacy_audit.detectors.faces.recall import Table
from privacy_audit.errors import DetectorError, SourceError

FACE = [180, 58, 271, 176]


def measured(backend: str = "centerface", profile: str = "default", faces: int = 10, **changes: object) -> Table:
    rows = [{"size": "16+", "faces": faces, "keep": (0.9, 0.8, 1.0), "report": None}]
    table = {
        "backend": backend,
        "profile": profile,
        "source": "bench",
        "measured_on": "2026-11-24",
        "data": "mine",
        "pictures": 3,
        "face_free": 0,
        "interval": "95 %",
        "rows": rows,
        "precision": {"keep": None, "report": None},
        "false_alarms": {"keep": None, "report": None},
        "images_per_s": 20.0,
        "note": "",
    }
    return {**table, **changes}  # type: ignore[return-value]


def test_every_shipped_figure_is_sound_and_of_a_profile_that_exists() -> None:
    tables = [table for name in backends.NAMES for table in recall.tables(name, "default")]
    tables += [
        table for name in backends.NAMES for profile in ("fast", "thorough") for table in recall.tables(name, profile)
    ]
    assert len(tables) == len(recall._shipped())
    for table in tables:
        assert table.keys() | {"samples"} == Table.__annotations__.keys()
        whole = table.get("samples")
        assert whole is None or (whole["found"] <= whole["positives"] and whole["clean"] <= whole["negatives"])
        for row in table["rows"]:
            assert row["size"] in bench.SIZES
            for rate in (row["keep"], row["report"]):
                assert rate is None or 0 <= rate[1] <= rate[0] <= rate[2] <= 1
    for profile in ("fast", "default", "thorough"):
        assert recall.tables("centerface", profile)
    assert recall.tables("face_recognition-cnn", "default") == []


def test_new_figures_take_the_place_of_older_ones() -> None:
    reference = measured(source="reference", data="reference")
    other = measured(profile="fast", source="reference", data="reference")
    old = recall.merged(None, [reference, other, measured(faces=3)])
    few = json.loads(recall.merged(old, [measured(faces=499)]))["tables"]
    assert [(table["data"], table["rows"][0]["faces"]) for table in few if table["profile"] == "default"] == [
        ("mine", 499),
        ("reference", 10),
    ]
    many = json.loads(recall.merged(old, [measured(faces=500)]))["tables"]
    assert [(table["profile"], table["data"]) for table in many] == [("default", "mine"), ("fast", "reference")]


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"format_version": 2, "tables": []}'])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DetectorError):
        recall.merged(text, [])


@pytest.mark.parametrize(
    ("found", "hits", "right", "wrong"),
    [
        ([[0, 0, 10, 10], [100, 100, 140, 140]], [1, 0, 1, 0], 2, 0),
        ([[0, 0, 10, 10], [1, 1, 10, 10]], [1, 0, 0, 0], 1, 1),  # each face counts once
        ([[200, 200, 205, 205]], [0, 0, 0, 0], 0, 0),  # a face too small to count is no false alarm
        ([[0, 0, 10, 30]], [0, 0, 0, 0], 0, 1),
        ([], [0, 0, 0, 0], 0, 0),
    ],
)
def test_score(found: list[list[float]], hits: list[int], right: int, wrong: int) -> None:
    faces = np.array([[0, 0, 10, 10], [100, 100, 140, 140], [200, 200, 205, 205]], np.float32)
    one = bench.score(faces, np.array(found, np.float32).reshape(-1, 4))
    assert one.faces.tolist() == [1, 0, 1, 0]
    assert (one.hits.tolist(), one.right, one.wrong) == (hits, right, wrong)


def test_rate() -> None:
    assert bench.rate(np.array([0, 0]), np.array([0, 0])) is None
    share, low, high = bench.rate(np.array([5, 5]), np.array([5, 5])) or (0, 0, 0)
    assert (share, high) == (1, 1)
    assert 0.6 < low < 0.8


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, face: Image.Image) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "images").mkdir()
    face.save(folder / "one.png")
    Image.new("RGB", (200, 150), (90, 90, 90)).save(folder / "images" / "none.png")
    entries = [{"file": "one.png", "boxes": [FACE]}, {"file": "none.png", "boxes": []}]
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


def test_both_forms_of_annotations(labelled: Path, tmp_path: Path) -> None:
    one = bench.load(labelled)
    for path in labelled.rglob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "annotations.json").write_text(json.dumps({"one.png": [FACE], "none.png": {"boxes": []}}))
    assert [entry.faces.tolist() for entry in bench.load(tmp_path)] == [entry.faces.tolist() for entry in one]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "3",
        '[{"boxes": []}]',
        '[{"file": "one.png"}]',
        '[{"file": "one.png", "boxes": [1, 2, 3, 4]}]',
        '[{"file": "one.png", "boxes": [[1, 2, 3]]}]',
        '[{"file": "one.png", "boxes": [[9, 9, 1, 1]]}]',
        '[{"file": "gone.png", "boxes": []}]',
    ],
)
def test_wrong_annotations_are_told(tmp_path: Path, face: Image.Image, text: str) -> None:
    face.resize((32, 32)).save(tmp_path / "one.png")
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(SourceError, match=re.escape("annotations.json")):
        bench.load(tmp_path)
    with pytest.raises(SourceError, match="missing"):
        bench.load(tmp_path / "nowhere")


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_table(labelled: Path, quarters: int) -> None:
    faces = Faces("fast")
    table = bench.table(faces, bench.measure(faces, bench.load(labelled), quarters), "mine", "2026-11-24")
    assert (table["pictures"], table["face_free"]) == (2, 1)
    (row,) = [row for row in table["rows"] if row["size"] == "64+"]
    assert row["faces"] == 1
    assert row["keep"] is not None
    assert row["keep"][0] == 1
    assert table["precision"] == {"keep": 1.0, "report": 1.0}
    assert table["false_alarms"] == {"keep": 0.0, "report": 0.0}


def test_the_command(labelled: Path, tmp_path: Path) -> None:
    target = tmp_path / "recall.json"
    arguments = ["detectors", "bench", str(labelled), "--profile", "fast", "--backend", "centerface"]
    done = CliRunner().invoke(main, [*arguments, "--turned", "--write", str(target), "--data", "two pictures"])
    assert done.exit_code == 0, done.output
    assert done.output.count("centerface, profile fast") == 4
    assert "16+ px" in done.output
    assert re.search(r"64\+ px +1 +1\.000 \(0\.\d+-1\.000\) +1\.000", done.output)
    (table,) = json.loads(target.read_text())["tables"]
    assert (table["data"], table["source"]) == ("two pictures", "bench")
    refused = CliRunner().invoke(main, [*arguments, "--write", str(labelled / "annotations.json")])
    assert refused.exit_code == 2
    assert "no table of recall" in refused.output


def test_a_backend_that_cannot_run_is_told_or_refused(labelled: Path) -> None:
    arguments = ["detectors", "bench", str(labelled), "--profile", "fast"]
    asked = CliRunner().invoke(main, [*arguments, "--backend", "yunet"])
    assert asked.exit_code == 2
    assert "--faces-model" in asked.output


def test_detectors_alone_still_lists_them() -> None:
    done = CliRunner().invoke(main, ["detectors"])
    assert done.exit_code == 0
    assert "faces  ready" in done.output


@pytest.mark.parametrize("profile", ["default", "thorough"])
def test_a_scan_records_the_profile_and_redaction_looks_as_closely(
    tmp_path: Path, face: Image.Image, profile: str
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    face.resize((256, 256)).save(photos / "one.jpg", quality=95)
    key = tmp_path / "key"
    audit = pa.scan(photos, output=tmp_path / "audit", faces=profile, detectors=["faces"], jobs=0, token_key=key)
    manifest = audit.folder.manifest
    assert manifest.options["faces"] == {"profile": profile, "backend": "centerface"}
    (entry,) = manifest.detectors
    assert entry.options["profile"] == profile
    assert f"Profile {profile}" in entry.thresholds
    assert entry.tables[0]["profile"] == profile
    assert {row["profile"] for row in _attributes(audit)} == {profile}
    page = audit.report().read_text(encoding="utf-8")
    assert f"faces (centerface, {profile})" in page
    assert "Reference figures" in page
    audit.redact(photos, tmp_path / "clean", jobs=0)
    after = pa.Audit(tmp_path / "audit" / "redaction" / "after").folder.manifest
    assert after.detectors[0].options == {**entry.options, "profile": "thorough"}
    assert pa.verify(tmp_path / "clean", audit=audit, verify_faces="same", jobs=0).passed


def test_the_profile_is_part_of_the_plan(tmp_path: Path, face: Image.Image) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    face.resize((64, 64)).save(photos / "one.png")
    hashes = set()
    for profile in ("fast", "default", "thorough"):
        target = tmp_path / profile
        audit = pa.scan(photos, output=target, faces=profile, detectors=["faces"], jobs=0, token_key=tmp_path / "key")
        hashes.add(audit.folder.manifest.plan_hash)
    assert len(hashes) == 3


def test_a_profile_without_figures_says_so(tmp_path: Path, face: Image.Image) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    face.resize((64, 64)).save(photos / "one.png")
    audit = pa.scan(
        photos,
        output=tmp_path / "audit",
        faces="fast",
        faces_backend="face_recognition-cnn",
        detectors=["faces"],
        jobs=0,
        token_key=tmp_path / "key",
    )
    assert "Recall not measured" in audit.report().read_text(encoding="utf-8")


def _attributes(audit: pa.Audit) -> list[dict[str, str]]:
    return [dict(row[0]) for row in audit.folder.sql("SELECT attributes FROM findings WHERE code = 'face'")]
