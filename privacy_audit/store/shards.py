"""Writes one shard's rows. The marker comes last: a shard without it never happened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError
from privacy_audit.store.files import sha256, whole, write_whole
from privacy_audit.store.schema import TABLES, schema

if TYPE_CHECKING:
    import pyarrow as pa

MARKERS = "shards"


def part(audit: Path, table: str, shard: str) -> Path:
    """Where the rows of one table and shard stand."""
    return audit / table / f"{shard}.parquet"


def marker(audit: Path, shard: str) -> Path:
    """The file that says that a shard is complete."""
    return audit / MARKERS / f"{shard}.json"


def write(audit: Path, shard: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], facts: Mapping[str, Any]) -> None:
    """Write all tables of a shard, then its marker with `facts` and the sha256 of every part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    digests = {}
    for table in TABLES:
        path = part(audit, table, shard)
        with whole(path) as temporary:
            pq.write_table(pa.Table.from_pylist(list(rows[table]), schema=schema(table)), temporary, compression="zstd")
        digests[f"{table}/{path.name}"] = sha256(path)
    write_whole(marker(audit, shard), json.dumps({**facts, "parts": digests}, indent=1, sort_keys=True) + "\n")


def add_decisions(audit: Path, shard: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add rows to the decisions of a complete shard, those that are there already left out; returns its new facts.

    Part and marker are written one after the other: doing it again repairs what a crash left in between.
    Raises AuditError when the shard is not complete.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts = read_marker(audit, shard)
    if facts is None:
        raise AuditError(f"shard {shard} has no result. Scan again.")
    path = part(audit, "decisions", shard)
    decisions = pq.ParquetFile(path).read()
    known = set(zip(decisions["sample_id"].to_pylist(), decisions["rule_id"].to_pylist(), strict=True))
    new = [row for row in rows if (row["sample_id"], row["rule_id"]) not in known]
    if new:
        decisions = pa.concat_tables([decisions, pa.Table.from_pylist(new, schema=schema("decisions"))])
        with whole(path) as temporary:
            pq.write_table(decisions, temporary, compression="zstd")
    facts["counts"]["decisions"] = len(decisions)
    facts["parts"][f"decisions/{path.name}"] = sha256(path)
    write_whole(marker(audit, shard), json.dumps(facts, indent=1, sort_keys=True) + "\n")
    return facts


def replace_decisions(audit: Path, shard: str, decisions: pa.Table) -> None:
    """Write the decisions of a complete shard anew, as its rules make them, and say so in its marker."""
    import pyarrow.parquet as pq

    facts = read_marker(audit, shard)
    if facts is None:
        raise AuditError(f"shard {shard} has no result. Scan again.")
    path = part(audit, "decisions", shard)
    with whole(path) as temporary:
        pq.write_table(decisions, temporary, compression="zstd")
    facts.pop("decided", None)
    facts["counts"]["decisions"] = len(decisions)
    facts["parts"][f"decisions/{path.name}"] = sha256(path)
    write_whole(marker(audit, shard), json.dumps(facts, indent=1, sort_keys=True) + "\n")


def read_marker(audit: Path, shard: str) -> dict[str, Any] | None:
    """What `write` noted about a shard, or None when it is not complete."""
    path = marker(audit, shard)
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("parts"), dict) else None


def intact(audit: Path, facts: Mapping[str, Any]) -> bool:
    """Whether every part of a shard is as it was written: not deleted, and not cut by a crash of the machine."""
    try:
        return all(sha256(audit / name) == digest for name, digest in facts["parts"].items())
    except OSError:
        return False
