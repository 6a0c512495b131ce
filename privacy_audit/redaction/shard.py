"""Redacts one shard of a dataset: pictures and sidecars are written, edits of table rows are handed back.

The source is only read. What cannot be redacted safely is left out, never passed on as it was.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from privacy_audit import evidence
from privacy_audit.detectors import registry
from privacy_audit.detectors.base import Detector
from privacy_audit.errors import PictureError, PrivacyAuditError
from privacy_audit.pixels import Picture
from privacy_audit.redaction import orders as reading
from privacy_audit.redaction.coverage import around
from privacy_audit.redaction.kept import Mode
from privacy_audit.redaction.metadata import strip, strip_sidecar
from privacy_audit.redaction.orders import TEXT_CHANNELS, Orders
from privacy_audit.redaction.pictures import cover
from privacy_audit.redaction.regions import Region
from privacy_audit.redaction.spans import mask, mask_filename, mask_value
from privacy_audit.run.plan import DetectorSpec
from privacy_audit.run.shard import build
from privacy_audit.sources import Item, Redactable, Shard, SkippedMember
from privacy_audit.sources.columns import file_name_column
from privacy_audit.sources.encoding import decode
from privacy_audit.sources.folder import JSON_PREFIX, PATH_FIELD, TXT_FIELD, XMP, sidecars
from privacy_audit.sources.jsontext import JsonError, leaves, replace
from privacy_audit.sources.tables import Edit
from privacy_audit.store.files import write_whole
from privacy_audit.types import Action, Box, FailureKind, Needs, Span

Spans = list[tuple[int, int, str]]
_UNCHECKED = "it could not be checked"
_SUFFIX_CHARS = 8


@dataclass(frozen=True, slots=True)
class RedactJob:
    """One shard of a redaction. Written below `output`; `key` makes new file names that nobody can guess back."""

    source: Redactable
    shard: Shard
    audit: Path
    output: Path
    key: bytes
    detectors: tuple[DetectorSpec, ...]
    culprits: Mapping[int, FailureKind] = field(default_factory=dict)
    cautious: bool = False

    def run(self, announce: Callable[[int], None]) -> ShardRedaction:
        """Do the work; see redact_shard."""
        return redact_shard(self, announce)


@dataclass(slots=True)
class ShardRedaction:
    """What came out of one shard. `edits` maps a table to its changed rows; None drops a row."""

    shard: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    edits: dict[str, dict[int, Edit]] = field(default_factory=dict)
    copied_unchecked: int = 0
    routes: Counter[str] = field(default_factory=Counter)


def redact_shard(job: RedactJob, announce: Callable[[int], None]) -> ShardRedaction:
    """Apply the audit's decisions to every sample of a shard."""
    result = ShardRedaction(job.shard.id)
    with evidence.token_key(job.key):
        asked = reading.read(job.audit, job.shard.id)
        detectors = build(spec for spec in job.detectors if Needs.PIXELS in registry.find(spec.name).needs)
        for position, member in enumerate(job.source.read(job.shard)):
            announce(position)
            if isinstance(member, SkippedMember):
                with contextlib.suppress(OSError):  # it could not be opened: then it stays out
                    _copy(job, member.name, member.name)
                    result.copied_unchecked += 1
            elif position in job.culprits:
                _Redaction(job, member, Orders(Action("quarantine")), result).leave_out("withheld", "redaction crashed")
            else:
                _Redaction(job, member, asked[member.sample.id], result, detectors).apply()
    return result


