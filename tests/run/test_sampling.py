"""What a sample is: drawn at random, the same again by its seed, read alone, and said so everywhere."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stub_detectors import ListSource, detector, each, plan

import privacy_audit as pa
from privacy_audit import stats
from privacy_audit.cli import main
from privacy_audit.detectors import registry
from privacy_audit.errors import AuditError, PrivacyAuditError, SourceError
from privacy_audit.report.measure import kind_rates
from privacy_audit.run import shard as running
from privacy_audit.run.sampling import FEWEST_CLUSTERS, Request, draw, sample
from privacy_audit.run.scan import Silent, scan
from privacy_audit.sources import FolderSource, Item, Shard, SkippedMember, Survey
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Finding, Sample


def members(count: int) -> tuple[Item | SkippedMember, ...]:
    return tuple(Item(Sample(str(number), "")) for number in range(count))


class Tars:
    """Archives of ten samples, in shards of four; only drawn ones are to be looked at."""

    kind, name = "tars", "tars"

    def __init__(self, count: int, chosen: tuple[str, ...] = ()) -> None:
        self.count, self.chosen, self.looked_at = count, chosen, set[str]()

    def clusters(self) -> list[str]:
        return [f"{number:05}.tar" for number in range(self.count)]

    def reduced_to(self, names: Sequence[str]) -> Tars:
        part = Tars(self.count, tuple(names))
        part.looked_at = self.looked_at
        return part

    def survey(self) -> Survey:
        if not self.chosen:
            raise AssertionError("all archives are looked at")
        self.looked_at.update(self.chosen)
        if self.chosen == ("00007.tar",):
            raise SourceError("empty")
        return Survey(10, self.chosen[0], {"not a picture (.md)": 1})

    def shards(self) -> Iterator[Shard]:
        for name in self.chosen if self.chosen != ("00007.tar",) else ():
            for first in (0, 4, 8):
                yield Shard(f"{first:06d}", min(4, 10 - first), f"{name}-{first}", (name, first))

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        name, first = shard.content
        for number in range(first, first + shard.samples):
            yield Item(Sample(f"{name}/{number}", shard.id))


def ids(source: Any) -> list[str]:
    return [item.sample.id for shard in source.shards() for item in source.read(shard)]


def sampled(source: Any, asked: str, **more: Any) -> Any:
    return sample(source, Request(asked, **more))


# --- drawing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("population", "size"), [(10, 0), (10, 1), (10, 5), (10, 10), (1000, 999), (10**9, 50)])
def test_a_draw_has_its_size_and_no_number_twice(population: int, size: int) -> None:
    numbers = draw(population, size, 1)
    assert len(set(numbers)) == size
    assert list(numbers) == sorted(numbers)
    assert all(0 <= number < population for number in numbers)


def test_a_seed_draws_the_same_in_every_version() -> None:
    assert list(draw(100, 5, 0)) == list(draw(100, 5, 0)) == PINNED
    assert list(draw(100, 5, 1)) != PINNED


PINNED = [10, 45, 59, 64, 68]


def test_every_member_and_every_pair_is_as_likely_as_any_other() -> None:
    singles, pairs = Counter[int](), Counter[tuple[int, ...]]()
    for seed in range(3000):
        drawn = draw(6, 2, seed)
        singles.update(drawn)
        pairs[tuple(drawn)] += 1
    assert all(abs(count - 1000) < 120 for count in singles.values())  # 4 standard deviations of 1000
    assert len(pairs) == 15
    assert all(abs(count - 200) < 60 for count in pairs.values())


@pytest.mark.parametrize(
    ("asked", "population", "size"),
    [("10", 1000, 10), ("10", 5, 5), ("2%", 1000, 20), ("0.1%", 100, 1), ("100%", 7, 7), ("auto", 10**9, 9604)],
)
def test_sizes(asked: str, population: int, size: int) -> None:
    assert Request(asked).size(population) == size


def test_auto_needs_less_of_a_small_population_and_more_of_clusters() -> None:
    request = Request("auto", margin=0.05)
    assert request.size(10**9) == 385
    assert request.size(500) == 218
    assert request.size(10**9, cluster=100) == pytest.approx(385 * (1 + 99 * 0.05), rel=0.01)


@pytest.mark.parametrize("asked", ["", "0", "-5", "x", "1.5", "0%", "101%", "%", "nan%", "inf%", "1e3"])
def test_what_is_no_sample_is_refused(asked: str) -> None:
    with pytest.raises(PrivacyAuditError, match="is no sample"):
        Request(asked)


@pytest.mark.parametrize("margin", [0.0, 0.5, -1.0, float("nan")])
def test_what_is_no_margin_is_refused(margin: float) -> None:
    with pytest.raises(PrivacyAuditError, match="margin"):
        Request("auto", margin)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_only_drawn_members_are_handed_out_and_other_shards_are_not_opened() -> None:
    source = ListSource(members(1000), 10)
    part = sampled(source, "30")
    assert len(ids(part)) == part.survey().samples == 30
    assert set(ids(part)) <= set(ids(source))
    assert len(list(part.shards())) <= 30
    assert {shard.id for shard in part.shards()} <= {shard.id for shard in source.shards()}
    assert ids(pickle.loads(pickle.dumps(part))) == []  # a worker gets its shard, not the list
    (shard, *_) = part.shards()
    assert list(pickle.loads(pickle.dumps(part)).read(shard)) == list(part.read(shard))


def test_a_draw_shows_in_the_fingerprint_of_its_shard() -> None:
    source = ListSource(members(100), 50)
    prints = [{shard.fingerprint for shard in sampled(source, "20", seed=seed).shards()} for seed in (0, 0, 1)]
    assert prints[0] == prints[1]
    assert not prints[0] & prints[2]


def test_of_a_folder_only_the_drawn_files_are_opened(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}.jpg").write_bytes(jpeg())
    source = FolderSource(tmp_path)
    part = sampled(source, "6")
    names = [name for shard in part.shards() for name in shard.content.names]
    assert len(names) == 6
    assert ids(part) == names


def test_rows_of_a_table_are_drawn_too(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    lines = []
    for number in range(40):
        (tmp_path / f"{number:02}.jpg").write_bytes(jpeg())
        lines.append(f"{number:02}.jpg,a caption")
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,caption", *lines]))
    assert len(set(ids(sampled(FolderSource(tmp_path), "25%")))) == 10


def test_of_many_archives_whole_ones_are_drawn_and_no_other_is_looked_at() -> None:
    source = Tars(1000)
    part = sampled(source, "200")
    found = ids(part)
    drawn = {name.split("/")[0] for name in found}
    assert len(found) == part.survey().samples == 200
    assert len(drawn) == 20
    assert all(len([name for name in found if name.startswith(one)]) == 10 for one in drawn)
    assert len(source.looked_at) <= 20 + FEWEST_CLUSTERS  # those whose size says how many to draw, too
    assert part.design.facts() == {
        "method": "clusters", "seed": 0, "asked": "200", "margin": None, "units": 20, "of_units": 1000, "members": 200,
        "population": 10_000,
    }  # fmt: skip
    assert {shard.id.split("-")[0] + ".tar" for shard in part.shards()} == {f"0{name}" for name in drawn}
    assert len({shard.id for shard in part.shards()}) == len(list(part.shards())) == 60
    assert part.survey().skipped == {"not a picture (.md)": 20}
    (shard, *_) = part.shards()
    assert list(pickle.loads(pickle.dumps(part)).read(shard)) == list(part.read(shard))


def test_sizes_of_cluster_samples() -> None:
    assert sampled(Tars(1000), "5%").design.units == 50
    assert sampled(Tars(1000), "1").design.units == FEWEST_CLUSTERS
    assert sampled(Tars(10_000), "auto", margin=0.05).design.units == pytest.approx(38.5 * 1.45, abs=1)
    assert sampled(Tars(20), "1000").design.units == 20


def test_an_empty_archive_is_a_cluster_too() -> None:
    part = sampled(Tars(11), "100%")
    assert (part.design.units, part.design.members) == (11, 100)
    assert len(ids(part)) == 100


def test_of_few_archives_samples_are_drawn_singly() -> None:
    class Few(ListSource):
        def clusters(self) -> list[str]:
            return ["a.tar", "b.tar"]

    assert sampled(Few(members(100), 10), "5").design.method == "random"


# --- a scan of a sample -----------------------------------------------------------------------------------------------


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    names: list[str] = []

    def detect(one: Sample) -> list[Finding]:
        names.append(one.id)
        return [Finding("face", "odd", 0.5, "record")]

    running._built.cache_clear()
    monkeypatch.setattr(registry, "find", {"odd": detector("odd", each(detect))}.__getitem__)
    yield names
    running._built.cache_clear()


def run(part: Any, output: Path) -> None:
    from dataclasses import replace

    with_design = replace(plan("odd"), sampling=part.design.facts())
    scan(part, output, with_design, jobs=0, timeout_s=5.0, options={}, progress=Silent())


def test_a_sample_is_resumed_and_another_seed_is_another_audit(tmp_path: Path, looked_at: list[str]) -> None:
    source = ListSource(members(100), 10)
    run(sampled(source, "20"), tmp_path)
    assert sorted(looked_at) == sorted(ids(sampled(source, "20")))
    looked_at.clear()
    next((tmp_path / "shards").iterdir()).unlink()
    run(sampled(source, "20"), tmp_path)
    assert 0 < len(looked_at) < 20
    looked_at.clear()
    run(sampled(source, "20", seed=1), tmp_path)
    assert len(looked_at) == 20
    found = AuditFolder(tmp_path)
    assert found.manifest.sampling["seed"] == 1
    assert found.manifest.drawn == 0.2
    assert found.sql("SELECT count(*) FROM samples") == [(20,)]


@pytest.fixture
def photos(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.jpg").write_bytes(jpeg(size=(20 + number, 20)))
        (folder / f"{number:02}.txt").write_text("write to maria@example.com" if number % 2 else "tea")
    return folder


def command(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_summary_of_a_sample_carries_intervals(tmp_path: Path, photos: Path) -> None:
    result = command(
        *("scan", photos, "-o", tmp_path / "audit", "--detectors", "captions,metadata,provenance", "--jobs", "0"),
        *("--sample", "50%", "--seed", "3"),
    )
    assert result.exit_code == 1, result.output
    assert "A random sample: 30 of 60 files and rows, seed 3." in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "E-mail address" in line]
    assert " to " in line
    assert "%]" in line
    (decided,) = [line for line in result.stdout.splitlines() if line.startswith("Decided")]
    assert decided.count("%]") == decided.count("[")
    assert decided.count("[") >= 2
    assert "privacy-audit redact" not in result.stdout
    summary = pa.Audit(tmp_path / "audit").summary()
    (kind,) = [row for row in summary.findings.kinds.rows if row.code == "contact.email"]
    assert kind.interval is not None
    assert kind.interval.low <= 0.5 <= kind.interval.high
    assert summary.verdict.interval is not None
    page = pa.Audit(tmp_path / "audit").report().read_text("utf-8")
    assert "simple random sample of 30 out of 60" in page
    assert "carry no sampling error" not in page
    assert '<span class="range">' in page


def test_all_of_it_has_no_intervals(tmp_path: Path, photos: Path) -> None:
    for asked in (None, "100%"):
        audit = pa.scan(photos, output=tmp_path / "audit", detectors=["captions"], jobs=0, sample=asked)
        assert audit.folder.manifest.sampling == {}
        assert all(row.interval is None for row in audit.summary().findings.kinds.rows)
    page = audit.report().read_text("utf-8")
    assert "carry no sampling error" in page
    assert '<span class="range">' not in page


def test_a_sample_is_no_ground_to_redact_or_to_count_people(tmp_path: Path, photos: Path) -> None:
    audit = pa.scan(photos, output=tmp_path / "audit", detectors=["captions"], jobs=0, sample=10)
    with pytest.raises(AuditError, match="Scan without --sample"):
        audit.redact(photos, tmp_path / "clean")
    with pytest.raises(PrivacyAuditError, match="cannot be told from a sample"):
        pa.scan(photos, sample=10, biometrics=pa.Biometrics("p", "l"))


def test_an_audit_of_archives_has_the_interval_of_archives(tmp_path: Path, looked_at: list[str]) -> None:
    run(sampled(Tars(1000), "200"), tmp_path)
    assert len(looked_at) == 200
    folder = AuditFolder(tmp_path)
    assert folder.manifest.clustered
    assert folder.manifest.drawn == 0.02
    assert folder.manifest.counts["shards"] == 60
    interval = kind_rates(folder)["face"].interval
    assert interval is not None
    assert interval.high == 1.0
    assert interval.low == stats.of_clusters(stats.Clusters(20, 200, 200, 2000, 2000, 2000), 0.02).low
