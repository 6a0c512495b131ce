"""Flags in the picture file, and what happens when there is no file to read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from provenance_samples import NAMESPACES, jpeg, segment

from privacy_audit import containers
from privacy_audit.detectors import Provenance
from privacy_audit.detectors.provenance import credentials, verdict
from privacy_audit.detectors.provenance.infile import MAX_STATEMENTS
from privacy_audit.pixels import Limits, Picture
from privacy_audit.types import Failure, Finding, Sample, Skipped, Tag, Text

PROVENANCE = Provenance()


def packet(inner: str) -> str:
    about = f'<rdf:Description rdf:about="">{inner}</rdf:Description>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMESPACES}>{about}</rdf:RDF></x:xmpmeta>'


def with_xmp(inner: str) -> bytes:
    return jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(inner).encode()))


def with_iptc(number: int, value: str) -> bytes:
    raw = value.encode()
    dataset = struct.pack(">BBBH", 0x1C, 2, number, len(raw)) + raw
    return with_photoshop(0x0404, dataset)


def with_photoshop(resource: int, raw: bytes) -> bytes:
    padded = raw + b"\0" * (len(raw) % 2)
    return jpeg(segment(0xED, b"Photoshop 3.0\0" + struct.pack(">4sHHI", b"8BIM", resource, 0, len(raw)) + padded))


def with_copyright(text: str) -> bytes:
    exif = Image.Exif()
    exif[0x8298] = text
    return jpeg(exif=exif)


def png(chunks: PngImagePlugin.PngInfo) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def png_text(keyword: str, value: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(keyword, value)
    return png(chunks)


def png_xmp(inner: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet(inner))
    return png(chunks)


def in_file(data: bytes) -> list[Finding]:
    return [finding for finding in PROVENANCE(data) if finding.channel == "metadata"]


# ---- PLUS Data Mining: https://ns.useplus.org/LDF/ldf-XMPSpecification -----------------------------------------------

DATA_MINING = [
    ("UNSPECIFIED", "unspecified", "Unspecified - no prohibition defined"),
    ("ALLOWED", "allowed", "Allowed"),
    ("PROHIBITED", "denied", "Prohibited"),
    ("PROHIBITED-AIMLTRAINING", "denied", "Prohibited for AI/ML training"),
    ("PROHIBITED-GENAIMLTRAINING", "denied", "Prohibited for Generative AI/ML training"),
    ("PROHIBITED-EXCEPTSEARCHENGINEINDEXING", "denied", "Prohibited except for search engine indexing"),
    ("PROHIBITED-SEECONSTRAINT", "denied", "Prohibited, see plus:OtherConstraints"),
    ("PROHIBITED-SEEEMBEDDEDRIGHTSEXPR", "denied", "Prohibited, see iptcExt:EmbdEncRightsExpr"),
    ("PROHIBITED-SEELINKEDRIGHTSEXPR", "denied", "Prohibited, see iptcExt:LinkedEncRightsExpr"),
]


@pytest.mark.parametrize("form", ["http://ns.useplus.org/ldf/vocab/DMI-{id}", "DMI-{id}", "{id}", "{label}"])
@pytest.mark.parametrize(("value", "training", "label"), DATA_MINING)
def test_data_mining(value: str, training: str, label: str, form: str) -> None:
    written = form.format(id=value, label=label)
    for data in (
        with_xmp(f"<plus:DataMining>{written}</plus:DataMining>"),
        png_xmp(f"<plus:DataMining>{written}</plus:DataMining>"),
    ):
        (finding,) = in_file(data)
        assert finding.attributes["training"] == training
        assert finding.attributes["value"] == f"DMI-{value}"
        assert finding.attributes["signal"] == "plus:DataMining"
        assert finding.where == Tag("XMP-plus:DataMining")
        assert finding.code == ("provenance.opt_out" if training == "denied" else "rights")
        assert finding.score == 0.9


@pytest.mark.parametrize(
    ("value", "training"),
    [
        ("http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-SOMETHINGNEW", "denied"),
        ("Prohibited, see the constraints", "denied"),
        ("dmi-allowed", "allowed"),
        ("DMI-SOMETIMES", None),
        ("", None),
    ],
)
def test_data_mining_of_other_versions(value: str, training: str | None) -> None:
    found = in_file(with_xmp(f'<plus:DataMining rdf:resource="{value}"/>'))
    assert [finding.attributes["training"] for finding in found] == ([training] if training else [])


# ---- the other flags -------------------------------------------------------------------------------------------------

CC = "https://creativecommons.org/licenses"
DST = "http://cv.iptc.org/newscodes/digitalsourcetype"
NO_AI = "You may not use this picture for AI training."
FLAGS: list[tuple[bytes, str, dict[str, str]]] = [
    (
        with_xmp(f'<cc:license rdf:resource="{CC}/by/4.0/"/>'),
        "rights",
        {"license": "CC-BY-4.0", "visibility": "public"},
    ),
    (
        with_xmp(f'<cc:license rdf:resource="{CC}/by-nc/4.0/"/>'),
        "rights",
        {"license": "CC-BY-NC-4.0", "visibility": "public", "training": "constrained"},
    ),
    (
        with_xmp(f"<xmpRights:WebStatement>{CC}/by-sa/3.0/</xmpRights:WebStatement>"),
        "rights",
        {"license": "CC-BY-SA-3.0", "visibility": "public"},
    ),
    (with_xmp("<xmpRights:WebStatement>https://example.com/terms</xmpRights:WebStatement>"), "rights", {}),
    (with_xmp("<xmpRights:Marked>True</xmpRights:Marked>"), "rights", {"value": "True"}),
    (with_xmp("<xmpRights:Marked>False</xmpRights:Marked>"), "rights", {"value": "False", "license": "public-domain"}),
    (
        with_xmp(
            '<dc:rights><rdf:Alt><rdf:li xml:lang="en">© Jane. All rights reserved.</rdf:li></rdf:Alt></dc:rights>'
        ),
        "rights",
        {"license": "all-rights-reserved"},
    ),
    (with_xmp("<dc:rights>© Jane, CC BY 4.0</dc:rights>"), "rights", {"license": "CC-BY-4.0"}),
    (with_copyright("Jane Example, CC BY-NC 2.0"), "rights", {"license": "CC-BY-NC-2.0", "training": "constrained"}),
    (with_copyright("Jane Example"), "rights", {}),
    (with_iptc(116, "(c) Jane Example. All rights reserved"), "rights", {"license": "all-rights-reserved"}),
    (with_iptc(40, "FBMD01000abc0300"), "provenance.platform", {"value": "facebook", "visibility": "restricted"}),
    (with_iptc(40, NO_AI), "rights", {"training": "constrained"}),
    (with_photoshop(0x040A, b"\x01"), "rights", {"value": "True"}),
    (png_text("Copyright", "CC0"), "rights", {"license": "CC0-1.0"}),
    (with_xmp("<tdm:reservation>1</tdm:reservation>"), "provenance.opt_out", {"training": "denied", "value": "1"}),
    (with_xmp("<tdm:reservation>0</tdm:reservation>"), "rights", {"training": "allowed", "value": "0"}),
    *(
        (
            with_xmp(f"<Iptc4xmpExt:DigitalSourceType>{DST}/{kind}</Iptc4xmpExt:DigitalSourceType>"),
            "provenance.synthetic",
            {"value": kind},
        )
        for kind in (
            *("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"),
            *("algorithmicMedia", "compositeSynthetic"),
        )
    ),
]
_EVIDENCE = {"visibility", "training", "license", "value", "suggests"}


@pytest.mark.parametrize(
    ("data", "code", "expected"), FLAGS, ids=[f"{code}-{index}" for index, (_, code, _) in enumerate(FLAGS)]
)
def test_flag(data: bytes, code: str, expected: dict[str, str]) -> None:
    (finding,) = in_file(data)
    assert finding.code == code
    assert {key: value for key, value in finding.attributes.items() if key in _EVIDENCE} == expected
    assert isinstance(finding.where, Tag)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(),
        with_iptc(40, "Please crop"),
        with_photoshop(0x040A, b"\0"),
        with_xmp(f"<Iptc4xmpExt:DigitalSourceType>{DST}/digitalCapture</Iptc4xmpExt:DigitalSourceType>"),
        with_xmp("<Iptc4xmpExt:DigitalSourceType>unheard of</Iptc4xmpExt:DigitalSourceType>"),
        with_xmp("<xmpRights:Marked>perhaps</xmpRights:Marked>"),
        with_xmp("<tdm:reservation>2</tdm:reservation>"),
        with_xmp("<dc:creator>Jane Example</dc:creator>"),
        png_text("Comment", "CC BY 4.0"),
    ],
)
def test_no_flag(data: bytes) -> None:
    assert in_file(data) == []
    assert verdict(PROVENANCE(data)) == ("unknown", "unspecified")


@pytest.mark.parametrize(
    ("notice", "refuses"),
    [
        (NO_AI, True),
        ("No AI", True),
        ("NOAI", True),
        ("© Jane. No generative AI.", True),
        ("Use for machine learning is prohibited", True),
        ("Text and data mining and AI training are reserved", True),
        ("Dilarang digunakan untuk melatih AI", True),
        ("© AI Weiss, all rights reserved", False),
        ("Made with AI", False),
        ("Not for resale. Retouched with AI", False),
        ("No 5, rue Aimee", False),
    ],
)
def test_prose_about_ai_is_for_review(notice: str, refuses: bool) -> None:
    found = [finding for finding in in_file(with_copyright(notice)) if finding.attributes["signal"] == "notice"]
    assert [(finding.attributes["training"], finding.attributes["confidence"]) for finding in found] == (
        [("constrained", "low")] if refuses else []
    )


def test_a_notice_is_masked() -> None:
    (finding,) = in_file(with_copyright("Copyright Zyxwvut Canary 2024"))
    assert finding.preview == "4 words, 29 chars"
    assert len(finding.token) == 24
    assert "zyxwvut" not in repr(finding).casefold()


def test_a_low_mark_of_public_domain_leaves_the_licence_unclear() -> None:
    codes = {finding.code for finding in PROVENANCE(with_xmp("<xmpRights:Marked>False</xmpRights:Marked>"))}
    assert codes == {"rights", "provenance.unknown", "provenance.no_license"}


def test_notices_are_bounded_and_flags_are_not() -> None:
    notices = "".join(f"<rdf:li>notice {index}</rdf:li>" for index in range(1000))
    data = png_xmp(
        f"<dc:rights><rdf:Bag>{notices}</rdf:Bag></dc:rights><plus:DataMining>DMI-PROHIBITED</plus:DataMining>"
    )
    found = in_file(data)
    assert len(found) == MAX_STATEMENTS + 1
    assert verdict(found)[1] == "denied"


# ---- evidence against evidence ---------------------------------------------------------------------------------------


def test_facebooks_mark_yields_to_better_evidence() -> None:
    data = with_iptc(40, "FBMD01000abc0300")
    alone = PROVENANCE(Sample("a.jpg", "", Picture(data)))
    beside = PROVENANCE(Sample("a.jpg", "", Picture(data), record={"visibility": "public"}))
    assert verdict(alone)[0] == "restricted"
    assert verdict(beside)[0] == "public"
    (mark,) = [finding for finding in beside if finding.code == "provenance.platform"]
    assert mark.attributes["suggests"] == "restricted"


def test_a_record_does_not_soften_the_file() -> None:
    data = with_xmp("<plus:DataMining>DMI-PROHIBITED</plus:DataMining>")
    found = PROVENANCE(Sample("a.jpg", "", Picture(data), record={"consent": "yes", "visibility": "public"}))
    assert verdict(found) == ("public", "denied")


# ---- file names ------------------------------------------------------------------------------------------------------

NAMES = [
    ("IMG-20240131-WA0007.jpg", "whatsapp", "private"),
    ("WhatsApp Image 2024-01-31 at 12.00.00.jpeg", "whatsapp", "private"),
    ("00000012-PHOTO-2024-01-31-12-00-00.jpg", "whatsapp", "private"),
    ("signal-2024-01-31-120000.jpg", "signal", "private"),
    ("Snapchat-1234567890.jpg", "snapchat", "private"),
    ("FB_IMG_1700000000000.jpg", "facebook", "restricted"),
    ("12345678_1234567890_1234567890_n.jpg", "facebook", "restricted"),
    ("photo_2024-01-31_12-00-00.jpg", "telegram", "private"),
    ("Screenshot_20240131-120000.png", "screenshot", None),
    ("IMG_20240131_120000.jpg", None, None),
    ("signal.jpg", None, None),
    ("my-IMG-20240131-WA0007.jpg", None, None),
]


@pytest.mark.parametrize(("name", "platform", "suggests"), NAMES)
def test_a_file_name_only_hints(name: str, platform: str | None, suggests: str | None) -> None:
    sample = Sample("7", "", texts=(Text("filename", "path", f"folder/{name}"),))
    found = PROVENANCE(sample)
    marks = [finding for finding in found if finding.code == "provenance.platform"]
    assert [finding.attributes["value"] for finding in marks] == ([platform] if platform else [])
    assert [finding.attributes.get("suggests") for finding in marks] == ([suggests] if platform else [])
    assert all(finding.channel == "filename" and finding.attributes["confidence"] == "low" for finding in marks)
    assert verdict(found)[0] == "unknown"


def test_the_id_stands_in_for_a_missing_file_name() -> None:
    (mark,) = [part for part in PROVENANCE(Sample("a/IMG-20240131-WA0007.jpg", "")) if part.channel == "filename"]
    assert mark.attributes["value"] == "whatsapp"


# ---- files that cannot be read ---------------------------------------------------------------------------------------


def parts_of(picture: Picture | None) -> list[Finding | Failure | Skipped]:
    outcome = PROVENANCE.detect([Sample("0", "", picture, record={"visibility": "private"})])[0]
    assert not isinstance(outcome, Failure)
    return list(outcome)


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (Picture.broken("the file is missing"), "unreadable"),
        (Picture(b""), "unreadable"),
        (Picture(b"<html></html>"), "unreadable"),
        (Picture(Path(__file__), Limits(max_bytes=1)), "too_large"),
    ],
)
def test_an_unreadable_picture_fails_alone(picture: Picture, kind: str) -> None:
    parts = parts_of(picture)
    assert [(part.stage, part.kind) for part in parts if isinstance(part, Failure)] == [("provenance.infile", kind)]
    assert verdict([part for part in parts if isinstance(part, Finding)])[0] == "private"


def test_no_picture_is_no_failure() -> None:
    assert not [part for part in parts_of(None) if isinstance(part, Failure)]


def test_damaged_pixels_do_not_hide_the_flags() -> None:
    data = with_xmp("<plus:DataMining>DMI-PROHIBITED</plus:DataMining>")
    cut = data[: data.index(b"</x:xmpmeta>") + 40]
    assert verdict(in_file(cut))[1] == "denied"


def test_a_packet_that_was_not_read_to_its_end_is_a_failure() -> None:
    inner = "<plus:DataMining>DMI-PROHIBITED</plus:DataMining>"
    body = packet(inner).encode().replace(b"</rdf:Description>", b"<broken")
    parts = parts_of(Picture(jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + body))))
    assert [part.stage for part in parts if isinstance(part, Failure)] == ["provenance.infile"]
    assert verdict([part for part in parts if isinstance(part, Finding)])[1] == "denied"


def test_a_file_that_is_cut_off_before_its_flags_is_a_failure() -> None:
    data = with_xmp("<plus:DataMining>DMI-PROHIBITED</plus:DataMining>")
    parts = parts_of(Picture(data[: data.index(b"<plus:DataMining>")]))
    assert [part.stage for part in parts if isinstance(part, Failure)] == ["provenance.infile"]


def test_an_exif_pointer_to_nowhere_is_no_failure() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\xff\xff"  # an empty directory, and a next one outside the data
    data = jpeg(segment(0xE1, exif))
    container = containers.read(data)
    assert container is not None
    assert container.problems
    assert not [part for part in parts_of(Picture(data)) if isinstance(part, Failure)]


@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_many_long_statements_take_bounded_time() -> None:
    words = "".join(f"<rdf:li>{index}{' CC BY-' * 2000}</rdf:li>" for index in range(500))
    PROVENANCE(png_xmp(f"<dc:rights><rdf:Bag>{words}</rdf:Bag></dc:rights>"))


def test_without_the_extra_a_content_credential_is_skipped_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "installed", lambda: False)
    box = struct.pack(">I4s", 8 + 25, b"jumb") + struct.pack(">I4s", 25, b"jumd") + b"c2pa" + bytes(12) + b"\x03"
    data = jpeg(segment(0xEB, b"JP" + struct.pack(">HI", 1, 1) + box))
    skipped = [part for part in parts_of(Picture(data)) if isinstance(part, Skipped)]
    assert [part.stage for part in skipped] == ["provenance.c2pa"]


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 600), st.integers(0, 255))
def test_damaged_files_never_raise(inserted: bytes, at: int, byte: int) -> None:
    data = with_xmp(f"<dc:rights>{NO_AI}</dc:rights>")
    damaged = data[:at] + inserted + bytes([byte]) + data[at + 1 :]
    (outcome,) = PROVENANCE.detect([Sample("0", "", Picture(damaged))])
    assert isinstance(outcome, list)


# ---- alone and in a batch --------------------------------------------------------------------------------------------


def test_it_works_alone_on_a_path(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(with_xmp("<plus:DataMining>DMI-ALLOWED</plus:DataMining>"))
    assert verdict(PROVENANCE(str(path))) == verdict(PROVENANCE(path)) == ("unknown", "allowed")


def test_one_outcome_per_sample_in_order() -> None:
    samples = [Sample(str(index), "", record={"visibility": word}) for index, word in enumerate(["public", "private"])]
    outcomes = PROVENANCE.detect(samples)
    assert [verdict(part for part in parts if isinstance(part, Finding))[0] for parts in outcomes] == [  # type: ignore[union-attr]
        "public",
        "private",
    ]


def test_every_code_is_declared() -> None:
    found = {finding.code for data, _, _ in FLAGS for finding in PROVENANCE(data)}
    assert found <= PROVENANCE.codes
