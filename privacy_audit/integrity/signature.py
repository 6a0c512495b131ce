"""Signatures: Ed25519 over the bytes of audit.json, which holds the digest of every part and the root of the tree."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import AuditError, IntegrityError
from privacy_audit.integrity import contents
from privacy_audit.store import manifest as manifests
from privacy_audit.store.files import sha256, write_whole
from privacy_audit.store.schema import TABLES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "signature.json"
MAX_BYTES = 64 << 10
_DOMAIN = b"privacy-audit signature 1\0"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds. `trusted`: made with the public key that the caller named, not merely one in the file."""

    key_id: str
    trusted: bool
    parts: int
    root: str


def new_key(path: Path) -> str:
    """Make a private key at `path` (mode 0600, never over a file) and its public one beside it; returns its id."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        public = private.public_key()
        write_whole(public_path(path), public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    except FileExistsError:
        raise AuditError(f"{path} exists: a key is never written over. Name another file.") from None
    except OSError as error:
        raise AuditError(f"cannot write {path}: {error.strerror}.") from error
    return key_id(public)


def public_path(path: Path) -> Path:
    """Where the public key of a private one stands: FILE.pub."""
    return path.with_name(path.name + ".pub")


def key_id(public: Ed25519PublicKey) -> str:
    """A short name for a public key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def sign(audit: Path, key: Path) -> str:
    """Sign an audit as it is, into AUDIT/signature.json; returns the id of the key.

    Raises AuditError, or IntegrityError when the folder is not what its manifest says.
    """
    private = _private_key(key)
    if manifests.read(audit).status != "complete":
        raise AuditError(f"{audit} is not complete: run the same scan again, it goes on where it stopped.")
    _check_parts(audit)
    public = private.public_key()
    facts = {
        "format": 1,
        "algorithm": "Ed25519",
        "signed": manifests.NAME,
        "public_key": public.public_bytes_raw().hex(),
        "signature": private.sign(_message(audit)).hex(),
    }
    try:
        write_whole(audit / NAME, json.dumps(facts, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise AuditError(f"cannot write to {audit}: {error.strerror}.") from error
    return key_id(public)


def verify(audit: Path, public_key: Path | None = None) -> Signed:
    """Check the signature, every part and the root of the tree. Raises IntegrityError when something does not hold."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    manifests.read(audit)
    raw = _read(audit / NAME, f"{audit} is not signed. Sign it with: privacy-audit sign {audit} --key FILE")
    try:
        facts = json.loads(raw)
        if (facts["format"], facts["algorithm"], facts["signed"]) != (1, "Ed25519", manifests.NAME):
            raise ValueError("another format")
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(facts["public_key"]))
        signature = bytes.fromhex(facts["signature"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise IntegrityError(f"{audit / NAME} is no signature that this version knows.") from None
    if public_key is not None and _public_key(public_key).public_bytes_raw() != public.public_bytes_raw():
        raise IntegrityError(f"signed with another key ({key_id(public)}) than {public_key}.")
    try:
        public.verify(signature, _message(audit))
    except InvalidSignature:
        raise IntegrityError(f"{manifests.NAME} is not what was signed.") from None
    manifest = _check_parts(audit)
    return Signed(key_id(public), public_key is not None, len(manifest.parts), str(manifest.integrity.get("root", "")))


def _message(audit: Path) -> bytes:
    return _DOMAIN + (audit / manifests.NAME).read_bytes()


def _check_parts(audit: Path) -> manifests.Manifest:
    """That the folder holds what its manifest says, and no other part of a table."""
    manifest = manifests.read(audit)
    here = audit.resolve()
    for name, digest in manifest.parts.items():
        path = (audit / name).resolve()
        if here not in path.parents:
            raise IntegrityError("the manifest names a part outside of the audit.")
        found = None
        with contextlib.suppress(OSError):
            found = sha256(path)
        if found != digest:
            raise IntegrityError(f"{name} is {'missing' if found is None else 'not what the manifest says'}.")
    for table in TABLES:
        for path in (audit / table).glob("*.parquet"):
            if f"{table}/{path.name}" not in manifest.parts:
                raise IntegrityError(f"{table}/{path.name} is not in the manifest.")
    facts: dict[str, Any] = manifest.integrity
    if facts:
        try:
            salt = bytes.fromhex(facts["salt"])
        except (KeyError, ValueError, TypeError):
            raise IntegrityError("what the manifest says of the tree is damaged.") from None
        if contents.build(audit, salt) != facts:
            raise IntegrityError("the root of the tree is not that of the samples.")
    return manifest


def _private_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    raw = _read(path, f"{path} does not exist. Make a key with --new-key {path}")
    try:
        key = load_pem_private_key(raw, None)
    except TypeError:
        raise AuditError(f"{path} is encrypted with a password; a key without one is needed.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise AuditError(f"{path} is no private key in PEM form.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditError(f"{path} is not an Ed25519 key.")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    raw = _read(path, f"{path} does not exist.")
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise AuditError(f"{path} is no public key in PEM form.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise AuditError(f"{path} is not an Ed25519 key.")
    return key


def _read(path: Path, absent: str) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise AuditError(absent) from None
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    if len(raw) > MAX_BYTES:
        raise AuditError(f"{path} is too large.")
    return raw
