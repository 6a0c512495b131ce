"""Takes over what an earlier audit said of samples that are the same by content: `scan --since AUDIT`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from privacy_audit import evidence
from privacy_audit.errors import AuditError, PictureError
from privacy_audit.evidence import key_id
from privacy_audit.policy import Pack, decide, fingerprint
from privacy_audit.run.plan import TOOL_VERSION, Plan
from privacy_audit.sources import Item
from privacy_audit.store import manifest as manifests
from privacy_audit.store import shards
from privacy_audit.store.schema import TABLES, decision_row, finding_of
from privacy_audit.types import Failure

Rows = dict[str, list[dict[str, Any]]]
_KEPT_SHARDS = 2


def content(item: Item) -> str:
    """A keyed digest of all that a detector sees of a sample; empty when its picture cannot be read."""
    sample = item.sample
    try:
        picture = "" if sample.picture is None else sample.picture.digest
    except PictureError:
        return ""
    facts = [
        picture,
        hashlib.sha256(sample.sidecar or b"").hexdigest(),
        [[text.channel, text.field, text.value] for text in sample.texts],
        sorted((name, repr(value)) for name, value in sample.record.items()),
        [[skip.stage, skip.reason] for skip in item.skipped],
    ]
    return evidence.content_token(json.dumps(facts).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Since:
    """An earlier audit, and the index of its samples that `prepare` wrote."""

    audit: Path
    index: Path


def check(audit: Path, plan: Plan) -> None:
    """Raises AuditError when what the earlier audit says is not what this plan would say, and why."""
    old = manifests.read(audit)
    if old.status != "complete":
        raise AuditError(f"{audit} is not finished. Run its scan again first: it goes on where it stopped.")
    if old.plan_hash == replace(plan, sampling=old.sampling).hash():
        return
    reasons = {
        "the version of privacy-audit": old.tool_version != TOOL_VERSION,
        "the rule packs": old.policy_hash != fingerprint(plan.packs),
        "the token key": old.token_key_id != key_id(plan.token_key),
        "the list of detectors": {entry.name for entry in old.detectors} != {spec.name for spec in plan.detectors},
    }
    changed = [name for name, differs in reasons.items() if differs] or [
        "a detector's version or options, or how the source is to be read"
    ]
    raise AuditError(
        f"nothing can be taken over from {audit}, because it was made otherwise: {' and '.join(changed)} changed. "
        "Scan without --since."
    )


def prepare(audit: Path, index: Path) -> Since:
    """Write the index: which part of the earlier audit holds a sample, and with what content."""
    import pyarrow.parquet as pq

    index.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(index)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE samples (id BLOB PRIMARY KEY, content TEXT, shard TEXT) WITHOUT ROWID")
        for path in sorted((audit / "samples").glob("*.parquet")):
            file = pq.ParquetFile(path)
            if "content" not in file.schema_arrow.names:
                raise AuditError(f"{audit} was made by an earlier version that kept no digests. Scan without --since.")
            for batch in file.iter_batches(columns=["sample_id", "content", "failed"]):
                rows = (
                    (_key(row["sample_id"]), row["content"], path.stem)
                    for row in batch.to_pylist()
                    if row["content"] and not row["failed"]  # what failed is tried again
                )
                connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", rows)
        connection.commit()
    return Since(audit, index)


class Lookup:
    """Rows of an earlier audit by sample; keeps the last few of its parts in memory."""

    def __init__(self, since: Since) -> None:
        self._audit = since.audit
        self._index = sqlite3.connect(f"file:{since.index}?mode=ro&immutable=1", uri=True)
        self._parts: OrderedDict[str, dict[str, Rows]] = OrderedDict()

    def rows(self, sample: str, digest: str) -> Rows | None:
        """All rows of a sample whose content is the same; None when it is new, has changed or failed."""
        if not digest:
            return None
        found = self._index.execute("SELECT content, shard FROM samples WHERE id = ?", [_key(sample)]).fetchone()
        if found is None or found[0] != digest:
            return None
        return self._part(found[1]).get(sample)

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _part(self, shard: str) -> Mapping[str, Rows]:
        if shard not in self._parts:
            self._parts[shard] = _read(self._audit, shard)
            if len(self._parts) > _KEPT_SHARDS:
                self._parts.popitem(last=False)
        return self._parts[shard]


def _read(audit: Path, shard: str) -> dict[str, Rows]:
    """The rows of an undamaged part by sample; {} of one that is not as it was written."""
    import pyarrow.parquet as pq

    facts = shards.read_marker(audit, shard)
    if facts is None or not shards.intact(audit, facts):
        return {}
    found: dict[str, Rows] = {}
    for table in TABLES:
        for row in pq.ParquetFile(shards.part(audit, table, shard)).read().to_pylist():
            found.setdefault(row["sample_id"], {name: [] for name in TABLES})[table].append(row)
    return found


def taken_over(rows: Rows, shard: str, packs: Sequence[Pack]) -> Rows:
    """The rows as they stand in a new audit. It decides anew: people may have settled findings of the earlier one."""
    (sample,) = rows["samples"]
    findings = [finding_of(row) for row in rows["findings"]]
    failures = [Failure(row["stage"], row["kind"], row["message"]) for row in rows["failures"]]
    decisions = decide(packs, findings, failures, sample["visibility"], sample["training"])
    return {
        **rows,
        "samples": [{**sample, "shard": shard, "reused": True}],
        "decisions": [decision_row(sample["sample_id"], decision) for decision in decisions],
    }


def _key(sample: str) -> bytes:
    return hashlib.blake2b(sample.encode("utf-8", "surrogatepass"), digest_size=16).digest()
