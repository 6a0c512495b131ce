"""The user's own files on the command line: init, dataset.yaml, opt-out lists."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from privacy_audit import api
from privacy_audit.cli import main
from privacy_audit.errors import PrivacyAuditError, SourceError
from privacy_audit.sources.description import load

ROWS = [
    {"file_name": "a.jpg", "privacy": "1", "story": "A long story about a street by the sea", "lic": "ours"},
    {"file_name": "b.jpg", "privacy": "0", "story": "Another long story about a house in town", "lic": "CC0"},
]
ABOUT = """\
dataset: {name: Streets, publisher: Example Institute, contact: privacy@example.com}
columns:
  caption: story
  visibility: {column: privacy, values: {0: private, 1: public}}
  license: {column: lic, values: {ours: all rights reserved}}
"""


def dataset(root: Path, rows: list[dict[str, str]] = ROWS, about: str = "") -> Path:
    root.mkdir()
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for number, row in enumerate(rows):
        Image.new("RGB", (16, 16), (number * 20, 0, 0)).save(root / row["file_name"])
    if about:
        (root / "dataset.yaml").write_text(about)
    return root


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def scan(source: Path, output: Path, **more: Any) -> dict[str, tuple[str, str]]:
    audit = api.scan(source, output=output, detectors=["provenance", "captions"], jobs=0, **more)
    rows = audit.folder.sql("SELECT sample_id, visibility, training FROM samples")
    return {sample: (visibility, training) for sample, visibility, training in rows}


# ---- init ------------------------------------------------------------------------------------------------------------


def test_init_proposes_and_takes_nothing_for_public(tmp_path: Path) -> None:
    words = ["public", "everyone", "friends", "1", "CC0"]
    rows = [
        {"file_name": f"{n}.jpg", "who_can_see": word, "privacy": word, "lic": "CC BY 4.0", "photo_release": "granted"}
        for n, word in enumerate(words)
    ]
    root = dataset(tmp_path / "data", rows)
    done = run("init", root)
    assert done.exit_code == 0, done.output
    assert "Wrote" in done.output
    text = (root / "dataset.yaml").read_text()
    mapped = load(root / "dataset.yaml").columns
    for known in (mapped.visibility, mapped.consent):
        assert known is not None
        assert not isinstance(known, str)
        assert set(known.values.values()) <= {"unknown", "private", "restricted", "denied", "unspecified"}
    assert load(root / "dataset.yaml").defaults.visibility == "unknown"
    assert '"friends": private' in text
    assert "public" not in {line.partition(": ")[2].partition(" ")[0] for line in text.splitlines()}
    assert all(visibility != "public" for visibility, _ in scan(root, tmp_path / "audit").values())


def test_init_shows_no_value_that_it_does_not_know(tmp_path: Path) -> None:
    rows = [
        {"file_name": f"{n}.jpg", "privacy": word, "story": f"Zyxwvut Canary walked by the sea, part {n}"}
        for n, word in enumerate(["Zyxwvut", "public", "Canary"])
    ]
    root = dataset(tmp_path / "data", rows)
    done = run("init", root)
    text = (root / "dataset.yaml").read_text()
    assert "zyxwvut" not in (done.output + text).casefold()
    assert "2 more values" in text
    assert 'caption: ["story"]' in text
    assert "privacy: 3 distinct; among them public" in done.output


def test_init_does_not_show_values_that_stand_where_names_should(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "metadata.csv").write_text("a@example.com,+1 415 555 0137\nb,c\n")
    done = run("init", root)
    assert done.exit_code == 0
    assert "555" not in done.output + (root / "dataset.yaml").read_text()


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", about="dataset: {name: Mine}\n")
    done = run("init", root)
    assert done.exit_code == 2
    assert "--force" in done.output
    assert (root / "dataset.yaml").read_text() == "dataset: {name: Mine}\n"
    assert run("init", root, "-o", tmp_path / "other.yaml").exit_code == 0
    assert (tmp_path / "other.yaml").exists()
    assert run("init", root, "--force").exit_code == 0
    assert "Mine" not in (root / "dataset.yaml").read_text()


def test_init_replaces_a_broken_file(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", about="colums: [\n")
    assert run("init", root, "--force").exit_code == 0
    load(root / "dataset.yaml")


def test_init_of_pictures_alone(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    Image.new("RGB", (8, 8)).save(root / "a.jpg")
    done = run("init", root)
    assert "no columns to map" in done.output
    load(root / "dataset.yaml")


# ---- dataset.yaml ----------------------------------------------------------------------------------------------------


def test_dataset_yaml_beside_the_data(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", about=ABOUT)
    assert scan(root, tmp_path / "audit") == {"a.jpg": ("public", "unspecified"), "b.jpg": ("private", "unspecified")}
    manifest = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert manifest["declared"] == {
        "name": "Streets",
        "publisher": "Example Institute",
        "contact": "privacy@example.com",
    }
    report = api.report(tmp_path / "audit").read_text()
    assert "Example Institute" in report
    assert "privacy@example.com" in report


def test_without_it_nothing_is_known_and_the_report_names_nobody(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    assert set(scan(root, tmp_path / "audit").values()) == {("unknown", "unspecified")}
    assert "takes requests at" not in api.report(tmp_path / "audit").read_text()


def test_a_changed_description_scans_again(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", about=ABOUT)
    scan(root, tmp_path / "audit")
    (root / "dataset.yaml").write_text(ABOUT.replace("1: public", "1: restricted"))
    assert scan(root, tmp_path / "audit")["a.jpg"][0] == "restricted"


def test_a_description_elsewhere_holds_for_the_redacted_copy_too(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    (tmp_path / "about.yaml").write_text(ABOUT)
    done = run(
        *("scan", root, "-o", tmp_path / "audit", "--dataset", tmp_path / "about.yaml"),
        *("--detectors", "provenance,captions", "--jobs", "0"),
    )
    assert done.exit_code == 1, done.output  # a private source is critical
    redacted = api.redact(root, audit=tmp_path / "audit", output=tmp_path / "copy", jobs=0)
    assert redacted is not None
    assert (tmp_path / "copy" / "a.jpg").exists()
    assert not (tmp_path / "copy" / "b.jpg").exists()


def test_a_wrong_description_is_a_usage_error(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", about="colums: {}\ndefaults: {visibility: public}\n")
    done = run("scan", root, "-o", tmp_path / "audit")
    assert done.exit_code == 2
    assert "dataset.yaml:1:1: unknown key 'colums' (did you mean 'columns'?)" in done.output
    assert "dataset.yaml:2:12" in done.output


# ---- opt-out lists ---------------------------------------------------------------------------------------------------


def test_an_opt_out_list(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    digest = hashlib.sha256((root / "a.jpg").read_bytes()).hexdigest()
    (tmp_path / "out.txt").write_text(f"# people who said no\n{digest}\nexample.com\n")
    done = run(
        *("scan", root, "-o", tmp_path / "audit", "--opt-out", tmp_path / "out.txt"),
        *("--detectors", "provenance", "--jobs", "1"),
    )
    assert done.exit_code == 1, done.output
    audit = api.Audit(tmp_path / "audit")
    rows = dict(audit.folder.sql("SELECT sample_id, training FROM samples"))
    assert rows == {"a.jpg": "denied", "b.jpg": "unspecified"}
    told = audit.folder.manifest.options["opt_out"]
    assert told["entries"] == 2
    assert str(tmp_path) not in (tmp_path / "audit" / "audit.json").read_text()


def test_a_longer_list_scans_again(tmp_path: Path) -> None:
    root, listed = dataset(tmp_path / "data"), tmp_path / "out.txt"
    listed.write_text("example.com")
    assert scan(root, tmp_path / "audit", opt_out=listed)["a.jpg"][1] == "unspecified"
    listed.write_text(hashlib.sha256((root / "a.jpg").read_bytes()).hexdigest())
    assert scan(root, tmp_path / "audit", opt_out=listed)["a.jpg"][1] == "denied"


def test_a_list_without_its_detector_would_do_nothing(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    (tmp_path / "out.txt").write_text("example.com")
    with pytest.raises(PrivacyAuditError, match="provenance"):
        api.scan(root, output=tmp_path / "audit", detectors=["captions"], opt_out=tmp_path / "out.txt", jobs=0)


def test_a_wrong_list_stops_the_scan(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    with pytest.raises(SourceError, match="cannot be read"):
        scan(root, tmp_path / "audit", opt_out=tmp_path / "none.txt")
