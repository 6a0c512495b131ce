"""The leaves of an audit: one per distinct content among its samples, read from the table `samples` as a stream."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from privacy_audit.errors import AuditError
from privacy_audit.integrity import tree

SCHEME = 1
BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Leaves(Sequence[bytes]):
    """Keyed hashes in ascending order, each once, in one piece of memory: 32 bytes per content."""

    data: bytes
    without_content: int
    """Samples that have no bytes (rows of a table, missing files): they are not in the tree."""

    def __len__(self) -> int:
        return len(self.data) // tree.HASH_BYTES

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        start = index % len(self) * tree.HASH_BYTES
        return self.data[start : start + tree.HASH_BYTES]


def salt_for(token_key: bytes, source_fingerprint: str) -> bytes:
    """The salt of an audit: the same for the same data and key, and unknown to whoever lacks the key."""
    return hmac.digest(token_key, b"privacy-audit tree\0" + source_fingerprint.encode(), "sha256")


def leaves_of(audit: Path, salt: bytes) -> Leaves:
    """The leaves of an audit, the two ends included. Raises AuditError when a part is damaged."""
    import numpy as np

    buffer, without = bytearray(tree.FIRST + tree.LAST), 0
    for digest in _digests(audit):
        if digest is None:
            without += 1
        else:
            buffer += tree.keyed(salt, digest)
    ordered = np.frombuffer(buffer, dtype=f"S{tree.HASH_BYTES}")
    ordered.sort()  # in place
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return Leaves((ordered if first.all() else ordered[first]).tobytes(), without)


def build(audit: Path, salt: bytes) -> dict[str, Any]:
    """What the manifest says of the tree."""
    leaves = leaves_of(audit, salt)
    return {
        "scheme": SCHEME,
        "root": tree.commitment(salt, len(leaves), tree.node_of(leaves)).hex(),
        "salt": salt.hex(),
        "contents": len(leaves) - 2,
        "without_content": leaves.without_content,
    }


def _digests(audit: Path) -> Iterator[bytes | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for part in sorted((audit / "samples").glob("*.parquet")):
            for batch in pq.ParquetFile(part).iter_batches(BATCH, columns=["sha256"]):
                for text in batch.column(0).to_pylist():
                    yield _digest(text) if text else None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise AuditError(f"a part of the audit {audit} is damaged or missing. Scan again.") from error


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != tree.HASH_BYTES:
        raise ValueError("not a sha256")
    return digest
