"""The words of HTML in notes."""

from __future__ import annotations

import html
import re

_TAG_NAME = re.compile(r"^<(/?)([A-Za-z][\w-]*)")
_TAG_TEXT = {
    "sup": "^", "sub": "_",
    **dict.fromkeys(("br", "p", "td", "th", "tr", "li", "div", "summary", "details", "h1", "h2", "h3", "h4"), " "),
}  # fmt: skip
_MARKUP = re.compile(
    r"<!--.*?-->|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[/!?]?[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>",
    re.DOTALL | re.IGNORECASE,
)


def tag_text(tag: str) -> str:
    """What a reader sees of one inline tag: `<sup>` → ^, `<br>` → a space, most → nothing."""
    match = _TAG_NAME.match(tag)
    return _TAG_TEXT.get(match[2].lower(), "") if match and not match[1] else ""


def html_text(markup: str) -> str:
    """The words of a piece of HTML, white space folded; scripts, styles, comments and pictures say nothing."""
    closed = markup.rfind("-->") + 1
    markup = markup[:closed] + markup[closed:].replace("<!--", " ")  # a comment that never closes hides nothing
    return " ".join(html.unescape(_MARKUP.sub(lambda match: tag_text(match[0]), markup)).split())
