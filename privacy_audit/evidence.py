"""Masked previews and keyed tokens: the only way from a raw personal value to something that may be stored.

A preview shows the shape of a value ("e***@***.com, 22 chars"), never enough to read it. A token is an HMAC-SHA-256 of
the normalised value: equal values give equal tokens under one key, and without the key nobody can try all phone numbers
until one fits. The key lives outside the audit folder (see `load_key`) and is in no report.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from privacy_audit.errors import AuditError

KEY_BYTES = 32
TOKEN_CHARS = 24  # 96 bits: no two values of a billion-row audit share one by chance
_PSEUDONYM_CHARS = 6
_PUBLIC_SUFFIXES = frozenset({"com", "org", "net", "edu", "gov", "id", "co", "uk", "de", "fr", "io", "info"})

_process_key = secrets.token_bytes(KEY_BYTES)
_key: ContextVar[bytes] = ContextVar("token_key", default=_process_key)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What may be kept of a personal value."""

    preview: str
    token: str


def conceal(value: str, code: str) -> Evidence:
    """Masked preview and keyed token for `value`, found as `code`."""
    return Evidence(mask(value, code), token(value, code))


def token(value: str, code: str) -> str:
    """Hex HMAC of the normalised value under the current key; equal values of one code family share it."""
    family = code.split(".", 1)[0]
    message = f"{family}\0{_normalise(value, code)}".encode("utf-8", "surrogatepass")
    return hmac.new(_key.get(), message, hashlib.sha256).hexdigest()[:TOKEN_CHARS]


def pseudonym(value: str, code: str, scope: str) -> str:
    """Six hexadecimal digits that stand for a value within `scope`, under the current key; equal for equal values.

    So few digits tell apart a few thousand values: two of them share a pseudonym now and then.
    """
    return token(f"{scope}\0{value}", f"{code.split('.', 1)[0]}.pseudonym")[:_PSEUDONYM_CHARS].upper()


def content_token(content: bytes) -> str:
    """Hex HMAC of all that is known of a sample under the current key: tells whether it changed, and nothing else."""
    return hmac.new(_key.get(), b"content\0" + content, hashlib.sha256).hexdigest()[:TOKEN_CHARS]


def mask(value: str, code: str) -> str:
    """The shape of `value`: first letter of an e-mail and a common top-level domain, else only kind and length."""
    size = f"{len(value)} chars"
    if code == "contact.email" and "@" in value:
        suffix = value.rpartition(".")[2].lower()
        return f"{_initial(value)}***@***.{suffix if suffix in _PUBLIC_SUFFIXES else '***'}, {size}"
    if code.startswith("gps"):
        return "coordinates"
    digits = sum(character.isdigit() for character in value)
    if digits and digits * 2 >= sum(character.isalnum() for character in value):
        return f"{digits} digits, {size}"
    words = len(value.split())
    return f"{words} words, {size}" if words > 1 else f"***, {size}"


def _initial(value: str) -> str:
    first = value[:1]
    return first if first.isalnum() and first.isascii() else "*"


def _normalise(value: str, code: str) -> str:
    text = unicodedata.normalize("NFKC", value).casefold().strip()
    if code.startswith("id.") or code in {"contact.phone", "net.mac", "device.serial"}:
        return "".join(character for character in text if character.isalnum())
    return " ".join(text.split())


@contextlib.contextmanager
def token_key(key: bytes) -> Iterator[None]:
    """Use `key` for the tokens made inside the block. Outside one, tokens hold for this process alone."""
    reset = _key.set(key)
    try:
        yield
    finally:
        _key.reset(reset)


def key_id(key: bytes) -> str:
    """A short public name for a key: tells whether two audits can be compared, and nothing else."""
    return hashlib.sha256(b"privacy-audit token key\0" + key).hexdigest()[:16]


def load_key(path: Path | None = None) -> bytes:
    """Read the key file, or make it (mode 0600) when it does not exist.

    Default place: the user's state folder ($XDG_STATE_HOME or ~/.local/state, %LOCALAPPDATA% on Windows).
    """
    path = path or default_key_path()
    try:
        if not path.exists():
            _make_key(path)
        with path.open("rb") as file:
            raw = file.read(4 * KEY_BYTES).strip()
        key = bytes.fromhex(raw.decode("ascii"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not hold 64 hexadecimal digits"
        raise AuditError(f"cannot use the token key {path}: {reason}. Name another one with --token-key.") from error
    if len(key) != KEY_BYTES:
        raise AuditError(f"cannot use the token key {path}: it does not hold {2 * KEY_BYTES} hexadecimal digits.")
    return key


def _make_key(path: Path) -> None:
    """Write a new key whole: a second run that starts now must not read half of it, nor make another one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def default_key_path() -> Path:
    """Where the token key lives unless the user says otherwise."""
    local = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_STATE_HOME")
    base = Path(local) if local else Path.home() / ".local" / "state"
    return base / "privacy-audit" / "token.key"
