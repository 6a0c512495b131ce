"""Read a rule pack, and report all of its mistakes at once as `file:line:column: what (did you mean ...?)`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from privacy_audit import resources
from privacy_audit.errors import PolicyError
from privacy_audit.policy import articles, schema
from privacy_audit.policy.schema import MAX_DECLARED, MAX_NESTING, Pack
from privacy_audit.yamlfile.mistakes import lines, worded
from privacy_audit.yamlfile.nodes import Mistake, Node, Position, parse
from privacy_audit.yamlfile.wording import did_you_mean, hint, quote

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MAX_BYTES = 1 << 20
MAX_WORDED = 1000  # finding out what was meant takes time

_MODELS: dict[str, type[BaseModel]] = {
    "rules": schema.Rule,
    "law": schema.LawReference,
    "tests": schema.Example,
    "given": schema.Given,
    "action": schema.Redact,
    "count": schema.Counted,
    "rate": schema.Rated,
    "<code>": schema.Selector,
    "<visibility>": schema.VisibilityMatch,
    "<training>": schema.TrainingMatch,
    "<failed>": schema.FailedMatch,
    "<any>": schema.AnyMatch,
    "<all>": schema.AllMatch,
    "<count>": schema.CountMatch,
    "<rate>": schema.RateMatch,
}
"""The model whose keys stand below a part of a pack, by the last named step of an error's path."""


def names() -> list[str]:
    """The names of the packs that come with privacy-audit."""
    files = (entry.name for entry in resources.folder("rules").iterdir())
    return sorted(name[:-5] for name in files if name.endswith(".yaml") and name != f"{articles.NAME}.yaml")


def builtin() -> list[Pack]:
    """The packs that come with privacy-audit, by name."""
    return [_builtin(name) for name in names()]


def load(name_or_path: str | Path) -> Pack:
    """The built-in pack of that name, or the pack in that file.

    Raises PolicyError with every mistake of the file; for a name that is neither, with what it may have been.
    """
    known = names()
    if name_or_path in known:
        return _builtin(str(name_or_path))
    path = Path(name_or_path)
    looks_like_a_file = isinstance(name_or_path, Path) or path.suffix or len(path.parts) > 1
    if not looks_like_a_file and not _exists(path):
        near = hint(did_you_mean(str(name_or_path), known))
        raise PolicyError(
            f"no rule pack is called {quote(str(name_or_path))}{near}. "
            f"Built in: {', '.join(known)}; anything else is the path of a YAML file."
        )
    return _read(path, str(name_or_path))


@functools.lru_cache(maxsize=16)
def _builtin(name: str) -> Pack:
    path = resources.folder("rules").joinpath(f"{name}.yaml")
    pack = _read(path, str(path))
    if mistakes := articles.unknown(pack):
        raise PolicyError(*mistakes)
    return pack


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _read(path: Path | Traversable, shown: str) -> Pack:
    try:
        if path.is_dir():
            raise PolicyError(f"{shown}: is a folder; name one YAML file.")
        if not path.is_file():
            raise PolicyError(f"{shown}: there is no such file.")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{shown}: cannot be read: {error.strerror or type(error).__name__}.") from error
    except ValueError as error:
        raise PolicyError(f"{quote(shown)}: is not the name of a file.") from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"{shown}: is larger than a rule pack may be ({MAX_BYTES // 1024} KiB).")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{shown}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    return _parse(text, shown)


def _parse(text: str, shown: str) -> Pack:
    root, mistakes = parse(text)
    pack = None
    if root is not None:
        mistakes += _own_checks(root)
        try:
            pack = Pack.model_validate(root.plain(), context={"codes": _declared_codes(root)})
        except ValidationError as error:
            mistakes += worded(error.errors(include_url=False)[:MAX_WORDED], root, _keys_at)
    if pack is None or mistakes:
        raise PolicyError(*lines(mistakes, shown))
    return pack


def _declared_codes(root: Node) -> frozenset[str]:
    """The codes of other detectors that the pack lists, as far as they are text."""
    listed = (root.entries or {}).get("codes")
    items = (listed.items if listed else None) or []
    return frozenset(node.scalar for node in items[:MAX_DECLARED] if isinstance(node.scalar, str))


# What a model cannot see, because it looks at several places at once.


def _own_checks(root: Node) -> list[Mistake]:
    rules = (root.entries or {}).get("rules")
    mistakes: list[Mistake] = []
    first_use: dict[object, Position] = {}
    for rule in (rules.items if rules else None) or ():
        entries = rule.entries or {}
        if identity := entries.get("id"):
            mistakes += _repeated(identity, first_use)
        if match := entries.get("match"):
            mistakes += _too_deep(match)
        if tests := entries.get("tests"):
            mistakes += _one_sided(tests)
    return mistakes


def _repeated(identity: Node, first_use: dict[object, Position]) -> list[Mistake]:
    if not isinstance(identity.scalar, str):
        return []
    if identity.scalar not in first_use:
        first_use[identity.scalar] = identity.position
        return []
    line = first_use[identity.scalar][0]
    return [
        Mistake(identity.position, f"a second rule with the id {quote(identity.scalar)}; the first is on line {line}")
    ]


def _too_deep(match: Node, depth: int = 0) -> list[Mistake]:
    mistakes: list[Mistake] = []
    for key in ("any", "all"):
        below = (match.entries or {}).get(key)
        if below is None or below.items is None:
            continue
        if depth == MAX_NESTING:
            position = (match.keys or {})[key]
            return [Mistake(position, f"'any' and 'all' go at most {MAX_NESTING} deep; split the rule in two")]
        for part in below.items:
            mistakes += _too_deep(part, depth + 1)
    return mistakes


def _one_sided(tests: Node) -> list[Mistake]:
    if tests.items is None:
        return []
    expected = [(test.entries or {}).get("expect") for test in tests.items]
    values = [node.scalar for node in expected if node is not None]
    missing = []
    if all(value == "none" for value in values):
        missing.append("one in which the rule fires (expect: its severity)")
    if "none" not in values:
        missing.append("one in which it does not (expect: none)")
    return [Mistake(tests.position, f"the tests lack {' and '.join(missing)}")] if missing else []


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand in the mapping at `path`."""
    named = [step for step in path if isinstance(step, str) and step not in {"<redact>", "<given>"}]
    last = named[-1] if named else ""
    return list(_MODELS.get(last, Pack).model_fields)
