"""The provenance detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from privacy_audit import containers
from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.provenance import infile, names, records
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.errors import PictureError
from privacy_audit.pixels import Picture
from privacy_audit.types import Channel, Failure, Finding, Needs, Outcome, Sample, Skipped

IN_FILE = "provenance.infile"
C2PA = "provenance.c2pa"
MAX_PROBLEMS = 8

_Evidence = tuple[Channel, Signal]


class Provenance(Standalone):
    """Evidence of who may see a picture, under which licence it stands, and whether it may be used for training.

    Reads record columns (audience, licence, consent, robots headers, TDMRep, AIPREF, opt-outs), flags in the file (PLUS
    Data Mining, XMP and IPTC rights, EXIF copyright, digital source type) and marks that platforms leave. One finding
    per signal, with `visibility` and `training` in its attributes; `provenance.verdict` takes the strictest. Where
    nothing speaks of the audience or of a licence, `provenance.unknown` or `provenance.no_license` says so.

    Finds: provenance.* rights   Needs: record, bytes
    Misses: C2PA manifests (skipped, and said so), opt-out lists and robots.txt that are not in the record
    """

    name, version = "provenance", "1"
    codes = frozenset(
        {
            *("provenance.public", "provenance.private", "provenance.restricted", "provenance.unknown"),
            *("provenance.opt_out", "provenance.no_license", "provenance.platform", "provenance.synthetic", "rights"),
        }
    )
    needs = Needs.RECORD | Needs.BYTES
    about = About(
        method=(
            "Tables of column names, values and in-file flags; the strictest signal wins. Words that the tables do not "
            "know give no verdict: a sample is never public by guess."
        ),
        limits=(
            "Shows what records and files say, not whether it is true. A Creative Commons licence or public-domain "
            "mark that is a value of its own counts as evidence of publication (medium confidence), unless an audience "
            "column holds a word that is not known; non-commercial and no-derivatives licences make training "
            "'constrained'. A copyright notice says nothing about the audience, and a URL is no proof of being public. "
            "File names only hint. A refusal of AI in plain language gives 'constrained' with low confidence, to be "
            "looked at by a person. C2PA manifests are not read."
        ),
        thresholds="scores are confidences: 0.9 high, 0.6 medium, 0.3 low",
    )

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One finding per signal and sample. An unreadable file is a failure of `provenance.infile` alone."""
        return [self._detect(sample) for sample in samples]

    def _detect(self, sample: Sample) -> list[Finding | Skipped | Failure]:
        reading = records.read(sample.record)
        evidence: list[_Evidence] = [("record", signal) for signal in reading.signals]
        notes: list[Skipped | Failure] = []
        if sample.picture is not None:
            signals, notes = _in_file(sample.picture)
            evidence += [("metadata", signal) for signal in signals]
        if (mark := names.in_file_name(_file_name(sample))) is not None:
            evidence.append(("filename", mark))
        evidence = _settle(evidence, audience_unread="audience" in reading.unread)
        found = [signal.finding(self.name, channel) for channel, signal in evidence]
        return [*found, *self._gaps([signal for _, signal in evidence], reading), *notes]

    def _gaps(self, signals: list[Signal], reading: records.Reading) -> list[Finding]:
        gaps = []
        if not any(signal.visibility for signal in signals):
            reason = "unrecognised" if "audience" in reading.unread else "absent"
            gaps.append(("provenance.unknown", {"visibility": "unknown", "reason": reason}))
        if not any(signal.license and signal.confidence != "low" for signal in signals):
            reason = "unrecognised" if "license" in reading.unread else "absent"
            gaps.append(("provenance.no_license", {"reason": reason}))
        return [Finding(code, self.name, 1.0, "record", attributes=attributes) for code, attributes in gaps]


def _in_file(picture: Picture) -> tuple[list[Signal], list[Skipped | Failure]]:
    try:
        container = containers.read(picture.data)
    except PictureError as error:
        return [], [Failure(IN_FILE, error.kind, str(error))]
    if container is None:
        return [], [_unreadable("the content is no picture that is known here")]
    flags = infile.read(container)
    notes: list[Skipped | Failure] = []
    if flags.problems:
        notes.append(_unreadable("; ".join(list(dict.fromkeys(flags.problems))[:MAX_PROBLEMS])))
    if flags.manifest:
        notes.append(Skipped(C2PA, "manifest present; reading it is not installed"))
    return flags.signals, notes


def _unreadable(message: str) -> Failure:
    return Failure(IN_FILE, "unreadable", message)


def _file_name(sample: Sample) -> str:
    named = next((text.value for text in sample.texts if text.channel == "filename"), sample.id)
    return named.replace("\\", "/").rpartition("/")[2]


def _settle(evidence: list[_Evidence], audience_unread: bool) -> list[_Evidence]:
    """Weigh the audience claims against each other.

    A licence does not make a sample public while an audience column says something that is not understood. A mark of
    low confidence speaks only where nothing better does; else it stays as a suggestion.
    """
    claims = [
        (channel, replace(signal, visibility=None))
        if audience_unread and signal.license and signal.visibility == "public"
        else (channel, signal)
        for channel, signal in evidence
    ]
    if not any(signal.visibility and signal.confidence != "low" for _, signal in claims):
        return claims
    return [
        (channel, replace(signal, visibility=None, suggests=signal.visibility))
        if signal.visibility and signal.confidence == "low"
        else (channel, signal)
        for channel, signal in claims
    ]
