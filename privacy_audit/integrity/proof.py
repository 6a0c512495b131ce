"""Proofs for one picture: its bytes were audited, or were not. They name hashes only, and hold against the root alone.

A proof of absence shows the two neighbours between which the picture's keyed hash would stand. It speaks of these
bytes: the same scene, cropped or stored again, is another content.
"""

from __future__ import annotations

import bisect
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from privacy_audit.errors import AuditError, IntegrityError
from privacy_audit.integrity import tree
from privacy_audit.integrity.contents import SCHEME, leaves_of
from privacy_audit.store import manifest as manifests
from privacy_audit.store.files import sha256

FORMAT = "privacy-audit/proof/1"
MAX_BYTES = 1 << 20
MAX_PATH = 64


@dataclass(frozen=True, slots=True)
class Statement:
    """What a proof that holds says: the content `picture_sha256` was among those audited, or was not."""

    present: bool
    picture_sha256: str
    root: str


def prove(audit: Path, picture: Path) -> dict[str, Any]:
    """A proof for the bytes of `picture`, as plain data. Raises AuditError when the audit has no (sound) tree."""
    facts = manifests.read(audit).integrity
    root, salt = _published(audit, facts)
    leaves = leaves_of(audit, salt)
    if tree.commitment(salt, len(leaves), tree.node_of(leaves)) != root:
        raise AuditError(f"the samples of {audit} are not those of its manifest. Scan again.")
    try:
        digest = sha256(picture)
    except OSError as error:
        raise AuditError(f"{picture} cannot be read: {error.strerror or type(error).__name__}.") from error
    wanted = tree.keyed(salt, bytes.fromhex(digest))
    place = bisect.bisect_left(leaves, wanted)
    present = leaves[place] == wanted
    return {
        "format": FORMAT,
        "statement": "present" if present else "absent",
        "picture_sha256": digest,
        "root": root.hex(),
        "salt": salt.hex(),
        "leaves": len(leaves),
        "shown": [
            {"index": index, "leaf": leaves[index].hex(), "path": [node.hex() for node in tree.path_of(leaves, index)]}
            for index in ([place] if present else [place - 1, place])
        ],
    }


def check(proof: Mapping[str, Any], root: str, picture: Path | None = None) -> Statement:
    """What `proof` proves against `root`, which must come from elsewhere than the proof.

    With `picture`, it must speak of that file's bytes. Raises IntegrityError when it does not hold.
    """
    given = _Given.read(proof)
    try:
        expected = bytes.fromhex(root.strip())
    except ValueError:
        expected = b""
    if len(expected) != tree.HASH_BYTES:
        raise IntegrityError("the root is not 64 hexadecimal digits.")
    if picture is not None:
        try:
            digest = bytes.fromhex(sha256(picture))
        except OSError as error:
            raise AuditError(f"{picture} cannot be read: {error.strerror or type(error).__name__}.") from error
        if digest != given.digest:
            raise IntegrityError("the proof speaks of another file than this picture.")
    for index, leaf, path in given.shown:
        node = tree.climb(leaf, index, given.size, path)
        found = tree.commitment(given.salt, given.size, node) if node is not None else b""
        if not hmac.compare_digest(found, expected):
            raise IntegrityError("the proof does not lead to this root: it is wrong, or of another audit.")
    wanted = tree.keyed(given.salt, given.digest)
    leaves = [leaf for _, leaf, _ in given.shown]
    indexes = [index for index, _, _ in given.shown]
    if given.statement == "present":
        holds = leaves == [wanted]
    else:
        holds = len(leaves) == 2 and indexes[1] == indexes[0] + 1 and leaves[0] < wanted < leaves[1]
    if not holds:
        raise IntegrityError(f"the proof does not show that the picture is {given.statement}.")
    return Statement(given.statement == "present", given.digest.hex(), expected.hex())


def read(path: Path) -> dict[str, Any]:
    """A proof from its file; raises IntegrityError when it is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    try:
        proof = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        proof = None
    if not isinstance(proof, dict):
        raise IntegrityError(f"{path} is no proof.")
    return proof


def root_of(audit: Path) -> str:
    """The root that an audit's manifest states."""
    return _published(audit, manifests.read(audit).integrity)[0].hex()


@dataclass(frozen=True, slots=True)
class _Given:
    """A proof with every field of the right form."""

    statement: Literal["present", "absent"]
    digest: bytes
    salt: bytes
    size: int
    shown: tuple[tuple[int, bytes, tuple[bytes, ...]], ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> _Given:
        try:
            if raw["format"] != FORMAT or raw["statement"] not in {"present", "absent"}:
                raise ValueError("another format")
            shown = raw["shown"]
            if not isinstance(shown, list) or not 1 <= len(shown) <= 2:
                raise ValueError("leaves")
            return cls(
                raw["statement"],
                _hash(raw["picture_sha256"]),
                _hash(raw["salt"]),
                _number(raw["leaves"]),
                tuple((_number(row["index"]), _hash(row["leaf"]), _path(row["path"])) for row in shown),
            )
        except (KeyError, TypeError, ValueError):
            raise IntegrityError("this is no proof, or one of another version.") from None


def _hash(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * tree.HASH_BYTES:
        raise ValueError("not a hash")
    return bytes.fromhex(value)


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= tree.MAX_LEAVES:
        raise ValueError("not a number")
    return value


def _path(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PATH:
        raise ValueError("not a path")
    return tuple(map(_hash, value))


def _published(audit: Path, facts: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Root and salt of a manifest."""
    try:
        if facts["scheme"] != SCHEME:
            raise ValueError("another scheme")
        return _hash(facts["root"]), _hash(facts["salt"])
    except (KeyError, ValueError) as error:
        raise AuditError(f"{audit} has no tree over its contents: it is not complete, or older. Scan again.") from error
