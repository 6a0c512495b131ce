"""Throughput per source, worker count and engine; memory against the number of samples; what supervision costs.

    python benchmarks/scale.py [--quick] [--pictures DIR] [--ray ADDRESS] [--only PART,PART]

Parts: sources (a folder and a table of the same texts, and other kinds that `open_source` knows), workers (two against
one), memory (1,000 against 100,000 samples; --quick: 20,000), overhead (per sample: run_shard alone, a supervised
process, a Ray task), report (5 million findings: time and memory of the report and of counting a lazy relation). All
data is made on the spot, tiny, so that what is measured is the machinery; `--pictures DIR` takes real pictures for
`workers`, with all default detectors. Each scan runs in a process of its own. CPU time is of all its processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SCAN = """
import json, resource, sys, time
import privacy_audit as pa
source, output, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
started = time.perf_counter()
audit = pa.scan(source, output=output, token_key=output + ".key", **options)
wall = time.perf_counter() - started
own, below = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({
    "samples": audit.folder.manifest.counts["samples"],
    "wall": wall,
    "cpu": own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime,
    "stages": sum(audit.folder.manifest.seconds.values()),
    "own_mb": own.ru_maxrss / 1024,
    "worker_mb": below.ru_maxrss / 1024,
}))
"""
REPORT = """
import json, resource, sys, time
import privacy_audit as pa
started = time.perf_counter()
pa.Audit(sys.argv[1]).report(sys.argv[1] + "/report.html")
wall = time.perf_counter() - started
print(json.dumps({"wall": wall, "own_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
LAZY = """
import json, resource, sys, time
import privacy_audit as pa
started = time.perf_counter()
audit = pa.Audit(sys.argv[1])
count, faces = len(audit.findings), len(audit.findings.where("code = 'face' AND h > 100"))
first = next(iter(audit.findings.where("code = 'gps.precise'")))
wall = time.perf_counter() - started
print(json.dumps({"wall": wall, "own_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rows": count}))
"""
LIGHT = {"detectors": ["metadata"]}
ROUNDS = 3
PARTS = ("sources", "workers", "memory", "overhead", "report")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller numbers, for a look")
    parser.add_argument("--pictures", type=Path, help="a folder of real pictures for the part `workers`")
    parser.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster, for the part `overhead`")
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        many = 20_000 if options.quick else 100_000
        if "sources" in wanted:
            sources(place, 1000 if options.quick else 5000)
        if "workers" in wanted:
            workers(place, options.pictures or folder(place / "pictures", 400 if options.quick else 2000, side=512))
        if "memory" in wanted:
            memory(place, many)
        if "overhead" in wanted:
            overhead(place, 2000 if options.quick else 10_000, options.ray)
        if "report" in wanted:
            report(place, 500_000 if options.quick else 5_000_000)


def run(code: str, *arguments: object) -> dict[str, Any]:
    """What one process measured of itself."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def scan(source: Path, output: Path, **options: object) -> dict[str, Any]:
    return run(SCAN, source, output, json.dumps(options))


def folder(path: Path, count: int, side: int = 16) -> Path:
    """Pictures of which no two are alike, a thousand per folder."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    tile = rng.integers(0, 255, (side, side, 3), np.uint8)
    for number in range(count):
        below = path / f"{number // 1000:04d}"
        below.mkdir(parents=True, exist_ok=True)
        tile[0, 0] = (number % 256, number // 256 % 256, number // 65536)
        Image.fromarray(tile).save(below / f"{number:06d}.png", compress_level=0)
    return path


def table(path: Path, count: int) -> Path:
    """Captions without anything personal."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,caption\n")
        file.writelines(f"{number},a red ball number {number} on the grass\n" for number in range(count))
    return path


def sources(place: Path, count: int) -> None:
    kinds = {"folder": folder(place / "tiny", count), "table (.csv)": table(place / "tiny.csv", count)}
    kinds |= archives(kinds["folder"], place)
    print(f"\nsources: {count:,} tiny samples, one worker, metadata and captions")
    for name, source in kinds.items():
        found = scan(source, place / f"audit-{source.name}", jobs=1, detectors=["metadata", "captions"], names="off")
        each = 1000 * found["stages"] / found["samples"]
        print(
            f"  {name:<14} {each:6.2f} ms CPU of the worker per sample, {found['samples'] / found['wall']:8.0f} /s wall"
        )


def archives(pictures: Path, place: Path) -> dict[str, Path]:
    """The same pictures as other kinds of sources, as far as this version opens them."""
    import tarfile
    import zipfile

    from privacy_audit.errors import SourceError
    from privacy_audit.sources import open_source

    files = sorted(pictures.rglob("*.png"))
    with tarfile.open(place / "tiny.tar", "w") as tar:
        for file in files:
            tar.add(file, file.name)
    with zipfile.ZipFile(place / "tiny.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    found = {}
    for name in ("tiny.tar", "tiny.zip"):
        try:
            open_source(place / name)
        except SourceError:
            continue
        found[name.removeprefix("tiny")] = place / name
    return found


def workers(place: Path, pictures: Path) -> None:
    """Wall time of two workers against one; models load in both, so take enough pictures."""
    print("\nworkers: all default detectors")
    walls, costs = {}, {}
    for jobs in (1, 2):
        found = scan(pictures, place / f"audit-jobs-{jobs}", jobs=jobs)
        walls[jobs], costs[jobs] = found["wall"], found["stages"]
        rate, each = found["samples"] / found["wall"], 1000 * found["stages"] / found["samples"]
        print(f"  {jobs}: {rate:7.1f} /s wall, {each:.1f} ms CPU per sample, {found['worker_mb']:.0f} MB per worker")
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"  two against one: {walls[1] / walls[2]:.2f} times as fast by wall time ({machine})")
    print(f"  by the CPU time that each takes per sample: {2 * costs[1] / costs[2]:.2f}, as on two cores that are free")


def memory(place: Path, many: int) -> None:
    """Peak memory must not grow with the number of samples."""
    print("\nmemory: tiny pictures, one worker")
    peaks = []
    for count in (1000, many):
        source = folder(place / f"memory-{count}", count)
        found = scan(source, place / f"audit-memory-{count}", jobs=1, **LIGHT)
        peaks.append((found["own_mb"], found["worker_mb"]))
        print(f"  {count:>7,}: {found['own_mb']:6.0f} MB this process, {found['worker_mb']:6.0f} MB the worker")
    ratios = [last / first for first, last in zip(*peaks, strict=True)]
    print(f"  ratio    {ratios[0]:6.2f}                 {ratios[1]:6.2f}")


def overhead(place: Path, count: int, ray: str | None) -> None:
    """What a sample costs beyond the stages, less a scan of eight (start-up); the best of three interleaved rounds."""
    source, few = folder(place / "overhead", count), folder(place / "few", 8)
    print(f"\noverhead per sample: {count:,} tiny pictures, metadata only, start-up taken off, best of {ROUNDS}")
    kinds: dict[str, dict[str, object]] = {"in this process": {"jobs": 0}, "supervised": {"jobs": 1}}
    if ray:
        kinds["ray"] = {"engine": "ray", "ray_address": ray}
    beyond: dict[str, list[float]] = {name: [] for name in kinds}
    walls: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(ROUNDS):
        for name, settings in kinds.items():
            small = scan(few, place / f"audit-few-{name}-{turn}", **settings, **LIGHT)
            large = scan(source, place / f"audit-many-{name}-{turn}", **settings, **LIGHT)
            beyond[name].append((large["cpu"] - large["stages"] - (small["cpu"] - small["stages"])) / count)
            walls[name].append((large["wall"] - small["wall"]) / count)
    for name in kinds:
        # the processes of a cluster are not below this one, so their CPU time is not known here
        cpu = f"{1e6 * min(beyond[name]):7.0f} us CPU beyond the stages" if name != "ray" else " " * 32
        print(f"  {name:<16} {cpu}, {1e6 * min(walls[name]):7.0f} us wall in all")


def report(place: Path, findings: int) -> None:
    """A made-up audit, its report, and a count of its lazy relation."""
    audit = made_up(place / "made-up", findings)
    found, lazy = run(REPORT, audit), run(LAZY, audit)
    print(f"\nreport on {findings:,} findings: {found['wall']:.1f} s wall, {found['own_mb']:.0f} MB")
    print(f"lazy findings ({lazy['rows']:,} rows): two counts and a row {lazy['wall']:.1f} s, {lazy['own_mb']:.0f} MB")


def made_up(path: Path, findings: int) -> Path:
    """An audit folder with that many findings on half as many samples, in parts of 100,000."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from privacy_audit.store import manifest
    from privacy_audit.store.schema import TABLES, schema
    from privacy_audit.taxonomy import CODES

    rng, step = np.random.default_rng(0), 100_000
    codes = np.array(list(CODES))
    for table_name in TABLES:
        (path / table_name).mkdir(parents=True)
    samples = 0
    for part, first in enumerate(range(0, findings, step)):
        count = min(step, findings - first)
        ids = np.array([f"folder-{part:05d}/{number:08d}.jpg" for number in range(count // 2)])
        samples += len(ids)
        columns: dict[str, dict[str, Any]] = {
            "samples": {
                "sample_id": ids, "shard": [f"{part:06d}"] * len(ids), "bytes": rng.integers(1e4, 1e6, len(ids)),
                "format": ["JPEG"] * len(ids), "width": [4000] * len(ids), "height": [3000] * len(ids),
                "visibility": ["unknown"] * len(ids), "training": ["unspecified"] * len(ids),
                "checked": [["faces", "metadata"]] * len(ids),
            },
            "findings": {
                "sample_id": rng.choice(ids, count), "detector": ["metadata"] * count,
                "code": rng.choice(codes, count), "channel": ["metadata"] * count,
                "w": rng.uniform(1, 900, count), "h": rng.uniform(1, 900, count),
            },
            "decisions": {
                "sample_id": ids, "rule_id": ["baseline/face"] * len(ids), "severity": ["medium"] * len(ids),
                "action": [{"kind": "redact", "parameters": []}] * len(ids), "codes": [["face"]] * len(ids),
            },
            "failures": {"sample_id": []},
        }  # fmt: skip
        for table_name, values in columns.items():
            kinds, length = schema(table_name), len(values["sample_id"])
            arrays = [
                pa.array(values[field.name], field.type) if field.name in values else pa.nulls(length, field.type)
                for field in kinds
            ]
            target = path / table_name / f"{part:06d}.parquet"
            pq.write_table(pa.Table.from_arrays(arrays, schema=kinds), target, compression="zstd")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries = [
        manifest.DetectorEntry(name, "1", "privacy-audit", list(CODES), "made up", "made up")
        for name in ("faces", "metadata")
    ]
    counts = {"samples": samples, "findings": findings, "failures": 0, "decisions": samples, "skipped_members": 0}
    texts = dict.fromkeys(("source_fingerprint", "plan_hash", "policy_hash", "token_key_id"), "0" * 16)
    manifest.write(
        path,
        manifest.Manifest(
            tool_version="0", status="complete", started=now, finished=now, source_kind="folder",
            source_name="made up", options={"fail_on": "high"}, detectors=entries,
            packs=[manifest.PackEntry("baseline", "Baseline", "1")], counts={**counts, "shards": part + 1}, **texts,
        ),
    )  # fmt: skip
    return path


if __name__ == "__main__":
    main()
