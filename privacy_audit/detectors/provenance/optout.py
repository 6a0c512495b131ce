"""Opt-out lists that the user gives: one sha256 of a file, URL or domain per line."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from privacy_audit.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["hash", "url", "domain"]
MAX_LINE_BYTES = 8192
MAX_SHOWN = 20
MAX_URLS = 1000  # of one sample
MAX_LABELS = 10  # of a domain
_HASH = re.compile(r"(?:sha256[:-])?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_DOMAIN = re.compile(r"(?:[\w](?:[\w-]{0,62})\.)+[^\W\d][\w-]{1,62}\.?")
_BOTH = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:)?//", re.IGNORECASE | re.ASCII)


class OptOuts:
    """A list, kept as one sorted array of 8 bytes per line: 8 MB for a million. Two entries in 2^64 look alike."""

    def __init__(self, path: Path, sha256: str = "") -> None:
        """Load `path`. Raises SourceError for lines that are no entry, or when `sha256` is not the file's."""
        import numpy as np

        digest = hashlib.sha256()
        marks = array("Q")
        wrong: list[int] = []
        try:
            with path.open("rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                    digest.update(line)
                    text = line.decode("utf-8-sig", "replace").strip()
                    if not text or text.startswith("#"):
                        continue
                    entry = _entry(text)
                    if entry is None:
                        wrong.append(number)
                    else:
                        marks.append(_mark(entry))
        except OSError as error:
            raise SourceError(f"the opt-out list {path} cannot be read: {error.strerror}.") from error
        if wrong:
            # The lines themselves are not shown: one may hold the name or address of a person
            shown = [f"{path}:{number}: is no sha256, URL or domain" for number in wrong[:MAX_SHOWN]]
            rest = [f"{path}: and {len(wrong) - MAX_SHOWN} more such lines"] if len(wrong) > MAX_SHOWN else []
            raise SourceError("\n".join([*shown, *rest]))
        if not marks:
            raise SourceError(f"the opt-out list {path} holds no entry. One sha256, URL or domain per line.")
        self.sha256 = digest.hexdigest()
        if sha256 and sha256 != self.sha256:
            raise SourceError(f"the opt-out list {path} changed during the scan. Run the same command again.")
        self._marks: NDArray[np.uint64] = np.unique(np.frombuffer(marks, dtype=np.uint64))

    def __len__(self) -> int:
        return len(self._marks)

    def find(self, hashes: Iterable[str], urls: Iterable[str]) -> set[Kind]:
        """By what a sample with these sha256 digests and URLs is listed."""
        entries: list[tuple[Kind, str]] = [
            ("hash", match[1].lower()) for text in hashes if (match := _HASH.fullmatch(text.strip()))
        ]
        for url in islice(urls, MAX_URLS):
            entries += _parts(url[:MAX_LINE_BYTES])
        return {kind for kind, value in entries if self._has(_mark((kind, value)))}

    def _has(self, mark: int) -> bool:
        import numpy as np

        at = int(np.searchsorted(self._marks, np.uint64(mark)))
        return at < len(self._marks) and int(self._marks[at]) == mark


def _mark(entry: tuple[Kind, str]) -> int:
    kind, value = entry
    if kind == "hash":
        return int(value[:16], 16)
    return int.from_bytes(hashlib.blake2b(f"{kind} {value}".encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _entry(text: str) -> tuple[Kind, str] | None:
    if match := _HASH.fullmatch(text):
        return "hash", match[1].lower()
    if _DOMAIN.fullmatch(bare := text.removeprefix("*.")):
        return "domain", _host(bare)
    if _BOTH.match(text) or "/" in text:
        url = _url(text)
        return ("url", url) if url is not None else None
    return None


def _parts(url: str) -> Iterator[tuple[Kind, str]]:
    """What a list may hold about a URL: the URL, its host, and the domains above it."""
    plain = _url(url)
    if plain is None:
        return
    yield "url", plain
    labels = plain.partition("/")[0].partition(":")[0].split(".")
    for start in range(max(0, len(labels) - MAX_LABELS), len(labels) - 1):
        yield "domain", ".".join(labels[start:])


def _url(text: str) -> str | None:
    """Host, path and query: http or https, port 80 or 443, user, fragment and a last slash make no difference."""
    try:
        parts = urlsplit(text if _BOTH.match(text) else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not host or not (_DOMAIN.fullmatch(host) or host == "localhost" or re.fullmatch(r"[0-9.]+|[0-9a-f:]+", host)):
        return None
    shown = _host(host) + (f":{port}" if port not in {None, 80, 443} else "")
    path = parts.path.rstrip("/") or "/"
    return f"{shown}{path}?{parts.query}" if parts.query else f"{shown}{path}"


def _host(host: str) -> str:
    host = host.rstrip(".").casefold()
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
