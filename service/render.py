"""Notes as safe HTML, in which every block carries the number of its line in the file.

What a note holds is not trusted. It is rendered with raw HTML let through, and then sanitised; the attributes
that are ours begin with a mark which no note can know, and lose it in the sanitiser. What it would not let through
but is safe by how it was made (formulas, pictures, other notes shown inside this one) is put in after it, where numbers
with the same mark stand. A note's own ids are kept apart by the prefix `note-`, its other attributes are dropped but
for links and the shape of tables.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.gfm import gfm_plugin

from indexer.parsing.obsidian import obsidian_plugin, without_block_id
from indexer.parsing.prepare import front_matter, mask
from indexer.plain import plain
from indexer.types import Lines
from service.callouts import with_callouts
from service.colouring import coloured
from service.excerpts import excerpt, fragment, slug
from service.formulas import LONGEST, is_wide, mathml
from service.marks import marks_plugin
from service.pictured import IMAGE, html_images, leaf, on_page, picture
from service.view import Heading, Links, Resolve, View, raw

MOST_INLINE = 4_000
"""Longer lines are not read for markup: opened brackets take time that grows with the square of their number."""

LARGEST = 400_000
"""Notes of more characters than this are shown as their source."""

_INLINE = frozenset(
    {
        *("a", "abbr", "b", "br", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "small", "span", "strong"),
        *("sub", "sup", "u"),
    }
)
_BLOCKS = frozenset(
    {
        *("blockquote", "dd", "details", "div", "dl", "dt", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
        *("section", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    }
)
_OURS = frozenset({"aria-label", "class", "id", "role", "tabindex"})
_ATTRIBUTES = {
    "*": set(_OURS),
    "a": {"href", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_LEAVES = frozenset(
    {"paragraph_open", "heading_open", "tr_open", "hr", "html_block", "math_block", "math_block_label", "comment_block"}
)
_CODE = frozenset({"fence", "code_block"})
_SWALLOWING = re.compile(
    r"<(/?)(iframe|noembed|noframes|noscript|plaintext|script|style|template|textarea|title|xmp)\b", re.IGNORECASE
)
"""Tags between which HTML reads no markup: one that is never closed would take the rest of the note with it."""

_BLOCK_ID = re.compile(r"(?:^|[ \t])\^([A-Za-z0-9-]+)[ \t]*$")
_ORG_LINK = re.compile(r"\[\[([^\]\[]+)\]\[([^\]\[]+)\]\]")
_ORG_FORMULA = re.compile(r"\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]")
_ROW = re.compile(r"^\|\s*(.*?)\s*\|$")
_LEAD = re.compile(r"^(?:[-*+>][ \t]+|#{1,6}[ \t]+)*(?:\[[ xX-]\][ \t]+)?")
_BOX = re.compile(r"^\[([^\]\sxX])\][ \t]+")
_BOXES = {
    "/": ("half", "half done"),
    "-": ("dropped", "dropped"),
    ">": ("later", "later"),
    "?": ("asked", "in question"),
}
_DEEPEST = 2
"""So many documents are shown inside each other at most."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A note as HTML, and its headings as an outline."""

    html: str
    headings: tuple[Heading, ...]


def render(
    lines: Sequence[str], *, links: Links, cited: Sequence[Lines] = (), title: str = "", number: int = 0
) -> Rendered | None:
    """Render the lines of a Markdown file to safe HTML; None when it is too large or too deep for that.

    The blocks carry ids `L<line>`, the first line of each of `cited` always has one, and blocks that overlap them have
    the class `cited`. A first heading that repeats `title` is left out of sight, unless it is cited. `number` is the
    document's own, so that it is not shown inside itself.
    """
    view = View(secrets.token_hex(8), links, cited, title, (number,))
    html = _rendered(lines, view)
    return None if html is None else Rendered(html, tuple(view.headings))


def _rendered(lines: Sequence[str], view: View, within: Lines | None = None) -> str | None:
    """Render lines, or those of them `within` a part; None when they are too many or too deep."""
    if sum(map(len, lines)) > LARGEST:
        return None
    masked, unmarked = mask(lines)
    if unmarked:
        return None
    _, first = front_matter(lines)
    masked[:first] = [""] * first
    if within:
        masked = [line if within[0] <= n <= within[1] else "" for n, line in enumerate(masked, 1)]
    try:
        html = _parser().render("\n".join(masked), {"view": view})
    except RecursionError:
        return None
    return _sanitised(html, view, _INLINE | _BLOCKS)


