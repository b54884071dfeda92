"""The rules of Obsidian's Markdown that no plugin has: wikilinks, embeds, comments, block ids, tags, callouts."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

LONGEST_TARGET = 1_000
"""A wikilink of more characters, alias included, is none."""

_CALLOUT = re.compile(r"^\[!([\w-]+)(?:\|[^\]]*)?\][+-]?[ \t]*")
_BLOCK_ID = re.compile(r"(?:^|[ \t])\^[A-Za-z0-9-]+[ \t]*$")
_TAG = re.compile(r"(?<![\w/#&;])#((?=[^\W_]*[^\W\d])[\w/-]+)")


def obsidian_plugin(md: MarkdownIt) -> None:
    """Add wikilinks, embeds and comments to a parser.

    A wikilink becomes a token `wikilink`, an embed a token `embed`; both with `meta` {target, anchor} and, as
    `content`, the text that a reader sees. The marks of a comment (`%%`) leave no trace; its words stay.
    """
    md.inline.ruler.before("link", "wikilink", _wikilink)
    md.inline.ruler.before("link", "comment_mark", _comment_mark)
    md.inline.add_terminator_char("%")


def _wikilink(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the rule's signature is markdown-it's
    start = state.pos
    embed = state.src.startswith("![[", start)
    if not embed and not state.src.startswith("[[", start):
        return False
    opening = start + (3 if embed else 2)
    end = state.src.find("]]", opening, min(opening + LONGEST_TARGET, state.posMax))
    inner = state.src[opening:end]
    if end < 0 or not inner.strip() or "\n" in inner or "[[" in inner:
        return False
    if not silent:
        path, _, alias = inner.partition("|")
        path = path.rstrip("\\")  # inside a table the bar is written \|
        target, _, anchor = path.partition("#")
        token = state.push("embed" if embed else "wikilink", "", 0)
        token.content = alias.strip() or path.strip()
        token.meta = {"target": target.strip(), "anchor": anchor.strip()}
    state.pos = end + 2
    return True


def _comment_mark(state: StateInline, silent: bool) -> bool:  # noqa: FBT001, ARG001 - markdown-it's signature
    if not state.src.startswith("%%", state.pos):
        return False
    state.pos += 2
    return True


def callout(text: str) -> tuple[str | None, str]:
    """Split a block quote's text into the callout's type and the rest: `[!note]- Title` → ("note", "Title")."""
    match = _CALLOUT.match(text)
    return (match[1].lower(), text[match.end() :]) if match else (None, text)


def without_block_id(text: str) -> str:
    """Drop a block id (`^d1f2a3`) from the end of a block's text."""
    return _BLOCK_ID.sub("", text)


def tags_in(text: str) -> list[str]:
    """The `#tags` of a text, without `#`; a number alone is none."""
    return _TAG.findall(text)
