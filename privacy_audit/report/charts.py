"""Charts as inline SVG, made of rectangles that the style sheet colours by class.

Widths are percentages, so a chart fits any column without a script, and patterns do not stretch. Every chart is hidden
from screen readers, because the same numbers stand in a table beside it. No style attributes: the content security
policy of the page refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from privacy_audit.report.disclosure import Figure
from privacy_audit.report.language import Language
from privacy_audit.report.summary import MapCell

THICKNESS = 12  # pixels
_WIDTH, _HEIGHT, _MARGIN = 400, 120, 22  # of a column chart, in pixels of its own
MAP_LEVELS = ("range", "1", "2", "3", "4", "5")
"""Digits of the count in a field of the map, 5 for all from there; `range` where it is not published exactly."""
_VISIBLE = 0.6  # percent: what is not zero must be seen


def bar(value: float | Figure, total: float | Figure, series: str = "accent") -> Markup:
    """A bar of `value` out of `total`, on a track. A range is drawn up to its upper end, hollow."""
    end = longest([value])
    return stack([(series if _exact(value) else "range", end)], total if _exact(total) else 0)


def stack(segments: Iterable[tuple[str, float | Figure]], total: float | Figure, thickness: int = THICKNESS) -> Markup:
    """Segments (series, value) one after the other, on a track of length `total`; a range is left out."""
    parts = [Markup('<rect class="track" width="100%" height="{}" rx="2"/>').format(thickness)]
    start, whole = 0.0, longest([total])
    for series, segment in segments:
        value = longest([segment]) if _exact(segment) else 0
        if value <= 0 or whole <= 0 or not _exact(total):
            continue
        width = min(max(100 * value / whole, _VISIBLE), 100 - start)
        parts.append(
            Markup('<rect class="s-{}" x="{:.2f}%" width="{:.2f}%" height="{}"/>').format(
                series, start, max(width, 0), thickness
            )
        )
        start += width
    return Markup('<svg class="bar" width="100%" height="{}" aria-hidden="true" focusable="false">{}</svg>').format(
        thickness, Markup().join(parts)
    )


def columns(bins: Sequence[tuple[str, int | Figure]], language: Language, family: str) -> Markup:
    """Upright columns, one per bin (key, count), with counts above and the texts of `family.key` below."""
    highest = longest(count for _, count in bins)
    step, floor = _WIDTH / max(len(bins), 1), _HEIGHT + _MARGIN
    parts = []
    for index, (key, count) in enumerate(bins):
        end = longest([count])
        height = max(_HEIGHT * end / highest, 2) if end else 0
        top, middle = floor - height, round((index + 0.5) * step)
        label = language(f"{family}.{key}")
        parts += [
            Markup('<rect class="s-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                "accent" if _exact(count) else "range", index * step + 0.1 * step, top, 0.8 * step, height
            ),
            Markup('<text class="value" x="{}" y="{:.1f}">{}</text>').format(middle, top - 6, _short(count, language)),
            Markup('<text class="label" x="{}" y="{}">{}</text>').format(middle, floor + 18, label),
        ]
    return Markup(
        '<svg class="columns" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}'
        '<path class="axis" d="M0 {}H{}"/></svg>'
    ).format(_WIDTH, floor + 26, Markup().join(parts), floor + 0.5, _WIDTH)


def world(cells: Iterable[MapCell]) -> Markup:
    """Fields of ten degrees on an empty grid (plate carrée), shaded by the power of ten of their count.

    No coastline and no tile: nothing is loaded, and where a border runs is nobody's claim. North is up, and the
    Greenwich meridian and the equator are drawn stronger.
    """
    lines = [f"M{x} 0V180" for x in range(0, 361, 30)] + [f"M0 {y}H360" for y in range(0, 181, 30)]
    parts = [Markup('<path class="grid" d="{}"/>').format("".join(lines))]
    for cell in cells:
        if cell.latitude is None or cell.longitude is None:
            continue
        count: Any = cell.samples
        exact = count.exact if isinstance(count, Figure) else count
        level = "range" if exact is None else str(min(len(str(exact)), 5))
        parts.append(
            Markup('<rect class="m-{}" x="{}" y="{}" width="10" height="10"/>').format(
                level, cell.longitude + 180, 80 - cell.latitude
            )
        )
    parts.append(Markup('<path class="axis" d="M180 0V180M0 90H360"/>'))
    return Markup('<svg class="world" viewBox="0 0 360 180" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup().join(parts)
    )


def longest(values: Iterable[float | Figure]) -> float:
    """The greatest end of some values, for the length of an axis; a figure without an end has none."""
    return max((value.high or 0 if isinstance(value, Figure) else value for value in values), default=0)


def _exact(value: float | Figure) -> bool:
    return not isinstance(value, Figure) or value.exact is not None


def _short(count: int | Figure, language: Language) -> str:
    """What fits above a column: a figure without an end is a question mark, and the table says why."""
    return "?" if isinstance(count, Figure) and count.high is None else language.number(count)
