"""What stands on pages without being part of the text: running heads, page numbers, notices at the foot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from statistics import median

from indexer.parsing.pdf.glyphs import Page
from indexer.parsing.pdf.lines import Line
from indexer.types import PaperId

_DIGITS = re.compile(r"\d+|\b[ivxl]+\b")
_NUMBER = re.compile(
    r"[-–—\s]*(?:page\s*)?(?:\d{1,4}(?::\d{1,3})?|[ivxlc]{1,6})(?:\s*(?:/|of)\s*\d{1,4})?[-–—\s]*", re.IGNORECASE
)
_NOTICE = re.compile(
    r"\b(?:conference|proceedings|workshop|symposium|journal|preprint|under review|submitted|accepted|to appear|"
    r"copyright|licen[cs]e[ds]?|all rights reserved|isbn|issn|doi:)|©",
    re.IGNORECASE,
)
_STAMP = re.compile(
    r"arXiv:\s?(?P<id>\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?P<version>v\d+)?\s+(?:\[[\w.-]+\]\s+)?\d{1,2}\s\w{3}\s\d{4}",
)
_ENDS = re.compile(r"^\d{1,4}(?=\s)|(?<=\s)\d{1,4}$")
_BARE = re.compile(r"\d{1,4}")
_EDGE = 4  # lines from the top and the bottom that may be heads and feet


def stamp(page: Page) -> PaperId | None:
    """The paper that arXiv's stamp in the margin of a first page names."""
    turned = " ".join(page.text[run.start : run.end] for run in page.runs if run.turned)
    match = _STAMP.search(turned) or _STAMP.search(" ".join(page.text.split()))
    return PaperId(match["id"], match["version"]) if match else None


def without_furniture(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The lines of each page without heads, feet, page numbers and stamps; none of one that the next one repeats."""
    pages = _last_steps(pages)
    edges = [[(line, outermost, _keys(line)) for line, outermost in _edges(lines)] for lines in pages]
    seen = Counter(key for page in edges for key in {key for _, _, keys in page for key in keys})
    ahead = Counter(n for page in edges for n in {n for line, outermost, _ in page if outermost for n in _ahead(line)})
    bare = [{int(line.text) - line.page for line, outermost, _ in page if outermost and _BARE.fullmatch(line.text)}
            for page in edges]  # fmt: skip
    alone = Counter(n for page in bare for n in page)
    few = 2 if len(pages) < 8 else 3

    def numbered(line: Line, on_page: set[int], size: float) -> bool:
        """Whether a line no larger than the text holds the page's number as on other pages, among words or alone."""
        return line.size < 1.06 * size and any(
            ahead[n] > few or (len(line.cells) > 1 and n not in on_page and ahead[n] + alone[n] > few)
            for n in _ahead(line)
        )

    out: list[list[Line]] = []
    for lines, page, on_page in zip(pages, edges, bare, strict=True):
        size = median([line.size for line in lines]) if lines else 0.0
        gone = {
            id(line)
            for line, outermost, keys in page
            if any(seen[key] >= few for key in keys)
            or (outermost and (_NUMBER.fullmatch(line.text) or numbered(line, on_page, size)))
            or _STAMP.search(line.text)
        }
        kept = [line for line in lines if id(line) not in gone]
        foot = _notice(kept)
        out.append([line for line in kept if line is not foot])
    return out


def _last_steps(pages: Sequence[Sequence[Line]]) -> list[Sequence[Line]]:
    """Pages without the lines of those that the next one holds and adds to: slides are shown step by step."""
    return [[] if _repeats(after, lines) else lines for lines, after in zip_longest(pages, pages[1:], fillvalue=())]


def _repeats(after: Sequence[Line], lines: Sequence[Line]) -> bool:
    if not 0 < len(lines) <= len(after) or not any(line.text == lines[0].text for line in after):
        return False
    drawn = {(line.text, round(line.x0), round(line.base)) for line in after}
    return all((line.text, round(line.x0), round(line.base)) in drawn for line in lines)


def _ahead(line: Line) -> list[int]:
    """By how much the numbers at the ends of a short line are ahead of the number of the page: heads of chapters."""
    if len(line.text) > 100:
        return []
    return [int(number) - line.page for number in _ENDS.findall(line.text)]


def _edges(lines: Sequence[Line]) -> list[tuple[Line, bool]]:
    """The lines near the top and the bottom of a page, and whether each is the first or last one there."""
    if not lines:
        return []
    down = sorted(lines, key=lambda line: -line.base)
    top, bottom = down[0].base, down[-1].base
    near = {id(line): line for line in (*down[:_EDGE], *down[-_EDGE:])}
    return [(line, line.base > top - line.size or line.base < bottom + line.size) for line in near.values()]


def _keys(line: Line) -> list[tuple[str, int]]:
    """What a line has in common with its like on other pages: its words and, give or take, its height."""
    text = _DIGITS.sub("#", " ".join(line.text.split()).lower())
    row = round(line.base / 6)
    return [(text, row - 1), (text, row), (text, row + 1)] if len(text) > 3 else []


def _notice(lines: Sequence[Line]) -> Line | None:
    """The notice of a conference or a journal at the very foot of a page, where it is one line apart from the rest."""
    if len(lines) < 8:
        return None
    last, above = sorted(lines, key=lambda line: line.base)[:2]
    apart = above.base - last.base > 1.3 * last.size
    return last if apart and last.words <= 20 and _NOTICE.search(last.text) else None
