"""A scan from start to finish: resumed where it stopped, refused where it would mix results, tidy behind itself."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_detectors import ListSource, detector, each, plan

from privacy_audit.detectors import registry
from privacy_audit.errors import AuditError, SourceError
from privacy_audit.policy import Pack, load
from privacy_audit.run import scan as scanning
from privacy_audit.run import shard as running
from privacy_audit.run.plan import Plan
from privacy_audit.run.scan import Silent, scan
from privacy_audit.sources import Item, Shard, SkippedMember, Survey
from privacy_audit.store import files, manifest, schema, shards
from privacy_audit.store.folder import AuditFolder
from privacy_audit.types import Action, Decision, Failure, Finding, Outcome, Sample, Severity


class Counting:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    def start(self, total: int) -> None:
        self.log.append(("start", total))

    def advance(self, samples: int, failures: int) -> None:
        self.log.append((samples, failures))

    def stop(self) -> None:
        self.log.append("stop")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Registers the detector 'odd', and lists the samples that it looks at."""
    looked_at: list[str] = []

    def detect(one: Sample) -> Outcome:
        looked_at.append(one.id)
        if one.id == "3":
            return Failure("odd", "error", "m")
        return [Finding("face", "odd", 0.5, "record")]

    running._built.cache_clear()
    monkeypatch.setattr(registry, "find", {"odd": detector("odd", each(detect))}.__getitem__)
    return looked_at


def source(count: int = 10, size: int = 4) -> ListSource:
    members: list[Item | SkippedMember] = [Item(Sample(str(number), "")) for number in range(count)]
    return ListSource((*members, SkippedMember("not a picture", "x")), size, skipped={"link (not followed)": 2})


def run(what: Any, output: Path, with_plan: Plan | None = None, **options: Any) -> manifest.Manifest:
    settings = {"jobs": 0, "timeout_s": 5.0, "options": {"fail_on": "high"}, "progress": Silent(), **options}
    return scan(what, output, with_plan or plan("odd"), **settings)


def ids(output: Path) -> list[str]:
    return [row[0] for row in AuditFolder(output).sql("SELECT sample_id FROM samples ORDER BY CAST(sample_id AS INT)")]


def parts(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.suffix == ".parquet"
    }


EVERY = [str(number) for number in range(10)]


def test_a_scan_writes_a_complete_audit(tmp_path: Path, seen: list[str]) -> None:
    progress = Counting()
    found = run(source(), tmp_path / "new" / "audit", progress=progress)
    output = tmp_path / "new" / "audit"
    assert seen == EVERY
    assert ids(output) == EVERY
    assert manifest.read(output) == found
    assert found.status == "complete"
    assert found.counts == {
        "samples": 10, "findings": 9, "failures": 1, "decisions": 0, "shards": 3, "skipped_members": 3,
    }  # fmt: skip
    assert found.skipped_members == {"link (not followed)": 2, "not a picture": 1}
    assert progress.log == [("start", 11), (4, 1), (4, 0), (3, 0), "stop"]
    assert set(found.parts) == set(parts(output))
    assert all(files.sha256(output / name) == digest for name, digest in found.parts.items())
    assert sorted(path.name for path in output.iterdir()) == sorted([*schema.TABLES, "shards", "audit.json"])
    assert output.stat().st_mode & 0o077 == 0


def test_a_finished_scan_is_not_done_again(tmp_path: Path, seen: list[str]) -> None:
    first = run(source(), tmp_path)
    before = parts(tmp_path)
    seen.clear()
    progress = Counting()
    second = run(source(), tmp_path, progress=progress)
    assert seen == []
    assert parts(tmp_path) == before
    assert second == replace(first, started=second.started, finished=second.finished)
    assert progress.log == [("start", 11), (4, 1), (4, 0), (3, 0), "stop"]


def test_only_what_is_missing_is_done_again(tmp_path: Path, seen: list[str]) -> None:
    first = run(source(), tmp_path)
    before = parts(tmp_path)
    damages: dict[str, Callable[[], object]] = {
        "marker gone": (tmp_path / "shards" / "000001.json").unlink,
        "marker cut": lambda: (tmp_path / "shards" / "000001.json").write_text("{"),
        "marker of another shape": lambda: (tmp_path / "shards" / "000001.json").write_text("[]"),
        "part gone": (tmp_path / "findings" / "000001.parquet").unlink,
        "part cut": lambda: (tmp_path / "samples" / "000001.parquet").write_bytes(b""),
        "all parts gone": lambda: [(tmp_path / table / "000001.parquet").unlink() for table in schema.TABLES],
    }
    for name, damage in damages.items():
        damage()
        seen.clear()
        again = run(source(), tmp_path)
        assert seen == ["4", "5", "6", "7"], name
        assert parts(tmp_path) == before, name
        assert again.counts == first.counts, name


