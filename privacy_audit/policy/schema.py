"""What a rule pack may say: the models behind `rules/*.yaml` and their JSON schema.

A pack is data. There is no expression language and nothing in it is ever run: a match is one of eight fixed forms.
Tags in angle brackets name the forms of a union; `load` leaves them out when it looks up a mistake's line and column.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from privacy_audit.taxonomy import CODES, Tier
from privacy_audit.types import Channel, Severity, Training, Visibility
from privacy_audit.yamlfile.wording import did_you_mean, quote

Confidence = Literal["S", "K"]
"""S: seen in a source when the pack was written. K: known, not checked again against the text of the law."""
PlainAction = Literal["keep", "review", "drop", "quarantine"]
Expected = Literal["none", "info", "low", "medium", "high", "critical"]

MATCH_KINDS = ("code", "visibility", "training", "failed", "any", "all", "count", "rate")
_DPV = re.compile(r"https://w3id\.org/dpv(/[a-z0-9/-]+)?#[A-Za-z0-9-]+")
MAX_NESTING = 3
MAX_DECLARED = 200


def _mistake(what: str, key: str | None = None, known: Sequence[str] = (), value: str = "") -> PydanticCustomError:
    """A mistake in the value at hand, or at one key of it. `load` guesses which of `known` the `value` was to be."""
    return PydanticCustomError("mistake", "{what}", {"what": what, "key": key, "known": known, "value": value})


_FAMILIES = sorted({code.split(".")[0] + ".*" for code in CODES if "." in code})
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def _declared(info: ValidationInfo) -> frozenset[str]:
    return info.context["codes"] if info.context else frozenset()


def _known_code(code: str, info: ValidationInfo) -> str:
    declared = _declared(info)
    if code in CODES or code in declared:
        return code
    raise _mistake(f"unknown code {quote(code)}", known=[*CODES, *sorted(declared)], value=code)


def _known_pattern(pattern: str, info: ValidationInfo) -> str:
    if pattern == "*" or pattern in _FAMILIES:
        return pattern
    declared = sorted(_declared(info))
    families = [*_FAMILIES, *(code.split(".")[0] + ".*" for code in declared if "." in code)]
    if pattern in families:
        return pattern
    if pattern.endswith(".*"):
        raise _mistake(f"unknown code family {quote(pattern)}", known=families, value=pattern)
    return _known_code(pattern, info)


def _new_code(code: str) -> str:
    if code in CODES:
        raise _mistake(f"{quote(code)} is a code of privacy-audit already; 'codes' lists only those of other detectors")
    if not _CODE.fullmatch(code):
        raise _mistake(f"{quote(code)} is not a code: dotted, lower case words such as 'body.tattoo'")
    return code


def _iso_date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value)
    raise _mistake("should be a date such as 2026-11-22")


def _dpv_term(iri: str) -> str:
    if not _DPV.fullmatch(iri):
        raise _mistake(f"{quote(iri)} is no term of the W3C Data Privacy Vocabulary: https://w3id.org/dpv/pd#Name, say")
    return iri


def _known_attributes(attributes: dict[str, str]) -> dict[str, str]:
    band = attributes.get("band", "report")
    if band not in BANDS:
        raise _mistake(f"unknown band {quote(band)}", key="band", known=BANDS, value=band)
    return attributes


def _not_bare_redact(kind: object) -> object:
    if kind == "redact":
        raise _mistake("say what to redact: a mapping such as {fill: [face]}, {mask: [contact.*]} or {strip: private}")
    return kind


def _one_or_many(value: object) -> str:
    return "<many>" if isinstance(value, (list, tuple)) else "<one>"


def _kind_or_redact(value: object) -> str:
    return "<redact>" if isinstance(value, (Mapping, Redact)) else "<kind>"


def _bare_or_given(value: object) -> str:
    return "<given>" if isinstance(value, (Mapping, Given)) else "<bare>"


BANDS = ("report", "review")
"""How sure a face detector is."""
DEFAULTS = {"band": "report"}
"""What a finding without the attribute counts as: a detector that knows no bands is sure of what it reports."""

_CODE_COMPLETION = WithJsonSchema({"anyOf": [{"enum": sorted(CODES)}, {"type": "string"}]})
_PATTERN_COMPLETION = WithJsonSchema({"anyOf": [{"enum": ["*", *_FAMILIES, *sorted(CODES)]}, {"type": "string"}]})

Line = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Day = Annotated[date, BeforeValidator(_iso_date)]
Code = Annotated[str, AfterValidator(_known_code), _CODE_COMPLETION]
Pattern = Annotated[str, AfterValidator(_known_pattern), _PATTERN_COMPLETION]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1)]
PatternOrList = Annotated[
    Annotated[Pattern, Tag("<one>")] | Annotated[Patterns, Tag("<many>")], Discriminator(_one_or_many)
]
Channels = Annotated[tuple[Channel, ...], Field(min_length=1)]
ChannelOrList = Annotated[
    Annotated[Channel, Tag("<one>")] | Annotated[Channels, Tag("<many>")], Discriminator(_one_or_many)
]
Attributes = Annotated[dict[str, str], AfterValidator(_known_attributes)]
Band = Literal["report", "review"]
Score = Annotated[float, Field(strict=True, ge=0, le=1)]
Terms = tuple[Annotated[str, AfterValidator(_dpv_term)], ...]
"""IRIs of the W3C Data Privacy Vocabulary."""


class Strict(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attributed(Strict):
    """Attributes of a finding. `band` is short for `attributes: {band: ...}`."""

    band: Band | None = None
    attributes: Attributes = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_band(self) -> Attributed:
        if self.band and "band" in self.attributes:
            raise _mistake("'band' stands here twice: as a key of its own and in 'attributes'", key="band")
        return self

    def all_attributes(self) -> dict[str, str]:
        """`attributes` and `band` together."""
        return {**self.attributes, **({"band": self.band} if self.band else {})}


class Selector(Attributed):
    """Findings by code, and by whatever else is given. `channel` and `code` take one or a list."""

    code: PatternOrList
    min_score: Score | None = None
    channel: ChannelOrList | None = None
    tier: Tier | None = None
    known: StrictBool | None = Field(None, description="false: codes outside the taxonomy, from other detectors")


class Counted(Selector):
    """Findings as in `Selector`, and how many there have to be."""

    at_least: Annotated[int, Field(strict=True, ge=1)]


class Rated(Selector):
    """Findings as in `Selector`, and the share of all samples of the dataset that have to have one."""

    at_least: Annotated[float, Field(strict=True, gt=0, le=1)]

    def key(self) -> str:
        """What is counted, whatever the share has to be: one name for one number of the dataset."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True, exclude={"at_least"}), sort_keys=True)


