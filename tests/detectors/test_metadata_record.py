from __future__ import annotations

import json

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.metadata import Metadata, record
from privacy_audit.pixels import Picture
from privacy_audit.types import Failure, Finding, Sample, Skipped, Span, Tag, Text

EXIFREAD = {
    "Image Make": "Maker",
    "Image Artist": "Quentin Testperson",
    "EXIF BodySerialNumber": files.SERIAL,
    "EXIF DateTimeOriginal": "2001:02:03 04:05:06",
    "GPS GPSLatitudeRef": "S",
    "GPS GPSLatitude": "[7, 30, 1179/50]",
    "GPS GPSLongitudeRef": "E",
    "GPS GPSLongitude": "[110, 20, 5]",
}


def seen(values: dict[str, object]) -> set[tuple[str, str]]:
    return {(value.field, hit.code) for value, hit in record.hits(values)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"exif": json.dumps(EXIFREAD)},
            {("exif", "gps.precise"), ("exif", "time"), ("exif", "name.creator"), ("exif", "device.serial")},
        ),
        ({"lat": 7.53123, "lon": -110.33123}, {("lat", "gps.precise"), ("lon", "gps.precise")}),
        ({"lat": 7.5, "lng": 110.3}, {("lat", "gps.coarse"), ("lng", "gps.coarse")}),
        (
            {"gps_latitude": "-7.53123", "gps_longitude": "110.33123"},
            {("gps_latitude", "gps.precise"), ("gps_longitude", "gps.precise")},
        ),
        (
            {"GPSLatitude": "7 deg 30' 23.58\" S", "GPSLongitude": "110 deg 20' 5\" E"},
            {("GPSLatitude", "gps.precise"), ("GPSLongitude", "gps.precise")},
        ),
        ({"user.geo.lat": 1.25, "user.geo.lng": 3.5}, {("user.geo.lat", "gps.coarse"), ("user.geo.lng", "gps.coarse")}),
        ({"location": "7.53123, 110.33123"}, {("location", "gps.precise")}),
        ({"location": "Testville"}, {("location", "place")}),
        ({"DateTimeOriginal": "2001:02:03 04:05:06"}, {("DateTimeOriginal", "time")}),
        ({"BodySerialNumber": files.SERIAL}, {("BodySerialNumber", "device.serial")}),
        ({"exif.Artist": "Quentin Testperson"}, {("exif.Artist", "name.creator")}),
        ({"Artist": "Quentin Testperson"}, set()),
        ({"lat": 7.5}, set()),
        ({"lat": None, "lon": None}, set()),
        ({"lat": 95.0, "lon": 10.5}, set()),
        ({"lat": 0.0, "lon": 0.0}, set()),
        ({"lat": "<LOCATION>", "lon": "<LOCATION>"}, set()),
        ({"location": "<LOCATION>"}, set()),
        ({"location": "s3://bucket/key"}, set()),
        ({"exif": "{not json", "a": True, "b": []}, set()),
    ],
)
def test_what_is_found(values: dict[str, object], expected: set[tuple[str, str]]) -> None:
    assert seen(values) == expected


def test_one_place_has_one_precision_and_cell_in_file_and_record() -> None:
    values = {"exif": json.dumps(EXIFREAD)}
    hit = next(hit for _, hit in record.hits(values) if hit.code == "gps.precise")
    assert hit.attributes["cell"] == "-8,110"
    assert float(hit.attributes["precision_m"]) < 1


def test_a_span_is_the_value_inside_its_text() -> None:
    text = json.dumps(EXIFREAD)
    for value, _ in record.hits({"exif": text}):
        assert text[value.span.start : value.span.end] in EXIFREAD.values()


def test_findings_name_the_field_and_hold_no_value() -> None:
    text = json.dumps(EXIFREAD)
    sample = Sample("a", "", None, (Text("record", "json:exif", text),), {"exif": text})
    found = Metadata().detect([sample])[0]
    assert isinstance(found, list)
    assert {part.channel for part in found if isinstance(part, Finding)} == {"record"}
    assert {part.attributes["field"] for part in found if isinstance(part, Finding)} == {"json:exif"}
    assert all(isinstance(part.where, Span) for part in found if isinstance(part, Finding))
    for value in ("Quentin", files.SERIAL, "1179", "30, "):
        assert value not in repr(found)


def test_a_record_is_read_though_the_picture_is_gone() -> None:
    sample = Sample("a", "", Picture.broken("not there"), (), {"lat": 7.53123, "lon": 110.33123})
    found = Metadata().detect([sample])[0]
    assert isinstance(found, list)
    assert [type(part) for part in found] == [Finding, Finding, Failure]


def test_a_sidecar_is_read_and_a_damaged_one_is_a_failure() -> None:
    packet = files.xmp('photoshop:City="Testville"')
    found = Metadata().detect([Sample("a", "", Picture(files.jpeg()), sidecar=packet)])[0]
    assert isinstance(found, list)
    assert [(part.code, part.where) for part in found if isinstance(part, Finding)] == [
        ("place", Tag("sidecar XMP-photoshop:City"))
    ]
    damaged = Metadata().detect([Sample("a", "", None, sidecar=packet[:-40])])[0]
    assert isinstance(damaged, list)
    assert [part.stage for part in damaged if isinstance(part, (Failure, Skipped))] == ["metadata.sidecar"]


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["lat", "lon", "exif", "GPSLatitude", "GPSLongitude", "location", "metadata", "exif.DateTime"]),
        st.text(max_size=60)
        | st.floats()
        | st.integers()
        | st.none()
        | st.text("[(0123456789.,/-' \"NSEWdeg{}:", max_size=40),
    )
)
def test_never_raises(values: dict[str, object]) -> None:
    list(record.hits(values))


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (
            {
                "exif": '{"GPSInfo": {"GPSLatitude": [7, 36, 28.4], "GPSLatitudeRef": "S", '
                '"GPSLongitude": [110, 12, 13.6], "GPSLongitudeRef": "E"}}'
            },
            ["exif"] * 6,
        ),
        (
            {
                f"exif.GPS{name}[{at}]": value
                for name in ("Latitude", "Longitude")
                for at, value in enumerate((7, 36, 28))
            },
            [f"exif.GPS{name}[{at}]" for name in ("Latitude", "Longitude") for at in range(3)],
        ),
    ],
)
def test_degrees_minutes_and_seconds_in_a_list_are_one_place(record: dict[str, object], fields: list[str]) -> None:
    """Each number of the list is to be masked; in a flat record each is a field of its own."""
    found = [finding for finding in Metadata()(Sample("a", "", record=record)) if finding.code == "gps.precise"]
    assert [finding.attributes["field"] for finding in found] == fields
    assert {finding.attributes["cell"] for finding in found} in ({"-8,110"}, {"7,7"})
