"""Unique words in every input field: none may stand in any public export. What the publisher declares, does.

The words are planted in names of files, folders and columns, captions, records, URLs, EXIF, XMP, PNG texts, JPEG
comments, the opt-out list, and the parts of dataset.yaml that are not meant for publication (columns, values,
evidence).
The facts under `dataset:` in dataset.yaml are what the publisher states in public: they are repeated on purpose.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import privacy_audit as pa
from privacy_audit.demo import exif
from privacy_audit.report.exports.registry import EXPORTS

WORD = re.compile(rb"zq(\d\d)leak", re.IGNORECASE)
NUMBERS = ("+62 812-9087-6651", "4539 1488 0343 6467", "3171014508907731", "SERIAL-99817", "-6.917464", "107.619125")
BARE = ("81290876651", "90876651", "4539148803436467", "3171014508907731", "99817", "6.9174", "107.6191")
DECLARED = {"name": "Declared name", "publisher": "Declared publisher", "contact": "declared@example.com"}


class Planted:
    """Hands out the words and remembers where each was planted."""

    def __init__(self) -> None:
        self.where: dict[int, str] = {}
        self._next: Iterator[int] = itertools.count(10)

    def __call__(self, where: str) -> str:
        number = next(self._next)
        self.where[number] = where
        return f"zq{number:02}leak"


def picture(word: Planted, name: str) -> bytes:
    camera = {
        exif.OWNER_NAME: f"{word(f'{name}: EXIF owner')} Kenari",
        exif.BODY_SERIAL: f"{word(f'{name}: EXIF serial')}-SERIAL-99817",
        exif.DATE_TAKEN: "2024:05:17 09:31:20",
        0xA433: word(f"{name}: EXIF lens make"),
    }
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">'
        f"<dc:creator><rdf:Seq><rdf:li>{word(f'{name}: XMP creator')}</rdf:li></rdf:Seq></dc:creator>"
        f"<xmpRights:WebStatement>https://example.com/{word(f'{name}: XMP rights')}</xmpRights:WebStatement>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    buffer = io.BytesIO()
    comment = f"{word(f'{name}: JPEG comment')}@example.com".encode()
    block = exif.build(camera=camera, place=(-6.917464, 107.619125))
    Image.new("RGB", (320, 240), "olive").save(buffer, "JPEG", exif=block, comment=comment, xmp=xmp.encode())
    return buffer.getvalue()


def plant(root: Path, word: Planted) -> Path:
    source = root / word("name of the dataset's folder")
    inner = source / word("name of a folder")
    inner.mkdir(parents=True)
    first, second, third = (f"{word(f'name of file {number}')}" for number in range(3))
    whole = picture(word, "a")
    (inner / f"{first}.jpg").write_bytes(whole)
    (source / f"{second}.jpg").write_bytes(picture(word, "cut")[:-300])
    (source / f"{second}.txt").write_text(f"{word('caption file')}@example.com {NUMBERS[0]} {NUMBERS[1]}")
    notes = PngInfo()
    for key in ("Author", "Comment", "parameters"):
        notes.add_text(key, f"{word(f'PNG {key}')}@example.com")
    Image.new("RGB", (64, 64), "navy").save(source / f"{third}.png", pnginfo=notes)
    (source / f"{third}.json").write_text(
        json.dumps(
            {
                "caption": f"mail {word('JSON caption')}@example.com NIK {NUMBERS[2]}",
                word("JSON key"): {"deep": [f"https://instagram.com/{word('JSON URL')}"]},
                "owner": {"username": word("JSON user name"), "email": f"{word('JSON e-mail')}@example.com"},
                "license": word("JSON licence"),
                "visibility": word("JSON audience"),
            }
        )
    )
    (source / f"{third}.png.xmp").write_bytes(b"<x:xmpmeta " + word("broken sidecar").encode())
    (source / f"{word('name of a document')}.pdf").write_bytes(b"%PDF " + word("document").encode())
    (source / f"{word('name of a broken picture')}.jpg").write_bytes(b"<html>" + word("broken picture").encode())
    column = word("name of a column")
    link, audience = f"https://example.com/{word('URL')}.jpg", word("audience value")
    caption = f"{word('caption')}@example.com; call {NUMBERS[0]}"
    rows = [
        f"file_name,text,link,who,{column}",
        f"{word('folder of the row')}/x.jpg,{word('caption of a missing picture')}@example.com,,,",
        f"{second}.jpg,{caption},{link},{audience},{word('other column')}",
    ]
    (source / "metadata.csv").write_text("\n".join(rows) + "\n")
    (source / "README.md").write_text(f"---\nlicense: other\nlicense_name: {word('licence of the card')}\n---\n")
    (source / "dataset.yaml").write_text(
        "dataset:\n"
        + "".join(f"  {key}: {value}\n" for key, value in DECLARED.items())
        + f"columns:\n  caption: [text, {column}]\n  url: link\n"
        + f"  visibility: {{column: who, values: {{{word('value in dataset.yaml')}: private}}}}\n"
        + f"defaults: {{visibility: restricted, evidence: {word('evidence in dataset.yaml')}}}\n"
    )
    (root / "opt-out.txt").write_text(f"https://example.com/{word('opt-out list')}\n")
    return source


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[pa.Audit, Planted]:
    root, word = tmp_path_factory.mktemp("leaks"), Planted()
    source = plant(root, word)
    audit = pa.scan(
        source,
        output=root / "audit",
        policy=["baseline", "gdpr", "uu-pdp"],
        detectors=["captions", "metadata", "provenance"],
        opt_out=root / "opt-out.txt",
        jobs=0,
    )
    audit.redact(source, root / "clean", jobs=0)
    return audit, word


def leaked(content: bytes, word: Planted) -> list[str]:
    found = [word.where[int(number)] for number in sorted(set(WORD.findall(content)))]
    return found + [number for number in (*NUMBERS, *BARE) if number.encode() in content]


@pytest.mark.parametrize("kind", [name for name, entry in EXPORTS.items() if not entry.internal_only])
def test_no_public_export_holds_a_planted_word(planted: tuple[pa.Audit, Planted], kind: str) -> None:
    audit, word = planted
    content = audit.export(kind).read_bytes()
    assert leaked(content, word) == []
    assert not re.search(rb"[\w-]+\.(jpe?g|png|csv|pdf|txt|html?)\b", content), "a file name"
    assert [token for (token,) in tokens(audit) if token.encode() in content] == []


@pytest.mark.parametrize("kind", EXPORTS)
def test_no_internal_export_holds_a_value(planted: tuple[pa.Audit, Planted], kind: str) -> None:
    """Names of samples, columns and JSON keys are what it is for: a person must find the place. No value is."""
    audit, word = planted
    places = ("name of a", "name of file", "folder of the row", "JSON key")
    found = leaked(audit.export(kind, audience="internal").read_bytes(), word)
    assert [where for where in found if not where.startswith(places)] == []


def test_the_words_can_be_found(planted: tuple[pa.Audit, Planted]) -> None:
    """The other tests would pass on an audit that found nothing, or with a search that finds nothing."""
    audit, word = planted
    codes = set(audit.findings.to_pandas().code)
    assert {"contact.email", "contact.phone", "id.card", "id.national", "name.owner", "gps.precise"} <= codes
    assert "name of file 0" in leaked(audit.export("csv", audience="internal").read_bytes(), word)
    assert len(tokens(audit)) > 10
    assert len(word.where) > 30


def test_what_the_publisher_declares_is_repeated(planted: tuple[pa.Audit, Planted]) -> None:
    content = planted[0].export("evidence").read_text("utf-8")
    assert [value for value in DECLARED.values() if value not in content] == []


def tokens(audit: pa.Audit) -> list[tuple[str]]:
    return audit.folder.sql("SELECT DISTINCT token FROM findings WHERE token <> ''")  # type: ignore[return-value]
