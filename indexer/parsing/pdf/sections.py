"""Headings: which lines are one, at which level, and what their section is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.parsing.pdf.lines import Line

_NUMBER = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,4}|[IVX]{1,5}(?:\.\d{1,2}){1,3}|[A-Z](?:\.\d{1,2}){1,4}|[A-Z]|[IVX]{1,5}|Appendix\s+[A-Z\d]|Chapter\s+\d+|Part\s+[IVX\d]+)"
    r"(?P<stop>[.:]?)\s+(?P<title>\S.*)"
)
_WORD = re.compile(r"[^\W\d_]{3}|^[^\W\d_]{2,}$")
_NAMES = frozenset((
    "abstract", "acknowledgement", "acknowledgements", "acknowledgment", "acknowledgments", "analysis",
    "appendices", "appendix", "approach", "author contributions", "background", "bibliography", "broader impact",
    "code availability", "competing interests", "conclusion", "conclusion and future work", "conclusions",
    "conclusions and future work", "conflict of interest", "contents", "contributions", "data availability",
    "discussion", "ethics statement", "evaluation", "experimental setup", "experiments", "funding", "future work",
    "introduction", "keywords", "limitations", "list of figures", "list of tables", "literature cited",
    "materials and methods", "method", "methodology", "methods", "model", "preliminaries", "references",
    "related work", "related works", "results", "results and discussion", "summary", "supplementary material",
    "supplementary materials", "table of contents", "works cited",
))  # fmt: skip
_ASIDE = re.compile(
    r"(?:references|bibliography|literature(?: cited)?|works cited|literatur(?:verzeichnis)?|acknowledge?ments?|"
    r"author contributions|contributions|contributors|funding(?: .*)?|ethics declarations|credit .*|"
    r"(?:competing|conflicts? of|declaration of) (?:competing )?interests?.*|(?:data|code) availability.*)",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"(?:references|bibliography|literature(?: cited)?|works cited|literatur(?:verzeichnis)?)\b", re.IGNORECASE
)


_CONTENTS = frozenset(("contents", "table of contents", "list of figures", "list of tables"))
_ENTRY = re.compile(r"[\s.…](?:\d{1,4}|[ivxl]{1,6})$")
_KEYWORDS = re.compile(r"(?:(?:additional )?key\s?words|index terms|subject headings)\b.*[:—–-].*\w", re.IGNORECASE)
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV")


def folded(title: str) -> str:
    """A title as it is compared: letters and digits alone."""
    return re.sub(r"[\W_]+", "", title).lower()


def bare(text: str) -> str:
    """A heading without its number."""
    match = _NUMBER.fullmatch(text)
    return match["title"] if match else text


def is_aside(text: str) -> bool:
    """Whether a heading opens what is about the paper and not in it: references, thanks, funding."""
    return bool(_ASIDE.fullmatch(bare(text).strip(" .:")))


def is_known(text: str) -> bool:
    """Whether a heading is numbered, or is one that papers commonly have."""
    return bool(_NUMBER.fullmatch(text)) or text.strip(" .:").lower() in _NAMES


def is_contents(text: str) -> bool:
    """Whether a heading opens a list of what is where in the document."""
    return text.strip(" .:").lower() in _CONTENTS


def is_entry(text: str) -> bool:
    """Whether a text looks like a line of a table of contents: it ends with the number of a page."""
    return bool(_ENTRY.search(text))


def is_references(text: str) -> bool:
    """Whether a heading opens the list of references."""
    return bool(_REFERENCES.match(bare(text)))


class Headings:
    """Tells headings from other short lines, and their levels, by the outline, numbers, names and fonts."""

    def __init__(self, outline: Sequence[tuple[int, str]], body: float) -> None:
        self._outline = {folded(title): level for level, title in outline}
        self._outline |= {folded(bare(title)): level for level, title in outline}
        self._body = body
        self._styles: dict[tuple[int, bool, bool], int] = {}
        self._roman = 0  # how many sections have a Roman number so far

    def stands_out(self, line: Line) -> bool:
        """Whether a line is bold, or larger than the text."""
        return line.bold > 0.75 or line.size > 1.08 * self._body

    def level(self, lines: Sequence[Line], *, alone: bool) -> int | None:
        """The level of a heading (1 to 6), None for lines that are none. `alone`: they stand apart from others."""
        text = " ".join(line.text for line in lines)
        line = lines[0]
        if len(line.cells) == 2 and _NUMBER.match(text):  # the number stands apart
            text = text.replace("\t", " ")
        if (
            len(lines) > 3
            or len(text) > 160
            or not _WORD.search(text)
            or "\t" in text
            or text.endswith("-")
            or ". . ." in text
            or _KEYWORDS.match(text)
        ):
            return None
        bold = min(one.bold for one in lines) > 0.75
        large = line.size > 1.08 * self._body
        plain = text.strip(" .:")
        match = _NUMBER.fullmatch(text)
        named = plain.lower() in _NAMES or (match is not None and match["title"].strip(" .:").lower() in _NAMES)
        known = self._outline.get(folded(text)) if alone or bold or large else None
        styled = min(one.styled for one in lines) > 0.75 and alone and text[-1] not in ".,;:?"
        if styled and match and match["number"].isalpha() and len(match["number"]) == 1 and not self._roman:
            styled = match["number"] == "I"  # others are the initials of authors
        style = (round(2 * line.size), bold, styled)
        if known is not None and (bold or large or named or match):
            return self._kept(style, known)
        strong = bold or large or (plain.isupper() and len(plain) > 3 and alone)
        capitals = match is not None and match["title"].isupper() and len(match["title"]) > 4
        if (
            match
            and _titled(match["title"])
            and (strong or capitals or (alone and named) or (styled and sum(one.words for one in lines) <= 14))
            and line.size > 0.85 * self._body
        ):
            return self._kept(style, self._depth(match["number"]))
        if named and (strong or alone):
            return self._styles.get(style, 1)
        ends = text[-1] in ".,;:?" and not (bold and text[-1] in ".:?")
        if (
            alone
            and (bold or large)
            and not ends
            and _titled(text)
            and sum(one.words for one in lines) <= 14
            and not line.math > 0.5
        ):
            return self._styles.get(style) or (1 if line.size > 1.25 * self._body else 2 if large else 3)
        return None

    def _depth(self, number: str) -> int:
        """How deep a number is: below sections with Roman numbers, a letter is a subsection's."""
        if number in _ROMAN and (number == "I" or len(number) > 1 or _ROMAN.index(number) == self._roman):
            self._roman = _ROMAN.index(number) + 1
            return 1
        if len(number) == 1 and number.isalpha() and self._roman:
            return 2
        return 1 if " " in number else number.count(".") + 1

    def _kept(self, style: tuple[int, bool, bool], level: int) -> int:
        level = max(1, min(level, 6))
        self._styles.setdefault(style, level)
        return level


def _titled(title: str) -> bool:
    first = title.lstrip("\"'“‘([")[:1]
    return first.isupper() or first.isdigit() or bool(first and not first.islower() and first.isalpha())
