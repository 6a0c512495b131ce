"""`--since`: what an earlier audit said of the same content is taken over, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import privacy_audit as pa
from privacy_audit.errors import AuditError


@pytest.fixture
def photos(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.jpg").write_bytes(jpeg(size=(20 + number, 20)))
        (folder / f"{number:02}.txt").write_text(f"write to someone{number}@example.com" if number % 3 == 0 else "tea")
    (folder / "29.jpg").write_text("<html>")
    return folder


def scan(source: Path, output: Path, **options: Any) -> pa.Audit:
    return pa.scan(source, output=output, jobs=0, detectors=["captions", "metadata", "provenance"], **options)


def rows(audit: pa.Audit, table: str) -> list[tuple[Any, ...]]:
    columns = {"samples": "* EXCLUDE (reused)"}.get(table, "*")
    return audit.folder.sql(f"SELECT {columns} FROM {table} ORDER BY ALL")


def reused(audit: pa.Audit) -> set[str]:
    return {row["sample_id"] for row in audit.samples.where("reused")}


def test_only_what_is_new_or_changed_is_looked_at(tmp_path: Path, photos: Path, jpeg: Callable[..., bytes]) -> None:
    first = scan(photos, tmp_path / "first")
    (photos / "03.txt").write_text("call +1 415 555 0137")
    (photos / "04.jpg").write_bytes(jpeg("red"))
    (photos / "05.jpg").unlink()
    (photos / "06.jpg").rename(photos / "66.jpg")
    (photos / "new.jpg").write_bytes(jpeg("blue"))
    second = scan(photos, tmp_path / "second", since=first.path)
    fresh = scan(photos, tmp_path / "fresh")
    for table in ("samples", "findings", "failures", "decisions"):
        assert rows(second, table) == rows(fresh, table), table
    looked_at = {row["sample_id"] for row in second.samples} - reused(second)
    assert looked_at == {"03.jpg", "04.jpg", "29.jpg", "66.jpg", "new.jpg"}  # what failed is tried again
    assert second.folder.manifest.reused == len(reused(second)) == 25
    assert fresh.folder.manifest.reused == 0
    assert reused(fresh) == set()
    assert not (second.path / ".since.sqlite").exists()


def test_what_was_decided_anew_in_the_earlier_audit_is_not_taken_over(tmp_path: Path, photos: Path) -> None:
    first = scan(photos, tmp_path / "first")
    pa.decide(first.path, policy="eu-ai-act")
    second = scan(photos, tmp_path / "second", since=first.path)
    assert len(reused(second)) == 29
    assert rows(second, "decisions") == rows(scan(photos, tmp_path / "fresh"), "decisions") != rows(first, "decisions")


def test_the_digest_says_nothing_without_the_key(tmp_path: Path, photos: Path) -> None:
    one = scan(photos, tmp_path / "one", token_key=tmp_path / "one.key")
    other = scan(photos, tmp_path / "other", token_key=tmp_path / "other.key")
    digests = [{row["content"] for row in audit.samples if row["content"]} for audit in (one, other)]
    assert len(digests[0]) == len(digests[1]) == 30
    assert not digests[0] & digests[1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"policy": "gdpr"}, "the rule packs changed"),
        ({"token_key": "other.key"}, "the token key changed"),
        ({"detectors": ["captions"]}, "the list of detectors changed"),
        ({"caption_columns": ["x"]}, "how the source is to be read"),
        ({"text_noise": True}, "a detector's version or options"),
    ],
)
def test_an_audit_that_was_made_otherwise_is_refused_with_the_reason(
    tmp_path: Path, photos: Path, options: dict[str, Any], reason: str
) -> None:
    (photos / "metadata.csv").write_text("file_name,x\n00.jpg,y\n")
    first = scan(photos, tmp_path / "first")
    if "token_key" in options:
        options["token_key"] = tmp_path / options["token_key"]
    settings = {"detectors": ["captions", "metadata", "provenance"], "jobs": 0, **options}
    with pytest.raises(AuditError, match=reason):
        pa.scan(photos, output=tmp_path / "second", since=first.path, **settings)


def test_an_unfinished_audit_and_the_one_being_written_are_refused(tmp_path: Path, photos: Path) -> None:
    first = scan(photos, tmp_path / "first")
    with pytest.raises(AuditError, match="--since names the audit that is to be written"):
        scan(photos, first.path, since=first.path)
    manifest = first.path / "audit.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "status": "partial"}))
    with pytest.raises(AuditError, match="is not finished"):
        scan(photos, tmp_path / "second", since=first.path)


def test_a_damaged_part_is_not_taken_over(tmp_path: Path, photos: Path) -> None:
    first = scan(photos, tmp_path / "first")
    for part in (first.path / "findings").iterdir():
        table = pq.ParquetFile(part).read()
        pq.write_table(table.slice(0, 0), part)
    second = scan(photos, tmp_path / "second", since=first.path)
    assert reused(second) == set()
    assert rows(second, "findings") == rows(scan(photos, tmp_path / "fresh"), "findings") != []


def test_an_audit_without_digests_is_refused(tmp_path: Path, photos: Path) -> None:
    first = scan(photos, tmp_path / "first")
    for part in (first.path / "samples").iterdir():
        pq.write_table(pq.ParquetFile(part).read().drop_columns(["content"]), part)
    with pytest.raises(AuditError, match="kept no digests"):
        scan(photos, tmp_path / "second", since=first.path)


def test_names_are_looked_for_as_before_though_the_number_of_samples_changed(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, jpeg: Callable[..., bytes]
) -> None:
    from privacy_audit import api

    monkeypatch.setattr(api, "NAMES_SAMPLE", 20)
    first = scan(photos, tmp_path / "first")
    (photos / "new.jpg").write_bytes(jpeg("blue"))
    second = scan(photos, tmp_path / "second", since=first.path)
    assert second.folder.manifest.options["names_rate"] == first.folder.manifest.options["names_rate"] < 1
    assert len(reused(second)) == 29
