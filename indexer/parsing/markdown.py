"""Markdown as people write it (GFM, Obsidian, LaTeX, inline HTML, org exports) → Document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import validateLink
from markdown_it.token import Token
from mdit_py_plugins.gfm import gfm_plugin

from indexer.dates import read_date
from indexer.parsing.html import html_text, tag_text
from indexer.parsing.inline import bounded_addresses, bounded_plugin, line_breaks
from indexer.parsing.obsidian import callout, obsidian_plugin, tags_in, without_block_id
from indexer.parsing.pasted import without_bytes
from indexer.parsing.prepare import MARKER, front_matter, indent, mask
from indexer.parsing.text import decode, lines_of
from indexer.types import Block, BlockKind, Document, Link, Source, State

_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:[ \t]*\S")
_RULE = re.compile(r"^[ \t]*(?:>[ \t]*)*(?:[-*_=][ \t]*)*$")
_CUSTOM_BOX = re.compile(r"^\[([^\]\s])\][ \t]+")
_URL = re.compile(r"https?://[^\s<>\[\]\"'`|\\^{}]+")
_IMAGE_SUFFIX = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp|avif|mp4|webm|mov|mp3|wav)$", re.IGNORECASE)
_ADDRESS = re.compile(r"<(https?://[^<>\s]+)>")
_NO_LETTER = re.compile(r"[\W_]+")
_DATES = (
    "date", "created", "createdat", "createdon", "datecreated", "creationdate", "published", "publishdate", "pubdate",
    "updated", "modified", "lastmod", "lastmodified", "datemodified",
)  # fmt: skip
"""The keys under which front matter says when a note was made, else changed, without what is between their words."""


def parse(source: Source) -> Document:
    """Parse Markdown or plain text; raise SourceError when the bytes are no text.

    A file whose front matter says `footnote: report` is what Footnote wrote itself: nothing in it is evidence. Of
    pictures that were pasted as data, the bytes are left out.
    """
    source_lines = lines_of(decode(source.data, source.file))
    lines = without_bytes(source_lines)
    masked, plain_text = mask(lines)
    front, first = front_matter(lines)
    masked[:first] = [""] * first
    try:
        tokens = _parser(indented_code=not source.file.lower().endswith(".txt")).parse("\n".join(masked), {})
    except RecursionError:  # nested deeper than anyone reads: keep the words
        tokens, plain_text = [], set(range(len(lines)))
    is_report = front.get("footnote") == "report"
    blocks = [] if is_report else _Builder(lines, masked).build(tokens, plain_text, first)
    return Document(
        source=source,
        kind="note",
        title=_title(front, blocks),
        blocks=tuple(blocks),
        source_lines=tuple(source_lines),
        aliases=_words(front, "aliases", "alias"),
        tags=_tags(front, blocks),
        date=_date(front),
        remark="a report by Footnote, of which nothing is cited" if is_report else None,
    )


@cache
def _parser(*, indented_code: bool) -> MarkdownIt:
    md = MarkdownIt("commonmark", {"maxNesting": 450}).use(bounded_plugin)
    md.use(gfm_plugin, dollarmath=True).use(bounded_addresses).use(obsidian_plugin)
    md.core.ruler.disable("footnote_tail")  # a footnote is read where it stands
    md.validateLink = lambda url: url.startswith("data:") or validateLink(url)  # type: ignore[method-assign]  # a hook
    md.options["alerts"] = False  # Obsidian's callouts are more than GitHub's five
    return md if indented_code else md.disable("code")


def _words(front: dict[str, Any], *keys: str) -> tuple[str, ...]:
    for key, value in front.items():
        if str(key).lower() in keys and value and not isinstance(value, dict):
            items = value if isinstance(value, list) else str(value).split(",")
            words = (str(item).strip() for item in items if not isinstance(item, list | dict | None))
            return tuple(dict.fromkeys(filter(None, words)))
    return ()


def _tags(front: dict[str, Any], blocks: Iterable[Block]) -> tuple[str, ...]:
    stated = [word.lstrip("#") for item in _words(front, "tags", "tag") for word in item.split()]
    stated += _words(front, "keywords", "keyword")
    written = [tag for block in blocks if block.kind != "code" and "#" in block.text for tag in tags_in(block.text)]
    return tuple(dict.fromkeys(stated + written))


def _date(front: dict[str, Any]) -> str | None:
    stated = {_NO_LETTER.sub("", str(key).lower()): value for key, value in front.items()}
    return next((found for key in _DATES if (found := read_date(stated.get(key)))), None)


def _title(front: dict[str, Any], blocks: Sequence[Block]) -> str | None:
    stated = front.get("title")
    if isinstance(stated, str | int | float) and str(stated).strip():
        return str(stated).strip()
    tops = [block for block in blocks if block.kind == "heading" and block.depth == 1]
    return tops[0].text if len(tops) == 1 and blocks[0] is tops[0] else None


# ------------------------------------------------------------------------------------------- tokens → blocks


@dataclass(slots=True)
class _Item:
    """A list item that is being read."""

    parent: int | None
    depth: int
    number: int | None
    state: State
    line: int
    block: int | None = None


@dataclass(slots=True)
class _Builder:
    """Walks markdown-it's flat tokens once and keeps where it is: headings above, items around, quotes around."""

    lines: Sequence[str]
    masked: Sequence[str]
    blocks: list[Block] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    covered: set[int] = field(default_factory=set)

    def build(self, tokens: Sequence[Token], plain_text: set[int], first: int) -> list[Block]:
        self.covered.update(range(first))
        self._walk(tokens)
        return self._with_missed(plain_text)

    def _walk(self, tokens: Sequence[Token]) -> None:
        i, quoted, footnote = 0, 0, False
        while i < len(tokens):
            token = tokens[i]
            match token.type:
                case "heading_open":
                    self._heading(token, tokens[i + 1])
                    i += 2
                case "inline":
                    self._paragraph(token, "footnote" if footnote else "quote" if quoted else "paragraph")
                case "bullet_list_open" | "ordered_list_open":
                    close = _closing(tokens, i)
                    if _is_contents(tokens[i:close]):
                        self._cover(token)
                        i = close
                case "list_item_open":
                    self._open_item(tokens, i)
                case "list_item_close":
                    self.items.pop()
                case "blockquote_open":
                    quoted += 1
                case "blockquote_close":
                    quoted -= 1
                case "footnote_reference_open" | "footnote_reference_close":
                    footnote = token.type == "footnote_reference_open"
                case "table_open":
                    close = _closing(tokens, i)
                    self._table(token, tokens[i:close])
                    i = close
                case "fence" | "code_block":
                    self._verbatim(token, "code", token.content.rstrip("\n"))
                case "math_block" | "math_block_label":
                    self._verbatim(token, "math", token.content.strip())
                case "html_block":
                    self._html(token)
                case "hr":
                    self._cover(token)
            i += 1

    # headings, items ----------------------------------------------------------------------------------

    def _heading(self, opening: Token, inline: Token) -> None:
        first, last = _span(opening)
        level = int(opening.tag[1])
        self.headings = [h for h in self.headings if h[0] < level]
        text, links = self._inline(inline.children or [], first)
        for address in _ADDRESS.findall(inline.content):  # a heading is quoted as it is written
            text = text.replace(address, f"<{address}>")
        text = without_block_id(text)
        if text:
            self.headings.append((level, text))
            self._add(Block("heading", text, (first, last), self._path(), depth=level, links=links))
        self._cover(opening)

    def _open_item(self, tokens: Sequence[Token], i: int) -> None:
        token = tokens[i]
        checked = token.meta.get("checked")
        outer = self.items[-1] if self.items else None
        parent = outer.block if outer else None
        depth = outer.depth + 1 if outer else 0
        if outer is None and token.markup in "-*+" and (asked := self._asked_above(token)) is not None:
            parent, depth = asked, 1
        item = _Item(
            parent=parent,
            depth=depth,
            number=int(token.info) if token.info.isdigit() else None,
            state="none" if checked is None else "done" if checked else "open",
            line=_span(token)[0],
        )
        self.items.append(item)
        if item.number is not None and tokens[i + 1].type != "paragraph_open":
            self._add_item(item, "", (item.line, item.line), ())  # a number with nothing beside it
        if item.parent is None and outer is not None:
            item.parent = outer.parent

    def _asked_above(self, bullet: Token) -> int | None:
        """The numbered item that an outer bullet right under it answers.

        People write `1. question` and `- answer` on the next line without indenting; Markdown sees two lists.
        The bullets belong to the number when no blank line is between them.
        """
        line = _span(bullet)[0]
        above = next((k for k in range(len(self.blocks) - 1, -1, -1) if self._is_outer(k)), None)
        if above is None or self.blocks[above].number is None or self.blocks[above].headings != self._path():
            return None
        between = self.lines[self.blocks[above].lines[1] : line - 1]
        return above if all(text.strip() for text in between) else None

    def _is_outer(self, k: int) -> bool:
        block = self.blocks[k]
        return block.parent is None

    def _add_item(self, item: _Item, text: str, lines: tuple[int, int], links: tuple[Link, ...]) -> None:
        item.block = self._add(
            Block(
                "item", text, lines, self._path(), item.parent, item.depth, item.number, item.state, links,
            )
        )  # fmt: skip

    # text ---------------------------------------------------------------------------------------------

    def _paragraph(self, token: Token, kind: BlockKind) -> None:
        self._cover(token)
        first, _ = _span(token)
        item = self.items[-1] if self.items else None
        opens_item = item is not None and item.block is None
        for start, children in self._pieces(token, item if opens_item else None):
            text, links = self._inline(children, first + start)
            end = first + start + sum(map(line_breaks, children))
            if not start and kind == "quote":
                _, text = callout(text)
            text = without_block_id(text)
            if not text and not (opens_item and start == 0 and item and item.number is not None):
                continue
            if item is not None and item.block is None:
                if box := _CUSTOM_BOX.match(text):  # Obsidian's other boxes: [/] half done, [-] dropped
                    item.state = "done" if box[1] in "-xX" else "open"
                    text = text[box.end() :]
                self._add_item(item, text, (first + start, end), links)
            else:
                parent, depth = (item.block, item.depth) if item else (None, 0)
                self._add(Block(kind, text, (first + start, end), self._path(), parent, depth, links=links))

    def _pieces(self, token: Token, item: _Item | None) -> Iterator[tuple[int, list[Token]]]:
        """Cut an inline token at lines that hold only images and, in an item, where its lazy lines begin.

        Yields the offset of a piece's first line and its tokens. A lazy line is one that continues an item without
        being indented under it: it belongs to the item, but is not what the item says first.
        """
        rows: list[list[Token]] = [[]]
        for child in token.children or []:
            rows[-1].append(child)
            rows += [[] for _ in range(line_breaks(child))]
        first = _span(token)[0]
        piece: list[Token] = []
        start, lazy = 0, False
        for k, row in enumerate(rows):
            cut = False
            if item is not None and not lazy and k and self._is_lazy(item, first + k):
                lazy = cut = True
            picture = _only_images(row)
            if (cut or picture) and piece:
                yield start, _without_last_break(piece)
                piece = []
            if picture:
                continue
            if not piece:
                start = k
            piece += row
        if piece:
            yield start, _without_last_break(piece)

    def _is_lazy(self, item: _Item, line: int) -> bool:
        return line <= len(self.lines) and indent(self.lines[line - 1]) <= indent(self.lines[item.line - 1])

    def _inline(self, children: Sequence[Token], first: int) -> tuple[str, tuple[Link, ...]]:
        """What a reader sees of inline tokens, and the links in them; `first` is the line where they begin."""
        parts: list[str] = []
        links: list[Link] = []
        line, href, opened = first, "", 0
        for child in children:
            match child.type:
                case "text" | "text_special":
                    parts.append(child.content)
                    if not href:
                        links += _addresses(child.content, line)
                case "code_inline":
                    parts.append(child.content)
                case "math_inline" | "math_inline_double":
                    parts.append(f"${child.content}$")
                case "softbreak" | "hardbreak":
                    parts.append(" ")
                case "link_open":
                    href, opened = str(child.attrGet("href") or ""), len(parts)
                case "link_close":
                    links.append(Link("url", href, "".join(parts[opened:]), line))
                    href = ""
                case "wikilink" | "embed":
                    parts.append(child.content)
                    links.append(
                        Link(
                            "wikilink" if child.type == "wikilink" else "embed",
                            child.meta["target"], child.content, line, child.meta["anchor"],
                        )
                    )  # fmt: skip
                case "image":
                    parts.append(child.content)
                    links.append(Link("image", str(child.attrGet("src") or ""), child.content, line))
                case "html_inline":
                    parts.append(tag_text(child.content))
            line += line_breaks(child)
        return " ".join("".join(parts).split()), tuple(links)

    # other blocks -------------------------------------------------------------------------------------

    def _table(self, opening: Token, tokens: Sequence[Token]) -> None:
        rows: list[list[str]] = []
        links: list[Link] = []
        first, last = _span(opening)
        line = first
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
                line = _span(token)[0] if token.map else line
            elif token.type == "inline":
                text, found = self._inline(token.children or [], line)
                rows[-1].append(text)
                links += found
        self._cover(opening)
        text = "\n".join(" | ".join(row) for row in rows if any(row))
        if text:
            self._add_under("table", text, (first, last), tuple(links))

    def _verbatim(self, token: Token, kind: BlockKind, text: str) -> None:
        first, last = _span(token)
        self._cover(token)
        while last > first and not self.lines[last - 1].strip():
            last -= 1
        if text.strip():
            self._add_under(kind, text, (first, last), ())

    def _html(self, token: Token) -> None:
        first, last = _span(token)
        self._cover(token)
        while last > first and not self.lines[last - 1].strip():
            last -= 1
        text = html_text(token.content)
        if text:
            self._add_under("paragraph", text, (first, last), tuple(_addresses(token.content, first)))

    def _add_under(self, kind: BlockKind, text: str, lines: tuple[int, int], links: tuple[Link, ...]) -> None:
        item = self.items[-1] if self.items else None
        parent, depth = (item.block if item.block is not None else item.parent, item.depth) if item else (None, 0)
        self._add(Block(kind, text, lines, self._path(), parent, depth, links=links))

    # bookkeeping --------------------------------------------------------------------------------------

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.headings)

    def _add(self, block: Block) -> int:
        self.blocks.append(block)
        return len(self.blocks) - 1

    def _cover(self, token: Token) -> None:
        if token.map:
            self.covered.update(range(token.map[0], token.map[1]))

    def _with_missed(self, plain_text: set[int]) -> list[Block]:
        """Add, as plain paragraphs, the lines of text that no token covers, so that nothing is lost."""
        missed = [
            i
            for i, line in enumerate(self.lines)
            if i in plain_text
            or (
                i not in self.covered
                and line.strip()
                and self.masked[i].strip()
                and MARKER.sub("", line).strip()
                and not (_REFERENCE.match(line) or _RULE.match(line))
            )
        ]
        if not missed:
            return self.blocks
        runs: list[list[int]] = []
        for i in missed:
            if runs and runs[-1][-1] == i - 1:
                runs[-1].append(i)
            else:
                runs.append([i])
        return _merged(self.blocks, [self._plain_block(run) for run in runs])

    def _plain_block(self, run: Sequence[int]) -> Block:
        text = " ".join(" ".join(MARKER.sub("", self.lines[i]).split()) for i in run)
        above = [block.headings for block in self.blocks if block.kind == "heading" and block.lines[0] <= run[0]]
        links = tuple(link for i in run for link in _addresses(self.lines[i], i + 1))
        return Block("paragraph", text, (run[0] + 1, run[-1] + 1), above[-1] if above else (), links=links)


