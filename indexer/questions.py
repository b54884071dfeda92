"""What a document asks: the items of its lists, and which of them need an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from indexer.papers import arxiv_ids
from indexer.settings import DEFAULT_QUESTION_HEADINGS
from indexer.types import Block, Document, Link, Question

Kind: TypeAlias = Literal["question", "topic", "paper", "link", "task"]

_ASKS = re.compile(
    r"^(?:(?:so|and|but|also|ok|then|q\d*)[:,. ]+)?"
    r"(?:what|who|whose|whom|which|when|where|why|how|does|did|is|are|can|could|should|would)(?:'s|’s|s)?\b",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"^(?:read|re-?read|review|finish|watch|look (?:into|at|up)|check|try|write|implement|learn|study|make|add|"
    r"go (?:over|through)|summari[sz]e|buy|e-?mail|ask|call|send|book|prepare|set ?up|install|run|fix|clean|"
    r"update|submit|start|complete|do|redo|organi[sz]e|practi[cs]e|revise|sign up|register|apply|download|replicate|"
    r"reproduce|find|compare|plot|port|move|lecture|course|video|playlist|podcast|talk|tutorial)\b",
    re.IGNORECASE,
)
_TASK_END = re.compile(r"\b(?:notes?|homework|assignment|lectures?|flash ?cards?|exercises?)$", re.IGNORECASE)
_CITED = re.compile(r"\b(?:19|20)\d\d\b|\bet al\b|\bpaper\b", re.IGNORECASE)
_PAPER_HEADING = re.compile(r"\b(?:papers?|articles?|literature|bibliography|reading list|to read)\b", re.IGNORECASE)
_DOUBT = re.compile(r"\(\?+\)")  # "Laptop (?)" doubts, but does not ask
_MARK = re.compile("[?？؟]")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")


def questions(document: Document, *, headings: Sequence[str] = DEFAULT_QUESTION_HEADINGS) -> list[Question]:
    """The items of the document's lists that ask or remind, in order.

    `headings` are the words, in lower case, that mark a heading as one that collects questions. A document that is
    mostly a checklist, or has such a heading, gives all its items; another one gives those with a box. Numbered
    questions with their answers are no reminders.
    """
    blocks = document.blocks
    answered = numbered_items(document)
    items = [k for k, b in enumerate(blocks) if b.kind == "item" and b.text and not _within(document, k, answered)]
    collecting = {k for k in items if any(_collects(heading, headings) for heading in blocks[k].headings)}
    boxed = [k for k in items if blocks[k].state != "none"]
    if not collecting and len(boxed) * 3 < len(items):
        items = boxed
    with_items = {blocks[k].parent for k in items}
    below: dict[int, list[Link]] = {}
    for block in blocks:
        if block.parent is not None and block.kind != "item":
            below.setdefault(block.parent, []).extend(block.links)
    return [
        _question(document, k, below.get(k, []), collects=k in collecting, holds_items=k in with_items) for k in items
    ]


def _question(document: Document, k: int, below: Sequence[Link], *, collects: bool, holds_items: bool) -> Question:
    block = document.blocks[k]
    links = (*block.links, *below)
    kind = _kind(block, collects=collects, holds_items=holds_items)
    asks = kind == "question" or (collects and kind == "topic")
    unanswered = collects and not holds_items
    return Question(
        text=block.text,
        state=block.state,
        kind=kind,
        line=block.lines[0],
        section=block.headings[-1] if block.headings else "",
        parent=None if block.parent is None else document.blocks[block.parent].text,
        wikilinks=tuple(
            f"{link.target}#{link.anchor}" if link.anchor else link.target
            for link in block.links
            if link.kind == "wikilink"
        ),
        arxiv_ids=tuple(dict.fromkeys(found for link in links for found in arxiv_ids(link.target))),
        urls=tuple(dict.fromkeys(link.target for link in links if link.kind == "url" and "://" in link.target)),
        wanted=asks and (block.state == "open" or (block.state == "none" and kind == "question" and unanswered)),
    )


def _kind(block: Block, *, collects: bool, holds_items: bool) -> Kind:
    """What an item is: a plain rule on its words, first match wins."""
    text, section = block.text, block.headings[-1] if block.headings else ""
    if _ADDRESS.fullmatch(text):
        return "link"
    if asks(text):
        return "question"
    if block.state == "none" and block.parent is not None and [link.text for link in block.links] == [text]:
        return "link"
    if _TASK.match(text) or (_TASK_END.search(text) and not holds_items):
        return "task"
    if _PAPER_HEADING.search(section) or _CITED.search(text) or any(arxiv_ids(link.target) for link in block.links):
        return "paper"
    if not collects and any(link.kind == "url" and link.text == text for link in block.links):
        return "link"
    return "topic"


def asks(text: str) -> bool:
    """Whether a text is phrased as a question, with or without its mark; one that ends in a full stop states."""
    if _MARK.search(_ADDRESS.sub("", _DOUBT.sub("", text))):
        return True
    return bool(_ASKS.match(text)) and not text.rstrip().endswith(".")


def _collects(heading: str, words: Sequence[str]) -> bool:
    return heading.strip().rstrip(":?.! ").lower() in words


def numbered_items(document: Document) -> list[int]:
    """Indices of the outer numbered items in sections where bullets answer numbers without being indented."""
    blocks, lines = document.blocks, document.source_lines
    outer = {k for k, b in enumerate(blocks) if b.kind == "item" and b.depth == 0 and b.number is not None}
    sections = {
        blocks[block.parent].headings
        for block in blocks
        if block.kind == "item"
        and block.parent in outer
        and block.number is None
        and _margin(lines[block.lines[0] - 1]) <= _margin(lines[blocks[block.parent].lines[0] - 1])
    }
    return sorted(k for k in outer if blocks[k].headings in sections)


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _within(document: Document, k: int | None, items: Sequence[int]) -> bool:
    while k is not None:
        if k in items:
            return True
        k = document.blocks[k].parent
    return False
