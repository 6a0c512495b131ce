"""Recognizers that a user adds: presidio's YAML format for no-code recognizers, checked before it is used.

    recognizers:
      - name: Employee number
        supported_entity: EMPLOYEE_ID
        patterns: [{name: six digits, regex: 'EMP-\\d{6}', score: 0.8}]
        context: [employee, staff]
    codes:                              # optional; without an entry the code is custom.employee_id
      EMPLOYEE_ID: id.national

Importing this module does not import presidio.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_audit.errors import DetectorError

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

MAX_BYTES = 1024 * 1024
_KEYS = frozenset(
    {
        *("name", "type", "enabled", "supported_entity", "supported_entities", "supported_language"),
        *("supported_languages", "patterns", "deny_list", "deny_list_score", "context", "class_name"),
    }
)
_PATTERN_KEYS = frozenset({"name", "regex", "score"})
_CODE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_NOT_IN_A_CODE = re.compile(r"[^a-z0-9_]+")
LANGUAGE = "en"  # presidio wants one; a pattern holds for any


@dataclass(frozen=True, slots=True)
class Custom:
    """Recognizers, and the finding codes of their entities where they are not the usual ones."""

    recognizers: Sequence[EntityRecognizer] = ()
    codes: Mapping[str, str] = field(default_factory=dict)


def code_of(entity: str) -> str:
    """The code of an entity that no one named: `EMPLOYEE_ID` is `custom.employee_id`."""
    return f"custom.{_NOT_IN_A_CODE.sub('_', entity.lower()).strip('_') or 'unnamed'}"


def read(path: Path) -> str:
    """The text of a recognizer file, checked; raises DetectorError with every mistake in it, by line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DetectorError(f"{path}: a recognizer file may have {MAX_BYTES:,} bytes at most.")
        text = path.read_text("utf-8")
    except OSError as error:
        raise DetectorError(f"cannot read the recognizers in {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DetectorError(f"cannot read the recognizers in {path}: the file is not UTF-8.") from error
    _Checked(text, path.name)
    return text


def parse(text: str, name: str = "recognizers") -> Custom:
    """The recognizers in a YAML text; raises DetectorError with every mistake in it, by line. Imports presidio."""
    from presidio_analyzer.recognizer_registry.recognizers_loader_utils import RecognizerListLoader

    checked = _Checked(text, name)
    flags = re.DOTALL | re.MULTILINE | re.IGNORECASE
    try:
        made = list(RecognizerListLoader.get({"recognizers": checked.entries}["recognizers"], [LANGUAGE], flags))
    except Exception as error:
        raise DetectorError(f"{name}: presidio does not take these recognizers: {error}") from error
    return Custom(made, checked.codes)


class _Checked:
    """A recognizer file whose mistakes are all reported at once."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._mistakes: list[str] = []
        self.entries: list[dict[str, Any]] = []
        self.codes: dict[str, str] = {}
        self._entities: set[str] = set()
        self._document(_load(text, name))
        if self._mistakes:
            raise DetectorError("\n".join(self._mistakes))

    def _mistake(self, node: Any, key: object, message: str) -> None:
        line = _line(node, key)
        self._mistakes.append(f"{self._name}:{line}: {message}" if line else f"{self._name}: {message}")

    def _document(self, document: Any) -> None:
        if not isinstance(document, dict) or not isinstance(document.get("recognizers"), list):
            self._mistake(document, None, "expected a mapping with a list 'recognizers'.")
            return
        self._known(document, frozenset({"recognizers", "codes"}), "the file")
        for index, entry in enumerate(document["recognizers"]):
            if isinstance(entry, dict):
                self._recognizer(entry)
            else:
                self._mistake(document["recognizers"], index, "a recognizer is a mapping with a name and patterns.")
        if not document["recognizers"]:
            self._mistake(document, "recognizers", "the list of recognizers is empty.")
        codes = document.get("codes", {})
        if not isinstance(codes, dict):
            self._mistake(document, "codes", "'codes' maps entities to finding codes.")
            return
        for entity, code in codes.items():
            if entity not in self._entities:
                self._mistake(codes, entity, f"no recognizer here finds '{entity}'{_hint(entity, self._entities)}.")
            elif not isinstance(code, str) or not _CODE.fullmatch(code):
                self._mistake(codes, entity, f"'{code}' is no finding code: small letters, digits and dots.")
            else:
                self.codes[str(entity)] = str(code)

    def _recognizer(self, entry: Any) -> None:
        self._known(entry, _KEYS, "a recognizer")
        if not isinstance(entry.get("name"), str) or not entry["name"].strip():
            self._mistake(entry, None, "a recognizer needs a name.")
        predefined = entry.get("type") == "predefined"
        entity = self._entity(entry, needed=not predefined)
        if entity:
            self._entities.add(entity)
        patterns, denied = entry.get("patterns"), entry.get("deny_list")
        if not predefined and not patterns and not denied:
            self._mistake(entry, None, "a recognizer needs 'patterns' or a 'deny_list'.")
        if patterns is not None and not isinstance(patterns, list):
            self._mistake(entry, "patterns", "'patterns' is a list.")
        elif patterns:
            for index, pattern in enumerate(patterns):
                self._pattern(patterns, index, pattern)
        for key in ("deny_list", "context"):
            value = entry.get(key)
            if value is not None and not (isinstance(value, list) and all(isinstance(word, str) for word in value)):
                self._mistake(entry, key, f"'{key}' is a list of words.")
        plain = {key: _plain(value) for key, value in entry.items()}
        if not predefined:
            plain.pop("supported_languages", None)
            plain["supported_language"] = LANGUAGE
        self.entries.append(plain)

    def _entity(self, entry: Any, *, needed: bool) -> str | None:
        entity = entry.get("supported_entity")
        if entity is None and isinstance(entry.get("supported_entities"), list) and entry["supported_entities"]:
            entity = entry["supported_entities"][0]
        if isinstance(entity, str) and entity.strip():
            return entity
        if needed or entity is not None:
            self._mistake(entry, "supported_entity", "'supported_entity' names what the recognizer finds.")
        return None

    def _pattern(self, patterns: Any, index: int, pattern: Any) -> None:
        if not isinstance(pattern, dict):
            self._mistake(patterns, index, "a pattern is a mapping with name, regex and score.")
            return
        self._known(pattern, _PATTERN_KEYS, "a pattern")
        if not isinstance(pattern.get("name"), str):
            self._mistake(patterns, index, "a pattern needs a name.")
        if not isinstance(pattern.get("regex"), str):
            self._mistake(patterns, index, "a pattern needs a regex.")
        else:
            problem = _problem_of(pattern["regex"])
            if problem:
                self._mistake(pattern, "regex", f"the regex is not valid: {problem}.")
        score = pattern.get("score")
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 < score <= 1:
            self._mistake(pattern, "score" if "score" in pattern else None, "'score' is a number above 0, up to 1.")

    def _known(self, mapping: Any, keys: frozenset[str], what: str) -> None:
        for key in mapping:
            if key not in keys:
                self._mistake(mapping, key, f"{what} has no '{key}'{_hint(key, keys)}.")


def _load(text: str, name: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise DetectorError(f"{name}:{line}: not valid YAML: {error.problem or error.context}.") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise DetectorError(f"{name}: not valid YAML: {type(error).__name__}.") from error


def _problem_of(pattern: str) -> str | None:
    """What is wrong with a regular expression, as presidio's engine says."""
    import regex

    try:
        regex.compile(pattern)
    except regex.error as error:
        return str(error)
    return None


def _line(node: Any, key: object) -> int | None:
    position = getattr(node, "lc", None)
    if position is None:
        return None
    try:
        place = position.key(key) if isinstance(node, dict) else position.item(key)
        return int(place[0]) + 1
    except (AttributeError, IndexError, KeyError, TypeError):
        return int(position.line) + 1


def _hint(word: object, known: Sequence[str] | frozenset[str] | set[str]) -> str:
    near = difflib.get_close_matches(str(word), sorted(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _plain(value: Any) -> Any:
    """A YAML value without the wrapper that knows its line."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
