"""The marks of Obsidian that matter to a reader alone: `==highlights==` and `%%comments%%`."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

LONGEST = 2_000
"""A highlight, or a comment inside of a line, of more characters is none."""


def marks_plugin(md: MarkdownIt) -> None:
    """Add both to a parser that has Obsidian's other rules; comments become tokens `comment` and `comment_block`."""
    md.inline.ruler.before("link", "highlight", _highlight)
    md.inline.add_terminator_char("=")
    md.inline.ruler.at("comment_mark", _comment)
    md.block.ruler.before("fence", "comment_block", _comment_block, {"alt": ["paragraph", "blockquote", "list"]})


def _highlight(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the rule's signature is markdown-it's
    start = state.pos + 2
    if not state.src.startswith("==", state.pos) or state.src[start : start + 1] in ("", " ", "\n", "="):
        return False
    before, after = state.pos, state.posMax
    last, state.pos = min(after, start + LONGEST), start
    while state.pos < last and (state.pos == start or not _closes(state)):
        state.md.inline.skipToken(state)  # what stands in code, formulas and links closes nothing
    end, state.pos = state.pos, before
    if end >= last:
        return False
    if not silent:
        state.pos, state.posMax = start, end
        state.push("mark_open", "mark", 1)
        state.md.inline.tokenize(state)
        state.push("mark_close", "mark", -1)
        state.posMax = after
    state.pos = end + 2
    return True


def _closes(state: StateInline) -> bool:
    return state.src.startswith("==", state.pos) and not state.src[state.pos - 1].isspace()


def _comment(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the rule's signature is markdown-it's
    if not state.src.startswith("%%", state.pos):
        return False
    start = state.pos + 2
    end = state.src.find("%%", start, min(state.posMax, start + LONGEST))
    if not silent and end >= 0:
        state.push("comment", "", 0).content = state.src[start:end]
    state.pos = start if end < 0 else end + 2  # a mark without its other leaves no trace
    return True


def _comment_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    text = _line(state, first)
    if not text.startswith("%%") or "%%" in text[2:]:
        return False
    end = next((n for n in range(first + 1, last) if "%%" in _line(state, n)), None)
    if end is None:
        return False
    if not silent:
        token = state.push("comment_block", "", 0)
        token.map = [first, end + 1]
        token.content = "\n".join(_line(state, n).replace("%%", "") for n in range(first, end + 1)).strip()
        state.line = end + 1
    return True


def _line(state: StateBlock, n: int) -> str:
    return state.src[state.bMarks[n] + state.tShift[n] : state.eMarks[n]]