def render_inline(text: str, *, resolve: Resolve) -> str:
    """Render the inline markup of a sentence, or of a line of a list or table, to safe HTML without blocks.

    What is longer than MOST_INLINE is shown as it is written.
    """
    if len(text) > MOST_INLINE:
        return escape(" ".join(text.split()))
    view = View(secrets.token_hex(8), Links(resolve))
    line = _ROW.sub(r"\1", _LEAD.sub("", " ".join(text.split())))
    markdown = _ORG_FORMULA.sub(_org_formula, _ORG_LINK.sub(_org_link, line))
    html = _parser().renderInline(markdown, {"view": view})
    return _sanitised(html, view, _INLINE)


def locate(passage: str, quote: str) -> tuple[str, str, str] | None:
    """Cut a passage into what stands before a quote, the quote, and what stands after; None when it is not there.

    White space, markup and case may differ: only letters and digits are compared.
    """
    letters = [i for i, char in enumerate(passage) if char.isalnum()]
    hay = "".join(passage[i].casefold()[:1] for i in letters)
    for form in (quote, plain(quote)):
        needle = "".join(char.casefold()[:1] for char in form if char.isalnum())
        at = hay.find(needle) if needle else -1
        if at >= 0:
            start, end = letters[at], letters[at + len(needle) - 1] + 1
            while start > 0 and not (passage[start - 1].isspace() or passage[start - 1].isalnum()):
                start -= 1
            while end < len(passage) and not (passage[end].isspace() or passage[end].isalnum()):
                end += 1
            return passage[:start], passage[start:end], passage[end:]
    return None


def _sanitised(html: str, view: View, tags: frozenset[str]) -> str:
    mark = view.mark

    def keep(_tag: str, attribute: str, value: str) -> str | None:
        ours = value.startswith(mark)
        value = value.removeprefix(mark)
        if mark in value:  # a quote that a note left open has swallowed what we wrote
            return None
        if ours:
            return value
        if attribute == "id":
            return None if view.embedded else f"note-{value}"
        if attribute in _OURS:
            return None
        return f"#note-{value[1:]}" if attribute == "href" and value.startswith("#") else value

    clean = nh3.clean(
        html,
        tags=set(tags),
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
    return re.sub(rf"{mark}(\d+);([.,;:!?)]?)", lambda place: _framed(view.kept[int(place[1])], place[2]), clean)


def _framed(kept: str, mark: str) -> str:
    """Let a formula that may be wider than the page scroll by itself; keep another on a line with the mark after it."""
    if not kept.startswith("<math"):
        return kept + mark
    if is_wide(kept):
        return f'<span class="formula" tabindex="0">{kept}</span>{mark}'
    return f'<span class="whole">{kept}{mark}</span>' if mark else kept


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"maxNesting": 300}).use(gfm_plugin).use(obsidian_plugin).use(marks_plugin)
    md.use(dollarmath_plugin, allow_blank_lines=False, double_inline=True)
    md.options["alerts"] = False  # Obsidian's callouts are more than GitHub's five
    md.core.ruler.push("footnote_page", _rewrite)
    return md


def _rewrite(state: StateCore) -> None:
    """Give blocks their lines, mark what is cited, and turn what Markdown has no element for into HTML."""
    view: View = state.env["view"]
    seen = set[int]()
    anchors: list[tuple[int, int]] = []  # where in the tokens a line begins
    tokens = state.tokens = list(with_callouts(view, state.tokens))
    _outline(view, tokens)
    for i, token in enumerate(tokens):
        if token.type == "list_item_open":
            _task(view, token, tokens[i + 1 : i + 3])
        elif token.type in ("table_open", "table_close"):
            _table(view, token)
        elif token.type in ("th_open", "td_open"):
            _cell(view, tokens[i : i + 3])
        elif token.type == "inline":
            first = token.map[0] + 1 if token.map else None
            token.children = list(_inline(view, token.children or [], first, seen))
        if token.map and (token.type in _LEAVES or token.type in _CODE):
            anchors.append((token.map[0] + 1, i))
            _leaf(view, tokens, i, seen)
    missing = [first for first, _ in view.cited if first not in seen]
    for line in sorted(missing, reverse=True):
        at = max((i for start, i in anchors if start <= line), default=0)
        tokens.insert(at, raw(view.tag("span", id=f"L{line}") + "</span>"))