class _Redaction:
    """One sample on its way to the copy."""

    def __init__(
        self, job: RedactJob, item: Item, orders: Orders, result: ShardRedaction, detectors: Sequence[Detector] = ()
    ) -> None:
        self.job, self.item, self.orders, self.result, self.detectors = job, item, orders, result, detectors
        self.done: set[str] = set()
        self.route = self.note = ""
        self.added: Sequence[Region] = ()
        self.name = item.origin.file or ""

    def apply(self) -> None:
        kind = self.orders.action.kind
        if kind in {"drop", "quarantine"}:
            self.leave_out("dropped" if kind == "drop" else "quarantined", "")
            return
        unchecked = self.orders.failed & {spec.name for spec in self.job.detectors}
        if unchecked and self.item.sample.picture is None:
            self.leave_out("withheld", _UNCHECKED)
            return
        spans = self._spans()
        self._rename(spans.pop(PATH_FIELD, []))
        written = self._write_picture() if self.item.sample.picture is not None else True
        self._write_sidecars(spans)
        self._edit_row(spans)
        if not written:
            self._note("withheld")
        else:
            self._note("changed" if self.done else "unchanged")

    def leave_out(self, outcome: str, note: str) -> None:
        """Neither picture nor sidecar nor row of this sample goes into the copy."""
        origin = self.item.origin
        if origin.table is not None:
            self.result.edits.setdefault(origin.table, {})[origin.row] = None
        self.name, self.note = "", note
        self._note(outcome)

    def _spans(self) -> dict[str, Spans]:
        """What to mask, by field."""
        spans: dict[str, Spans] = {}
        for finding in self.orders.wanted("mask"):
            if finding.channel in TEXT_CHANNELS and isinstance(finding.where, Span):
                name = finding.attributes.get("field", "")
                spans.setdefault(name, []).append((finding.where.start, finding.where.end, finding.code))
        texts = {text.field for text in self.item.sample.texts}
        for name in [name for name in spans if name in self.item.sample.record and name not in texts]:
            spans[JSON_PREFIX + name] = spans[name]  # a number is no text: it stands in the table or in the sidecar
        return spans

    def _rename(self, spans: Spans) -> None:
        """Mask personal parts of the path; the new name is unique, and cannot be traced back without the key."""
        if not spans:
            return
        parts, at = [], 0
        for part in self.item.sample.id.split("/"):
            here = [(start - at, end - at, code) for start, end, code in spans if start < at + len(part) and end > at]
            parts.append(mask_filename(part, here) if here else part)
            at += len(part) + 1
        masked = PurePosixPath(*parts)
        unique = evidence.token(self.item.sample.id, "path")[:_SUFFIX_CHARS]
        self.name = masked.with_name(f"{masked.stem}-{unique}{masked.suffix}").as_posix()
        self.done.add("rename")

    def _write_picture(self) -> bool:
        picture = self.item.sample.picture
        assert picture is not None
        failed = [failure.message for failure in self.orders.failures if failure.stage == "picture"]
        if failed or self.orders.failed & {spec.name for spec in self.job.detectors}:
            self.note = failed[0] if failed else _UNCHECKED
            return False
        try:
            data = self._redacted(picture)
        except (PictureError, PrivacyAuditError) as error:
            self.note = str(error)
            return False
        write_whole(self.job.output / self.name, data)
        return True

    def _redacted(self, picture: Picture) -> bytes:
        covered = cover(picture, self.orders, self.detectors)
        data, self.route = covered.data, covered.route
        self.done.update(covered.methods)
        self.added = covered.added
        if covered.route:
            self.result.routes[covered.route] += 1
        mode = self.orders.action.parameters.get("strip")
        if mode in get_args(Mode):
            credit = self.orders.action.parameters.get("keep") == "credit"
            stripped = strip(data, mode, keep_credit=credit)  # type: ignore[arg-type]
            if stripped.named:
                self.note = f"a name may be left in {', '.join(stripped.named)}"
            if stripped.removed:
                data = stripped.data
                self.done.add("strip")
        return data

    def _write_sidecars(self, spans: dict[str, Spans]) -> None:
        origin = self.item.origin
        if origin.file is None:
            return
        original = self.job.source.root / origin.file
        unread = {f.stage for f in self.orders.failures if f.kind in {"too_large", "unreadable"}}
        for path in sidecars(original):
            kind = path.suffix.lower().lstrip(".")
            if f"sidecar.{kind}" in unread:
                continue
            new = self._sidecar_name(original, path)
            if kind == XMP[1:] and "strip" in self.orders.action.parameters:
                self._strip_sidecar(path, new)
                continue
            edited = _edit_sidecar(path.read_bytes(), kind, spans)
            if edited is None:
                _copy(self.job, path.relative_to(self.job.source.root).as_posix(), new)
            else:
                write_whole(self.job.output / new, edited)
                self.done.add("mask")

    def _strip_sidecar(self, path: Path, new: str) -> None:
        """Write anew what of an XMP sidecar stays; without that, it is left out."""
        mode = self.orders.action.parameters["strip"]
        credit = self.orders.action.parameters.get("keep") == "credit"
        try:
            packet = strip_sidecar(path.read_bytes(), mode, keep_credit=credit)  # type: ignore[arg-type]
        except PrivacyAuditError as error:
            packet, self.note = b"", str(error)
        if packet:
            write_whole(self.job.output / new, packet)
        self.done.add("strip")

    def _sidecar_name(self, picture: Path, sidecar: Path) -> str:
        """A sidecar follows its picture's new name."""
        new = PurePosixPath(self.name)
        full = sidecar.name.startswith(picture.name + ".")
        return new.with_name((new.name if full else new.stem) + sidecar.suffix).as_posix()

    def _edit_row(self, spans: dict[str, Spans]) -> None:
        origin = self.item.origin
        if origin.table is None:
            return
        edits = {
            text.field: mask_value(text.value, spans[text.field])
            for text in self.item.sample.texts
            if text.field in spans and not text.field.startswith(JSON_PREFIX) and text.field != TXT_FIELD
        }
        edits |= {
            name: mask(str(value), spans[name])
            for name, value in self.item.sample.record.items()
            if name in spans and name not in edits and not isinstance(value, str)
        }
        if edits:
            self.done.add("mask")
        if "rename" in self.done:
            column = file_name_column(list(self.item.sample.record))
            if column is not None:
                edits[column] = _relative(self.name, origin.table)
        if edits:
            self.result.edits.setdefault(origin.table, {})[origin.row] = edits

    def _note(self, outcome: str) -> None:
        absent = outcome not in {"changed", "unchanged"}
        self.result.rows.append(
            {
                "sample_id": self.item.sample.id,
                "output_id": "" if absent else (self.name or self.item.sample.id),
                "outcome": outcome,
                "actions": sorted(self.done),
                "added": [_area(region) for region in self.added],
                "route": self.route,
                "note": self.note,
            }
        )


