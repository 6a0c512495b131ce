"""suppressions.yaml: findings that somebody accepted, with reason and person, and the day on which they come back."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from privacy_audit.errors import PolicyError
from privacy_audit.store.files import write_whole
from privacy_audit.taxonomy import CODES, matches
from privacy_audit.yamlfile.mistakes import lines, worded
from privacy_audit.yamlfile.nodes import parse
from privacy_audit.yamlfile.wording import did_you_mean, hint

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from privacy_audit.store.folder import AuditFolder

MAX_BYTES = 4 << 20
MAX_WORDED = 1000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?", re.ASCII)
_RULE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _mistake(what: str, **more: Any) -> PydanticCustomError:
    return PydanticCustomError("mistake", "{what}", {"what": what, "key": "", "known": (), "value": "", **more})


def _day(value: object) -> object:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _mistake("should be a day as YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _mistake("there is no such day") from None


def _code(value: str) -> str:
    """A code of the taxonomy, a family of it, or one of a plug-in, which nobody here knows."""
    if not _CODE.fullmatch(value):
        raise _mistake("should be a finding code, such as contact.email or id.*", value=value, known=tuple(CODES))
    family = value.split(".", 1)[0]
    if not any(matches(value, code) for code in CODES) and any(code.split(".", 1)[0] == family for code in CODES):
        raise _mistake(f"unknown code '{value[:60]}'", value=value, known=tuple(CODES))
    return value


def _shaped(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise _mistake(f"should be {what}")
        return value

    return AfterValidator(check)


Line = Annotated[str, Field(min_length=1, max_length=500)]
Day = Annotated[date, BeforeValidator(_day)]


class Strict(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Suppression(Strict):
    """One accepted kind of finding. All of `code`, `rule`, `sample` and `sha256` that are given have to fit."""

    code: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_code)] | None = None
    rule: Annotated[str, Field(max_length=200), _shaped(_RULE, "a rule's id, pack/rule")] | None = None
    sample: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    sha256: Annotated[str, _shaped(_DIGEST, "64 hexadecimal digits in lower case")] | None = None
    reason: Line
    by: Line
    expires: Day

    @model_validator(mode="after")
    def _says_what(self) -> Suppression:
        if self.code is None and self.rule is None:
            raise _mistake("a suppression needs a 'code' or a 'rule'")
        return self

    def covers_sample(self, sample_id: str, sha256: str | None) -> bool:
        """Whether it is about this sample."""
        return (self.sample is None or self.sample == sample_id) and (self.sha256 is None or self.sha256 == sha256)

    def covers_code(self, code: str) -> bool:
        """Whether it is about findings of this code."""
        return self.code is None or matches(self.code, code)

    def is_active(self, today: date) -> bool:
        """It holds until the end of the day before `expires`."""
        return today < self.expires


class Suppressions(Strict):
    """The whole file."""

    suppressions: Annotated[tuple[Suppression, ...], Field(max_length=10_000)]


def load(path: Path) -> tuple[Suppression, ...]:
    """The suppressions in a file. Raises PolicyError with every mistake at once."""
    return _parse(_read(path), str(path))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or type(error).__name__}.") from error
    except ValueError as error:
        raise PolicyError("the suppressions' name is not the name of a file.") from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"{path}: is larger than a file of suppressions may be ({MAX_BYTES >> 20} MiB).")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def _parse(text: str, shown: str) -> tuple[Suppression, ...]:
    root, mistakes = parse(text)
    found = None
    if root is not None:
        try:
            found = Suppressions.model_validate(root.plain())
        except ValidationError as error:
            mistakes += worded(error.errors(include_url=False)[:MAX_WORDED], root, _keys_at)
    if found is None or mistakes:
        raise PolicyError(*lines(mistakes, shown))
    return found.suppressions


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    return list((Suppression if path else Suppressions).model_fields)


def made(*, today: date, **values: str | None) -> Suppression:
    """A suppression from what a person typed. Raises PolicyError with all that is wrong."""
    try:
        found = Suppression.model_validate(values)
    except ValidationError as error:
        said = [
            f"{'--' + str(part['loc'][0]) + ': ' if part['loc'] else ''}{_said(part)}"
            for part in error.errors(include_url=False)
        ]
        raise PolicyError(*said) from error
    if not found.is_active(today):
        raise PolicyError("--expires: is today or past: the suppression would not hold.")
    return found


def _said(error: ErrorDetails) -> str:
    context = error.get("ctx") or {}
    if error["type"] == "mistake":
        return f"{context['what']}{hint(did_you_mean(context['value'], context['known']))}"
    return error["msg"].replace("String should", "should", 1)


def bound(audit: AuditFolder, entry: Suppression) -> tuple[Suppression, int]:
    """The suppression with the digest of its sample's picture, and how many findings (or decisions) it covers now.

    Raises PolicyError when the audit has no such sample, rule, or finding.
    """
    if entry.sample is not None:
        found = audit.sql("SELECT sha256 FROM samples WHERE sample_id = ?", [entry.sample])
        if not found:
            raise PolicyError("--sample: the audit has no such sample. Samples are called as in its table `samples`.")
        entry = entry.model_copy(update={"sha256": found[0][0]})
    known = {rule for pack in audit.manifest.packs for rule in pack.rules}
    if entry.rule is not None and entry.rule not in known:
        raise PolicyError(
            f"--rule: no rule of this audit is called that{hint(did_you_mean(entry.rule, sorted(known)))}."
        )
    covered = _covered(audit, entry)
    if not covered:
        raise PolicyError("the audit holds nothing that this would cover: look at the code, the rule and the sample.")
    return entry, covered


def _covered(audit: AuditFolder, entry: Suppression) -> int:
    """Findings; of a rule, those that it rests on, or decisions where it rests on none."""
    rows: list[tuple[Any, ...]]
    where, values = ("WHERE sample_id = ?", [entry.sample]) if entry.sample is not None else ("", [])
    if entry.rule is None:
        rows = audit.sql(f"SELECT code, count(*) FROM findings {where} GROUP BY code", values)  # noqa: S608
        return sum(count for code, count in rows if entry.covers_code(code))
    where = f"{where or 'WHERE TRUE'} AND rule_id = ?"
    rows = audit.sql(f"SELECT codes, count(*) FROM decisions {where} GROUP BY codes", [*values, entry.rule])  # noqa: S608
    return sum(count for codes, count in rows if entry.code is None or any(map(entry.covers_code, codes)))


def add(path: Path, suppression: Suppression) -> int:
    """Append a suppression to a file, or start one; comments stay. Returns how many there are now.

    Raises PolicyError when the file is wrong, or is written in a way that nothing can be appended to.
    """
    entry = _entry(suppression)
    text = _read(path) if path.exists() else "# Findings that were accepted. See docs/gate.md\nsuppressions:\n"
    before = _parse(text, str(path)) if path.exists() else ()
    text = re.sub(r"(?m)^suppressions:\s*\[\s*\]\s*$", "suppressions:", text)
    joined = text + ("" if text.endswith("\n") else "\n") + entry
    try:
        after = _parse(joined, str(path))
    except PolicyError:
        after = ()
    if after != (*before, suppression):
        raise PolicyError(f"{path}: nothing can be appended to it as it is laid out. Add this to its list:\n{entry}")
    try:
        write_whole(path, joined)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be written: {error.strerror or type(error).__name__}.") from error
    return len(after)


def _entry(suppression: Suppression) -> str:
    """One item of the list, in block style. JSON's quoting is YAML's, too."""
    values = suppression.model_dump(mode="json", exclude_none=True)
    rows = [
        f"{name}: {value if name == 'expires' else json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
    ]
    return "".join(f"  {'- ' if number == 0 else '  '}{row}\n" for number, row in enumerate(rows))
