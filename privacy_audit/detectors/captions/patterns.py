"""What presidio's pattern recognizers find, in time that grows with the text. Importing this module imports presidio.

Presidio compares every match of a pattern with every other: 2,500 addresses in a text take more than a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from presidio_analyzer import PatternRecognizer, RecognizerResult


def matches(recognizer: PatternRecognizer, text: str) -> list[RecognizerResult]:
    """The results of `recognizer.analyze`, without explanations."""
    flags = recognizer.global_regex_flags
    results = []
    for pattern in recognizer.patterns:
        if not pattern.compiled_regex or pattern.compiled_with_flags != flags:
            recognizer.analyze(
                "", recognizer.supported_entities
            )  # presidio compiles its patterns when it first needs them
        for match in pattern.compiled_regex.finditer(text):
            value = match.group()
            valid = recognizer.validate_result(value) if value else False
            score = pattern.score if valid is None else 1.0 if valid else 0.0
            if score and not recognizer.invalidate_result(value):
                results.append(_result(recognizer, match.start(), match.end(), score))
    return without_contained(results)


def _result(recognizer: PatternRecognizer, start: int, end: int, score: float) -> RecognizerResult:
    return RecognizerResult(
        entity_type=recognizer.supported_entities[0],
        start=start,
        end=end,
        score=score,
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: recognizer.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recognizer.id,
        },
    )


def without_contained(results: Iterable[RecognizerResult]) -> list[RecognizerResult]:
    """`results`, all of one entity, without those inside one of a better score, or as good and earlier or longer."""
    kept: list[RecognizerResult] = []
    starts: list[int] = []  # of the kept that no other kept one covers: their ends ascend as well
    ends: list[int] = []
    for result in sorted(results, key=lambda one: (-one.score, one.start, one.start - one.end)):
        at = bisect_right(starts, result.start)
        if at and ends[at - 1] >= result.end:
            continue
        kept.append(result)
        covered = bisect_right(ends, result.end)  # those before it end no later than this one
        first = at - 1 if at and starts[at - 1] == result.start else at
        starts[first : max(first, covered)] = [result.start]
        ends[first : max(first, covered)] = [result.end]
    return kept
