"""A local page on which a person judges findings: one HTML file with concealed crops, and a button that saves a file.

The page holds parts of pictures and names of samples, so it is personal data. What detectors found in a crop is made
coarse beyond recognition; what they missed is not. Its only script is allowed by its digest and can send nothing.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup
from PIL import Image

from privacy_audit.errors import PictureError
from privacy_audit.gate.review import Case
from privacy_audit.redaction.regions import GROWTH
from privacy_audit.report.html import clean
from privacy_audit.resources import folder
from privacy_audit.store.files import write_whole
from privacy_audit.store.reviews import ANSWERS, CHOSEN
from privacy_audit.taxonomy import describe

if TYPE_CHECKING:
    from privacy_audit.pixels import Picture
    from privacy_audit.sources import Source
    from privacy_audit.store.folder import AuditFolder

CROP_SIDE = 200
BLOCKS = 6
"""So many blocks along the longer side of what is concealed."""
_CONTEXT = 1.0  # of the finding's longer side, on each side
_DECODE_SIDE = 1600

Box = tuple[float, float, float, float]


def write(audit: AuditFolder, cases: Sequence[Case], path: Path, source: Source | None) -> None:
    """Write the page; without a source there are no crops."""
    pictures = _crops(audit, cases, source) if source is not None else {}
    write_whole(path, page(audit, cases, pictures))


def page(audit: AuditFolder, cases: Sequence[Case], crops: Mapping[str, str]) -> str:
    """The page. `crops` maps the key of a finding to a data URI."""
    static = folder("reports") / "static"
    style = (static / "review.css").read_text(encoding="utf-8")
    script = (static / "review.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder("reports") / "templates" / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("review.html").render(
        cases=cases,
        crops={key: Markup(uri) for key, uri in crops.items()},  # noqa: S704 - made here
        titles={case.code: describe(case.code).title for case in cases},
        answers=ANSWERS,
        actions=CHOSEN,
        source=audit.manifest.source_name,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _crops(audit: AuditFolder, cases: Sequence[Case], source: Source) -> dict[str, str]:
    wanted = [(case.shard, case.sample_id, case.finding, case.box) for case in cases if case.box is not None]
    return concealed_crops(audit, wanted, source)


def concealed_crops(audit: AuditFolder, wanted: Iterable[tuple[str, str, str, Box]], source: Source) -> dict[str, str]:
    """Crops as data URIs, by the key of what is wanted: (shard, sample id, key, box)."""
    boxes: dict[str, list[tuple[str, Box]]] = defaultdict(list)
    shards = set()
    for shard_id, sample_id, key, box in wanted:
        boxes[sample_id].append((key, box))
        shards.add(shard_id)
    concealed: dict[str, list[Box]] = defaultdict(list)
    query = """
        SELECT sample_id, x, y, w, h FROM findings WHERE "where" IN ('box', 'quad') AND list_contains(?, sample_id)
    """
    for sample_id, *corners in audit.sql(query, [list(boxes)]):
        concealed[sample_id].append((corners[0], corners[1], corners[2], corners[3]))
    crops: dict[str, str] = {}
    for shard in source.shards() if shards else ():
        for item in source.read(shard) if shard.id in shards else ():
            sample = getattr(item, "sample", None)
            if sample is None or sample.picture is None:
                continue
            for key, box in boxes.get(sample.id, ()):
                data = crop(sample.picture, box, concealed[sample.id])
                if data is not None:
                    crops[key] = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
    return crops


def crop(picture: Picture, box: Box, concealed: Iterable[Box]) -> bytes | None:
    """What is around `box` as a small PNG, with everything in `concealed` (and `box`) made of a few blocks.

    Boxes are x, y, w, h in upright pixels. None when the picture cannot be read or the box lies outside.
    """
    try:
        raster = picture.upright(_DECODE_SIDE)
        width, height = picture.size
    except PictureError:
        return None
    image = Image.fromarray(raster.rgb)
    scale = image.width / width, image.height / height
    hidden = [_pixels(_grown(other, GROWTH / 2), scale, image.size) for other in (box, *concealed)]
    for area in hidden:
        if area is not None:
            _coarsen(image, area)
    if hidden[0] is None:
        return None
    cut = image.crop(_pixels(_grown(box, _CONTEXT), scale, image.size))
    cut.thumbnail((CROP_SIDE, CROP_SIDE))
    buffer = io.BytesIO()
    cut.save(buffer, "PNG")
    return buffer.getvalue()


def _grown(box: Box, share: float) -> Box:
    """The box with `share` of its longer side more on each side."""
    margin = max(box[2], box[3]) * share
    return box[0] - margin, box[1] - margin, box[2] + 2 * margin, box[3] + 2 * margin


def _pixels(box: Box, scale: tuple[float, float], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The box on a raster, inside its edges; None when nothing of it is."""
    if not all(map(math.isfinite, box)):
        return None
    left, top = max(0, math.floor(box[0] * scale[0])), max(0, math.floor(box[1] * scale[1]))
    right = min(size[0], math.ceil((box[0] + box[2]) * scale[0]))
    bottom = min(size[1], math.ceil((box[1] + box[3]) * scale[1]))
    return (left, top, right, bottom) if right > left and bottom > top else None


def _coarsen(image: Image.Image, area: tuple[int, int, int, int]) -> None:
    part = image.crop(area)
    block = max(1, -(-max(part.size) // BLOCKS))
    small = part.resize((-(-part.width // block), -(-part.height // block)), Image.Resampling.BOX)
    image.paste(small.resize(part.size, Image.Resampling.NEAREST), area)
