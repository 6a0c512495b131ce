"""Facebook, "Download your information" as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from privacy_audit.errors import SourceError
from privacy_audit.sources.exports import meta
from privacy_audit.sources.exports.forest import Forest
from privacy_audit.sources.exports.layout import Entry, Folders, Joined, Read, Record
from privacy_audit.types import Failure, SourceKind

_FOLDERS = r"(?:^|/)(?:posts|album|photos_and_videos|stories|groups|events|reels|activity_you'?re_tagged_in)/"
_INDEX = re.compile(_FOLDERS + r".*\.json$")
_POSTS = re.compile(
    r"(?:^|/)(?:posts|photos_and_videos)/(?:album/\d+|(?:your_)?[a-z_0-9]*(?:posts|photos)[^/]*)\.json$"
)
_HTML = re.compile(r"(?:^|/)posts/your_posts[^/]*\.html$")
_HIDDEN = re.compile(r"archived_stories|(?:^|/)(?:trash|archive|messages)(?:/|\.json$|_)")
_GROUP = re.compile(r"(?:^|/)groups/")
_PROBES = 20


class Facebook:
    """Nothing in these exports says who could see a post: that stays unknown, apart from messages, trash and groups."""

    kind: SourceKind = "facebook"
    captions = meta.CAPTIONS
    quiet = meta.QUIET

    def claims(self, names: Iterable[str], read: Read) -> bool:
        """A list of posts or an album in which media have a uri."""
        names = list(names)
        for name in islice(filter(_POSTS.search, names), _PROBES):
            for pointer, uri in islice(meta.media(read(name)), _PROBES):
                if "/" in uri and _is_known(pointer):
                    return True
        if any(_HTML.search(name) for name in names):
            raise SourceError(
                "this is a Facebook download in HTML. Ask Facebook for JSON; or scan the pictures alone: --source "
                "folder, for an archive --source zip."
            )
        return False

    def join(self, forest: Forest, folders: Folders, pictures: frozenset[str], skipped: Counter[str]) -> Joined:
        """Posts, albums, stories, groups: a picture may be in several."""
        found = meta.join(forest, meta.readable(folders, _INDEX), folders, pictures)
        meta.skipped_messages(folders, skipped, found)
        return found

    def record(self, forest: Forest, entry: Entry) -> tuple[Record, list[Failure]]:
        """Captions, album, people, place, network address and device of a picture."""
        said, failures = meta.record(forest, entry)
        places = [entry.picture or "", *(mention.file for mention in entry.mentions)]
        if any(_HIDDEN.search(place) for place in places):
            said |= {"audience": "private", "audience_source": "folder"}
        elif any(_GROUP.search(place) for place in places):
            said |= {"audience": "group", "audience_source": "folder"}
        return {"source": "facebook", **said}, failures


def _is_known(pointer: tuple[str | int, ...]) -> bool:
    """Whether media stand where Facebook puts them."""
    return not {"attachments", "photos", "cover_photo", "other_photos_v2", "note"}.isdisjoint(pointer)
