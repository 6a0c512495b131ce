"""How many distinct people an audited dataset shows, and how many pictures show the same person: an estimate.

Workers turn the audit's face boxes into embeddings and hand them over in memory; this process compares all of them and
keeps counts. Which pictures show the same person is not kept: that would be an index of identities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from privacy_audit.errors import AuditError, PictureError
from privacy_audit.redaction import orders
from privacy_audit.run.local import LocalRunner
from privacy_audit.sources import Shard, SkippedMember, Source
from privacy_audit.store.people import Count, People
from privacy_audit.subject import matching
from privacy_audit.subject.embeddings import SIZE, Embedder, Face, worth_comparing
from privacy_audit.types import Box, FailureKind, Finding

if TYPE_CHECKING:
    import numpy.typing as npt

    from privacy_audit.store.folder import AuditFolder
    from privacy_audit.subject.biometrics import Biometrics

THRESHOLD, LOOSE, STRICT = 0.5, 0.6, 0.4
"""At `LOOSE` different people are merged, at `STRICT` one person is split: the truth lies between."""
MOST_FACES = 200_000  # comparing all with all takes minutes from here on
METHOD = "dlib ResNet, 128 numbers after 5-point alignment; Chinese whispers on pairs of faces within the threshold"


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """The faces of one shard, as the audit found them."""

    source: Source
    shard: Shard
    audit: Path
    culprits: Mapping[int, FailureKind] = field(default_factory=dict)
    cautious: bool = False

    def run(self, announce: Callable[[int], None]) -> ShardFaces:
        """Compute the embeddings of the shard's faces; one picture at a time."""
        found = orders.read(self.audit, self.shard.id)
        result = ShardFaces(self.shard.id)
        for position, member in enumerate(self.source.read(self.shard)):
            announce(position)
            if isinstance(member, SkippedMember) or member.sample.id not in found:
                continue
            faces = [Face.of(finding) for finding in found[member.sample.id].findings if _counts(finding)]
            if not faces or member.sample.picture is None:
                continue
            kept = worth_comparing(faces)
            result.too_small += len(faces) - len(kept)
            try:
                if position in self.culprits:
                    raise PictureError("a worker process died on this picture")
                vectors = embedder()(member.sample.picture, kept)
            except PictureError:
                result.failed += 1
                continue
            if len(vectors):
                result.vectors.append(vectors)
        return result


@dataclass(slots=True)
class ShardFaces:
    """Embeddings, one array per picture. Not for any file or log."""

    shard: str
    vectors: list[npt.NDArray[np.float32]] = field(default_factory=list, repr=False)
    too_small: int = 0
    failed: int = 0


@lru_cache(maxsize=1)
def embedder() -> Embedder:
    """The networks, loaded once per process."""
    return Embedder()


def _counts(finding: Finding) -> bool:
    """Confident faces of the first frame: further frames of an animation show the same people again."""
    attributes = finding.attributes
    return (
        finding.code == "face"
        and isinstance(finding.where, Box)
        and attributes.get("band") != "review"
        and "frame" not in attributes
    )


def count_people(source: Source, audit: AuditFolder, biometrics: Biometrics, *, jobs: int, timeout_s: float) -> People:
    """Compare all faces of an audit with one another. Raises ModelError without the extra, AuditError without faces."""
    check_detectors(entry.name for entry in audit.manifest.detectors)
    source.survey()  # sets the size of shards to what the audit used
    work = (EmbedJob(source, shard, audit.path) for shard in source.shards())
    per_picture: list[npt.NDArray[np.float32]] = []
    too_small = failed = 0
    results: list[ShardFaces] = sorted(LocalRunner(jobs, timeout_s).map(work), key=lambda result: result.shard)
    for result in results:
        per_picture += result.vectors
        too_small += result.too_small
        failed += result.failed
    vectors = np.concatenate(per_picture) if per_picture else np.zeros((0, SIZE), np.float32)
    if len(vectors) > MOST_FACES:
        raise AuditError(f"more than {MOST_FACES:,} faces are not compared with one another. Scan a part of the data.")
    pictures = np.repeat(np.arange(len(per_picture)), [len(rows) for rows in per_picture])
    thresholds = (THRESHOLD, LOOSE, STRICT)
    people, shared, repeated, most = _counted(vectors, pictures)
    return People(
        purpose=biometrics.purpose,
        legal_basis=biometrics.legal_basis,
        method=METHOD,
        threshold=THRESHOLD,
        loose=LOOSE,
        strict=STRICT,
        error_rates={str(threshold): matching.error_rates(threshold) for threshold in thresholds},
        faces=len(vectors),
        pictures=len(per_picture),
        too_small=too_small,
        failed=failed,
        people=people,
        shared=shared,
        repeated=repeated,
        most=most,
    )


def check_detectors(names: Iterator[str]) -> None:
    """Raise AuditError when no face detector is among `names`: there would be nothing to compare."""
    if "faces" not in set(names):
        raise AuditError("--enable-biometrics compares the faces that the detector 'faces' finds: do not leave it out.")


def _counted(vectors: npt.NDArray[np.float32], pictures: npt.NDArray[np.int64]) -> list[Count]:
    first, second, apart = matching.close_pairs(vectors, pictures, LOOSE)
    by_threshold = []
    for threshold in (THRESHOLD, LOOSE, STRICT):
        close = apart <= threshold
        by_threshold.append(_at(matching.groups(len(vectors), first[close], second[close]), pictures))
    return [Count(values[0], min(values), max(values)) for values in zip(*by_threshold, strict=True)]


def _at(labels: npt.NDArray[np.int64], pictures: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    """People, pictures that share one, people on two pictures or more, pictures of the most frequent person."""
    if not len(labels):
        return 0, 0, 0, 0
    appearances = np.unique(np.stack([labels, pictures], axis=1), axis=0)
    people, sizes = np.unique(appearances[:, 0], return_counts=True)
    repeated = people[sizes > 1]
    shared = np.unique(appearances[np.isin(appearances[:, 0], repeated), 1])
    return len(people), len(shared), len(repeated), int(sizes.max())
