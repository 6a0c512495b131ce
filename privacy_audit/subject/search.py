"""One shard searched for what a person sent: exact copies, near copies, listed hashes and URLs, faces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from privacy_audit.detectors.base import Detector
from privacy_audit.errors import PictureError
from privacy_audit.run.plan import DetectorSpec
from privacy_audit.run.shard import build
from privacy_audit.sources import Item, Shard, SkippedMember, Source
from privacy_audit.subject import copies, matching
from privacy_audit.subject.embeddings import Face, worth_comparing
from privacy_audit.subject.people import embedder
from privacy_audit.types import Failure, FailureKind, Finding, Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from privacy_audit.pixels import Picture

Method = Literal["exact", "hash", "url", "near", "face"]
METHODS: tuple[Method, ...] = ("exact", "hash", "url", "near", "face")
"""Surest first: same bytes as a photo, listed hash, listed URL, near copy of a photo, a face like one on a photo."""
_FACES = (DetectorSpec("faces"),)


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. Travels to the workers in memory, and shows neither hash nor embedding in its repr."""

    photos: frozenset[str]
    """sha256 of the photos."""
    listed: frozenset[str] = frozenset()
    """sha256 of contents, from a list."""
    urls: frozenset[str] = frozenset()
    """`url_digest` of URLs, from a list."""
    forms: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    most_bits: int = copies.THRESHOLD
    faces: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    most_distance: float = matching.FACE_THRESHOLD


@dataclass(frozen=True, slots=True)
class Match:
    """A sample that may be the person's. `distance` is in bits for `near`, Euclidean for `face`, else 0."""

    sample_id: str
    sha256: str
    method: Method
    distance: float

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key: surest first."""
        return METHODS.index(self.method), self.distance, self.sample_id


@dataclass(slots=True)
class ShardMatches:
    """What one shard gave. `failed` samples could not be searched, at least not in every way that was asked for."""

    matches: list[Match] = field(default_factory=list)
    samples: int = 0
    failed: int = 0
    without_picture: int = 0


@dataclass(frozen=True, slots=True)
class SearchJob:
    """One shard of a search."""

    source: Source
    shard: Shard
    query: Query
    culprits: Mapping[int, FailureKind] = field(default_factory=dict)
    cautious: bool = False

    def run(self, announce: Callable[[int], None]) -> ShardMatches:
        """Search every sample of the shard."""
        result = ShardMatches()
        for position, member in enumerate(self.source.read(self.shard)):
            announce(position)
            if isinstance(member, SkippedMember):
                continue
            result.samples += 1
            if position in self.culprits:
                result.failed += 1
            else:
                _search(member, self.query, result)
        return result


def _search(item: Item, query: Query, result: ShardMatches) -> None:
    sample = item.sample
    found: list[tuple[Method, float]] = []
    if query.urls and any(text.channel == "url" and url_digest(text.value) in query.urls for text in sample.texts):
        found.append(("url", 0.0))
    digest = ""
    failed = any(failure.stage == "source" for failure in item.failures)
    if sample.picture is None:
        result.without_picture += not failed
    else:
        try:
            digest = sample.picture.digest
            found += _by_picture(sample, sample.picture, digest, query)
        except PictureError:
            failed = True
    result.failed += failed
    if found:
        method, distance = min(found, key=lambda entry: METHODS.index(entry[0]))
        result.matches.append(Match(sample.id, digest, method, distance))


def _by_picture(sample: Sample, picture: Picture, digest: str, query: Query) -> list[tuple[Method, float]]:
    if digest in query.photos:
        return [("exact", 0.0)]
    if digest in query.listed:
        return [("hash", 0.0)]
    found: list[tuple[Method, float]] = []
    if query.forms is not None:
        bits = copies.distance(query.forms, copies.hashes(picture))
        if bits <= query.most_bits:
            return [("near", float(bits))]
    if query.faces is not None:
        vectors = embedder()(picture, worth_comparing(faces_on(sample)))
        if len(vectors):
            apart = float(matching.distances(query.faces, vectors).min())
            if apart <= query.most_distance:
                found.append(("face", round(apart, 4)))
    return found


def faces_on(sample: Sample) -> list[Face]:
    """The faces that the face detector is confident of. Raises PictureError when it could not look."""
    (detector,) = _detectors()
    outcome = detector.detect([sample])[0]
    parts = [outcome] if isinstance(outcome, Failure) else outcome
    for part in parts:
        if isinstance(part, Failure):
            raise PictureError(part.message, part.kind)
    return [Face.of(part) for part in parts if isinstance(part, Finding) and part.attributes.get("band") != "review"]


def _detectors() -> Sequence[Detector]:
    return build(_FACES)


def url_digest(url: str) -> str:
    """Hex sha256 of a URL without its fragment, scheme and host in lower case, no slash at its end."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        text = urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query, ""))
    except ValueError:
        pass  # no URL that can be taken apart: it matches itself
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
