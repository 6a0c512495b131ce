"""One suite for every source: the same pictures and captions give the same rows, whatever they are stored in."""

from __future__ import annotations

import json
import os
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dataset_writers import WRITERS, Given
from PIL import Image

from privacy_audit import api
from privacy_audit.errors import AuditError, PictureError
from privacy_audit.pixels import Picture
from privacy_audit.run import scan as running
from privacy_audit.sources import DatasetSource, Item, Source, is_dataset, open_source

DETECTORS = ["metadata", "captions"]


@pytest.fixture(scope="module")
def samples(jpeg: Callable[..., bytes]) -> list[Given]:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (16.0, 22.0, 12.25)}
    exif[0x013B] = "Jane Example"
    whole = jpeg("navy", (320, 200))
    return [
        Given("0000.jpg", jpeg("red", exif=exif), "write to jane@example.com"),
        Given("0001.jpg", jpeg("green"), "a dog"),
        Given("0002.jpg", whole[: len(whole) // 2], "call +1 415 555 0132"),
        Given("call +1 415 555 0170.jpg", jpeg("blue"), "a cat"),
        Given("0004.jpg", b"no picture at all", "Wien, 12. 3. 2021"),
        Given("0005.jpg", jpeg("white", (80, 60)), "ä \U0001f600 max@example.com"),
    ]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key") / "token.key"


def opened(given: Any) -> Source:
    return DatasetSource(given) if is_dataset(given) else open_source(given)


def scanned(given: Any, output: Path, key: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Samples, findings and failures as rows, apart from ids and from where a text is stored."""
    audit = api.scan(given, output=output, detectors=DETECTORS, token_key=key, jobs=0)
    samples = audit.samples.to_pandas()
    digests = dict(zip(samples["sample_id"], samples["sha256"], strict=True))
    assert len(digests) == len(samples)

    def rows(table: Any, *without: str) -> Counter[str]:
        found = Counter[str]()
        for row in table.to_pandas().to_dict("records"):
            row["sample"] = digests[row.pop("sample_id")]
            if "attributes" in row:
                row["attributes"] = {name: said for name, said in dict(row["attributes"]).items() if name != "field"}
            if row.get("channel") == "filename":
                row["start"] = row["end"] = None  # the folder may be part of the name
            kept = {name: str(value) for name, value in row.items() if name not in without}
            found[json.dumps(kept, sort_keys=True)] += 1
        return found

    return rows(audit.samples, "shard", "content"), rows(audit.findings), rows(audit.failures)


def lost(picture: Picture | None) -> bool:
    """Whether a picture says that it cannot be had."""
    try:
        return picture is not None and not picture.data
    except PictureError:
        return True


@pytest.fixture(scope="module")
def expected(
    samples: list[Given], key: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    root = tmp_path_factory.mktemp("folder")
    return scanned(WRITERS["folder"](root, samples), tmp_path_factory.mktemp("audit") / "a", key)


@pytest.mark.parametrize("layout", WRITERS)
def test_the_same_rows(
    tmp_path: Path,
    samples: list[Given],
    expected: tuple[Counter[str], Counter[str], Counter[str]],
    key: Path,
    layout: str,
) -> None:
    (tmp_path / "source").mkdir()
    given = WRITERS[layout](tmp_path / "source", samples)
    found = scanned(given, tmp_path / "audit", key)
    for rows, wanted in zip(found, expected, strict=True):
        assert (rows - wanted, wanted - rows) == (Counter(), Counter())
    assert sum(found[0].values()) == 6
    assert sum(found[2].values()) == 2


@pytest.mark.parametrize("layout", WRITERS)
def test_a_source_keeps_its_promises(tmp_path: Path, samples: list[Given], layout: str) -> None:
    source = opened(WRITERS[layout](tmp_path, samples))
    survey = source.survey()
    shards = list(source.shards())
    assert shards == list(source.shards())
    assert survey == source.survey()
    assert len({shard.id for shard in shards}) == len(shards)
    assert sum(shard.samples for shard in shards) == survey.samples == len(samples)
    worker: Source = pickle.loads(pickle.dumps(source))
    items = [item for shard in shards for item in worker.read(shard) if isinstance(item, Item)]
    again = [item for shard in reversed(shards) for item in source.read(shard) if isinstance(item, Item)]
    assert sorted(item.sample.id for item in items) == sorted(item.sample.id for item in again)
    assert len({item.sample.id for item in items}) == len(samples)
    assert Counter(item.sample.picture.data for item in items if item.sample.picture) == Counter(
        one.data for one in samples
    )


@pytest.mark.parametrize("layout", [name for name in WRITERS if not name.startswith("Dataset")])
def test_a_source_that_changes_while_it_is_read(
    tmp_path: Path, samples: list[Given], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    given = WRITERS[layout](tmp_path / "source", samples)
    collect = running._collect

    def changed(run: Any) -> Any:
        other = [*samples[:3], Given("0003.jpg", b"other", "other"), *samples[4:], Given("0006.jpg", b"new", "new")]
        for path in sorted((tmp_path / "source").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        WRITERS[layout](tmp_path / "source", other)
        for path in (tmp_path / "source").rglob("*"):
            os.utime(path, (1, 1))
        return collect(run)

    monkeypatch.setattr(running, "_collect", changed)
    with pytest.raises(AuditError, match="the source changed while it was scanned"):
        api.scan(given, output=tmp_path / "audit", detectors=["captions"], jobs=0)


@pytest.mark.parametrize("layout", [name for name in WRITERS if not name.startswith("Dataset")])
@pytest.mark.parametrize("how", ["emptied", "removed"])
def test_a_source_that_is_gone_while_it_is_read(tmp_path: Path, samples: list[Given], layout: str, how: str) -> None:
    source = opened(WRITERS[layout](tmp_path, samples))
    source.survey()
    shards = list(source.shards())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(b"") if how == "emptied" else path.unlink()
    source = pickle.loads(pickle.dumps(source)) if how == "removed" else source
    for shard in shards:
        items = [item for item in source.read(shard) if isinstance(item, Item)]
        assert len(items) == shard.samples
        assert str(tmp_path) not in repr([item.failures for item in items])
        assert all(item.failures or lost(item.sample.picture) for item in items)
