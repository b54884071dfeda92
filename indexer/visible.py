"""Text that only says something: what a note, a file's name or a chat model holds must not command a terminal."""

from __future__ import annotations

import sys

STOPPED = "footnote: stopped; what was done is kept"

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
_PICTURES |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str) -> str:
    """A text in which control characters (C0 and C1, ECMA-48) are shown as signs; tabs and line breaks stay."""
    return text if text.isprintable() else text.translate(_PICTURES)


def notice(line: str) -> None:
    """Tell the person something that is no result: on stderr."""
    print(visible(line), file=sys.stderr, flush=True)
