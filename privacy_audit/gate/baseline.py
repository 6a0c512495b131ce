"""The baseline: what an audit found, as counts by content, so that a later gate fails on new findings only.

A finding is known by its code, the digest of its picture and its keyed token; never by its place in a file or table.
So a moved picture and a shifted row stay known, while a further copy, or a value on another picture, is new. Rows
without a picture are known by their tokens alone. Findings without a token (a face) count per picture: a second one is
new.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError
from privacy_audit.policy import LookedAt
from privacy_audit.store.files import whole
from privacy_audit.store.folder import AuditFolder
from privacy_audit.store.stored import Reader, Recorded, shard_names

FORMAT = 1
MAX_ENTRIES = 20_000_000
_MAX_LINE = 400
_KEY_BYTES = 16
_KEY_ID_CHARS = 16


@dataclass(slots=True)
class Baseline:
    """The content of a baseline file. `left` is what of each key was not met again yet."""

    created: str
    token_key_id: str
    left: dict[bytes, int]

    def __len__(self) -> int:
        return len(self.left)

    def take(self, key: bytes) -> bool:
        """Whether one more finding of this key is known; each is known as often as it stands in the file."""
        count = self.left.get(key, 0)
        if count:
            self.left[key] = count - 1
        return count > 0

    def check_key(self, token_key_id: str) -> None:
        """Raises AuditError when tokens made under another key are to be compared."""
        if self.token_key_id != token_key_id:
            raise AuditError(
                f"the baseline was made under another token key ({self.token_key_id}) than this audit "
                f"({token_key_id}), so that no value can be compared. Scan with --token-key FILE, naming the key that "
                "the baseline's audit was made with, or make a new baseline."
            )


def finding_key(code: str, sha256: str | None, token: str) -> bytes:
    """The key of a finding."""
    return _key("finding", code, sha256 or "", token)


def rule_key(rule_id: str, sha256: str | None) -> bytes:
    """The key of a decision that rests on no finding: on a failure, or on who may see a picture."""
    return _key("rule", rule_id, sha256 or "", "")


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]


def keys(sample: Recorded) -> Iterator[tuple[str, bytes]]:
    """The keys of a sample's findings, with their codes."""
    for code, token in zip(sample.codes, sample.tokens, strict=True):
        yield code, finding_key(code, sample.sha256, token)


def create(audit: AuditFolder, output: Path) -> int:
    """Write the baseline of an audit to `output`, whole; returns the number of findings in it.

    Raises AuditError when the audit is not finished, or the file cannot be written.
    """
    if audit.manifest.status != "complete":
        raise AuditError(f"{audit.path} is not finished. Run the scan again first: it goes on where it stopped.")
    counts: Counter[tuple[str, bytes]] = Counter()
    reader = Reader(audit.path, LookedAt((), ()))
    for shard in shard_names(audit.path, audit.manifest.parts):
        for sample in reader.recorded(shard):
            counts.update(keys(sample))
    for rule, sha256, count in audit.sql("""
        SELECT rule_id, sha256, count(*) FROM decisions JOIN samples USING (sample_id)
        WHERE len(codes) = 0 GROUP BY rule_id, sha256
    """):
        counts["", rule_key(rule, sha256)] += count
    header = {
        "privacy_audit_baseline": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tool_version": audit.manifest.tool_version,
        "token_key_id": audit.manifest.token_key_id,
    }
    try:
        with whole(output) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(header) + "\n")
            for (code, key), count in sorted(counts.items()):
                file.write(json.dumps([code, key.hex(), count]) + "\n")
    except OSError as error:
        raise AuditError(f"cannot write {output}: {error.strerror or 'input/output error'}.") from error
    return sum(count for (code, _), count in counts.items() if code)


def load(path: Path) -> Baseline:
    """Read a baseline file; raises AuditError with the line that is wrong."""
    try:
        with path.open("rb") as file:
            header = _parsed(file.readline(_MAX_LINE + 1), path, 1)
            created, key_id = _header(header, path)
            left: dict[bytes, int] = {}
            for number in range(2, MAX_ENTRIES + 3):
                line = file.readline(_MAX_LINE + 1)
                if not line:
                    return Baseline(created, key_id, left)
                key, count = _entry(_parsed(line, path, number), path, number)
                left[key] = left.get(key, 0) + count
    except OSError as error:
        raise AuditError(f"{path}: cannot be read: {error.strerror or type(error).__name__}.") from error
    except ValueError as error:  # a name that is none
        raise AuditError("the baseline's name is not the name of a file.") from error
    raise AuditError(f"{path}: holds more than {MAX_ENTRIES:,} entries.")


def _parsed(line: bytes, path: Path, number: int) -> Any:
    if len(line) > _MAX_LINE:
        raise AuditError(f"{path}:{number}: the line is longer than {_MAX_LINE} characters. Make the baseline again.")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _wrong(path, number) from None


def _header(header: Any, path: Path) -> tuple[str, str]:
    if not isinstance(header, dict) or "privacy_audit_baseline" not in header:
        raise _wrong(path, 1)
    if header["privacy_audit_baseline"] != FORMAT:
        raise AuditError(f"{path}: was written by another version of privacy-audit. Make the baseline again.")
    created, key_id = header.get("created"), header.get("token_key_id")
    if not isinstance(created, str) or not created.isprintable() or not isinstance(key_id, str):
        raise _wrong(path, 1)
    if not (len(key_id) == _KEY_ID_CHARS and key_id.isalnum()):
        raise _wrong(path, 1)
    return created[:40], key_id


def _entry(entry: Any, path: Path, number: int) -> tuple[bytes, int]:
    try:
        code, key, count = entry
        digest = bytes.fromhex(key)
    except (ValueError, TypeError):
        raise _wrong(path, number) from None
    whole_number = isinstance(count, int) and not isinstance(count, bool) and 0 < count < 2**40
    if not isinstance(code, str) or len(digest) != _KEY_BYTES or not whole_number:
        raise _wrong(path, number)
    return digest, count


def _wrong(path: Path, number: int) -> AuditError:
    return AuditError(f"{path}:{number}: is no baseline entry. Make one: privacy-audit baseline create AUDIT -o FILE")
