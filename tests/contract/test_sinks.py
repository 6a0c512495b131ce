"""One suite for every sink: the copy has the shape of its source, and only what was asked for changes."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dataset_writers import WRITERS, Given
from PIL import Image

import privacy_audit as pa
from privacy_audit import api
from privacy_audit.containers import sniff
from privacy_audit.errors import PictureError, SourceError
from privacy_audit.redaction.sinks import SINKS, published, sink_of
from privacy_audit.sources import Item, open_source
from privacy_audit.store import redactions
from privacy_audit.store.redactions import RedactionSummary
from privacy_audit.types import PEOPLES_KINDS, SOURCE_KINDS

LAYOUTS = [name for name in WRITERS if not name.startswith(("Dataset", *PEOPLES_KINDS))]
POLICY = """
pack: house
title: House rules
version: "1"
checked_on: 2026-11-22
confidence: mixed
disclaimer: A test.
description: A test.
rules:
  - id: accounts
    title: An account
    why: Nobody wants to pay for others.
    match: {code: id.iban}
    severity: high
    action: drop
    tests:
      - {given: [id.iban], expect: high}
      - {given: [face], expect: none}
  - id: rest
    title: Mail addresses, and what a camera writes
    why: They lead to a person.
    match: {any: [{code: contact.email}, {code: contact.phone}, {code: gps.precise}, {code: name.creator}]}
    severity: high
    action: {strip: private, mask: [contact.email, contact.phone]}
    tests:
      - {given: [contact.email], expect: high}
      - {given: [face], expect: none}
"""


@pytest.fixture(scope="module")
def samples(jpeg: Callable[..., bytes]) -> list[Given]:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (16.0, 22.0, 12.25)}
    exif[0x013B] = "Jane Example"
    return [
        Given("0000.jpg", jpeg("red", exif=exif), "write to jane@example.com"),
        Given("0001.jpg", jpeg("green"), "a dog"),
        Given("0002.jpg", jpeg("black"), "pay to GB29 NWBK 6016 1331 9268 19"),
        Given("0003.jpg", b"no picture at all", "a cat of max@example.com"),
        Given("0004.jpg", jpeg("white", exif=exif), "a bird"),
        Given("call +1 415 555 0170.jpg", jpeg("blue"), "a horse"),
    ]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "house.yaml"
    path.write_text(POLICY)
    return path


def output_of(source: Path, folder: Path) -> Path:
    """What the copy is called: a file for a dataset in one file that a file can be."""
    for ending in (".tar.gz", ".tar", ".zip"):
        if source.name.endswith(ending) and "{" not in source.name:
            return folder / f"clean{ending}"
    return folder / ("clean" if source.suffix == "" or source.name == "archive" or "{" in source.name else "out")


def items(place: Path, kind: str) -> Iterator[Item]:
    source = open_source(place, dataset={}, kind=kind)
    source.survey()
    for shard in source.shards():
        for member in source.read(shard):
            if isinstance(member, Item):
                yield member


def stored(item: Item) -> tuple[str, str]:
    """A digest of a sample's picture, and its caption."""
    caption = next((text.value for text in item.sample.texts if text.channel == "caption"), "")
    try:
        data = item.sample.picture.data if item.sample.picture is not None else b""
    except PictureError:
        data = b""
    return hashlib.sha256(data).hexdigest() if data else "", caption


