"""Org files → Document: orgparse reads the headings, this module what stands between them.

orgparse keeps no line numbers inside a body, so bodies are read here: one pass over the lines, by an ordered
table of rules. A rule takes a line and the end of its section and returns the line after what it read, or None.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from textwrap import dedent
from typing import TypeAlias

from indexer.dates import read_date
from indexer.parsing.pasted import without_bytes
from indexer.parsing.text import decode, lines_of
from indexer.types import Block, BlockKind, Document, Link, Source, State

TODO_STATES = ("TODO", "NEXT", "STARTED", "WAITING", "HOLD")
DONE_STATES = ("DONE", "CANCELLED", "CANCELED")
"""The states of headings in a file that does not name its own with `#+TODO`."""

LONGEST_HEADING = 300
"""A line of more characters is text, whatever it begins with."""

_HEADING = re.compile(r"(\*+) (.*)")
_TIMESTAMP = re.compile(r"[<\[]\d{4}-\d\d-\d\d[^<>\[\]]*[>\]](?:--(?=[<\[]\d))?|\[(?:\d*/\d*|\d*%)\]")
_STATES = re.compile(r"#\+(?:SEQ_|TYP_)?TODO:(.*)", re.IGNORECASE)

COMMENT = re.compile(r"[ \t]*#(?:[ \t]|$)")
KEYWORD = re.compile(r"[ \t]*#\+([\w-]+)(?:\[[^\]]*\])?:[ \t]*(.*)")
FRAME = re.compile(r"[ \t]*#\+(begin|end)_([^\s:]+)", re.IGNORECASE)
DRAWER = re.compile(r"[ \t]*:([\w-]+):[ \t]*$")
_PROPERTY = re.compile(r"[ \t]*:([^\s:]+):(?:[ \t]+(.*)|$)")
CLOCK = re.compile(r"[ \t]*(?:CLOCK|CLOSED):[ \t]*\[[^\]]*\](?:--\[[^\]]*\])?(?:[ \t]*=>[ \t]*[\d:]+)?[ \t]*$")
RULER = re.compile(r"[ \t]*-{5,}[ \t]*$")
FIXED_WIDTH = re.compile(r"^[ \t]*:(?:[ \t]|$)")
TABLE = re.compile(r"[ \t]*\|")
ENVIRONMENT = re.compile(r"[ \t]*\\begin\{(\w+\*?)\}")
FORMULA = re.compile(r"[ \t]*(\$\$|\\\[)")
FOOTNOTE = re.compile(r"\[fn:[\w-]+\][ \t]*")
ITEM = re.compile(
    r"([ \t]*)(?:[-+]|(?<=[ \t])\*|(\d{1,9})[.)])(?:[ \t]+|$)"
    r"(?:\[@(\d{1,9})\](?:[ \t]+|$))?(?:\[([ xX-])\](?:[ \t]+|$))?"
)
_OPENING = re.compile(
    "|".join(
        rule.pattern
        for rule in (
            COMMENT, KEYWORD, FRAME, DRAWER, CLOCK, RULER, FIXED_WIDTH, TABLE, ENVIRONMENT, FORMULA,
            FOOTNOTE, ITEM,
        )
    ),
    re.IGNORECASE,
)  # fmt: skip
"""What ends a paragraph, whether or not it then turns out to be what it looks like."""

_LATEX_END = re.compile(r"(\\end\{\w+\*?\}|\$\$|\\\])[ \t]*$")
ESCAPE = re.compile(r"^([ \t]*),(?=,*(?:\*|#\+))", re.MULTILINE)
_QUOTED_WORDS = re.compile(r'"([^"]+)"|([^\s"]+)')
_BOX: dict[str | None, State] = {" ": "open", "-": "open", "x": "done", "X": "done", None: "none"}
VERBATIM_FRAMES = frozenset({"src", "example", "export", "html", "latex"})


def parse(source: Source) -> Document:
    """Parse an org file; raise SourceError when the bytes are no text.

    Of pictures that were pasted as data, the bytes are left out.
    """
    source_lines = lines_of(decode(source.data, source.file))
    lines = without_bytes(source_lines)
    reader = _Reader(lines, headings(lines), Ends(lines))
    reader.run()
    return Document(
        source=source,
        kind="note",
        title=_title(reader),
        blocks=tuple(reader.blocks),
        source_lines=tuple(source_lines),
        aliases=_words(reader, "roam_alias", "roam_aliases"),
        tags=tuple(
            dict.fromkeys((*_words(reader, "filetags", "roam_tags", "hugo_tags"), *_keywords(reader), *reader.tags))
        ),
        links=tuple(reader.references),
        date=_date(reader),
    )


def _title(reader: _Reader) -> str | None:
    stated = " ".join(reader.keywords["title"])
    if stated.strip():
        return _inline(stated, 0)[0]
    tops = [block for block in reader.blocks if block.kind == "heading" and block.depth == 1]
    return tops[0].text if len(tops) == 1 and reader.blocks[0] is tops[0] else None


def _keywords(reader: _Reader) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for value in reader.keywords["keywords"] for word in value.split(","))))


def _date(reader: _Reader) -> str | None:
    stated = (value for name in ("date", "created", "hugo_date") for value in reader.keywords[name])
    return next(filter(None, map(read_date, stated)), None)


def _words(reader: _Reader, *names: str) -> tuple[str, ...]:
    """Collect the words (or `"quoted phrases"`, or `:tags:`) that keywords and properties of the file name."""
    values = [value for name in names for value in reader.keywords[name]]
    found = [a or b for value in values for a, b in _QUOTED_WORDS.findall(value)]
    if "filetags" in names:
        found = [tag for word in found for tag in word.replace(",", ":").split(":")]
    return tuple(dict.fromkeys(word for word in found if word))


# -------------------------------------------------------------------------------------------------- headings


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as it is written, without its state and tags."""

    level: int
    text: str
    state: State
    tags: tuple[str, ...]


