"""What one rendering of a note knows: what lies around the note, what is asked for, and what was made so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeAlias

from markdown_it.token import Token

from indexer.types import Lines

Resolve: TypeAlias = Callable[[str], str | None]
"""The name or the relative path of a note → the address of its page, or None when the library has none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that lies beside a note: its address, and its size in pixels where that is known."""

    address: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Another document that a note shows inside itself: a note with its lines, or a PDF, which has none."""

    id: int
    title: str
    address: str
    links: Links
    lines: Sequence[str] = ()


def _nowhere(_target: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Links:
    """Where the links of a note lead: to the pages of others, to pictures, to documents that it shows inside itself."""

    page: Resolve = _nowhere
    picture: Callable[[str], Picture | None] = _nowhere
    embed: Callable[[str], Shown | None] = _nowhere


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a note: how deep it is (from 1), its words, and the id by which the page links to it."""

    depth: int
    text: str
    anchor: str


@dataclass(slots=True)
class Budget:
    """What one page may still spend on what takes time: documents shown inside others, characters of coloured code."""

    embeds: int = 40
    coloured: int = 100_000


@dataclass(frozen=True, slots=True)
class View:
    """One rendering: the mark of its own attributes, the reader's request, and what it holds back from the sanitiser.

    `inside` are the numbers of the documents that the text is shown in, the page's own first, its own last. `anchors`
    and `lines` are the headings and lines that have an id so far. `render` makes HTML of a part of another note, which
    has a view of its own.
    """

    mark: str
    links: Links
    cited: Sequence[Lines] = ()
    title: str = ""
    inside: tuple[int, ...] = ()
    budget: Budget = field(default_factory=Budget)
    kept: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    lines: set[int] = field(default_factory=set)
    render: Callable[[Sequence[str], View, Lines], str | None] = lambda *_: None

    @property
    def embedded(self) -> bool:
        """Whether the text is shown inside another document: then it has no ids, which are the page's own."""
        return len(self.inside) > 1

    def tag(self, name: str, **attributes: str) -> str:
        """Write an opening tag whose attributes survive the sanitiser; `_` stands for `-` in their names."""
        written = (
            f' {key.rstrip("_").replace("_", "-")}="{self.mark}{escape(value)}"'
            for key, value in attributes.items()
            if value and not (self.embedded and key == "id")
        )
        return f"<{name}{''.join(written)}>"

    def own(self, token: Token, **attributes: str) -> None:
        """Give a token attributes that survive the sanitiser."""
        for key, value in attributes.items():
            if value and not (self.embedded and key == "id"):
                token.attrSet(key.rstrip("_"), self.mark + value)

    def keep(self, html: str) -> str:
        """Hold back HTML that is safe until the sanitiser is through; what stands in its place meanwhile."""
        self.kept.append(html)
        return f"{self.mark}{len(self.kept) - 1};"

    def claim(self, line: int) -> str:
        """Name the anchor of a line, once: an id must not occur twice."""
        name = "" if line in self.lines else f"L{line}"
        self.lines.add(line)
        return name

    def cites(self, first: int, last: int) -> bool:
        """Whether a place that is cited overlaps these lines."""
        return any(first <= end and last >= start for start, end in self.cited)


def raw(content: str) -> Token:
    """Make a token that is written as it is."""
    return Token("html_inline", "", 0, content=content)
