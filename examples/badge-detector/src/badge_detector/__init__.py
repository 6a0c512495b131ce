"""Employee badge numbers in the texts of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from privacy_audit.detectors.base import About, Standalone
from privacy_audit.evidence import conceal
from privacy_audit.types import Finding, Needs, Outcome, Sample, Span, Text

_BADGE = re.compile(r"(?<![A-Z0-9-])EMP-\d{6}(?![0-9-])")


class Badge(Standalone):
    """Finds badge numbers such as EMP-123456 in captions, file names, URLs and record fields."""

    name, version = "badge", "1"
    codes = frozenset({"badge.number"})
    needs = Needs.TEXT
    about = About(
        method="One regular expression over every text of a sample.",
        limits="Misses numbers that are written without their prefix, and those in the picture itself.",
    )

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order."""
        return [[finding for text in sample.texts for finding in self._search(text)] for sample in samples]

    def _search(self, text: Text) -> Iterator[Finding]:
        for match in _BADGE.finditer(text.value):
            shown = conceal(match[0], "badge.number")  # the number itself stays here
            yield Finding(
                code="badge.number",
                detector=self.name,
                score=0.9,
                channel=text.channel,
                where=Span(*match.span()),
                preview=shown.preview,
                token=shown.token,
                attributes={"field": text.field},
            )
