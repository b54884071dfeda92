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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.gfm import gfm_plugin

from indexer.parsing.inline import bounded_addresses, bounded_plugin
from indexer.parsing.obsidian import obsidian_plugin
from indexer.parsing.prepare import front_matter, mask
from indexer.types import Lines
from service.blocks import CODE, LEAVES, block, cell, outline, table, task
from service.callouts import with_callouts
from service.formulas import is_wide
from service.inlines import inline
from service.marks import marks_plugin
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
_ORG_LINK = re.compile(r"\[\[([^\]\[]+)\]\[([^\]\[]+)\]\]")
_ORG_FORMULA = re.compile(r"\\\(((?:(?!\\[(\[]).){1,2000}?)\\\)|\\\[((?:(?!\\[(\[]).){1,2000}?)\\\]")
_ROW = re.compile(r"^\|\s*+(.*\S|)\s*+\|$")
_LEAD = re.compile(r"^(?:[-*+>][ \t]+|#{1,6}[ \t]+)*(?:\[[ xX-]\][ \t]+)?")


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
    view = View(secrets.token_hex(8), links, cited, title, (number,), render=_rendered)
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


def _sanitised(html: str, view: View, tags: frozenset[str]) -> str:
    mark, taken = view.mark, set[str]()

    def keep(_tag: str, attribute: str, value: str) -> str | None:
        ours = value.startswith(mark)
        value = value.removeprefix(mark)
        if mark in value:  # a quote that a note left open has swallowed what we wrote
            return None
        if ours:
            return value
        if attribute == "id":
            if view.embedded or value in taken:  # what a note calls two things alike leads to the first
                return None
            taken.add(value)
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
    md = (
        MarkdownIt("commonmark", {"maxNesting": 300})
        .use(bounded_plugin)
        .use(gfm_plugin)
        .use(bounded_addresses)
        .use(obsidian_plugin)
        .use(marks_plugin)
    )
    md.use(dollarmath_plugin, allow_blank_lines=False, double_inline=True)
    md.options["alerts"] = False  # Obsidian's callouts are more than GitHub's five
    md.core.ruler.push("footnote_page", _rewrite)
    return md


def _rewrite(state: StateCore) -> None:
    """Give blocks their lines, mark what is cited, and turn what Markdown has no element for into HTML."""
    view: View = state.env["view"]
    anchors: list[tuple[int, int]] = []  # where in the tokens a line begins
    tokens = state.tokens = list(with_callouts(view, state.tokens))
    outline(view, tokens)
    for i, token in enumerate(tokens):
        if token.type == "list_item_open":
            task(view, token, tokens[i + 1 : i + 3])
        elif token.type in ("table_open", "table_close"):
            table(view, token)
        elif token.type in ("th_open", "td_open"):
            cell(view, tokens[i : i + 3])
        elif token.type == "inline":
            first = token.map[0] + 1 if token.map else None
            token.children = list(inline(view, token.children or [], first))
        if token.map and (token.type in LEAVES or token.type in CODE):
            anchors.append((token.map[0] + 1, i))
            block(view, tokens, i)
    missing = [first for first, _ in view.cited if first not in view.lines]
    for line in sorted(missing, reverse=True):
        at = max((i for start, i in anchors if start <= line), default=0)
        tokens.insert(at, raw(view.tag("span", id=f"L{line}") + "</span>"))


def _org_link(link: re.Match[str]) -> str:
    """Write a link of org, `[[target][text]]`, as Markdown; only those to the web lead anywhere."""
    target, text = link.groups()
    return f"[{text}](<{target}>)" if target.startswith(("http://", "https://")) else text


def _org_formula(formula: re.Match[str]) -> str:
    r"""Write a formula of org, `\(x\)` or `\[x\]`, as Markdown."""
    return f"${(formula[1] or formula[2]).strip()}$"
