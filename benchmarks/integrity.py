"""Time and memory of the tree over an audit's contents, and of one proof.

    python benchmarks/integrity.py [SAMPLES]

Writes a made-up table `samples` of that many rows (default 1,000,000) to a temporary folder, and prints one line per
step.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from privacy_audit.integrity import contents, tree

SHARD = 50_000


def main(samples: int) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        audit = Path(name)
        (audit / "samples").mkdir()
        for start in range(0, samples, SHARD):
            rows = range(start, min(start + SHARD, samples))
            digests = [hashlib.sha256(row.to_bytes(8, "big")).hexdigest() for row in rows]
            pq.write_table(pa.table({"sha256": digests}), audit / "samples" / f"{start:09}.parquet")
        before = _peak_mb()
        started = time.process_time()
        contents.build(audit, b"s" * 32)
        spent, more = time.process_time() - started, _peak_mb() - before
        print(f"build of {samples:,} leaves: {spent:.1f} s CPU, {more:.0f} MB more")
        leaves = contents.leaves_of(audit, b"s" * 32)
        started = time.process_time()
        path = tree.path_of(leaves, len(leaves) // 3)
        print(f"path of {len(path)} hashes: {time.process_time() - started:.1f} s CPU")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
