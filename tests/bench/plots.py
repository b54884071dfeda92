"""Figures as SVG: no ground of their own and colours of middle lightness, so that they read in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

INK = "#767676"
COLOURS = ("#2f81d7", "#b8741a", "#3f9142", "#9a63c9", "#c2556b")
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"

WIDTH, NAMES, VALUES = 640, 150, 50
BAR, GAP, GROUP = 14, 4, 34
SIDE, EDGE = 300, 46


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars with their values beside them, in groups with a name each; values are between 0 and 1.

    A bar has the colour of its name; where there are more names than colours, the first is set off from the others.
    """
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    few = len(names) <= len(COLOURS)
    room = WIDTH - NAMES - VALUES
    marks: list[str] = []
    y = GROUP
    for group, values in groups.items():
        marks.append(_text(0, y, group, weight="600"))
        y += 8
        for name, value in values.items():
            colour = COLOURS[names.index(name)] if few else COLOURS[name != names[0]]
            middle = y + BAR / 2 + 4
            marks += [
                _text(NAMES - 8, middle, name, anchor="end"),
                f'<rect x="{NAMES}" y="{y}" width="{room * value:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
                _text(NAMES + room * value + 6, middle, f"{value:.3f}"),
            ]
            y += BAR + GAP
        y += GROUP - GAP
    return _svg(WIDTH, y - GROUP + 16, title, marks)


def reliability(title: str, curves: Mapping[str, Sequence[tuple[float, float, int]]]) -> str:
    """Confidence against truth, a point for each bin (confidence, share that is true, questions).

    The more of the questions of its curve a bin holds, the larger it is.

    A point on the diagonal is as sure as it should be; below it too sure.
    """
    marks = [
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{INK}" stroke-opacity="0.5"/>',
        f'<line x1="{EDGE}" y1="{EDGE + SIDE}" x2="{EDGE + SIDE}" y2="{EDGE}" stroke="{INK}" stroke-dasharray="4 4"/>',
        _text(EDGE + SIDE / 2, EDGE + SIDE + 38, "confidence", anchor="middle"),
        _text(0, EDGE - 14, "answerable"),
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        marks += [
            _text(EDGE + SIDE * tick, EDGE + SIDE + 18, f"{tick:g}", anchor="middle"),
            _text(EDGE - 8, EDGE + SIDE * (1 - tick) + 4, f"{tick:g}", anchor="end"),
        ]
    for n, (name, points) in enumerate(curves.items()):
        colour = COLOURS[n % len(COLOURS)]
        most = max((count for *_, count in points), default=1)
        places = [(EDGE + SIDE * sure, EDGE + SIDE * (1 - true), count) for sure, true, count in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        marks += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + 6 * (count / most) ** 0.5:.1f}" fill="{colour}"/>'
            for x, y, count in places
        ]
        y = EDGE + 8 + 24 * n
        marks += [
            f'<circle cx="{EDGE + SIDE + 28}" cy="{y}" r="5" fill="{colour}"/>',
            _text(EDGE + SIDE + 40, y + 4, name),
        ]
    return _svg(WIDTH, EDGE + SIDE + 48, title, marks)


def growth(title: str, unit: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Values by size, both on logarithmic scales, a curve a name; `unit` is what the size counts."""
    points = [point for curve in curves.values() for point in curve]
    lines = [
        [math.floor(math.log10(min(axis))), math.ceil(math.log10(max(axis)))] for axis in zip(*points, strict=True)
    ]
    (left, right), (low, high) = lines
    across, up = SIDE / max(right - left, 1), SIDE / max(high - low, 1)

    def place(x: float, y: float) -> tuple[float, float]:
        return EDGE + across * (math.log10(x) - left), EDGE + SIDE - up * (math.log10(y) - low)

    marks = [_text(EDGE + SIDE / 2, EDGE + SIDE + 38, unit, anchor="middle")]
    for power in range(left, right + 1):
        x, _ = place(10**power, 1)
        marks += [
            _line(x, EDGE, x, EDGE + SIDE),
            _text(x, EDGE + SIDE + 18, f"{10**power:,}", anchor="middle"),
        ]
    for power in range(low, high + 1):
        _, y = place(10**left, 10.0**power)
        marks += [
            _line(EDGE, y, EDGE + SIDE, y),
            _text(EDGE - 8, y + 4, f"{10.0**power:g}", anchor="end"),
        ]
    for n, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[n % len(COLOURS)]
        places = [place(*point) for point in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = EDGE + 8 + 24 * n
        marks += [
            f'<circle cx="{EDGE + SIDE + 28}" cy="{y}" r="5" fill="{colour}"/>',
            _text(EDGE + SIDE + 40, y + 4, name),
        ]
    return _svg(WIDTH, EDGE + SIDE + 48, title, marks)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{INK}" stroke-opacity="0.3"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def _svg(width: float, height: float, title: str, marks: Iterable[str]) -> str:
    size = f'viewBox="0 0 {width} {height:.0f}" width="{width}"'
    type_ = f'font-family="{escape(FONT)}" font-size="12" fill="{INK}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {type_}>'
    return "\n".join([head, f"<title>{escape(title)}</title>", *marks, "</svg>\n"])
