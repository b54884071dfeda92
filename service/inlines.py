"""Running text on its way to HTML: links, formulas, pictures, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from service.embeds import embed, place, shows_others, wikilink
from service.excerpts import slug
from service.formulas import LONGEST, mathml
from service.pictured import html_images, picture
from service.view import View, raw

_BLOCK_ID = re.compile(r"(?:^|[ \t])\^([A-Za-z0-9-]+)[ \t]*$")
_SWALLOWING = re.compile(
    r"<(/?)(iframe|noembed|noframes|noscript|plaintext|script|style|template|textarea|title|xmp)\b", re.IGNORECASE
)
"""Tags between which HTML reads no markup: one that is never closed would take the rest of the note with it."""


def inline(view: View, children: Sequence[Token], line: int | None) -> Iterator[Token]:
    """Yield the tokens of running text, with an anchor at each line after the first."""
    alone = shows_others(Token("inline", "", 0, children=list(children)))
    for token in children:
        if token.type == "comment":
            if line is not None and view.cites(line, line):
                yield raw(f"{view.tag('span', class_='comment')}{escape(token.content)}</span>")
        elif token.type == "embed" and alone:
            yield raw(embed(view, token, line))
        elif not (alone and token.type.endswith("break")):
            yield _inline_token(view, token)
        if token.type in ("softbreak", "hardbreak") and line is not None:
            line += 1
            if name := view.claim(line):
                yield raw(view.tag("span", id=name) + "</span>")


def _inline_token(view: View, token: Token) -> Token:
    match token.type:
        case "wikilink" | "embed":
            return raw(wikilink(view, token))
        case "image":
            return raw(picture(view, str(token.attrGet("src") or ""), token.content))
        case "math_inline" | "math_inline_double":
            dollars = "$" if token.type == "math_inline" else "$$"
            if drawn := formula(view, token.content, display=dollars == "$$"):
                return raw(drawn)
            return raw(undrawn(view, token.content, dollars))
        case "html_inline":
            return raw(html_images(view, closed(token.content)))
        case "text" if block := _BLOCK_ID.search(token.content):
            return raw(f'{escape(token.content[: block.start()])}<span id="^{block[1]}"></span>')
        case "link_open":
            _local(view, token)
    return token


def closed(html: str) -> str:
    """Show tags that could swallow what stands behind them as they are written, where their others are missing."""
    found = {(slash, name.lower()) for slash, name in _SWALLOWING.findall(html)}
    whole = {name for slash, name in found if slash and ("", name) in found}
    return _SWALLOWING.sub(lambda tag: tag[0] if tag[2].lower() in whole else f"&lt;{tag[0][1:]}", html)


def formula(view: View, latex: str, *, display: bool) -> str | None:
    """Hold back a formula as MathML with its LaTeX; None where it stays as it is written."""
    found = mathml(latex, display=display)
    return found and view.keep(found.replace("<math", f'<math data-tex="{escape(latex.strip())}"', 1))


def undrawn(view: View, latex: str, dollars: str) -> str:
    """Write a formula as it is written, and unless it is too long its LaTeX, for a script to draw."""
    known = f' data-tex="{escape(latex.strip())}"' if latex.strip() and len(latex) <= LONGEST else ""
    shown = ' data-display="block"' if known and dollars == "$$" else ""
    return view.keep(f'<code class="math"{known}{shown}>{escape(f"{dollars}{latex}{dollars}")}</code>')


def _local(view: View, token: Token) -> None:
    """Lead a relative link to the note's page; a link to what the library does not hold leads nowhere."""
    href = str(token.attrGet("href") or "")
    try:
        parts = urlsplit(href)
    except ValueError:
        return
    if parts.scheme or parts.netloc or not parts.path:
        return
    address = view.links.page(unquote(parts.path))
    if address is None:
        token.attrs.pop("href")
    else:
        anchor = unquote(parts.fragment)
        token.attrSet("href", place(address, slug(anchor), anchor))
