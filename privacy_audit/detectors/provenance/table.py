"""The tables of signals and licences: YAML beside this module, checked and loaded once, when a detector is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.schema import Licences, Row
    from privacy_audit.yamlfile.nodes import Plain


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of `signals.yaml` by id, and by where they are read. Column names are without case and separators."""

    rows: dict[str, Row]
    columns: dict[str, Row]
    xmp: dict[str, Row]
    exif: dict[int, Row]
    iptc: dict[str, Row]
    photoshop: dict[int, Row]
    text: dict[str, tuple[Row, str]]
    """PNG keywords without case: their row, and how they are written."""

    def __getitem__(self, row_id: str) -> Row:
        return self.rows[row_id]


@lru_cache(maxsize=1)
def table() -> Table:
    """The table of signals. Raises ValueError when `signals.yaml` is wrong, which a test excludes."""
    from privacy_audit.detectors.provenance.schema import Signals

    rows = {row.id: row for row in Signals.model_validate(load("signals.yaml")).signals}
    return Table(
        rows,
        columns={name: row for row in rows.values() for name in row.columns},
        xmp={name: row for row in rows.values() for name in row.xmp},
        exif={tag: row for row in rows.values() for tag in row.exif},
        iptc={name: row for row in rows.values() for name in row.iptc},
        photoshop={number: row for row in rows.values() for number in row.photoshop},
        text={keyword: (row, shown) for row in rows.values() for keyword, shown in row.text.items()},
    )


@lru_cache(maxsize=1)
def licences() -> Licences:
    """The table of licences."""
    from privacy_audit.detectors.provenance.schema import Licences

    return Licences.model_validate(load("licenses.yaml"))


def load(name: str) -> Plain:
    """A YAML file of this package as plain data."""
    from privacy_audit.yamlfile.nodes import parse

    root, mistakes = parse((files(__package__) / name).read_text("utf-8"))
    if root is None or mistakes:
        raise ValueError(f"{name}: {mistakes}")
    return root.plain()
