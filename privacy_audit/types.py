"""The few values that flow through an audit: Sample in, Finding or Failure out, Decision last.

No third-party import here, and nothing here touches a raw personal value except `Text.value` and `Sample.record`, which
are the input itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from privacy_audit.pixels import Picture

Channel = Literal["pixels", "metadata", "caption", "filename", "url", "image_text", "barcode", "record"]
FailureKind = Literal["unreadable", "too_large", "timeout", "crash", "error"]
Visibility = Literal["public", "restricted", "private", "unknown"]
Training = Literal["allowed", "constrained", "denied", "unspecified"]

VISIBILITIES: tuple[Visibility, ...] = ("unknown", "public", "restricted", "private")
"""Weakest to strictest; the strictest evidence on a sample wins, and no evidence is `unknown`."""
TRAININGS: tuple[Training, ...] = ("unspecified", "allowed", "constrained", "denied")
"""Weakest to strictest; the strictest evidence on a sample wins, and no evidence is `unspecified`."""


class Severity(str, Enum):
    """How bad; ordered by `rank`. The value is what stands in tables and packs."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 4 for critical."""
        return list(Severity).index(self)


class Needs(Flag):
    """What a detector looks at. A sample that has none of it is skipped, with the reason."""

    BYTES = auto()  # the stored picture file
    PIXELS = auto()  # the decoded, upright picture
    TEXT = auto()  # captions, file name, URLs, string fields
    RECORD = auto()  # the sample's row or sidecar


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in upright, full-size pixels. `x`, `y` is the top left corner; may reach over the picture's edge."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True)
class Quad:
    """Four corners in upright, full-size pixels, clockwise from the top left."""

    corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `start` (inclusive) to `end` (exclusive) of the `Text` that the finding's channel and field name."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A metadata entry: "EXIF:GPSLatitude", "XMP-dc:creator", "IPTC:City", "PNG:Comment", "JPEG:COM"."""

    name: str


Where = Box | Quad | Span | Tag | None


@dataclass(frozen=True, slots=True)
class Text:
    """One piece of text that belongs to a sample. `value` is raw: it never leaves the process that reads it.

    `field` says where it is stored: a table column ("text"), a JSON path ("user.name", "tags[0]"), "txt" for a .txt
    sidecar, "path" for the sample's own path. Channel and field together are unique on a sample.
    """

    channel: Channel
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a dataset. `picture` is None when the source holds none (a table of texts, say).

    `sidecar` is the XMP packet in a file beside the picture.
    """

    id: str
    shard: str
    picture: Picture | None = None
    texts: tuple[Text, ...] = ()
    record: Mapping[str, object] = field(default_factory=dict)
    sidecar: bytes | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal, or evidence about provenance, on one sample. Holds no raw value.

    `score` is 0 to 1 and comparable only within one detector. Build `preview` and `token` with
    `privacy_audit.evidence.conceal`. A finding in a text carries its `field` in `attributes["field"]`.
    """

    code: str
    detector: str
    score: float
    channel: Channel
    where: Where = None
    preview: str = ""
    token: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage that could not do its work on a sample. `message` is free of personal values, file names included."""

    stage: str
    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A stage that was not run on a sample, as planned, and why: "language: id", "no picture in the source"."""

    stage: str
    reason: str


Outcome = Sequence[Finding | Skipped | Failure] | Failure
"""What a detector says of one sample. A bare Failure is the whole detector's; one in the list is a single stage's."""

SourceKind = Literal[
    "folder",
    "webdataset",
    "zip",
    "parquet",
    "datasets",
    "coco",
    "paths",
    "table",
    "takeout",
    "instagram",
    "facebook",
    "flickr",
]
SOURCE_KINDS: tuple[SourceKind, ...] = get_args(SourceKind)
"""What a dataset may be. `paths` is a table that names pictures beside it, `table` one of which only texts are read."""
PEOPLES_KINDS: frozenset[str] = frozenset({"takeout", "instagram", "facebook", "flickr"})
"""What platforms give people of their own pictures."""

ActionKind = Literal["keep", "review", "redact", "drop", "quarantine"]
ACTIONS: tuple[ActionKind, ...] = ("keep", "review", "redact", "drop", "quarantine")
"""Weakest to strongest."""


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with a sample.

    `parameters` of a `redact` action, each optional: `fill`, `pixelate`, `blur` (codes whose regions, comma separated),
    `strip` (`all`, `private` or `coarsen`), `keep` (`credit`: strip leaves the creator's name), `mask` (codes whose
    text spans). A code may end in `.*`.
    """

    kind: ActionKind
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """One rule that fired on one sample. `rule_id` is "pack/rule"; `codes` are the finding codes it matched."""

    rule_id: str
    severity: Severity
    action: Action
    codes: tuple[str, ...] = ()