class VisibilityMatch(Strict):
    """Who could see the sample."""

    visibility: Visibility


class TrainingMatch(Strict):
    """Whether training on the sample was allowed or denied."""

    training: Training


class FailedMatch(Strict):
    """A stage that could not check the sample: its name, or `*` for any."""

    failed: Line


class AnyMatch(Strict):
    """At least one of them."""

    any: Annotated[tuple[Match, ...], Field(min_length=1)]


class AllMatch(Strict):
    """All of them, on one sample."""

    all: Annotated[tuple[Match, ...], Field(min_length=1)]


class CountMatch(Strict):
    """A number of findings on one sample."""

    count: Counted


class RateMatch(Strict):
    """A finding on this sample, and on a share of all samples; known when the whole dataset was looked at."""

    rate: Rated


def _one_kind(value: object) -> object:
    if isinstance(value, Strict):
        return value
    if not isinstance(value, Mapping):
        raise _mistake("a match is a mapping, such as {code: face}")
    present = [kind for kind in MATCH_KINDS if kind in value]
    if len(present) > 1:
        raise _mistake(f"a match has only one of: {', '.join(present)}; put several into {{all: [...]}}")
    if not present:
        for key in [str(key) for key in value][:8]:
            if did_you_mean(key, MATCH_KINDS):
                raise _mistake(f"unknown key {quote(key)}", key=key, known=MATCH_KINDS, value=key)
        raise _mistake(f"a match needs one of: {', '.join(MATCH_KINDS)}")
    return value


def _match_kind(value: Mapping[str, object] | Strict) -> str:
    # A model when a pack is turned back into plain data, for its fingerprint.
    keys = type(value).model_fields if isinstance(value, Strict) else value
    return next(f"<{kind}>" for kind in MATCH_KINDS if kind in keys)


Match: TypeAlias = Annotated[
    Annotated[Selector, Tag("<code>")]
    | Annotated[VisibilityMatch, Tag("<visibility>")]
    | Annotated[TrainingMatch, Tag("<training>")]
    | Annotated[FailedMatch, Tag("<failed>")]
    | Annotated[AnyMatch, Tag("<any>")]
    | Annotated[AllMatch, Tag("<all>")]
    | Annotated[CountMatch, Tag("<count>")]
    | Annotated[RateMatch, Tag("<rate>")],
    Discriminator(_match_kind),
    BeforeValidator(_one_kind),
]


