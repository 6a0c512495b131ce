"""The tree: RFC 6962 by its own recursive definition, paths, and what an attacker may try."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from privacy_audit.integrity import tree

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


def test_the_published_vectors_of_certificate_transparency() -> None:
    """The eight leaves and roots that implementations of RFC 6962 are tested with."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    raw = [bytes.fromhex(leaf) for leaf in leaves]
    assert tree.node_of(raw[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.node_of(raw).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_one_pass_gives_what_the_definition_says(leaves: list[bytes]) -> None:
    assert tree.node_of(iter(leaves)) == definition(leaves)


@given(LEAVES, st.data())
def test_a_path_leads_to_the_root_and_no_other_leaf_or_place_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = tree.path_of(leaves, index), definition(leaves)
    assert tree.climb(leaves[index], index, len(leaves), path) == root
    other = data.draw(st.binary(min_size=32, max_size=32))
    if other != leaves[index]:
        assert tree.climb(other, index, len(leaves), path) != root
    assert tree.climb(leaves[index], index, len(leaves), [*path, b"\0" * 32]) is None
    assert tree.climb(leaves[index], len(leaves), len(leaves), path) is None
    assert tree.climb(leaves[index], -1, len(leaves), path) is None


@given(LEAVES.filter(lambda leaves: len(set(leaves)) > 1))
def test_a_node_is_no_leaf(leaves: list[bytes]) -> None:
    """Without the bytes 0x00 and 0x01, two nodes could be shown as a leaf."""
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    both = definition(leaves[:split]) + definition(leaves[split:])
    assert tree.node_of([both]) != definition(leaves)


def test_the_root_covers_salt_and_size() -> None:
    node = b"\x05" * 32
    found = {
        tree.commitment(b"\1" * 32, 3, node),
        tree.commitment(b"\2" * 32, 3, node),
        tree.commitment(b"\1" * 32, 4, node),
    }
    assert len(found) == 3
