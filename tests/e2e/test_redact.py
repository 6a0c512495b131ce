"""The clean copy: what is masked where, what stays the same byte for byte, what is left out, what is found again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow import array, binary, int64, string
from pyarrow import struct as struct_type
from pyarrow import table as arrow_table

import privacy_audit as pa
from privacy_audit.detectors import registry
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Picture
from privacy_audit.redaction.orders import Orders
from privacy_audit.redaction.pictures import MAX_ROUNDS, cover
from privacy_audit.redaction.regions import RedactionRefused
from privacy_audit.sources.names import PUBLIC_MANIFEST
from privacy_audit.store import redactions
from privacy_audit.store.redactions import RedactionSummary
from privacy_audit.types import Action, Box, Finding, Needs

EMAIL, PHONE, NIK = "maria.example@example.com", "+62 812-3456-7890", "3171014508900003"
WITHOUT_FACES = ("captions", "metadata", "provenance")
Make = Callable[..., bytes]


def cleaned(source: Path, detectors: tuple[str, ...] = WITHOUT_FACES, policy: str = "baseline") -> RedactionSummary:
    """Scan and redact `source` into the folder `clean` beside it."""
    audit = pa.scan(source, output=source.parent / "audit", detectors=detectors, policy=policy, jobs=0)
    return audit.redact(source, source.parent / "clean", jobs=0)


def digests(folder: Path) -> dict[str, str]:
    """All files but the public manifest."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != PUBLIC_MANIFEST
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def test_a_harmless_dataset_comes_out_the_same(source: Path, jpeg: Make) -> None:
    (source / "a.jpg").write_bytes(jpeg())
    (source / "a.txt").write_text("A teal rectangle\r\n")
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "b.png").write_bytes(_png())
    (source / "metadata.csv").write_bytes(b'\xef\xbb\xbffile_name;text\r\na.jpg;"teal; ""rectangle"""\r\n\r\n')
    (source / "README.md").write_text("# About")
    before = digests(source)
    summary = cleaned(source)
    assert digests(source.parent / "clean") == before == digests(source)
    assert (summary.changed, summary.passed, summary.copied_unchecked) == (0, True, 1)


def test_captions_are_masked_in_their_own_files(source: Path, jpeg: Make) -> None:
    for name in ("a", "b", "c", "d"):
        (source / f"{name}.jpg").write_bytes(jpeg())
    (source / "a.txt").write_bytes(f"\ufeffcafé, {EMAIL}\r\nsecond line".encode("utf-16"))
    (source / "b.json").write_text('{"caption":  "call ' + PHONE + '", "n": [1, {"nik": ' + NIK + "}]}\n")
    rows = [["file_name", "text", "other"], ["c.jpg", f"mail {EMAIL}, or not", "x"], ["d.jpg", "nothing", "y"]]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    (source / "metadata.csv").write_text(buffer.getvalue(), newline="")
    summary = cleaned(source)
    clean = source.parent / "clean"
    assert (clean / "a.txt").read_bytes().decode("utf-16") == "\ufeffcafé, <EMAIL>\r\nsecond line"
    edited = '{"caption":  "call <PHONE>", "n": [1, {"nik": "<NATIONAL_ID>"}]}\n'
    assert (clean / "b.json").read_text() == edited
    table = (clean / "metadata.csv").read_bytes().decode().split("\r\n")
    assert table == ["file_name,text,other", 'c.jpg,"mail <EMAIL>, or not",x', "d.jpg,nothing,y", ""]
    assert summary.passed
    assert summary.actions == {"mask": 3}


