"""Org files as Markdown, line for line, so that one renderer shows both and every line stays where it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.parsing import org

_CODE = "`````"
_MARKS = dict(zip("*/_+", ("strong", "em", "u", "del"), strict=True))
_SPECIAL = re.compile(r"[\\`*_\[\]<>~#|$&=%^]")
_INNER = re.compile(r"^(?:\\\[|\$\$|\\\(|\$)(.*?)(?:\\\]|\$\$|\\\)|\$)$", re.DOTALL)
_BRACKETS = re.compile(r"[\[\]|]")
_TICKS = re.compile(r"`+")
_ORDINAL = re.compile(r"^(\d{1,9})([.)])(?=[ \t]|$)")
_TERM = re.compile(r"^(.{1,200}?)[ \t]+::(?=[ \t]|$)")


def as_markdown(lines: Sequence[str]) -> list[str]:
    """Write the lines of an org file in Markdown: as many, each saying what it said.

    Drawers, comments and keywords become empty lines, as Org hides them too.
    """
    return _Writer(lines).run()


@dataclass(slots=True)
class _Writer:
    """Goes over the lines once: the text that is being read, the items around it, whether it is quoted."""

    lines: Sequence[str]
    made: list[str] = field(default_factory=list)
    text: list[tuple[str, str]] = field(default_factory=list)  # what goes before a line, and its words
    items: list[tuple[int, int]] = field(default_factory=list)  # how far an item is indented here, and its text there
    quote: str = ""

    def run(self) -> list[str]:
        headings, ends = org.headings(self.lines), org.Ends(self.lines)
        i = 0
        while i < len(self.lines):
            line = self.lines[i]
            if heading := headings.get(i):
                self.items, self.quote = [], ""
                box = {"open": "☐ ", "done": "☑ ", "none": ""}[heading.state]
                self._line(f"{'#' * min(heading.level, 6)} {box}{inline(heading.text)}")
            elif not line.strip():
                self._line("")
            elif frame := org.FRAME.match(line):
                close = ends.after(i, f"end_{frame[2].lower()}", len(self.lines))
                i = self._frame(frame, i, close)
            elif org.DRAWER.match(line) and line.strip().lower() in (":properties:", ":logbook:"):
                close = ends.after(i, "drawer", len(self.lines))
                i = self._blank(i, i if close is None else close)
            elif (environment := org.ENVIRONMENT.match(line)) or org.FORMULA.match(line):
                i = self._formula(i, ends, environment)
            elif org.TABLE.match(line):
                i = self._table(i)
            elif org.FIXED_WIDTH.match(line):
                goes_on = i + 1 < len(self.lines) and org.FIXED_WIDTH.match(self.lines[i + 1])
                self._line(self._inside(line) + _code(line.strip()[1:].strip() or " ") + ("\\" if goes_on else ""))
            elif caption := re.match(r"[ \t]*#\+caption(?:\[.*?\])?:[ \t]*(.*)", line, re.IGNORECASE):
                self._line(f"{self._inside(line)}{inline(caption[1])}")
            elif any(rule.match(line) for rule in (org.COMMENT, org.KEYWORD, org.CLOCK, org.DRAWER)):
                self._line("")
            elif org.RULER.match(line):
                self._line("***")
            else:
                self._words(line)
            i += 1
        self._flush()
        return self.made

    def _line(self, markdown: str) -> None:
        self._flush()
        self.made.append(f"{self.quote}{markdown}".rstrip())

    def _flush(self) -> None:
        """Write the text that was read, whose markup may go on from line to line."""
        if self.text:
            written = inline("\n".join(words for _, words in self.text)).split("\n")
            self.made += [before + words for (before, _), words in zip(self.text, written, strict=True)]
            self.text = []

    def _blank(self, first: int, last: int) -> int:
        """Write empty lines in place of some; the last of them."""
        for _ in range(first, last + 1):
            self._line("")
        return last

    def _inside(self, line: str) -> str:
        """Leave the items that a line does not belong to; the white space that puts it into the one left."""
        indent = _indent(line)
        while self.items and self.items[-1][0] >= indent:
            self.items.pop()
        return " " * (self.items[-1][1] if self.items else 0)

    def _words(self, line: str) -> None:
        item = org.ITEM.match(line)
        if not item:
            footnote = org.FOOTNOTE.match(line)
            before = self.quote + (
                self._inside(line) if not self.text else " " * (len(self.text[-1][0]) - len(self.quote))
            )
            if footnote:
                self._flush()
                before = f"[^{footnote[0].strip()[4:-1]}]: "
            self.text.append((before, line[footnote.end() if footnote else 0 :].strip()))
            return
        self._flush()
        before = self._inside(line)
        ordinal = _ORDINAL.match(line.strip())
        marker = f"{item[3] or ordinal[1]}{ordinal[2]} " if ordinal else "- "
        box = {None: "", " ": "[ ] ", "-": "[/] "}.get(item[4], "[x] ")
        self.items.append((_indent(line), len(before) + len(marker)))
        words = line[item.end() :].strip()
        if term := _TERM.match(words):
            words = f"*{term[1]}* {words[term.end() :].strip()}"
        self.text.append((f"{self.quote}{before}{marker}{box}", words))

    def _frame(self, frame: re.Match[str], i: int, close: int | None) -> int:
        name, line = frame[2].lower(), self.lines[i]
        if frame[1].lower() == "end" or close is None:
            self._line("")
            self.quote = ""
        elif name in org.VERBATIM_FRAMES:
            before = self._inside(line)
            words = line[frame.end() :].split()
            language = words[0] if name == "src" and words else name if name == "html" else ""
            self._line(f"{before}{_CODE}{language}")
            for inner in self.lines[i + 1 : close]:
                bare = inner[min(_indent(line), len(inner) - len(inner.lstrip())) :]
                self._line(before + org.ESCAPE.sub(r"\1", bare))
            self._line(before + _CODE)
            return close
        elif name == "comment":
            return self._blank(i, close)
        else:
            self._line("")
            self.quote = "> " if name in ("quote", "verse") else self.quote
        return i

    def _formula(self, i: int, ends: org.Ends, environment: re.Match[str] | None) -> int:
        """Write a formula that stands by itself; the last of its lines."""
        line = self.lines[i]
        before = self._inside(line)
        opening = line.strip()[:2]
        mark = f"\\end{{{environment[1]}}}" if environment else "$$" if opening == "$$" else r"\]"
        alone = not environment and line.strip() == opening
        close = ends.after(i + alone, mark, ends.after(i, "blank", len(self.lines)) or len(self.lines))
        if close is None:
            self._words(line)
            return i
        rows = [row.strip() for row in self.lines[i : close + 1]]
        if not environment:
            rows[0], rows[-1] = rows[0][2:], rows[-1] if close > i else rows[0][2:]
            rows[-1] = rows[-1].removesuffix("$$").removesuffix(r"\]")
        rows[0], rows[-1] = f"$${rows[0]}", f"{rows[-1]}$$" if close > i else f"$${rows[-1]}$$"
        for row in rows:
            self._line(before + row)
        return close

    def _table(self, i: int) -> int:
        """Write a table, whose rules Markdown has only below its first row; the last of its lines."""
        last = i
        while last + 1 < len(self.lines) and org.TABLE.match(self.lines[last + 1]):
            last += 1
        before = self._inside(self.lines[i])
        for n, row in enumerate(self.lines[i : last + 1]):
            cells = row.strip().strip("|").split("+" if row.strip().startswith("|-") else "|")
            if row.strip().startswith("|-"):
                columns = "|".join(["---"] * len(cells))
                self._line(
                    f"{before}|{columns}|" if n == 1 else "" if n in (0, last - i) else f"{before}|{'|' * len(cells)}"
                )
            else:
                self._line(f"{before}| {' | '.join(inline(cell.strip()) for cell in cells)} |")
        return last


def inline(text: str) -> str:
    """Write the inline markup of org in Markdown, with a line for each of its lines."""
    gaps, atoms, at = [], [], 0
    for match in org.ATOM.finditer(text):
        gaps.append(text[at : match.start()])
        written = _atom(match)
        atoms.append(written + "\n" * (match[0].count("\n") - written.count("\n")))
        at = match.end()
    gaps.append(text[at:])
    marked = "\0".join(gaps)  # no text holds a NUL
    for mark, emphasis in zip("*/_+", org.EMPHASIS, strict=True):
        marked = emphasis.sub(rf"{_SENTINELS[mark][0]}\1{_SENTINELS[mark][1]}", marked)
    marked = _escaped(marked)
    for mark, name in _MARKS.items():
        opening, closing = _SENTINELS[mark]
        marked = marked.replace(opening, f"<{name}>").replace(closing, f"</{name}>")
    first, *others = marked.split("\0")
    return first + "".join(atom + gap for atom, gap in zip(atoms, others, strict=True))


_SENTINELS = {mark: (chr(0xFDD0 + 2 * n), chr(0xFDD1 + 2 * n)) for n, mark in enumerate("*/_+")}
"""What stands for marks meanwhile: characters that Unicode keeps out of texts."""


def _atom(match: re.Match[str]) -> str:
    """Write what emphasis does not reach into: formulas, links, addresses, code."""
    if match["math"]:
        dollars = "$$" if match["math"].startswith((r"\[", "$$")) else "$"
        inner = _INNER.sub(r"\1", match["math"]).strip()
        return f"{dollars}{inner}{dollars}"
    if match["target"]:
        return _link(" ".join(match["target"].split()), " ".join((match["text"] or "").split()))
    if match["url"]:
        return f"<{match['url']}>"
    if match["gone"]:
        return f"[^{match['gone'][4:-1]}]" if match["gone"].startswith("[fn:") else "\\"
    return _code((match["equals"] or match["tilde"])[1:-1])


def _link(target: str, text: str) -> str:
    shown, link = org.link_of(target, text, 0)
    if link.kind == "url":
        return f"[{_escaped(shown)}](<{link.target}>)"
    if link.kind == "image":
        return "" if link.target.startswith("data:") else f"![{_escaped(text)}](<{link.target}>)"
    place = f"{link.target}#{link.anchor}" if link.anchor else link.target
    return f"[[{_BRACKETS.sub('', place)}|{_BRACKETS.sub('', shown)}]]"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _code(text: str) -> str:
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _indent(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs())
