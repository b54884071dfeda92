"""The reading order of a page: lines into stacks, stacks into bands and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from indexer.parsing.pdf.glyphs import Rectangle
from indexer.parsing.pdf.lines import Line

Boxes: TypeAlias = Sequence[Rectangle]

_GUTTER = 5.0  # points: columns are at least so far apart
_WHITE = 26.0  # points, more than two lines
_MOST = 12  # columns
_DEEP = 12  # bands within columns within bands …


@dataclass(eq=False)
class Stack:
    """Lines one below the other, drawn one after the other: a paragraph, several, or a part of one.

    `kind` is "caption", "table" or "footnote" for what is known to be one, else "prose".
    """

    lines: list[Line]
    kind: str = "prose"

    @cached_property
    def box(self) -> Rectangle:
        """The box around its lines, once they are all there."""
        return _around([line.box for line in self.lines])


def leading(pages: Sequence[Sequence[Line]]) -> float:
    """How far lines of the text are apart, in sizes of their font."""
    drops = sorted(
        (above.base - below.base) / above.size
        for lines in pages
        for above, below in pairwise(lines)
        if above.wordy and below.wordy and abs(above.size - below.size) < 0.5 and abs(above.x0 - below.x0) < 2
        if 0.8 * above.size < above.base - below.base < 3 * above.size
    )
    return drops[len(drops) // 2] if drops else 1.2


def stacks_of(lines: Sequence[Line], spacing: float) -> list[Stack]:
    """Lines in the order drawn → stacks. `spacing` is the leading of the document."""
    stacks: list[Stack] = []
    for line in lines:
        if stacks and _below(stacks[-1].lines[-1], line, spacing):
            stacks[-1].lines.append(line)
        else:
            stacks.append(Stack([line]))
    return stacks


def _below(above: Line, line: Line, spacing: float) -> bool:
    drop = above.base - line.base
    size = max(above.size, line.size)
    shared = min(above.x1, line.x1) - max(above.x0, line.x0)
    return (
        0.4 * size < drop < 1.45 * spacing * size
        and abs(above.size - line.size) < 0.06 * size
        and shared > 0.5 * min(above.width, line.width)
    )


def in_order(stacks: Sequence[Stack], drawings: Sequence[Rectangle] = ()) -> list[Stack]:
    """Stacks in the order in which they are read: bands from the top, in each the columns from the left.

    `drawings` are where there is something else on the page: white space is only where they are not.
    """
    boxes = [stack.box for stack in stacks]
    return [stacks[k] for k in _order(boxes, list(range(len(stacks))), drawings, 0)]


def _order(boxes: Boxes, items: list[int], drawings: Boxes, depth: int) -> list[int]:
    bands = _bands(boxes, items)
    if len(items) < 2 or depth == _DEEP:
        return [k for band in bands for k in band]
    out: list[int] = []
    for band in _joined(boxes, bands, drawings):
        gutters = _gutters(boxes, band)
        if not gutters and len(bands) == 1:
            return band
        for column in _columns(boxes, band, gutters):
            out += _order(boxes, column, drawings, depth + 1)
    return out


def _bands(boxes: Boxes, items: Sequence[int]) -> list[list[int]]:
    """Parts of the page that a horizontal line can be drawn between, from the top."""
    bands: list[list[int]] = []
    low = float("-inf")
    for k in sorted(items, key=lambda k: -boxes[k][3]):
        slack = min(3.0, 0.3 * (boxes[k][3] - boxes[k][1]))
        if bands and boxes[k][3] - slack > low:
            bands[-1].append(k)
            low = min(low, boxes[k][1])
        else:
            bands.append([k])
            low = boxes[k][1]
    return bands


def _gutters(boxes: Boxes, items: Sequence[int]) -> list[tuple[float, float]]:
    """The gaps between items that run from the top of a band to its bottom, from the left."""
    gutters: list[tuple[float, float]] = []
    right = float("inf")
    for k in sorted(items, key=lambda k: boxes[k][0]):
        if boxes[k][0] - right >= _GUTTER:
            gutters.append((right, boxes[k][0]))
        right = boxes[k][2] if right == float("inf") else max(right, boxes[k][2])
    return sorted(sorted(gutters, key=lambda gutter: gutter[0] - gutter[1])[:_MOST])


def _joined(boxes: Boxes, bands: Sequence[list[int]], drawings: Boxes) -> list[list[int]]:
    """Join bands that the same gutters run through: paragraphs may end side by side within columns."""
    out: list[list[int]] = []
    around = (0.0, 0.0, 0.0, 0.0)
    gutters: list[tuple[float, float]] = []
    for band in bands:
        own, box = _gutters(boxes, band), _around([boxes[k] for k in band])
        parted = not out or _white(around, box, drawings) or bool(gutters and _centred(around, box))
        if not parted and (left := _crossed(boxes, band, gutters)):
            gutters = left
        elif not parted and not gutters and own and len(out[-1]) == 1 and around[2] <= own[0][0]:
            gutters = own  # a heading over the left column, say
        else:
            parted, gutters = True, own
        if parted:
            out.append(list(band))
            around = box
        else:
            out[-1] += band
            around = _around((around, box))
    return out


def _around(boxes: Boxes) -> Rectangle:
    return (
        min([box[0] for box in boxes]), min([box[1] for box in boxes]),
        max([box[2] for box in boxes]), max([box[3] for box in boxes]),
    )  # fmt: skip


def _white(above: Rectangle, below: Rectangle, drawings: Boxes) -> bool:
    """Whether there is so much white between two bands that all columns end there."""
    top, bottom = above[1], below[3]
    return top - bottom > _WHITE and not any(box[1] < top and box[3] > bottom for box in drawings)


def _centred(above: Rectangle, band: Rectangle) -> bool:
    """Whether a band is a short line in the middle, below columns: what follows the names of authors."""
    width = above[2] - above[0]
    return band[2] - band[0] < 0.25 * width and abs(band[0] + band[2] - above[0] - above[2]) < 0.04 * width


def _crossed(boxes: Boxes, band: Sequence[int], gutters: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What of gutters is left when a band goes through them."""
    left: list[tuple[float, float]] = []
    for start, end in gutters:
        middle = (start + end) / 2
        low = max((boxes[k][2] for k in band if boxes[k][0] < middle), default=start)
        high = min((boxes[k][0] for k in band if boxes[k][0] >= middle), default=end)
        low, high = max(low, start), min(high, end)
        if high - low >= _GUTTER:
            left.append((low, high))
    return left


def _columns(boxes: Boxes, items: Sequence[int], gutters: Sequence[tuple[float, float]]) -> list[list[int]]:
    columns: list[list[int]] = [[] for _ in range(len(gutters) + 1)]
    for k in items:
        columns[sum(boxes[k][0] >= end for _, end in gutters)].append(k)
    return columns
