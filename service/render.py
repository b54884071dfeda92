"""Notes as safe HTML, in which every block carries the number of its line in the file.

What a note holds is not trusted. It is rendered with raw HTML let through, and then sanitised; the attributes
that this module itself writes begin with a mark which no note can know, and lose it in the sanitiser. Formulas are put
in after it, where numbers with the same mark stand. A note's own ids are kept apart by the prefix `note-`, its other
attributes are dropped but for links and the shape of tables.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape, unescape
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.gfm import gfm_plugin

from indexer.parsing.obsidian import callout, obsidian_plugin
from indexer.parsing.prepare import front_matter, mask
from indexer.plain import plain
from indexer.types import Lines
from service.formulas import is_wide, mathml

Resolve: TypeAlias = Callable[[str], str | None]
"""The name or the relative path of a note → the address of its page, or None when the library has none."""

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
_LEAVES = frozenset({"paragraph_open", "heading_open", "tr_open", "hr", "html_block", "math_block", "math_block_label"})
_CODE = frozenset({"fence", "code_block"})
_WARNINGS = frozenset(
    {"attention", "bug", "caution", "danger", "error", "fail", "failure", "important", "missing", "warning"}
)
_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp|avif|mp4|webm|mov|mp3|wav)$", re.IGNORECASE)
_IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_BLOCK_ID = re.compile(r"(?:^|[ \t])\^([A-Za-z0-9-]+)[ \t]*$")
_ORG_LINK = re.compile(r"\[\[([^\]\[]+)\]\[([^\]\[]+)\]\]")
_ORG_FORMULA = re.compile(r"\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]")
_ROW = re.compile(r"^\|\s*(.*?)\s*\|$")
_LEAD = re.compile(r"^(?:[-*+>][ \t]+|#{1,6}[ \t]+)*(?:\[[ xX-]\][ \t]+)?")


def render(lines: Sequence[str], *, resolve: Resolve, cited: Lines | None = None, title: str = "") -> str | None:
    """Render the lines of a Markdown file to safe HTML; None when it is too large or too deep for that.

    The blocks carry ids `L<line>`, the first line of `cited` always has one, and blocks that overlap `cited` have the
    class `cited`. A first heading that repeats `title` is left out of sight, unless it is cited.
    """
    if sum(map(len, lines)) > LARGEST:
        return None
    masked, unmarked = mask(lines)
    if unmarked:
        return None
    _, first = front_matter(lines)
    masked[:first] = [""] * first
    view = _View(secrets.token_hex(8), resolve, cited, title)
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
    view = _View(secrets.token_hex(8), resolve, None, "")
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


@dataclass(frozen=True, slots=True)
class _View:
    """What one rendering knows: the mark of its own attributes, the reader's request, and the formulas so far."""

    mark: str
    resolve: Resolve
    cited: Lines | None
    title: str
    formulas: list[str] = field(default_factory=list)

    def tag(self, name: str, **attributes: str) -> str:
        """Write an opening tag whose attributes survive the sanitiser; `_` stands for `-` in their names."""
        written = (
            f' {key.replace("_", "-")}="{self.mark}{escape(value)}"' for key, value in attributes.items() if value
        )
        return f"<{name}{''.join(written)}>"

    def own(self, token: Token, **attributes: str) -> None:
        """Give a token attributes that survive the sanitiser."""
        for key, value in attributes.items():
            if value:
                token.attrSet(key, self.mark + value)

    def formula(self, latex: str, *, display: bool) -> str | None:
        """Keep a formula for after the sanitiser; what stands in its place, or None where it stays as it is written."""
        if (found := mathml(latex, display=display)) is None:
            return None
        self.formulas.append(found)
        return f"{self.mark}{len(self.formulas) - 1};"

    def cites(self, first: int, last: int) -> bool:
        return self.cited is not None and first <= self.cited[1] and last >= self.cited[0]


def _sanitised(html: str, view: _View, tags: frozenset[str]) -> str:
    mark = view.mark

    def keep(_tag: str, attribute: str, value: str) -> str | None:
        if value.startswith(mark):
            return value[len(mark) :]
        if attribute == "id":
            return f"note-{value}"
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
    return re.sub(rf"{mark}(\d+);([.,;:!?)]?)", lambda place: _framed(view.formulas[int(place[1])], place[2]), clean)


def _framed(formula: str, mark: str) -> str:
    """Let a formula that may be wider than the page scroll by itself; keep another on a line with the mark after it."""
    if is_wide(formula):
        return f'<span class="formula" tabindex="0">{formula}</span>{mark}'
    return f'<span class="whole">{formula}{mark}</span>' if mark else formula


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"maxNesting": 300}).use(gfm_plugin).use(obsidian_plugin)
    md.use(dollarmath_plugin, allow_blank_lines=False, double_inline=True)
    md.options["alerts"] = False  # Obsidian's callouts are more than GitHub's five
    md.core.ruler.push("footnote_page", _rewrite)
    return md


