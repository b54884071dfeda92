"""The records that a catalogue gives back: what is kept of documents, papers, passages, questions and answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, TypeAlias

from indexer.parsing import VERSION
from indexer.rooted import Rooted
from indexer.types import DocumentKind, Passage, Question

PaperState: TypeAlias = Literal["pending", "fetched", "failed", "absent", "withdrawn"]

TICK_SECONDS = 2.0
"""So coarse are the clocks of file systems at most (FAT)."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A file that was indexed, or could not be: then `failure` says why, and it has no passages.

    `root` is an absolute folder, `file` relative to it. `format` is the file's suffix without its dot.
    `passages` is how many there are. `indexed_at` is when its file was read, in seconds since 1970, `parser` the
    version of the parsers that did. `date` is what the file states. Of a PDF, `pages` counts its pages, `paper` and
    `version` are its id and version on arXiv ("1706.03762", "v7"), `url` is where it was fetched from and `remark` what
    there is to say of how it could be read. A paper that was `fetched` lies in the library, all others where a person
    put them. One without pages holds only the abstract.
    """

    id: int
    root: str
    file: str
    kind: DocumentKind
    format: str
    stated_title: str | None
    sha256: str | None
    size: int
    mtime_ns: int
    line_count: int
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    indexed_at: float
    failure: str | None
    passages: int
    pages: int = 0
    paper: str | None = None
    version: str | None = None
    url: str | None = None
    remark: str | None = None
    date: str | None = None
    parser: int = VERSION
    fetched: bool = False

    @property
    def title(self) -> str:
        """The title that the file states, else its name without the suffix."""
        return self.stated_title or PurePosixPath(self.file).stem

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return Path(self.root) / self.file

    @property
    def place(self) -> str:
        """The absolute path of the file, quicker made than a Path."""
        return f"{self.root}/{self.file}"

    @property
    def rooted(self) -> Rooted:
        """The file, to be opened only where it lies under its root."""
        return Rooted(self.root, self.file)

    def is_as_read(self, size: int, mtime_ns: int, ctime_ns: int) -> bool:
        """Whether the stamps of its file vouch that it holds what was read; where they do not, it may all the same.

        The times of content and of anything about the file are the ones of then, and so long before that a change right
        after the file was read would have given it others. A time that is still to come was told by a clock that was
        wrong. What was fetched is written by nobody else.
        """
        if self.indexed_at > time.time():
            return False
        ticks = 0.0 if self.fetched else TICK_SECONDS
        return (size, mtime_ns) == (self.size, self.mtime_ns) and ctime_ns / 1e9 + ticks <= self.indexed_at


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A paper that notes name, or a person `added` by hand, and what became of it.

    `key` is its id with the version that is named ("1706.03762v1"), the id alone for the newest, or its address.
    `version` is the one that the library holds, or arXiv has. `authors`, `abstract`, `published` and `updated` (days,
    as "2017-06-12") are arXiv's. `state` is pending until it was fetched; failed when it cannot be had or read, absent
    when arXiv has no such paper; `reason` says why. `document_id` is the document that is it, which may hold only the
    abstract; it and `added` are found and not kept.
    """

    key: str
    identifier: str | None = None
    named: str | None = None
    url: str | None = None
    version: str | None = None
    title: str | None = None
    authors: tuple[str, ...] = ()
    abstract: str | None = None
    published: str | None = None
    updated: str | None = None
    state: PaperState = "pending"
    reason: str | None = None
    document_id: int | None = None
    added: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters ask of a document. `file` is None for a paper that was fetched: it has no place among the notes.

    `date` is when it was made, `2024-05-13` or shorter: when arXiv published the paper, else what the document states,
    else what its name says, else when the file was last changed. An abstract may have none.
    """

    document_id: int
    file: str | None
    kind: DocumentKind
    tags: tuple[str, ...]
    date: str | None


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its number, which also names it in the derived stores."""

    id: int
    document_id: int
    passage: Passage


class Section(NamedTuple):
    """Where a passage stands: its document, of what kind that is, and the headings above it, as one text.

    A tuple, because each search makes hundreds.
    """

    document_id: int
    headings: str
    kind: DocumentKind


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """An item of a question dump, and the document that it stands in."""

    document_id: int
    root: str
    file: str
    title: str
    question: Question


@dataclass(frozen=True, slots=True)
class Reference:
    """A place where a note names a paper that the library holds: both documents, and the line in the note."""

    note_id: int
    line: int
    paper_id: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the person was told last of an item of the dumps.

    `verdict` is empty for an item that needed no answer. `missing_since` is when the item was first not there any more.
    Times are in seconds since 1970.
    """

    key: str
    verdict: str
    told_at: float
    missing_since: float | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer to an item of the dumps, and what it rests on, as those who answer have written them.

    `rules` names how it was made, `generation` is the last one that it was found to be good for. `further` is what the
    answer has beside what it says and rests on, apart because it is long and seldom looked at. `files` are those that
    it rests on.
    """

    key: str
    rules: str
    generation: int
    answer: str
    further: str
    files: str
    basis: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a library holds. `documents` are those that could be read, `failed` the others."""

    documents: int
    failed: int
    passages: int
    questions: int
