"""One shard: whatever a detector or a sample does, every sample has one row and every detector a say on it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from stub_detectors import ListSource, detector, each, finds, job

from privacy_audit.detectors import registry
from privacy_audit.errors import AuditError
from privacy_audit.evidence import conceal, token_key
from privacy_audit.pixels import Picture
from privacy_audit.run import shard as running
from privacy_audit.run.local import LocalRunner
from privacy_audit.run.shard import BATCH, run_shard
from privacy_audit.sources import Item, SkippedMember
from privacy_audit.store import schema, shards
from privacy_audit.types import Box, Failure, Finding, Needs, Outcome, Quad, Sample, Skipped, Span, Tag, Text

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Registers detectors for this process."""
    running._built.cache_clear()

    def register(*detectors: type) -> None:
        found = {one.name: one for one in detectors}  # type: ignore[attr-defined]
        monkeypatch.setattr(registry, "find", found.__getitem__)

    return register


def png(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(buffer, "PNG", **options)
    return buffer.getvalue()


def sample(number: int, **more: Any) -> Item:
    return Item(Sample(f"{number}.png", "000000", Picture(png()), **more))


def tables(output: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of a shard by table, after checking what holds for every run."""
    found = {table: pq.read_table(shards.part(output, table, "000000")).to_pylist() for table in schema.TABLES}
    ids = [row["sample_id"] for row in found["samples"]]
    assert len(set(ids)) == len(ids)
    for row in found["samples"]:
        own = [failure["stage"] for failure in found["failures"] if failure["sample_id"] == row["sample_id"]]
        assert set(own) <= set(row["failed"])
        assert bool(own) == bool(row["failed"])
        assert not set(row["checked"]) & set(row["failed"])
    return found


def run(output: Path, items: Sequence[Item | SkippedMember], *names: str, **more: object) -> dict[str, Any]:
    """The tables after a run in this process, as `LocalRunner(0)` does it."""
    (summary,) = LocalRunner(0).map([job(ListSource(tuple(items)), output, *names, **more)])
    found = tables(output)
    assert summary.counts == {table: len(rows) for table, rows in found.items()}
    for row in found["samples"]:
        assert set(names) <= {*row["checked"], *row["failed"], *dict(row["skipped"])}
    return found


def by_id(rows: list[dict[str, Any]], column: str) -> dict[str, Any]:
    return {row["sample_id"]: row[column] for row in rows}


# --- detectors that go wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", range(0, 20, 3))
def test_a_detector_that_raises_on_one_sample_fails_that_sample_only(
    tmp_path: Path, install: Install, bad: int
) -> None:
    def detect(one: Sample) -> Outcome:
        if one.id == f"{bad}.png":
            raise ValueError("caption: zq@example.com")
        return [Finding("face", "odd", 1.0, "pixels")]

    install(detector("odd", each(detect)), detector("good", finds("good")))
    found = run(tmp_path, [sample(n) for n in range(20)], "good", "odd")
    assert found["failures"] == [
        {
            "sample_id": f"{bad}.png",
            "stage": "odd",
            "kind": "error",
            "message": "the detector 'odd' failed: it raised ValueError",
        }
    ]
    assert len(found["samples"]) == 20
    assert len(found["findings"]) == 39
    assert by_id(found["samples"], "checked")[f"{bad}.png"] == ["good"]


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError, OSError, AuditError, UnicodeError])
def test_whatever_it_raises(tmp_path: Path, install: Install, error: type[Exception]) -> None:
    def detect(samples: Sequence[Sample]) -> list[Outcome]:
        raise error("zq")

    install(detector("odd", detect), detector("good", finds("good")))
    found = run(tmp_path, [sample(n) for n in range(3)], "good", "odd")
    assert [row["message"] for row in found["failures"]] == [
        f"the detector 'odd' failed: it raised {error.__name__}"
    ] * 3
    assert len(found["findings"]) == 3


JUNK = {
    "none": lambda samples: None,
    "too few": lambda samples: [[]] * (len(samples) - 1),
    "too many": lambda samples: [[]] * (len(samples) + 1),
    "generator": lambda samples: ([] for _ in samples),
    "outcome none": each(lambda _: None),  # type: ignore[arg-type, return-value]
    "outcome text": each(lambda _: "zq"),  # type: ignore[arg-type, return-value]
    "outcome number": each(lambda _: 5),  # type: ignore[arg-type, return-value]
    "outcome dict": each(lambda _: {"code": "face"}),  # type: ignore[arg-type, return-value]
    "part none": each(lambda _: [None]),  # type: ignore[list-item]
    "part dict": each(lambda _: [{"code": "face"}]),  # type: ignore[list-item]
}
BAD_FINDINGS: dict[str, dict[str, Any]] = {
    "code": {"code": None},
    "score": {"score": "high"},
    "score nan": {"score": float("nan")},
    "score none": {"score": None},
    "channel": {"channel": "smell"},
    "preview": {"preview": b"zq"},
    "preview control": {"preview": "\x1b[31mzq"},
    "preview surrogate": {"preview": "\ud800"},
    "token": {"token": 5},
    "attributes": {"attributes": None},
    "attribute value": {"attributes": {"a": 1}},
    "attribute key": {"attributes": {1: "a"}},
    "where": {"where": (1, 2, 3, 4)},
    "box text": {"where": Box("1", 2, 3, 4)},  # type: ignore[arg-type]
    "box nan": {"where": Box(float("nan"), 2, 3, 4)},
    "box infinite": {"where": Box(1, 2, float("inf"), 4)},
    "span floats": {"where": Span(1.5, 2)},  # type: ignore[arg-type]
    "span backwards": {"where": Span(5, 2)},
    "span negative": {"where": Span(-1, 2)},
    "span huge": {"where": Span(0, 2**40)},
    "quad": {"where": Quad(((1, 2), (3, 4)))},  # type: ignore[arg-type]
    "quad corner": {"where": Quad(((1, 2), (3, 4), (5, 6), (7,)))},  # type: ignore[arg-type]
    "tag": {"where": Tag(None)},  # type: ignore[arg-type]
    "tag surrogate": {"where": Tag("\ud800")},
}


def finding(**changes: Any) -> Finding:
    return Finding(**{"code": "face", "detector": "odd", "score": 0.5, "channel": "pixels", **changes})


BAD_PARTS: dict[str, Any] = {
    **{name: finding(**changes) for name, changes in BAD_FINDINGS.items()},
    "failure kind": Failure("odd", "bad luck", "m"),  # type: ignore[arg-type]
    "failure message": Failure("odd", "error", None),  # type: ignore[arg-type]
    "failure stage": Failure(5, "error", "m"),  # type: ignore[arg-type]
    "failure surrogate": Failure("odd", "error", "\ud800"),
    "skipped reason": Skipped("odd", None),  # type: ignore[arg-type]
    "skipped stage": Skipped(None, "r"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("detect", JUNK.values(), ids=JUNK)
def test_a_detector_that_returns_junk_is_a_failure_of_the_detector(
    tmp_path: Path, install: Install, detect: Callable[..., Any]
) -> None:
    install(detector("odd", detect), detector("good", finds("good")))
    found = run(tmp_path, [sample(n) for n in range(3)], "good", "odd")
    assert [(row["stage"], row["kind"]) for row in found["failures"]] == [("odd", "error")] * 3
    assert not any("zq" in row["message"] for row in found["failures"])
    assert len(found["findings"]) == 3


@pytest.mark.parametrize("part", BAD_PARTS.values(), ids=BAD_PARTS)
def test_a_part_that_cannot_be_stored_fails_its_sample_only(tmp_path: Path, install: Install, part: Any) -> None:
    install(detector("odd", each(lambda one: [part if one.id == "1.png" else finding()])))
    found = run(tmp_path, [sample(n) for n in range(3)], "odd")
    assert [(row["sample_id"], row["stage"], row["kind"]) for row in found["failures"]] == [("1.png", "odd", "error")]
    assert found["failures"][0]["message"] == "the detector 'odd' returned something that is no finding"
    assert len(found["findings"]) == 2


def test_a_bare_failure_of_a_bad_kind_is_a_failure_all_the_same(tmp_path: Path, install: Install) -> None:
    install(detector("odd", each(lambda _: Failure("odd", "bad luck", "m"))))  # type: ignore[arg-type]
    found = run(tmp_path, [sample(0)], "odd")
    assert [(row["stage"], row["kind"]) for row in found["failures"]] == [("odd", "error")]


def test_numbers_of_numpy_are_numbers(tmp_path: Path, install: Install) -> None:
    import numpy as np

    box = Box(np.float32(1.5), np.float32(2), np.float64(3), np.int64(4))  # type: ignore[arg-type]
    install(detector("odd", each(lambda _: [finding(score=np.float32(0.25), where=box)])))
    row = run(tmp_path, [sample(0)], "odd")["findings"][0]
    assert (row["score"], row["x"], row["y"], row["w"], row["h"]) == (0.25, 1.5, 2, 3, 4)


def test_every_kind_of_outcome(tmp_path: Path, install: Install) -> None:
    outcomes: dict[str, Outcome] = {
        "0.png": [],
        "1.png": Failure("odd", "unreadable", "whole"),
        "2.png": [finding(), Failure("odd.part", "too_large", "part"), Skipped("odd.names", "language: id")],
        "3.png": [Skipped("odd", "gated")],
        "4.png": [finding(), Failure("odd", "error", "own")],
    }
    install(detector("odd", each(lambda one: outcomes[one.id])))
    found = run(tmp_path, [sample(n) for n in range(5)], "odd")
    assert by_id(found["samples"], "checked") == {
        "0.png": ["odd"], "1.png": [], "2.png": ["odd"], "3.png": [], "4.png": [],
    }  # fmt: skip
    assert by_id(found["samples"], "failed") == {
        "0.png": [], "1.png": ["odd"], "2.png": ["odd.part"], "3.png": [], "4.png": ["odd"],
    }  # fmt: skip
    assert dict(by_id(found["samples"], "skipped")["2.png"]) == {"odd.names": "language: id"}
    assert dict(by_id(found["samples"], "skipped")["3.png"]) == {"odd": "gated"}
    assert by_id(found["failures"], "message") == {"1.png": "whole", "2.png": "part", "4.png": "own"}
    assert [row["sample_id"] for row in found["findings"]] == ["2.png", "4.png"]


# --- samples that go wrong --------------------------------------------------------------------------------------------


def every_kind() -> tuple[type, ...]:
    """One detector per thing that a detector may need."""
    needs = {"bytes": Needs.BYTES, "pixels": Needs.PIXELS, "text": Needs.TEXT, "record": Needs.RECORD}
    return tuple(detector(name, finds(name), need) for name, need in needs.items())


NAMES = ("bytes", "pixels", "text", "record")
TEXTS = (Text("caption", "txt:", "zq"),)


@pytest.mark.parametrize(
    ("picture", "texts", "checked", "failed", "skipped", "kind"),
    [
        (Picture(png()), TEXTS, NAMES, (), {}, None),
        (Picture(png()), (), ("bytes", "pixels", "record"), (), {"text": "no text"}, None),
        (None, TEXTS, ("text", "record"), (), dict.fromkeys(("bytes", "pixels"), "no picture in the source"), None),
        (Picture(png()[:-30]), TEXTS, ("bytes", "text", "record"), ("pixels",), {}, "unreadable"),
        (Picture(b""), TEXTS, ("text", "record"), ("bytes", "pixels"), {}, "unreadable"),
        (Picture(b"<html>"), TEXTS, ("text", "record"), ("bytes", "pixels"), {}, "unreadable"),
        (Picture.broken("gone"), TEXTS, ("text", "record"), ("bytes", "pixels"), {}, "unreadable"),
        (Picture.broken("gone", "too_large"), (), ("record",), ("bytes", "pixels"), {"text": "no text"}, "too_large"),
    ],
)  # fmt: skip
def test_a_broken_picture_is_one_failure_and_costs_only_what_needs_it(
    tmp_path: Path,
    install: Install,
    picture: Picture | None,
    texts: tuple[Text, ...],
    checked: tuple[str, ...],
    failed: tuple[str, ...],
    skipped: dict[str, str],
    kind: str | None,
) -> None:
    install(*every_kind())
    odd = Item(Sample("odd", "000000", picture, texts))
    found = run(tmp_path, [sample(0, texts=TEXTS), odd, sample(2, texts=TEXTS)], *NAMES)
    assert len(found["samples"]) == 3
    assert by_id(found["samples"], "checked")["odd"] == sorted(checked)
    assert by_id(found["samples"], "failed")["odd"] == sorted([*failed, *(["picture"] if kind else [])])
    assert dict(by_id(found["samples"], "skipped")["odd"]) == skipped
    assert [(row["sample_id"], row["stage"], row["kind"]) for row in found["failures"]] == (
        [("odd", "picture", kind)] if kind else []
    )
    assert by_id(found["samples"], "checked")["2.png"] == sorted(NAMES)


def test_what_the_source_noted_is_kept(tmp_path: Path, install: Install) -> None:
    install(*every_kind())
    noted = Item(
        Sample("t#1", "000000", None, TEXTS),
        (Failure("record", "error", "short row"), Failure("picture", "error", "outside")),
        (Skipped("picture", "no name"),),
    )
    found = run(tmp_path, [noted], *NAMES)
    assert {(row["stage"], row["message"]) for row in found["failures"]} == {
        ("record", "short row"), ("picture", "outside"),
    }  # fmt: skip
    assert dict(found["samples"][0]["skipped"])["picture"] == "no name"
    assert found["samples"][0]["checked"] == ["text"]


@pytest.mark.parametrize(("kind", "seen"), [("unreadable", False), ("too_large", False), ("error", True)])
def test_what_could_not_be_opened_was_seen_by_no_detector(
    tmp_path: Path, install: Install, kind: Any, seen: bool
) -> None:
    install(*every_kind())
    found = run(tmp_path, [Item(Sample("table", "000000"), (Failure("source", kind, "damaged"),))], *NAMES)
    row = found["samples"][0]
    assert row["checked"] == (["record"] if seen else [])
    assert row["failed"] == (["source"] if seen else sorted([*NAMES, "source"]))
    assert dict(row["skipped"]).keys() == ({"bytes", "pixels", "text"} if seen else set())


@pytest.mark.parametrize("kind", ["crash", "timeout"])
def test_a_culprit_is_left_alone(tmp_path: Path, install: Install, kind: Any) -> None:
    touched: list[str] = []

    def detect(one: Sample) -> Outcome:
        touched.append(one.id)
        return []

    install(detector("record", each(detect)))
    items: list[Item | SkippedMember] = [
        SkippedMember("not a picture", "x"),
        *(sample(n, texts=TEXTS) for n in range(3)),
    ]
    found = run(tmp_path, items, "record", culprits={2: kind})
    assert touched == ["0.png", "2.png"]
    assert [(row["sample_id"], row["stage"], row["kind"]) for row in found["failures"]] == [("1.png", "picture", kind)]
    assert by_id(found["samples"], "failed")["1.png"] == ["picture", "record"]
    assert by_id(found["samples"], "sha256")["1.png"] is None


@pytest.mark.parametrize("cautious", [True, False])
def test_positions_are_announced_before_they_are_touched(tmp_path: Path, install: Install, cautious: bool) -> None:
    log: list[object] = []
    install(detector("record", each(lambda one: log.append(one.id) or [])))  # type: ignore[func-returns-value]
    items = [SkippedMember("x", "x"), *(sample(n) for n in range(10))]
    run_shard(job(ListSource(tuple(items)), tmp_path, "record", cautious=cautious), log.append)
    step = 1 if cautious else BATCH
    assert [entry for entry in log if isinstance(entry, int)] == [*range(0, 11, step), 11]
    for number in range(10):
        assert log.index(f"{number}.png") > log.index((number + 1) // step * step)


# --- what is written --------------------------------------------------------------------------------------------------


def test_facts_of_the_picture(tmp_path: Path, install: Install) -> None:
    install(*every_kind())
    turned = Image.Exif()
    turned[0x0112] = 6
    data = png(exif=turned)
    found = run(tmp_path, [Item(Sample("a", "000000", Picture(data)))], *NAMES)
    row = found["samples"][0]
    assert (row["bytes"], row["format"], row["width"], row["height"]) == (len(data), "PNG", 6, 8)
    assert row["sha256"] == Picture(data).digest
    assert (row["visibility"], row["training"], row["shard"]) == ("unknown", "unspecified", "000000")


def test_members_that_are_no_samples_are_counted(tmp_path: Path, install: Install) -> None:
    install(*every_kind())
    source = ListSource((SkippedMember("a", "zq"), sample(0), SkippedMember("a", "zq"), SkippedMember("b", "zq")))
    summary = run_shard(job(source, tmp_path, *NAMES), lambda _: None)
    assert summary.skipped_members == {"a": 2, "b": 1}
    assert summary.counts["samples"] == 1
    facts = shards.read_marker(tmp_path, "000000")
    assert facts is not None
    assert (facts["input"], facts["plan"], facts["skipped_members"]) == ("print-0", "plan", {"a": 2, "b": 1})
    assert "zq" not in shards.marker(tmp_path, "000000").read_text()


def test_tokens_are_made_with_the_key_of_the_plan(tmp_path: Path, install: Install) -> None:
    def detect(_: Sample) -> Outcome:
        evidence = conceal("zq@example.com", "contact.email")
        return [finding(code="contact.email", preview=evidence.preview, token=evidence.token)]

    install(detector("record", each(detect)))
    found = run(tmp_path, [sample(0)], "record")
    with token_key(b"k" * 32):
        assert found["findings"][0]["token"] == conceal("zq@example.com", "contact.email").token
    assert found["findings"][0]["token"] != conceal("zq@example.com", "contact.email").token


def test_findings_have_the_same_order_in_every_run(tmp_path: Path, install: Install) -> None:
    parts = [finding(code=code, where=where) for code in ("b", "a") for where in (Box(2, 0, 1, 1), Box(1, 0, 1, 1))]
    install(detector("odd", each(lambda _: parts)), detector("good", finds("good")))
    first = run(tmp_path / "1", [sample(0)], "odd", "good")["findings"]
    parts.reverse()
    assert run(tmp_path / "2", [sample(0)], "odd", "good")["findings"] == first
    assert [(row["detector"], row["code"], row["x"]) for row in first] == [
        ("good", "face", None), ("odd", "a", 1), ("odd", "a", 2), ("odd", "b", 1), ("odd", "b", 2),
    ]  # fmt: skip


def test_a_shard_of_nothing_has_empty_tables(tmp_path: Path, install: Install) -> None:
    install(*every_kind())
    found = run(tmp_path, [SkippedMember("a", "x")], *NAMES)
    assert found == {table: [] for table in schema.TABLES}
