"""Flags inside the picture file: XMP, EXIF, IPTC, Photoshop and PNG text to signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from privacy_audit.containers import Block, Container, iptc, photoshop, tiff, xmp
from privacy_audit.containers.text import decode
from privacy_audit.detectors.provenance import licenses, names, permissions
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.sources import digital_source

MAX_STATEMENTS = 64  # rights statements weighed per file; machine-readable flags are read without limit

_COPYRIGHT = 0x8298
_LICENSE_PROPERTIES = frozenset({"cc:license", "xmpRights:WebStatement"})
_NOTICE_PROPERTIES = frozenset({"dc:rights", "xmpRights:UsageTerms", "plus:OtherConstraints", "photoshop:Instructions"})
# Instructions to an editor are no rights statement; they are searched for a mark or a refusal alone.
_INSTRUCTIONS = frozenset({"photoshop:Instructions", "iptc:SpecialInstructions"})
_TEXT_KEYWORDS = {
    "copyright": "Copyright",
    "license": "License",
    "licence": "License",
    "rights": "Rights",
    "disclaimer": "Disclaimer",
    "usage terms": "Usage Terms",
}


@dataclass(slots=True)
class Flags:
    """What a file says. `manifest`: a C2PA manifest is there. `problems`: damages that may hide more."""

    signals: list[Signal] = field(default_factory=list)
    manifest: bool = False
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Statement:
    """Text about rights, not yet weighed. `licensing`: it stands where a licence alone should stand."""

    name: str
    tag: str
    text: str
    licensing: bool = False


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
        yield _statement("exif:Copyright", "EXIF:Copyright", _exif_copyright(block.data))
    elif block.kind == "iptc":
        for dataset in iptc.datasets(block.data):
            if dataset.name in {"CopyrightNotice", "SpecialInstructions"}:
                yield _statement(f"iptc:{dataset.name}", f"IPTC:{dataset.name}", dataset.value)
    elif block.kind == "photoshop":
        for resource in photoshop.resources(block.data):
            if resource.id == photoshop.COPYRIGHT_FLAG and any(resource.data):
                yield Signal("photoshop:CopyrightFlag", "medium", value="True", tag="Photoshop:CopyrightFlag")
    elif keyword := _TEXT_KEYWORDS.get(block.name.casefold()):
        yield _statement("text:rights", f"{format_name}:{keyword}", decode(block.data))


def _xmp(prop: xmp.Property) -> Iterator[Signal | _Statement]:
    name, value = f"{prop.prefix}:{prop.name}", prop.value
    tag = f"XMP-{prop.prefix}:{prop.name}"  # stored only for the properties below, so it is one of ours
    signal: Signal | None = None
    if name == "plus:DataMining":
        signal = permissions.plus_data_mining(value)
    elif name == "tdm:reservation":
        signal = permissions.tdm_reservation(value)
    elif prop.prefix == "Iptc4xmpExt" and prop.name in {"DigitalSourceType", "DigitalSourcefileType"}:
        signal = digital_source(value)
    elif name == "xmpRights:Marked":
        signal = _marked(value)
    elif name in _LICENSE_PROPERTIES or name in _NOTICE_PROPERTIES:
        yield _statement(name, tag, value, licensing=name in _LICENSE_PROPERTIES)
    if signal is not None:
        yield replace(signal, tag=tag)


def _marked(value: str) -> Signal | None:
    """True marks a work as protected. False claims the public domain, but editors also write it as their default."""
    marked = {"true": True, "false": False}.get(value.strip().casefold())
    if marked is None:
        return None
    if marked:
        return Signal("xmpRights:Marked", "medium", value="True")
    return Signal("xmpRights:Marked", "low", value="False", license=licenses.PUBLIC_DOMAIN.id)


def _statement(name: str, tag: str, value: str, licensing: bool = False) -> _Statement:
    return _Statement(name, tag, value[: licenses.MAX_CHARS].strip(), licensing)


def _weigh(statement: _Statement) -> Iterator[Signal]:
    """Cameras write a notice into every picture they take, so a licence in prose says nothing about the audience."""
    name, tag, text = statement.name, statement.tag, statement.text
    if name in _INSTRUCTIONS and (mark := names.facebook_mark(text)):
        yield replace(mark, tag=tag)
        return
    whole = licenses.recognise(text) if statement.licensing else None
    known = whole or licenses.mentioned(text)
    training = known.training if known and known.training != "unspecified" else None
    if whole is not None:
        yield Signal(name, "medium", "public" if whole.open else None, training, license=whole.id, tag=tag)
        return
    if permissions.prose(text):
        yield Signal("notice", "low", training="constrained", tag=tag, statement=text)
    if name not in _INSTRUCTIONS:
        yield Signal(name, "medium", training=training, license=known.id if known else "", tag=tag, statement=text)


def _exif_copyright(data: bytes) -> str:
    for ifd in tiff.ifds(data):
        for entry in ifd.fields:
            if entry.tag == _COPYRIGHT:
                raw = data[entry.value_at : entry.value_at + min(entry.size, licenses.MAX_CHARS)]
                return decode(raw).replace("\0", " ")
        break  # the first directory speaks of the picture, later ones of its thumbnail
    return ""
