"""A JPEG with some of its areas redacted: through its coefficients where the TurboJPEG library can, else coded again.

Blur needs pixels, and so do codings that the library does not transform: these are decoded and coded again at the
source's own quantisation tables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from PIL.JpegImagePlugin import get_sampling

from privacy_audit.containers.jpeg import APP0, APP1, APP2, COM, EXIF, ICC, XMP, segments
from privacy_audit.redaction import carry
from privacy_audit.redaction.coding import (
    DROPPED_BLOCKS,
    DROPPED_PARTS,
    FILLED_INSTEAD,
    JPEG_BLOCKS,
    JPEG_LOSS,
    LOSSY,
    LOSSY_QUALITY,
    Job,
    saved,
)
from privacy_audit.redaction.jpeg import header, transcode
from privacy_audit.redaction.jpeg.header import NotTranscodable
from privacy_audit.redaction.jpeg.library import turbojpeg
from privacy_audit.redaction.paint import Area, is_over_budget

_MAX_BODY = 65_533  # of one segment
_ICC_PART = _MAX_BODY - len(ICC) - 2


@dataclass(frozen=True, slots=True)
class _Carried:
    """What goes along from the source beside the picture."""

    exif: bytes
    xmp: bytes
    comment: bytes
    icc: bytes

    def segments(self) -> bytes:
        parts = [self.icc[at : at + _ICC_PART] for at in range(0, len(self.icc), _ICC_PART)]
        bodies = [
            *((APP1, head + body) for head, body in ((EXIF, self.exif), (XMP, self.xmp)) if body),
            *((APP2, ICC + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)),
            *([(COM, self.comment)] if self.comment else []),
        ]
        return b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in bodies)


def rewrite(job: Job) -> bytes | None:
    """The JPEG with its areas redacted; None when no area touches it. Raises what Pillow raises on damaged files."""
    image: Any = job.image
    areas = job.place(image.size, job.orientation)
    if not areas:
        image.load()  # damage is told even when there is nothing to do
        return None
    job.say(DROPPED_PARTS)
    carried = _carried(job)
    try:
        return _transcoded(job, areas, carried)
    except NotTranscodable as reason:
        written = _coded_again(job, areas, carried)
        job.say(f"Its coefficients could not be edited: {reason}.")
        return written


def _carried(job: Job) -> _Carried:
    info = job.image.info
    xmp = job.xmp(info.get("xmp"))
    if len(xmp) > carry.MAX_EXIF_BYTES - len(XMP):
        xmp = b""
        job.say(DROPPED_BLOCKS)
    comment = info.get("comment", b"")[:_MAX_BODY]
    if carry.holds_picture(comment):
        comment = b""
        job.say(DROPPED_BLOCKS)
    icc = info.get("icc_profile") or b""
    if len(icc) > 255 * _ICC_PART:
        icc = b""
        job.say(DROPPED_BLOCKS)
    return _Carried(carry.exif(info.get("exif", b""), job.orientation), xmp, comment, icc)


def _transcoded(job: Job, areas: list[Area], carried: _Carried) -> bytes:
    if any(area.method == "blur" for area in areas):
        raise NotTranscodable("blur needs decoded pixels")
    frame = header.read(job.data)
    if (frame.width, frame.height) != job.image.size:
        raise NotTranscodable("its headers contradict each other")
    library = turbojpeg()
    if library is None:
        raise NotTranscodable("there is no TurboJPEG library (pip install 'privacy-audit[jpeg]')")
    metadata = carried.segments()
    most_bytes = len(job.data) - len(metadata)
    coded = transcode.redact(library, job.data, frame, areas, most_bytes, read_back=job.read_back)
    job.route = "libjpeg-turbo"
    job.say(JPEG_BLOCKS)
    if is_over_budget(areas, frame.width * frame.height):
        job.say(FILLED_INSTEAD)
    at = next((part.start for part in segments(coded, [], head_only=True) if not _comes_first(part.marker)), 2)
    return coded[:at] + metadata + coded[at:]


def _comes_first(marker: int) -> bool:
    return marker in {0xD8, APP0}  # JFIF wants to stand right behind the start


def _coded_again(job: Job, areas: list[Area], carried: _Carried) -> bytes:
    """Decoded, painted and coded with the tables, sampling and coding of the source."""
    image: Any = job.image
    image.load()
    layers = image.layer
    options: dict[str, Any] = {"progressive": bool(image.info.get("progressive")), "dpi": image.info.get("dpi", (0, 0))}
    tables = [image.quantization.get(layer[3]) for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:  # Pillow gives the last one to all further components
        tables.pop()
    options |= {"quality": LOSSY_QUALITY} if None in tables else {"qtables": tables}
    if len(layers) == 3:
        sampling = get_sampling(image)
        options["subsampling"] = 0 if sampling < 0 else sampling  # unknown ones must not lose chroma
        names = bytes(layer[0] for layer in layers)
        options["keep_rgb"] = image.info.get("adobe_transform") == 0 or names == b"RGB"
    job.lossless = False
    job.say(LOSSY if None in tables else JPEG_LOSS)
    options |= {"exif": EXIF + carried.exif if carried.exif else b"", "xmp": carried.xmp, "comment": carried.comment}
    options["icc_profile"] = carried.icc or None
    job.paint(image, areas)
    try:
        return saved(image, "JPEG", **options)
    except OSError:  # a progressive one needs the whole file in a buffer whose size Pillow guesses
        return saved(image, "JPEG", **{**options, "progressive": False})
