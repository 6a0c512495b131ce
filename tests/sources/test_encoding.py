"""Any file as text and back, byte for byte."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from privacy_audit.sources.encoding import decode, decode_line

TEXT = "Halo, e-mail: zq@example.com é 中 🙂\r\n"


@pytest.mark.parametrize(
    ("data", "text", "codec", "exact"),
    [
        (b"", "", "utf-8", True),
        (TEXT.encode(), TEXT, "utf-8", True),
        (codecs.BOM_UTF8 + TEXT.encode(), TEXT, "utf-8", True),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), TEXT, "utf-16-le", True),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), TEXT, "utf-16-be", True),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), TEXT, "utf-32-le", True),
        (codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), TEXT, "utf-32-be", True),
        (TEXT.encode("utf-16-le"), TEXT, "utf-16-le", True),
        (TEXT.encode("utf-16-be"), TEXT, "utf-16-be", True),
        (b"caf\xe9 zq@example.com", "café zq@example.com", "latin-1", False),
        (b"\xff\xfea", "ÿþa", "latin-1", False),
        (b"\xef\xbb\xbf\xff", "ï»¿ÿ", "latin-1", False),
        (b"one \0 stray NUL", "one \0 stray NUL", "utf-8", True),
        (b"\0\0\0\0", "\0\0\0\0", "utf-8", True),
    ],
)
def test_decoding(data: bytes, text: str, codec: str, exact: bool) -> None:
    decoded = decode(data)
    assert (decoded.text, decoded.codec, decoded.exact) == (text, codec, exact)
    assert decoded.encode(decoded.text) == data


@settings(deadline=None)
@given(st.binary(max_size=40))
@example(b"\xff\xfe\x00\xd8")
@example(codecs.BOM_UTF16_BE + b"a")
@example(b"a\0\0\xd8")
def test_any_bytes_come_back(data: bytes) -> None:
    for read in (decode, decode_line):
        decoded = read(data)
        assert decoded.encode(decoded.text) == data


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_any_text_with_a_mark_is_read_exactly(text: str, codec: str) -> None:
    decoded = decode(text.encode(codec))
    if codec == "utf-8" and (text.startswith("\ufeff") or "\0" in text):
        return
    if codec == "utf-16" and text.startswith("\0"):
        return  # mark and NUL together are the mark of UTF-32
    assert (decoded.text, decoded.exact) == (text, True)


def test_an_edit_changes_only_its_place() -> None:
    for codec in ("utf-16", "utf-8-sig", "latin-1"):
        data = "a é zq b".encode(codec)
        decoded = decode(data)
        assert decoded.encode(decoded.text.replace("zq", "<X>")) == "a é <X> b".encode(codec)


def test_one_line_is_not_taken_for_another_encoding() -> None:
    """A line that begins with the bytes of a UTF-16 mark is Latin-1 like the rest; read as UTF-16 it would hide."""
    assert decode_line(b"\xff\xfezq@example.com ").text == "ÿþzq@example.com "
    assert decode_line(b"a\0b\0").text == "a\0b\0"
    assert decode_line(codecs.BOM_UTF8 + b"a").text == "a"
