"""Small picture files with chosen metadata, made byte by byte. No value in them belongs to anyone."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

SERIAL = "SN-0042-TEST"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    'xmlns:cc="http://creativecommons.org/ns#" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" '
    'xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/" xmlns:tdm="http://www.w3.org/ns/tdmrep/"'
)


def image(mode: str = "RGB", size: tuple[int, int] = (32, 24)) -> Image.Image:
    """A gradient, so that turned, cropped or re-encoded pixels are seen to differ."""
    picture = Image.new("RGB", size)
    picture.putdata([(x * 7 % 256, y * 9 % 256, (x + y) * 5 % 256) for y in range(size[1]) for x in range(size[0])])
    return picture.convert(mode)


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """The gradient as a file of this Pillow format."""
    buffer = io.BytesIO()
    image(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def exif(
    base: dict[int, object] | None = None, inner: dict[int, object] | None = None, gps: dict[int, object] | None = None
) -> bytes:
    """An EXIF block, starting at II or MM, with entries in IFD0, the Exif and the GPS directory."""
    made = Image.Exif()
    for tag, value in (base or {}).items():
        made[tag] = value
    for pointer, values in ((0x8769, inner), (0x8825, gps)):
        if values:
            made.get_ifd(pointer).update(values)
            made[pointer] = made.get_ifd(pointer)
    return made.tobytes().removeprefix(b"Exif\0\0")


def place(latitude: tuple, longitude: tuple, **more: object) -> dict[int, object]:
    """A GPS directory, south and west; each angle is degrees, minutes, seconds."""
    return {1: "S", 2: latitude, 3: "W", 4: longitude, **{int(key[1:]): value for key, value in more.items()}}


def directories(*ifds: list[tuple[int, int, bytes]], order: str = "<", loop: bool = False) -> bytes:
    """A TIFF structure of chained directories; an entry is (tag, type, value in bytes). `loop` ends where it began."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    for number, entries in enumerate(ifds):
        start = len(out)
        values = start + 2 + 12 * len(entries) + 4
        heap = bytearray()
        out += struct.pack(order + "H", len(entries))
        for tag, kind, value in entries:
            out += struct.pack(order + "HHI", tag, kind, len(value) // sizes[kind])
            if len(value) <= 4:
                out += value.ljust(4, b"\0")
            else:
                out += struct.pack(order + "I", values + len(heap))
                heap += value + bytes(len(value) % 2)
        following = values + len(heap) if number + 1 < len(ifds) else (8 if loop else 0)
        out += struct.pack(order + "I", following) + heap
    return bytes(out)


def with_thumbnail() -> bytes:
    """An EXIF block whose second directory holds a JPEG."""
    small = encoded("JPEG")
    blank = directories([(0x010F, 2, b"Maker\0")], [(0x0201, 4, bytes(4)), (0x0202, 4, struct.pack("<I", len(small)))])
    at = struct.pack("<I", len(blank))
    return blank.replace(struct.pack("<HHI", 0x0201, 4, 1) + bytes(4), struct.pack("<HHI", 0x0201, 4, 1) + at) + small


def xmp(attributes: str = "", inside: str = "") -> bytes:
    """An XMP packet of one description."""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" {SPACES} {attributes}>'
        f'{inside}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def listed(name: str, *values: str, kind: str = "Seq") -> str:
    """An XMP property that is a list."""
    return f"<{name}><rdf:{kind}>{''.join(f'<rdf:li>{value}</rdf:li>' for value in values)}</rdf:{kind}></{name}>"


def iptc(*datasets: tuple[int, int, bytes]) -> bytes:
    """IPTC datasets."""
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in datasets
    )


