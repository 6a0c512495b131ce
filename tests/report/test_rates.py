"""Intervals in a report are those of the design that drew the sample."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_audits import FACES, HIGH, METADATA, Item, build, face, found

from privacy_audit import stats
from privacy_audit.errors import AuditError
from privacy_audit.report import html
from privacy_audit.report.measure import action_rates, kind_rates, summarise
from privacy_audit.stats import Clusters, Measured
from privacy_audit.store import manifest
from privacy_audit.store.folder import AuditFolder

RANDOM = {
    "method": "random", "seed": 4, "asked": "40", "margin": None, "units": 40, "of_units": 400, "members": 40,
    "population": 400,
}  # fmt: skip
SHARDS = {**RANDOM, "method": "clusters", "units": 4, "of_units": 100}
SAMPLES = [9, 10, 11, 10]
FACES_IN = [0, 1, 5, 2]
MEASURED = {
    "backend": "centerface", "profile": "default", "source": "bench", "measured_on": "", "data": "my pictures",
    "pictures": 300, "face_free": 100, "interval": "", "note": "", "rows": [],
    "precision": {"keep": None, "report": None}, "false_alarms": {"keep": None, "report": None},
    "samples": {"code": "face", "positives": 200, "found": 180, "negatives": 100, "clean": 99},
}  # fmt: skip


def audit(folder: Path, sampling: dict[str, Any], **changes: Any) -> AuditFolder:
    """Four shards, in which some samples have a face and a place."""
    items = []
    for shard, (count, faces) in enumerate(zip(SAMPLES, FACES_IN, strict=True)):
        for number in range(count):
            marked = number < faces
            items.append(
                Item(
                    f"{shard}/{number}",
                    [face(), found("gps.precise")] if marked else [],
                    decisions=[HIGH] if marked else [],
                    checked=["faces", "metadata"] if number else ["metadata"],
                    visibility="private" if marked else "unknown",
                    shard=f"{shard}-{number % 3}",  # an archive in three shards
                )
            )
    return build(folder, items, sampling=sampling, **changes)


def sums(y: list[int], x: list[int]) -> Clusters:
    pairs = list(zip(y, x, strict=True))
    squares = (sum(a * a for a in y), sum(b * b for b in x), sum(a * b for a, b in pairs))
    return Clusters(len(y), sum(y), sum(x), *squares)


def test_a_random_sample_has_the_interval_of_a_finite_population(tmp_path: Path) -> None:
    summary = summarise(audit(tmp_path, RANDOM))
    (kind,) = [row for row in summary.findings.kinds.rows if row.code == "gps.precise"]
    assert kind.interval == stats.of_sample(8, 40, 0.1)
    (high,) = [row for row in summary.findings.severities if row.severity.value == "high"]
    assert high.interval == summary.verdict.interval == stats.of_sample(8, 40, 0.1)
    assert summary.findings.absent.rows[0].upper_bound == stats.upper_bound_of_none(40)


def test_drawn_shards_have_the_interval_of_a_ratio_over_shards(tmp_path: Path) -> None:
    folder = audit(tmp_path, SHARDS)
    summary = summarise(folder)
    by_code = {row.code: row for row in summary.findings.kinds.rows}
    whole = stats.of_clusters(sums(FACES_IN, SAMPLES), 0.04)
    assert by_code["gps.precise"].interval == whole
    # faces looked at all but the first of each shard; a kind divides by what was checked for it
    looked = [count - 1 for count in SAMPLES]
    assert by_code["face"].checked == sum(looked)
    assert by_code["face"].interval == stats.of_clusters(sums(FACES_IN, looked), 0.04)
    assert summary.verdict.interval == whole
    assert {row.visibility: row.interval for row in summary.provenance}["private"] == whole
    assert summary.decisions.rules.rows[0].interval == whole
    assert dict(zip((name for name, _ in summary.decisions.actions), summary.decisions.intervals, strict=True)) == (
        action_rates(folder)
    )
    assert action_rates(folder)["redact"] == whole
    rest = [count - faces for count, faces in zip(SAMPLES, FACES_IN, strict=True)]
    assert action_rates(folder)["keep"] == stats.of_clusters(sums(rest, SAMPLES), 0.04)
    (together,) = [row for row in summary.linkage.named if row.parts == ("face", "place")]
    assert together.interval == whole
    assert whole.high - whole.low > 2 * (stats.wilson(8, 40).high - stats.wilson(8, 40).low) / 2
    assert kind_rates(folder)["face"] == by_code["face"]
    # a bound where nothing was found counts each archive as one sample
    assert summary.findings.absent.rows[0].upper_bound == stats.upper_bound_of_none(4 / 0.96)
    page = html.render(folder)
    assert "4 whole archives drawn at random out of 100" in page
    assert "Samples of one archive may be alike" in page


def test_a_rate_is_corrected_where_whole_samples_were_measured(tmp_path: Path) -> None:
    measured = replace(FACES, tables=[MEASURED])
    changes = {"detectors": [measured, METADATA]}
    known = Measured(200, 180, 100, 99)
    for name, sampling, size in [("all", {}, math.inf), ("random", RANDOM, 36 / 0.9)]:
        folder = audit(tmp_path / name, sampling, **changes)
        kinds = kind_rates(folder)
        expected = stats.corrected(8 / 36, size, known)
        assert expected is not None
        correction = kinds["face"].corrected
        assert correction is not None
        assert (correction.rate, correction.low, correction.high, correction.data) == (
            expected.rate, expected.interval.low, expected.interval.high, "my pictures",
        )  # fmt: skip
        assert kinds["gps.precise"].corrected is None
        assert "behind the raw share" in html.render(folder, html.View(audience="internal"))
        assert "behind the raw share" not in html.render(folder)  # 8 is a small count, and its rate gives it away
    clustered = kind_rates(audit(tmp_path / "shards", SHARDS, **changes))["face"].corrected
    assert clustered is not None
    assert clustered.high - clustered.low > correction.high - correction.low


def test_a_kind_that_two_detectors_look_for_is_not_corrected(tmp_path: Path) -> None:
    both = [replace(FACES, tables=[MEASURED]), replace(METADATA, codes=[*METADATA.codes, "face"])]
    assert kind_rates(audit(tmp_path, RANDOM, detectors=both))["face"].corrected is None


def test_nothing_is_worked_out_where_it_would_say_nothing(tmp_path: Path) -> None:
    folder = audit(tmp_path, {})
    assert kind_rates(folder) == {}
    assert action_rates(folder) == {}


@pytest.mark.parametrize(
    "samples", [{"code": "face"}, {**MEASURED["samples"], "found": 999}, {"code": "face", "positives": "x"}]
)
def test_damaged_measurements_are_said_to_be(tmp_path: Path, samples: dict[str, Any]) -> None:
    folder = audit(tmp_path, RANDOM, detectors=[replace(FACES, tables=[{**MEASURED, "samples": samples}])])
    with pytest.raises(AuditError, match="is damaged"):
        kind_rates(folder)


@pytest.mark.parametrize(
    "damage", [{"method": "x"}, {"units": 0}, {"units": "4"}, {"units": 401}, {"seed": None}, {"population": None}]
)
def test_a_damaged_design_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    whole = build(tmp_path, []).manifest
    manifest.write(tmp_path, replace(whole, sampling={**RANDOM, **damage}))
    with pytest.raises(AuditError, match="is damaged"):
        manifest.read(tmp_path)
