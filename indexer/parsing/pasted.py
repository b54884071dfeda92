"""Files that were pasted into a note as text, such as `![](data:image/png;base64,…)`: their bytes say nothing.

The form is that of RFC 2397. Parsers read the lines without these bytes; the lines themselves, what is quoted of them
and where it stands stay as they are on disk, and no quote holds such a file: one ends before it, another begins behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LEAST = 80
"""Data of fewer characters is left: an example may be what a note is about."""

HIDDEN = "\0"
"""What stands for each character of a pasted file; decoded text holds none."""

_KIND = r"\bdata:[\w.+-]{1,80}/[\w.+-]{1,80}(?:;[\w.-]{1,80}=[\w.%-]{1,80})*"
_BYTES = rf"""(?>
    ;base64,[A-Za-z0-9_+/=%-]{{{LEAST},}}
    (?:\n[\ \t]*[A-Za-z0-9_+/-]{{40,}}={{0,2}}(?=[\s"')>\]]|\Z))*  # it may run on over lines,
    (?:\n[\ \t]*[A-Za-z0-9_+/-]+={{0,2}}(?=["')>\]]))?             # the last one short, closed by what is around it
  | (?:;[\w.-]{{1,80}})?,[^\s"'<>()\[\]]{{{LEAST},}}
)"""
_FILE = _KIND + _BYTES
_CUT = re.compile(f"({_KIND}){_BYTES}", re.VERBOSE)
_MARKUP = re.compile(
    rf"""
    !?\[(?=[^\]\[]*\]\([\ \t]*<?{_FILE})   # in Markdown, what stands in the brackets is shown
  | \]\([\ \t]*<?{_FILE}>?[^)\n]*\)
  | \[\[{_FILE}\](?:\[[^\]\[]*\])?\]
  | <\w[^<>]*?{_FILE}[^<>]*>
  | {_FILE}
    """,
    re.VERBOSE,
)
_NOT_END = re.compile(r"[^\n]")


def without_bytes(lines: Sequence[str]) -> list[str]:
    """Cut the bytes of pasted files out of lines: `data:image/png,` is left, and every line keeps its number."""
    text = "\n".join(lines)
    if "data:" not in text:
        return list(lines)
    return _CUT.sub(lambda match: f"{match[1]}," + "\n0" * match[0].count("\n"), text).split("\n")


def hidden(text: str) -> str:
    """Put HIDDEN for each character of pasted files and the markup around them; line ends stay."""
    return _MARKUP.sub(lambda match: _NOT_END.sub(HIDDEN, match[0]), text) if "data:" in text else text