def _area(region: Region) -> dict[str, object]:
    """A region for the notes: its method, and the box around it."""
    box = region.box if isinstance(region.box, Box) else around(region.box)
    return {"method": region.method, "x": box.x, "y": box.y, "w": box.w, "h": box.h}


def _edit_sidecar(data: bytes, kind: str, spans: Mapping[str, Spans]) -> bytes | None:
    """The masked content of a sidecar, or None when nothing in it is to be masked."""
    if kind == "txt":
        if TXT_FIELD not in spans:
            return None
        decoded = decode(data)
        return decoded.encode(mask(decoded.text, spans[TXT_FIELD]))
    wanted = {field.removeprefix(JSON_PREFIX): found for field, found in spans.items() if field.startswith(JSON_PREFIX)}
    if not wanted:
        return None
    decoded = decode(data)
    try:
        values = {leaf.path: str(leaf.value) for leaf in leaves(decoded.text) if leaf.path in wanted}
    except JsonError:  # then the detector saw the file's text as it stands
        return decoded.encode(mask(decoded.text, wanted.get("", [])))
    return decoded.encode(
        replace(decoded.text, {path: mask_value(value, wanted[path]) for path, value in values.items()})
    )


def _relative(name: str, table: str) -> str:
    """`name` as seen from the folder of `table`."""
    folder = PurePosixPath(table).parent.parts
    parts = PurePosixPath(name).parts
    common = 0
    while common < min(len(folder), len(parts) - 1) and folder[common] == parts[common]:
        common += 1
    return "/".join([".."] * (len(folder) - common) + list(parts[common:]))


def _copy(job: RedactJob, name: str, new: str) -> None:
    target = job.output / new
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(job.source.root / name, target)
