"""The part of a note that a link names: a section by its heading, a block by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from indexer.parsing.prepare import front_matter, mask
from indexer.plain import plain
from indexer.types import Lines

_BLOCK_ID = re.compile(r"(?:^|\s)\^([A-Za-z0-9-]+)\s*$")
_BLOCKS = frozenset(
    {
        *("list_item_open", "paragraph_open", "heading_open", "table_open", "fence", "code_block", "math_block"),
        *("blockquote_open", "html_block"),
    }
)


def slug(heading: str) -> str:
    """Turn a heading into the name by which GitHub links to it."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def fragment(anchor: str) -> str:
    """Turn what stands behind the `#` of a wikilink into the id it leads to; of `A#B` that of B."""
    return anchor if anchor.startswith("^") else slug(plain(anchor.rpartition("#")[2]))


def excerpt(lines: Sequence[str], anchor: str) -> Lines | None:
    """Find the lines (from 1) of a note that an anchor names, all without one; None when there is no such part.

    A section goes on to the next heading that is no deeper.
    """
    _, first = front_matter(lines)
    if not anchor:
        return (first + 1, len(lines)) if len(lines) > first else None
    masked, _ = mask(lines)
    masked[:first] = [""] * first
    tokens = _parser().parse("\n".join(masked), {})
    if anchor.startswith("^"):
        return _block(lines, tokens, anchor[1:])
    return _section(tokens, fragment(anchor), len(lines))


@cache
def _parser() -> MarkdownIt:
    """Make a parser that tells blocks apart and reads nothing in them."""
    md = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, allow_blank_lines=False)
    md.core.ruler.enableOnly(["normalize", "block"])
    return md


def _section(tokens: Sequence[Token], name: str, last: int) -> Lines | None:
    found: tuple[str, int] | None = None
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open" or opening.map is None:
            continue
        if found and opening.tag <= found[0]:
            return found[1], opening.map[0]
        if not found and slug(plain(inline.content)) == name:
            found = opening.tag, opening.map[0] + 1
    return (found[1], last) if found else None


def _block(lines: Sequence[str], tokens: Sequence[Token], name: str) -> Lines | None:
    """Find the innermost block that ends with an id; an id in a paragraph of its own names the block before."""
    blocks = [(token.map[0] + 1, token.map[1]) for token in tokens if token.map and token.type in _BLOCKS]
    for n, line in enumerate(lines, 1):
        if not ((match := _BLOCK_ID.search(line)) and match[1].lower() == name.lower()):
            continue
        if line.strip() == f"^{match[1]}" and (before := [one for one in blocks if one[1] < n]):
            end = max(last for _, last in before)
            return min(one for one in before if one[1] == end)
        around = [one for one in blocks if one[0] <= n <= one[1]]
        return max(around, key=lambda one: (one[0], -one[1])) if around else (n, n)
    return None
