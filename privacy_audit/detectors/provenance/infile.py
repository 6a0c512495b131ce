"""Flags inside the picture file: XMP, EXIF, IPTC, Photoshop and PNG text to signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from privacy_audit.containers import Block, Container, iptc, photoshop, tiff, xmp
from privacy_audit.containers.text import decode
from privacy_audit.detectors.provenance import licenses, readers
from privacy_audit.detectors.provenance.notices import forbids_ai
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.table import table

if TYPE_CHECKING:
    from privacy_audit.detectors.provenance.schema import Row

MAX_STATEMENTS = 64  # rights statements weighed per file; machine-readable flags are read without limit


@dataclass(slots=True)
class Flags:
    """What a file says. `manifest`: a C2PA manifest is there. `problems`: damages that may hide more."""

    signals: list[Signal] = field(default_factory=list)
    manifest: bool = False
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Statement:
    """Text about rights at `row`'s place, not yet weighed."""

    row: Row
    tag: str
    text: str

    def __hash__(self) -> int:
        return hash((self.row.id, self.tag, self.text))


def read(container: Container) -> Flags:
    """All flags of a file, each once, in file order."""
    # Cameras and editors leave EXIF pointers to nowhere, which hide no flag; any other damage may.
    damages = [problem for problem in container.problems if not problem.startswith("EXIF:")]
    flags = Flags(manifest=bool(container.of("jumbf")), problems=damages)
    statements: set[_Statement] = set()
    found: dict[Signal, None] = {}
    for block in container.of("xmp", "exif", "iptc", "photoshop", "text"):
        for part in _block(block, container.format, flags.problems):
            if isinstance(part, Signal):
                found[part] = None
            elif part.text and part not in statements and len(statements) < MAX_STATEMENTS:
                statements.add(part)
                found.update(dict.fromkeys(_weigh(part)))
    flags.signals = list(found)
    return flags


def _block(block: Block, format_name: str, problems: list[str]) -> Iterator[Signal | _Statement]:
    if block.kind == "xmp":
        properties, problem = xmp.parse(block.data)
        if problem is not None:
            problems.append(problem)
        for prop in properties:
            yield from _xmp(prop)
    elif block.kind == "exif":
        yield from _exif(block.data)
    elif block.kind == "iptc":
        for dataset in iptc.datasets(block.data):
            if row := table().iptc.get(dataset.name):
                yield _statement(row, f"IPTC:{dataset.name}", dataset.value)
    elif block.kind == "photoshop":
        for resource in photoshop.resources(block.data):
            if (row := table().photoshop.get(resource.id)) and any(resource.data):
                yield replace(row.make(row.state("true")), tag="Photoshop:CopyrightFlag")
    elif known := table().text.get(block.name.casefold()):
        yield _statement(known[0], f"{format_name}:{known[1]}", decode(block.data))


def _xmp(prop: xmp.Property) -> Iterator[Signal | _Statement]:
    row = table().xmp.get(f"{prop.prefix}:{prop.name}")
    if row is None:
        return
    tag = f"XMP-{prop.prefix}:{prop.name}"  # a property of the table, so it is none that the file made up
    if row.read in {"statement", "instructions"}:
        yield _statement(row, tag, prop.value)
        return
    for signal in readers.read(row, prop.value) or ():
        yield replace(signal, tag=tag)


def _statement(row: Row, tag: str, value: str) -> _Statement:
    return _Statement(row, tag, value[: licenses.MAX_CHARS].strip())


def _weigh(statement: _Statement) -> Iterator[Signal]:
    """Cameras write a notice into every picture they take, so a licence in prose says nothing about the audience."""
    row, tag, text = statement.row, statement.tag, statement.text
    instructions = row.read == "instructions"
    if instructions and (mark := readers.facebook_mark(text)):
        yield replace(mark, tag=tag)
        return
    whole = licenses.recognise(text) if row.licensing else None
    known = whole or licenses.mentioned(text)
    if whole is not None:
        yield replace(readers.granted(row, whole, publishes=True), tag=tag)
        return
    if forbids_ai(text):
        yield replace(readers.refusal(), tag=tag, statement=text)
    if not instructions:
        signal = readers.granted(row, known, publishes=False) if known else row.plain()
        yield replace(signal, tag=tag, statement=text)


def _exif(data: bytes) -> Iterator[_Statement]:
    for ifd in tiff.ifds(data):
        for entry in ifd.fields:
            if row := table().exif.get(entry.tag):
                raw = data[entry.value_at : entry.value_at + min(entry.size, licenses.MAX_CHARS)]
                yield _statement(row, row.id.replace("exif", "EXIF"), decode(raw).replace("\0", " "))
        return  # the first directory speaks of the picture, later ones of its thumbnail
