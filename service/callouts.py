"""Obsidian's callouts: block quotes with a kind, a title and, where they fold, a way to close them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from indexer.parsing.obsidian import callout
from service.view import View, raw

_ALIASES = {
    "abstract": "summary tldr",
    "tip": "hint important",
    "success": "check done",
    "question": "help faq",
    "warning": "caution attention",
    "failure": "fail missing",
    "danger": "error",
    "quote": "cite",
}
KINDS = {
    **{kind: kind for kind in ("note", "info", "todo", "bug", "example", *_ALIASES)},
    **{alias: kind for kind, aliases in _ALIASES.items() for alias in aliases.split()},
}
"""Every name of a kind that Obsidian has → the kind; one that it does not know looks like a note."""


def with_callouts(view: View, tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a note, those of block quotes that are callouts in their frames and under their titles."""
    frames, i = list[str](), 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        yield token
        if token.type == "blockquote_open":
            title = list(_framed(view, token, tokens[i : i + 3]))
            yield from title
            i += 3 if title else 0
            frames.append(token.tag)
        elif token.type == "blockquote_close":
            token.tag = frames.pop()


def _framed(view: View, quote: Token, paragraph: Sequence[Token]) -> Iterator[Token]:
    """Turn a block quote into a callout, if it is one, and yield what its first paragraph becomes."""
    children = paragraph[1].children if len(paragraph) == 3 and paragraph[1].type == "inline" else None
    if not children or children[0].type != "text":
        return
    name, rest = callout(children[0].content)
    if name is None:
        return
    mark = children[0].content.removesuffix(rest).rstrip()[-1]
    folds = mark in "+-"
    quote.tag = "details" if folds else "div"
    view.own(quote, class_=f"callout {KINDS.get(name, 'note')}", role="" if folds else "note")
    if folds and (mark == "+" or (quote.map and view.cites(quote.map[0] + 1, quote.map[1]))):
        view.own(quote, open="open")
    yield from _divided(paragraph, rest, name, "summary" if folds else "p")


def _divided(paragraph: Sequence[Token], rest: str, name: str, tag: str) -> Iterator[Token]:
    """Yield the first line of a paragraph as a title, and then what is left of it as a paragraph."""
    opening, inline, closing = paragraph
    children = inline.children or []
    end = next((i for i, child in enumerate(children) if child.type in ("softbreak", "hardbreak")), len(children))
    children[0].content = rest
    title = children[:end] if rest.strip() or end > 1 else [raw(name.replace("-", " ").capitalize())]
    line = opening.map[0] if opening.map else 0
    yield Token("paragraph_open", tag, 1, map=[line, line + 1], block=True, meta={"classes": ["callout-title"]})
    yield Token("inline", "", 0, map=[line, line + 1], children=title, block=True)
    yield Token("paragraph_close", tag, -1, block=True)
    if below := children[end + 1 :]:
        last = opening.map[1] if opening.map else line + 1
        opening.map = [line + 1, last]
        inline.map, inline.children = opening.map, below
        yield from (opening, inline, closing)
