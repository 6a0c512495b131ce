"""How fast an audit is decided again from its stored findings, and whether memory stays flat.

    python benchmarks/policy.py [--findings 1000000] [--policy baseline --policy gdpr ...]

Makes audits of a quarter of the findings and of all of them in a temporary folder (three findings on a sample, scores
that differ), then reads and decides both, each in a process of its own on one core.
Deciding includes reading the tables, and excludes writing new ones. Samples that look the same to the rules are decided
once; where no two are alike, deciding takes some 20 us a sample and pack more.
"""

from __future__ import annotations

import argparse
import functools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from privacy_audit.policy import decide, load, looked_at, rated_rules, rates
from privacy_audit.store import stored
from privacy_audit.store.schema import schema

PER_SHARD = 10_000
PER_SAMPLE = 3
KINDS = (
    ("face", "pixels", 30),
    ("time", "metadata", 20),
    ("gps.precise", "metadata", 10),
    ("device.serial", "metadata", 10),
    ("name.person", "caption", 10),
    ("provenance.unknown", "record", 10),
    ("contact.email", "caption", 4),
    ("text.unread", "pixels", 3),
    ("id.plate", "pixels", 2),
    ("person.minor", "caption", 1),
)
"""Code, channel, and how often in a hundred."""


def make(audit: Path, findings: int, seed: int = 0) -> None:
    """The tables of an audit with so many findings, shard by shard."""
    random = np.random.default_rng(seed)
    samples = findings // PER_SAMPLE
    for table in ("samples", "findings", "failures"):
        (audit / table).mkdir(parents=True)
    odds = np.array([often for _, _, often in KINDS]) / 100
    for number, start in enumerate(range(0, samples, PER_SHARD)):
        ids = [f"photos/{n:08d}.jpg" for n in range(start, min(start + PER_SHARD, samples))]
        rows = len(ids) * PER_SAMPLE
        kinds = random.choice(len(KINDS), rows, p=odds)
        bands = random.choice(["report", "review"], rows, p=[0.8, 0.2])
        write(
            audit,
            "samples",
            number,
            sample_id=ids,
            visibility=random.choice(["public", "unknown"], len(ids)),
            training=["unspecified"] * len(ids),
        )
        write(
            audit,
            "findings",
            number,
            sample_id=np.repeat(ids, PER_SAMPLE),
            detector=["benchmark"] * rows,
            code=[KINDS[kind][0] for kind in kinds],
            channel=[KINDS[kind][1] for kind in kinds],
            score=random.random(rows, dtype=np.float32),
            attributes=[
                [("band", band), ("turned", "no")] if KINDS[kind][0] == "face" else []
                for kind, band in zip(kinds, bands, strict=True)
            ],
        )
        failed = ids[:: PER_SHARD // 10]
        write(audit, "failures", number, sample_id=failed, stage=["decode"] * len(failed), kind=["error"] * len(failed))


def write(audit: Path, table: str, shard: int, **columns: object) -> None:
    """One part; columns that are not given are empty."""
    layout = schema(table)
    rows = len(columns["sample_id"])  # type: ignore[arg-type]
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in layout
    ]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=layout), audit / table / f"{shard:06d}.parquet", compression="zstd"
    )


def measure(audit: Path, policy: Sequence[str]) -> None:
    """Decide the whole audit and print what it took."""
    packs = [load(name) for name in policy]
    before = peak_mb()
    cpu = time.process_time()
    reader = stored.Reader(audit, looked_at(packs))
    shares = rates(packs, (facts.findings for _, facts in reader.all())) if rated_rules(packs) else None
    decided = functools.lru_cache(maxsize=stored.MAX_KINDS)(
        lambda facts: decide(packs, facts.findings, facts.failures, facts.visibility, facts.training, rates=shares)
    )
    samples, findings, decisions = 0, 0, Counter[str]()
    for _, facts in reader.all():
        samples += 1
        findings += len(facts.findings)
        decisions.update(decision.action.kind for decision in decided(facts))
    spent = time.process_time() - cpu
    print(
        f"{findings:>9,} findings on {samples:>7,} samples: {spent:6.2f} CPU s, "
        f"{spent / findings * 1e6:.1f} us a finding, peak {before:.0f} -> {peak_mb():.0f} MB, {dict(decisions)}"
    )


def peak_mb() -> float:
    """The most memory that this process had (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--policy", action="append", metavar="PACK")
    parser.add_argument("--audit", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    policy = given.policy or ["baseline"]
    if given.audit:
        measure(given.audit, policy)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(f"rules of {', '.join(policy)}")
        for findings in (given.findings // 4, given.findings):
            audit = Path(folder) / str(findings)
            make(audit, findings)
            command = [sys.executable, __file__, "--audit", str(audit)]
            subprocess.run([*command, *(word for name in policy for word in ("--policy", name))], check=True)


if __name__ == "__main__":
    main()
