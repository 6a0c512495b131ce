"""A table alone: every kind, scanned and redacted."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privacy_audit import api
from privacy_audit.errors import AuditError, SourceError
from privacy_audit.sources import FolderSource, Item, TableSource, open_source
from privacy_audit.types import Failure, Skipped, Text

ROWS: list[dict[str, object]] = [
    {"file_name": "a.jpg", "caption": "write to jane@example.com", "words": "A portrait of Alice Johnson"},
    {"file_name": "b.jpg", "caption": "a dog", "words": "call +1 415 555 0132"},
    {"file_name": None, "caption": None, "words": "password: hunter22"},
]
NAMES = ("data.csv", "data.tsv", "data.jsonl", "data.ndjson", "data.parquet")


def write(path: Path, rows: list[dict[str, object]] = ROWS) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix in (".jsonl", ".ndjson"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join(rows[0]), *(mark.join(str(value or "") for value in row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


def items(source: TableSource) -> list[Item]:
    return [item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)]


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_samples(tmp_path: Path, name: str) -> None:
    source = open_source(write(tmp_path / name), caption_columns=["words"])
    assert isinstance(source, TableSource)
    assert source.survey().samples == 3
    found = items(source)
    assert [item.sample.id for item in found] == [f"{name}#{number}" for number in range(3)]
    assert set(found[0].sample.texts) == {
        Text("filename", "file_name", "a.jpg"),
        Text("caption", "caption", "write to jane@example.com"),
        Text("caption", "words", "A portrait of Alice Johnson"),
    }
    assert [text.field for text in found[2].sample.texts] == ["words"]
    assert all(item.sample.picture is None for item in found)
    assert all(item.skipped == (Skipped("picture", "no picture in the source"),) for item in found)


def test_a_large_table_is_cut_into_shards_that_start_in_the_middle(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"caption": f"number {number}\nof many"} for number in range(2_000)]
    source = TableSource(write(tmp_path / "data.jsonl", rows))
    assert source.survey().samples == 2_000
    assert len(list(source.shards())) > 4
    found = items(source)
    assert [item.sample.id for item in found] == [f"data.jsonl#{number}" for number in range(2_000)]
    assert [item.sample.texts[0].value for item in found] == [row["caption"] for row in rows]


def test_several_captions_and_languages_of_a_row(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"captions": ["a dog", "seekor anjing, WA 0812-3456-7890"], "caption_id": "x"}]
    (item,) = items(TableSource(write(tmp_path / "data.jsonl", rows)))
    assert [(text.channel, text.field) for text in item.sample.texts][:2] == [
        ("caption", "captions[0]"),
        ("caption", "captions[1]"),
    ]


def test_a_named_picture_is_not_opened(tmp_path: Path, jpeg: object) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())  # type: ignore[operator]
    assert items(TableSource(write(tmp_path / "data.csv")))[0].sample.picture is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", b"", "the table is empty"),
        ("data.csv", b"a,b\n", "holds no row"),
        ("data.parquet", b"PAR1", "not valid Parquet"),
        ("data.csv", b"\xff\xfea\0", "UTF-16"),
        ("notes.txt", b"x", "no table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_source(path).survey()


def test_a_caption_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"column 'wrods'\. Columns: caption, file_name, words"):
        open_source(write(tmp_path / "data.csv"), caption_columns=["wrods"])


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_source(tmp_path), FolderSource)
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tmp_path / "none")


def test_binary_columns_are_a_failure(tmp_path: Path) -> None:
    source = TableSource(write(tmp_path / "data.parquet", [{"caption": "a", "image": b"\0"}]))
    assert source.survey().samples == 2
    assert items(source)[-1].failures == (
        Failure("source", "unreadable", "the table holds binary columns, which were not checked"),
    )


@pytest.mark.parametrize("name", NAMES)
def test_scan_and_redact(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name)
    audit = api.scan(source, output=tmp_path / "audit", jobs=0, token_key=tmp_path / "key")
    assert audit.folder.manifest.source_kind == "table"
    codes = dict(audit.folder.sql("SELECT code, count(*) FROM findings WHERE detector = 'captions' GROUP BY code"))
    assert codes == {"contact.email": 1, "contact.phone": 1, "name.person": 1, "secret": 1}
    assert audit.exit_code == 1
    copy = tmp_path / f"clean{source.suffix}"
    summary = audit.redact(source, copy, jobs=0)
    assert summary.passed
    text = copy.read_text() if source.suffix != ".parquet" else repr(pq.read_table(copy).to_pylist())
    assert "<EMAIL>" in text
    assert "<SECRET>" in text
    assert "jane@" not in text
    assert "hunter22" not in text
    assert "a dog" in text
    assert audit.redact(source, tmp_path / "folder", jobs=0).samples == 3
    assert (tmp_path / "folder" / name).read_bytes() == copy.read_bytes()


def test_rows_that_are_dropped_shift_those_that_follow(tmp_path: Path) -> None:
    pack = tmp_path / "pack.yaml"
    pack.write_text(
        "pack: dropping\ntitle: Drops\nversion: '1'\nchecked_on: 2026-01-01\n"
        "confidence: K\ndescription: d\ndisclaimer: d\nrules:\n"
        " - id: mail\n   title: t\n   why: w\n   match: {code: contact.email}\n   severity: high\n"
        "   action: drop\n   tests:\n    - {given: [contact.email], expect: high, action: drop}\n"
        "    - {given: [face], expect: none}\n"
    )
    source = write(tmp_path / "data.csv")
    audit = api.scan(source, output=tmp_path / "audit", policy=str(pack), jobs=0, token_key=tmp_path / "key")
    audit.redact(source, tmp_path / "clean.csv", jobs=0)
    kept = (tmp_path / "clean.csv").read_text()
    assert "jane@example.com" not in kept
    rows = pq.read_table(next((tmp_path / "audit").glob("redaction*/**/*.parquet"))).to_pylist()
    assert {row["sample_id"]: row["output_id"] for row in rows if row["output_id"]} == {
        "data.csv#1": "clean.csv#0",
        "data.csv#2": "clean.csv#1",
    }


def test_a_copy_of_another_kind_and_other_recognizers_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("recognizers:\n - {name: Titles, supported_entity: TITLE, deny_list: [dog]}\n")
    source = write(tmp_path / "data.csv")
    audit = api.scan(
        source,
        output=tmp_path / "audit",
        jobs=0,
        token_key=tmp_path / "key",
        recognizers=own,
        text_noise=True,
        names="off",
    )
    assert audit.folder.sql("SELECT count(*) FROM findings WHERE code = 'custom.title'") == [(1,)]
    with pytest.raises(SourceError, match=r"name it clean\.csv"):
        api.redact(source, audit=audit, output=tmp_path / "clean.jsonl", jobs=0, recognizers=own)
    with pytest.raises(AuditError, match="--recognizers"):
        api.redact(source, audit=audit, output=tmp_path / "clean.csv", jobs=0)
    assert "TITLE" not in own.name


def test_tiers_and_unchecked_names_are_in_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[dict[str, object]] = [{"caption": "A portrait of Alice Johnson, jane@example.com"}] * 60
    rows += [{"caption": "foto Budi Santoso dan Siti Aminah di rumah"}] * 20
    monkeypatch.setattr(api, "NAMES_SAMPLE", 40)
    audit = api.scan(
        write(tmp_path / "data.jsonl", rows), output=tmp_path / "audit", jobs=0, token_key=tmp_path / "key"
    )
    texts = audit.summary().texts
    (direct, contextual), names = texts.tiers, texts.names
    assert direct == ("direct", 60, 60)
    assert names is not None
    assert contextual[:2] == ("contextual", names.found)
    assert names.languages == (("id", 20),)
    assert names.checked + names.not_drawn == 60
    assert 10 < names.checked < 50
    assert names.found == names.checked
    assert names.rate.low < names.rate.high == 1.0
    page = audit.report().read_text("utf-8")
    assert "Names not checked: id." in page
    assert "looked for in a random sample" in page
