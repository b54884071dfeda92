"""Code in the colours of its language: which words are what is Pygments' to say, how they look the style sheet's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

LONGEST = 20_000
"""Code of more characters stays in one colour, and so does code with a line of more than LONGEST_LINE."""

LONGEST_LINE = 2_000

_CLASSES = {
    "Comment": "tok-comment",
    "Keyword": "tok-keyword",
    "Operator.Word": "tok-keyword",
    "Name.Builtin": "tok-name",
    "Name.Function": "tok-name",
    "Name.Class": "tok-name",
    "Name.Tag": "tok-keyword",
    "Name.Attribute": "tok-name",
    "Name.Decorator": "tok-meta",
    "Name.Entity": "tok-meta",
    "Literal.Number": "tok-number",
    "Literal.String": "tok-string",
    "Literal.Date": "tok-number",
    "Generic.Inserted": "tok-string",
    "Generic.Deleted": "tok-meta",
    "Generic.Heading": "tok-keyword",
    "Generic.Prompt": "tok-comment",
}
"""The class of a kind of token, and of all kinds below it; the others look like text."""


def coloured(code: str, language: str) -> list[str] | None:
    """Write each line of code as HTML, its tokens in spans; None where the language is unknown or the code too long."""
    if not language or len(code) > LONGEST or max(map(len, code.split("\n"))) > LONGEST_LINE:
        return None
    lexer = _lexer(language.lower())
    if lexer is None:
        return None
    found = list(lexer.get_tokens(code))
    if "".join(text for _, text in found) != code:  # what is shown is what is written
        return None
    return list(_lines(found))


def _lines(found: list[tuple[_TokenType, str]]) -> Iterator[str]:
    line = ""
    for name, tokens in groupby(found, key=lambda token: _class(token[0]) if token[1].strip() else None):
        first, *others = "".join(text for _, text in tokens).split("\n")
        line += _span(name, first)
        for other in others:
            yield line
            line = _span(name, other)
    yield line


def _span(name: str | None, text: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name and text else escape(text)


@cache
def _class(kind: _TokenType) -> str | None:
    steps = str(kind).split(".")[1:]  # Token.Name.Function.Magic
    return next((_CLASSES[name] for n in range(len(steps), 0, -1) if (name := ".".join(steps[:n])) in _CLASSES), None)


@lru_cache(64)
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language in _languages() else None


@cache
def _languages() -> frozenset[str]:
    """The names of all languages; to ask Pygments for another makes it look through every package there is."""
    from pygments.lexers import get_all_lexers

    return frozenset(name.lower() for _, names, *_ in get_all_lexers(plugins=False) for name in names)
