"""Blocks of a note on their way to HTML: their lines, what is cited of them, what Markdown has no element for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from markdown_it.token import Token

from indexer.parsing.obsidian import without_block_id
from indexer.plain import plain
from service.colouring import coloured
from service.embeds import shows_others
from service.excerpts import slug
from service.inlines import closed, formula, undrawn
from service.pictured import html_images
from service.view import Heading, View, raw

LEAVES = frozenset(
    {"paragraph_open", "heading_open", "tr_open", "hr", "html_block", "math_block", "math_block_label", "comment_block"}
)
CODE = frozenset({"fence", "code_block"})
_BOX = re.compile(r"^\[([^\]\sxX])\][ \t]+")
_BOXES = {
    "/": ("half", "half done"),
    "-": ("dropped", "dropped"),
    ">": ("later", "later"),
    "?": ("asked", "in question"),
}


def block(view: View, tokens: Sequence[Token], i: int) -> None:
    """Give a block that holds no other its line and, where it is cited, its class."""
    token = tokens[i]
    assert token.map is not None
    first, last = token.map[0] + 1, token.map[1]
    if token.type in CODE:
        _code(view, token, first)
        return
    name = view.claim(first)
    classes = [*token.meta.get("classes", ()), *(["cited"] if view.cites(first, last) else [])]
    if token.type.startswith("math_block"):
        token.content = f"{_display(view, token.content, name, classes)}\n"
        token.type = "html_block"
    elif token.type == "html_block":
        token.content = f"{view.tag('span', id=name)}</span>{html_images(view, closed(token.content))}"
    elif token.type == "comment_block":
        token.type = "html_block"
        shown = f"{view.tag('div', id=name, class_='comment cited')}{escape(token.content)}</div>\n"
        token.content = shown if "cited" in classes else ""
    else:
        if token.type == "paragraph_open" and shows_others(tokens[i + 1]):
            token.tag = tokens[i + 2].tag = "div"
            tokens[i + 2].hidden = token.hidden = False
        elif token.hidden:  # the paragraph of a tight list: it needs an element to carry the line
            tokens[i + 2].hidden = token.hidden = False
            tokens[i + 2].tag = token.tag = "span"
            classes.append("line")
        if token.type == "heading_open":
            _heading(view, token, tokens[i + 1], classes)
        view.own(token, id=name, class_=" ".join(classes))


def _display(view: View, latex: str, name: str, classes: Sequence[str]) -> str:
    """Write a formula that stands by itself."""
    if drawn := formula(view, latex, display=True):
        return f"{view.tag('div', id=name, class_=' '.join(('display', *classes)))}{drawn}</div>"
    frame = view.tag("pre", id=name, class_=" ".join(("math", *classes)))
    return f"{frame}{undrawn(view, latex, '$$')}</pre>"


def _code(view: View, token: Token, first: int) -> None:
    """Write a block of code line by line, so that lines inside of it can be pointed at."""
    fenced = token.type == "fence"
    frame = view.tag("pre", id=view.claim(first) if fenced else "")
    code = token.content.removesuffix("\n")
    language = token.info.strip().split(" ")[0].strip("{}.") if fenced else ""
    written = None
    if len(code) <= view.budget.coloured and (written := coloured(code, language)):
        view.budget.coloured -= len(code)
    rows = [
        view.tag("span", id=view.claim(line), class_="cited" if view.cites(line, line) else "")
        + f"{view.keep(text) if written else escape(text)}\n</span>"
        for line, text in enumerate(written or (code.split("\n") if token.content else ()), first + fenced)
    ]
    token.type = "html_block"
    token.content = f"{frame}<code>{''.join(rows)}</code></pre>\n"


def outline(view: View, tokens: Sequence[Token]) -> None:
    """Give headings the levels from the second on, the page's own title being the first, and skip none."""
    above: list[int] = []
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        level = int(opening.tag[1])
        opening.meta["repeated"] = level == 1 and plain(inline.content) == view.title and not _is_cited(view, opening)
        if not opening.meta["repeated"]:
            above = [*(other for other in above if other < level), level]
        opening.meta["depth"] = max(1, len(above))
        opening.tag = closing.tag = f"h{min(6, 1 + max(1, len(above)))}"


def _is_cited(view: View, token: Token) -> bool:
    return token.map is not None and view.cites(token.map[0] + 1, token.map[1])


def _heading(view: View, opening: Token, inline: Token, classes: list[str]) -> None:
    """Hide a heading that repeats the title, give every one an anchor for links to it, and note it in the outline."""
    words = plain(without_block_id(inline.content))
    name = slug(words)
    if opening.meta["repeated"]:
        classes.append("repeated")
    elif words:
        anchor = f"note-{name}" if name not in view.anchors else f"L{(opening.map or [0])[0] + 1}"
        view.headings.append(Heading(opening.meta["depth"], words, anchor))
    if name and name not in view.anchors:  # the first of several has the name
        view.anchors.add(name)
        inline.children = [raw(f'<span id="{name}"></span>'), *(inline.children or [])]


def task(view: View, item: Token, below: Sequence[Token]) -> None:
    """Draw the box of an item that has one; what stands in it may be one of Obsidian's other marks, like `[/]`."""
    if len(below) != 2 or below[1].type != "inline":
        return
    children = below[1].children or []
    if "checked" in item.meta:
        state = label = "done" if item.meta.pop("checked") else "open"
    elif children and children[0].type == "text" and (box := _BOX.match(children[0].content)):
        state, label = _BOXES.get(box[1], ("marked", f"marked {box[1]}"))
        children[0].content = children[0].content[box.end() :]
    else:
        return
    view.own(item, class_=f"task {state}" if state == "dropped" else "task")
    box_of = view.tag("span", role="img", aria_label=label, class_=f"box {state}")
    below[1].children = [raw(f"{box_of}</span>"), *children]


def table(view: View, token: Token) -> None:
    """Frame a table, which may be wider than the page: it scrolls by itself, also by keyboard."""
    opening = token.type == "table_open"
    token.type = "html_inline"
    frame = view.tag("div", role="region", aria_label="table", tabindex="0", class_="scroll")
    token.content = f"{frame}<table>\n" if opening else "</table></div>\n"


def cell(view: View, tokens: Sequence[Token]) -> None:
    """Keep the alignment of a cell, and let an empty heading of a column or row be no heading."""
    opening, inline, closing = tokens
    if style := opening.attrs.pop("style", None):
        view.own(opening, class_=str(style).partition(":")[2])
    if not inline.content.strip():
        opening.tag = closing.tag = "td"
