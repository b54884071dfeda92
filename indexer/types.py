"""The records that travel down the indexing line, and the one protocol that it needs.

Every record is frozen. A place in a file is born in the parser — as 1-based line numbers of a note as it lies on
disk, as boxes on the pages of a PDF — and is carried from there, never computed again from text that was made for
display.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:  # who asks a service that runs needs the records, and none of numpy
    import numpy as np
    from numpy.typing import NDArray

Matrix: TypeAlias = "NDArray[np.float32]"
"""Vectors, one a row, each of unit norm."""

Lines: TypeAlias = tuple[int, int]
"""First and last line of a place in a file, 1-based and inclusive.

The lines of a PDF are its sentences in reading order: they say what follows what, and are shown to nobody.
"""

Places: TypeAlias = "NDArray[np.float32]"
"""Where each character of a text stands on paper: (characters, 5), a page (from 1), x0, y0, x1, y1 in PDF points.

As in the PDF itself, from the lower left corner of the page before it is turned or cropped. A character that stands
nowhere, like the space between two lines, has the page 0.
"""

TokenCounter: TypeAlias = Callable[[Sequence[str]], list[int]]
"""How many tokens the encoder makes of each text, special tokens included."""

DocumentKind: TypeAlias = Literal["note", "paper"]
State: TypeAlias = Literal["open", "done", "none"]
BlockKind: TypeAlias = Literal[
    "heading", "paragraph", "item", "quote", "table", "code", "math", "footnote", "comment", "caption", "reference"
]
PassageKind: TypeAlias = Literal["text", "list", "question", "table", "code", "heading", "caption", "reference"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page (from 1), in PDF points, as in `Places`."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Source:
    """One file, read once: what a parser gets.

    `file` is the path relative to `root`, with `/` between its parts. `data` are the bytes as they lie on
    disk, `sha256` is their digest in hexadecimal. `mtime_ns` is the time of the last change in nanoseconds, `read_at`
    when the bytes were read, in seconds since 1970.
    """

    root: Path
    file: str
    data: bytes
    sha256: str
    mtime_ns: int
    read_at: float = field(default=0.0, compare=False)

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self.root / self.file


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a block: `[[target#anchor|text]]` (wikilink), `![[…]]` (embed), or a URL.

    For a wikilink or an embed `target` is the name of the note without anchor and alias; for a URL it is
    the whole address. `line` is the 1-based line where the link stands.
    """

    kind: Literal["wikilink", "embed", "url", "image"]
    target: str
    text: str
    line: int
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a document's structure: a heading, a paragraph, the own text of a list item, a table, …

    `text` is what a reader sees: inline markup resolved, soft line breaks folded to spaces, in tables and code
    the lines kept. `lines` are those of the block itself, without its children. `headings` is the path
    of headings above it (for a heading: including itself). `parent` is the index, in the document's blocks,
    of the list item that the block stands under. `depth` is 0 for blocks outside lists and for items of an
    outer list, 1 for items of a list inside an item, and so on; for a heading it is its level (1 to 6).
    `number` is the ordinal of an item in an ordered list.

    In a PDF a block may be a caption of a figure or a table, or a `reference`: the list of references, and whatever
    else is said about the paper and not by it (acknowledgements). There `text` has no line ends but in tables, where
    each is a row; `places` says where its characters stand; and `lines` is the ordinal of the block, twice.
    """

    kind: BlockKind
    text: str
    lines: Lines
    headings: tuple[str, ...] = ()
    parent: int | None = None
    depth: int = 0
    number: int | None = None
    state: State = "none"
    links: tuple[Link, ...] = ()
    places: Places | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PaperId:
    """A paper on arXiv: its id ("1706.03762", "hep-th/9901001") and the version ("v7") where one is meant."""

    identifier: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class PaperLink:
    """A paper that a note names in a line: one on arXiv, or the address of a PDF elsewhere.

    The line is 0 where it is not said, or a person named it by hand.
    """

    line: int
    paper: PaperId | None = None
    url: str | None = None

    @property
    def key(self) -> str:
        """What the library calls it: its id with the version that is named ("1706.03762v1"), or its address."""
        return self.paper.identifier + (self.paper.version or "") if self.paper else self.url or ""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its blocks in reading order, and what the file says of itself.

    `title` is the one that the file states (front matter, `#+title`, a single top heading that opens the
    file), or None when it states none. `source_lines` are the lines of the file, decoded, without their ends.
    `links` are those that the file states of itself, outside its blocks (in org's properties). `date` is when it says
    that it was made, as far as it says: `2024-05-13`, `2024-05`, `2024`.

    Of a PDF, `source_lines` is empty, `pages` counts its pages, `paper` is what it says of itself in arXiv's stamp,
    `url` where it was fetched from, and `remark` what a person should know of how it could be read ("no text on pages
    3 and 4, …"), or None.
    """

    source: Source
    kind: DocumentKind
    title: str | None
    blocks: tuple[Block, ...]
    source_lines: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    pages: int = 0
    paper: PaperId | None = None
    url: str | None = None
    remark: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The smallest piece of a passage that may be quoted: a sentence, a list line, a row.

    `text` is verbatim: with white space folded, it occurs in the lines `lines` of the file. In a PDF it stands in
    `boxes`, one for each of its lines on the page, in reading order.
    """

    text: str
    lines: Lines
    boxes: tuple[Box, ...] = ()


def pages_of(spans: Sequence[Span]) -> tuple[int, int] | None:
    """The first and last page that spans stand on; None for those of a note."""
    pages = [box.page for span in spans for box in span.boxes]
    return (min(pages), max(pages)) if pages else None


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that stands on its own, the unit that is embedded and found.

    `text` is what a reader sees; `context` is what has to be known to understand it (title, heading path,
    parent item), and is embedded before it. `lines` is where it lies; `spans` are its quotable pieces.
    `ordinal` is its position in the document.
    """

    ordinal: int
    kind: PassageKind
    text: str
    context: str
    headings: tuple[str, ...]
    lines: Lines
    spans: tuple[Span, ...]

    @property
    def embedded_text(self) -> str:
        """The text that the encoder reads."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def pages(self) -> tuple[int, int] | None:
        """The first and last page that it stands on; None for a note."""
        return pages_of(self.spans)


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a question dump: any item of a list, with what it asks for.

    `section` is the nearest heading, `parent` the text of the item it stands under. `wanted` says that it
    needs an answer: it is open, and asks.
    """

    text: str
    state: State
    kind: Literal["question", "topic", "paper", "link", "task"]
    line: int
    section: str
    parent: str | None
    wikilinks: tuple[str, ...]
    arxiv_ids: tuple[str, ...]
    urls: tuple[str, ...]
    wanted: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder makes of passages: `vectors` (n, dimension), and for each text the codes of its tokens.

    A token's code is described in `indexer.tokens`; an encoder that has none gives empty bytes.
    """

    vectors: Matrix
    tokens: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """What the encoder makes of a question.

    `vector` is (dimension,), of unit norm. `tokens` is (t, tokens.DIMENSION), a row of unit norm for each token of the
    question without the special ones; `offsets` are their places in its text, in characters. t is 0 for an encoder
    without token codes.
    """

    vector: NDArray[np.float32]
    tokens: Matrix
    offsets: tuple[tuple[int, int], ...]


class Encoder(Protocol):
    """Turns texts into vectors of unit norm.

    `fingerprint` names the weights and everything else that the vectors depend on: equal fingerprints mean
    that vectors may be compared. `dimension` is the length of a vector. `max_tokens` is how much of a text is
    read, in tokens, special tokens included.
    """

    @property
    def fingerprint(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed passages, in the order given."""
        ...

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        """Begin to embed a few questions; what is given back waits for them, once, and has them in the order given."""
        ...

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the tokens that `encode` codes stand in each text, in characters; empty places for special tokens."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, special tokens included, without truncation."""
        ...


class Reranker(Protocol):
    """Reads a question and a passage together, and says how well the one answers the other."""

    def score(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Score each text, (n,), between 0 and 1, in the order given; higher is better."""
        ...
