"""Microseconds of CPU per sample to plan and to read the same pictures from every kind of source, and a scan's.

    python benchmarks/sources.py [--count 2000] [--kilobytes 60] [--rounds 5] [--scan metadata]

Pictures and captions are made in a temporary folder. Planning is the survey and the list of shards; reading hands over
every sample's stored bytes, texts and sha256. The rounds take the kinds in turn, so that other work on the machine hits
all of them; medians of process time. `--scan` names detectors of a whole scan in one process, timed in the same way.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tarfile
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import privacy_audit as pa_
from privacy_audit.sources import Item, open_source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--kilobytes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scan", metavar="A,B", help="detectors of a whole scan, timed too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        kinds = prepare(root, options.count, options.kilobytes)
        planned: dict[str, list[float]] = {kind: [] for kind in kinds}
        read: dict[str, list[float]] = {kind: [] for kind in kinds}
        scanned: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(options.rounds):
            for kind, path in kinds.items():
                plan_s, read_s = pass_over(path)
                planned[kind].append(plan_s / options.count)
                read[kind].append(read_s / options.count)
                if options.scan:
                    spent = scan(path, root / f"audit-{kind}-{number}", options.scan.split(","))
                    scanned[kind].append(spent / options.count)
        print(f"{options.count} pictures of {options.kilobytes} kB, {options.rounds} rounds, us of CPU a sample")
        columns = f"{'plan':>8}{'read':>8}{'against folder':>16}{'scan':>10}{'against folder':>16}"
        print(f"{'source':<16}{columns}{'peak MB':>9}")
        for kind, path in kinds.items():
            both = statistics.median(planned[kind]) + statistics.median(read[kind])
            folder = statistics.median(planned["folder"]) + statistics.median(read["folder"])
            row = f"{kind:<16}{1e6 * statistics.median(planned[kind]):>8.0f}{1e6 * statistics.median(read[kind]):>8.0f}"
            row += f"{both / folder:>16.2f}"
            if options.scan:
                whole = statistics.median(scanned[kind])
                ratios = [a / b for a, b in zip(scanned[kind], scanned["folder"], strict=True)]
                row += f"{1e6 * whole:>10.0f}{statistics.median(ratios):>16.3f}"
            else:
                row += f"{'-':>10}{'-':>16}"
            print(f"{row}{peak_mb(path):>9.1f}")


def prepare(root: Path, count: int, kilobytes: int) -> dict[str, Path]:
    """The same samples in every layout."""
    noise = np.random.default_rng(7)
    samples = []
    for number in range(count):
        buffer = io.BytesIO()
        Image.fromarray(noise.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(buffer, "JPEG")
        data = buffer.getvalue()
        # Bytes that do not compress, as a comment after the picture's end would hold them
        samples.append((f"{number:06d}", data + noise.bytes(max(0, kilobytes * 1000 - len(data))), f"caption {number}"))
    (root / "folder").mkdir()
    with (
        tarfile.open(root / "a.tar", "w") as tar,
        tarfile.open(root / "a.tar.gz", "w:gz", compresslevel=1) as packed,
        zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_STORED) as stored,
        zipfile.ZipFile(root / "deflated.zip", "w", zipfile.ZIP_DEFLATED) as deflated,
    ):
        for key, data, caption in samples:
            for name, content in ((f"{key}.jpg", data), (f"{key}.txt", caption.encode())):
                (root / "folder" / name).write_bytes(content)
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                packed.addfile(info, io.BytesIO(content))
                stored.writestr(name, content)
                deflated.writestr(name, content)
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = pa.array([{"bytes": data, "path": f"{key}.jpg"} for key, data, _ in samples], struct)
    table = pa.table({"image": cells, "caption": [caption for _, _, caption in samples]})
    pq.write_table(table, root / "a.parquet", row_group_size=100)
    with pa.ipc.new_stream(str(root / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    images = [{"id": n, "file_name": f"folder/{key}.jpg"} for n, (key, _, _) in enumerate(samples)]
    captions = [{"image_id": n, "caption": caption} for n, (_, _, caption) in enumerate(samples)]
    (root / "coco.json").write_text(json.dumps({"images": images, "annotations": captions}))
    names = ("folder", "a.tar", "a.tar.gz", "a.zip", "deflated.zip", "a.parquet", "a.arrow", "coco.json")
    return {name: root / name for name in names}


def timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def pass_over(path: Path) -> tuple[float, float]:
    """Seconds of process time to plan, and to read everything."""
    source = open_source(path)
    shards: list[object] = []
    plan_s = timed(lambda: (source.survey(), shards.extend(source.shards())))

    def read() -> None:
        for shard in shards:
            for item in source.read(shard):  # type: ignore[arg-type]
                if isinstance(item, Item) and item.sample.picture is not None:
                    _ = item.sample.picture.digest

    return plan_s, timed(read)


def scan(path: Path, output: Path, detectors: list[str]) -> float:
    """Seconds of process time of a whole scan in this process."""
    return timed(lambda: pa_.scan(path, output=output, detectors=detectors, jobs=0))


def peak_mb(path: Path) -> float:
    """Python's own peak memory of a pass; Arrow's buffers are not in it."""
    tracemalloc.start()
    pass_over(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
