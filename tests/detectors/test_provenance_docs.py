"""docs/provenance.md shows the table of signals as it is. Run this file to write it anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from privacy_audit.detectors.provenance.schema import Row, State
from privacy_audit.detectors.provenance.table import table
from privacy_audit.sources.description import Columns, Declared, Defaults, load

DOCS = Path(__file__).parents[2] / "docs" / "provenance.md"
BETWEEN = re.compile(r"(?<=<!-- signals -->\n).*?(?=<!-- /signals -->)", re.DOTALL)


def rows() -> str:
    lines = ["| signal | what | where | states | evidence | scope | confidence |", "|---|---|---|---|---|---|---|"]
    for row in table().rows.values():
        cells = [f"`{row.id}`", row.title, where(row), says(row), row.evidence, row.scope, row.confidence]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def where(row: Row) -> str:
    places = [f"column `{row.columns[0]}`{', ...' if len(row.columns) > 1 else ''}"] if row.columns else []
    places += [f"XMP `{name}`" for name in row.xmp]
    places += ["EXIF"] if row.exif else []
    places += [f"IPTC `{name}`" for name in row.iptc]
    places += ["Photoshop"] if row.photoshop else []
    places += ["PNG text"] if row.text else []
    places += [f"C2PA `{name}`" for name in row.c2pa]
    places += ["file name"] if row.file_name else []
    places += ["given by the user"] if row.given else []
    return "; ".join(places) or "notices and instructions"


def says(row: Row) -> str:
    states = [state for state in (*row.states, row.yes, row.no) if state]
    words = [word for state in states for word in _words(state)]
    if row.evidence == "licence" or row.licensing:
        words += ["a licence"]
    if row.evidence == "source-type":
        words = ["synthetic"]
    if row.read == "card" and not words:
        words = ["a licence"]
    return ", ".join(dict.fromkeys(words)) or ("as mapped or declared" if row.given else "a notice")


def _words(state: State) -> list[str]:
    told = [state.visibility, state.training, "a licence" if state.license else None]
    if state.suggests:
        told.append(f"suggests {state.suggests}")
    if not any(told):
        told.append(state.value)
    return [word for word in told if word]


def test_the_table_is_current() -> None:
    (shown,) = BETWEEN.findall(DOCS.read_text("utf-8"))
    assert shown == rows(), f"run: python {Path(__file__).name}"


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "dataset.yaml"
    path.write_text(example)
    assert load(path).columns.caption == ("text", "alt")


@pytest.mark.parametrize("model", [Declared, Columns, Defaults])
def test_every_key_is_described(model: type[Declared | Columns | Defaults]) -> None:
    text = DOCS.read_text("utf-8")
    assert [key for key in model.model_fields if not re.search(rf"`{key}`|\b{key}:", text)] == []


if __name__ == "__main__":
    DOCS.write_text(BETWEEN.sub(lambda _: rows(), DOCS.read_text("utf-8")), "utf-8")
