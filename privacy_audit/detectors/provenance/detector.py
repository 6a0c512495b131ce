"""The provenance detector."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from privacy_audit import containers
from privacy_audit.detectors.base import About, Standalone
from privacy_audit.detectors.provenance import credentials, given, infile, readers, records
from privacy_audit.detectors.provenance.optout import OptOuts
from privacy_audit.detectors.provenance.signals import Signal
from privacy_audit.detectors.provenance.table import table
from privacy_audit.errors import PictureError
from privacy_audit.pixels import Picture
from privacy_audit.types import Channel, Failure, Finding, Needs, Outcome, Sample, Skipped

IN_FILE = "provenance.infile"
C2PA = "provenance.c2pa"
RECORD = "provenance.record"
MAX_PROBLEMS = 8
_DIGEST_COLUMNS = frozenset({"sha256", "image_sha256", "content_sha256", "original_sha256", "file_sha256"})

_Evidence = tuple[Channel, Signal]


class Provenance(Standalone):
    """Evidence of who may see a picture, under which licence it stands, and whether it may be used for training.

    Reads record columns (audience, licence, consent, robots headers, TDMRep, AIPREF, opt-outs), flags in the file (PLUS
    Data Mining, XMP and IPTC rights, EXIF copyright, digital source type; Content Credentials with the extra `c2pa`),
    marks that platforms leave, and what the user gives: an opt-out list, dataset.yaml, the dataset card, tdmrep.json.
    `signals.yaml` holds them all. One finding per signal, with `visibility` and `training` in its attributes;
    `provenance.verdict` takes the strictest. Where nothing speaks of the audience or of a licence,
    `provenance.unknown` or `provenance.no_license` says so.

    Finds: provenance.* rights   Needs: record, bytes
    Misses: robots.txt that is not in the record; C2PA manifests that are kept outside the file
    """

    name, version = "provenance", "2"
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
        ),
        thresholds="scores are confidences: 0.9 high, 0.6 medium, 0.3 low",
    )

    def __init__(self, opt_out: str = "", opt_out_sha256: str = "", beside: str = "") -> None:
        """`opt_out` is the path of a list, whose digest has to be `opt_out_sha256`, if that is given.

        `beside` is the JSON text of `sources.beside.Beside`.
        """
        table()  # so that a worker reads it once, and no sample pays for it
        self._opt_outs = OptOuts(Path(opt_out), opt_out_sha256) if opt_out else None
        self._given = given.load(beside)

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One finding per signal and sample. An unreadable file is a failure of `provenance.infile` alone."""
        return [self._detect(sample) for sample in samples]

    def _detect(self, sample: Sample) -> list[Finding | Skipped | Failure]:
        reading = records.read(sample.record, self._given.columns)
        evidence: list[_Evidence] = [("record", signal) for signal in reading.signals]
        evidence += [("record", signal) for signal in self._beside(sample)]
        notes: list[Skipped | Failure] = []
        if reading.unweighed:
            limit = f"{records.MAX_LICENSE_CHARS:,} characters about licences"
            notes.append(Failure(RECORD, "too_large", f"{reading.unweighed:,} values beyond {limit} were not weighed"))
        if sample.picture is not None:
            signals, problems = _in_file(sample.picture)
            evidence += [("metadata", signal) for signal in signals]
            notes += problems
        if (mark := readers.file_name(_file_name(sample))) is not None:
            evidence.append(("filename", mark))
        evidence = _settle(evidence, audience_unread="audience" in reading.unread)
        found = [signal.finding(self.name, channel) for channel, signal in evidence]
        return [*found, *self._gaps([signal for _, signal in evidence], reading), *notes]

    def _beside(self, sample: Sample) -> Iterator[Signal]:
        """What the user's own files say of a sample."""
        yield from self._given.always
        urls = [text.value for text in sample.texts if text.channel == "url"]
        yield from self._given.reserved(sample.id, urls)
        if self._opt_outs is not None:
            row = table()["opt-out list"]
            for kind in sorted(self._opt_outs.find(_digests(sample), urls)):
                yield row.make(row.state(kind))

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
    found = flags.signals
    if flags.manifest and not credentials.installed():
        notes.append(Skipped(C2PA, "manifest present; the extra 'c2pa', which reads it, is not installed"))
    elif flags.manifest:
        try:
            signals = credentials.read(picture.data, container.format)
            found = [*found, *(signals or ())]
            if signals is None:
                notes.append(Skipped(C2PA, "a JUMBF block that is no C2PA manifest"))
        except credentials.CredentialError as error:
            notes.append(Failure(C2PA, "error", str(error)))
    return found, notes


def _digests(sample: Sample) -> Iterator[str]:
    """The sha256 of the file, and the ones that a record gives: a downloader that encodes anew keeps the original's."""
    if sample.picture is not None:
        with contextlib.suppress(PictureError):
            yield sample.picture.digest
    for key, value in sample.record.items():
        if isinstance(value, str) and key.rpartition(".")[2].casefold() in _DIGEST_COLUMNS:
            yield value[:100]


def _unreadable(message: str) -> Failure:
    return Failure(IN_FILE, "unreadable", message)


def _file_name(sample: Sample) -> str:
    named = next((text.value for text in sample.texts if text.channel == "filename"), sample.id)
    return named.replace("\\", "/").rpartition("/")[2]


def _settle(evidence: list[_Evidence], audience_unread: bool) -> list[_Evidence]:
    """Weigh the audience claims against each other.

    Neither a licence nor a declared default makes a sample public while an audience column says something that is not
    understood. A mark of low confidence speaks only where nothing better does; else it stays as a suggestion.
    """
    claims = [
        (channel, replace(signal, visibility=None))
        if audience_unread and (signal.license or signal.scope == "dataset") and signal.visibility == "public"
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