def _rewrite(state: StateCore) -> None:
    """Give blocks their lines, mark what is cited, and turn what Markdown has no element for into HTML."""
    view: _View = state.env["view"]
    seen = set[int]()
    anchors: list[tuple[int, int]] = []  # where in the tokens a line begins
    _outline(view, state.tokens)
    for i, token in enumerate(state.tokens):
        if token.type == "blockquote_open":
            _callout(view, token, state.tokens[i + 2] if i + 2 < len(state.tokens) else None)
        elif token.type == "list_item_open" and "checked" in token.meta:
            _task(view, token, state.tokens[i + 1 : i + 3])
        elif token.type in ("table_open", "table_close"):
            _table(view, token)
        elif token.type in ("th_open", "td_open"):
            _cell(view, state.tokens[i : i + 3])
        elif token.type == "inline":
            first = token.map[0] + 1 if token.map else None
            token.children = list(_inline(view, token.children or [], first, seen))
        if token.map and (token.type in _LEAVES or token.type in _CODE):
            anchors.append((token.map[0] + 1, i))
            _leaf(view, state.tokens, i, seen)
    if view.cited and view.cited[0] not in seen and anchors:
        at = max((i for line, i in anchors if line <= view.cited[0]), default=0)
        state.tokens.insert(at, _html(view.tag("span", id=f"L{view.cited[0]}") + "</span>"))


def _html(content: str) -> Token:
    return Token("html_inline", "", 0, content=content)


def _leaf(view: _View, tokens: Sequence[Token], i: int, seen: set[int]) -> None:
    """Give a block that holds no other its line and, where it is cited, its class."""
    token = tokens[i]
    assert token.map is not None
    first, last = token.map[0] + 1, token.map[1]
    if token.type in _CODE:
        _code(view, token, first, seen)
        return
    name = _claim(first, seen)
    classes = ["cited"] if view.cites(first, last) else []
    if token.type.startswith("math_block"):
        drawn = view.formula(token.content, display=True)
        tag, inner = ("div", drawn) if drawn else ("pre", f"<code>{escape(f'$${token.content}$$')}</code>")
        shown = {"class": " ".join(["display" if drawn else "math", *classes])}
        token.type = "html_block"
        token.content = f"{view.tag(tag, id=name, **shown)}{inner}</{tag}>\n"
    elif token.type == "html_block":
        token.content = f"{view.tag('span', id=name)}</span>{_IMG.sub(lambda image: _alt(view, image), token.content)}"
    else:
        if token.hidden:  # the paragraph of a tight list: it needs an element to carry the line
            tokens[i + 2].hidden = token.hidden = False
            tokens[i + 2].tag = token.tag = "span"
            classes.append("line")
        if token.type == "heading_open":
            _heading(token, tokens[i + 1], classes)
        view.own(token, id=name, **{"class": " ".join(classes)})


def _claim(line: int, seen: set[int]) -> str:
    """Name the anchor of a line, once: an id must not occur twice."""
    name = "" if line in seen else f"L{line}"
    seen.add(line)
    return name


def _code(view: _View, token: Token, first: int, seen: set[int]) -> None:
    """Write a block of code line by line, so that lines inside of it can be pointed at."""
    fenced = token.type == "fence"
    frame = view.tag("pre", id=_claim(first, seen) if fenced else "")
    rows = [
        view.tag("span", id=_claim(line, seen), **{"class": "cited" if view.cites(line, line) else ""})
        + f"{escape(text)}\n</span>"
        for line, text in enumerate(token.content.removesuffix("\n").split("\n"), first + fenced)
    ]
    token.type = "html_block"
    token.content = f"{frame}<code>{''.join(rows)}</code></pre>\n"


def _outline(view: _View, tokens: Sequence[Token]) -> None:
    """Give headings the levels from the second on, the page's own title being the first, and skip none."""
    above: list[int] = []
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        level = int(opening.tag[1])
        opening.meta["repeated"] = level == 1 and plain(inline.content) == view.title and not _is_cited(view, opening)
        if not opening.meta["repeated"]:
            above = [*(other for other in above if other < level), level]
        opening.tag = closing.tag = f"h{min(6, 1 + max(1, len(above)))}"


def _is_cited(view: _View, token: Token) -> bool:
    return token.map is not None and view.cites(token.map[0] + 1, token.map[1])


def _heading(opening: Token, inline: Token, classes: list[str]) -> None:
    """Hide a heading that repeats the title, and give every one an anchor for links to it."""
    if opening.meta["repeated"]:
        classes.append("repeated")
    if slug := _slug(plain(inline.content)):
        inline.children = [_html(f'<span id="{slug}"></span>'), *(inline.children or [])]