def test_an_interrupted_scan_goes_on_and_ends_the_same(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(source(), tmp_path / "whole")
    real = shards.write

    def write(audit: Path, shard: str, *rest: Any) -> None:
        if shard == "000002":
            raise KeyboardInterrupt
        real(audit, shard, *rest)

    monkeypatch.setattr(shards, "write", write)
    progress = Counting()
    with pytest.raises(KeyboardInterrupt):
        run(source(), tmp_path / "audit", progress=progress)
    assert progress.log[-1] == "stop"
    assert manifest.read(tmp_path / "audit").status == "partial"
    monkeypatch.setattr(shards, "write", real)
    seen.clear()
    resumed = run(source(), tmp_path / "audit")
    assert seen == ["8", "9"]
    assert resumed.status == "complete"
    assert resumed.parts == whole.parts
    assert parts(tmp_path / "audit") == parts(tmp_path / "whole")


@pytest.mark.parametrize("change", ["key", "source options", "detector version", "policy", "tool"])
def test_a_changed_plan_is_done_anew(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    run(source(), tmp_path)
    seen.clear()
    new = plan("odd")
    if change == "key":
        new = plan("odd", key=b"n" * 32)
    elif change == "source options":
        new = replace(new, source_options={"caption_columns": ["x"]})
    elif change == "detector version":
        monkeypatch.setattr(registry.find("odd"), "version", "2")
    elif change == "policy":
        new = replace(new, packs=(load("baseline"),))
    else:
        from privacy_audit.run import plan as plans

        monkeypatch.setattr(plans, "TOOL_VERSION", "99")
    run(source(), tmp_path, new)
    assert seen == EVERY


def test_what_shapes_no_result_changes_no_plan(tmp_path: Path, seen: list[str]) -> None:
    run(source(), tmp_path)
    seen.clear()
    run(source(), tmp_path, timeout_s=99.0, options={"fail_on": "low"})
    assert seen == []
    assert manifest.read(tmp_path).options == {"fail_on": "low"}


def test_shards_that_are_no_more_are_removed(tmp_path: Path, seen: list[str]) -> None:
    run(source(), tmp_path)
    (tmp_path / "findings" / ".half.tmp").write_bytes(b"zq")
    (tmp_path / "shards" / ".half.tmp").write_bytes(b"zq")
    seen.clear()
    found = run(ListSource(source().members[:4], 4), tmp_path)
    assert seen == []
    assert found.counts["samples"] == 4
    assert ids(tmp_path) == EVERY[:4]
    assert set(found.parts) == set(parts(tmp_path))
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["000000.json"]
    assert list(tmp_path.rglob("*.tmp")) == []


def test_packs_of_an_earlier_run_do_not_decide_later(tmp_path: Path, seen: list[str]) -> None:
    run(source(), tmp_path, replace(plan("odd"), packs=(load("baseline"), load("gdpr"))))
    assert [path.name for path in AuditFolder(tmp_path).packs()] == ["baseline.yaml", "gdpr.yaml"]
    run(source(), tmp_path, replace(plan("odd"), packs=(load("gdpr"),)))
    assert [path.name for path in AuditFolder(tmp_path).packs()] == ["gdpr.yaml"]
    assert load(str(AuditFolder(tmp_path).packs()[0])) == load("gdpr")


def rated_pack() -> Pack:
    rule = {
        "id": "most",
        "title": "Faces on most",
        "why": "why",
        "match": {"rate": {"code": "face", "at_least": 0.9}},
        "severity": "high",
        "action": "review",
        "law": [{"name": "L", "at": "1", "confidence": "K", "effective_from": "2027-01-01"}],
        "tests": [{"given": ["face"], "expect": "high"}, {"given": [], "expect": "none"}],
    }
    facts = {"version": "1", "checked_on": "2026-01-31", "effective_from": "2026-05-01", "confidence": "K"}
    texts = {"title": "Mine", "disclaimer": "x", "description": "x"}
    return Pack.model_validate({"pack": "mine", **facts, **texts, "rules": [rule]})


def test_rates_of_the_dataset_are_decided_when_all_shards_are_there(tmp_path: Path, seen: list[str]) -> None:
    rated = replace(plan("odd"), packs=(rated_pack(),))
    found = run(source(), tmp_path, rated)
    assert {row["rule_id"] for row in AuditFolder(tmp_path).table("decisions")} == {"mine/most"}
    assert found.counts["decisions"] == 9  # all but the sample that failed
    assert set(found.parts) == set(parts(tmp_path))
    entry = found.packs[0]
    assert entry.effective_from == "2026-05-01"
    assert entry.rules["mine/most"]["law"] == "L 1 [K] from 2027-01-01"
    assert entry.rules["mine/most"]["dpv"] == "https://w3id.org/dpv/pd#Picture"
    seen.clear()
    assert run(source(), tmp_path, rated).parts == found.parts
    smaller = run(ListSource(source().members[:4], 4), tmp_path, rated)  # of its four samples, one failed
    assert seen == []
    assert smaller.counts["decisions"] == 0
    assert load(str(AuditFolder(tmp_path).packs()[0])) == rated_pack()


def test_what_people_asked_for_stays_in_the_manifest_while_it_stays_in_a_shard(tmp_path: Path, seen: list[str]) -> None:
    first = run(source(), tmp_path)
    drop = Decision("subject/case-1", Severity.CRITICAL, Action("drop"))
    shards.add_decisions(tmp_path, "000001", [schema.decision_row("5", drop)])
    entry = manifest.PackEntry("subject", "Requests", "1", rules={"subject/case-1": {}, "subject/gone": {}})
    manifest.write(tmp_path, replace(first, packs=[*first.packs, entry]))
    again = run(source(), tmp_path)
    assert again.packs == [*first.packs, replace(entry, rules={"subject/case-1": {}})]
    assert again.policy_hash != first.policy_hash
    shards.marker(tmp_path, "000001").unlink()  # looked at again
    assert run(source(), tmp_path).packs == first.packs


class Changing:
    """A source that is another one when it is looked at for the last time."""

    kind, name = "changing", "changing"

    def __init__(self, first: ListSource, later: Sequence[Shard]) -> None:
        self._first, self._later, self._looks = first, later, 0

    def survey(self) -> Survey:
        return self._first.survey()

    def shards(self) -> Iterator[Shard]:
        self._looks += 1
        return iter(list(self._first.shards()) if self._looks == 1 else self._later)

    def read(self, shard: Shard) -> Iterator[Item | SkippedMember]:
        return self._first.read(shard)


@pytest.mark.parametrize("later", ["changed", "grown"])
def test_a_source_that_changes_meanwhile_is_no_complete_audit(tmp_path: Path, seen: list[str], later: str) -> None:
    first = list(source().shards())
    second = [*first[:2], replace(first[2], fingerprint="another")] if later == "changed" else [
        *first, Shard("000003", 1, "new", (10, 11)),
    ]  # fmt: skip
    with pytest.raises(AuditError, match=r"the source changed while it was scanned. Run the same command again"):
        run(Changing(source(), second), tmp_path)
    assert manifest.read(tmp_path).status == "partial"


def test_a_source_without_samples_is_refused(tmp_path: Path, seen: list[str]) -> None:
    with pytest.raises(SourceError, match="nothing was audited"):
        run(ListSource((SkippedMember("not a picture", "zq"),)), tmp_path)


# --- the output folder ------------------------------------------------------------------------------------------------


def test_an_output_that_is_a_file_or_holds_other_things_is_refused(tmp_path: Path, seen: list[str]) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(AuditError, match=r"is a file. Name a folder with -o"):
        run(source(), tmp_path / "file")
    with pytest.raises(AuditError, match=r"is not empty and is not an audit"):
        run(source(), tmp_path / "full")
    with pytest.raises(AuditError, match="cannot write to"):
        run(source(), tmp_path / "file" / "below")
    assert (tmp_path / "full" / "thesis.tex").read_text() == "x"
    assert seen == []
    (tmp_path / "empty").mkdir()
    assert run(source(), tmp_path / "empty").status == "complete"


@pytest.mark.parametrize("broken", ["mkdir", "chmod", "iterdir"])
def test_an_output_that_cannot_be_written_is_said_in_plain_words(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, broken, deny)
    with pytest.raises(AuditError, match=r"cannot write to .*: Permission denied"):
        run(source(), tmp_path)


@pytest.mark.parametrize("name", ["audit.json", ".lock", "000001.parquet", "000002.json", "baseline.yaml"])
def test_a_disk_that_fills_up_is_said_in_plain_words(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with_pack = replace(plan("odd"), packs=(load("baseline"),))
    full, real_replace, real_open = [True], os.replace, os.open

    def replace_file(old: Any, new: Any) -> None:
        if full[0] and Path(new).name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_replace(old, new)

    def open_file(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if full[0] and Path(path).name == name and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_open(path, flags, mode, **more)

    monkeypatch.setattr(os, "replace", replace_file)
    monkeypatch.setattr(os, "open", open_file)
    with pytest.raises(AuditError, match="No space left on device"):
        run(source(), tmp_path, with_pack)
    assert list(tmp_path.rglob("*.tmp")) == []
    full[0] = False
    assert run(source(), tmp_path, with_pack).counts["samples"] == 10
    assert ids(tmp_path) == EVERY


# --- the lock ---------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from privacy_audit.run.scan import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_scan_into_the_same_folder_is_refused_until_the_first_is_gone(tmp_path: Path, seen: list[str]) -> None:
    run(source(), tmp_path)
    before = parts(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(AuditError, match="another scan is writing to"):
                run(source(3), tmp_path)
            assert parts(tmp_path) == before
            assert (tmp_path / scanning.LOCK).exists()
        finally:
            holder.kill()
    assert (tmp_path / scanning.LOCK).exists()  # left behind by a process that was killed
    assert run(source(), tmp_path).status == "complete"
    assert not (tmp_path / scanning.LOCK).exists()


@pytest.mark.parametrize("content", ["", "1", str(os.getpid()), "999999999", "junk"])
def test_a_lock_file_that_nobody_holds_is_taken_over(tmp_path: Path, seen: list[str], content: str) -> None:
    """Whatever it says: in a container, the process that was killed and the new one have the same id."""
    run(source(), tmp_path)
    (tmp_path / scanning.LOCK).write_text(content)
    assert run(source(), tmp_path).status == "complete"
    assert not (tmp_path / scanning.LOCK).exists()


def test_two_scans_in_one_process_are_refused_too(tmp_path: Path, seen: list[str]) -> None:
    class Nested(Silent):
        def start(self, total: int) -> None:
            with pytest.raises(AuditError, match="another scan is writing to"):
                run(source(), tmp_path)
            seen.append("refused")

    run(source(), tmp_path, progress=Nested())
    assert seen == ["refused", *EVERY]


def test_the_lock_is_free_after_an_error(tmp_path: Path, seen: list[str]) -> None:
    class Failing(Silent):
        def start(self, total: int) -> None:
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        run(source(), tmp_path, progress=Failing())
    assert not (tmp_path / scanning.LOCK).exists()
    assert run(source(), tmp_path).status == "complete"


def test_a_lock_that_is_replaced_while_it_is_taken_is_not_mistaken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner removes it between our opening and our locking it: what we hold then has no name any more."""
    tries: list[int] = []
    real = scanning._open_lock

    def open_lock(path: Path) -> int:
        descriptor = real(path)
        tries.append(descriptor)
        if len(tries) == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(scanning, "_open_lock", open_lock)
    with scanning.locked(tmp_path):
        assert len(tries) == 2
        with pytest.raises(AuditError):
            real(tmp_path / scanning.LOCK)


def test_a_file_system_without_locks_does_not_stop_a_scan(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert run(source(), tmp_path).status == "complete"


# --- what the manifest says -------------------------------------------------------------------------------------------


def test_the_manifest_says_what_ran_and_quotes_nothing(tmp_path: Path, seen: list[str]) -> None:
    found = run(source(), tmp_path, replace(plan("odd"), packs=(load("baseline"),)))
    (entry,) = found.detectors
    assert (entry.name, entry.version, entry.codes, entry.limits) == (
        "odd", "1", ["face"], "not stated by the detector",
    )  # fmt: skip
    (pack,) = found.packs
    assert pack.pack == "baseline"
    assert all(name.startswith("baseline/") for name in pack.rules)
    text = (tmp_path / "audit.json").read_text()
    assert (b"k" * 32).hex() not in text
    assert str(tmp_path) not in text
    assert json.loads(text)["token_key_id"] == found.token_key_id != ""