def _addresses(text: str, line: int) -> list[Link]:
    """The addresses that stand bare in a text."""
    return [Link("url", match[0].rstrip(".,;:!?)"), "", line) for match in _URL.finditer(text)]


def _merged(blocks: Sequence[Block], extra: Sequence[Block]) -> list[Block]:
    """All blocks in the order of their lines, their parents renumbered."""
    every = [*blocks, *extra]
    order = sorted(range(len(every)), key=lambda k: (every[k].lines[0], k))
    place = {old: new for new, old in enumerate(order)}
    return [replace(every[k], parent=None if (p := every[k].parent) is None else place[p]) for k in order]


def _span(token: Token) -> tuple[int, int]:
    """First and last line of a token, 1-based; blank lines at the end do not count as its own."""
    assert token.map is not None
    return token.map[0] + 1, max(token.map[1], token.map[0] + 1)


def _closing(tokens: Sequence[Token], i: int) -> int:
    """Index of the token that closes the one at i."""
    level, kind = tokens[i].level, tokens[i].type.replace("_open", "_close")
    return next(k for k in range(i + 1, len(tokens)) if tokens[k].level == level and tokens[k].type == kind)


def _is_contents(tokens: Sequence[Token]) -> bool:
    """Whether a list is a table of contents: nearly every item holds a link into the same page."""
    inline = [token for token in tokens if token.type == "inline"]
    inward = sum(
        any(child.type == "link_open" and str(child.attrGet("href")).startswith("#") for child in token.children or [])
        for token in inline
    )
    return inward >= 2 and inward >= 0.8 * len(inline)


def _only_images(row: Sequence[Token]) -> bool:
    """Whether a line shows pictures or anchors and says nothing."""
    shown = [t for t in row if t.type not in ("softbreak", "hardbreak") and (t.type != "text" or t.content.strip())]
    return bool(shown) and all(
        t.type == "image"
        or (t.type == "embed" and bool(_IMAGE_SUFFIX.search(t.meta["target"])))
        or (t.type == "html_inline" and not tag_text(t.content).strip())
        for t in shown
    )


def _without_last_break(row: list[Token]) -> list[Token]:
    return row[:-1] if row and row[-1].type in ("softbreak", "hardbreak") else row
