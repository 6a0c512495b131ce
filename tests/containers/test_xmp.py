from __future__ import annotations

import picture_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.containers import xmp
from privacy_audit.containers.xmp import Property, flatten, parse


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (files.xmp('photoshop:City="Town"'), [Property("photoshop", "City", "Town")]),
        (files.xmp(inside="<photoshop:City> Town </photoshop:City>"), [Property("photoshop", "City", "Town")]),
        (files.xmp(inside=files.listed("dc:creator", "A", "B")), [("dc", "creator", "A"), ("dc", "creator", "B")]),
        (
            files.xmp(inside='<cc:license rdf:resource="https://example.org/l"/>'),
            [("cc", "license", "https://example.org/l")],
        ),
        (
            files.xmp(
                inside="<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType='Resource'>"
                "<Iptc4xmpExt:City>Town</Iptc4xmpExt:City></rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
            ),
            [("Iptc4xmpExt", "City", "Town")],
        ),
        (files.xmp('xmp:Label="a &amp; b &lt;"'), [("xmp", "Label", "a & b <")]),
        (files.xmp(inside="<o:name xmlns:o='urn:other'>x</o:name>"), [("urn:other", "name", "x")]),
        (files.xmp('xmp:Label="x"').decode().encode("utf-16"), [("xmp", "Label", "x")]),
        (b"\0\0", []),
        (b"", []),
    ],
)
def test_properties(packet: bytes, expected: list[tuple[str, str, str]]) -> None:
    found, problem = parse(packet)
    assert ([row[:3] for row in found], problem) == ([tuple(row[:3]) for row in expected], None)


def test_a_namespace_counts_not_the_prefix_that_a_file_gives_it() -> None:
    packet = files.xmp('z:City="Town"').replace(b"xmlns:photoshop", b"xmlns:z")
    assert flatten(packet) == [Property("photoshop", "City", "Town")]


def test_a_cut_packet_gives_what_stands_before_the_cut() -> None:
    packet = files.xmp(inside="<photoshop:City>Town</photoshop:City><photoshop:State>Long value</photoshop:State>")
    found, problem = parse(packet[: packet.index(b"value")])
    assert found[0] == Property("photoshop", "City", "Town")
    assert problem == xmp.DAMAGED


@pytest.mark.parametrize("wrong", [b"\xff\xfe", b"\x03", b"\xc3("])
def test_wrong_bytes_do_not_hide_what_follows(wrong: bytes) -> None:
    packet = files.xmp(inside="<dc:source>x@y</dc:source><photoshop:City>Town</photoshop:City>").replace(b"@", wrong)
    found, problem = parse(packet)
    assert Property("photoshop", "City", "Town") in found
    assert problem is None


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>"""


@pytest.mark.parametrize("declaration", [b"", b'<?xpacket begin=""?>'])
def test_entities_are_refused(declaration: bytes) -> None:
    assert parse(declaration + BOMB) == ([], xmp.REFUSED)
    external = BOMB.replace(b'<!ENTITY a "aaaaaaaaaa">', b'<!ENTITY a SYSTEM "file:///etc/hostname">')
    assert parse(declaration + external) == ([], xmp.REFUSED)


@pytest.mark.parametrize(
    "packet",
    [
        files.xmp(inside="<dc:a>" * 200_000),
        files.xmp(inside="<dc:a>x</dc:a>" * 200_000),
        files.xmp(inside="<dc:a>" + "&lt;" * 500_000),
        b"<" * 1_000_000,
    ],
)
@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
def test_deep_and_wide_packets_end_soon(packet: bytes) -> None:
    found, problem = parse(packet)
    assert problem is not None
    assert len(found) <= xmp.MAX_PROPERTIES


def test_a_built_packet_reads_back_and_escapes() -> None:
    properties = [
        Property("dc", "rights", "<b>&\"' \x07©"),
        Property("xmpRights", "Owner", "Somebody"),
        Property("cc", "license", "https://example.org/?a=1&b=2"),
    ]
    expected = [properties[0]._replace(value="<b>&\"' ©"), *properties[1:]]
    assert parse(xmp.build(properties)) == (expected, None)


@pytest.mark.parametrize("wrong", [Property("urn:x", "a", "b"), Property("dc", "a b", "c"), Property("dc", "><", "c")])
def test_what_is_no_name_is_not_built(wrong: Property) -> None:
    with pytest.raises(ValueError, match="can be written"):
        xmp.build([wrong])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_never_raises_on_arbitrary_bytes(data: bytes) -> None:
    flatten(data)
    flatten(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1500), st.binary(max_size=6), st.integers(0, 1500))
def test_never_raises_on_mutated_packets(at: int, inserted: bytes, end: int) -> None:
    packet = files.xmp('xmp:Label="x"', files.listed("dc:creator", "A", "B"))
    for found in flatten(packet[:at] + inserted + packet[at + 2 : end]):
        assert all(isinstance(part, str) for part in found)


def test_a_field_of_a_structure_names_the_property_around_it() -> None:
    inside = (
        "<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li rdf:parseType='Resource'>"
        "<xmp:Identifier>7</xmp:Identifier></rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown><dc:source>x</dc:source>"
    )
    assert flatten(files.xmp(inside=inside)) == [
        Property("xmp", "Identifier", "7", "Iptc4xmpExt:LocationShown"),
        Property("dc", "source", "x"),
    ]
