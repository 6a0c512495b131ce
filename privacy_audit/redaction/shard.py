"""Redacts one shard of a dataset: decides what each sample becomes, and hands it to the sink.

The source is only read. What cannot be redacted safely is left out, never passed on as it was.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from privacy_audit import evidence
from privacy_audit.detectors import registry
from privacy_audit.detectors.base import Detector
from privacy_audit.errors import PictureError, PrivacyAuditError
from privacy_audit.pixels import Picture
from privacy_audit.redaction import draft, texts
from privacy_audit.redaction import orders as reading
from privacy_audit.redaction.coverage import around
from privacy_audit.redaction.kept import Mode
from privacy_audit.redaction.measured import Measured, compare
from privacy_audit.redaction.metadata import strip, strip_sidecar
from privacy_audit.redaction.options import RedactionOptions
from privacy_audit.redaction.orders import Orders
from privacy_audit.redaction.pictures import cover
from privacy_audit.redaction.regions import Method, Region
from privacy_audit.redaction.sinks import Outgoing, Sink
from privacy_audit.redaction.spans import Spans, typed
from privacy_audit.run.plan import DetectorSpec
from privacy_audit.run.shard import build
from privacy_audit.sources import Item, Shard, SkippedMember
from privacy_audit.sources.folder import PATH_FIELD
from privacy_audit.types import Action, Box, FailureKind, Finding, Needs, Quad

FAILED = "it failed the verification"
_UNCHECKED = "it could not be checked"
_SIDECAR = "sidecar."


@dataclass(frozen=True, slots=True)
class RedactJob:
    """One shard of a redaction. Written below `draft`; `key` makes new file names that nobody can guess back."""

    sink: Sink
    shard: Shard
    audit: Path
    draft: Path
    plan: str
    key: bytes
    detectors: tuple[DetectorSpec, ...]
    options: RedactionOptions
    scope: str
    """What pseudonyms hold within."""
    again: Mapping[str, tuple[Finding, ...]]
    """What the verification found, by sample: regions to cover besides. A sample with an empty entry is left out."""
    culprits: Mapping[int, FailureKind] = field(default_factory=dict)
    cautious: bool = False

    def run(self, announce: Callable[[int], None]) -> Done:
        """Do the work; see redact_shard."""
        return redact_shard(self, announce)


@dataclass(frozen=True, slots=True)
class Done:
    """One shard is done: counts only. All else is in its marker."""

    samples: int
    withheld: int


def redact_shard(job: RedactJob, announce: Callable[[int], None]) -> Done:
    """Apply the audit's decisions to every sample of a shard; its marker is written last."""
    rows: list[dict[str, Any]] = []
    routes = Counter[str]()
    carried = 0
    with evidence.token_key(job.key), draft.writing(job.draft):
        asked = reading.read(job.audit, job.shard.id)
        detectors = build(spec for spec in job.detectors if Needs.PIXELS in registry.find(spec.name).needs)
        writer = job.sink.writer(draft.copy(job.draft), job.shard)
        for position, member in enumerate(job.sink.source.read(job.shard)):
            announce(position)
            if isinstance(member, SkippedMember):
                carried += writer.carry(member)
                continue
            if position in job.culprits:
                sample = _Redaction(job, member, Orders(Action("quarantine")))
                outgoing = sample.leave_out("withheld", "redaction crashed")
            else:
                sample = _Redaction(job, member, asked[member.sample.id].covering(job.options.method), detectors)
                outgoing = sample.apply()
            writer.put(outgoing)
            rows.append(sample.row(outgoing))
            routes.update([sample.route] if sample.route and outgoing.picture is not None else [])
        facts = writer.close()
        marker = draft.Marker(
            job.shard.fingerprint,
            job.plan,
            draft.digest(job.again),
            writer.files,
            facts,
            rows,
            dict(routes),
            carried,
            writer.pieces,
        )
        draft.write_marker(job.draft, job.shard.id, marker)
    return Done(len(rows), sum(row["outcome"] == "withheld" for row in rows))


