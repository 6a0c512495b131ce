"""claims.yaml: what the publisher says, as a list of claim kinds with their parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from privacy_audit.claims.kinds import KINDS
from privacy_audit.errors import PolicyError
from privacy_audit.yamlfile.mistakes import lines, worded
from privacy_audit.yamlfile.nodes import Mistake, parse

MAX_BYTES = 1 << 20
MAX_CLAIMS = 200
MAX_WORDED = 1000
STARTER = """\
# yaml-language-server: $schema=claims.schema.json
# What this dataset says of itself. Each kind may stand once; delete what you do not claim.
# Grade it:  privacy-audit claims claims.yaml --audit AUDIT     Kinds: docs/claims.md
claims:
  - kind: only-public               # everybody may see every picture where it comes from
  - kind: no-children
  - kind: faces-blurred
    coverage: 0.99                  # share of samples that must have been looked at for "supported"; the default
  - kind: licences
    allowed: [CC*, public-domain]   # ids of licences; CC* is a family
  - kind: gps-removed
    precision: any                  # or: precise, when coarse places may stay
  - kind: metadata-removed
  - kind: opt-outs-honoured
  - kind: no-personal-data-in-captions
    said: "Captions were cleaned by hand."   # the publisher's own words, printed beside the grade
"""


def _mistake(what: str, value: str = "", known: tuple[str, ...] = ()) -> PydanticCustomError:
    return PydanticCustomError("mistake", "{what}", {"what": what, "key": "", "known": known, "value": value})


def _kind(value: str) -> str:
    if value not in KINDS:
        raise _mistake(f"unknown kind of claim '{value[:60]}'", value, tuple(KINDS))
    return value


def _share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise _mistake("should be a share above 0 and up to 1, such as 0.99")
    return value


def _precision(value: object) -> object:
    if value not in {"any", "precise"}:
        raise _mistake("should be any or precise")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Claim(_Strict):
    """One claim. `coverage` is the share of samples that must have been looked at for it to be supported."""

    kind: Annotated[str, Field(max_length=60, json_schema_extra={"enum": list(KINDS)}), AfterValidator(_kind)]
    said: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    coverage: Annotated[float, BeforeValidator(_share), Field(json_schema_extra={"maximum": 1})] = 0.99
    allowed: (
        Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1, max_length=100)]
        | None
    ) = None
    """Of `licences`: ids, or beginnings with a star. Default: Creative Commons and public domain."""
    precision: (
        Annotated[str, BeforeValidator(_precision), Field(json_schema_extra={"enum": ["any", "precise"]})] | None
    ) = None
    """Of `gps-removed`."""

    @model_validator(mode="after")
    def _parameters_fit(self) -> Claim:
        for name, kind in (("allowed", "licences"), ("precision", "gps-removed")):
            if getattr(self, name) is not None and self.kind != kind:
                raise _mistake(f"'{name}' belongs to the kind {kind} alone")
        return self


class Claims(_Strict):
    """The whole file."""

    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=MAX_CLAIMS)]


def load(path: Path) -> tuple[Claim, ...]:
    """The claims in a file. Raises PolicyError with every mistake at its line and column."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or type(error).__name__}.") from error
    except ValueError as error:
        raise PolicyError("the claims' name is not the name of a file.") from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"{path}: is larger than a file of claims may be ({MAX_BYTES >> 20} MiB).")
    try:
        return _parse(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def _parse(text: str, shown: str) -> tuple[Claim, ...]:
    root, mistakes = parse(text)
    found = None
    if root is not None:
        listed = (root.entries or {}).get("claims")
        seen: set[object] = set()
        for item in (listed.items if listed else None) or ():
            kind = (item.entries or {}).get("kind")
            if kind is not None and isinstance(kind.scalar, str):
                if kind.scalar in seen:
                    mistakes.append(Mistake(kind.position, "a second claim of this kind; put them together"))
                seen.add(kind.scalar)
        try:
            found = Claims.model_validate(root.plain())
        except ValidationError as error:
            mistakes += worded(error.errors(include_url=False)[:MAX_WORDED], root, _keys_at)
    if found is None or mistakes:
        raise PolicyError(*lines(mistakes, shown))
    return found.claims


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    return list((Claim if path else Claims).model_fields)


def json_schema() -> str:
    """The JSON schema of claims.yaml, for editors; `reports/schemas/claims.schema.json` holds it."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Claims.model_json_schema(),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