def test_json_lines_and_parquet_tables(source: Path, jpeg: Make) -> None:
    (source / "one").mkdir()
    (source / "two").mkdir()
    (source / "one" / "a.jpg").write_bytes(jpeg())
    (source / "two" / "b.jpg").write_bytes(jpeg())
    line = json.dumps({"file_name": "a.jpg", "user": {"mail": EMAIL}, "tags": ["x", PHONE]})
    (source / "one" / "metadata.jsonl").write_text(line + "\n\nnot json " + EMAIL + "\n")
    struct = struct_type([("mail", string()), ("id", int64())])
    table = arrow_table(
        {
            "file_name": ["b.jpg", "gone.jpg"],
            "caption": [f"mail {EMAIL}", None],
            "user": array([{"mail": EMAIL, "id": 7}, None], type=struct),
            "phone": array([6281234567890, None], type=int64()),
            "raw": array([b"\x00\xff", b""], type=binary()),
        }
    ).replace_schema_metadata({"kept": "yes"})
    pq.write_table(table, source / "two" / "metadata.parquet")
    cleaned(source)
    clean = source.parent / "clean"
    first, blank, broken = (clean / "one" / "metadata.jsonl").read_text().splitlines()
    assert json.loads(first) == {"file_name": "a.jpg", "user": {"mail": "<EMAIL>"}, "tags": ["x", "<PHONE>"]}
    assert (blank, broken) == ("", "not json <EMAIL>")
    after = pq.read_table(clean / "two" / "metadata.parquet")
    assert after.schema.equals(table.schema, check_metadata=True)
    assert after.column("caption").to_pylist() == ["mail <EMAIL>", None]
    assert after.column("user").to_pylist() == [{"mail": "<EMAIL>", "id": 7}, None]
    assert after.column("phone").to_pylist() == [None, None]
    assert after.column("raw").to_pylist() == [b"\x00\xff", b""]


def test_a_personal_file_name_is_replaced_everywhere(source: Path, jpeg: Make) -> None:
    name = f"sub/{EMAIL}.jpg"
    (source / "sub").mkdir()
    (source / name).write_bytes(jpeg())
    (source / f"sub/{EMAIL}.txt").write_text("A rectangle")
    (source / "metadata.csv").write_text(f"file_name,text\n{name},same\n")
    summary = cleaned(source)
    clean = source.parent / "clean"
    names = list(digests(clean))
    assert not any(EMAIL in each for each in names)
    (picture,) = [each for each in names if each.endswith(".jpg")]
    assert picture.removesuffix(".jpg") + ".txt" in names
    assert (clean / "metadata.csv").read_text() == f"file_name,text\n{picture},same\n"
    assert (clean / picture).read_bytes() == (source / name).read_bytes()
    assert summary.actions == {"rename": 1}
    assert summary.passed


def test_two_files_with_the_same_masked_name_both_survive(source: Path, jpeg: Make) -> None:
    (source / "one@example.com.jpg").write_bytes(jpeg("red"))
    (source / "two@example.com.jpg").write_bytes(jpeg("blue"))
    cleaned(source)
    assert len(digests(source.parent / "clean")) == 2


def test_dropped_samples_leave_no_trace(source: Path, jpeg: Make) -> None:
    for name in ("kept", "private"):
        (source / f"{name}.jpg").write_bytes(jpeg(xmp=b"<x/>"))
        (source / f"{name}.txt").write_text(name)
    (source / "metadata.csv").write_text("file_name,visibility\nkept.jpg,public\nprivate.jpg,private\n")
    summary = cleaned(source)
    clean = source.parent / "clean"
    assert sorted(digests(clean)) == ["kept.jpg", "kept.txt", "metadata.csv"]
    assert (clean / "metadata.csv").read_text() == "file_name,visibility\nkept.jpg,public\n"
    assert summary.dropped == 1


def test_a_picture_that_cannot_be_read_is_withheld_but_its_caption_is_masked(source: Path, jpeg: Make) -> None:
    whole = jpeg(size=(640, 480))
    (source / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (source / "cut.txt").write_text(f"mail {EMAIL}")
    (source / "metadata.csv").write_text(f"file_name,text\ncut.jpg,{EMAIL}\ngone.jpg,{EMAIL}\n")
    summary = cleaned(source, ("captions", "faces"))
    clean = source.parent / "clean"
    assert sorted(digests(clean)) == ["cut.txt", "metadata.csv"]
    assert (clean / "cut.txt").read_text() == "mail <EMAIL>"
    assert (clean / "metadata.csv").read_text() == "file_name,text\ncut.jpg,<EMAIL>\ngone.jpg,<EMAIL>\n"
    assert summary.withheld == 2
    assert sum(summary.withheld_reasons.values()) == 2
    assert summary.passed


def test_faces_are_gone_and_metadata_with_them(source: Path, face: Image.Image) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Sari Contoh"
    face.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=90, exif=exif)
    (source / "face.jpg").write_bytes(buffer.getvalue())
    summary = cleaned(source, ("faces", "metadata"))
    clean = (source.parent / "clean" / "face.jpg").read_bytes()
    assert summary.passed
    assert summary.actions == {"fill": 1, "strip": 1}
    assert b"Sari" not in clean
    assert Picture(clean).orientation == 6
    assert pa.detectors.Faces()(buffer.getvalue())
    assert not [finding for finding in pa.detectors.Faces()(clean) if finding.attributes["band"] == "report"]