class _Redaction:
    """One sample on its way to the copy."""

    def __init__(self, job: RedactJob, item: Item, orders: Orders, detectors: Sequence[Detector] = ()) -> None:
        self.job, self.item, self.orders, self.detectors = job, item, orders, detectors
        self.done: set[str] = set()
        self.outcome = self.route = self.note = self.outside = ""
        self.added: Sequence[Region] = ()
        self.regions: Sequence[Measured] = ()

    def apply(self) -> Outgoing:
        """What becomes of the sample."""
        kind = self.orders.action.kind
        if kind in {"drop", "quarantine"}:
            return self.leave_out("dropped" if kind == "drop" else "quarantined", "")
        sample = self.item.sample
        more = self.job.again.get(sample.id)
        if more is not None and not more:
            return self.leave_out("quarantined", FAILED)
        unchecked = self.orders.failed & {spec.name for spec in self.job.detectors}
        if unchecked and sample.picture is None:
            return self.leave_out("withheld", _UNCHECKED)
        spans = texts.spans_of(sample, self.orders)
        name = self.item.origin.file or ""
        naming = texts.pseudonyms(self.job.scope) if self.job.options.pseudonyms else typed
        in_name = spans.pop(PATH_FIELD, []) if self.item.origin.file is not None else []
        if in_name:
            name = texts.renamed(sample, in_name, naming)
            self.done.add("rename")
        picture = self._picture(sample.picture, more or ()) if sample.picture is not None else None
        changed = texts.masked(sample, spans, naming)
        if changed:
            self.done.add("mask")
        changed |= self._emptied(spans)
        packet = self._packet()
        held_back = sample.picture is not None and picture is None
        self.outcome = "withheld" if held_back else "changed" if self.done else "unchanged"
        return Outgoing(self.item, False, name, bool(in_name), picture, changed, packet, self._unread())

    def _emptied(self, spans: Mapping[str, Spans]) -> dict[str, str]:
        """Columns that dataset.yaml declares, and that would tell what is hidden elsewhere."""
        options, captions = self.job.options, {t.field for t in self.item.sample.texts if t.channel == "caption"}
        columns = options.box_columns if self.regions else ()
        columns += options.derived_columns if captions & spans.keys() else ()
        found = texts.emptied(self.item.sample, columns)
        if found:
            self.done.add("empty")
        return found

    def leave_out(self, outcome: str, note: str) -> Outgoing:
        """Neither picture nor sidecar nor row of this sample goes into the copy."""
        self.outcome, self.note = outcome, note
        return Outgoing(self.item, absent=True)

    def row(self, outgoing: Outgoing) -> dict[str, Any]:
        """The notes on this sample."""
        here = self.outcome in {"changed", "unchanged"}
        name = "" if outgoing.absent else self.item.sample.id  # the sink knows what it is called in the copy
        return {
            "sample_id": self.item.sample.id,
            "output_id": name if here else "",
            "copy_id": name,
            "outcome": self.outcome,
            "actions": sorted(self.done),
            "rules": list(self.orders.rules),
            "added": [_area(region.box, region.method) for region in self.added],
            "regions": [
                {**_area(one.box, one.method), "cells": one.cells, "same": one.same, "little": one.is_little}
                for one in self.regions
            ],
            "outside": self.outside,
            "route": self.route,
            "note": self.note,
            "before": _digest(self.item.sample.picture),
            "after": hashlib.sha256(outgoing.picture).hexdigest() if outgoing.picture is not None else "",
        }

    def _picture(self, picture: Picture, more: Sequence[Finding]) -> bytes | None:
        """The redacted picture; None when it is held back, for the reason that is noted."""
        failed = [failure.message for failure in self.orders.failures if failure.stage == "picture"]
        if failed or self.orders.failed & {spec.name for spec in self.job.detectors}:
            self.note = failed[0] if failed else _UNCHECKED
            return None
        try:
            return self._redacted(picture, more)
        except (PictureError, PrivacyAuditError) as error:
            self.note = str(error)
            return None

    def _redacted(self, picture: Picture, more: Sequence[Finding]) -> bytes:
        covered = cover(picture, self.orders.with_regions(more), self.detectors)
        data, self.route = covered.data, covered.route
        self.done.update(covered.methods)
        self.added = covered.added
        if covered.methods:
            regions = [*self.orders.with_regions(more).regions(), *covered.added]
            self.regions, self.outside = compare(picture, Picture(data), regions)
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

    def _packet(self) -> bytes | None:
        """What of an XMP sidecar stays; None when it stays as it is. One that cannot be written anew is left out."""
        sidecar, mode = self.item.sample.sidecar, self.orders.action.parameters.get("strip")
        if sidecar is None or mode is None:
            return None
        self.done.add("strip")
        credit = self.orders.action.parameters.get("keep") == "credit"
        try:
            return strip_sidecar(sidecar, mode, keep_credit=credit)  # type: ignore[arg-type]
        except PrivacyAuditError as error:
            self.note = str(error)
            return b""

    def _unread(self) -> frozenset[str]:
        """Kinds of sidecars that nobody could look at."""
        unread = {f.stage for f in self.orders.failures if f.kind in {"too_large", "unreadable"}}
        return frozenset(stage.removeprefix(_SIDECAR) for stage in unread if stage.startswith(_SIDECAR))


def _area(box: Box | Quad, method: Method) -> dict[str, object]:
    """A region for the notes: its method, and the box around it."""
    outer = box if isinstance(box, Box) else around(box)
    return {"method": method, "x": outer.x, "y": outer.y, "w": outer.w, "h": outer.h}


def _digest(picture: Picture | None) -> str:
    try:
        return picture.digest if picture is not None else ""
    except PictureError:
        return ""