def headings(lines: Sequence[str]) -> dict[int, Heading]:
    """Read the headings with orgparse: the index of the line → the heading.

    orgparse sees only the lines that matter to headings, without what it chokes on (dates that cannot be).
    """
    import orgparse

    kept: list[tuple[int, str]] = []
    for i, line in enumerate(lines):
        if len(line) <= LONGEST_HEADING and (heading := _HEADING.match(line)):
            kept.append((i, f"{heading[1]} {' '.join(_TIMESTAMP.sub(' ', heading[2]).split())}"))
        elif states := _STATES.match(line):
            active, bar, done = _TIMESTAMP.sub(" ", states[1]).partition("|")
            *rest, last = active.split() or [""]  # without a bar the last state means done
            kept.append((i, f"#+TODO: {active} | {done}" if bar else f"#+TODO: {' '.join(rest)} | {last}"))
    env = orgparse.OrgEnv(todos=TODO_STATES, dones=DONE_STATES, filename="<lines>")
    nodes = orgparse.loadi([line for _, line in kept], env=env).env.nodes[1:]
    return {
        kept[node.linenumber - 1][0]: Heading(
            level=node.level,
            text=node.get_heading("raw"),
            state="none" if not node.todo else "done" if node.todo in env.done_keys else "open",
            tags=tuple(sorted(tag for tag in node.shallow_tags if tag)),
        )
        for node in nodes
    }


# ---------------------------------------------------------------------------------------------------- bodies