def contents(output: Path) -> dict[str, str]:
    """Every file of a published copy, manifest included."""
    beside = sorted(output.parent.glob(f"{output.name}*"))
    files = [file for path in beside for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return {
        file.relative_to(output.parent).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


class Made:
    """A dataset in one of the layouts, its audit, and its copy."""

    def __init__(self, root: Path, layout: str, samples: list[Given], policy: Path) -> None:
        self.layout = layout
        (root / "source").mkdir()
        self.source: Path = WRITERS[layout](root / "source", samples)
        self.before = {path: path.stat() for path in (root / "source").rglob("*")}
        self.audit = pa.scan(
            self.source, output=root / "audit", policy=str(policy), detectors=["metadata", "captions"], jobs=0
        )
        self.output = output_of(self.source, root)
        self.summary: RedactionSummary = self.audit.redact(self.source, self.output, jobs=0)

    @property
    def kind(self) -> str:
        return self.audit.folder.manifest.source_kind

    @property
    def sidecars(self) -> bool:
        """Whether captions are in files beside the pictures, which are samples only together."""
        return self.kind in {"folder", "zip"} and "table" not in self.layout

    @property
    def scanned(self) -> Path:
        return published(self.output, self.kind, self.audit.folder.manifest.source_name)


@pytest.fixture(scope="module", params=LAYOUTS)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, samples: list[Given], policy: Path
) -> Made:
    return Made(tmp_path_factory.mktemp("made"), request.param, samples, policy)


def test_every_kind_of_source_has_a_sink() -> None:
    assert set(SINKS) == set(SOURCE_KINDS) - set(PEOPLES_KINDS)


@pytest.mark.parametrize("kind", sorted(PEOPLES_KINDS))
def test_a_download_of_a_platform_is_refused_in_plain_words(tmp_path: Path, samples: list[Given], kind: str) -> None:
    source = open_source(WRITERS[f"{kind}, zip"](tmp_path, samples))
    with pytest.raises(SourceError, match=f"copies of a source of the kind '{kind}' cannot be written"):
        sink_of(source, tmp_path / "out")


def test_only_what_was_asked_for_changes(made: Made, samples: list[Given]) -> None:
    after = Counter(stored(item) for item in items(made.scanned, made.kind))
    digests = {hashlib.sha256(one.data).hexdigest(): one for one in samples}
    captions = Counter(caption for _, caption in after.elements())
    alone = set() if made.sidecars else {"a cat of <EMAIL>"}  # a caption file without a picture is no sample
    assert captions == dict.fromkeys({"write to <EMAIL>", "a dog", "a bird", "a horse"} | alone, 1)
    same = {caption for digest, caption in after.elements() if digest in digests}
    assert same == {"a dog", "a horse"}
    assert {caption for digest, caption in after.elements() if not digest} == alone
    for item in items(made.scanned, made.kind):
        if stored(item)[1] in {"write to <EMAIL>", "a bird"}:
            assert item.sample.picture is not None
            data = item.sample.picture.data
            assert sniff(data) == "JPEG"
            assert not Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)


def test_nothing_that_was_asked_for_is_left(made: Made) -> None:
    assert made.summary.passed
    assert (made.summary.dropped, made.summary.withheld, made.summary.failed) == (1, 1, 0)
    assert all(residual.after == 0 for residual in made.summary.residuals)
    assert sum(residual.before for residual in made.summary.residuals) >= 4
    again = pa.verify(made.output, audit=made.audit, jobs=0)
    assert again.passed
    assert again.tokens
    for file in [made.output] if made.output.is_file() else made.output.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert b"@example" not in data
        assert b"555 0170" not in data
        assert "555 0170" not in file.name


def test_samples_are_known_by_their_new_ids(made: Made) -> None:
    there = {item.sample.id: stored(item) for item in items(made.scanned, made.kind)}
    before = {item.sample.id: stored(item) for item in items(made.source, made.kind)}
    rows = redactions.rows(made.audit.path)
    assert {row["sample_id"] for row in rows} == set(before)
    known = {row["copy_id"] for row in rows if row["copy_id"]}
    assert set(there) <= known
    assert len(known - set(there)) == made.sidecars
    for row in rows:
        if row["copy_id"] in there:
            animal = before[row["sample_id"]][1].split()[:2]
            assert there[row["copy_id"]][1].split()[:2] == animal
            assert not row["after"] or there[row["copy_id"]][0] == row["after"]


def test_the_source_is_as_it_was(made: Made) -> None:
    now = {path: path.stat() for path in made.before}
    assert {path: (one.st_size, one.st_mtime_ns) for path, one in now.items()} == {
        path: (one.st_size, one.st_mtime_ns) for path, one in made.before.items()
    }


def test_the_copy_is_of_the_same_kind_and_names(made: Made) -> None:
    assert open_source(made.scanned).kind == made.kind
    if made.output.is_dir() and made.source.is_dir():
        names = {path.relative_to(made.output) for path in made.output.rglob("*") if "manifest" not in path.name}
        lost = {path.relative_to(made.source) for path in made.source.rglob("*")} - names
        assert all(path.suffix in {".jpg", ".txt"} for path in lost)


class _StopError(Exception):
    """The run is cut short here."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", ["_marker", "_summary"])
def test_stopped_and_run_again(made: Made, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Before the copy is complete, and before it is published."""
    whole = contents(made.output)
    again = made.output.parent / "again" / made.output.name
    again.parent.mkdir(exist_ok=True)
    calls: list[object] = []
    with monkeypatch.context() as patch:
        target = (
            "privacy_audit.redaction.draft.write_marker"
            if step == "_marker"
            else "privacy_audit.redaction.run._summary"
        )

        def stopped(*_: object) -> None:
            calls.append(None)
            raise _StopError

        patch.setattr(target, stopped)
        with pytest.raises(_StopError):
            api.redact(made.source, audit=made.audit, output=again, jobs=0, verify=False)
    assert calls
    assert not again.exists()
    api.redact(made.source, audit=made.audit, output=again, jobs=0, verify=False)
    assert contents(again) == whole
    assert {path.name for path in again.parent.iterdir()} == {name.split("/")[0] for name in whole}
    for path in sorted(again.parent.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
