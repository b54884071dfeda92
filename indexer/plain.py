"""What a reader sees of a line of markup: for terminals, and for pieces of a paragraph that was cut."""

from __future__ import annotations

import html
import re

_RULES: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (mark, re.compile(pattern), replacement)
    for mark, pattern, replacement in (
        ("%%", r"%%", ""),
        ("^", r"(?:^|\s)\^[A-Za-z0-9-]+\s*$", ""),  # a block id
        (">", r"^(?:>\s?)+(?:\[![\w-]+\][+-]?\s?)?", ""),  # a quote, a callout in it
        ("[!", r"^\[![\w-]+\][+-]?\s?", ""),  # a callout
        ("|", r"^\|\s*+(.*\S|)\s*+\|$", r"\1"),  # a row of a table
        ("[^", r"\[\^[^\]\[\s]+\]:?", ""),  # a footnote
        ("[[", r"!?\[\[[^\]|\[]*\|((?:[^\]\[]|\[(?!\[))+)\]\]", r"\1"),  # [[note|alias]]
        ("[[", r"\[\[[^\]\[]+\]\[([^\]]+)\]\]", r"\1"),  # org: [[target][text]]
        ("[[", r"!?\[\[([^\]\[|]+)\]\]", r"\1"),
        ("](", r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)", r"\1"),
        ("<", r"<(https?://[^<>\s]+)>", r"\1"),
        ("<", r"<sup\b[^<>]*>", "^"),
        ("<", r"<sub\b[^<>]*>", "_"),
        ("<", r"</?[A-Za-z][^<>]*>", ""),
        ("", r"(?<!\\)(\*\*|__|~~|==)(?=\S)(.{1,500}?)(?<=[^\s\\])\1", r"\2"),
        ("*", r"(?<![\w*\\])\*(?=[^\s*])([^*]+?)(?<=[^\s*\\])\*(?![\w*])", r"\1"),
        ("_", r"(?<![\w\\])_(?=[^\s_])([^_]+?)(?<=[^\s_\\])_(?!\w)", r"\1"),
        ("`", r"(?<!`)`+([^`]+)`+", r"\1"),
        ("\\", r"\\([*_\[\]`#~<>|-])", r"\1"),
    )
)
"""What a text must hold for a rule to apply, and the rule: most texts have one or two of these marks."""

_MARKS = re.compile(r"[*_~=`\[\\<>&^%|]")
"""Every rule needs one of these characters; most prose has none."""


def plain(markup: str) -> str:
    """Strip the inline markup of Markdown, Obsidian and org from a text, and fold its white space."""
    if not _MARKS.search(markup):
        return " ".join(markup.split())
    text = markup
    for mark, pattern, replacement in _RULES:
        if mark in text:
            text = pattern.sub(replacement, text)
    return " ".join(html.unescape(text).split())
