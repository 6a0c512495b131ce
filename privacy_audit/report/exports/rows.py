"""Findings row by row, for internal use: CSV, Parquet, and labels for FiftyOne. Written as a stream."""

from __future__ import annotations

import csv
import itertools
import json
import operator
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError

if TYPE_CHECKING:
    import duckdb

    from privacy_audit.store.folder import AuditFolder

BATCH = 10_000
_COLUMNS = (
    "sample_id", "detector", "code", "score", "channel", "where", "x", "y", "w", "h", "start", "end", "tag", "preview",
    "token", "attributes",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FINDINGS = """
    SELECT f.*, s.width, s.height FROM findings f JOIN samples s USING (sample_id)
    WHERE coalesce(s.format, '') <> '' ORDER BY sample_id, code
"""


def write_csv(folder: AuditFolder, target: Path) -> None:
    """One line per finding; attributes are JSON. A cell that a spreadsheet would take for a formula gets a quote."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in folder.table("findings"):
            attributes = json.dumps(dict(row["attributes"]), sort_keys=True, ensure_ascii=False)
            writer.writerow([_cell(row[name]) for name in _COLUMNS[:-1]] + [attributes])


def write_parquet(folder: AuditFolder, target: Path) -> None:
    """The table `findings` in one file, with the schema of the audit."""
    import pyarrow.parquet as pq

    from privacy_audit.store.schema import schema

    layout = schema("findings")
    with pq.ParquetWriter(target, layout, compression="zstd") as writer:
        for batch in _batches(folder, "SELECT * FROM findings"):
            writer.write_batch(batch.cast(layout))


def write_fiftyone(folder: AuditFolder, target: Path) -> None:
    """Labels in FiftyOne's JSON layout for detections; a finding without a place covers the whole picture.

    Boxes are shares of the upright picture. FiftyOne knows a picture by its path without extension; where two samples
    share one, AuditError.
    """
    codes = [code for (code,) in folder.sql("SELECT DISTINCT code FROM findings ORDER BY 1")]
    rows = (row for batch in _batches(folder, _FINDINGS) for row in batch.to_pylist())
    done: set[str] = set()
    with target.open("w", encoding="utf-8") as file:
        file.write(f'{{"classes": {json.dumps(codes)}, "labels": {{')
        for sample, group in itertools.groupby(rows, key=operator.itemgetter("sample_id")):
            name = PurePosixPath(sample).with_suffix("").as_posix()
            if name in done:
                raise AuditError(
                    "two pictures have the same path but for the extension, and FiftyOne tells pictures apart by the "
                    "path without it. Use --to csv or parquet."
                )
            labels = json.dumps([_label(row) for row in group])
            file.write(f"{',' if done else ''}\n{json.dumps(name)}: {labels}")
            done.add(name)
        file.write("\n}}\n")


def _label(row: dict[str, Any]) -> dict[str, Any]:
    box = [0.0, 0.0, 1.0, 1.0]
    if row["where"] in {"box", "quad"} and row["width"] and row["height"]:
        left, top = max(0.0, row["x"] / row["width"]), max(0.0, row["y"] / row["height"])
        right = min(1.0, (row["x"] + row["w"]) / row["width"])
        bottom = min(1.0, (row["y"] + row["h"]) / row["height"])
        box = [left, top, max(0.0, right - left), max(0.0, bottom - top)]
    attributes = {"detector": row["detector"], "channel": row["channel"], "where": row["where"]}
    if row["preview"]:
        attributes["preview"] = row["preview"]
    return {
        "label": row["code"],
        "bounding_box": [round(value, 6) for value in box],
        "confidence": round(row["score"], 4),
        "attributes": attributes,
    }


def _batches(folder: AuditFolder, query: str) -> Iterator[Any]:
    cursor: duckdb.DuckDBPyConnection = folder.connection.cursor()
    yield from cursor.sql(query).to_arrow_reader(BATCH)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
