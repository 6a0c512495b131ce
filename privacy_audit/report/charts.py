"""Charts as inline SVG, made of rectangles that the style sheet colours by class.

Widths are percentages, so a chart fits any column without a script, and patterns do not stretch. Every chart is hidden
from screen readers, because the same numbers stand in a table beside it. No style attributes: the content security
policy of the page refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from privacy_audit.report.language import Language

THICKNESS = 12  # pixels
_WIDTH, _HEIGHT, _MARGIN = 400, 120, 22  # of a column chart, in pixels of its own
_VISIBLE = 0.6  # percent: what is not zero must be seen


def bar(value: float, total: float, series: str = "accent") -> Markup:
    """A bar of `value` out of `total`, on a track."""
    return stack([(series, value)], total)


def stack(segments: Iterable[tuple[str, float]], total: float, thickness: int = THICKNESS) -> Markup:
    """Segments (series, value) one after the other, on a track of length `total`."""
    parts = [Markup('<rect class="track" width="100%" height="{}" rx="2"/>').format(thickness)]
    start = 0.0
    for series, value in segments:
        if value <= 0 or total <= 0:
            continue
        width = min(max(100 * value / total, _VISIBLE), 100 - start)
        parts.append(
            Markup('<rect class="s-{}" x="{:.2f}%" width="{:.2f}%" height="{}"/>').format(
                series, start, max(width, 0), thickness
            )
        )
        start += width
    return Markup('<svg class="bar" width="100%" height="{}" aria-hidden="true" focusable="false">{}</svg>').format(
        thickness, Markup().join(parts)
    )


def columns(bins: Sequence[tuple[str, int]], language: Language, family: str) -> Markup:
    """Upright columns, one per bin (key, count), with counts above and the texts of `family.key` below."""
    highest = max((count for _, count in bins), default=0)
    step, floor = _WIDTH / max(len(bins), 1), _HEIGHT + _MARGIN
    parts = []
    for index, (key, count) in enumerate(bins):
        height = max(_HEIGHT * count / highest, 2) if count else 0
        top, middle = floor - height, round((index + 0.5) * step)
        label = language(f"{family}.{key}")
        parts += [
            Markup('<rect class="s-accent" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                index * step + 0.1 * step, top, 0.8 * step, height
            ),
            Markup('<text class="value" x="{}" y="{:.1f}">{}</text>').format(middle, top - 6, language.number(count)),
            Markup('<text class="label" x="{}" y="{}">{}</text>').format(middle, floor + 18, label),
        ]
    return Markup(
        '<svg class="columns" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}'
        '<path class="axis" d="M0 {}H{}"/></svg>'
    ).format(_WIDTH, floor + 26, Markup().join(parts), floor + 0.5, _WIDTH)
