"""What is done to the lines of a Markdown file before they are parsed: nothing moves, some things are hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

LONGEST_LINE = 50_000
"""Lines of more characters than this are data, not markup: they are kept as plain text."""

MARKER = re.compile(r"^(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|$))*(?:\[.\](?:[ \t]+|$))?")
"""What stands before the words of a line: marks of quotes, bullets, numbers, a box."""

_BARE_BULLET = re.compile(r"^[ \t]*[-*+][ \t]*$")
_STRAY_NUMBER = re.compile(r"^([^\x00-\x7f]{1,4})(\d{1,4})[.)][ \t]+\S")
_NUMBER = re.compile(r"^[ \t]*(\d{1,9})[.)](?:[ \t]|$)")
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})")
_ATTRIBUTES = re.compile(r"^[ \t]*\{:.*\}[ \t]*$")


def mask(lines: Sequence[str]) -> tuple[list[str], set[int]]:
    """Hide from the parser what it would misread, keeping every line where it is.

    Returns the lines to parse and the indices of those that are plain text. Masked are: an empty bullet
    right under text (Markdown would take `-` for the underline of a heading), stray characters of a broken
    encoding before the number that comes next in a list, attribute lists of kramdown, lines too long to be markup, and
    white space that Markdown does not know as such (a line with a form feed would open a paragraph).
    """
    masked, plain, fence, number = list(lines), set[int](), "", 0
    for i, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            masked[i] = ""
            plain.add(i)
            continue
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = ""
            continue
        if fence:
            continue
        if ordered := _NUMBER.match(line):
            number = int(ordered[1])
        elif (stray := _STRAY_NUMBER.match(line)) and int(stray[2]) == number + 1:
            number += 1
            masked[i] = " " * len(stray[1]) + line[len(stray[1]) :]
            if i and not masked[i].startswith("    "):
                masked[i] = masked[i].lstrip(" ")
        elif (
            not line.strip()
            or _ATTRIBUTES.match(line)
            or (_BARE_BULLET.match(line) and i and lines[i - 1].strip() and not _opens(lines, i))
        ):
            masked[i] = ""
    return masked, plain


def _opens(lines: Sequence[str], i: int) -> bool:
    """Whether the empty bullet in line i holds the indented lines below it."""
    below = lines[i + 1] if i + 1 < len(lines) else ""
    return bool(below.strip()) and indent(below) > indent(lines[i])


def indent(line: str) -> int:
    """How far a line is indented, in columns, marks of quotes left aside."""
    stripped = line.lstrip(" \t>")
    return len(line[: len(line) - len(stripped)].expandtabs(4))


def front_matter(lines: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The YAML between the two `---` at the top, and how many lines it takes; ({}, 0) when there is none."""
    if not lines or lines[0].rstrip() != "---":
        return {}, 0
    end = next((i for i in range(1, len(lines)) if lines[i].rstrip() in ("---", "...")), 0)
    if not end:
        return {}, 0
    body = lines[1:end]
    try:
        data = yaml.load("\n".join(body), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders
    except (yaml.YAMLError, ValueError, RecursionError):
        data = dict(pair for line in body if (pair := _pair(line)))
    return (data, end + 1) if isinstance(data, dict) else ({}, 0 if any(line.strip() for line in body) else end + 1)


def _pair(line: str) -> tuple[str, str] | None:
    key, colon, value = line.partition(":")
    return (key.strip(), value.strip().strip("\"'")) if colon and key.strip() and not key[0].isspace() else None
