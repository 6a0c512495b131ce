"""Flickr's account data: which record is a picture's, who may see it, its licence and its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privacy_audit.detectors.provenance import Provenance
from privacy_audit.sources import Item, open_source
from privacy_audit.types import Finding


def opened(root: Path, records: dict[str, Any], pictures: dict[str, bytes]) -> dict[str, Item]:
    for name, record in records.items():
        (root / name).write_text(json.dumps(record))
    for name, data in pictures.items():
        (root / name).write_bytes(data)
    source = open_source(root)
    assert source.kind == "flickr"
    return {item.sample.id: item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)}


def evidence(item: Item) -> list[Finding]:
    (found,) = Provenance().detect([item.sample])
    assert isinstance(found, list)
    return [part for part in found if isinstance(part, Finding)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("a-dog_5012345_o.jpg", "5012345"),
        ("dsc_0042_77_o.jpg", "77"),
        ("77_0a1b2c_o.jpg", "77"),
        ("img_42_77_o.jpg", "77"),
        ("77.jpg", "77"),
        ("dsc_0042_o.jpg", None),
    ],
)
def test_which_record_is_a_pictures(tmp_path: Path, jpeg: Callable[..., bytes], name: str, number: str | None) -> None:
    records = {f"photo_{one}.json": {"id": one, "privacy": "public"} for one in ("5012345", "77", "42")}
    found = opened(tmp_path, records, {name: jpeg("red")})
    assert found[name].sample.record.get("id") == number
    assert len(found) == (3 if number else 4)
    assert all(found[key].skipped for key in found if key != name)


@pytest.mark.parametrize(
    ("privacy", "code"),
    [
        ("public", "provenance.public"),
        ("private", "provenance.private"),
        ("friend & family", "provenance.private"),
        ("Friends & Family", "provenance.private"),
        ("friends only", "provenance.private"),
        ("something", "provenance.unknown"),
        (None, "provenance.unknown"),
    ],
)
def test_who_may_see_it(tmp_path: Path, jpeg: Callable[..., bytes], privacy: str | None, code: str) -> None:
    record = {"photopage": "", "comment_permissions": "public", "tagging_permissions": "public"}
    record |= {"privacy": privacy} if privacy is not None else {}
    found = opened(tmp_path, {"photo_1.json": record}, {"a_1_o.jpg": jpeg("red")})
    codes = {part.code for part in evidence(found["a_1_o.jpg"])}
    assert codes & {f"provenance.{word}" for word in ("public", "private", "restricted", "unknown")} == {code}


def test_licence_and_audience_of_the_place(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    record = {
        "privacy": "public",
        "license": "Attribution-NonCommercial License",
        "geo_permissions": "friends & family",
    }
    found = evidence(opened(tmp_path, {"photo_1.json": record}, {"a_1_o.jpg": jpeg("red")})["a_1_o.jpg"])
    assert any("cc-by-nc" in part.attributes.get("license", "").lower() for part in found)
    assert any(part.attributes.get("value") == "private place" for part in found)
    assert not any(part.code == "provenance.private" for part in found)


@pytest.mark.parametrize(
    ("geo", "wanted"),
    [
        ([{"latitude": "48208333", "longitude": "16371667", "accuracy": "16"}], (48.208333, 16.371667)),
        ({"latitude": "48.208333", "longitude": "-16.371667"}, (48.208333, -16.371667)),
        ({"latitude": 48.208333, "longitude": 16.371667}, (48.208333, 16.371667)),
        ([{"latitude": "0", "longitude": "0"}], None),
        ([], None),
        ("none", None),
        ([{"latitude": "nan", "longitude": [1]}], None),
    ],
)
def test_places(tmp_path: Path, jpeg: Callable[..., bytes], geo: object, wanted: tuple[float, float] | None) -> None:
    found = opened(tmp_path, {"photo_1.json": {"privacy": "public", "geo": geo}}, {"a_1_o.jpg": jpeg("red")})
    record = found["a_1_o.jpg"].sample.record
    if wanted is None:
        assert "geo.latitude" not in record
    else:
        assert (record["geo.latitude"], record["geo.longitude"]) == pytest.approx(wanted)


def test_people_tags_and_comments(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    record = {
        "privacy": "public",
        "name": "At the lake",
        "people": ["Jo", {"username": "max"}],
        "tags": [{"tag": "lake"}],
        "comments": [{"user": "1@N00", "comment": "write to jane@example.com", "date": "2020-01-01"}],
    }
    found = opened(tmp_path, {"photo_1.json": record, "albums.json": {"albums": []}}, {"a_1_o.jpg": jpeg("red")})
    texts = {text.field: text.channel for text in found["a_1_o.jpg"].sample.texts}
    assert texts == {
        "path:": "filename",
        "json:name": "caption",
        "json:people[0].name": "record",
        "json:people[1].name": "record",
        "json:tags[0].tag": "record",
        "json:comments[0].user": "record",
        "json:comments[0].comment": "caption",
    }
