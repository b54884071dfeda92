"""Inline markup in bounded time: what would take too long to resolve stays as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline, RuleFuncInlineType
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, backtick, html_inline, image, link
from markdown_it.token import Token
from markdown_it.utils import EnvType

PIECE_CHARS = 4_000
"""A paragraph of more characters is read in pieces of whole lines, at most so long where its lines allow it."""

STEPS_PER_CHAR = 16
"""How far brackets may be looked ahead from: prose takes 1 or 2 steps a character, unclosed brackets thousands."""

_STEPS = "inline steps left"


class _TooManySteps(Exception):
    """The markup of a paragraph cannot be resolved in the steps allowed."""


class _BoundedInline(ParserInline):
    """markdown-it's inline parser, whose look-ahead is counted: it is quadratic in brackets that never close."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        if _STEPS in env:  # the text of an image: part of the paragraph around it
            return super().parse(src, md, env, tokens)
        env[_STEPS] = STEPS_PER_CHAR * len(src) + 1_000
        try:
            return super().parse(src, md, env, tokens)
        except (_TooManySteps, RecursionError):
            tokens[:] = _as_written(src)
            return tokens
        finally:
            del env[_STEPS]

    def skipToken(self, state: StateInline) -> None:  # noqa: N802 - markdown-it's name
        state.env[_STEPS] -= 1
        if state.env[_STEPS] < 0:
            raise _TooManySteps
        super().skipToken(state)


def bounded_plugin(md: MarkdownIt) -> None:
    """Make a parser read inline markup in time linear in its length; use it before plugins that add inline rules."""
    md.inline = _BoundedInline()
    md.core.ruler.at("inline", _inline)
    for name, rule in (("backticks", backtick), ("link", link), ("image", image), ("html_inline", html_inline)):
        md.inline.ruler.at(name, _counted(rule))


def bounded_addresses(md: MarkdownIt) -> None:
    """Have bare addresses looked for near their marks only; use it after the plugin that finds them.

    At every mark it looks at all the text before and behind: a long line of them would take the square of its length.
    """
    rules = {one.name: one.fn for one in md.inline.ruler.__rules__}
    for name, mark in (("gfm_autolink_www", "w"), ("gfm_autolink_protocol", ":"), ("gfm_autolink_email", "@")):
        md.inline.ruler.at(name, _near(rules[name], mark))


_SCHEMES = ("http", "https", "mailto", "xmpp")
_MOST_BEFORE = 256
"""So much of an address may stand before its mark: a scheme, or a name, which has 64 characters at most (RFC 5321)."""


def _near(rule: RuleFuncInlineType, mark: str) -> RuleFuncInlineType:
    """A rule for addresses that is shown a piece of the text around a mark."""

    def near(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the rule's signature is markdown-it's
        if silent or state.src[state.pos] != mark or (mark == ":" and not state.pending[-6:].endswith(_SCHEMES)):
            return False  # none of the rules finds anything while it only looks ahead
        if len(state.pending) > 4 * _MOST_BEFORE:
            state.pending, before = state.pending[:-_MOST_BEFORE], state.pending[-_MOST_BEFORE:]
            state.pushPending()
            state.pending = before
        end = state.posMax
        state.posMax = min(end, state.pos + PIECE_CHARS)
        try:
            return rule(state, silent)
        finally:
            state.posMax = end

    return near


def line_breaks(token: Token) -> int:
    """How many line ends of the source an inline token holds."""
    if token.type in ("softbreak", "hardbreak"):
        return 1
    return token.content.count("\n") if token.type == "math_inline" else int(token.meta.get("breaks", 0))


def _counted(rule: RuleFuncInlineType) -> RuleFuncInlineType:
    """A rule whose last token tells the line ends that the markup holds and its other tokens do not show."""

    def counted(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the rule's signature is markdown-it's
        start, before = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        if not silent and (breaks := state.src.count("\n", start, state.pos)):
            state.tokens[-1].meta["breaks"] = breaks - sum(map(line_breaks, state.tokens[before:]))
        return True

    return counted


def _inline(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline":
            token.children = []
            for k, piece in enumerate(_pieces(token.content)):
                if k:
                    token.children.append(Token("softbreak", "br", 0))
                token.children += state.md.inline.parse(piece, state.md, state.env, [])


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE_CHARS:
        end = text.rfind("\n", start, start + PIECE_CHARS)
        end = end if end > start else text.find("\n", start + PIECE_CHARS)
        if end < 0:
            break
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _as_written(src: str) -> list[Token]:
    tokens: list[Token] = []
    for k, line in enumerate(src.split("\n")):
        if k:
            tokens.append(Token("softbreak", "br", 0))
        tokens.append(Token("text", "", 0, content=line))
    return tokens
