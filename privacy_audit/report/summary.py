"""What a report says, as plain counts: frozen values without text, layout or language.

`measure.summarise` fills them from an audit; `html` turns them into a page. Nothing here can name a sample: there is no
field for an id, a path, a preview, a token or a value. Counts are samples unless a name says otherwise. An `interval`
is that of a share in the whole source, when only a sample of it was audited, and None when all was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from privacy_audit.claims.results import Results
from privacy_audit.report.rates import Correction, Rates
from privacy_audit.report.recall import RecallTable
from privacy_audit.stats import Interval
from privacy_audit.store.manifest import DetectorEntry, Manifest, PackEntry
from privacy_audit.store.people import People
from privacy_audit.store.redactions import RedactionSummary
from privacy_audit.store.settled import Settled
from privacy_audit.types import Severity

T = TypeVar("T")
State = Literal["pass", "violated", "incomplete", "unjudged"]
Part = Literal["face", "name", "place", "time", "contact", "identifier", "child"]
PARTS: tuple[Part, ...] = ("face", "name", "place", "time", "contact", "identifier", "child")
"""What can stand together on one sample. `place` is a precise one."""


@dataclass(frozen=True, slots=True)
class Top(Generic[T]):
    """The first rows of a ranking, and how many rows follow them in the audit's tables."""

    rows: tuple[T, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, by the rules of the exit code: violated beats incomplete beats pass.

    What a baseline knows violates nothing.

    `unjudged` is a pass that says nothing: there was no sample, or no rule.
    """

    state: State
    fail_on: Severity | None
    violating: int
    unchecked: int
    """Samples that at least one stage failed on."""
    partial: bool
    missing: int
    """Rows and parts that the manifest names and the folder does not hold."""
    interval: Interval | None = None
    """Of the share of violating samples."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one detector or stage did. `version` is empty for a stage that is no detector."""

    stage: str
    version: str
    checked: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Samples that a stage did not run on, as planned."""

    stage: str
    reason: str
    samples: int


@dataclass(frozen=True, slots=True)
class Format:
    """One file format, known by content; empty when there was no picture or it could not be read."""

    name: str
    samples: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What was there to look at."""

    samples: int
    with_picture: int
    size_bytes: int
    formats: Top[Format]
    coverage: tuple[Coverage, ...]
    skips: Top[Skip]
    skipped_members: Top[tuple[str, int]]
    skipped_member_count: int
    """All of them, those beyond the ranking included."""


@dataclass(frozen=True, slots=True)
class SeverityRow:
    """Samples whose strongest finding or decision has this severity, and all findings that have it."""

    severity: Severity
    samples: int
    findings: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of finding.

    `checked` counts the samples that a detector of this kind looked at; `by_severity` splits `samples`, info first.
    """

    code: str
    severity: Severity
    samples: int
    findings: int
    checked: int
    by_severity: tuple[int, ...]
    interval: Interval | None = None
    corrected: Correction | None = None
    """With what the detector misses and finds wrongly; None where that was not measured on whole samples."""


@dataclass(frozen=True, slots=True)
class AbsentKind:
    """A kind that a detector looked for on `checked` samples and found on none."""

    code: str
    checked: int
    upper_bound: float
    """Rate of future samples of the same kind that the same detectors would flag, at most, with 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings. A sample counts once per kind; `samples` have a finding that is more than a fact about rights."""

    findings: int
    samples: int
    severities: tuple[SeverityRow, ...]
    kinds: Top[KindRow]
    absent: Top[AbsentKind]
    not_sought: tuple[str, ...]
    """Codes of the taxonomy that no detector of this audit looks for."""
    clear: int = 0
    """Samples without a finding and without a decision."""


@dataclass(frozen=True, slots=True)
class NamesInTexts:
    """Where names of people were looked for in texts. `rate` is of samples with a name, among the `checked`."""

    checked: int
    found: int
    rate: Interval
    not_drawn: int
    """Samples outside the random sample in which names were looked for."""
    off: int
    languages: tuple[tuple[str, int], ...]
    """Samples whose names were not checked because of the language, by language."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Findings in texts by tier: (tier, samples, findings). `direct` identifies on its own, `contextual` does not."""

    tiers: tuple[tuple[str, int, int], ...]
    names: NamesInTexts | None


@dataclass(frozen=True, slots=True)
class Combination:
    """Parts that stand together on `samples` samples. `sought` is False when no detector looks for one of them."""

    parts: tuple[Part, ...]
    samples: int
    sought: bool = True
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Linkage:
    """`named`: combinations that say more than their parts, whatever else is there. `exact`: just these parts."""

    named: tuple[Combination, ...]
    exact: Top[Combination]
    not_public: int
    """Samples with a face and no evidence that they were public."""


@dataclass(frozen=True, slots=True)
class VisibilityRow:
    """Samples of one visibility; `trainings` splits them in the order of `types.TRAININGS`."""

    visibility: str
    samples: int
    trainings: tuple[int, ...]
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule that fired. `pack` and `rule` are the two halves of its id."""

    pack: str
    rule: str
    title: str
    why: str
    law: str
    severity: Severity
    actions: tuple[str, ...]
    samples: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """`actions` splits all samples by the strongest action on each; a sample that no rule fired on is kept."""

    actions: tuple[tuple[str, int], ...]
    rules: Top[RuleRow]
    silent: tuple[tuple[str, int], ...]
    """Per pack, how many of its rules did not fire."""
    intervals: tuple[Interval | None, ...] = ()
    """Of the shares of `actions`."""
    asked: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Per action, every pack that asked for it on a sample where it was the strongest."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bin, named by keys of the catalogue. `median` is in the unit of the bins, None when there is none."""

    name: str
    bins: tuple[tuple[str, int], ...]
    median: float | None = None

    @property
    def total(self) -> int:
        """Sum of all bins."""
        return sum(count for _, count in self.bins)


@dataclass(frozen=True, slots=True)
class MapCell:
    """Samples with coordinates, by the field of ten degrees that their first lies in, named by its south-west corner.

    None stands for all that has no place on the map.
    """

    latitude: int | None
    longitude: int | None
    samples: int

    @property
    def placed(self) -> bool:
        """Whether it stands for a field of the map."""
        return self.latitude is not None and self.longitude is not None


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Failures of one stage, kind and message."""

    stage: str
    kind: str
    message: str
    samples: int


@dataclass(frozen=True, slots=True)
class LawRow:
    """What one article (or group of articles) of a pack was named for."""

    law: str
    rules: tuple[str, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class PackRow:
    """A pack, and the articles that its rules named on this dataset."""

    pack: PackEntry
    laws: Top[LawRow]


@dataclass(frozen=True, slots=True)
class Integrity:
    """What a reader needs to check that nothing was changed. `manifest_sha256` is the digest of audit.json."""

    manifest_sha256: str
    parts: int
    missing_parts: int
    mismatches: tuple[tuple[str, int, int], ...]
    """Table, rows that the manifest counts, rows that are there."""
    root: str = ""
    """Root of the Merkle tree over the contents; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """The last redaction. `current` is False when the audit or the policy changed since."""

    summary: RedactionSummary
    current: bool


@dataclass(frozen=True, slots=True)
class Precision:
    """What reviewers said of the findings of one code by one detector, as it ran in this audit.

    `rate` is of confirmed ones among those that were judged; `findings` is how many the audit holds, and `low` to
    `high` how many of them are right if the judged ones are like the others.
    """

    code: str
    detector: str
    confirmed: int
    refuted: int
    unsure: int
    rate: Interval
    findings: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a report says."""

    manifest: Manifest
    verdict: Verdict
    scope: Scope
    findings: Findings
    texts: Texts
    linkage: Linkage
    provenance: tuple[VisibilityRow, ...]
    decisions: Decisions
    redaction: Redaction | None
    detectors: Top[DetectorEntry]
    recall: tuple[RecallTable, ...]
    unmeasured: tuple[str, ...]
    """Detectors of which nothing was measured as they ran."""
    histograms: tuple[Histogram, ...]
    failures: Top[FailureRow]
    packs: Top[PackRow]
    integrity: Integrity
    rates: Rates
    """Makes the interval of any further share."""
    people: People | None = None
    """How many distinct people appear; None when nobody asked for faces to be compared."""
    claims: Results | None = None
    """What the publisher says, graded; None when nobody asked for it, or the findings are others since."""
    settled: Settled | None = None
    """What a baseline, suppressions and reviews settled; None when there are none."""
    precision: tuple[Precision, ...] = ()
    map: Top[MapCell] = field(default_factory=lambda: Top(()))
