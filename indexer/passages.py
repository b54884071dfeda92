"""Document → passages: the smallest pieces that stand on their own, each with what is needed to understand it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, islice, pairwise
from operator import itemgetter

from indexer.plain import plain
from indexer.questions import asks, numbered_items
from indexer.spans import MAX_LINES, halves, note_spans, paper_spans
from indexer.types import Block, Document, Lines, Passage, PassageKind, Span, TokenCounter

JOINED_WORDS = 80
"""A paragraph or an item of less than half as many words is joined with its neighbours, up to so many in all."""

LEAD_WORDS = 24
"""A paragraph of at most so many words that ends in a colon leads into the list below it."""

MANY_SPANS = 16
"""A block of more than twice as many sentences is cut into pieces of so many before it is cut into halves."""

FEW_WORDS = 9
"""An item of fewer words over entries of a checklist only names their topic."""

PAPER_WORDS = 150
"""A passage of a paper has about so many words at most: enough for an argument, little enough to be a place."""

CONTEXT_CHARS = 240
"""Titles and heading paths are cut to this length, the nearest headings kept."""

_CONTENTS = re.compile(r"(?:table of )?contents|toc|inhalt(?:sverzeichnis)?", re.IGNORECASE)
_KINDS: dict[str, PassageKind] = {"table": "table", "code": "code", "item": "list"}
_PAPER_KINDS: dict[str, PassageKind] = {
    "table": "table",
    "code": "code",
    "caption": "caption",
    "reference": "reference",
}
_JOINABLE: tuple[frozenset[PassageKind], ...] = (frozenset({"text", "list"}), frozenset({"reference"}))


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

    Every block with text is in at least one passage, but for the headings of a paper, which are in the context of
    others. What is too long is cut at its parts (children of an item, rows, lines), these at sentences, and these at
    words.
    """
    is_paper = document.kind == "paper"

    def within(text: str, limit: int) -> bool:  # a token has at least one byte, so most texts need no counting
        return len(text.encode()) + 2 <= limit or count_tokens([text])[0] <= limit

    def fits(text: str) -> bool:
        return within(text, max_tokens)

    passages: list[Passage] = []
    groups = _joined(_paper_groups(document), PAPER_WORDS) if is_paper else _joined(_groups(document), JOINED_WORDS)
    for group in groups:
        context = _context(document, group)
        while not within(context, max_tokens // 2) and context:  # the most is for the text itself
            context = context[: len(context) // 2]
        later = " › ".join(filter(None, (context, _clipped(group.atoms[0].text, CONTEXT_CHARS // 2))))
        later = later if within(later, max_tokens // 2) else context
        parts = list(islice(_packed(group, context, fits), 2))
        if len(parts) > 1:  # a later part says what it is a part of, and needs the room to say it
            parts = list(_packed(group, later, fits))
        for part, atoms in enumerate(parts):
            passages.append(
                Passage(
                    ordinal=len(passages),
                    kind=group.kind,
                    text=_text(atoms),
                    context=later if part else context,
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
        while end < len(blocks) and _stands_under(blocks[end], k, keep=k in numbered):
            end += 1
        atoms = tuple(atom for b in blocks[k:end] if b.kind != "heading" and (atom := _atom(document, b)))
        if block.kind == "heading":
            lead = ""
            nested = end < len(blocks) and (blocks[end].kind != "heading" or blocks[end].depth > block.depth)
            alone = not nested and not _CONTENTS.fullmatch(block.text.strip(" :"))
            if alone and (spans := note_spans(document, block)):
                yield _Group("heading", block.headings[:-1], (_Atom(block.text, spans),), apart=True)
        elif atoms:
            announces = end < len(blocks) and blocks[end].parent == k
            kind = _kind(block, atoms, numbered=k in numbered, announces=announces)
            if block.kind != "item":
                lead = block.text if block.text.endswith(":") and len(block.text.split()) <= LEAD_WORDS else ""
            under = lead if block.kind == "item" else ""
            if block.parent is not None:
                under = blocks[block.parent].text
            yield _Group(kind, block.headings, atoms, under, kind in ("question", "heading") or _is_entry(block))
        k = end


def _stands_under(block: Block, k: int, *, keep: bool) -> bool:
    """Whether a block belongs to the item k above it: it is below it in the list, and no entry of its own."""
    return block.kind != "heading" and block.parent is not None and block.parent >= k and (keep or not _is_entry(block))


def _is_entry(block: Block) -> bool:
    """Whether an item is an entry of a checklist or a question: then it is a piece of its own, wherever it stands."""
    return block.kind == "item" and (block.state != "none" or block.text.endswith("?"))


def _kind(block: Block, atoms: Sequence[_Atom], *, numbered: bool, announces: bool) -> PassageKind:
    if announces and len(atoms) == 1 and len(block.text.split()) < FEW_WORDS:
        return "heading"  # the topic of the entries below it
    if numbered:
        bare = len(atoms) == 1 and bool(block.text) and (asks(block.text) or len(block.text.split()) < 4)
        return "heading" if bare else "question"
    return _KINDS.get(block.kind, "text")


def _atom(document: Document, block: Block) -> _Atom | None:
    """A block as one atom, with its quotable spans; None when it says nothing."""
    if not block.text:
        return None
    spans = note_spans(document, block)
    text = f"- {block.text}" if block.kind == "item" and block.parent is not None else block.text
    return _Atom(text, spans, max(block.depth - 1, 0)) if spans else None


def _paper_groups(document: Document) -> Iterator[_Group]:
    """The paragraphs, captions, tables and references of a paper; long ones in parts of about the same length."""
    blocks, sentence = document.blocks, 1
    for k, block in enumerate(blocks):
        if block.kind == "heading" or not block.text:
            continue
        spans = tuple(paper_spans(block, sentence))
        sentence += len(spans)
        kind = _PAPER_KINDS.get(block.kind, "text")
        under = _caption_of(blocks, k) if kind == "table" else ""
        for piece in _parts(spans, PAPER_WORDS):
            joint = "\n" if kind in ("table", "code") else " "
            atom = _Atom(joint.join(span.text for span in piece), piece)
            yield _Group(kind, block.headings, (atom,), under, apart=kind in ("table", "caption", "code"))


def _caption_of(blocks: Sequence[Block], k: int) -> str:
    """The caption that stands over a table, or under it."""
    beside = (
        blocks[near].text for near in (k - 1, k + 1) if 0 <= near < len(blocks) and blocks[near].kind == "caption"
    )
    return next(beside, "")


def _parts(spans: Sequence[Span], words: int) -> Iterator[tuple[Span, ...]]:
    """Spans in as few parts of at most about `words` words as will do, none much shorter than the others."""
    ends = list(accumulate(len(span.text.split()) for span in spans))
    if not ends:
        return
    count = -(-ends[-1] // words)
    part_of = [min((end - 1) * count // ends[-1], count - 1) for end in ends]
    for _, part in groupby(zip(part_of, spans, strict=True), key=itemgetter(0)):
        yield tuple(span for _, span in part)


def _joined(groups: Iterable[_Group], most: int) -> Iterator[_Group]:
    """Join groups that alone say too little with the next ones under the same heading, up to `most` words."""
    held: _Group | None = None
    for group in groups:
        if held is not None and _joins(held, group, most):
            held = replace(held, atoms=held.atoms + group.atoms, under=held.under)
            continue
        if held is not None:
            yield held
        held = group
    if held is not None:
        yield held


def _joins(held: _Group, group: _Group, most: int) -> bool:
    return (
        not (held.apart or group.apart)
        and held.headings == group.headings
        and any({held.kind, group.kind} <= kinds for kinds in _JOINABLE)
        and (held.words < most // 2 or group.words < most // 2)
        and held.words + group.words <= most
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


def _text(atoms: Sequence[_Atom]) -> str:
    return "\n".join("  " * atom.indent + atom.text for atom in atoms)


def _packed(group: _Group, context: str, fits: Callable[[str], bool]) -> Iterator[list[_Atom]]:
    """Fill passages with as many whole atoms as fit, cutting the atoms that do not fit alone."""

    def whole(atoms: Sequence[_Atom]) -> bool:
        lines = max(atom.lines[1] for atom in atoms) - atoms[0].lines[0] + 1
        return lines <= MAX_LINES and fits(f"{context}\n{_text(atoms)}")

    packed: list[_Atom] = []
    pending = list(reversed(group.atoms))
    while pending:
        atom = pending.pop()
        if whole([*packed, atom]) or (not packed and len(atom.spans) == 1 and len(atom.spans[0].text) == 1):
            packed.append(atom)
        elif packed:
            yield packed
            packed = []
            pending.append(atom)
        else:
            pending += reversed(_cut(atom))
    if packed:
        yield packed


def _cut(atom: _Atom) -> list[_Atom]:
    """Cut an atom into fewer of its spans, or a single span near its middle, at a space if it has one."""
    count = len(atom.spans)
    if count > 1:
        cuts = range(0, count, MANY_SPANS) if count > 2 * MANY_SPANS else (0, count // 2)
        pieces = [atom.spans[start:end] for start, end in pairwise((*cuts, count))]
        return _saying(_Atom(" ".join(map(_shown, piece)), piece, atom.indent) for piece in pieces)
    return _saying(_Atom(_shown(half), (half,), atom.indent) for half in halves(atom.spans[0]))


def _shown(span: Span) -> str:
    """What a reader sees of a span: what stands on paper holds no markup."""
    return span.text if span.boxes else plain(span.text)


def _saying(atoms: Iterable[_Atom]) -> list[_Atom]:
    """The atoms that say something: of a part that is nothing but markup, nothing is left."""
    return [atom for atom in atoms if atom.text.strip()]
