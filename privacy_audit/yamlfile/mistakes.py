"""Mistakes in a YAML file: pydantic's errors in plain words at their line and column, and all of them in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from privacy_audit.yamlfile.nodes import Mistake, Node, Position
from privacy_audit.yamlfile.wording import did_you_mean, hint, quote

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_SHOWN = 100

Path = tuple[int | str, ...]
KeysAt = Callable[[Path], Sequence[str]]
"""The keys that may stand in the mapping at a path."""

_TYPES = {
    "string_type": "text (put it in quotes)",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
}


def lines(mistakes: Iterable[Mistake], shown: str) -> list[str]:
    """`file:line:column: what` for each mistake once, in the order of the file; the rest as a number."""
    ordered = sorted(set(mistakes), key=lambda mistake: (mistake.position, mistake.what))
    lines = [f"{shown}:{line}:{column}: {m.what}" for m in ordered[:MAX_SHOWN] for line, column in [m.position]]
    if len(ordered) > MAX_SHOWN:
        lines.append(f"{shown}: and {len(ordered) - MAX_SHOWN} more mistakes")
    return lines


def worded(errors: Sequence[ErrorDetails], root: Node, keys_at: KeysAt) -> list[Mistake]:
    """What pydantic found wrong with `root.plain()`. A misspelt key is one mistake, not two."""
    unknown = {
        error["loc"]: did_you_mean(str(error["loc"][-1]), keys_at(error["loc"][:-1]))
        for error in errors
        if error["type"] == "extra_forbidden"
    }
    misspelt = {(*path[:-1], meant) for path, meant in unknown.items()}
    mistakes = []
    for error in errors:
        node, key_position = _locate(root, error["loc"])
        name = str(error["loc"][-1]) if error["loc"] else ""
        context = error.get("ctx") or {}
        if error["type"] == "extra_forbidden":
            what = f"unknown key {quote(name)}{hint(unknown[error['loc']])}"
            mistakes.append(Mistake(key_position or node.position, what))
        elif error["type"] == "missing":
            if error["loc"] not in misspelt:
                mistakes.append(Mistake(node.position, f"'{name}' is missing"))
        elif error["type"] != "too_short" or not node.items:  # pydantic also counts items that were wrong as absent
            mistakes.append(Mistake(node.keys.get(context.get("key") or "", node.position), _message(error)))
    return mistakes


def _message(error: ErrorDetails) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx") or {}
    if kind == "mistake":
        return f"{context['what']}{hint(did_you_mean(context['value'], context['known']))}"
    if kind in {"literal_error", "enum"}:
        options = re.findall(r"'([^']*)'", context["expected"])
        if isinstance(value, str):
            return f"unknown value {quote(value)}{hint(did_you_mean(value, options))}; one of: {', '.join(options)}"
        return f"should be one of: {', '.join(options)}"
    if kind in _TYPES:
        return f"should be {_TYPES[kind]}"
    if kind == "string_pattern_mismatch":
        return f"{quote(str(value))} should be lower case letters, digits and single hyphens"
    if kind in {"string_too_short", "too_short"}:
        return "should not be empty"
    if kind in {"string_too_long", "too_long"}:
        return f"is too long: {context['max_length']} at most"
    return error["msg"].replace("Input should", "should", 1)


def _locate(root: Node, path: Path) -> tuple[Node, Position | None]:
    """The deepest node on `path`, and where its last key stands. Steps that are not in the file are passed over."""
    node, key_position = root, None
    for step in path:
        if isinstance(step, int):
            if node.items is not None and step < len(node.items):
                node, key_position = node.items[step], None
        elif node.entries is not None and step in node.entries:
            node, key_position = node.entries[step], node.keys[step]
    return node, key_position