def resource(number: int, data: bytes) -> bytes:
    """A Photoshop image resource block."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, behind: bytes = b"", **options: object) -> bytes:
    """A JPEG file with these segments behind the JFIF one."""
    data = encoded("JPEG", **options)
    end = 4 + int.from_bytes(data[4:6], "big")
    return data[:end] + b"".join(segments) + data[end:] + behind


def exif_segment(block: bytes) -> bytes:
    """An EXIF block as a JPEG segment."""
    return segment(0xE1, b"Exif\0\0" + block)


def xmp_segment(packet: bytes) -> bytes:
    """An XMP packet as a JPEG segment."""
    return segment(0xE1, XMP_HEAD + packet)


def photoshop_segment(*resources: bytes) -> bytes:
    """Photoshop resources as a JPEG segment."""
    return segment(0xED, b"Photoshop 3.0\0" + b"".join(resources))


def two_pictures(extra: bytes = b"") -> bytes:
    """A JPEG file with a multi-picture index, its second picture, and `extra` behind both."""
    second = encoded("JPEG")
    first = jpeg(segment(0xE2, b"MPF\0" + _index(0, 0, 0)))
    base = first.index(b"MPF\0") + 4
    first = jpeg(segment(0xE2, b"MPF\0" + _index(len(first), len(second), len(first) - base)))
    return first + second + extra


def _index(size: int, second: int, offset: int) -> bytes:
    rows = struct.pack("<IIIHH", 0x030000, size, 0, 0, 0) + struct.pack("<IIIHH", 0, second, offset, 0, 0)
    return directories([(0xB000, 7, b"0100"), (0xB001, 4, struct.pack("<I", 2)), (0xB002, 7, rows)])


def film() -> bytes:
    """The start of an MP4 file."""
    return box(b"ftyp", b"mp42\0\0\0\0isommp42") + box(b"mdat", b"\x11" * 200)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, behind: bytes = b"", **options: object) -> bytes:
    """A PNG file with these chunks before the pixels."""
    data = encoded("PNG", **options)
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(chunks) + data[at:] + behind


def raw_profile(kind: str, raw: bytes) -> bytes:
    """ImageMagick's text chunk for foreign metadata."""
    digits = raw.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    value = f"\n{kind}\n{len(raw):8d}\n".encode() + lines + b"\n"
    return chunk(b"zTXt", f"Raw profile type {kind}".encode() + b"\0\0" + zlib.compress(value))


def gif(*extensions: bytes, behind: bytes = b"") -> bytes:
    """An animated GIF with these extensions before its frames."""
    buffer = io.BytesIO()
    frames = [image("P"), image("P").rotate(180)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=80)
    data = buffer.getvalue()
    at = 13 + (3 << ((data[10] & 7) + 1))
    return data[:at] + b"".join(extensions) + data[at:] + behind


def gif_comment(value: bytes) -> bytes:
    """A GIF comment."""
    return b"!\xfe" + bytes([len(value)]) + value + b"\0"


def gif_xmp(packet: bytes) -> bytes:
    """An XMP packet in a GIF, with the magic trailer that Adobe asks for."""
    return b"!\xff\x0bXMP DataXMP" + packet + b"\1" + bytes(range(255, -1, -1)) + b"\0"


def box(kind: bytes, body: bytes) -> bytes:
    """A box of the ISO media format."""
    return struct.pack(">I", len(body) + 8) + kind + body


def heif(
    items: list[tuple[int, bytes, bytes, bytes]],
    links: tuple[tuple[bytes, int, tuple[int, ...]], ...] = (),
    auxiliary: tuple[int, bytes] | None = None,
    brand: bytes = b"heic",
    behind: bytes = b"",
) -> bytes:
    """A HEIF file. An item is (id, type, what follows the type in `infe`, content); a link (type, from, to)."""
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    entries = b"".join(
        box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + kind + rest) for number, kind, rest, _ in items
    )
    references = b"".join(
        box(kind, struct.pack(">HH", source, len(targets)) + struct.pack(f">{len(targets)}H", *targets))
        for kind, source, targets in links
    )
    properties = b""
    if auxiliary is not None:
        number, kind = auxiliary
        properties = box(
            b"iprp",
            box(b"ipco", box(b"ispe", bytes(12)) + box(b"auxC", bytes(4) + kind + b"\0"))
            + box(b"ipma", struct.pack(">IIHBB", 0, 1, number, 1, 2)),
        )

    def meta(start: int) -> bytes:
        rows = b""
        for number, _, _, content in items:
            rows += struct.pack(">HHHHII", number, 0, 0, 1, start, len(content))
            start += len(content)
        places = box(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, len(items)) + rows)
        body = box(b"iinf", struct.pack(">IH", 0, len(items)) + entries) + places
        body += box(b"iref", bytes(4) + references) if references else b""
        return box(b"meta", bytes(4) + body + properties)

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", b"".join(content for *_, content in items)) + behind


def exif_item(block: bytes) -> bytes:
    """An EXIF block as the content of a HEIF item or a JPEG XL box."""
    return struct.pack(">I", 6) + b"Exif\0\0" + block


def jxl(*boxes: bytes) -> bytes:
    """A JPEG XL container whose codestream is made up."""
    return (
        b"\0\0\0\x0cJXL \r\n\x87\n"
        + box(b"ftyp", b"jxl \0\0\0\0jxl ")
        + b"".join(boxes)
        + box(b"jxlc", b"\xff\x0a" * 9)
    )
