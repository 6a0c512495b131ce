"""What a user may choose and ask: dry run, method, pseudonyms, declared columns, verify, diff."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import privacy_audit as pa
from privacy_audit import api
from privacy_audit.cli import main
from privacy_audit.errors import AuditError
from privacy_audit.store import redactions

Make = Callable[..., bytes]
EMAIL = "maria.example@example.com"
TEXTS = ("captions", "metadata", "provenance")


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, face: Image.Image, jpeg: Make) -> Path:
    """A folder with `source` and its `audit`: a face, a private picture, a plain one."""
    folder = tmp_path_factory.mktemp("faces")
    (folder / "source").mkdir()
    face.save(folder / "source" / "face.png")
    (folder / "source" / "private.jpg").write_bytes(jpeg("red"))
    (folder / "source" / "plain.jpg").write_bytes(jpeg("blue"))
    (folder / "source" / "metadata.csv").write_text(
        f"file_name,visibility,text,box,tags\nface.png,public,mail {EMAIL},10 20 30 40,maria\n"
        "private.jpg,private,x,,\nplain.jpg,public,x,1 2 3 4,y\n"
    )
    (folder / "source" / "dataset.yaml").write_text("columns:\n  face_boxes: box\n  derived: [tags]\n")
    pa.scan(folder / "source", output=folder / "audit", detectors=["faces", *TEXTS], jobs=0)
    return folder


def test_a_dry_run_says_what_would_change_and_writes_nothing(faces: Path) -> None:
    before = names(faces)
    shown = run("redact", faces / "source", "--audit", faces / "audit", "--dry-run")
    assert "Would write a copy of 3 samples: drop 1" in shown
    assert "fill" in shown
    assert "mask" in shown
    assert "baseline/faces" in shown
    assert names(faces) == before
    assert "blur" in run("redact", faces / "source", "--audit", faces / "audit", "--dry-run", "--method", "blur")
    foreseen = pa.plan_redaction(faces / "source", audit=faces / "audit")
    assert (foreseen.actions["fill"], foreseen.actions["mask"], foreseen.outcomes["drop"]) == (1, 1, 1)


@pytest.mark.parametrize(("method", "weak"), [("fill", 0), ("pixelate", 0), ("blur", 1)])
def test_the_method_changes_how_regions_are_covered_and_nothing_else(
    faces: Path, tmp_path: Path, method: str, weak: int
) -> None:
    command = ["redact", faces / "source", "--audit", faces / "audit", "-o", tmp_path / "clean", "--method", method]
    shown = run(*command, "--jobs", 0, "--verify-faces", "same")
    assert ("weak" in shown) == bool(weak)
    clean = tmp_path / "clean"
    assert names(clean) == ["dataset.yaml", "face.png", "metadata.csv", "plain.jpg", "privacy-audit-manifest.json"]
    assert (clean / "metadata.csv").read_text() == (
        "file_name,visibility,text,box,tags\nface.png,public,mail <EMAIL>,,\nplain.jpg,public,x,1 2 3 4,y\n"
    )
    (row,) = [row for row in redactions.rows(faces / "audit") if row["sample_id"] == "face.png"]
    assert {region["method"] for region in row["regions"]} == {method}
    assert (row["outside"], row["verdict"], all(region["little"] for region in row["regions"])) == (
        "same",
        "passed",
        True,
    )
    assert "baseline/faces" in row["rules"]


def test_the_summary_never_says_anonymous_and_bounds_what_is_missed(faces: Path, tmp_path: Path) -> None:
    shown = run("redact", faces / "source", "--audit", faces / "audit", "-o", tmp_path / "clean", "--jobs", 0)
    assert "0 found in the copy, at most 36.7 % with 95 % confidence" in shown
    assert "anonym" not in shown.lower()
    summary = redactions.read(faces / "audit")
    assert summary is not None
    assert (summary.passed, summary.at_most, summary.tokens) == (True, 0.367, True)
    assert "(thorough)" in summary.verifier
    page = api.report(faces / "audit", tmp_path / "report.html").read_text()
    assert "0 found in the copy, at most 37% of the pictures" in page


def test_verify_elsewhere_with_and_without_the_key(faces: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    pa.scan(faces / "source", output=tmp_path / "audit", detectors=TEXTS, jobs=0, token_key=key)
    pa.redact(faces / "source", audit=tmp_path / "audit", output=tmp_path / "clean", jobs=0, token_key=key)
    copy, audit = tmp_path / "moved", tmp_path / "elsewhere"
    (tmp_path / "clean").rename(copy)
    (tmp_path / "audit").rename(audit)
    options = ["--audit", audit, "--jobs", 0]
    assert "Not checked: values" in run("verify", copy, *options)
    assert "Not checked" not in run("verify", copy, *options, "--token-key", key)
    other = tmp_path / "other"
    other.write_text("ab" * 32)
    with pytest.raises(AuditError, match="is not the one"):
        pa.verify(copy, audit=audit, token_key=other, jobs=0)
    # The value comes back in a field where no detector looks for it
    (copy / "metadata.csv").write_text((copy / "metadata.csv").read_text().replace(",x,1", f",x {EMAIL},1"))
    (copy / "extra.txt").write_text("?")
    shown = run("verify", copy, *options, "--token-key", key, code=1)
    assert "1 file changed" in shown
    assert "1 file not in the manifest: extra.txt" in shown
    assert "contact.email" in shown
    found = pa.verify(copy, audit=audit, token_key=key, jobs=0)
    assert (found.passed, found.left) == (False, {"contact.email": 1})


def test_a_value_that_no_detector_sees_again_is_found_by_its_token(
    source_of: Callable[..., Path], tmp_path: Path
) -> None:
    """`search` takes the copy's texts apart under the audit's key; here it is given the source itself."""
    from privacy_audit import evidence
    from privacy_audit.redaction.residual import Left, search
    from privacy_audit.store.folder import AuditFolder

    source = source_of(f"mail {EMAIL}", other=f"x_{EMAIL}")
    pa.scan(source, output=tmp_path / "audit", detectors=TEXTS, jobs=0)
    rows = [{"copy_id": "a.jpg", "sample_id": "a.jpg", "regions": []}]
    left = Left()
    with evidence.token_key(evidence.load_key()):
        search(AuditFolder(tmp_path / "audit"), source, rows, left)
    assert set(left.codes) == {"contact.email"}
    nothing = Left()
    search(AuditFolder(tmp_path / "audit"), source, rows, nothing)  # another key: tokens say nothing
    assert not nothing.by_sample


@pytest.fixture
def source_of(tmp_path: Path, jpeg: Make) -> Callable[..., Path]:
    def make(caption: str, **columns: str) -> Path:
        folder = tmp_path / "source"
        folder.mkdir()
        (folder / "a.jpg").write_bytes(jpeg())
        (folder / "a.json").write_text(json.dumps({"caption": caption, **columns}))
        return folder

    return make


def test_a_damaged_or_missing_manifest_is_said(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    pa.redact(faces / "source", audit=faces / "audit", output=tmp_path / "clean", jobs=0, verify_faces="same")
    (tmp_path / "clean" / "privacy-audit-manifest.json").write_text("[")
    with pytest.raises(AuditError, match="is damaged"):
        pa.verify(tmp_path / "clean", audit=faces / "audit", jobs=0)
    (tmp_path / "clean" / "privacy-audit-manifest.json").unlink()
    with pytest.raises(AuditError, match="is no copy"):
        pa.verify(tmp_path / "clean", audit=faces / "audit", jobs=0)


def test_a_name_in_the_pictures_metadata_goes_from_the_columns_too(
    source_of: Callable[..., Path], tmp_path: Path
) -> None:
    source = source_of("a picture", photographer="Sari Contoh", other="sari contoh 2024")
    exif = Image.Exif()
    exif[0x013B] = "Sari Contoh"
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG", exif=exif)
    (source / "a.jpg").write_bytes(buffer.getvalue())
    pa.scan(source, output=tmp_path / "audit", detectors=TEXTS, policy="baseline", jobs=0)
    pa.redact(source, audit=tmp_path / "audit", output=tmp_path / "clean", jobs=0)
    assert json.loads((tmp_path / "clean" / "a.json").read_text()) == {
        "caption": "a picture",
        "photographer": "<PERSON>",
        "other": "<PERSON> 2024",
    }


def test_diff_of_a_dataset_and_its_copy(faces: Path, tmp_path: Path) -> None:
    pa.redact(faces / "source", audit=faces / "audit", output=tmp_path / "clean", jobs=0, verify_faces="same")
    after = faces / "audit" / "redaction" / "after"
    found = api.diff(faces / "audit", after)
    assert (found.new, found.gone, found.changed, found.unchanged, found.by_value) == (0, 1, 1, 1, True)
    kinds = {kind.code: kind for kind in found.kinds}
    email = kinds["contact.email"]
    assert (email.new, email.gone, email.before.samples, email.after.samples) == (0, 1, 1, 0)
    assert email.after.interval.high > 0.5  # two samples say little
    shown = run("diff", faces / "audit", after)
    assert "Samples: 0 new, 1 gone, 1 changed, 1 unchanged" in shown
    as_json = json.loads(run("diff", faces / "audit", after, "--format", "json"))
    assert as_json["kinds"][0]["code"] == found.kinds[0].code
    same = api.diff(faces / "audit", faces / "audit")
    assert not any(kind.new or kind.gone for kind in same.kinds)


def test_diff_without_a_common_key_counts_and_says_what_was_not_looked_for(faces: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    pa.scan(faces / "source", output=tmp_path / "b", detectors=TEXTS, jobs=0, token_key=key)
    found = api.diff(faces / "audit", tmp_path / "b")
    assert (found.by_value, found.not_looked) == (False, ("after: faces",))
    email = next(kind for kind in found.kinds if kind.code == "contact.email")
    assert (email.new, email.gone, email.unchanged) == (0, 0, 1)
