"""Deciding anew on a million findings: seconds of one core, and the memory that it takes.

    python benchmarks/decide.py [--findings 1000000] [--policy baseline]

Makes an audit in a temporary folder (shards of 512 samples, three findings on each), then times `decide` alone.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from privacy_audit.gate.decide import decide
from privacy_audit.policy import Pack, fingerprint, load
from privacy_audit.run.scan import Silent, pack_entry
from privacy_audit.store import manifest, schema, shards
from privacy_audit.store.manifest import Manifest
from privacy_audit.types import Box, Finding, Span, Tag

SHARD = 512
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


def make(folder: Path, findings: int, pack: Pack) -> None:
    chance = random.Random(1)
    parts, samples = {}, -(-findings // ON_EACH)
    for first in range(0, samples, SHARD):
        shard = f"{first // SHARD:06}"
        rows: dict[str, list[dict[str, object]]] = {table: [] for table in schema.TABLES}
        for number in range(first, min(first + SHARD, samples)):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--policy", default="baseline")
    asked = parser.parse_args()
    pack = load(asked.policy)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "audit"
        make(folder, asked.findings, pack)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        made = decide(folder, [pack], options={}, today=date(2026, 1, 1), progress=Silent())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{'findings':>10}  {'decisions':>10}  {'CPU s':>6}  {'wall s':>6}  {'more memory':>11}")
    found, decided = made.counts["findings"], made.counts["decisions"]
    print(f"{found:>10,}  {decided:>10,}  {cpu:>6.2f}  {wall:>6.2f}  {grown // 1024:>8,} MB")


if __name__ == "__main__":
    main()
