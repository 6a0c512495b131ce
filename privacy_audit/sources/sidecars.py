"""What a caption or record file beside a picture says, wherever the file is stored."""

from __future__ import annotations

from privacy_audit.sources.base import texts_of
from privacy_audit.sources.encoding import NOT_UTF8, decode
from privacy_audit.sources.jsontext import JsonError, Names, leaves
from privacy_audit.types import Failure, Text

TXT_FIELD = "txt:"
JSON_PREFIX = "json:"


def read_sidecar(
    kind: str,
    data: bytes,
    texts: list[Text],
    record: dict[str, object],
    *,
    captions: frozenset[str] = frozenset(),
    urls: frozenset[str] = frozenset(),
    field: str | None = None,
) -> list[Failure]:
    """Add what `data` holds to `texts` and `record`; returns what is wrong with it.

    `kind` is "json" or "txt". The field of a text is `field`, by default `txt:`; that of a JSON string begins with it,
    by default with `json:`.
    """
    stage = f"sidecar.{kind}"
    if field is None:
        field = JSON_PREFIX if kind == "json" else TXT_FIELD
    decoded = decode(data)
    problems = [] if decoded.exact else [Failure(stage, "error", NOT_UTF8)]
    if kind == "json":
        try:
            values = {leaf.path: leaf.value for leaf in leaves(decoded.text)}
        except JsonError as error:
            problems.append(Failure(stage, "error", str(error)))
            values = {}
        names = Names(record)
        record.update({names(name): value for name, value in values.items()})
        if values:
            texts += texts_of(values, field, captions, urls)
            return problems
    if decoded.text.strip():
        texts.append(Text("caption", field, decoded.text))
    return problems
