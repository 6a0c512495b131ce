"""How many people an audit shows: asked for in so many words, counted, and nothing else kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from subject_data import BIOMETRICS, run, saved, scenery

from privacy_audit import Audit, AuditError, Biometrics, PrivacyAuditError
from privacy_audit.report.html import SECTIONS
from privacy_audit.store import people as store
from privacy_audit.store.files import sha256
from privacy_audit.subject import people
from privacy_audit.subject.embeddings import SIZE

SCAN = ("--detectors", "faces,metadata", "--jobs", "1")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, face: Image.Image) -> Path:
    folder = tmp_path_factory.mktemp("people")
    for name, image in {
        "a": face,
        "b": ImageOps.mirror(face).resize((400, 400)),
        "c": face.rotate(8).crop((110, 0, 400, 280)),
        "d": face.resize((120, 120)),  # its face is too small to compare
        "e": scenery(1),
    }.items():
        (folder / f"canary-{name}.png").write_bytes(saved(image, "PNG"))
    return folder


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Audit:
    path = tmp_path_factory.mktemp("audit") / "audit"
    result = run("scan", photos, "-o", path, *SCAN, *BIOMETRICS)
    assert "about 1 distinct" in result.stdout, result.output
    return Audit(path)


def test_one_person_on_three_pictures(audit: Audit) -> None:
    found = audit.people
    assert found is not None
    assert (found.faces, found.pictures, found.failed) == (3, 3, 0)
    assert found.people == found.repeated == store.Count(1, 1, 1)
    assert found.shared == found.most == store.Count(3, 3, 3)
    assert found.strict < found.threshold < found.loose
    assert found.error_rates["0.5"]["false_matches"]


def test_purpose_and_basis_are_in_the_audit_and_its_report(audit: Audit) -> None:
    said = {"purpose": "answer a request", "legal_basis": "consent"}
    assert audit.folder.manifest.options["biometrics"] == said
    page = audit.report().read_text()
    assert 'id="people"' in page
    assert "Purpose: answer a request" in page
    assert "canary" not in page


def test_no_sample_link_or_embedding_is_kept(audit: Audit) -> None:
    text = (audit.path / store.NAME).read_text()
    assert "canary" not in text
    assert len(text) < 4000
    assert len(audit.findings.where("code = 'person.match'")) == 0
    numbers = [part for part in json.loads(text).values() if isinstance(part, list)]
    assert numbers == []


def test_people_json_is_a_part_of_the_audit(audit: Audit) -> None:
    assert audit.folder.manifest.parts[store.NAME] == sha256(audit.path / store.NAME)


def test_nobody_asked_so_nothing_is_there(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "audit"
    run("scan", photos, "-o", path, "--detectors", "metadata", "--jobs", "0")
    assert Audit(path).people is None
    page = Audit(path).report().read_text()
    assert 'id="people"' not in page
    assert "biometrics" not in Audit(path).folder.manifest.options
    assert "people" in SECTIONS


def test_a_later_scan_without_it_takes_it_away(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "audit"
    run("scan", photos, "-o", path, *SCAN, *BIOMETRICS)
    assert (path / store.NAME).exists()
    run("scan", photos, "-o", path, *SCAN)
    assert not (path / store.NAME).exists()
    assert store.NAME not in Audit(path).folder.manifest.parts


@pytest.mark.parametrize("given", [BIOMETRICS[:1], BIOMETRICS[:3], BIOMETRICS[1:3], BIOMETRICS[1:]])
def test_all_three_options_are_needed(photos: Path, tmp_path: Path, given: tuple[str, ...]) -> None:
    result = run("scan", photos, "-o", tmp_path / "audit", *SCAN, *given)
    assert result.exit_code == 2
    assert "--enable-biometrics" in result.stderr
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "x" * 501])
def test_the_texts_say_something(text: str) -> None:
    with pytest.raises(PrivacyAuditError, match="--purpose"):
        Biometrics(text, "consent")
    with pytest.raises(PrivacyAuditError, match="--legal-basis"):
        Biometrics("count", text)


def test_without_the_face_detector_it_is_refused_before_the_scan(photos: Path, tmp_path: Path) -> None:
    result = run("scan", photos, "-o", tmp_path / "audit", "--detectors", "metadata", *BIOMETRICS)
    assert result.exit_code == 2
    assert "detector 'faces'" in result.stderr
    assert not (tmp_path / "audit").exists()


def test_counts_of_known_groups() -> None:
    random = np.random.default_rng(3)
    centres = random.normal(0, 0.125, (20, SIZE))
    people_of_row = np.repeat(np.arange(20), [5] * 4 + [1] * 16)
    vectors = (centres[people_of_row] + random.normal(0, 0.01, (36, SIZE))).astype(np.float32)
    pictures = np.arange(36)
    pictures[20] = 0  # a second person on the first picture
    counted = people._counted(vectors, pictures)
    assert [count.estimate for count in counted] == [20, 20, 4, 5]
    assert all(count.low <= count.estimate <= count.high for count in counted)
    nobody = people._counted(vectors[:0], pictures[:0])
    assert [count.estimate for count in nobody] == [0, 0, 0, 0]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"people": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / store.NAME).write_text(content)
    with pytest.raises(AuditError, match=r"people\.json"):
        store.read(tmp_path)
