"""What stands at the root of a dataset and speaks of all of it: dataset.yaml, the dataset card, tdmrep.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from privacy_audit.errors import SourceError
from privacy_audit.sources.encoding import decode
from privacy_audit.sources.tree import Tree
from privacy_audit.types import Failure

T = TypeVar("T")

DESCRIPTION = "dataset.yaml"
CARDS = ("README.md", "readme.md", "Readme.md")
RESERVATIONS = ("tdmrep.json", ".well-known/tdmrep.json")
MAX_BYTES = 1 << 20
MAX_RULES = 1000
_LISTS = ("caption", "url", "face_boxes", "derived")  # what may name several columns
_LICENSE_KEYS = ("license", "license_name", "license_link")
_TOP_KEY = re.compile(r"^([A-Za-z_][\w-]{0,60})\s*:", re.ASCII)


@dataclass(frozen=True, slots=True)
class Beside:
    """`card` has the keys `license`, `license_name`, `license_link` and `gated`, as far as they are there.

    `reservations` are pairs of TDMRep: a location, and 1 or 0. `problems` are files that could not be understood.
    """

    description: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, str] = field(default_factory=dict)
    reservations: tuple[tuple[str, int], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        """As text that is equal for equal content; empty when nothing is there."""
        facts = {name: value for name, value in asdict(self).items() if value and name != "problems"}
        return json.dumps(facts, sort_keys=True) if facts else ""

    def columns(self) -> list[str]:
        """Every column that the description names."""
        named = self.description.get("columns", {})
        mapped = [mapping for key, mapping in named.items() if key not in _LISTS]
        columns = [mapping if isinstance(mapping, str) else mapping["column"] for mapping in mapped]
        return list(dict.fromkeys([*(name for key in _LISTS for name in named.get(key, ())), *columns]))


def described(given: str | Path | Mapping[str, Any] | None) -> Beside:
    """The dataset.yaml `given`, and nothing else. Raises SourceError when that is wrong."""
    return Beside(_description(given))


def look(tree: Tree, given: str | Path | Mapping[str, Any] | None = None) -> Beside:
    """What stands at the root of `tree`. `given` takes the place of its dataset.yaml. Raises SourceError if wrong."""
    if given is None and tree.head(DESCRIPTION) is not None:
        given = tree.description(DESCRIPTION)
    description = _description(given)
    problems: list[tuple[str, str]] = []
    card: dict[str, str] = _read(tree, CARDS, read_card, problems) or {}
    reservations = _read(tree, RESERVATIONS, read_reservations, problems) or []
    return Beside(description, card, tuple(reservations), tuple(problems))


def _description(given: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    from privacy_audit.sources.description import load

    plain: dict[str, Any] = load(given).model_dump(mode="json", exclude_defaults=True)
    return plain


def _read(tree: Tree, names: tuple[str, ...], take: Callable[[str], T], problems: list[tuple[str, str]]) -> T | None:
    """What `take` makes of the first of the files `names` that is there."""
    name = next((name for name in names if tree.head(name) is not None), None)
    if name is None:
        return None
    try:
        raw = tree.content(name, "source")
        if isinstance(raw, Failure):
            raise SourceError(raw.message if raw.kind == "too_large" else "the file cannot be opened")
        if len(raw) > MAX_BYTES:
            raise SourceError(f"the file has more than {MAX_BYTES:,} bytes")
        return take(decode(raw).text)
    except SourceError as error:
        problems.append((name, str(error)))
    return None


def read_card(text: str) -> dict[str, str]:
    """Licence and gate in the YAML front matter of a dataset card. Other keys are not looked at."""
    rows = text.lstrip("\ufeff").splitlines()
    if not rows or rows[0].rstrip() != "---":
        return {}
    end = next((number for number, row in enumerate(rows[1:], 1) if row.rstrip() in {"---", "..."}), None)
    if end is None:
        raise SourceError("the front matter of the dataset card has no end")
    parts: dict[str, list[str]] = {}
    current = ""
    for row in rows[1:end]:
        if match := _TOP_KEY.match(row):
            current = match[1]
        parts.setdefault(current, []).append(row)
    found: dict[str, str] = {}
    for key in _LICENSE_KEYS:
        if key in parts and (value := _first(parts[key], key)):
            found[key] = value
    if any(key.startswith("extra_gated_") for key in parts):
        found["gated"] = "yes"
    return found


def _first(rows: list[str], key: str) -> str:
    """The value of a key: a text, or the first of a list."""
    from privacy_audit.yamlfile.nodes import parse

    root, mistakes = parse("\n".join(rows))
    if root is None or mistakes or root.entries is None:
        raise SourceError("the licence in the dataset card cannot be read")
    value = root.entries[key].plain()
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None  # several licences: it is not said which holds for what
    return value.strip()[:500] if isinstance(value, str) else ""


def read_reservations(text: str) -> list[tuple[str, int]]:
    """The rules of a `tdmrep.json`: https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/"""
    try:
        rules = json.loads(text)
    except (ValueError, RecursionError):
        raise SourceError("tdmrep.json is no JSON") from None
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        raise SourceError(f"tdmrep.json is no list of at most {MAX_RULES:,} rules")
    found = []
    for rule in rules:
        location = rule.get("location") if isinstance(rule, dict) else None
        if not isinstance(location, str) or len(location) > 1000:
            raise SourceError("a rule in tdmrep.json has no location")
        reservation = rule.get("tdm-reservation")
        if str(reservation) in {"0", "1"}:  # any other value is as good as absent
            found.append((location, int(reservation)))
    return found
