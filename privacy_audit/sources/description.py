"""`dataset.yaml`: what its publisher says of a dataset, and what its columns and their values mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from privacy_audit.errors import SourceError
from privacy_audit.types import Training, Visibility
from privacy_audit.yamlfile.mistakes import lines, worded
from privacy_audit.yamlfile.nodes import parse

NAME = "dataset.yaml"
MAX_BYTES = 1 << 20
MAX_WORDED = 1000

Line = Annotated[str, Field(min_length=1, max_length=500)]
Answer = Literal["yes", "no", "unknown"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _one_or_mapping(value: object) -> str:
    return "<one>" if isinstance(value, str) else "<mapping>"


Names = Annotated[tuple[Line, ...], BeforeValidator(_listed)]


class Strict(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Declared(Strict):
    """Who publishes the dataset; the report shows it."""

    name: Line | None = None
    publisher: Line | None = None
    contact: Line | None = None
    license: Line | None = None
    url: Line | None = None


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
