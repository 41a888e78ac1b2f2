"""Line charts as SVG inside of a page: in its ink, on its ground, by day and by night, on paper too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

Series = tuple[str, Sequence[tuple[float, float]]]  # a name and points

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 280, 48, 12, 12, 42
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2")  # told apart without colour too
STYLE = """
.chart { max-width: 29rem; width: 100%; height: auto; display: block; font: 11px system-ui, sans-serif; }
.chart text { fill: currentColor; } .chart .axis { stroke: currentColor; opacity: .25; }
.chart .line { fill: none; stroke-width: 1.8; }
.chart .even { stroke: currentColor; opacity: .5; stroke-dasharray: 3 3; }
.c0 { stroke: #2f6db5; } .c1 { stroke: #d1495b; } .c2 { stroke: #2a8f4f; }
.c3 { stroke: #b08900; } .c4 { stroke: #1c96b0; } .c5 { stroke: #9a4fb0; } .chart circle { fill: none; }
@media (prefers-color-scheme: dark) { .c0 { stroke: #7ab0ee; } .c1 { stroke: #f2808e; } .c2 { stroke: #6fd392; }
.c3 { stroke: #e3c155; } .c4 { stroke: #6bd3ea; } .c5 { stroke: #d39be6; } }
"""


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    diagonal: bool = False,
) -> str:
    """Lines through points.

    Args:
        title: what is read to those who do not see it.
        series: the lines, six at most.
        x_label: what the horizontal axis is.
        y_label: what the vertical one is.
        x_range: its ends; None for those of the points.
        y_range: its ends, likewise.
        diagonal: whether a line goes from the lower left corner to the upper right.
    """
    points = [point for _, own in series for point in own]
    if not points:
        return ""
    left, right = x_range or _ends([x for x, _ in points])
    low, high = y_range or _ends([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)
        return LEFT + across, HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg class="chart" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {HEIGHT}">']
    whole = x_range is None and all(float(x).is_integer() for x, _ in points)
    for tick in _ticks(left, right, least=1 if whole else 0):
        x, bottom = place(tick, low)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="middle">{tick:g}</text>')
    for tick in _ticks(low, high):
        _, y = place(left, tick)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    if diagonal:
        (x1, y1), (x2, y2) = place(left, low), place(right, high)
        parts.append(f'<line class="even" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    for number, (name, own) in enumerate(series):
        parts += _line(number, [place(x, y) for x, y in own], name)
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return "".join(parts) + "</svg>" + _legend(series)


def _line(number: int, places: Sequence[tuple[float, float]], name: str) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = f'stroke-dasharray="{DASHES[number % len(DASHES)]}"'
    yield f'<polyline class="line c{number % 6}" {dash} points="{path}"><title>{escape(name)}</title></polyline>'
    if len(places) <= 30:
        yield from (f'<circle class="c{number % 6}" cx="{x:.1f}" cy="{y:.1f}" r="2.2"/>' for x, y in places)


def _legend(series: Sequence[Series]) -> str:
    keys = "".join(
        f'<span class="key"><svg width="26" height="8" aria-hidden="true"><line class="line c{number % 6}" '
        f'stroke-dasharray="{DASHES[number % len(DASHES)]}" stroke-width="2" x2="26" y1="4" y2="4"/></svg> '
        f"{escape(name)}</span>"
        for number, (name, _) in enumerate(series)
    )
    return f'<p class="legend">{keys}</p>'


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest with a little room; never the same."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, least: float = 0) -> list[float]:
    """About five round numbers between two, so far apart at least; there is no half of an epoch."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step = max(least, step * next(factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) <= 6))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]
