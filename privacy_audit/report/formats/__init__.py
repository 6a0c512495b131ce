"""What a gate prints on stdout: one function per format, each giving the output piece by piece.

No format but SARIF names a sample: json and md hold counts, jsonl names pictures by the digest of their content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from privacy_audit.report.exports import sarif
from privacy_audit.report.formats import data, markdown

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

Writer = Callable[["AuditFolder", int], Iterator[str]]
"""Gets an audit and the exit code that the gate ends with."""


def _sarif(folder: AuditFolder, _: int) -> Iterator[str]:
    yield json.dumps(sarif.render(folder), ensure_ascii=False) + "\n"


WRITERS: dict[str, Writer] = {
    "json": data.document,
    "jsonl": data.lines,
    "md": markdown.comment,
    "sarif": _sarif,
}
