"""Which places in laws and which vocabulary terms the built-in packs may name: `rules/articles.yaml`, and the check."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from privacy_audit import resources
from privacy_audit.policy.schema import LawReference, Pack
from privacy_audit.yamlfile.nodes import Node, parse

NAME = "articles"
_DPV = "https://w3id.org/dpv"


@dataclass(frozen=True, slots=True)
class Articles:
    """`letters`: for a law and a place in it ("Art. 4(1)"), the letters of confidence. `terms`: IRIs that exist."""

    letters: dict[str, dict[str, str]]
    terms: frozenset[str]


@functools.lru_cache(maxsize=1)
def known() -> Articles:
    """What the reference file says."""
    root, mistakes = parse(resources.folder("rules").joinpath(f"{NAME}.yaml").read_text("utf-8"))
    if root is None or mistakes:
        raise ValueError(f"rules/{NAME}.yaml: {mistakes[0].what}")
    letters = {
        law: {place: marks for marks, listed in _texts(node).items() for place in places(listed)}
        for law, node in _entries(root, "laws").items()
    }
    terms = [
        f"{_DPV}/{module}#{term}" if module != "dpv" else f"{_DPV}#{term}"
        for module, listed in _texts((root.entries or {})["dpv"]).items()
        for term in listed.split(", ")
    ]
    return Articles(letters, frozenset(terms))


def places(at: str) -> list[str]:
    """ "Art. 4(1), 6; Rec. 51" as "Art. 4(1)", "Art. 6", "Rec. 51": the words hold until the next semicolon."""
    found = []
    for group in at.split(";"):
        first, *others = (part.strip() for part in group.split(","))
        words = first[: first.rfind(" ") + 1]
        found += [first, *(words + other for other in others)]
    return found


def unknown(pack: Pack) -> list[str]:
    """What the pack names that the reference file does not have, one line each."""
    lines = []
    for rule in pack.rules:
        lines += [f"{pack.pack}/{rule.id}: {what}" for reference in rule.law for what in _unknown_places(reference)]
        lines += [f"{pack.pack}/{rule.id}: unknown term {term}" for term in rule.dpv if term not in known().terms]
    return lines + [f"{pack.pack}: unknown term {term}" for term in pack.dpv if term not in known().terms]


def _unknown_places(reference: LawReference) -> list[str]:
    letters = known().letters.get(reference.name, {})
    return [
        f"{reference.name} {place} [{reference.confidence}] is not in rules/{NAME}.yaml"
        for place in places(reference.at)
        if reference.confidence not in letters.get(place, "")
    ]


def _entries(root: Node, key: str) -> dict[str, Node]:
    return (root.entries or {})[key].entries or {}


def _texts(node: Node) -> dict[str, str]:
    return {key: str(value.scalar) for key, value in (node.entries or {}).items()}
