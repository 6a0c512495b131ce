"""What is kept of a personal value gives it to nobody."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from privacy_audit import evidence
from privacy_audit.errors import AuditError
from privacy_audit.evidence import conceal, key_id, load_key, mask, token, token_key
from privacy_audit.taxonomy import CODES

KEY, OTHER = b"k" * 32, b"o" * 32
VALUES = st.text(min_size=1, max_size=40) | st.from_regex(
    r"[a-z0-9._]{1,12}@[a-z0-9-]{1,8}\.[a-z]{2,8}", fullmatch=True
)
ANY_CODE = st.sampled_from(sorted(CODES))


@settings(deadline=None)
@given(VALUES, ANY_CODE)
@example("a@b", "contact.email")
@example("zq@example.zq", "contact.email")
@example("@", "contact.email")
@example("4", "id.card")
def test_a_preview_gives_at_most_a_first_character_and_a_common_ending(value: str, code: str) -> None:
    shape = r"(?P<first>[A-Za-z0-9*])\*\*\*@\*\*\*\.(?P<end>[a-z]+|\*\*\*), \d+ chars"
    found = re.fullmatch(
        shape + r"|coordinates|\d+ digits, \d+ chars|\d+ words, \d+ chars|\*\*\*, \d+ chars", mask(value, code)
    )
    assert found is not None
    if found["first"] is not None:
        assert code == "contact.email"
        assert found["first"] in ("*", value[0])
        assert found["end"] == "***" or found["end"] in evidence._PUBLIC_SUFFIXES


@pytest.mark.parametrize(
    ("value", "code", "preview"),
    [
        ("zq.canary@example.com", "contact.email", "z***@***.com, 21 chars"),
        ("zq@mail.example.family", "contact.email", "z***@***.***, 22 chars"),
        (".zq@example.com", "contact.email", "****@***.com, 15 chars"),
        ("+62 812-9087-6651", "contact.phone", "13 digits, 17 chars"),
        ("3171014508907731", "id.national", "16 digits, 16 chars"),
        ("Zqowner Kenari", "name.owner", "2 words, 14 chars"),
        ("Zqowner", "name.owner", "***, 7 chars"),
        ("SN-AB-7", "device.serial", "***, 7 chars"),
        ("-6.917464, 107.619125", "gps.precise", "coordinates"),
        ("", "name.owner", "***, 0 chars"),
    ],
)
def test_previews(value: str, code: str, preview: str) -> None:
    assert mask(value, code) == preview
    assert conceal(value, code).preview == preview
    assert repr(conceal(value, code)).count(value) == 0 or not value


@settings(deadline=None)
@given(VALUES, ANY_CODE)
@example("\ud800", "name.owner")
def test_a_token_needs_the_key(value: str, code: str) -> None:
    with token_key(KEY):
        mine = token(value, code)
        assert mine == token(value, code)
        assert re.fullmatch(r"[0-9a-f]{24}", mine)
    with token_key(OTHER):
        assert token(value, code) != mine
    raw = value.encode("utf-8", "surrogatepass")
    for message in (raw, code.encode() + raw, code.partition(".")[0].encode() + b"\0" + raw):
        assert hashlib.sha256(message).hexdigest()[:24] != mine
        assert hmac.new(b"", message, hashlib.sha256).hexdigest()[:24] != mine


@pytest.mark.parametrize(
    ("one", "other", "code", "same"),
    [
        ("Zq@Example.com", " zq@example.COM ", "contact.email", True),
        ("+62 812-9087-6651", "+6281290876651", "contact.phone", True),
        ("3171-0145-0890-7731", "3171014508907731", "id.national", True),
        ("AA:BB:CC:00:11:22", "aabbcc001122", "net.mac", True),
        ("SN 0042", "sn0042", "device.serial", True),
        ("Zq  Kenari", "zq kenari", "name.person", True),
        ("\uff5a\uff51 kenari", "zq kenari", "name.person", True),
        ("Zq Kenari", "ZqKenari", "name.person", False),
        ("zq@example.com", "zr@example.com", "contact.email", False),
        ("1", "2", "id.card", False),
    ],
)  # fmt: skip
def test_equal_values_have_equal_tokens(one: str, other: str, code: str, same: bool) -> None:
    with token_key(KEY):
        assert (token(one, code) == token(other, code)) is same


def test_a_token_is_of_its_family() -> None:
    with token_key(KEY):
        assert token("Zq", "name.owner") == token("Zq", "name.creator")
        assert token("Zq", "name.owner") != token("Zq", "contact.username")
        assert token("x\0y", "name.owner") != token("y", "name.owner\0x")


def test_the_key_is_back_after_the_block() -> None:
    outside = token("zq", "name.owner")

    def fail() -> None:
        with token_key(OTHER):
            assert token("zq", "name.owner") not in {inside, outside}
            raise ValueError("stop")

    with token_key(KEY):
        inside = token("zq", "name.owner")
        with pytest.raises(ValueError, match="stop"):
            fail()
        assert token("zq", "name.owner") == inside
    assert token("zq", "name.owner") == outside != inside


def test_without_a_key_tokens_hold_for_one_process() -> None:
    code = "from privacy_audit.evidence import token; print(token('zq', 'name.owner'))"
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(said) == 2


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "deep" / "token.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert [found.name for found in path.parent.iterdir()] == ["token.key"]
    assert path.read_text() == key.hex() + "\n"
    assert load_key(tmp_path / "other.key") != key


def test_the_umask_does_not_open_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_key(tmp_path / "token.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token.key").stat().st_mode) == 0o600


def test_the_default_place_is_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = load_key()
    assert (tmp_path / "privacy-audit" / "token.key").read_text().strip() == key.hex()
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert evidence.default_key_path() == tmp_path / "home" / ".local" / "state" / "privacy-audit" / "token.key"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"q7q7", b"ab" * 31, b"ab" * 33, b"zz" * 32, b"\xff" * 64, b"ab" * 32 + b"q7q7", b"x" * 10_000_000],
)
def test_junk_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(content)
    with pytest.raises(AuditError, match="does not hold 64 hexadecimal digits") as caught:
        load_key(path)
    assert "q7q7" not in str(caught.value).replace(str(path), "")
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"ab" * 32, b"AB" * 32 + b"\r\n", b"  " + b"ab" * 32 + b"\n\n"])
def test_a_key_may_be_written_by_hand(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token.key").write_bytes(content)
    assert load_key(tmp_path / "token.key") == b"\xab" * 32


def test_a_place_that_cannot_be_used_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AuditError, match=r"cannot use the token key .*file/token.key: (Not a directory|File exists)"):
        load_key(tmp_path / "file" / "token.key")
    with pytest.raises(AuditError, match="Is a directory"):
        load_key(tmp_path)


def test_of_two_that_make_the_key_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token.key"
    monkeypatch.setattr(Path, "exists", lambda self: False)  # both see none
    keys = {load_key(path) for _ in range(3)}
    assert keys == {bytes.fromhex(path.read_text())}
    assert [found.name for found in tmp_path.iterdir()] == ["token.key"]


def test_the_key_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(AuditError, match="No space left on device"):
        load_key(tmp_path / "token.key")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    key = load_key(tmp_path / "token.key")
    assert load_key(tmp_path / "token.key") == key
    assert [found.name for found in tmp_path.iterdir()] == ["token.key"]


def test_the_keys_name_tells_nothing_of_it() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", key_id(KEY))
    assert key_id(KEY) == key_id(KEY) != key_id(OTHER)
    assert key_id(KEY) != hashlib.sha256(KEY).hexdigest()[:16]
    with token_key(KEY):
        assert key_id(KEY) not in token("privacy-audit token key\0", "name.owner")
