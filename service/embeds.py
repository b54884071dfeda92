"""Links between notes, and notes that show others inside themselves."""

from __future__ import annotations

import secrets
from html import escape

from markdown_it.token import Token

from service.excerpts import excerpt, fragment
from service.pictured import IMAGE, leaf, on_page, picture
from service.view import View

_DEEPEST = 2
"""So many documents are shown inside each other at most."""


def shows_others(inline: Token) -> bool:
    """Whether a paragraph holds nothing but documents to be shown in its place."""
    children = [one for one in inline.children or () if one.content.strip() or not one.type.endswith(("break", "text"))]
    return bool(children) and all(one.type == "embed" and not IMAGE.search(one.meta["target"]) for one in children)


def wikilink(view: View, token: Token) -> str:
    """Write a link to another note, to a place in one, or to one in this; show a picture that it names."""
    target, anchor = token.meta["target"], token.meta["anchor"]
    if IMAGE.search(target):
        if token.type == "embed":
            return picture(view, target, "" if token.content == target else token.content)
        return f"{view.tag('span', class_='missing')}{escape(token.content)}</span>"
    address = view.links.page(target) if target else ""
    named = " › ".join(filter(None, (target, *(() if anchor.startswith("^") else anchor.split("#")))))
    words = escape(named if named and token.content == f"{target}#{anchor}" else token.content)
    if address is None:
        return f"{view.tag('span', class_='missing')}{words}</span>"
    return f'<a href="{escape(place(address, fragment(anchor) if anchor else "", anchor))}">{words}</a>'


def place(address: str, name: str, anchor: str) -> str:
    """Lead to a part of a page: of a PDF's to a page of it, of a note's to an id. Without an address, of this one."""
    if address.startswith("/papers/"):
        return f"{address}?page={page}" if (page := on_page(anchor)) else address
    return f"{address}#{'note-' if address else ''}{name}" if name else address


def embed(view: View, token: Token, line: int | None) -> str:
    """Show another document inside this one, as deep as _DEEPEST and none inside itself; else a link to it.

    A note may show another part of itself than the one that `line` (from 1) stands in.
    """
    target, anchor = token.meta["target"], token.meta["anchor"]
    found = view.links.embed(target) if view.budget.embeds > 0 else None
    if found is None:
        return wikilink(view, token)
    view.budget.embeds -= 1
    if found.address.startswith("/papers/"):
        return view.keep(leaf(found, anchor))
    part = excerpt(found.lines, anchor)
    if part is None or len(view.inside) > _DEEPEST or (view.embedded and found.id in view.inside):
        return wikilink(view, token)
    if found.id in view.inside and (line is None or part[0] <= line <= part[1]):
        return wikilink(view, token)
    inner = View(
        secrets.token_hex(8), found.links, inside=(*view.inside, found.id), budget=view.budget, render=view.render
    )
    html = view.render(found.lines, inner, part)
    if html is None:
        return wikilink(view, token)
    at = f"{found.address}?lines={part[0]}-{part[1]}#L{part[0]}" if anchor else found.address
    named = escape(" › ".join((found.title, *(() if anchor.startswith("^") else filter(None, anchor.split("#"))))))
    source = f'<p class="embed-source"><a href="{at}">{named}</a></p>'
    return view.keep(f'<section class="embed" aria-label="from {named}">\n{source}\n{html}</section>\n')
