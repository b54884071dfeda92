"""A change of the catalogue, under way: what is put, renamed and removed in one transaction.

It keeps account of the passages that came, went, or have to be found by other words, so that the derived
stores can be brought up to date by the difference.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple
from pathlib import Path, PurePosixPath
from typing import Any

from indexer import sql
from indexer.parsing import VERSION
from indexer.records import StoredPaper
from indexer.types import Document, PaperLink, Passage, Question, Span


class Change:
    """What one transaction does to a catalogue. Made by `Catalogue.change()`.

    `added_ids`, `removed_ids` and `reindexed_ids` are the passages that came, went, and stayed with other
    lexical fields (title or context), relative to `base`, the generation before. `generation` is that of the catalogue
    after the change; `visible` says that readers can see a difference, `relinked` that other papers are named or held.
    `dropped_hashes` are those of the texts (see `text_hash`) of passages that went.
    """

    def __init__(self, connection: sqlite3.Connection, generation: int) -> None:
        self._connection = connection
        self.base = generation
        self.generation = generation
        self.visible = False
        self.relinked = False
        self.dropped_hashes: set[bytes] = set()
        self.added_ids: set[int] = set()
        self.removed_ids: set[int] = set()
        self.reindexed_ids: set[int] = set()

    def add_root(self, root: Path | str) -> None:
        """Remember a folder that is indexed; nothing happens if it is known."""
        if self._connection.execute(sql.ADD_ROOT, (str(root),)).rowcount:
            self._connection.execute(sql.SEAL_ROOT, (str(root),))
            self.visible = True

    def put_document(
        self,
        document: Document,
        passages: Sequence[Passage],
        questions: Sequence[Question] = (),
        *,
        size: int,
        links: Sequence[PaperLink] = (),
    ) -> tuple[list[int], list[int]]:
        """Store a document in the place of what its file held before, which may be nothing.

        A passage whose embedded text the document had before keeps its number, wherever it moved. `size` is that of
        the file in bytes, `links` are the papers that it names. Returns the numbers of the passages that came and of
        those that went.
        """
        source = document.source
        root_id = self._root_id(source.root)
        before = self._connection.execute(sql.DOCUMENT_AT, (root_id, source.file)).fetchone()
        document_id = self._put_row(
            root_id,
            source.file,
            kind=document.kind,
            stated_title=document.title,
            sha256=source.sha256,
            size=size,
            mtime_ns=source.mtime_ns,
            read_at=source.read_at,
            line_count=len(document.source_lines),
            tags=document.tags,
            aliases=document.aliases,
            failure=None,
            about=document,
        )
        retitled = before is not None and before[1:3] != (document.title, _dump(document.aliases))
        added, removed = self._put_passages(document_id, passages, retitled=retitled)
        self._connection.execute(sql.REMOVE_QUESTIONS, (document_id,))
        self._connection.executemany(
            sql.ADD_QUESTION, [_question_row(document_id, n, question) for n, question in enumerate(questions)]
        )
        self._link(document_id, links)
        self._seal(document_id, parts=True)
        self.relinked |= document.kind == "paper"
        return added, removed

    def put_failure(
        self,
        root: Path | str,
        file: str,
        *,
        size: int,
        mtime_ns: int,
        sha256: str | None,
        reason: str,
        read_at: float = 0.0,
    ) -> None:
        """Keep why a file cannot be read, in the place of what it held before."""
        root_id = self._root_id(root)
        before = self._connection.execute(sql.DOCUMENT_AT, (root_id, file)).fetchone()
        if before is not None and before[3:] == (sha256, size, mtime_ns, reason):
            self.touch(before[0], size, mtime_ns, read_at)
            return
        document_id = self._put_row(
            root_id,
            file,
            kind="paper" if _format(file) == "pdf" else "note",
            stated_title=None,
            sha256=sha256,
            size=size,
            mtime_ns=mtime_ns,
            line_count=0,
            tags=(),
            aliases=(),
            read_at=read_at,
            failure=reason,
        )
        self._put_passages(document_id, (), retitled=False)
        self._connection.execute(sql.REMOVE_QUESTIONS, (document_id,))
        self._link(document_id, ())
        self._seal(document_id, parts=True)

    def rename(self, document_id: int, root: Path | str, file: str, mtime_ns: int, read_at: float = 0.0) -> None:
        """Move a document to another place, where none may be; its passages stay, under the new name."""
        row = (self._root_id(root), file, _format(file), mtime_ns, read_at, document_id)
        if self._connection.execute(sql.RENAME_DOCUMENT, row).rowcount:
            self._seal(document_id)
            self._reindex(self._passage_ids(document_id))
            self.visible = True

    def touch(self, document_id: int, size: int, mtime_ns: int, read_at: float = 0.0) -> None:
        """Note that a file had the same content under other stamps at `read_at`; readers see nothing of it."""
        self._connection.execute(sql.TOUCH_DOCUMENT, (size, mtime_ns, read_at, VERSION, document_id))
        self._seal(document_id)

    def remove(self, document_id: int) -> None:
        """Forget a document with its passages and questions; nothing happens if there is none."""
        self._drop(self._passage_ids(document_id))
        self._link(document_id, ())
        self.relinked |= self._connection.execute(sql.IS_PAPER, (document_id,)).fetchone() is not None
        if self._connection.execute(sql.REMOVE_DOCUMENT, (document_id,)).rowcount:
            self.visible = True

    def put_paper(self, paper: StoredPaper) -> None:
        """Keep what is known of a paper that notes name; nothing happens if that is the same as before."""
        if self._connection.execute(sql.PAPER, (paper.key,)).fetchone() != (row := _paper_row(paper)):
            self._connection.execute(sql.PUT_PAPER, row)
            self.visible = True

    def remove_paper(self, key: str) -> None:
        """Forget a paper that no note names any more; its document, if any, is removed by itself."""
        if self._connection.execute(sql.REMOVE_PAPER, (key,)).rowcount:
            self.visible = True

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say which model's embeddings the library uses from now on."""
        if self._connection.execute(sql.META, ("fingerprint",)).fetchone() != (fingerprint,):
            self._connection.execute(sql.SET_META, (fingerprint, "fingerprint"))
            self.visible = True

    def drop_orphans(self, hashes: Collection[bytes] | None = None) -> int:
        """Forget the embeddings of texts that no passage has; returns how many.

        Of all models, going through the whole library; or, of the library's model, those of `hashes`. At the end of a
        run: no embedding waits for its passage then.
        """
        self._connection.execute(sql.MARK_SWEPT)
        if hashes is None:
            self._connection.execute(sql.DROP_ORPHAN_CODES)
            return self._connection.execute(sql.DROP_ORPHANS).rowcount
        rows = [(key,) for key in hashes]
        self._connection.executemany(sql.DROP_ORPHAN_CODE, rows)
        return self._connection.executemany(sql.DROP_ORPHAN, rows).rowcount

    def discard(self, table: str, key: tuple[Any, ...]) -> None:
        """Forget a row of a table that is damaged, and the document that it says it is of; see `indexer.sweep`."""
        if table in ("embeddings", "token_codes"):
            for statement in sql.DROP_TEXT:
                self._connection.execute(statement, key)
        else:
            self._connection.execute(sql.DROP_ROW[table], key)
        self.visible = True

    def _link(self, document_id: int, links: Sequence[PaperLink]) -> None:
        """Keep which papers a document names, in the place of those that it named before."""
        rows = [_link_row(document_id, link) for link in links]
        before = self._connection.execute(sql.LINKS_OF, (document_id,)).fetchall()
        self.relinked |= {tuple(row) for row in before} != {row[2:] for row in rows}
        self._connection.execute(sql.REMOVE_LINKS, (document_id,))
        self._connection.executemany(sql.ADD_LINK, rows)

    def _seal(self, document_id: int, *, parts: bool = False) -> None:
        """Write the checksum of a document's row, after that of its `parts` where these were written too."""
        if parts:
            self._connection.execute(sql.SEAL_PARTS, (document_id,))
        self._connection.execute(sql.SEAL_DOCUMENT, (document_id,))

    def _root_id(self, root: Path | str) -> int:
        self.add_root(root)
        (root_id,) = self._connection.execute(sql.ROOT_ID, (str(root),)).fetchone()
        return int(root_id)

    def _put_row(  # noqa: PLR0913 - the columns of a document
        self,
        root_id: int,
        file: str,
        *,
        kind: str,
        stated_title: str | None,
        sha256: str | None,
        size: int,
        mtime_ns: int,
        line_count: int,
        tags: Sequence[str],
        aliases: Sequence[str],
        failure: str | None,
        read_at: float = 0.0,
        about: Document | None = None,
    ) -> int:
        self.visible = True
        stamps = (sha256, size, mtime_ns, line_count)
        row = (
            root_id,
            file,
            kind,
            _format(file),
            stated_title,
            *stamps,
            _dump(tags),
            _dump(aliases),
            read_at or time.time(),
            failure,
            *_paper_columns(about),
            about.date if about else None,
            VERSION,
        )
        # All rows are fetched, because a statement that is still under way would hinder the commit.
        ((document_id,),) = self._connection.execute(sql.PUT_DOCUMENT, row).fetchall()
        return int(document_id)

    def _put_passages(
        self, document_id: int, passages: Sequence[Passage], *, retitled: bool
    ) -> tuple[list[int], list[int]]:
        """Store a document's passages by the difference; those that stay are updated."""
        before: defaultdict[bytes, deque[tuple[int, tuple[str, ...]]]] = defaultdict(deque)
        for number, key, *about in self._connection.execute(sql.PASSAGE_HASHES_OF, (document_id,)).fetchall():
            before[key].append((number, tuple(about)))
        added = []
        for passage in passages:
            key = text_hash(passage.embedded_text)
            row = _passage_row(document_id, passage, key)
            if before[key]:
                number, about = before[key].popleft()
                self._connection.execute(sql.UPDATE_PASSAGE, (*row, number))
                if retitled or about != (passage.context, passage.kind, _dump(passage.headings)):
                    self._reindex([number])
            else:
                ((number,),) = self._connection.execute(sql.ADD_PASSAGE, row).fetchall()
                added.append(number)
        self.added_ids.update(added)
        removed = [number for rest in before.values() for number, _ in rest]
        self._drop(removed)
        return added, removed

    def _passage_ids(self, document_id: int) -> list[int]:
        return [number for (number,) in self._connection.execute(sql.PASSAGE_IDS_OF, (document_id,))]

    def _reindex(self, numbers: Iterable[int]) -> None:
        self.reindexed_ids.update(set(numbers) - self.added_ids)

    def _drop(self, numbers: Sequence[int]) -> None:
        self.dropped_hashes.update(
            key for (key,) in self._connection.execute(sql.HASHES_OF, (json.dumps(list(numbers)),))
        )
        self._connection.executemany(sql.REMOVE_PASSAGE, [(number,) for number in numbers])
        self.removed_ids.update(set(numbers) - self.added_ids)
        self.reindexed_ids.difference_update(numbers)
        self.added_ids.difference_update(numbers)


