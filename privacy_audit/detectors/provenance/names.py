"""Marks that platforms leave: in file names, in Facebook's IPTC field, and the names of platforms themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from privacy_audit.detectors.provenance.signals import Signal


@dataclass(frozen=True, slots=True)
class Platform:
    """`suggests` is what a mark hints at. `private_source`: a record that names this source states `private`."""

    id: str
    suggests: str = ""
    private_source: bool = False


_PRIVATE = (
    *("whatsapp", "imessage", "facebookmessenger", "snapchat", "threema", "viber", "wechat"),
    *("cameraroll", "googlephotos", "googletakeout", "icloudphotos"),
)
# Channels as well as direct talk, a backup as well as a place to hand a dataset over, or a word with other meanings.
_PERHAPS_PRIVATE = (
    *("discord", "slack", "telegram", "teams", "icloud", "googledrive", "onedrive", "dropbox"),
    *("signal", "line", "messenger"),
)
_NETWORKS = (
    *("500px", "artstation", "behance", "bluesky", "deviantart", "flickr", "imgur", "linkedin", "mastodon"),
    *("pinterest", "pixabay", "reddit", "shutterstock", "threads", "tiktok", "tumblr", "twitter", "unsplash"),
    *("vk", "weibo", "wikimedia", "wikimediacommons", "youtube"),
)

PLATFORMS: dict[str, Platform] = {
    **{name: Platform(name, "private", private_source=True) for name in _PRIVATE},
    **{name: Platform(name, "private") for name in _PERHAPS_PRIVATE},
    **{name: Platform(name, "restricted") for name in ("facebook", "instagram")},
    **{name: Platform(name) for name in _NETWORKS},
}

# The beginnings of the names that the apps give to what they save.
_FILE_NAMES: tuple[tuple[re.Pattern[str], Platform], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), platform)
    for pattern, platform in (
        (r"(?:IMG|VID|PTT|AUD|STK|DOC)-\d{8}-WA\d{4}", PLATFORMS["whatsapp"]),
        (r"WhatsApp[ _-](?:Image|Video)[ _-]\d{4}-\d\d-\d\d", PLATFORMS["whatsapp"]),
        (r"\d{8}-PHOTO-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d", PLATFORMS["whatsapp"]),
        (r"signal-\d{4}-\d\d-\d\d", PLATFORMS["signal"]),
        (r"signal-attachment-\d{4}-\d\d-\d\d", PLATFORMS["signal"]),
        (r"Snapchat-\d{5,}", PLATFORMS["snapchat"]),
        (r"mmexport\d{13}", PLATFORMS["wechat"]),
        (r"received_\d{10,}", PLATFORMS["facebookmessenger"]),
        (r"FB_IMG_\d{13}", PLATFORMS["facebook"]),
        (r"\d{5,}_\d{5,}_\d{5,}_[no]\.", PLATFORMS["facebook"]),
        (r"photo_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", PLATFORMS["telegram"]),
        (r"photo_\d+@\d\d-\d\d-\d{4}_", PLATFORMS["telegram"]),
        (r"(?:Screenshot|Screen[ _]Shot|Bildschirmfoto|Tangkapan[ _]Layar)[ _-]", Platform("screenshot")),
    )
)
_FBMD = re.compile(r"FBMD[0-9a-f]{2}", re.IGNORECASE | re.ASCII)


def in_file_name(name: str) -> Signal | None:
    """The platform whose naming habit `name` (the last part of a path) follows. Weak: anyone can rename a file."""
    for pattern, platform in _FILE_NAMES:
        if pattern.match(name[:255]):
            return _mark("file name", platform, "low")
    return None


def in_source(value: str) -> Signal | None:
    """What a record's source column says. A source that holds nothing but private pictures is evidence of `private`."""
    platform = PLATFORMS.get("".join(character for character in value[:64].casefold() if character.isalnum()))
    if platform is None:
        return None
    if platform.private_source:
        return Signal("source", "medium", visibility="private", value=platform.id)
    return _mark("source", platform, "medium")


def facebook_mark(instructions: str) -> Signal | None:
    """Facebook writes FBMD and a code into IPTC SpecialInstructions of what it serves, to whatever audience."""
    if not _FBMD.match(instructions.strip()[:16]):
        return None
    return Signal("iptc:FBMD", "low", visibility="restricted", value="facebook", code="provenance.platform")


def _mark(signal: str, platform: Platform, confidence: Literal["medium", "low"]) -> Signal:
    return Signal(signal, confidence, value=platform.id, suggests=platform.suggests, code="provenance.platform")
