"""Opt-out lists that a user gives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance_samples import jpeg

from privacy_audit.detectors import Provenance
from privacy_audit.detectors.provenance import optout, verdict
from privacy_audit.detectors.provenance.optout import OptOuts
from privacy_audit.errors import SourceError
from privacy_audit.pixels import Picture
from privacy_audit.types import Sample, Text

ROW = "opt-out list"
DATA = jpeg()
DIGEST = hashlib.sha256(DATA).hexdigest()


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "opt-out.txt"
    path.write_text("\n".join(lines), "utf-8")
    return path


def sample(url: str | None = None, **record: object) -> Sample:
    texts = (Text("url", "url", url),) if url is not None else ()
    return Sample("a.jpg", "", Picture(DATA), texts, record)


CASES = [
    (DIGEST, sample(), "hash", "file"),
    (DIGEST.upper(), sample(), "hash", "file"),
    (f"sha256:{DIGEST}", sample(), "hash", "file"),
    ("ab" * 32, sample(sha256="AB" * 32), "hash", "file"),
    ("ab" * 32, sample(**{"image.sha256": "ab" * 32}), "hash", "file"),
    ("https://example.com/a.jpg", sample("http://EXAMPLE.com/a.jpg"), "url", "file"),
    ("example.com/a.jpg", sample("https://example.com:443/a.jpg#top"), "url", "file"),
    ("https://example.com/a.jpg?size=1", sample("https://example.com/a.jpg?size=1"), "url", "file"),
    ("https://example.com/a/", sample("https://example.com/a"), "url", "file"),
    ("https://example.com", sample("https://example.com/"), "url", "file"),
    ("example.com", sample("https://cdn.img.example.com/b.jpg"), "domain", "domain"),
    ("*.example.com", sample("https://www.example.com/b.jpg"), "domain", "domain"),
    ("Example.COM.", sample("https://example.com/b.jpg"), "domain", "domain"),
    ("münchen.example", sample("https://xn--mnchen-3ya.example/b.jpg"), "domain", "domain"),
    ("https://example.com/a.jpg", sample("https://example.com/b.jpg"), None, None),
    ("https://example.com/a.jpg?size=1", sample("https://example.com/a.jpg?size=2"), None, None),
    ("example.com", sample("https://notexample.com/b.jpg"), None, None),
    ("example.com", sample("https://example.com.evil.example/b.jpg"), None, None),
    ("cdn.example.com", sample("https://example.com/b.jpg"), None, None),
    ("ab" * 32, sample(caption="ab" * 32), None, None),
    ("ab" * 32, sample("https://[::1/"), None, None),
]


@pytest.mark.parametrize(("line", "thing", "value", "scope"), CASES)
def test_listed(tmp_path: Path, line: str, thing: Sample, value: str | None, scope: str | None) -> None:
    found = Provenance(opt_out=str(listed(tmp_path, "# a comment", "", line)))(thing)
    hits = [finding for finding in found if finding.attributes.get("signal") == ROW]
    assert [(hit.code, hit.attributes["value"], hit.attributes["scope"]) for hit in hits] == (
        [("provenance.opt_out", value, scope)] if value else []
    )
    assert all(hit.attributes["confidence"] == "high" and hit.score == 0.9 for hit in hits)
    assert verdict(found)[1] == ("denied" if value else "unspecified")


def test_a_listed_sample_is_denied_whatever_else_permits(tmp_path: Path) -> None:
    found = Provenance(opt_out=str(listed(tmp_path, DIGEST)))(sample(consent_to_train="yes"))
    assert verdict(found)[1] == "denied"


def test_each_wrong_line_is_named_and_none_is_shown(tmp_path: Path) -> None:
    path = listed(tmp_path, DIGEST, "Zyxwvut Canary", "abcdef", "a@b", "https://", "https://ex ample/")
    with pytest.raises(SourceError) as raised:
        OptOuts(path)
    assert str(raised.value).splitlines() == [f"{path}:{line}: is no sha256, URL or domain" for line in (2, 3, 4, 5, 6)]


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="and 30 more such lines"):
        OptOuts(listed(tmp_path, *["?"] * 50))


def test_an_empty_list_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no entry"):
        OptOuts(listed(tmp_path, "# nothing"))
    with pytest.raises(SourceError, match="cannot be read"):
        OptOuts(tmp_path / "none.txt")


def test_a_list_that_changes_is_refused(tmp_path: Path) -> None:
    path = listed(tmp_path, "example.com")
    before = OptOuts(path).sha256
    path.write_text("example.org")
    with pytest.raises(SourceError, match="changed during the scan"):
        Provenance(opt_out=str(path), opt_out_sha256=before)


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_a_long_list_is_small_in_memory_and_fast_to_ask(tmp_path: Path) -> None:
    path = listed(tmp_path, *(hashlib.sha256(str(n).encode()).hexdigest() for n in range(100_000)))
    found = OptOuts(path)
    assert len(found) == 100_000
    assert found._marks.nbytes == 800_000
    for n in range(1000):
        assert found.find([hashlib.sha256(str(n).encode()).hexdigest()], ["https://a.b.example.com/x"]) == {"hash"}


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_line_and_any_url_is_answered(text: str) -> None:
    entry = optout._entry(text.strip())
    assert entry is None or entry[0] in {"hash", "url", "domain"}
    assert all(kind in {"url", "domain"} for kind, _ in optout._parts(text))
