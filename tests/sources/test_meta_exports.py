"""Instagram and Facebook downloads: what is said of a picture, who could see it, and text that is mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privacy_audit.detectors.provenance import Provenance
from privacy_audit.errors import SourceError
from privacy_audit.sources import Item, open_source
from privacy_audit.sources.exports import recognised
from privacy_audit.sources.exports.meta import MAX_NEAR, mended
from privacy_audit.sources.tree import MAX_SIDECAR_BYTES
from privacy_audit.types import VISIBILITIES

Files = dict[str, Any]
PHOTO = "media/posts/202001/1.jpg"
POSTS = "your_instagram_activity/media/posts_1.json"
FACEBOOK = "your_facebook_activity/posts/your_posts_1.json"
SHOT = "your_facebook_activity/posts/media/m/1.jpg"


def write(root: Path, files: Files) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return root


def items(root: Path, kind: str | None = None) -> dict[str, Item]:
    source = open_source(root, kind=kind)
    found = [item for shard in source.shards() for item in source.read(shard) if isinstance(item, Item)]
    assert len(found) == source.survey().samples
    return {item.sample.id: item for item in found}


def visibility(item: Item) -> str:
    (found,) = Provenance().detect([item.sample])
    assert isinstance(found, list)
    said = [part.attributes["visibility"] for part in found if "visibility" in getattr(part, "attributes", {})]
    return str(max(said, key=VISIBILITIES.index))


def twisted(text: str) -> str:
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (twisted("Løren \U0001f600 Ça"), "Løren \U0001f600 Ça"),
        ("café", "café"),
        ("日本", "日本"),
        ("plain", "plain"),
        ("", ""),
        ("\u00ff\u00fe", "\u00ff\u00fe"),
        ("\ud800", "\ud800"),
    ],
)
def test_mended(text: str, wanted: str) -> None:
    assert mended(text) == wanted


@pytest.mark.parametrize(
    "shape",
    [
        lambda post: [post],
        lambda post: post,
        lambda post: {"posts": [post]},
        lambda post: {"ig_other_media": [post]},
    ],
)
def test_an_instagram_post(tmp_path: Path, jpeg: Callable[..., bytes], shape: Callable[[Any], Any]) -> None:
    exif = [{"latitude": 48.2, "device_id": "android-12"}, {"longitude": 16.25, "software": "Camera"}]
    one = {
        "uri": PHOTO,
        "creation_timestamp": 1600000000,
        "title": twisted("Grüße"),
        "media_metadata": {"photo_metadata": {"exif_data": exif}},
        "cross_post_source": {"source_app": "FB"},
    }
    other = {"uri": "media/posts/202001/gone.jpg", "title": "second"}
    linked = {"uri": "https://example.com/a.jpg"}
    post = {"media": [one, other, linked], "title": "two of them"}
    found = items(write(tmp_path, {PHOTO: jpeg("red"), POSTS: shape(post)}))
    assert sorted(found) == [PHOTO, f"{POSTS}#1"]
    assert found[PHOTO].sample.record == {
        "source": "instagram",
        "title": "two of them",
        "creation_timestamp": 1600000000,
        "title[1]": "Grüße",
        "exif.latitude": 48.2,
        "exif.device_id": "android-12",
        "exif.longitude": 16.25,
        "exif.software": "Camera",
        "cross_post_source.source_app": "FB",
    }
    assert [text.value for text in found[PHOTO].sample.texts if text.channel == "caption"] == ["two of them", "Grüße"]
    assert found[f"{POSTS}#1"].skipped
    assert found[f"{POSTS}#1"].sample.picture is None


@pytest.mark.parametrize(
    ("section", "flag", "wanted"),
    [
        ("posts_1", "False", "public"),
        ("posts", "True", "restricted"),
        ("reels", "No", "public"),
        ("posts_1", None, "unknown"),
        ("posts_1", "Ya", "unknown"),
        ("stories", "False", "unknown"),
        ("stories", "True", "restricted"),
        ("archived_posts", "False", "private"),
        ("recently_deleted_content", None, "private"),
        ("profile_photos", "False", "unknown"),
    ],
)
def test_who_could_see_it_on_instagram(
    tmp_path: Path, jpeg: Callable[..., bytes], section: str, flag: str | None, wanted: str
) -> None:
    files: Files = {PHOTO: jpeg("red"), f"your_instagram_activity/media/{section}.json": [{"media": [{"uri": PHOTO}]}]}
    if flag is not None:
        table = {"Private Account": {"value": flag}, "Email": {"value": "jane@example.com"}}
        profile = "personal_information/personal_information/personal_information.json"
        files[profile] = {"profile_user": [{"string_map_data": table}]}
    item = items(write(tmp_path, files))[PHOTO]
    assert visibility(item) == wanted
    assert "jane@example.com" not in repr(item)


def test_pictures_in_messages(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    inbox = "your_instagram_activity/messages/inbox/jane_1"
    thread = {"messages": [{"sender_name": "Jane", "content": "hi", "photos": [{"uri": f"{inbox}/photos/2.jpg"}]}]}
    files: Files = {PHOTO: jpeg("red"), POSTS: [{"media": [{"uri": PHOTO}]}]}
    files |= {f"{inbox}/photos/2.jpg": jpeg("blue"), f"{inbox}/message_1.json": thread}
    root = write(tmp_path, files)
    found = items(root)
    assert visibility(found[f"{inbox}/photos/2.jpg"]) == "private"
    assert found[f"{inbox}/photos/2.jpg"].sample.record == {
        "source": "instagram",
        "audience": "private",
        "audience_source": "folder",
    }
    assert open_source(root).survey().skipped == {"thread of messages (not read)": 1}


def test_instagram_before_2021_and_a_root_of_its_own(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    old = {
        "photos": [{"path": "photos/201901/1.jpg", "caption": "hello", "location": "Wien", "taken_at": "2019-01-01"}]
    }
    found = items(write(tmp_path, {"me_2019/photos/201901/1.jpg": jpeg("red"), "me_2019/media.json": old}))
    record = found["me_2019/photos/201901/1.jpg"].sample.record
    assert (record["caption"], record["location"]) == ("hello", "Wien")


def test_a_facebook_photo_in_a_post_and_in_an_album(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    exif = {"upload_ip": "203.0.113.9", "latitude": 48.2, "longitude": 16.25, "taken_timestamp": -62169958800}
    photo = {
        "uri": SHOT,
        "title": "Mobile uploads",
        "description": twisted("Straße"),
        "media_metadata": {"photo_metadata": {"exif_data": [exif]}},
        "thumbnail": {"uri": "https://example.com/thumb.jpg"},
    }
    place = {"name": twisted("Café"), "address": "Here 1", "coordinate": {"latitude": 0, "longitude": 0}}
    post = {
        "timestamp": 1600000000,
        "title": "Jane was at a place",
        "data": [{"post": "a post"}],
        "tags": [{"name": twisted("Zoë")}, "Max"],
        "attachments": [{"data": [{"media": photo}, {"place": place}]}],
    }
    album = {"name": "Mobile uploads", "description": "all", "photos": [photo | {"title": "Mobile uploads"}]}
    files = {SHOT: jpeg("red"), FACEBOOK: post, "your_facebook_activity/posts/album/0.json": album}
    ((_, item),) = items(write(tmp_path, files)).items()
    assert item.sample.record == {
        "source": "facebook",
        "title": "Jane was at a place",
        "timestamp": 1600000000,
        "caption": "a post",
        "place.name": "Café",
        "place.address": "Here 1",
        "album": "Mobile uploads",
        "description": "Straße",
        "description[1]": "all",
        "exif.upload_ip": "203.0.113.9",
        "exif.latitude": 48.2,
        "exif.longitude": 16.25,
        "exif.taken_timestamp": -62169958800,
        "people[0].name": "Zoë",
        "people[1].name": "Max",
    }
    assert visibility(item) == "unknown"


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ("your_facebook_activity/stories/archived_stories.json", "private"),
        ("your_facebook_activity/groups/group_posts.json", "restricted"),
        ("your_facebook_activity/posts/trash.json", "private"),
    ],
)
def test_who_could_see_it_on_facebook(tmp_path: Path, jpeg: Callable[..., bytes], document: str, wanted: str) -> None:
    post = {"attachments": [{"data": [{"media": {"uri": SHOT}}]}]}
    found = items(write(tmp_path, {SHOT: jpeg("red"), document: [post]}), "facebook")
    assert visibility(found[SHOT]) == wanted


def test_names_with_apostrophes_and_broken_letters(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    name = "your_facebook_activity/posts/media/l'été/1.jpg"
    post = {"attachments": [{"data": [{"media": {"uri": twisted(name), "description": "found"}}]}]}
    found = items(write(tmp_path, {name: jpeg("red"), FACEBOOK: [post]}))
    assert found[name].sample.record["description"] == "found"


@pytest.mark.parametrize(
    ("data", "failures"),
    [
        (b"{", {"error"}),
        (b'{"a":' * 100_000, {"error"}),
        (b"[" * 100_000, {"error"}),
        (b"9" * 10_000, {"error"}),
        ([{"attachments": [{"data": [{"media": {"uri": SHOT}}]}], "tags": ["x"] * (MAX_NEAR + 1)}], {"too_large"}),
        ([{"attachments": 1, "data": "x", "tags": {"a": 1}, "media": {"uri": SHOT, "media_metadata": 7}}], set()),
        ([{"media": {"uri": ["x"]}}, {"uri": {}}, None, {"media": {"uri": "../../" + SHOT}}], set()),
    ],
)
def test_hostile_documents(tmp_path: Path, jpeg: Callable[..., bytes], data: Any, failures: set[str]) -> None:
    found = items(write(tmp_path, {SHOT: jpeg("red"), FACEBOOK: data}), "facebook")
    assert {failure.kind for item in found.values() for failure in item.failures} == failures
    assert SHOT in found


@pytest.mark.parametrize(
    ("name", "platform"),
    [("your_instagram_activity/media/posts_1.html", "Instagram"), ("posts/your_posts_1.html", "Facebook")],
)
def test_a_download_in_html(tmp_path: Path, jpeg: Callable[..., bytes], name: str, platform: str) -> None:
    root = write(tmp_path, {PHOTO: jpeg("red"), name: b"<html>"})
    with pytest.raises(SourceError, match=f"{platform} download in HTML"):
        open_source(root)
    assert open_source(root, kind="folder").survey().samples == 2


def test_what_is_none_of_them(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    assert recognised(write(tmp_path, {"posts/a.jpg": jpeg("red"), "posts/posts.json": [{"text": "hello"}]})) is None


def test_a_document_that_is_larger_than_a_sidecar_may_be(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    post = {"media": [{"uri": PHOTO, "title": "found"}], "padding": "x" * (MAX_SIDECAR_BYTES + 1)}
    found = items(write(tmp_path, {PHOTO: jpeg("red"), POSTS: [post]}))
    assert found[PHOTO].sample.record["title"] == "found"
