"""A person's request from the photo to the letter, and every way in which it can go wrong."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from subject_data import BIOMETRICS, dataset, run, saved, scenery

import privacy_audit as pa_api
from privacy_audit import Audit, Case, CaseError
from privacy_audit.store.files import sha256
from privacy_audit.subject import search
from privacy_audit.subject.search import url_digest

QUICK = ("--detectors", "metadata", "--jobs", "0")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, face: Image.Image) -> Path:
    return dataset(tmp_path_factory.mktemp("dataset"), face)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, face: Image.Image) -> Path:
    path = tmp_path_factory.mktemp("sent") / "canaryname.jpg"
    path.write_bytes(saved(face, quality=92))
    return path


@pytest.fixture(scope="module")
def by_copies(tmp_path_factory: pytest.TempPathFactory, photos: Path, photo: Path) -> Path:
    case = tmp_path_factory.mktemp("case") / "case"
    result = run(*("subject", "find", photos, "--photo", photo, "-o", case, "--jobs", "1", "--request-id", "R-1"))
    assert result.exit_code == 3, result.output  # one picture is broken
    assert "1 sample could not be searched" in result.stdout
    return case


@pytest.fixture(scope="module")
def by_face(tmp_path_factory: pytest.TempPathFactory, photos: Path, photo: Path) -> Path:
    case = tmp_path_factory.mktemp("case") / "case"
    options = ("--match", "face", *BIOMETRICS, "--jobs", "1")
    assert run("subject", "find", photos, "--photo", photo, "-o", case, *options).exit_code == 3
    return case


@pytest.fixture
def case(by_copies: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(by_copies, tmp_path / "case"))


def test_exact_and_near_copies_are_ranked(by_copies: Path) -> None:
    found = [(row.sample_id, row.method) for row in Case(by_copies).candidates]
    assert found[:2] == [("orig.jpg", "exact"), ("sub/again.jpg", "exact")]
    assert set(found[2:]) == {("half.jpg", "near"), ("mirror.webp", "near")}


def test_a_face_is_found_on_a_picture_that_is_no_copy(by_face: Path) -> None:
    (last,) = (row for row in Case(by_face).candidates if row.method == "face")
    assert last.sample_id == "cut.png"
    assert 0 < last.distance < 0.6
    facts = Case(by_face).facts
    assert facts.biometrics == {"purpose": "answer a request", "legal_basis": "consent"}
    assert facts.methods["face"]["error_rates"]["false_matches"]
    assert (facts.samples, facts.failed) == (8, 1)


def test_the_case_is_private_and_keeps_neither_photo_nor_embedding(by_face: Path, photo: Path) -> None:
    assert stat.S_IMODE(by_face.stat().st_mode) == 0o700
    assert sorted(path.name for path in by_face.iterdir()) == ["candidates.parquet", "case.json", "optout.txt"]
    vector = search.embedder()(pa_api.detectors.base.as_sample(photo, pa_api.Needs.PIXELS).picture, _faces(photo))[0]
    raw = photo.read_bytes()
    unique = [raw[at : at + 16] for at in range(600, len(raw) - 16, 1500)]
    encodings = [vector.tobytes()[:16], vector.astype(np.float64).tobytes()[:16]]
    texts = [f"{value:.4f}".lstrip("-0").encode() for value in vector[:20]]
    for path in by_face.iterdir():
        content = path.read_bytes()
        assert not any(part in content for part in (*unique, *encodings))
        if path.suffix != ".parquet":
            assert sum(text in content for text in texts) <= 1
        assert b"canaryname" not in content
    assert pq.read_schema(by_face / "candidates.parquet").names == [
        *("sample_id", "sha256", "method", "distance", "verdict", "decided_at")
    ]


def _faces(photo: Path) -> list[search.Face]:
    return search.faces_on(pa_api.detectors.base.as_sample(photo, pa_api.Needs.PIXELS))


def test_show_lists_deadlines_error_rates_and_candidates(case: Path) -> None:
    shown = run("subject", "show", case).stdout
    for text in ("R-1", "UU PDP 27/2022", "missed 0 of 124", "4 candidates: 4 pending", "sub/again.jpg"):
        assert text in shown


def test_verdicts_are_recorded(case: Path) -> None:
    assert "confirmed 2; 2 pending" in run("subject", "confirm", case, "--all-exact").stdout
    assert "rejected 1; 1 pending" in run("subject", "reject", case, "half.jpg").stdout
    rows = {row.sample_id: row for row in Case(case).candidates}
    assert rows["orig.jpg"].verdict == rows["sub/again.jpg"].verdict == "confirmed"
    assert rows["half.jpg"].verdict == "rejected"
    assert rows["half.jpg"].decided_at
    assert rows["mirror.webp"].verdict == "pending"
    assert not rows["mirror.webp"].decided_at
    run("subject", "confirm", case, "half.jpg")  # a human may think again
    assert Case(case).counts() == {"pending": 1, "confirmed": 3, "rejected": 0}


def test_an_unknown_sample_changes_nothing(case: Path) -> None:
    result = run("subject", "confirm", case, "orig.jpg", "canary-sample.jpg")
    assert result.exit_code == 2
    assert "1 of 2 samples are no candidates" in result.stderr
    assert "canary-sample" not in result.output
    assert Case(case).counts()["pending"] == 4
    assert run("subject", "confirm", case).exit_code == 2


def test_erased_pictures_and_their_exact_copies_are_left_out(case: Path, photos: Path, tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    run("scan", photos, "-o", audit, *QUICK)
    before = Audit(audit)
    assert run("subject", "erase", case, "--audit", audit).exit_code == 2  # nothing is confirmed yet
    run("subject", "confirm", case, "orig.jpg", "half.jpg")
    result = run("subject", "erase", case, "--audit", audit)
    assert result.exit_code == 0, result.output
    assert "To be dropped: 3 samples, 1 of them exact copies elsewhere" in result.stdout

    after = Audit(audit)
    assert after.actions()["drop"] == 3
    assert after.exit_code == 1
    assert {row["sample_id"] for row in after.decisions.where("rule_id = 'subject/R-1'")} == {
        *("orig.jpg", "sub/again.jpg", "half.jpg")
    }
    manifest = after.folder.manifest
    assert manifest.counts["decisions"] == len(after.decisions) == len(before.decisions)
    assert manifest.policy_hash != before.folder.manifest.policy_hash
    assert all(sha256(audit / name) == digest for name, digest in manifest.parts.items())
    run("subject", "erase", case, "--audit", audit)  # again: the same
    assert Audit(audit).folder.manifest == manifest
    run("scan", photos, "-o", audit, *QUICK)  # nothing changed, so its decisions stand
    assert Audit(audit).actions()["drop"] == 3

    run("redact", photos, "--audit", audit, "-o", tmp_path / "clean", "--jobs", "0", "--no-verify")
    left = {path.relative_to(tmp_path / "clean").as_posix() for path in (tmp_path / "clean").rglob("*.*")}
    assert {"mirror.webp", "other.jpg"} <= left
    assert left & {"orig.jpg", "half.jpg", "sub/again.jpg"} == set()

    report = after.report(tmp_path / "report.html").read_text()
    assert "A person asked for erasure" in report
    assert "orig.jpg" not in report
    lines = (case / "optout.txt").read_text().splitlines()[1:]
    wanted = {hashlib.sha256((photos / name).read_bytes()).hexdigest() for name in ("orig.jpg", "half.jpg")}
    assert lines == sorted(f"sha256:{digest}" for digest in wanted)
    assert Case(case).facts.actions[0]["samples"] == 3


def test_an_opt_out_list_finds_the_same_contents_again(case: Path, photos: Path, tmp_path: Path) -> None:
    found = run("subject", "find", photos, "--hashes", case / "optout.txt", "-o", tmp_path / "again", "--jobs", "0")
    assert found.exit_code in {0, 3}
    assert [(row.sample_id, row.method) for row in Case(tmp_path / "again").candidates] == [
        *(("orig.jpg", "hash"), ("sub/again.jpg", "hash"))
    ]


def test_an_audit_of_other_pictures_is_refused(case: Path, photos: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(photos, tmp_path / "changed"))
    (changed / "half.jpg").write_bytes(saved(scenery(9)))
    run("scan", changed, "-o", tmp_path / "audit", *QUICK)
    run("subject", "confirm", case, "half.jpg")
    result = run("subject", "erase", case, "--audit", tmp_path / "audit")
    assert result.exit_code == 2
    assert "1 of 1 confirmed samples are not in the audit" in result.stderr
    assert Audit(tmp_path / "audit").actions()["drop"] == 0
    assert Case(case).facts.actions == []


def test_urls_are_found_in_records_and_not_kept(photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "metadata.csv").write_text(
        "file_name,url\na.jpg,https://Example.com/canary/1.jpg#x\nb.jpg,https://example.com/2\n"
    )
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photos / "other.jpg", source / name)
    (tmp_path / "urls.txt").write_text("# from the letter\nhttps://example.com/canary/1.jpg\n\n")
    result = run("subject", "find", source, "--urls", tmp_path / "urls.txt", "-o", tmp_path / "case", "--jobs", "0")
    assert result.exit_code == 0, result.output
    (row,) = Case(tmp_path / "case").candidates
    assert (row.sample_id, row.method) == ("a.jpg", "url")
    assert "confirmed 1" in run("subject", "confirm", tmp_path / "case", "--all-exact").stdout
    assert not any(b"canary" in path.read_bytes() for path in (tmp_path / "case").iterdir())
    assert f"url-sha256:{url_digest('https://example.com/canary/1.jpg/')}" in (tmp_path / "case/optout.txt").read_text()


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("", "a list is empty"),
        ("# only this\n", "a list is empty"),
        ("0123canary\n", "line 1 of a list is neither"),
        ("\nsha256:12\n", "line 2 of a list is neither"),
        ("url-sha256:" + "g" * 64, "line 1 of a list is neither"),
    ],
)
def test_a_bad_list_is_named_by_line(photos: Path, tmp_path: Path, lines: str, problem: str) -> None:
    (tmp_path / "list").write_text(lines)
    result = run("subject", "find", photos, "--hashes", tmp_path / "list", "-o", tmp_path / "case", "--jobs", "0")
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "canary" not in result.output
    assert not (tmp_path / "case").exists()


def crowd(face: Image.Image) -> Image.Image:
    both = Image.new("RGB", (1024, 512))
    both.paste(face, (0, 0))
    both.paste(face.rotate(5), (512, 0))
    return both


@pytest.mark.parametrize(
    ("make", "more", "problem"),
    [
        (lambda face: saved(scenery(1)), (), "photo 1 shows no face"),
        (lambda face: saved(crowd(face)), (), "photo 1 shows 2 faces. Say with --face"),
        (lambda face: saved(crowd(face)), ("--face", "3"), "photo 1 shows 2 faces: there is no face 3"),
        (lambda face: saved(face)[:2000], (), "photo 1 cannot be used"),
        (lambda face: b"canary", (), "photo 1 cannot be used"),
        (lambda face: saved(face.resize((150, 150)), "PNG"), (), "too small to compare"),
        (saved, ("--max-distance", "3"), "--max-distance must be 0 to 2"),
        (saved, ("--law", "gdrp"), "did you mean 'gdpr'?"),
        (saved, ("--request-id", "Ms Canary"), "a request id has"),
        (saved, ("--received", "canary"), "--received must be"),
    ],
)
def test_bad_requests_are_refused_in_plain_words(
    photos: Path, tmp_path: Path, face: Image.Image, make: object, more: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "canary.jpg").write_bytes(make(face))  # type: ignore[operator]
    options = ("--match", "face", *BIOMETRICS, "--jobs", "0", *more)
    result = run("subject", "find", photos, "--photo", tmp_path / "canary.jpg", "-o", tmp_path / "case", *options)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "canary" not in result.output.lower()
    assert not (tmp_path / "case").exists()


def test_one_of_several_faces_can_be_named(tmp_path: Path, face: Image.Image, photos: Path) -> None:
    (tmp_path / "both.jpg").write_bytes(saved(crowd(face)))
    options = ("--match", "face", *BIOMETRICS, "--jobs", "0", "--face", "2")
    result = run("subject", "find", photos, "--photo", tmp_path / "both.jpg", "-o", tmp_path / "case", *options)
    assert result.exit_code == 3, result.output
    assert "cut.png" in result.stdout


@pytest.mark.parametrize("given", [(), BIOMETRICS[:1], BIOMETRICS[:3], BIOMETRICS[1:], (*BIOMETRICS[:4], " ")])
def test_faces_need_all_three_options(photos: Path, photo: Path, tmp_path: Path, given: tuple[str, ...]) -> None:
    result = run("subject", "find", photos, "--photo", photo, "-o", tmp_path / "case", "--match", "face", *given)
    assert result.exit_code == 2
    assert "--legal-basis" in result.stderr
    assert not (tmp_path / "case").exists()


def test_what_is_no_source_no_photo_or_no_case(photos: Path, photo: Path, tmp_path: Path, case: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    find = ("subject", "find")
    for arguments, problem in (
        ((*find, tmp_path / "empty", "--photo", photo, "-o", tmp_path / "new"), "nothing to audit"),
        ((*find, tmp_path / "none", "--photo", photo, "-o", tmp_path / "new"), "none"),
        ((*find, photos, "-o", tmp_path / "new"), "nothing to search for"),
        ((*find, photos, "--photo", tmp_path / "gone.jpg", "-o", tmp_path / "new"), "photo 1 cannot be used"),
        ((*find, photos, "--photo", photo, "-o", case), "not empty"),
        ((*find, photos, "--photo", photo, "-o", photos / "case"), "cannot be inside"),
        (("subject", "show", tmp_path / "empty"), "is not a case"),
        (("subject", "show", tmp_path / "file"), "is not a case"),
        (("subject", "letter", photos), "is not a case"),
        (("subject", "erase", case, "--audit", tmp_path / "empty"), "is not an audit"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert problem in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("case.json", b"{"),
        ("case.json", b"[]"),
        ("case.json", b'{"format_version": 1}'),
        ("case.json", b'{"format_version": 2}'),
        ("candidates.parquet", b"PAR1"),
        ("candidates.parquet", None),
    ],
)
def test_a_damaged_case_is_refused(case: Path, name: str, content: bytes | None) -> None:
    (case / name).unlink()
    if content is not None:
        (case / name).write_bytes(content)
    with pytest.raises(CaseError):
        Case(case)


def test_a_table_of_something_else_is_refused(case: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), case / "candidates.parquet")
    with pytest.raises(CaseError):
        Case(case)


def test_the_facts_are_json_that_names_no_file(by_copies: Path) -> None:
    text = (by_copies / "case.json").read_text()
    assert json.loads(text)["request_id"] == "R-1"
    assert ".jpg" not in text
