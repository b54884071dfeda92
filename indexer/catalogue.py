"""The truth of a library: documents, passages, embeddings, questions and the ledger, in one SQLite file.

A `Catalogue` reads; it writes only through `add_embeddings`, `put_answers`, `put_ledger`, `add_papers` and
`drop_added`, which commit by themselves, and through a `Change` (see `indexer.change`), which commits as a whole and
raises the generation by one.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer import sql
from indexer.base import Block, joined, restored
from indexer.change import Change
from indexer.connect import connect, create, damaged, translated
from indexer.dates import date_in_name
from indexer.recent import Remembered
from indexer.records import (
    Counts,
    Facts,
    KeptAnswer,
    LedgerEntry,
    Reference,
    Section,
    StoredDocument,
    StoredPaper,
    StoredPassage,
    StoredQuestion,
)
from indexer.seals import seal
from indexer.types import Box, Encoded, Matrix, PaperId, PaperLink, Passage, Question, Span

PAPERS = "papers"
"""The folder in a library where fetched papers lie."""

Row: TypeAlias = tuple[Any, ...]

ROWS_AT_ONCE = 4096

_FIRST: dict[str, Row] = {"embeddings": ("", b"")}
"""What comes before all rows of a table whose rows have no number."""


class Catalogue:
    """An open catalogue: a context manager that closes its connection.

    Reading methods may be called from several threads at once: SQLite serialises them. What it writes is committed
    where `check_held`, which whoever holds the library's write lock sets, raises nothing.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.check_held: Callable[[], None] = lambda: None
        self._connection = connection
        self._inode = _inode(path)
        self._remembered = Remembered(0)

    @classmethod
    def open(cls, path: Path, *, write: bool, held: bool = False) -> Self:
        """Open the file `path` (`catalogue.db`); for writing, make it where there is none.

        `held` says that the caller holds the library's write lock, which it takes to bring an older one to this format.

        Raises LibraryMissing, LibraryCorrupt, LibraryTooNew, LibraryFull or LibraryLocked.
        """
        if write and not path.exists():
            create(path)
        return cls(path, connect(path, write=write, held=held))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hold(self) -> None:
        """Keep seeing the library as it is now, whatever is written after, until closed."""
        with translated(self.path):
            self._connection.execute(sql.BEGIN)
            self._connection.execute(sql.META, ("generation",)).fetchone()
        self._remembered = Remembered(1)
        self.roots()  # raises where one is damaged: every document lies in one

    @property
    def is_in_place(self) -> bool:
        """Whether this is what still lies at its path: not another catalogue, and not none."""
        return self._inode == _inode(self.path)

    @property
    def generation(self) -> int:
        """The number of changes that readers could see."""
        rows = self._rows(sql.META, ("generation",))
        if not rows:
            raise damaged(self.path, "its generation")
        return int(rows[0][0])

    @property
    def fingerprint(self) -> str | None:
        """The model whose embeddings the library uses."""
        value: str | None = self._rows(sql.META, ("fingerprint",))[0][0]
        return value

    def roots(self) -> list[str]:
        """List the folders that were indexed, in the order they were added; not the library's own."""
        rows = self._rows(sql.ROOTS)
        if any(seal("roots", *row[:-1]) != row[-1] for row in rows):
            raise damaged(self.path, "a folder")
        return [path for _, path, _ in rows if path != PAPERS]

    @property
    def papers_folder(self) -> Path:
        """Where fetched papers lie: in the library, so that it may be moved as a whole."""
        return self.path.parent / PAPERS

    def documents(self) -> list[StoredDocument]:
        """List all documents, those that failed included, by root and file."""
        return [self._document(row) for row in self._rows(sql.DOCUMENTS)]

    def document(self, document_id: int) -> StoredDocument | None:
        """Fetch the document of that number."""
        return next((self._document(row) for row in self._rows(sql.DOCUMENT, (document_id,))), None)

    def documents_among(self, ids: Iterable[int]) -> dict[int, StoredDocument]:
        """The documents of these numbers; numbers that there are none of are left out."""

        def read(numbers: list[int]) -> dict[int, StoredDocument]:
            return {row[0]: self._document(row) for row in self._rows(sql.DOCUMENTS_AMONG, (_numbers(numbers),))}

        return self._remembered.documents.of(ids, read)

    def documents_at(self, places: Iterable[tuple[str, str]]) -> list[StoredDocument]:
        """List the documents at some places, or in folders that are there: (root, file or folder)."""
        return list(
            {row[0]: self._document(row) for row in self._rows(sql.DOCUMENTS_AT, (json.dumps(list(places)),))}.values()
        )

    def documents_of_paper(self, identifier: str) -> list[StoredDocument]:
        """List the documents that are the paper with that id on arXiv, in any version."""
        return [self._document(row) for row in self._rows(sql.DOCUMENTS_OF_PAPER, (identifier,))]

    def fetched(self) -> list[int]:
        """List the documents that lie in the library itself."""
        return [number for (number,) in self._rows(sql.FETCHED)]

    def papers(self) -> list[StoredPaper]:
        """List the papers that notes name or a person added, by key."""
        documents: dict[str, int] = dict(self._rows(sql.PAPERS_DOCUMENTS))
        added = {link.key for link in self.added_papers()}
        return [_paper(row, documents.get(row[0]), added=row[0] in added) for row in self._rows(sql.PAPERS)]

    def wanted_papers(self) -> list[PaperLink]:
        """List what notes name and what was added by hand, each paper and version or address once; the lines are 0."""
        return [_link(*row) for row in self._rows(sql.WANTED_PAPERS)]

    def added_papers(self) -> list[PaperLink]:
        """List the papers that a person has added by hand, the first one first."""
        return [_link(*row) for _, *row in self._rows(sql.ADDED_PAPERS)]

    def notes_naming(self, link: PaperLink) -> int:
        """Count the notes that name a paper: in that version, where one is meant."""
        paper = link.paper or PaperId("")
        ((count,),) = self._rows(sql.NAMING, (paper.identifier, link.url, paper.version))
        return int(count)

    def add_papers(self, links: Iterable[PaperLink], now: float) -> None:
        """Note that a person wants papers, at `now` in seconds since 1970, and commit.

        The next run that collects papers has them; readers see no new generation before.
        """
        rows = [(link.key, *_named(link), float(now)) for link in links]
        with self._transaction():
            self._connection.executemany(sql.ADD_PAPER, rows)

    def drop_added(self, link: PaperLink) -> bool:
        """Note that a person does not want a paper any more that was added by hand, and commit; False if none was."""
        with self._transaction():
            return self._connection.execute(sql.DROP_ADDED, (link.key,)).rowcount > 0

    def papers_in(self, document_id: int) -> list[Reference]:
        """List where a note names papers that the library holds, by line."""
        return [Reference(*row) for row in self._rows(sql.LINKS_FROM, {"document": document_id})]

    def named_in(self, document_id: int) -> int:
        """Count the papers that a note names, those too that the library does not hold."""
        ((count,),) = self._rows(sql.NAMED_IN, (document_id,))
        return int(count)

    def notes_on(self, document_id: int) -> list[Reference]:
        """List where notes name the paper of that document."""
        return [Reference(*row) for row in self._rows(sql.LINKS_TO, {"document": document_id})]

    def passages(self, ids: Iterable[int]) -> dict[int, StoredPassage]:
        """Fetch the passages of these numbers, by number; those that there are none of are left out."""

        def read(numbers: list[int]) -> dict[int, StoredPassage]:
            return {row[0]: self._passage(row) for row in self._rows(sql.PASSAGES, (_numbers(numbers),))}

        return self._remembered.passages.of(ids, read)

    def sections(self, ids: Iterable[int]) -> dict[int, Section]:
        """Tell where the passages of these numbers stand; those that there are none of are left out."""

        def read(numbers: list[int]) -> dict[int, Section]:
            return {number: Section(*row) for number, *row in self._rows(sql.SECTIONS, (_numbers(numbers),))}

        return self._remembered.sections.of(ids, read)

    def texts(self, ids: Iterable[int]) -> dict[int, str]:
        """Fetch what a reader sees of the passages of these numbers."""
        return dict(self._rows(sql.TEXTS, (_numbers(ids),)))

    def passages_of(self, document_id: int) -> list[StoredPassage]:
        """List the passages of a document in reading order."""
        return [self._passage(row) for row in self._rows(sql.PASSAGES_OF, (document_id,))]

    def passage_ids(self) -> list[int]:
        """The numbers of all passages."""
        return [number for number, _ in self._rows(sql.PASSAGE_DOCUMENTS)]

    def passage_sums(self) -> tuple[int, int]:
        """How many passages there are, and the sum of their numbers: other passages hardly have the same."""
        ((count, total),) = self._rows(sql.PASSAGE_SUMS)
        return int(count), int(total)

    def passages_after(self, number: int) -> int:
        """Count the passages that came after the one of that number."""
        ((count,),) = self._rows(sql.COUNT_AFTER, (number,))
        return int(count)

    def documents_of_passages(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of all passages, ascending, and of the documents that they stand in."""
        rows = np.array(self._rows(sql.PASSAGE_DOCUMENTS), np.int64).reshape(-1, 2)
        return rows[:, 0].copy(), rows[:, 1].copy()

    def facts(self) -> list[Facts]:
        """What filters ask of each document that could be read, by number."""
        published: dict[str, str] = dict(self._rows(sql.PUBLISHED))
        return [
            Facts(
                number,
                file,
                kind,
                tuple(json.loads(tags)),
                published.get(paper) or stated or date_in_name(file or "") or _day(mtime_ns),
            )
            for number, file, kind, tags, paper, stated, mtime_ns in self._rows(sql.FACTS)
        ]

    def iter_passages(self, batch: int = ROWS_AT_ONCE) -> Iterator[list[StoredPassage]]:
        """Go through all passages by number, `batch` at a time."""
        last = 0
        while rows := self._rows(sql.PASSAGES_AFTER, (last, batch)):
            yield [self._passage(row) for row in rows]
            last = rows[-1][0]

    def questions(self) -> list[StoredQuestion]:
        """List all items of question dumps, by root, file and place."""
        return [_question(row) for row in self._rows(sql.QUESTIONS)]

    def counts(self) -> Counts:
        """Count what there is."""
        return Counts(*self._rows(sql.COUNTS)[0])

    def dimension(self, fingerprint: str) -> int | None:
        """Give the length of the model's vectors, None when none is stored."""
        return next((int(length) for (length,) in self._rows(sql.DIMENSION, (fingerprint,))), None)

    def embeddings(self, fingerprint: str, ids: Collection[int] | None = None) -> tuple[NDArray[np.int64], Matrix]:
        """Fetch the vectors of passages (all, or those of `ids`) that have one of this model.

        Returns their numbers, ascending, and the vectors, aligned, float32, of unit norm.
        """
        numbers, rows = joined(self.iter_embeddings(fingerprint, ids), self.dimension(fingerprint) or 0)
        return numbers, restored(rows)

    def iter_embeddings(self, fingerprint: str, ids: Collection[int] | None = None) -> Iterator[Block]:
        """Go through the vectors as they are stored, float16, some at a time: their numbers, ascending, and rows."""
        with translated(self.path):
            if ids is None:
                cursor = self._connection.execute(sql.EMBEDDED, (fingerprint,))
            else:
                cursor = self._connection.execute(sql.EMBEDDED_AMONG, (fingerprint, _numbers(ids)))
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                for _, vector, key, checksum in rows:
                    if seal("embeddings", fingerprint, key, vector) != checksum:
                        raise damaged(self.path, "an embedding")
                numbers = np.array([row[0] for row in rows], np.int64)
                yield numbers, np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(len(rows), -1)

    def token_codes(self, fingerprint: str, ids: Iterable[int]) -> dict[int, bytes]:
        """Fetch the codes of the tokens (see `indexer.tokens`) of those passages that have some of this model."""

        def read(numbers: list[int]) -> dict[int, bytes]:
            rows = self._rows(sql.CODES, (fingerprint, _numbers(numbers)))
            for _, codes, key, checksum in rows:
                if seal("token_codes", fingerprint, key, codes) != checksum:
                    raise damaged(self.path, "the code of a passage")
            found = {row[0]: row[1] for row in rows}
            # a vector and the codes of a text are stored together, and a sector that was lost reads as no rows
            if len(found) < len(numbers) and len(self.embeddings(fingerprint, set(numbers) - found.keys())[0]):
                raise damaged(self.path, "a page of its codes")
            return found

        return self._remembered.codes(fingerprint).of(ids, read)

    def known_hashes(self, fingerprint: str, hashes: Iterable[bytes]) -> set[bytes]:
        """Tell those of `hashes` (see `text_hash`) whose text this model has embedded."""
        with translated(self.path):
            execute = self._connection.execute
            return {key for key in hashes if execute(sql.KNOWN_EMBEDDING, (fingerprint, key)).fetchone()}

    @property
    def unswept(self) -> bool:
        """Whether a run that did not end may have left embeddings of texts that no passage has."""
        return bool(self._rows(sql.META, ("unswept",)))

    def unembedded(self, fingerprint: str) -> list[int]:
        """List the passages that this model has not embedded, one for each different text."""
        return [number for (number,) in self._rows(sql.UNEMBEDDED, (fingerprint,))]

    def flaws(self, table: str, after: Row, most: int) -> tuple[Row, list[Row], set[int]]:
        """Compare up to `most` rows of a table with their checksums, from the one after `after`, which is () for all.

        Returns where the last one stands, () when there are no more; the keys of those that are damaged; and the
        documents whose parts are not all there, or that damaged rows say they are of.
        """
        by_key = "LIMIT" not in sql.ROWS_OF[table]
        start: Row = () if by_key else (*(after or _FIRST.get(table, (-1,))), most)
        rows = self._rows(sql.ROWS_OF[table], start)
        bad = [row for row in rows if seal(table, *row[1:-1]) != row[-1]]
        documents = {row[1] for row in bad if table in ("passages", "questions", "paper_links")}
        if table == "documents" and rows:
            documents |= {number for (number,) in self._rows(sql.OTHER_PARTS, (rows[0][0], rows[-1][0]))}
        last = () if by_key or len(rows) < most else (rows[-1][1], rows[-1][0]) if table in _FIRST else rows[-1][:1]
        return last, [_key(table, row) for row in bad], documents

    def check_structure(self) -> None:
        """Raise LibraryCorrupt where pages, indexes and tables do not agree; takes long in a large library."""
        if self._rows(sql.INTEGRITY) != [("ok",)]:
            raise damaged(self.path, "its structure")

    @property
    def size(self) -> int:
        """The size of the file."""
        return int(self._rows(sql.SIZE)[0][0])

    @property
    def swept(self) -> str:
        """Where the rolling sweep of its rows has come to, as `indexer.sweep` writes it."""
        return "".join(str(value) for (value,) in self._rows(sql.SWEPT))

    @swept.setter
    def swept(self, position: str) -> None:
        if position != self.swept:
            with self._transaction():
                self._connection.execute(sql.SET_SWEPT, (position,))

    def ledger(self) -> dict[str, LedgerEntry]:
        """Tell what the person was told last of each item of the dumps, by its key."""
        return {row[0]: LedgerEntry(*row) for row in self._rows(sql.LEDGER)}

    def put_ledger(self, entries: Iterable[LedgerEntry], forgotten: Iterable[str] = ()) -> None:
        """Keep what the person was told, and commit; readers see no new generation."""
        with self._transaction():
            self._connection.execute(sql.FORGET, (json.dumps(list(forgotten)),))
            self._connection.executemany(
                sql.PUT_LEDGER,
                [(entry.key, entry.verdict, float(entry.told_at), _seconds(entry.missing_since)) for entry in entries],
            )

    def answers(self) -> dict[str, KeptAnswer]:
        """Fetch the answers that are kept, by the key of the item."""
        return {row[0]: KeptAnswer(*row) for row in self._rows(sql.ANSWERS)}

    def put_answers(
        self, answers: Iterable[KeptAnswer], *, confirmed: Iterable[str], dropped: Iterable[str], generation: int
    ) -> None:
        """Keep answers, note which others are good for a generation too, drop some, and commit.

        Readers see no new generation.
        """
        with self._transaction():
            self._connection.execute(sql.DROP_ANSWERS, (json.dumps(list(dropped)),))
            self._connection.execute(sql.CONFIRM_ANSWERS, (generation, json.dumps(list(confirmed))))
            self._connection.executemany(sql.PUT_ANSWER, [astuple(answer) for answer in answers])

    def changed_since(self, generation: int) -> list[int]:
        """List the passages that came after a generation, or got another name, kind or heading then, ascending."""
        return [number for (number,) in self._rows(sql.CHANGED_SINCE, (generation,))]

    def states(self, ids: Iterable[int]) -> dict[int, Row]:
        """For each passage of these numbers that there is: its document, and all that is shown of it.

        Equal rows mean that it is the same, in the same place, among the same others under its heading.
        """
        return {number: tuple(row) for number, *row in self._rows(sql.STATES, {"ids": _numbers(ids)})}

    def add_embeddings(self, fingerprint: str, hashes: Sequence[bytes], encoded: Encoded) -> None:
        """Keep what a model made of texts by their hashes, aligned, and commit, so that no work is lost.

        Not inside a change. Readers see no new generation. Vectors are stored as float16.
        """
        vectors = zip(hashes, encoded.vectors.astype("<f2"), strict=True)
        codes = zip(hashes, encoded.tokens, strict=True)
        with self._transaction():
            self._connection.execute(sql.MARK_UNSWEPT)
            self._connection.executemany(sql.ADD_EMBEDDING, ((fingerprint, key, row.tobytes()) for key, row in vectors))
            self._connection.executemany(sql.ADD_CODES, ((fingerprint, key, row) for key, row in codes))

    def move_roots(self, moved: Mapping[str, str]) -> None:
        """Say that folders which are indexed lie elsewhere now, and commit: the new place of each by the one before."""
        with self._transaction():
            for names in ({old: f"{old}\0" for old in moved}, {f"{old}\0": new for old, new in moved.items()}):
                for old, new in names.items():  # in two steps, because one may lie now where another was
                    self._connection.execute(sql.MOVE_ROOT, (new, old))
                    self._connection.execute(sql.SEAL_ROOT, (new,))

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Begin a change that is committed as a whole at the end, or not at all after an exception.

        The generation goes up by one if readers can see a difference.
        """
        with self._transaction():
            change = Change(self._connection, self.generation)
            yield change
            if change.visible:
                change.generation += 1
                touched = _numbers(change.added_ids | change.reindexed_ids)
                self._connection.execute(sql.PUT_CHANGES, (change.generation, touched))
                self._connection.execute(sql.SET_META, (change.generation, "generation"))

    def _document(self, row: Row) -> StoredDocument:
        if seal("documents", row[0], row[-2], *row[2:14], *row[15:-2]) != row[-1]:
            raise damaged(self.path, "a document")
        fetched = row[1] == PAPERS
        values = [*row[:-3], fetched]
        values[1] = str(self.papers_folder) if fetched else row[1]
        values[10:12] = map(_texts, row[10:12])  # tags, aliases
        return StoredDocument(*values)

    def _passage(self, row: Row) -> StoredPassage:
        if seal("passages", *row[1:-1]) != row[-1]:
            raise damaged(self.path, "a passage")
        return _passage(row[:-2])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path):
            self._connection.execute(sql.BEGIN_WRITE)
            try:
                yield
                self.check_held()
                self._connection.execute(sql.COMMIT)
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._connection.execute(sql.ROLLBACK)
                raise

    def _rows(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        with translated(self.path):
            return self._connection.execute(statement, values).fetchall()


def _inode(path: Path) -> int:
    """Which file lies at a path, 0 for none; none gets the number of a file that is open."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _day(time_ns: int) -> str | None:
    """The day, here, at a time in nanoseconds since 1970; None for 0 and beyond what a calendar has."""
    with suppress(ValueError, OverflowError, OSError):
        return time.strftime("%Y-%m-%d", time.localtime(time_ns / 1e9)) if time_ns else None
    return None


def _key(table: str, row: Row) -> Row:
    """What a row is found by again."""
    if table == "questions":
        return row[1:3]
    if table == "token_codes":
        return (bytes.fromhex(row[2]),)
    return row[:1] if row[0] is not None else row[1:2]


def _seconds(time: float | None) -> float | None:
    return None if time is None else float(time)


def _numbers(ids: Iterable[int]) -> str:
    return f"[{','.join(map(str, ids))}]"  # as JSON, but NumPy's integers too


@lru_cache(maxsize=1024)
def _texts(stored: str) -> tuple[str, ...]:  # headings most of all: many passages have the same
    return tuple(json.loads(stored)) if stored != "[]" else ()  # most of them are empty


def _passage(row: Row) -> StoredPassage:
    number, document_id, ordinal, kind, text, context, headings, first, last, spans = row
    pieces = tuple(
        Span(piece, (start, end), tuple(Box(*box) for row in boxes for box in row))
        for piece, start, end, *boxes in json.loads(spans)
    )
    passage = Passage(ordinal, kind, text, context, _texts(headings), (first, last), pieces)
    return StoredPassage(number, document_id, passage)


def _link(identifier: str | None, version: str | None, url: str | None) -> PaperLink:
    return PaperLink(0, PaperId(identifier, version) if identifier else None, url)


def _named(link: PaperLink) -> tuple[str | None, str | None, str | None]:
    """Its id, version and address."""
    return (link.paper.identifier, link.paper.version, None) if link.paper else (None, None, link.url)


def _paper(row: Row, document_id: int | None, *, added: bool) -> StoredPaper:
    values = [*row, document_id, added]
    values[6] = _texts(row[6])  # authors
    return StoredPaper(*values)


def _question(row: Row) -> StoredQuestion:
    document_id, root, file, stated_title, text, state, kind, line, section, parent, *lists, wanted = row
    wikilinks, arxiv_ids, urls = (() if values == "[]" else tuple(json.loads(values)) for values in lists)
    question = Question(text, state, kind, line, section, parent, wikilinks, arxiv_ids, urls, bool(wanted))
    return StoredQuestion(document_id, root, file, stated_title or PurePosixPath(file).stem, question)
