"""Instagram, "Download your information" as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from privacy_audit.errors import SourceError
from privacy_audit.sources.exports import meta
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import Entry, Folders, Joined, Mention, Read, Record, document, paths
from privacy_audit.types import Failure, SourceKind

_INDEX = re.compile(r"(?:^|/)(?:content|media)/(?!.*/)[a-z_0-9]+\.json$|(?:^|/)media\.json$")
_HTML = re.compile(r"(?:^|/)(?:content|media)/posts(?:_\d+)?\.html$")
_PROFILE = re.compile(r"(?:^|/)personal_information/(?:personal_information/)?personal_information\.json$")
_HIDDEN = re.compile(r"archived_posts|recently_deleted|(?:^|/)messages(?:/|$)")
_SHOWN = re.compile(r"(?:^|/)(?:posts(?:_\d+)?|reels|igtv_videos)\.json$")
_STORY = re.compile(r"(?:^|/)(?:stories|other_content)\.json$")
_YES, _NO = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0", "off"})
_FLAG = ("profile_user",)
_PROBES = 20


class Instagram:
    """Who could see a post follows from the account's "Private Account", where the export holds it in English."""

    kind: SourceKind = "instagram"
    captions = meta.CAPTIONS
    quiet = meta.QUIET

    def claims(self, names: Iterable[str], read: Read) -> bool:
        """A list of posts, stories or the like in which media have a uri below media/."""
        names = list(names)
        likely = [name for name in names if _INDEX.search(name)]
        likely.sort(key=lambda name: _SHOWN.search(name) is None)
        for name in likely[:_PROBES]:
            if any("/" in uri for _, uri in islice(meta.media(read(name)), _PROBES)):
                return True
        if any(_HTML.search(name) for name in names):
            raise SourceError(
                "this is an Instagram download in HTML. Ask Instagram for JSON; or scan the pictures alone: --source "
                "folder, for an archive --source zip."
            )
        return False

    def join(self, forest: Forest, folders: Folders, pictures: frozenset[str], skipped: Counter[str]) -> Joined:
        """All lists of media."""
        found = meta.join(forest, meta.readable(folders, _INDEX), folders, pictures)
        profile = next(filter(_PROFILE.search, paths(folders)), None)
        if profile is not None:
            flag = Mention(profile, _FLAG)
            found.taken.add(profile)
            for mentions in found.mentions.values():
                mentions.append(flag)
            found.alone = [replace(entry, mentions=(*entry.mentions, flag)) for entry in found.alone]
        meta.skipped_messages(folders, skipped, found)
        return found

    def record(self, forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
        """Caption, place, device and times of a picture, and its audience with where that is known from."""
        profile = [mention.file for mention in entry.mentions if mention.pointer == _FLAG]
        posts = tuple(mention for mention in entry.mentions if mention.pointer != _FLAG)
        said, failures = meta.record(forest, replace(entry, mentions=posts))
        places = [entry.picture or "", *(mention.file for mention in posts)]
        private = _is_private(document(forest, profile[0])) if profile else None
        said |= _audience(places, private)
        return {"source": "instagram", **said}, failures


def _audience(places: list[str], private: bool | None) -> Record:
    """By the strictest of the places that a picture is in."""
    if any(_HIDDEN.search(place) for place in places):
        return {"audience": "private", "audience_source": "folder"}
    if private is None:
        return {}
    if any(_STORY.search(place) for place in places):
        return {"audience": "followers", "audience_source": "account"} if private else {}
    if any(_SHOWN.search(place) for place in places):
        return {"audience": "followers" if private else "public", "audience_source": "account"}
    return {}


def _is_private(data: object) -> bool | None:
    """The flag of the account; None where it is missing, or its name is in another language."""
    users = data.get("profile_user") if isinstance(data, dict) else None
    user = users[0] if isinstance(users, list) and users else users
    table = user.get("string_map_data") if isinstance(user, dict) else None
    flag = table.get("Private Account") if isinstance(table, dict) else None
    value = str(flag.get("value")).strip().lower() if isinstance(flag, dict) else ""
    return True if value in _YES else False if value in _NO else None
