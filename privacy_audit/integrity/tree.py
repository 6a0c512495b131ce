"""A Merkle tree as RFC 6962 (section 2.1) builds it, over leaves that are keyed hashes in ascending order.

A leaf is HMAC-SHA-256 of a content's sha256 under the salt of the audit. Two leaves that are no content stand at the
ends, 32 bytes of 0x00 and of 0xff, so that every absent content has two neighbours. The published root also covers the
salt and the number of leaves:

    leaf = SHA-256(0x00 || keyed hash)    node = SHA-256(0x01 || left || right)
    root = SHA-256(0x02 || salt || number of leaves, 8 bytes big-endian || node of the whole tree)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
FIRST, LAST = b"\x00" * HASH_BYTES, b"\xff" * HASH_BYTES
MAX_LEAVES = 1 << 62


def keyed(salt: bytes, digest: bytes) -> bytes:
    """The keyed hash of a content, from its sha256."""
    return hmac.digest(salt, digest, "sha256")


def commitment(salt: bytes, size: int, node: bytes) -> bytes:
    """The published root."""
    return hashlib.sha256(b"\x02" + salt + size.to_bytes(8, "big") + node).digest()


def node_of(leaves: Iterable[bytes]) -> bytes:
    """The node over some leaves, in one pass and with memory for one node per level."""
    stack: list[tuple[int, bytes]] = []  # subtrees of 2 ** height leaves, the highest first
    for leaf in leaves:
        height, node = 0, _leaf(leaf)
        while stack and stack[-1][0] == height:
            node = _node(stack.pop()[1], node)
            height += 1
        stack.append((height, node))
    if not stack:
        return hashlib.sha256().digest()
    node = stack.pop()[1]
    while stack:
        node = _node(stack.pop()[1], node)
    return node


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The nodes beside the way from one leaf to the root, lowest first."""
    start, end = 0, len(leaves)
    path = []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(node_of(leaves[position] for position in range(split, end)))
            end = split
        else:
            path.append(node_of(leaves[position] for position in range(start, split)))
            start = split
    return path[::-1]


def climb(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The node of a whole tree, from one leaf and its path; None when the path does not fit place and size."""
    if not 0 <= index < size:
        return None
    node, place, last = _leaf(leaf), index, size - 1
    for beside in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            node = _node(beside, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = _node(node, beside)
        place, last = place >> 1, last >> 1
    return node if last == 0 else None


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
