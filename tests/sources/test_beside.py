"""dataset.yaml, the dataset card and tdmrep.json at the root of a source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from privacy_audit.errors import SourceError
from privacy_audit.sources import FolderSource, SkippedMember
from privacy_audit.sources.beside import look, read_card, read_reservations
from privacy_audit.sources.description import Description, load
from privacy_audit.sources.tree import DiskTree
from privacy_audit.types import Failure

GOOD = """\
dataset: {name: Streets, publisher: Example Institute, contact: privacy@example.com, license: CC BY 4.0}
columns:
  caption: [story, alt2]
  url: src
  visibility: {column: privacy, values: {0: private, 1: public}}
  license: lic
  consent: {column: release, values: {yes: allowed, no: denied}}
  published_by_subject: {column: own, values: {1: yes, 0: no}}
defaults: {visibility: public, evidence: all from our own public page}
"""
MISTAKES = [
    ("datasets: {}", ["1:1: unknown key 'datasets' (did you mean 'dataset'?)"]),
    ("columns: {captions: a}", ["1:11: unknown key 'captions' (did you mean 'caption'?)"]),
    (
        "columns:\n  visibility: {column: a, values: {1: publik}}",
        ["2:39: unknown value 'publik' (did you mean 'public'?); one of: public, restricted, private, unknown"],
    ),
    ("columns: {visibility: {colum: a}}", ["1:24: unknown key 'colum' (did you mean 'column'?)"]),
    ("columns: {consent: {column: a, values: {x: true}}}", ["1:44: should be one of: allowed, constrained,"]),
    ("columns: {license: {column: a, values: {x: 4}}}", ["1:44: should be text (put it in quotes)"]),
    (
        "defaults: {visibility: public}",
        ["1:12: 'public' as a default needs 'evidence': a text that says how you know that every picture was public"],
    ),
    ("dataset: {published: 17 May 2026}", ["1:22: should be a day, a month or a year, such as 2026-05-17"]),
    ("dataset: {purpose: training}", ["1:11: unknown key 'purpose' (did you mean 'purposes'?)"]),
    ("dataset: {contact: ''}\ndefaults: {visibility: open}", ["1:20", "2:24"]),
    ("dataset: &a {}", ["1:10: anchors and aliases are not allowed: write the value again"]),
    ("- a", ["1:1: should be a mapping (key: value)"]),
    ("", ["1:1: the file is empty"]),
]  # fmt: skip


def test_a_description(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(GOOD)
    found = look(DiskTree(tmp_path))
    assert found.description["dataset"]["contact"] == "privacy@example.com"
    assert found.columns() == ["story", "alt2", "src", "privacy", "lic", "release", "own"]
    assert Description.model_validate(found.description) == load(tmp_path / "dataset.yaml")
    assert look(DiskTree(tmp_path), found.description) == found  # what an audit keeps says the same


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text[:30] for text, _ in MISTAKES])
def test_all_mistakes_at_once(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(text)
    with pytest.raises(SourceError) as raised:
        look(DiskTree(tmp_path))
    told = str(raised.value).splitlines()
    assert len(told) == len(expected)
    assert all(line.startswith(f"{path}:{start}") for line, start in zip(told, expected, strict=True)), told


@pytest.mark.parametrize("given", ["no such file", {"columns": {"visibility": {"column": 3}}}])
def test_a_given_description_that_is_wrong(tmp_path: Path, given: object) -> None:
    with pytest.raises(SourceError):
        look(DiskTree(tmp_path), given)  # type: ignore[arg-type]


def test_nothing_beside_is_nothing(tmp_path: Path) -> None:
    assert look(DiskTree(tmp_path)).to_json() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A dataset", {}),
        ("---\nlicense: cc-by-4.0\n---\n# A", {"license": "cc-by-4.0"}),
        ("\ufeff---\r\nlicense: cc-by-4.0\r\n---\r\n", {"license": "cc-by-4.0"}),
        ("---\nlicense:\n- mit\n---", {"license": "mit"}),
        ("---\nlicense:\n- mit\n- cc0-1.0\n---", {}),
        ("---\nlicense: other\nlicense_name: CC BY 4.0\nlicense_link: LICENSE\n---", None),
        ("---\nextra_gated_prompt: |\n  Do you agree?\nextra_gated_fields:\n  Name: text\n---", {"gated": "yes"}),
        ("---\nconfigs: &a [*a]\nlicense: 'mit'\n---", {"license": "mit"}),  # the rest is not looked at
        ("---\ntags:\n- license: x\n---", {}),
        ("---\nlicense: 5\n---", {}),
    ],
)
def test_the_card(text: str, expected: dict[str, str] | None) -> None:
    found = read_card(text)
    assert found == (
        {"license": "other", "license_name": "CC BY 4.0", "license_link": "LICENSE"} if expected is None else expected
    )


@pytest.mark.parametrize("text", ["---\nlicense: mit\n", "---\nlicense: [\n---", "---\nlicense: a\nlicense: b\n---"])
def test_a_card_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SourceError):
        read_card(text)


@settings(deadline=None)
@given(st.text(alphabet="-license:_gatedxr \n#[]'\"", max_size=80))
def test_any_card_is_answered(text: str) -> None:
    try:
        assert set(read_card("---\n" + text)) <= {"license", "license_name", "license_link", "gated"}
    except SourceError as error:
        assert "card" in str(error)  # noqa: PT017


def test_reservations() -> None:
    rules = [
        {"location": "/a", "tdm-reservation": 1, "tdm-policy": "https://example.com/policy"},
        {"location": "/b", "tdm-reservation": "0"},
        {"location": "/c", "tdm-reservation": 2},
        {"location": "/d"},
    ]
    assert read_reservations(json.dumps(rules)) == [("/a", 1), ("/b", 0)]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"location": 5}]', "[" * 100_000])
def test_reservations_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SourceError):
        read_reservations(text)


# ---- in a folder -----------------------------------------------------------------------------------------------------


def folder(tmp_path: Path, table: str = "", **files: str) -> Path:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    if table:
        (tmp_path / "metadata.csv").write_text(table)
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    return tmp_path


def test_columns_get_their_channels(tmp_path: Path) -> None:
    table = "file_name,story,src\na.jpg,Hello,example.com/a\n"
    source = FolderSource(folder(tmp_path, table, dataset__yaml="columns: {caption: story, url: [src]}"))
    source.survey()
    items = [item for shard in source.shards() for item in source.read(shard) if not isinstance(item, SkippedMember)]
    (item,) = [item for item in items if item.sample.record]
    channels = {text.field: text.channel for text in item.sample.texts}
    assert (channels["story"], channels["src"]) == ("caption", "url")


def test_a_column_that_no_table_has(tmp_path: Path) -> None:
    root = folder(tmp_path, "file_name,privacy\na.jpg,1\n", dataset__yaml="columns: {visibility: privcy}")
    with pytest.raises(SourceError, match=r"the column 'privcy', which no table has \(did you mean 'privacy'\?\)"):
        FolderSource(root).survey()


def test_what_cannot_be_read_beside_is_a_failure(tmp_path: Path) -> None:
    root = folder(tmp_path, README__md="---\nlicense: mit\n", tdmrep__json="{}")
    source = FolderSource(root)
    source.survey()
    items = [item for shard in source.shards() for item in source.read(shard) if not isinstance(item, SkippedMember)]
    failures = {item.sample.id: item.failures for item in items if item.failures}
    assert set(failures) == {"README.md", "tdmrep.json"}
    assert all(isinstance(found[0], Failure) and found[0].kind == "error" for found in failures.values())
