"""`dataset.yaml`: what its publisher says of a dataset, and what its columns and their values mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from privacy_audit.errors import SourceError
from privacy_audit.types import Training, Visibility
from privacy_audit.yamlfile.mistakes import lines, worded
from privacy_audit.yamlfile.nodes import parse

NAME = "dataset.yaml"
MAX_BYTES = 1 << 20
MAX_WORDED = 1000

Line = Annotated[str, Field(min_length=1, max_length=500)]
Paragraph = Annotated[str, Field(min_length=1, max_length=4000)]
_DAY = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
Answer = Literal["yes", "no", "unknown"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _one_or_mapping(value: object) -> str:
    return "<one>" if isinstance(value, str) else "<mapping>"


def _day(value: str) -> str:
    if not _DAY.fullmatch(value):
        what = "should be a day, a month or a year, such as 2026-05-17, 2026-05 or '2026'"
        raise PydanticCustomError("mistake", "{what}", {"what": what, "key": "", "known": (), "value": ""})
    return value


Day = Annotated[str, AfterValidator(_day)]
Names = Annotated[tuple[Line, ...], BeforeValidator(_listed)]


class Strict(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Declared(Strict):
    """Who publishes the dataset, what it is, and what only they can know. The report and the exports repeat it.

    Days are written as 2026, 2026-05 or 2026-05-17.
    """

    name: Line | None = Field(default=None, description="what the dataset is called")
    publisher: Line | None = Field(default=None, description="who publishes it")
    contact: Line | None = Field(default=None, description="where people object or ask")
    license: Line | None = Field(default=None, description="licence of the collection, as a name or URL")
    url: Line | None = Field(default=None, description="its page")
    description: Paragraph | None = Field(default=None, description="what it is")
    version: Line | None = Field(default=None, description="its version")
    published: Day | None = Field(default=None, description="day of publication")
    citation: Paragraph | None = Field(default=None, description="how to cite it")
    languages: Line | None = Field(default=None, description="languages of its texts")
    sources: Paragraph | None = Field(default=None, description="where the data came from: services, archives, people")
    collection: Paragraph | None = Field(default=None, description="how it was collected")
    collected_from: Day | None = Field(default=None, description="first day of collection")
    collected_to: Day | None = Field(default=None, description="last day of collection")
    notice: Paragraph | None = Field(default=None, description="how people in the pictures were told or asked")
    preprocessing: Paragraph | None = Field(default=None, description="what was done to the data before this audit")
    uses: Paragraph | None = Field(default=None, description="what it is meant for")
    not_for: Paragraph | None = Field(default=None, description="what it must not be used for")
    biases: Paragraph | None = Field(default=None, description="known biases")
    social_impact: Paragraph | None = Field(default=None, description="likely effects on people")
    maintenance: Paragraph | None = Field(default=None, description="how it is updated, and how data is removed")
    controller: Line | None = Field(default=None, description="controller in the sense of data protection law")
    representative: Line | None = Field(default=None, description="representative of the controller")
    dpo: Line | None = Field(default=None, description="data protection officer")
    purposes: Paragraph | None = Field(default=None, description="purposes of the processing")
    legal_basis: Paragraph | None = Field(default=None, description="legal bases of the processing")
    necessity: Paragraph | None = Field(default=None, description="why the processing is necessary and proportionate")
    recipients: Paragraph | None = Field(default=None, description="categories of recipients")
    transfers: Paragraph | None = Field(default=None, description="transfers to other countries, with their safeguards")
    retention: Paragraph | None = Field(default=None, description="how long data is kept")
    security: Paragraph | None = Field(default=None, description="technical and organisational measures")


class Audience(Strict):
    """A column that says who may see a picture."""

    column: Line
    values: dict[str, Visibility] = Field(default_factory=dict)


class License(Strict):
    """A column with licences. The values may be any name or URL of a licence."""

    column: Line
    values: dict[str, Line] = Field(default_factory=dict)


class Consent(Strict):
    """A column that says whether a picture may be trained on."""

    column: Line
    values: dict[str, Training] = Field(default_factory=dict)


class Published(Strict):
    """A column that says whether the person in the picture published it."""

    column: Line
    values: dict[str, Answer] = Field(default_factory=dict)


class Columns(Strict):
    """What the columns of the tables and sidecars mean."""

    caption: Names = ()
    url: Names = ()
    face_boxes: Names = ()
    derived: Names = ()
    visibility: (
        Annotated[Annotated[Line, Tag("<one>")] | Annotated[Audience, Tag("<mapping>")], Discriminator(_one_or_mapping)]
        | None
    ) = None
    license: (
        Annotated[Annotated[Line, Tag("<one>")] | Annotated[License, Tag("<mapping>")], Discriminator(_one_or_mapping)]
        | None
    ) = None
    consent: (
        Annotated[Annotated[Line, Tag("<one>")] | Annotated[Consent, Tag("<mapping>")], Discriminator(_one_or_mapping)]
        | None
    ) = None
    published_by_subject: (
        Annotated[
            Annotated[Line, Tag("<one>")] | Annotated[Published, Tag("<mapping>")], Discriminator(_one_or_mapping)
        ]
        | None
    ) = None


class Defaults(Strict):
    """What holds for samples of which nothing better is known."""

    visibility: Visibility = "unknown"
    evidence: Line | None = None

    @model_validator(mode="after")
    def _public_with_evidence(self) -> Defaults:
        if self.visibility == "public" and not self.evidence:
            what = "'public' as a default needs 'evidence': a text that says how you know that every picture was public"
            raise PydanticCustomError(
                "mistake", "{what}", {"what": what, "key": "visibility", "known": (), "value": ""}
            )
        return self


class Description(Strict):
    """The whole file. `images` are folders, relative to the root, that the names in tables may be relative to."""

    dataset: Declared = Declared()
    images: Names = ()
    columns: Columns = Columns()
    defaults: Defaults = Defaults()


_MODELS: dict[str, type[BaseModel]] = {
    "": Description,
    "dataset": Declared,
    "columns": Columns,
    "defaults": Defaults,
    "visibility": Audience,
    "license": License,
    "consent": Consent,
    "published_by_subject": Published,
}


def load(given: str | Path | Mapping[str, Any]) -> Description:
    """The description in a file, or the plain data of one. Raises SourceError with every mistake at once."""
    if isinstance(given, Mapping):
        try:
            return Description.model_validate(given)
        except ValidationError as error:
            raise SourceError(f"the description of the dataset is wrong in {error.error_count()} places.") from error
    path = Path(given)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or type(error).__name__}.") from error
    return loads(raw, str(path))


def loads(raw: bytes, shown: str) -> Description:
    """The description in the bytes of a file that is called `shown` in messages. Raises SourceError like `load`."""
    if len(raw) > MAX_BYTES:
        raise SourceError(f"{shown}: is larger than the description of a dataset may be ({MAX_BYTES // 1024} KiB).")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{shown}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    root, mistakes = parse(text)
    found = None
    if root is not None:
        try:
            found = Description.model_validate(root.plain())
        except ValidationError as error:
            mistakes += worded(error.errors(include_url=False)[:MAX_WORDED], root, _keys_at)
    if found is None or mistakes:
        raise SourceError("\n".join(lines(mistakes, shown)))
    return found


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    named = [step for step in path if isinstance(step, str) and not step.startswith("<")]
    return list(_MODELS[named[-1] if named else ""].model_fields)