def _leaf(view: View, tokens: Sequence[Token], i: int, seen: set[int]) -> None:
    """Give a block that holds no other its line and, where it is cited, its class."""
    token = tokens[i]
    assert token.map is not None
    first, last = token.map[0] + 1, token.map[1]
    if token.type in _CODE:
        _code(view, token, first, seen)
        return
    name = _claim(first, seen)
    classes = [*token.meta.get("classes", ()), *(["cited"] if view.cites(first, last) else [])]
    if token.type.startswith("math_block"):
        token.content = f"{_display(view, token.content, name, classes)}\n"
        token.type = "html_block"
    elif token.type == "html_block":
        token.content = f"{view.tag('span', id=name)}</span>{html_images(view, _closed(token.content))}"
    elif token.type == "comment_block":
        token.type = "html_block"
        shown = f"{view.tag('div', id=name, class_='comment cited')}{escape(token.content)}</div>\n"
        token.content = shown if "cited" in classes else ""
    else:
        if token.type == "paragraph_open" and _shows_others(tokens[i + 1]):
            token.tag = tokens[i + 2].tag = "div"
            tokens[i + 2].hidden = token.hidden = False
        elif token.hidden:  # the paragraph of a tight list: it needs an element to carry the line
            tokens[i + 2].hidden = token.hidden = False
            tokens[i + 2].tag = token.tag = "span"
            classes.append("line")
        if token.type == "heading_open":
            _heading(view, token, tokens[i + 1], classes)
        view.own(token, id=name, class_=" ".join(classes))


def _closed(html: str) -> str:
    """Show tags that could swallow what stands behind them as they are written, where their others are missing."""
    found = {(slash, name.lower()) for slash, name in _SWALLOWING.findall(html)}
    whole = {name for slash, name in found if slash and ("", name) in found}
    return _SWALLOWING.sub(lambda tag: tag[0] if tag[2].lower() in whole else f"&lt;{tag[0][1:]}", html)


def _claim(line: int, seen: set[int]) -> str:
    """Name the anchor of a line, once: an id must not occur twice."""
    name = "" if line in seen else f"L{line}"
    seen.add(line)
    return name


def _display(view: View, latex: str, name: str, classes: Sequence[str]) -> str:
    """Write a formula that stands by itself."""
    if drawn := _formula(view, latex, display=True):
        return f"{view.tag('div', id=name, class_=' '.join(('display', *classes)))}{drawn}</div>"
    if not latex.strip() or len(latex) > LONGEST:
        return f"{view.tag('pre', id=name, class_=' '.join(classes))}<code>{escape(f'$${latex}$$')}</code></pre>"
    frame = view.tag("pre", id=name, class_=" ".join(("math", *classes)))
    return f"{frame}{_undrawn(view, latex, '$$')}</pre>"


def _formula(view: View, latex: str, *, display: bool) -> str | None:
    """Hold back a formula as MathML with its LaTeX; None where it stays as it is written."""
    found = mathml(latex, display=display)
    return found and view.keep(found.replace("<math", f'<math data-tex="{escape(latex.strip())}"', 1))


def _undrawn(view: View, latex: str, dollars: str) -> str:
    """Write a formula as it is written, with its LaTeX for a script that may know better how to draw it."""
    shown = "" if dollars == "$" else ' data-display="block"'
    text = escape(f"{dollars}{latex}{dollars}")
    return view.keep(f'<code class="math" data-tex="{escape(latex.strip())}"{shown}>{text}</code>')


def _code(view: View, token: Token, first: int, seen: set[int]) -> None:
    """Write a block of code line by line, so that lines inside of it can be pointed at."""
    fenced = token.type == "fence"
    frame = view.tag("pre", id=_claim(first, seen) if fenced else "")
    code = token.content.removesuffix("\n")
    language = token.info.strip().split(" ")[0].strip("{}.") if fenced else ""
    written = None
    if len(code) <= view.budget.coloured and (written := coloured(code, language)):
        view.budget.coloured -= len(code)
    rows = [
        view.tag("span", id=_claim(line, seen), class_="cited" if view.cites(line, line) else "")
        + f"{view.keep(text) if written else escape(text)}\n</span>"
        for line, text in enumerate(written or code.split("\n"), first + fenced)
    ]
    token.type = "html_block"
    token.content = f"{frame}<code>{''.join(rows)}</code></pre>\n"


def _outline(view: View, tokens: Sequence[Token]) -> None:
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


def _task(view: View, item: Token, below: Sequence[Token]) -> None:
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


def _table(view: View, token: Token) -> None:
    """Frame a table, which may be wider than the page: it scrolls by itself, also by keyboard."""
    opening = token.type == "table_open"
    token.type = "html_inline"
    frame = view.tag("div", role="region", aria_label="table", tabindex="0", class_="scroll")
    token.content = f"{frame}<table>\n" if opening else "</table></div>\n"


