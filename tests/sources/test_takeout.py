"""Google Takeout: which JSON file belongs to which picture, and what becomes of the rest."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privacy_audit.detectors.provenance import Provenance
from privacy_audit.errors import SourceError
from privacy_audit.sources import Item, open_source
from privacy_audit.sources.exports import recognised
from privacy_audit.sources.exports.takeout import Sidecars

YEAR = "Takeout/Google Fotos/Fotos von 2020"
LONG = "a_very_long_name_of_a_picture_from_a_holiday_at"  # 47 units


@pytest.mark.parametrize(
    ("picture", "records", "wanted"),
    [
        ("a.jpg", ["a.jpg.json"], "a.jpg.json"),
        ("a.jpg", ["a.jpg.supplemental-metadata.json"], "a.jpg.supplemental-metadata.json"),
        ("a.jpg", ["b.jpg.json", "a.png.json"], None),
        ("a(1).jpg", ["a.jpg.json", "a.jpg(1).json"], "a.jpg(1).json"),
        ("a(1).jpg", ["a.jpg.supplemental-metadata(1).json"], "a.jpg.supplemental-metadata(1).json"),
        ("a(1).jpg", ["a(1).jpg.supplemental-metadata.json"], "a(1).jpg.supplemental-metadata.json"),
        ("a(1).jpg", ["a.jpg.json"], None),
        ("IMG_20200101_120000_with_words.jpg", ["IMG_20200101_120000_with_words.jpg.supplementa.json"], 0),
        ("Screenshot_20200101-120000_Some App 12345.jpg", ["Screenshot_20200101-120000_Some App 12345.jpg..json"], 0),
        (f"{LONG}.jpg", [f"{LONG[:46]}.json"], 0),
        ("Screenshot_20200101-120000_Some App 1234.jpg", ["Screenshot_20200101-120000_Some App 1234.jpg.s.json"], 0),
        ("Screenshot_20200101-120000_Some App 123456.jpg", ["Screenshot_20200101-120000_Some App 123456.jpg.json"], 0),
        ("Screenshot_20200101-120000_Some App 1234567.jpg", ["Screenshot_20200101-120000_Some App 1234567.jp.json"], 0),
        ("\U0001f600" * 21 + ".jpg", ["\U0001f600" * 21 + ".jpg.json"], 0),
        ("\U0001f600" * 20 + ".jpg", ["\U0001f600" * 20 + ".jpg.s.json"], 0),
        ("IMG_20200101.jpg", ["IMG_20200101.jpg.suppl.json"], 0),  # cut shorter than the rule says
        ("IMG_20200101.jpg", ["IMG_20200101.jpg.suppl.json", "IMG_20200101.jpg.supp.json"], None),
        ("a-edited.jpg", ["a.jpg.supplemental-metadata.json"], 0),
        ("a-bearbeitet.jpg", ["a.HEIC.supplemental-metadata.json"], 0),
        ("a-bearbeitet.jpg", ["a.HEIC.json", "a.png.json"], None),
        ("a-编辑.jpg", ["a.jpg.json"], 0),
        ("a-edited(1).jpg", ["a.jpg.json", "a.jpg(1).json"], "a.jpg(1).json"),
        ("a-edi.jpg", ["a.jpg.json"], 0),
        ("a-dog.jpg", ["a.jpg.json"], None),
        ("Cafe\u0301.jpg", ["Caf\u00e9.jpg.json"], 0),
        ("noend", ["noend.supplemental-metadata.json"], 0),
        (".jpg", ["a.jpg.json"], None),
    ],
)
def test_which_record_is_a_pictures(picture: str, records: list[str], wanted: str | int | None) -> None:
    assert Sidecars(records).of(picture) == (records[wanted] if isinstance(wanted, int) else wanted)


def about(title: str, **more: Any) -> bytes:
    return json.dumps({"title": title, "photoTakenTime": {"timestamp": "1600000000"}, **more}).encode()


def write(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def items(path: Path) -> dict[str, Item]:
    source = open_source(path)
    found = [item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)]
    assert len(found) == source.survey().samples
    return {item.sample.id.removeprefix(f"{YEAR}/"): item for item in found}


def test_what_a_record_says(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    more = {
        "people": [{"name": "Jo"}],
        "geoData": {"latitude": 48.2, "longitude": 16.25, "altitude": 0.0},
        "geoDataExif": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
        "inLockedFolder": True,
    }
    files = {f"{YEAR}/a.jpg": jpeg("red"), f"{YEAR}/a.jpg.supplemental-metadata.json": about("a.jpg", **more)}
    item = items(write(tmp_path / "t.zip", files))["a.jpg"]
    assert item.sample.record == {
        "source": "google takeout",
        "photoTakenTime.timestamp": "1600000000",
        "people[0].name": "Jo",
        "geoData.latitude": 48.2,
        "geoData.longitude": 16.25,
        "geoData.altitude": 0.0,
        "inLockedFolder": True,
    }
    assert [text.field for text in item.sample.texts] == ["path:", "json:people[0].name"]
    ((*found,),) = Provenance().detect([item.sample])
    assert {part.attributes["visibility"] for part in found if part.code == "provenance.private"} == {"private"}


def test_titles_decide_where_names_do_not(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    files = {
        f"{YEAR}/Jo _ Al.jpg": jpeg("red"),
        f"{YEAR}/cut.jpg.json": about("Jo & Al.jpg", description="one"),
        f"{YEAR}/two.jpg": jpeg("blue"),
        f"{YEAR}/x.jpg.json": about("two.jpg"),
        f"{YEAR}/y.jpg.json": about("two.jpg"),
    }
    found = items(write(tmp_path / "t.zip", files))
    assert found["Jo _ Al.jpg"].sample.record["description"] == "one"
    assert "photoTakenTime.timestamp" not in found["two.jpg"].sample.record
    assert sorted(found) == ["Jo _ Al.jpg", "two.jpg", "x.jpg.json", "y.jpg.json"]
    assert found["x.jpg.json"].skipped


def test_albums_and_other_files(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    files = {
        f"{YEAR}/a.jpg": jpeg("red"),
        f"{YEAR}/a.jpg.json": about("a.jpg"),
        f"{YEAR}/Metadaten.json": b'{"title": "With jane@example.com"}',
        f"{YEAR}/print-subscriptions.json": b'{"orders": []}',
        f"{YEAR}/b.mp4": b"video",
        f"{YEAR}/broken.jpg.json": b"{",
        "Takeout/Keep/note.json": b'{"title": "a note", "textContent": "not of a picture"}',
    }
    path = write(tmp_path / "t.zip", files)
    found = items(path)
    assert sorted(found) == ["Metadaten.json", "a.jpg", "broken.jpg.json"]
    assert found["broken.jpg.json"].failures
    assert found["Metadaten.json"].sample.texts[0].channel == "caption"
    assert open_source(path).survey().skipped == {"not a picture (.json)": 2, "not a picture (.mp4)": 1}


def test_parts_that_have_the_same_names(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    one, other = jpeg("red"), jpeg("blue")
    write(tmp_path / "1.zip", {f"{YEAR}/a.jpg": one, f"{YEAR}/a.jpg.json": about("a.jpg"), f"{YEAR}/b.jpg": one})
    write(tmp_path / "2.zip", {f"{YEAR}/a.jpg": one, f"{YEAR}/b.jpg": other, f"{YEAR}/b.jpg.json": about("b.jpg")})
    found = items(tmp_path)
    assert {name: item.sample.picture.data for name, item in found.items() if item.sample.picture} == {
        "a.jpg": one,
        "b.jpg": one,
        "b.jpg#2": other,
    }
    assert open_source(tmp_path).survey().skipped == {"the same file in another part of the export": 1}


def test_hostile_members(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    path = tmp_path / "t.zip"
    link = zipfile.ZipInfo(f"{YEAR}/link.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{YEAR}/a.jpg", jpeg("red"))
        archive.writestr(f"{YEAR}/a.jpg.json", about("a.jpg"))
        archive.writestr("../../b.jpg", jpeg("blue"))
        archive.writestr(link, "/etc/passwd")
        archive.writestr(f"{YEAR}/deep.jpg", jpeg("green"))
        archive.writestr(f"{YEAR}/deep.jpg.json", b'{"a":' * 20_000)
        archive.writestr(f"{YEAR}/bomb.jpg", bytes(40_000_000))
        archive.writestr(f"{YEAR}/inner.zip", path.read_bytes() or b"PK\x03\x04")
    found = items(path)
    assert sorted(found) == ["a.jpg", "b.jpg", "bomb.jpg", "deep.jpg", "inner.zip"]
    assert all(found[name].failures for name in ("b.jpg", "deep.jpg", "inner.zip"))
    assert not found["a.jpg"].failures
    assert open_source(path).survey().skipped == {"link (not followed)": 1}
    path.write_bytes(path.read_bytes()[:-200])
    assert any("no directory" in failure.message for item in items(path).values() for failure in item.failures)


def test_what_is_no_takeout(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg("red"))
    (tmp_path / "a.jpg.json").write_text('{"title": "a"}')
    assert recognised(tmp_path) is None
    assert open_source(tmp_path).kind == "folder"
    assert open_source(tmp_path, kind="takeout").kind == "takeout"
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tmp_path / "none", kind="takeout")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no picture"):
        open_source(tmp_path / "empty", kind="takeout").survey()
