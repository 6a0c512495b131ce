"""Searches a dataset for a person's pictures, and opens the case that a human then decides on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privacy_audit.errors import CaseError, PictureError
from privacy_audit.pixels import Picture
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.plan import TOOL_VERSION
from privacy_audit.subject import copies, deadlines, embeddings, matching
from privacy_audit.subject.case import Case, Facts, check_new, now, request_id
from privacy_audit.subject.people import embedder
from privacy_audit.subject.search import Match, Query, SearchJob, ShardMatches, faces_on, url_digest
from privacy_audit.types import Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from privacy_audit.run.scan import Progress
    from privacy_audit.sources import Source
    from privacy_audit.subject.biometrics import Biometrics

Compare = Literal["copies", "face"]
CONTENT, URL = "sha256:", "url-sha256:"
"""How a line of an opt-out list begins."""
MAX_LIST_BYTES = 256 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """What a person sent, and what is to be compared.

    `face` is the number, from left to right and from 1, of the person among several faces on a photo. `lists`
    are files with a sha256 or a URL per line. `max_distance` replaces the threshold of the comparison asked for.
    """

    photos: Sequence[Path] = ()
    compare: Compare = "copies"
    biometrics: Biometrics | None = None
    lists: Sequence[Path] = ()
    face: int | None = None
    max_distance: float | None = None
    received: datetime | None = None
    laws: tuple[str, ...] = deadlines.DEFAULT_LAWS
    id: str | None = None


def find(source: Source, request: Request, output: Path, *, jobs: int, timeout_s: float, progress: Progress) -> Case:
    """Search `source` and write the case to `output`. Raises CaseError for what cannot be searched for.

    With `compare="face"` it needs `biometrics`, and raises ModelError without the extra.
    """
    check_new(output)
    name = request_id(request.id)
    received = request.received or datetime.now(timezone.utc)
    due = deadlines.due(received.astimezone(timezone.utc), request.laws)
    query = _query(request)
    survey = source.survey()
    results: list[ShardMatches] = []
    progress.start(survey.samples)
    try:
        work = (SearchJob(source, shard, query) for shard in source.shards())
        for result in LocalRunner(jobs, timeout_s).map(work):
            results.append(result)
            progress.advance(result.samples, result.failed)
    finally:
        progress.stop()
    matches: list[Match] = [match for result in results for match in result.matches]
    facts = Facts(
        request_id=name,
        received=received.astimezone(timezone.utc).isoformat(timespec="seconds"),
        searched=now(),
        tool_version=TOOL_VERSION,
        source_fingerprint=survey.fingerprint,
        deadlines=[asdict(deadline) for deadline in due],
        photos=sorted(query.photos),
        listed={"hashes": len(query.listed), "urls": len(query.urls)},
        methods=_methods(query),
        samples=sum(result.samples for result in results),
        failed=sum(result.failed for result in results),
        without_picture=sum(result.without_picture for result in results),
        biometrics=request.biometrics.facts() if request.compare == "face" and request.biometrics else None,
    )
    keep_out = [CONTENT + digest for digest in query.photos | query.listed] + [URL + digest for digest in query.urls]
    return Case.create(output, facts, matches, keep_out)


def _query(request: Request) -> Query:
    if not request.photos and not request.lists:
        raise CaseError("nothing to search for: give --photo, --hashes or --urls.")
    if request.compare == "face":
        if request.biometrics is None:
            raise CaseError("--match face needs --enable-biometrics with --purpose and --legal-basis.")
        if not request.photos:
            raise CaseError("--match face needs a --photo of the person.")
        embeddings.require()
    photos = [_photo(path, number) for number, path in enumerate(request.photos, 1)]
    forms, faces = _forms(photos), None
    if request.compare == "face":
        faces = _faces(photos, request.face)
    contents: set[str] = set()
    urls: set[str] = set()
    for path in request.lists:
        _listed(path, contents, urls)
    most_bits, most_distance = copies.THRESHOLD, matching.FACE_THRESHOLD
    if request.max_distance is not None:
        if request.compare == "face":
            most_distance = _within(request.max_distance, 2.0)
        else:
            most_bits = int(_within(request.max_distance, copies.BITS))
    return Query(
        photos=frozenset(photo.digest for photo in photos),
        listed=frozenset(contents),
        urls=frozenset(urls),
        forms=forms,
        most_bits=most_bits,
        faces=faces,
        most_distance=most_distance,
    )


def _within(value: float, highest: float) -> float:
    if not 0 <= value <= highest:
        raise CaseError(f"--max-distance must be 0 to {highest:g} for this comparison, not {value:g}.")
    return value


def _photo(path: Path, number: int) -> Picture:
    picture = Picture(path)
    try:
        picture.upright()
    except PictureError as error:
        raise CaseError(f"photo {number} cannot be used: {error}.") from error
    return picture


def _forms(photos: Sequence[Picture]) -> npt.NDArray[np.bool_] | None:
    import numpy as np

    forms = [copies.hashes(photo, mirrored=True) for photo in photos]
    return np.concatenate(forms) if forms else None


def _faces(photos: Sequence[Picture], wanted: int | None) -> npt.NDArray[np.float32]:
    """The person's embedding from each photo."""
    import numpy as np

    vectors = []
    for number, photo in enumerate(photos, 1):
        found = sorted(faces_on(Sample("photo", "", photo)), key=lambda face: face.box.x)
        if not found:
            raise CaseError(f"photo {number} shows no face that can be found. Use another one, or --match copies.")
        if len(found) > 1 and wanted is None:
            raise CaseError(
                f"photo {number} shows {len(found)} faces. Say with --face which one is the person's, counted from "
                "the left, or crop the photo: nobody else is to be searched for."
            )
        at = (wanted or 1) - 1 if len(found) > 1 else 0
        if at >= len(found):
            raise CaseError(f"photo {number} shows {len(found)} faces: there is no face {at + 1}.")
        if not found[at].large_enough:
            raise CaseError(
                f"the face on photo {number} is too small to compare: less than {embeddings.SMALLEST_FACE_PX} pixels."
            )
        vectors.append(embedder()(photo, [found[at]]))
    return np.concatenate(vectors)