def test_the_source_and_a_used_output_folder_are_never_written_to(source: Path, jpeg: Make) -> None:
    (source / "a.jpg").write_bytes(jpeg())
    audit = pa.scan(source, output=source.parent / "audit", detectors=WITHOUT_FACES, jobs=0)
    for output in (source, source / "clean"):
        with pytest.raises(SourceError, match="cannot be inside"):
            audit.redact(source, output, jobs=0)
    (source.parent / "full").mkdir()
    (source.parent / "full" / "mine").write_text("x")
    with pytest.raises(SourceError, match="not empty"):
        audit.redact(source, source.parent / "full", jobs=0)
    assert sorted(digests(source.parent / "full")) == ["mine"]


class Spreading:
    """A detector to which every covered area reveals another one beside it."""

    name, version, codes, needs = "spreading", "1", frozenset({"face"}), Needs.PIXELS

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0

    def detect(self, samples: list[pa.Sample]) -> list[list[Finding]]:
        self.seen += 1
        box = Box(40.0 * self.seen, 10, 20, 20)
        return [[Finding("face", self.name, 1.0, "pixels", box)] if self.seen <= self.limit else [] for _ in samples]


def test_the_second_look_goes_on_until_nothing_new_is_found() -> None:
    orders = Orders(Action("redact", {"fill": "face"}), [Finding("face", "x", 1.0, "pixels", Box(2, 10, 20, 20))])
    picture = Picture(_png((600, 60)))
    covered = cover(picture, orders, [Spreading(3)])
    assert len(covered.added) == 3
    grey = Image.open(io.BytesIO(covered.data)).convert("RGB")
    assert [grey.getpixel((40 * index + 10, 20)) for index in (1, 2, 3)] == [grey.getpixel((12, 20))] * 3
    assert grey.getpixel((40 * 4 + 10, 20)) != grey.getpixel((12, 20))
    with pytest.raises(RedactionRefused, match="still something"):
        cover(picture, orders, [Spreading(MAX_ROUNDS + 1)])


def test_what_fails_the_verification_is_not_shipped(source: Path, jpeg: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking that misses must not pass: here the mask is switched off."""
    from privacy_audit.redaction import texts

    for name, caption in [("a", f"mail {EMAIL}"), ("b", "a rectangle")]:
        (source / f"{name}.jpg").write_bytes(jpeg())
        (source / f"{name}.txt").write_text(caption)
    monkeypatch.setattr(texts, "mask_value", lambda text, spans, naming: text)
    summary = cleaned(source)
    assert (summary.passed, summary.failed, summary.quarantined) == (False, 1, 1)
    assert [(entry.code, entry.before, entry.after) for entry in summary.residuals] == [("contact.email", 1, 1)]
    assert sorted(digests(source.parent / "clean")) == ["b.jpg", "b.txt"]
    rows = {row["sample_id"]: row for row in redactions.rows(source.parent / "audit")}
    assert (rows["a.jpg"]["verdict"], rows["a.jpg"]["left"], rows["b.jpg"]["verdict"]) == (
        "failed",
        ["contact.email"],
        "passed",
    )


def test_the_registry_knows_the_detectors_that_redaction_uses() -> None:
    assert Needs.PIXELS in registry.find("faces").needs


def _png(size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "navy").save(buffer, "PNG")
    return buffer.getvalue()