def text_hash(embedded_text: str) -> bytes:
    """Make the key of an embedding: 16 bytes of the SHA-256 of the text that the encoder reads."""
    return hashlib.sha256(embedded_text.encode()).digest()[:16]


def _passage_row(document_id: int, passage: Passage, key: bytes) -> tuple[Any, ...]:
    spans = [_span_row(span) for span in passage.spans]
    texts = (passage.kind, passage.text, passage.context, _dump(passage.headings))
    return (document_id, passage.ordinal, *texts, *passage.lines, _dump(spans), key)


def _span_row(span: Span) -> tuple[Any, ...]:
    boxes = [(box.page, box.x0, box.y0, box.x1, box.y1) for box in span.boxes]
    return (span.text, *span.lines, boxes) if boxes else (span.text, *span.lines)


def _paper_columns(document: Document | None) -> tuple[Any, ...]:
    """Pages, paper, version, url and remark."""
    if document is None:
        return (0, None, None, None, None)
    paper = document.paper
    named = (paper.identifier, paper.version) if paper else (None, None)
    return (document.pages, *named, document.url, document.remark)


def _paper_row(paper: StoredPaper) -> tuple[Any, ...]:
    row = astuple(paper)
    return (*row[:6], _dump(paper.authors), *row[7:-2])


def _link_row(document_id: int, link: PaperLink) -> tuple[Any, ...]:
    named = (link.paper.identifier, link.paper.version) if link.paper else (None, None)
    return (document_id, link.line, *named, link.url)


def _question_row(document_id: int, ordinal: int, question: Question) -> tuple[Any, ...]:
    lists = (_dump(question.wikilinks), _dump(question.arxiv_ids), _dump(question.urls))
    about = (question.text, question.state, question.kind, question.line, question.section, question.parent)
    return (document_id, ordinal, *about, *lists, question.wanted)


def _format(file: str) -> str:
    return PurePosixPath(file).suffix.removeprefix(".").lower()


def _dump(values: Sequence[Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
