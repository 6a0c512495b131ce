"""Names of files and members: as valid Unicode, cleaned of what leads outside, and as short stand-ins."""

from __future__ import annotations

import hashlib
import os
import re

PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib"),
        *(".heic", ".heif", ".hif", ".avif", ".jxl", ".dng", ".nef", ".cr2"),
    }
)
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_DRIVE = re.compile(r"^[A-Za-z]:")
OUTSIDE = "the member's name leads outside the archive; it was read under the rest of the name"
NESTED = "an archive inside the archive is not opened: unpack it, and scan it by itself"
_ARCHIVES = (
    *(b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"),
    *(b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"),
)
TAR_MAGIC_AT = 257
PUBLIC_MANIFEST = "privacy-audit-manifest.json"
"""What `redact` says of a copy, at its root. It is no part of the dataset: no source sees it."""
ARCHIVE_HEAD = 512  # bytes that `is_archive` wants to see


def is_archive(head: bytes) -> bool:
    """Whether `head`, the first ARCHIVE_HEAD bytes, begins a ZIP, tar, gzip, 7z, RAR, bzip2, xz or zstd file."""
    return head.startswith(_ARCHIVES) or head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == b"ustar"


def is_resource_fork(head: bytes) -> bool:
    """Whether this is what macOS puts beside each file in archives (`._a.jpg`): no picture, whatever the name."""
    return head.startswith(b"\0\x05\x16\x07")


def skip_reason(suffix: str) -> str:
    """By suffix when it is a plain one; an odd suffix may itself be personal."""
    return f"not a picture ({suffix})" if _PLAIN_SUFFIX.fullmatch(suffix) else "not a picture"


def inside(name: str) -> tuple[str, bool]:
    """A member's name below the archive's root, and whether it was so from the start; "" when nothing is left."""
    if "\\" in name and "/" not in name:
        name = name.replace("\\", "/")
    rest = _DRIVE.sub("", name).replace("\0", "")
    parts = [part for part in rest.split("/") if part not in {"", ".", ".."}]
    sound = rest == name and not name.startswith("/") and ".." not in name.split("/")
    return "/".join(parts), sound


def safe_name(name: str) -> str:
    """A file name as valid Unicode. One whose bytes are no UTF-8 is escaped, and marked by a `./` that no other has."""
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "./" + raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def mark(name: str) -> bytes:
    """A short stand-in for a name, so that a million names stay small in memory."""
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest()


def digest(*parts: str) -> str:
    """Hex sha256 over texts."""
    return hashlib.sha256("\0\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