class Redact(Strict):
    """What is hidden: regions (`fill`, `pixelate`, `blur`), metadata (`strip`, but `keep`), text (`mask`)."""

    fill: Patterns | None = None
    pixelate: Patterns | None = None
    blur: Patterns | None = None
    strip: Literal["all", "private", "coarsen"] | None = None
    keep: Annotated[tuple[Literal["credit"], ...], Field(min_length=1)] | None = Field(
        None, description="credit: strip leaves the creator's name"
    )
    mask: Patterns | None = None

    def parameters(self) -> dict[str, str]:
        """As `types.Action` holds them: codes comma separated, in order."""
        listed = {"fill": self.fill, "pixelate": self.pixelate, "blur": self.blur, "mask": self.mask}
        parameters = {name: ",".join(sorted(set(codes))) for name, codes in listed.items() if codes}
        single = {"strip": self.strip, "keep": "credit" if self.keep else None}
        return {**parameters, **{name: value for name, value in single.items() if value}}


def _says_something(redact: Redact) -> Redact:
    if not redact.parameters():
        raise _mistake("a redaction needs one of: fill, pixelate, blur, strip, mask")
    if redact.keep and redact.strip not in {"private", "coarsen"}:
        raise _mistake("'keep' goes with 'strip: private' or 'strip: coarsen'", key="keep")
    return redact


RuleAction = Annotated[
    Annotated[PlainAction, BeforeValidator(_not_bare_redact), Tag("<kind>")]
    | Annotated[Redact, AfterValidator(_says_something), Tag("<redact>")],
    Discriminator(_kind_or_redact),
]


class LawReference(Strict):
    """A place in a law that the finding may trigger."""

    name: Line
    at: Line
    confidence: Confidence
    effective_from: Day | None = Field(None, description="where it differs from the pack's")

    def text(self) -> str:
        """For readers: "GDPR Art. 4(1) [K]", with its date where it has one of its own."""
        since = f" from {self.effective_from.isoformat()}" if self.effective_from else ""
        return f"{self.name} {self.at} [{self.confidence}]{since}"


class Given(Attributed):
    """A finding in a rule's test."""

    code: Code
    channel: Channel = "metadata"
    score: Score = 1.0


GivenOrCode = Annotated[
    Annotated[Code, Tag("<bare>")] | Annotated[Given, Tag("<given>")], Discriminator(_bare_or_given)
]


class Example(Strict):
    """A rule's own test: a sample, and what this rule says of it (`none`: nothing)."""

    given: tuple[GivenOrCode, ...]
    failed: tuple[Line, ...] = ()
    visibility: Visibility = "unknown"
    training: Training = "unspecified"
    rate: Score = Field(1.0, description="share of the dataset's samples that have what a `rate` counts")
    expect: Expected
    action: Literal["keep", "review", "redact", "drop", "quarantine"] | None = None


class Rule(Strict):
    """What is looked for, how bad it is, what is done, and why."""

    id: Id
    title: Line
    title_id: Line | None = Field(None, description="the title in Indonesian")
    why: Line
    match: Match
    severity: Severity
    action: RuleAction
    law: tuple[LawReference, ...] = ()
    dpv: Terms = Field((), description="terms of the Data Privacy Vocabulary beside those of the matched codes")
    tests: Annotated[tuple[Example, ...], Field(json_schema_extra={"minItems": 2})]


class Pack(Strict):
    """A named, dated list of rules. Engineering defaults, not legal advice."""

    pack: Id
    title: Line
    title_id: Line | None = Field(None, description="the title in Indonesian")
    law: Line | None = None
    version: Line
    checked_on: Day
    effective_from: Day | None = None
    confidence: Literal["S", "K", "mixed"]
    disclaimer: Line
    description: Line
    dpv: Terms = Field((), description="terms of the Data Privacy Vocabulary for the law itself")
    codes: tuple[Annotated[str, AfterValidator(_new_code)], ...] = Field(
        (), max_length=MAX_DECLARED, description="codes of other detectors that this pack names"
    )
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    def __hash__(self) -> int:
        # Cheap, and equal for equal packs: `decide` looks its compiled rules up by pack once per sample.
        return hash((self.pack, self.version, len(self.rules)))


def json_schema() -> str:
    """The JSON schema of a pack, for editors; `rules/pack.schema.json` holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Pack.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