def _methods(query: Query) -> dict[str, dict[str, Any]]:
    """What is compared, for the record."""
    methods: dict[str, dict[str, Any]] = {}
    if query.photos:
        methods["exact"] = {"compares": "sha256 of the files"}
        methods["near"] = {
            "compares": f"perceptual hash (pHash, {copies.BITS} bits) of the pictures, their crops and mirror images",
            "threshold": query.most_bits,
            "unit": "differing bits",
            "error_rates": copies.error_rates(query.most_bits),
        }
    if query.listed:
        methods["hash"] = {"compares": "sha256 of the files with a list"}
    if query.urls:
        methods["url"] = {"compares": "URLs in records with a list"}
    if query.faces is not None:
        methods["face"] = {
            "compares": "face embeddings (dlib ResNet, 128 numbers after 5-point alignment)",
            "threshold": query.most_distance,
            "unit": "Euclidean distance",
            "smallest_face_px": embeddings.SMALLEST_FACE_PX,
            "error_rates": matching.error_rates(query.most_distance),
            "models": {model.name: model.sha256 for model in embeddings.MODELS},
        }
    return methods


def _listed(path: Path, contents: set[str], urls: set[str]) -> None:
    """Add the entries of a list, one per line: a sha256 of a content, a URL, or a line of an opt-out list."""
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise CaseError(f"a list has more than {MAX_LIST_BYTES:,} bytes.")
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise CaseError(f"a list cannot be read: {error.strerror or 'input/output error'}.") from error
    except ValueError as error:
        raise CaseError("a list is not UTF-8 text.") from error
    before = len(contents) + len(urls)
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        prefix = next((prefix for prefix in (CONTENT, URL) if text.lower().startswith(prefix)), "")
        digest = text[len(prefix) :].lower()
        if _HEX.fullmatch(digest):
            (urls if prefix == URL else contents).add(digest)
        elif not prefix and _ADDRESS.fullmatch(text):
            urls.add(url_digest(text))
        else:
            raise CaseError(f"line {number} of a list is neither a sha256 in hexadecimal nor a URL.")
    if len(contents) + len(urls) == before:
        raise CaseError("a list is empty, or repeats another one.")
