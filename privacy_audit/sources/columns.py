"""What the columns of a table are for: the picture's file name, and captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from privacy_audit.errors import SourceError

FILE_NAME_COLUMNS = ("file_name", "filename", "file", "image", "image_path", "path", "image_file")
PLAIN_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,31}", re.IGNORECASE)


def file_name_column(columns: Sequence[str]) -> str | None:
    """The column that names the picture of a row, if there is one."""
    lowered = {name.strip().lower(): name for name in reversed(columns)}
    return next((lowered[name] for name in FILE_NAME_COLUMNS if name in lowered), None)


def check_captions(wanted: Iterable[str], columns: Iterable[str]) -> None:
    """Raises SourceError when a caption column that was asked for is in no table. `columns` are names or JSON paths."""
    seen = {*columns}
    seen |= {name.split(".", 1)[0].split("[", 1)[0] for name in seen}
    unknown = sorted(set(wanted) - seen) if seen else []
    if unknown:
        # Without a header, values stand where names should be, so only what can be nothing but a name is shown
        known = sorted(name for name in seen if PLAIN_COLUMN.fullmatch(name))
        listed = f" Columns: {', '.join(known)}." if known else ""
        raise SourceError(f"no table has the caption column '{unknown[0]}'.{listed}")