def _cell(view: View, tokens: Sequence[Token]) -> None:
    """Keep the alignment of a cell, and let an empty heading of a column or row be no heading."""
    opening, inline, closing = tokens
    if style := opening.attrs.pop("style", None):
        view.own(opening, class_=str(style).partition(":")[2])
    if not inline.content.strip():
        opening.tag = closing.tag = "td"


def _inline(view: View, children: Sequence[Token], line: int | None, seen: set[int]) -> Iterable[Token]:
    """Yield the tokens of running text, with an anchor at each line after the first."""
    alone = _shows_others(Token("inline", "", 0, children=list(children)))
    for token in children:
        if token.type == "comment":
            if line is not None and view.cites(line, line):
                yield raw(f"{view.tag('span', class_='comment')}{escape(token.content)}</span>")
        elif token.type == "embed" and alone:
            yield raw(_embed(view, token, line))
        elif not (alone and token.type.endswith("break")):
            yield _inline_token(view, token)
        if token.type in ("softbreak", "hardbreak") and line is not None:
            line += 1
            if name := _claim(line, seen):
                yield raw(view.tag("span", id=name) + "</span>")


def _inline_token(view: View, token: Token) -> Token:
    match token.type:
        case "wikilink" | "embed":
            return raw(_wikilink(view, token))
        case "image":
            return raw(picture(view, str(token.attrGet("src") or ""), token.content))
        case "math_inline" | "math_inline_double":
            dollars = "$" if token.type == "math_inline" else "$$"
            if drawn := _formula(view, token.content, display=dollars == "$$"):
                return raw(drawn)
            if len(token.content) <= LONGEST:
                return raw(_undrawn(view, token.content, dollars))
        case "html_inline":
            return raw(html_images(view, _closed(token.content)))
        case "text" if block := _BLOCK_ID.search(token.content):
            return raw(f'{escape(token.content[: block.start()])}<span id="^{block[1]}"></span>')
        case "link_open":
            _local(view, token)
    return token


def _wikilink(view: View, token: Token) -> str:
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
    return f'<a href="{escape(_place(address, fragment(anchor) if anchor else "", anchor))}">{words}</a>'


def _place(address: str, name: str, anchor: str) -> str:
    """Lead to a part of a page: of a PDF's to a page of it, of a note's to an id. Without an address, of this one."""
    if address.startswith("/papers/"):
        return f"{address}?page={page}" if (page := on_page(anchor)) else address
    return f"{address}#{'note-' if address else ''}{name}" if name else address


def _shows_others(inline: Token) -> bool:
    """Whether a paragraph holds nothing but documents to be shown in its place."""
    children = [one for one in inline.children or () if one.content.strip() or not one.type.endswith(("break", "text"))]
    return bool(children) and all(one.type == "embed" and not IMAGE.search(one.meta["target"]) for one in children)


def _embed(view: View, token: Token, line: int | None) -> str:
    """Show another document inside this one, as deep as _DEEPEST and none inside itself; else a link to it."""
    target, anchor = token.meta["target"], token.meta["anchor"]
    found = view.links.embed(target) if view.budget.embeds > 0 else None
    if found is None:
        return _wikilink(view, token)
    view.budget.embeds -= 1
    if found.address.startswith("/papers/"):
        return view.keep(leaf(found, anchor))
    part = excerpt(found.lines, anchor)
    itself = found.id in view.inside and not (
        not view.embedded and part and anchor and line is not None and not part[0] <= line <= part[1]
    )
    if part is None or itself or len(view.inside) > _DEEPEST:
        return _wikilink(view, token)
    inner = View(secrets.token_hex(8), found.links, inside=(*view.inside, found.id), budget=view.budget)
    html = _rendered(found.lines, inner, part)
    if html is None:
        return _wikilink(view, token)
    place = f"{found.address}?lines={part[0]}-{part[1]}#L{part[0]}" if anchor else found.address
    named = escape(" › ".join((found.title, *(() if anchor.startswith("^") else filter(None, anchor.split("#"))))))
    source = f'<p class="embed-source"><a href="{place}">{named}</a></p>'
    return view.keep(f'<section class="embed" aria-label="from {named}">\n{source}\n{html}</section>\n')


def _org_link(link: re.Match[str]) -> str:
    """Write a link of org, `[[target][text]]`, as Markdown; only those to the web lead anywhere."""
    target, text = link.groups()
    return f"[{text}](<{target}>)" if target.startswith(("http://", "https://")) else text


def _org_formula(formula: re.Match[str]) -> str:
    r"""Write a formula of org, `\(x\)` or `\[x\]`, as Markdown."""
    return f"${(formula[1] or formula[2]).strip()}$"


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
        token.attrSet("href", _place(address, slug(anchor), anchor))