class Ends:
    """Where the things end that span lines, by what ends them, so that each end is looked up and not searched for."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._at: dict[str, list[int]] = defaultdict(list)
        for i, line in enumerate(lines):
            for mark in self._marks(line):
                self._at[mark].append(i)

    @staticmethod
    def _marks(line: str) -> Iterator[str]:
        if not line.strip():
            yield "blank"
        if not _PROPERTY.match(line):
            yield "no property"
        if (frame := FRAME.match(line)) and frame[1].lower() == "end":
            yield f"end_{frame[2].lower()}"
        if (drawer := DRAWER.match(line)) and drawer[1].lower() == "end":
            yield "drawer"
        if latex := _LATEX_END.search(line):
            yield latex[1]

    def after(self, i: int, mark: str, end: int) -> int | None:
        """Find the first line with the mark, from line i on and before `end`."""
        at = self._at.get(mark, [])
        k = bisect_left(at, i)
        return at[k] if k < len(at) and at[k] < end else None


@dataclass(frozen=True, slots=True)
class _Item:
    """A list item that text may still belong to; `block` is None for an item that says nothing."""

    indent: int
    depth: int
    block: int | None


@dataclass(slots=True)
class _Reader:
    """Walks the lines once and keeps where it is: headings above, items around, quotes around."""

    lines: Sequence[str]
    headings: dict[int, Heading]
    ends: Ends
    blocks: list[Block] = field(default_factory=list)
    keywords: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tags: list[str] = field(default_factory=list)
    references: list[Link] = field(default_factory=list)
    path: list[tuple[int, str]] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    quote_end: int = 0

    def run(self) -> None:
        for start, end in pairwise(sorted({0, *self.headings, len(self.lines)})):
            self.items = []
            self.quote_end = 0
            i = start
            if start in self.headings:
                self._heading(start)
                i += 1
            while i < end:
                i = next(after for rule in _RULES if (after := rule(self, i, end)) is not None)

    def _heading(self, i: int) -> None:
        heading = self.headings[i]
        self.tags += heading.tags
        self.path = [(level, text) for level, text in self.path if level < heading.level]
        text, links = _inline(heading.text, i + 1)
        if text:
            self.path.append((heading.level, text))
            self._add("heading", (i, i + 1), text, links, depth=min(heading.level, 6), state=heading.state)

    # rules ----------------------------------------------------------------------------------------------

    def blank(self, i: int, end: int) -> int | None:
        if self.lines[i].strip():
            return None
        if i + 1 < end and not self.lines[i + 1].strip():  # two blank lines end every list
            self.items = []
        return i + 1

    def metadata(self, i: int, _end: int) -> int | None:
        """Pass over comments, rulers, and when a task was worked on."""
        line = self.lines[i]
        return i + 1 if COMMENT.match(line) or RULER.match(line) or CLOCK.match(line) else None

    def drawer(self, i: int, end: int) -> int | None:
        drawer = DRAWER.match(self.lines[i])
        if not drawer:
            return None
        name = drawer[1].lower()
        close = self.ends.after(i, "drawer", end)
        if name == "end" or close is None:
            return i + 1 if name == "end" else None
        if name == "properties" and self.ends.after(i, "no property", close) is None:
            self._properties(i + 1, close)
            return close + 1
        if name == "logbook" and self.ends.after(i, "blank", close) is None:
            return close + 1
        return i + 1  # any other drawer holds text like any other

    def _properties(self, start: int, end: int) -> None:
        for i in range(start, end):
            key, value = re.match(_PROPERTY, self.lines[i]).groups("")  # type: ignore[union-attr]
            self.references += [Link("url", match[0], "", i + 1) for match in _URL.finditer(value)]
            if not self.path:  # what stands under a heading is not said of the file
                self.keywords[key.rstrip("+").lower()].append(value)

    def frame(self, i: int, end: int) -> int | None:
        """Read `#+begin_src` and its like; of all others only the frame is passed over."""
        frame = FRAME.match(self.lines[i])
        if not frame:
            return None
        name = frame[2].lower()
        close = self.ends.after(i, f"end_{name}", end)
        if frame[1].lower() == "end" or close is None:
            return i + 1
        self._leave(i)
        if name in ("quote", "verse"):
            self.quote_end = max(self.quote_end, close)
        elif name in VERBATIM_FRAMES:
            text = ESCAPE.sub(r"\1", dedent("\n".join(self.lines[i + 1 : close])))
            self._add_under("code", (i, close + 1), text.strip("\n"))
            return close + 1
        return close + 1 if name == "comment" else i + 1

    def keyword(self, i: int, _end: int) -> int | None:
        keyword = KEYWORD.match(self.lines[i])
        if not keyword:
            return None
        if keyword[1].lower() == "caption":
            self._leave(i)
            self._add_under("paragraph", (i, i + 1), *_inline(keyword[2], i + 1))
        else:
            self.keywords[keyword[1].lower()].append(keyword[2])
        return i + 1

    def fixed_width(self, i: int, end: int) -> int | None:
        after = self._while(FIXED_WIDTH, i, end)
        if after == i:
            return None
        self._leave(i)
        self._add_under(
            "code", (i, after), "\n".join(FIXED_WIDTH.sub("", line, count=1) for line in self.lines[i:after])
        )
        return after

    def table(self, i: int, end: int) -> int | None:
        after = self._while(TABLE, i, end)
        if after == i:
            return None
        rows, links = [], list[Link]()
        for k in range(i, after):
            row = self.lines[k].strip()
            if row.startswith("|-"):
                continue
            text, found = _inline(row.removeprefix("|").removesuffix("|"), k + 1)
            rows.append(re.sub(r" ?\| ?", " | ", text).strip())
            links += found
        self._leave(i)
        self._add_under("table", (i, after), "\n".join(rows), tuple(links))
        return after

    def environment(self, i: int, end: int) -> int | None:
        environment = ENVIRONMENT.match(self.lines[i])
        close = self.ends.after(i, f"\\end{{{environment[1]}}}", end) if environment else None
        if close is None:
            return None
        self._leave(i)
        self._add_under("math", (i, close + 1), dedent("\n".join(self.lines[i : close + 1])).strip())
        return close + 1

    def formula(self, i: int, end: int) -> int | None:
        formula = FORMULA.match(self.lines[i])
        if not formula:
            return None
        opening, closing = formula[1], "$$" if formula[1] == "$$" else r"\]"
        alone = self.lines[i].strip() == opening
        close = self.ends.after(i + alone, closing, self.ends.after(i, "blank", end) or end)
        text = "\n".join(self.lines[i : close + 1]).strip()[2:-2] if close is not None else ""
        if close is None or opening in text or closing in text:
            return None
        self._leave(i)
        self._add_under("math", (i, close + 1), dedent(text).strip())
        return close + 1

    def item(self, i: int, end: int) -> int | None:
        item = ITEM.match(self.lines[i])
        if not item:
            return None
        after = self._text_end(i, end)
        ordinal = item[3] or item[2]
        text, links = _inline("\n".join([self.lines[i][item.end() :], *self.lines[i + 1 : after]]), i + 1)
        self._leave(i)
        outer = self.items[-1] if self.items else None
        depth, block = (outer.depth + 1, outer.block) if outer else (0, None)
        if text or ordinal:
            number = int(ordinal) if ordinal else None
            state = _BOX[item[4]]
            self._add("item", (i, after), text, links, parent=block, depth=depth, number=number, state=state)
            block = len(self.blocks) - 1
        self.items.append(_Item(self._indent(i), depth, block))
        return after

    def footnote(self, i: int, end: int) -> int | None:
        footnote = FOOTNOTE.match(self.lines[i])
        return self._text("footnote", i, end, footnote.end()) if footnote else None

    def text(self, i: int, end: int) -> int:
        return self._text("quote" if i < self.quote_end else "paragraph", i, end, 0)

    # helpers --------------------------------------------------------------------------------------------

    def _text(self, kind: BlockKind, i: int, end: int, column: int) -> int:
        after = self._text_end(i, end)
        self._leave(i)
        self._add_under(kind, (i, after), *_inline("\n".join(self.lines[i:after])[column:], i + 1))
        return after

    def _text_end(self, i: int, end: int) -> int:
        """Find the line after the text that begins in line i; how it is indented does not matter."""
        i += 1
        while i < end and self.lines[i].strip() and not _OPENING.match(self.lines[i]):
            i += 1
        return i

    def _while(self, pattern: re.Pattern[str], i: int, end: int) -> int:
        while i < end and pattern.match(self.lines[i]):
            i += 1
        return i

    def _indent(self, i: int) -> int:
        line = self.lines[i]
        return len(line[: len(line) - len(line.lstrip())].expandtabs())

    def _leave(self, i: int) -> None:
        """Leave the items that line i, not being indented deeper, does not belong to."""
        indent = self._indent(i)
        while self.items and self.items[-1].indent >= indent:
            self.items.pop()

    def _add_under(self, kind: BlockKind, span: tuple[int, int], text: str, links: tuple[Link, ...] = ()) -> None:
        """Add what belongs to the item around it, if it says anything."""
        if text.strip():
            parent, depth = (self.items[-1].block, self.items[-1].depth) if self.items else (None, 0)
            self._add(kind, span, text, links, parent=parent, depth=depth)

    def _add(
        self,
        kind: BlockKind,
        span: tuple[int, int],
        text: str,
        links: tuple[Link, ...],
        *,
        parent: int | None = None,
        depth: int = 0,
        number: int | None = None,
        state: State = "none",
    ) -> None:
        headings = tuple(text for _, text in self.path)
        self.blocks.append(Block(kind, text, (span[0] + 1, span[1]), headings, parent, depth, number, state, links))


_Rule: TypeAlias = Callable[[_Reader, int, int], int | None]
_RULES: tuple[_Rule, ...] = (
    _Reader.blank, _Reader.metadata, _Reader.drawer, _Reader.frame, _Reader.keyword, _Reader.fixed_width, _Reader.table,
    _Reader.environment, _Reader.formula, _Reader.footnote, _Reader.item, _Reader.text,
)  # fmt: skip
"""In this order; the last one takes whatever no other wants."""


# ---------------------------------------------------------------------------------------------------- inline


def _marked(mark: str) -> str:
    """Build the pattern of text between two marks, as Org has it: at the edges of words, over two lines at most."""
    m = re.escape(mark)
    return (
        rf"(?<![^\s\-–—('\"{{\[|*/_+]){m}([^\s{m}](?:[^{m}\n]*(?:\n[^{m}\n]*)?[^\s{m}])?){m}"
        rf"(?![^\s\-–—.,;:!?'\")}}\]\[\\|*/_+\0])"
    )


EMPHASIS = [re.compile(_marked(mark)) for mark in "*/_+"]
_URL = re.compile(r"https?://(?:[^\s()<>\[\]{}|\"]|\([^\s()<>\[\]]*\))+(?<![.,;:!?'*~=])")
ATOM = re.compile(
    rf"""
    (?P<math> \$\$[^$]+\$\$ | (?<![\w$\\])\$(?![\s$])[^$]*(?<![\s$])\$(?!\w)
            | \\\((?:[^\\]|\\(?![()]))*\\\) | \\\[(?:[^\\]|\\(?![\[\]]))*\\\] )
    | \[\[(?P<target>[^\[\]]+)\](?:\[(?P<text>(?:[^\[\]]|\[(?!\[)|\](?!\]))+)\])?\]
    | <?(?P<url>{_URL.pattern})>?
    | (?P<gone> \[fn:[\w-]+\] | \\\\(?=[ \t]*(?:\n|\Z)) )
    | (?P<equals>{_marked("=")})
    | (?P<tilde>{_marked("~")})
    """,
    re.VERBOSE,
)
_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp|avif)$", re.IGNORECASE)
_SHORTHANDS = {"doi": "https://doi.org/", "arxiv": "https://arxiv.org/abs/"}


def _inline(raw: str, line: int) -> tuple[str, tuple[Link, ...]]:
    """Resolve inline markup: what a reader sees, white space folded, and the links; `line` is where `raw` begins."""
    gaps: list[str] = []
    atoms: list[str] = []
    links: list[Link] = []
    at = 0
    for match in ATOM.finditer(raw):
        gaps.append(raw[at : match.start()])
        line += gaps[-1].count("\n")
        text, link = _atom(match, line)
        atoms.append(text)
        links += [link] if link else []
        line += match[0].count("\n")
        at = match.end()
    gaps.append(raw[at:])
    gaps = _without_emphasis("\0".join(gaps)).split("\0")  # decoded text holds no NUL
    text = gaps[0] + "".join(atom + gap for atom, gap in zip(atoms, gaps[1:], strict=True))
    return " ".join(text.split()), tuple(links)


def _without_emphasis(text: str) -> str:
    for _ in range(2):  # marks may stand inside marks
        for emphasis in EMPHASIS:
            text = emphasis.sub(r"\1", text)
    return text


def _atom(match: re.Match[str], line: int) -> tuple[str, Link | None]:
    """Resolve what emphasis does not reach into: formulas, links, addresses, code."""
    if match["target"]:
        return link_of(" ".join(match["target"].split()), _without_emphasis(match["text"] or "").strip(), line)
    if match["url"]:
        return match["url"], Link("url", match["url"], "", line)
    if match["gone"]:
        return "", None
    return match["math"] or (match["equals"] or match["tilde"])[1:-1], None


def link_of(target: str, text: str, line: int) -> tuple[str, Link]:
    """Tell apart addresses, pictures and notes; a note that is linked by its id is known by the link's text."""
    text = " ".join(text.split())
    scheme, colon, rest = target.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme in ("http", "https") or scheme in _SHORTHANDS:
        return text or target, Link("url", _SHORTHANDS.get(scheme, f"{scheme}:") + rest, text, line)
    if scheme == "data":
        return "", Link("image", target, text, line)
    name, _, anchor = (rest if scheme in ("file", "attachment", "roam") else target).partition("::")
    if _IMAGE.search(name):
        return text, Link("image", name, text, line)
    if scheme == "id":
        name = text or name
    elif name.startswith(("*", "#")):  # a place in this file
        name, anchor = "", name
    name = re.sub(r"\.(?:org|md)$", "", name)
    shown = text or name or anchor.lstrip("*#")
    return shown, Link("wikilink", name, shown, line, anchor.lstrip("*#"))
