"""What stands on a page beside its text: captions, tables, footnotes, and what is drawn inside figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from indexer.parsing.pdf.columns import Stack
from indexer.parsing.pdf.glyphs import Page, Rectangle
from indexer.parsing.pdf.lines import Line

CAPTION = re.compile(
    r"(?P<kind>(?:Supplementary |Extended Data |Appendix )?"
    r"(?:Fig(?:ure|\.)?|FIG(?:URE|\.)?|Tab(?:le|\.)|TABLE|Algorithm|Listing|Scheme|Chart|Plate|Box|Exhibit))"
    r"\s*(?P<number>[A-Z]?\.?\d+(?:[.-]\d+)*[a-z]?|[IVXL]+)\s*(?P<stop>[:.|—–]|(?=\s[A-Z(])|$)"
)
_CAPITALS = frozenset("FTASLCPBE")  # what captions begin with
_ROWS = frozenset(("tab", "alg", "lis"))
_HEADING = re.compile(r"(?:\d+|[A-Z]|[IVX]+)(?:\.\d+)*\.?\s+(?=[^\W\d_]{3})|(?=Abstract|References|Acknowledg)")
_NUMBERED = re.compile(r"\(\s*[A-Z]?\.?\d+(?:\.\d+)*[a-z]?\s*\)$")


def divide(stacks: Sequence[Stack]) -> list[Stack]:
    """Cut stacks where a caption begins inside them."""
    out: list[Stack] = []
    for stack in stacks:
        begun = 0
        of = caption_of(stack.lines[0])
        for k in range(1, len(stack.lines)):
            above, line = stack.lines[k - 1], stack.lines[k]
            apart = above.base - line.base > 1.35 * line.size or len(above.cells) > 1 or not above.wordy
            caption = caption_of(line) if line.text[:1] in _CAPITALS else None
            head = len(line.cells) > 1 or (
                not line.wordy and k + 1 < len(stack.lines) and len(stack.lines[k + 1].cells) > 1
            )
            rows = of is not None and of[:3].lower() in _ROWS and head
            over = of is not None and _outdented(stack.lines[begun], above, line)
            if rows or over or (caption and (apart or of)):
                out.append(Stack(stack.lines[begun:k]))
                begun, of = k, caption
        out.append(Stack(stack.lines[begun:]) if begun else stack)
    return out


def _outdented(caption: Line, above: Line, line: Line) -> bool:
    """Whether a line begins left of a caption though its first word had room on the line above: the text goes on."""
    word = line.text.partition(" ")[0]
    return line.x0 < caption.x0 - 0.7 * line.size and line.width - above.width > (0.6 * len(word) + 0.5) * line.size


def caption_of(line: Line) -> str | None:
    """What a line is the caption of ("Figure", "Table"), when it begins one."""
    match = CAPTION.match(line.text)
    return match["kind"] if match else None


def name_captions(pages: Sequence[Sequence[Stack]]) -> None:
    """Set the kind of captions: stacks that begin as the captions of the document do.

    A sentence may begin a column with "Table 1. The", too. So where "Table 1:" is how most captions of tables begin,
    it is no caption; and of two that claim the same number, the shorter is the one.
    """
    found = [
        (stack, match)
        for stacks in pages
        for stack in stacks
        if (match := CAPTION.match(stack.lines[0].text)) is not None
    ]
    stops: dict[str, Counter[str]] = {}
    for _, match in found:
        stops.setdefault(match["kind"][:3].lower(), Counter())[match["stop"]] += 1
    claims: dict[tuple[str, str], Stack] = {}
    for stack, match in found:
        kind = match["kind"][:3].lower()
        usual, count = stops[kind].most_common(1)[0]
        if match["stop"] != usual and count > 1:
            continue
        rival = claims.get((kind, match["number"]))
        if rival is None or len(stack.lines) < len(rival.lines):
            claims[kind, match["number"]] = stack
    for stack in claims.values():
        stack.kind = "caption"


def is_prose(stack: Stack, body: float) -> bool:
    """Whether a stack holds sentences in the size of the text, and not labels, numbers or formulas."""
    prosy = sum(_prosy(line, body) for line in stack.lines)
    return prosy * 2 >= len(stack.lines) or prosy >= 4


def _prosy(line: Line, body: float) -> bool:
    return line.wordy and len(line.cells) == 1 and abs(line.size - body) < 0.17 * body and line.width > 12 * body


def sort_out(page: Page, stacks: Sequence[Stack], body: float) -> tuple[list[Stack], list[Stack]]:
    """Set the kind of tables; give what is text, and what is only drawn in figures."""
    solid = [stack for stack in stacks if stack.kind == "caption" or is_prose(stack, body) or _heads(stack, body)]
    texts = set(map(id, solid))
    loose = [stack for stack in stacks if id(stack) not in texts]
    gone: set[int] = set()
    for caption in solid if loose else ():
        if caption.kind != "caption":
            continue
        above, below = _beside(caption, solid, loose, page.frame)
        if caption.lines[0].text[:3].lower() in _ROWS:
            sides = [side for side in (above, below) if side]
            for stack in min(sides, key=lambda side: min(_apart(one.box, caption.box) for one in side), default=[]):
                stack.kind = "table"
        else:
            gone.update(map(id, _labels(above) or _labels(below)))
        loose = [stack for stack in loose if id(stack) not in gone and stack.kind != "table"]
    for stack in loose:
        if any(_inside(stack.box, drawing, page.frame) for drawing in page.drawings):
            gone.add(id(stack))
        elif _tabular(stack):
            stack.kind = "table"
    return [stack for stack in stacks if id(stack) not in gone], [stack for stack in stacks if id(stack) in gone]


def _beside(
    caption: Stack, solid: Sequence[Stack], loose: Sequence[Stack], frame: Rectangle
) -> tuple[list[Stack], list[Stack]]:
    """What stands between a caption and the text above it, and between it and the text below it."""
    low, high = caption.box[1] + 4, caption.box[3] - 4
    others = [stack.box for stack in solid if stack is not caption]
    reach = _reach(caption.box, others, frame)
    stops = [box for box in others if _shared(box, reach) > 0.2]
    ceiling = min((box[1] for box in stops if box[1] >= high), default=float("inf")) + 4
    floor = max((box[3] for box in stops if box[3] <= low), default=float("-inf")) - 4
    near = [stack for stack in loose if _shared(stack.box, reach) > 0.5]
    above = [stack for stack in near if stack.box[1] >= high and stack.box[3] <= ceiling]
    below = [stack for stack in near if stack.box[3] <= low and stack.box[1] >= floor]
    if above and not any(box[1] < caption.box[3] and caption.box[1] < box[3] for box in others):
        bottom, top = min(one.box[1] for one in above) - 4, max(one.box[3] for one in above) + 4
        if not any(box[1] < top and bottom < box[3] for box in others):  # no text beside it: it may be a wide figure
            above = [stack for stack in loose if bottom <= stack.box[1] and stack.box[3] <= top]
    return above, below


def _labels(stacks: Sequence[Stack]) -> list[Stack]:
    """Stacks without those that end in the number of a formula."""
    return [stack for stack in stacks if not any(_NUMBERED.search(line.text) for line in stack.lines)]


def footnotes(stacks: Sequence[Stack], body: float) -> None:
    """Set the kind of footnotes: smaller than the text, with nothing but footnotes below them in their column."""
    above: list[Rectangle] = []
    for stack in sorted(stacks, key=lambda stack: stack.box[1]):
        box = stack.box
        if (
            stack.kind == "prose"
            and len(stack.lines) <= 25
            and sum([line.size < 0.95 * body for line in stack.lines]) > 0.7 * len(stack.lines)
            and (stack.lines[0].page == 1 or any(line.marked for line in stack.lines))
            and not any(_shared(box, (other[0], other[2])) > 0.1 for other in above)
        ):
            stack.kind = "footnote"
        else:
            above.append(box)


def _heads(stack: Stack, body: float) -> bool:
    """Whether a stack looks like a heading: short, and bold or large."""
    line = stack.lines[0]
    if len(stack.lines) > 2 or line.size < 0.95 * body or not line.words:
        return False
    match = _HEADING.match(line.text)
    return match is not None and (
        max(line.bold, line.styled) > 0.8 or line.size > 1.12 * body or line.text[match.end() :].isupper()
    )


def _tabular(stack: Stack) -> bool:
    return len(stack.lines) >= 3 and sum(len(line.cells) >= 3 for line in stack.lines) * 2 > len(stack.lines)


def _reach(caption: Rectangle, prose: Sequence[Rectangle], frame: Rectangle) -> tuple[float, float]:
    """From where to where the figure of a caption may go: over its column, or the page."""
    middle = (caption[0] + caption[2]) / 2
    column = [box for box in prose if box[0] <= middle <= box[2]]
    left = min((box[0] for box in column), default=frame[0])
    right = max((box[2] for box in column), default=frame[2])
    return min(left, caption[0]), max(right, caption[2])


def _shared(box: Rectangle, reach: tuple[float, float]) -> float:
    return (min(box[2], reach[1]) - max(box[0], reach[0])) / max(box[2] - box[0], 1.0)


def _apart(one: Rectangle, other: Rectangle) -> float:
    return max(one[1] - other[3], other[1] - one[3])


def _inside(box: Rectangle, drawing: Rectangle, frame: Rectangle) -> bool:
    """Whether a box lies in a drawing that is not the whole page."""
    area = (drawing[2] - drawing[0]) * (drawing[3] - drawing[1])
    page = max((frame[2] - frame[0]) * (frame[3] - frame[1]), 1.0)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return area < 0.7 * page and drawing[0] <= x <= drawing[2] and drawing[1] <= y <= drawing[3]
