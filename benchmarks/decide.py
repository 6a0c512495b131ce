"""Deciding anew on a million findings: seconds of one core, and whether memory stays flat.

    python benchmarks/decide.py [--findings 1000000] [--policy baseline --policy gdpr ...] [--shard 512]

Makes audits of a quarter of the findings and of all of them in a temporary folder (three findings on a sample, scores
that differ), then decides both, each in a process of its own on one core: reading the tables, a first pass when a rule
asks for a rate, and writing the new tables. `--rate` adds such a rule, `--suppress` a suppression. Samples that look
the same to the rules are decided once; where no two are alike, it takes some 20 us a sample and pack more.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from privacy_audit.gate.decide import decide
from privacy_audit.gate.suppressions import Suppression
from privacy_audit.policy import Pack, fingerprint, load
from privacy_audit.run.scan import Silent, pack_entry
from privacy_audit.store import manifest, schema, shards
from privacy_audit.store.manifest import Manifest
from privacy_audit.types import Box, Finding, Span, Tag

ON_EACH = 3


def finding(chance: random.Random) -> Finding:
    token = f"{chance.getrandbits(96):024x}"
    return chance.choice(
        [
            Finding("face", "faces", chance.random(), "pixels", Box(1, 2, 3, 4), attributes={"band": "report"}),
            Finding("gps.precise", "metadata", 1.0, "metadata", Tag("EXIF:GPSLatitude"), "coordinates", token),
            Finding("time", "metadata", 1.0, "metadata", Tag("EXIF:DateTime"), "***", token),
            Finding("contact.email", "captions", 1.0, "caption", Span(1, 9), "***", token, {"field": "text"}),
            Finding("name.person", "captions", 0.85, "caption", Span(1, 9), "***", token, {"field": "text"}),
        ]
    )


def make(folder: Path, findings: int, size: int, pack: Pack) -> None:
    """An audit with so many findings, in shards of `size` samples."""
    chance = random.Random(1)
    parts: dict[str, str] = {}
    samples = -(-findings // ON_EACH)
    for first in range(0, samples, size):
        shard = f"{first // size:06}"
        rows: dict[str, list[dict[str, object]]] = {table: [] for table in schema.TABLES}
        for number in range(first, min(first + size, samples)):
            name = f"{number:09}.jpg"
            sample = {"sample_id": name, "shard": shard, "sha256": f"{chance.getrandbits(256):064x}"}
            told = {"visibility": "unknown", "training": "unspecified", "checked": [], "failed": [], "skipped": []}
            rows["samples"].append({**sample, **told})
            rows["findings"] += [schema.finding_row(name, finding(chance)) for _ in range(ON_EACH)]
        counts = {table: len(rows[table]) for table in schema.TABLES}
        facts = {"input": "", "plan": "", "counts": counts, "skipped_members": {}, "seconds": {}}
        shards.write(folder, shard, rows, facts)
        marker = shards.read_marker(folder, shard)
        assert marker is not None
        parts |= marker["parts"]
    counts = {"samples": samples, "findings": samples * ON_EACH, "failures": 0, "decisions": 0}
    manifest.write(
        folder,
        Manifest(
            tool_version="0",
            status="complete",
            started="",
            finished="",
            source_kind="folder",
            source_name="made",
            source_fingerprint="",
            plan_hash="",
            policy_hash=fingerprint([pack]),
            token_key_id="",
            options={"fail_on": "high"},
            detectors=[],
            packs=[pack_entry(pack)],
            counts=counts,
            parts=parts,
        ),
    )


RATED = """\
pack: rated
title: Rated
version: "1"
checked_on: 2026-01-31
confidence: K
disclaimer: An example.
description: A rule that needs a pass over the whole dataset.
rules:
  - id: many-faces
    title: Many faces
    why: It is a dataset of people.
    match: {rate: {code: face, at_least: 0.2}}
    severity: high
    action: review
    tests:
      - {given: [face], expect: high}
      - {given: [], expect: none}
"""


def measure(folder: Path, policy: list[str], suppress: bool) -> None:
    """Decide the whole audit and print what it took."""
    packs = [load(name) for name in policy]
    known = [Suppression(code="time", reason="known", by="b", expires=date(2027, 1, 1))] if suppress else []
    before = peak_mb()
    cpu = time.process_time()
    made = decide(folder, packs, suppressions=known, options={}, today=date(2026, 1, 1), progress=Silent())
    cpu, peak = time.process_time() - cpu, peak_mb()
    found, decided = made.counts["findings"], made.counts["decisions"]
    print(f"{found:>10,}  {decided:>10,}  {cpu:>6.2f}  {before:>9.0f}  {peak:>8.0f}", flush=True)


def peak_mb() -> float:
    """The most memory that this process had (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--policy", action="append", metavar="PACK")
    parser.add_argument("--shard", type=int, default=512, help="samples in a shard")
    parser.add_argument("--rate", action="store_true")
    parser.add_argument("--suppress", action="store_true")
    parser.add_argument("--audit", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    policy = asked.policy or ["baseline"]
    if asked.audit:
        measure(asked.audit, policy, asked.suppress)
        return
    with tempfile.TemporaryDirectory() as name:
        if asked.rate:
            rated = Path(name) / "rated.yaml"
            rated.write_text(RATED, "utf-8")
            policy.append(str(rated))
        print(f"{'findings':>10}  {'decisions':>10}  {'CPU s':>6}  {'MB before':>9}  {'MB peak':>8}", flush=True)
        for findings in (asked.findings // 4, asked.findings):
            audit = Path(name) / str(findings)
            make(audit, findings, asked.shard, load(policy[0]))
            command = [sys.executable, __file__, "--audit", str(audit), *(["--suppress"] if asked.suppress else [])]
            subprocess.run([*command, *(word for pack in policy for word in ("--policy", pack))], check=True)


if __name__ == "__main__":
    main()