def _slug(heading: str) -> str:
    """Turn a heading into the name by which GitHub links to it."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def _callout(view: _View, quote: Token, inline: Token | None) -> None:
    children = inline.children if inline and inline.type == "inline" else None
    if not children or children[0].type != "text":
        return
    kind, rest = callout(children[0].content)
    if kind is None:
        return
    view.own(quote, **{"class": "callout warning" if kind in _WARNINGS else "callout"})
    end = next((i for i, child in enumerate(children) if child.type in ("softbreak", "hardbreak")), len(children))
    children[0].content = rest if rest.strip() or end > 1 else kind.capitalize()
    children.insert(end, _html("</strong>"))
    children.insert(0, _html(view.tag("strong", **{"class": "callout-title"})))


def _task(view: _View, item: Token, below: Sequence[Token]) -> None:
    state = "done" if item.meta.pop("checked") else "open"
    view.own(item, **{"class": "task"})
    if len(below) == 2 and below[1].type == "inline":
        box = view.tag("span", role="img", aria_label=state, **{"class": f"box {state}"})
        below[1].children = [_html(f"{box}</span>"), *(below[1].children or [])]


def _table(view: _View, token: Token) -> None:
    """Frame a table, which may be wider than the page: it scrolls by itself, also by keyboard."""
    opening = token.type == "table_open"
    token.type = "html_inline"
    frame = view.tag("div", role="region", aria_label="table", tabindex="0", **{"class": "scroll"})
    token.content = f"{frame}<table>\n" if opening else "</table></div>\n"


def _cell(view: _View, tokens: Sequence[Token]) -> None:
    """Keep the alignment of a cell, and let an empty heading of a column or row be no heading."""
    opening, inline, closing = tokens
    if style := opening.attrs.pop("style", None):
        view.own(opening, **{"class": str(style).partition(":")[2]})
    if not inline.content.strip():
        opening.tag = closing.tag = "td"


def _inline(view: _View, children: Iterable[Token], line: int | None, seen: set[int]) -> Iterable[Token]:
    """Yield the tokens of running text, with an anchor at each line after the first."""
    for token in children:
        yield _inline_token(view, token)
        if token.type in ("softbreak", "hardbreak") and line is not None:
            line += 1
            if name := _claim(line, seen):
                yield _html(view.tag("span", id=name) + "</span>")


def _inline_token(view: _View, token: Token) -> Token:
    match token.type:
        case "wikilink" | "embed":
            return _html(_wikilink(view, token))
        case "image":
            return _html(_picture(view, str(token.attrGet("src") or ""), token.content))
        case "math_inline" | "math_inline_double":
            dollars = "$" if token.type == "math_inline" else "$$"
            if drawn := view.formula(token.content, display=dollars == "$$"):
                return _html(drawn)
            text = escape(f"{dollars}{token.content}{dollars}")
            return _html(f"{view.tag('code', **{'class': 'math'})}{text}</code>")
        case "html_inline":
            return _html(_IMG.sub(lambda image: _alt(view, image), token.content))
        case "text" if block := _BLOCK_ID.search(token.content):
            return _html(f'{escape(token.content[: block.start()])}<span id="^{block[1]}"></span>')
        case "link_open":
            _local(view, token)
    return token


def _wikilink(view: _View, token: Token) -> str:
    target, anchor = token.meta["target"], token.meta["anchor"]
    if _IMAGE.search(target):
        return _picture(view, "", token.content if token.content != target else target)
    fragment = f"#{anchor if anchor.startswith('^') else _slug(anchor)}" if anchor else ""
    address = view.resolve(target) if target else ""
    named = " › ".join(filter(None, (target, "" if anchor.startswith("^") else anchor)))
    words = escape(named if named and token.content == f"{target}#{anchor}" else token.content)
    if address is None:
        return f"{view.tag('span', **{'class': 'missing'})}{words}</span>"
    href = address + (fragment.replace("#", "#note-", 1) if address else fragment)
    return f'<a href="{escape(href)}">{words}</a>'


def _org_link(link: re.Match[str]) -> str:
    """Write a link of org, `[[target][text]]`, as Markdown; only those to the web lead anywhere."""
    target, text = link.groups()
    return f"[{text}](<{target}>)" if target.startswith(("http://", "https://")) else text


def _org_formula(formula: re.Match[str]) -> str:
    r"""Write a formula of org, `\(x\)` or `\[x\]`, as Markdown."""
    return f"${(formula[1] or formula[2]).strip()}$"


def _picture(view: _View, source: str, alt: str) -> str:
    """Write the words of an image: the page loads none, but leads to those that lie on the web."""
    words = escape(alt or unquote(source.rpartition("/")[2]) or "image")
    if source.startswith(("http://", "https://")):
        words = f'<a href="{escape(source)}">{words}</a>'
    return f"{view.tag('span', **{'class': 'image'})}{words}</span>"


def _alt(view: _View, image: re.Match[str]) -> str:
    alt = _ALT.search(image[0])
    return _picture(view, "", unescape(next(filter(None, alt.groups()), "")) if alt else "")


def _local(view: _View, token: Token) -> None:
    """Lead a relative link to the note's page; a link to what the library does not hold leads nowhere."""
    href = str(token.attrGet("href") or "")
    try:
        parts = urlsplit(href)
    except ValueError:
        return
    if parts.scheme or parts.netloc or not parts.path:
        return
    address = view.resolve(unquote(parts.path))
    if address is None:
        token.attrs.pop("href")
    else:
        token.attrSet("href", f"{address}#note-{_slug(unquote(parts.fragment))}" if parts.fragment else address)
