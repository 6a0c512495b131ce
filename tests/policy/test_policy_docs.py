"""docs/policy.md tells the truth: its pack loads, and it names every key and form."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import privacy_audit.policy as public
from privacy_audit.policy import check, load, names, schema

GUIDE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")


def test_the_example_is_a_good_pack(tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n)+", GUIDE, re.MULTILINE)
    (example,) = (textwrap.dedent(block) for block in blocks if "pack: my-pack" in block)
    path = tmp_path / "my-pack.yaml"
    path.write_text(example, "utf-8")
    assert check(load(path)) == []


@pytest.mark.parametrize("model", [schema.Pack, schema.Rule, schema.Redact, schema.Example, schema.Selector])
def test_every_key_is_described(model: type[schema.Strict]) -> None:
    assert [key for key in model.model_fields if not re.search(rf"`{key}`|\b{key}:", GUIDE)] == []


def test_every_form_and_pack_is_described() -> None:
    assert all(f"{{{kind}: " in GUIDE for kind in schema.MATCH_KINDS)
    assert all(f"| `{name}` |" in GUIDE for name in names())


def test_public_names() -> None:
    assert public.__all__ == sorted(public.__all__, key=lambda name: (name.islower(), name))
    assert all(hasattr(public, name) for name in public.__all__)
