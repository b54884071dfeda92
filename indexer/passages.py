"""Document → passages: the smallest pieces that stand on their own, each with what is needed to understand it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sentencex

from indexer.plain import plain
from indexer.questions import asks, numbered_items
from indexer.types import Block, Document, Lines, Passage, PassageKind, Span, TokenCounter

MAX_LINES = 12
"""No passage is longer, in lines of its file: a citation has to be a place, not a page."""

TINY_WORDS = 40
"""A paragraph or an item of fewer words is joined with its neighbours under the same heading."""

JOINED_WORDS = 80
"""Joining stops before a passage has more words."""

LEAD_WORDS = 24
"""A paragraph of at most so many words that ends in a colon leads into the list below it."""

CONTEXT_CHARS = 240
"""Titles and heading paths are cut to this length, the nearest headings kept."""

_MARKER = re.compile(r"^(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|$))*(?:\[.\](?:[ \t]+|$))?")
_CONTENTS = re.compile(r"(?:table of )?contents|toc|inhalt(?:sverzeichnis)?", re.IGNORECASE)
_KINDS: dict[str, PassageKind] = {"table": "table", "code": "code", "item": "list"}
_PROSE = frozenset({"paragraph", "item", "footnote"})


@dataclass(frozen=True, slots=True)
class _Atom:
    """A piece that is cut only when it is too long by itself: the text of one block."""

    text: str
    spans: tuple[Span, ...]
    indent: int = 0

    @property
    def lines(self) -> Lines:
        return self.spans[0].lines[0], self.spans[-1].lines[1]


@dataclass(frozen=True, slots=True)
class _Group:
    """What belongs together: an item with its children, a question with its answer, a paragraph, a table.

    `under` is the line that leads into it (`There are three kinds:`). One that is `apart` is never joined.
    """

    kind: PassageKind
    headings: tuple[str, ...]
    atoms: tuple[_Atom, ...]
    under: str = ""
    apart: bool = False

    @property
    def words(self) -> int:
        return sum(len(atom.text.split()) for atom in self.atoms)

    @property
    def lines(self) -> Lines:
        return self.atoms[0].lines[0], max(atom.lines[1] for atom in self.atoms)


def split(document: Document, *, max_tokens: int, count_tokens: TokenCounter) -> list[Passage]:
    """Cut a document into passages of at most `max_tokens` tokens, context included, and MAX_LINES lines.

    Every block with text is in at least one passage. What is too long is cut at its parts (children of an
    item, rows, lines), these at sentences, and these at words.
    """

    def fits(text: str) -> bool:  # a token has at least one character, so most texts need no counting
        return len(text) + 2 <= max_tokens or count_tokens([text])[0] <= max_tokens

    passages: list[Passage] = []
    for group in _joined(_groups(document)):
        context = _context(document, group)
        for atoms in _packed(group, context, fits):
            if atoms[0].spans[0] is not group.atoms[0].spans[0]:  # a later part: say what it is a part of
                lead = _clipped(group.atoms[0].text, CONTEXT_CHARS // 2)
                context = " › ".join(filter(None, (_context(document, group), lead)))
            passages.append(
                Passage(
                    ordinal=len(passages),
                    kind=group.kind,
                    text="\n".join("  " * atom.indent + atom.text for atom in atoms),
                    context=context if fits(context) else "",
                    headings=group.headings,
                    lines=(atoms[0].lines[0], max(atom.lines[1] for atom in atoms)),
                    spans=tuple(span for atom in atoms for span in atom.spans),
                )
            )
    return passages


# ------------------------------------------------------------------------------------------ blocks → groups


def _groups(document: Document) -> Iterator[_Group]:
    blocks, numbered = document.blocks, set(numbered_items(document))
    lead, k = "", 0
    while k < len(blocks):
        block = blocks[k]
        end = k + 1
        while end < len(blocks) and blocks[end].kind != "heading" and blocks[end].parent is not None:
            end += 1  # what stands under an item follows it
        atoms = tuple(atom for b in blocks[k:end] if b.kind != "heading" and (atom := _atom(document, b)))
        if block.kind == "heading":
            lead = ""
            nested = end < len(blocks) and (blocks[end].kind != "heading" or blocks[end].depth > block.depth)
            if not nested and not _CONTENTS.fullmatch(block.text.strip(" :")):
                atom = _Atom(block.text, _line_spans(document, block.lines, _MARKER))
                yield _Group("heading", block.headings[:-1], (atom,), apart=True)
        elif atoms:
            kind = _kind(block, atoms, numbered=k in numbered)
            if block.kind != "item":
                lead = block.text if block.text.endswith(":") and len(block.text.split()) <= LEAD_WORDS else ""
            apart = kind in ("question", "heading") or any(
                b.state != "none" or b.text.endswith("?") for b in blocks[k:end]
            )
            yield _Group(kind, block.headings, atoms, lead if block.kind == "item" else "", apart)
        k = end


def _kind(block: Block, atoms: Sequence[_Atom], *, numbered: bool) -> PassageKind:
    if numbered:
        bare = len(atoms) == 1 and bool(block.text) and (asks(block.text) or len(block.text.split()) < 4)
        return "heading" if bare else "question"
    return _KINDS.get(block.kind, "text")


def _atom(document: Document, block: Block) -> _Atom | None:
    """A block as one atom, with its quotable spans; None when it says nothing."""
    if not block.text:
        return None
    spans = _sentences(document, block) if block.kind in _PROSE else _line_spans(document, block.lines, _MARKER)
    text = f"- {block.text}" if block.kind == "item" and block.parent is not None else block.text
    return _Atom(text, spans, max(block.depth - 1, 0)) if spans else None


def _line_spans(document: Document, lines: Lines, marker: re.Pattern[str]) -> tuple[Span, ...]:
    """Each line that says something as a span of its own: for rows, code, quotes."""
    return tuple(
        Span(text, (n, n))
        for n in range(lines[0], lines[1] + 1)
        if (text := marker.sub("", document.source_lines[n - 1]).strip())
    )


def _sentences(document: Document, block: Block) -> tuple[Span, ...]:
    """The sentences of a block, verbatim; one may run over several lines."""
    first, last = block.lines
    rows = list(document.source_lines[first - 1 : last])
    if block.kind == "item":
        rows[0] = _MARKER.sub("", rows[0])
    text = "\n".join(rows)
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    spans = []
    for found in sentencex.get_sentence_boundaries("en", text.replace("\n", " ")):
        piece = text[found["start_index"] : found["end_index"]]
        if not any(char.isalnum() for char in piece):
            continue
        start = found["start_index"] + len(piece) - len(piece.lstrip())
        end = found["end_index"] - (len(piece) - len(piece.rstrip()))
        lines = (first + bisect_right(starts, start) - 1, first + bisect_right(starts, end - 1) - 1)
        spans.append(Span(" ".join(piece.split()), lines))
    return tuple(spans)


def _joined(groups: Iterable[_Group]) -> Iterator[_Group]:
    """Join groups that alone say too little with the next ones under the same heading."""
    held: _Group | None = None
    for group in groups:
        if held is not None and _joins(held, group):
            held = replace(held, atoms=held.atoms + group.atoms, under=held.under)
            continue
        if held is not None:
            yield held
        held = group
    if held is not None:
        yield held


def _joins(held: _Group, group: _Group) -> bool:
    return (
        not (held.apart or group.apart)
        and held.headings == group.headings
        and {held.kind, group.kind} <= {"text", "list"}
        and (held.words < TINY_WORDS or group.words < TINY_WORDS)
        and held.words + group.words <= JOINED_WORDS
        and group.lines[1] - held.lines[0] < MAX_LINES
    )


# --------------------------------------------------------------------------------------- groups → passages


def _context(document: Document, group: _Group) -> str:
    """Title, heading path and the line that leads in: what a reader of the passage has to know."""
    title = document.title if document.title and document.title not in group.headings[:1] else None
    path = [text for text in (title, *group.headings, group.under) if text]
    while len(path) > 1 and len(" › ".join(path)) > CONTEXT_CHARS:
        path.pop(0)
    return _clipped(" › ".join(path), CONTEXT_CHARS)


def _clipped(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[:chars].rsplit(" ", 1)[0]


def _packed(group: _Group, context: str, fits: Callable[[str], bool]) -> Iterator[list[_Atom]]:
    """Fill passages with as many whole atoms as fit, cutting the atoms that do not fit alone."""

    def whole(atoms: Sequence[_Atom]) -> bool:
        lines = max(atom.lines[1] for atom in atoms) - atoms[0].lines[0] + 1
        return lines <= MAX_LINES and fits("\n".join((context, *(atom.text for atom in atoms))))

    packed: list[_Atom] = []
    pending = list(reversed(group.atoms))
    while pending:
        atom = pending.pop()
        if whole([*packed, atom]):
            packed.append(atom)
        elif packed:
            yield packed
            packed = []
            pending.append(atom)
        else:
            parts = _cut(atom)
            if len(parts) == 1:  # one word that no encoder reads whole
                yield parts
            else:
                pending += reversed(parts)
    if packed:
        yield packed


def _cut(atom: _Atom) -> list[_Atom]:
    """Cut an atom into its spans, or a single span into halves at a space."""
    if len(atom.spans) > 1:
        middle = len(atom.spans) // 2
        halves = atom.spans[:middle], atom.spans[middle:]
        return [_Atom(" ".join(plain(span.text) for span in half), half, atom.indent) for half in halves]
    span = atom.spans[0]
    middle = span.text.rfind(" ", 0, len(span.text) // 2 + 1)
    middle = middle if middle > 0 else span.text.find(" ", len(span.text) // 2)
    if middle <= 0:
        return [atom]
    texts = span.text[:middle].strip(), span.text[middle:].strip()
    return [_Atom(plain(text), (Span(text, span.lines),), atom.indent) for text in texts]
